"""Files of invoices that Exact does not give: what waits for them, what goes on without them, and who is told."""

from __future__ import annotations

from .office import OpenOffice


def test_false_pdf_is_not_sent_along(open_office: OpenOffice) -> None:
    """What Exact gives as a PDF and is none goes nowhere: the mail has a rendering in its place."""
    office = open_office(customers=12, invoices=20)
    broken = b"Runtime Error: the document cannot be shown"
    contents = office.server.state.contents
    contents.update({key: (name, broken) for key, (name, _) in contents.items() if name.lower().endswith(".pdf")})
    office.sync()

    office.work()

    sent = [content for mail in office.mails() for content in mail.attachments().values()]
    assert sent
    assert broken not in sent
    assert {stored.pdf for stored in office.all_invoices() if stored.state == "delivered"} == {"rendered"}
