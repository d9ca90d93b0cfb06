"""What invoices say: bytes in, `Invoice` and findings out. Pure; who gets them is `routing`'s affair."""
