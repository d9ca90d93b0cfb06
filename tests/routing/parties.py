"""Made-up invoices, cards and recipients for the tests of routing/."""

from datetime import date
from typing import Any

from connector.customer import Customer, CustomerId, Division
from connector.invoice import Identifier, Invoice, InvoiceType, Party
from connector.routing.directory import Recipient

KVK = "20147376"
OTHER_KVK = "58070031"
OWN_KVK = "55667788"
OIN_OF_KVK = f"00000003{KVK}0000"
OTHER_OIN = "00000001808345756000"


def make_invoice(*identifiers: tuple[str, str], issue_date: date | None = date(2026, 11, 2), **buyer: Any) -> Invoice:
    """An invoice to a buyer with these (scheme, value), the first of them its endpoint."""
    numbers = tuple(Identifier(scheme=scheme, value=value) for scheme, value in identifiers)
    facts: dict[str, Any] = {
        "name": "Gemeente Nergenshuizen",
        "endpoint": numbers[0] if numbers else None,
        "identifiers": numbers,
        "email": "in-de-xml@gemeente.example",
    }
    return Invoice(
        type=InvoiceType.INVOICE,
        type_code="380",
        number="2026-1",
        issue_date=issue_date,
        currency="EUR",
        seller=Party(name="Kantoor Voorbeeld B.V.", kvk=OWN_KVK),
        buyer=Party(**facts | buyer),
    )


def make_card(**fields: Any) -> Customer:
    """The card of a Dutch organisation with a good KvK number."""
    facts: dict[str, Any] = {
        "division": Division(123456),
        "id": CustomerId("a"),
        "code": "6",
        "name": "Gemeente Nergenshuizen",
        "status": "C",
        "country": "NL",
        "kvk": KVK,
    }
    return Customer(**facts | fields)


def make_recipient(number: int = 1, **fields: Any) -> Recipient:
    """A recipient by mail."""
    facts: dict[str, Any] = {
        "id": number,
        "name": f"Ontvanger {number}",
        "channel": "email",
        "address": f"ap{number}@gemeente.example",
    }
    return Recipient(**facts | fields)
