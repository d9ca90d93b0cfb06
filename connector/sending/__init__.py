"""Handing invoices and notices over: the channels and the mails they send."""
