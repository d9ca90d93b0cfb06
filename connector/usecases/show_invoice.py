"""Show what a stored invoice says, for people."""

from connector.errors import NothingFound
from connector.ingest.ubl import read_invoice
from connector.rendering.html import render_html
from connector.storage import files
from connector.storage.database import Database
from connector.storage.invoices import ReceivedInvoice


def page_of(database: Database, stored: ReceivedInvoice, *, language: str) -> str:
    """Give the readable page of an invoice's XML.

    Raises:
        NothingFound: It has no XML: history, or it could not be rendered.
        InvoiceUnreadable: Its XML is damaged.
    """
    if stored.xml_sha256 is None:
        raise NothingFound(
            f"invoice {stored.id} has no XML to show",
            hint="history has none; for any other see its reason: connector invoices show",
        )
    with database.reading() as session:
        content = files.load(session, stored.xml_sha256)
    return render_html(read_invoice(content).invoice, language=language)
