"""What Exact did not attach: an `Invoice` written as UBL (ubl.py) or as a readable page (pdf.py).

Pure: values in, bytes out, the same bytes every time. What an invoice has to hold is for `ingest.checks`.
"""
