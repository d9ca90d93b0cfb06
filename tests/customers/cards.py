"""Made-up cards for the tests of customers/."""

from datetime import date
from typing import Any

from connector.customer import Contact, ContactId, Customer, CustomerId, Division

TODAY = date(2026, 11, 2)


def make_customer(code: str = "6", **fields: Any) -> Customer:
    """A customer that nothing is wrong with but that nobody has set up."""
    facts: dict[str, Any] = {
        "division": Division(123456),
        "id": CustomerId(f"customer-{code}"),
        "code": code,
        "name": f"Bakkerij Voorbeeld {code} B.V.",
        "status": "C",
        "country": "NL",
        "invoicing_method": 1,
    }
    return Customer(**facts | fields)


def make_contact(customer: Customer, email: str, contact_id: str = "contact-1", **fields: Any) -> Contact:
    """A contact person on that customer's card."""
    facts: dict[str, Any] = {
        "division": customer.division,
        "id": ContactId(contact_id),
        "customer": customer.id,
        "email": email,
    }
    return Contact(**facts | fields)
