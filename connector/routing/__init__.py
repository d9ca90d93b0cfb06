"""Who gets an invoice: the directory of known recipients and the decision; pure."""
