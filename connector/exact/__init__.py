"""Where invoices come from: Exact Online's protocol, its records, and what they mean to us."""
