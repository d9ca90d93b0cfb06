"""Customer and Contact: the people an office sends invoices to, as every part of the connector knows them.

Values only, free of padding and of Exact's conventions; where they come from is `exact.mapping`'s affair.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import NewType

from connector.identifiers import KvkNumber, Oin, check_kvk, compact, is_oin, kvk_of_oin

CustomerId = NewType("CustomerId", str)
"""Exact's GUID of the account, lower case, as Exact writes it."""
ContactId = NewType("ContactId", str)
"""Exact's GUID of the contact."""
Division = NewType("Division", int)
"""Exact's code of an administration."""

_STARTS_AS_A_PERSON = re.compile(r"(?:de heer|dhr|mevrouw|mevr|mw|fam|familie)(?=[\s./]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """An account of a division; any account, also those that are no customer (see `status`)."""

    division: Division
    id: CustomerId
    code: str
    name: str
    status: str
    """Exact's phase: C customer, P prospect, S suspect, A none."""
    blocked: bool = False
    starts_on: date | None = None
    ends_on: date | None = None
    kvk: str = ""
    """What stands in the Chamber of Commerce field, as typed."""
    vat_number: str = ""
    oin: str = ""
    gln: str = ""
    email: str = ""
    phone: str = ""
    address_line: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""
    """ISO 3166 alpha-2, upper case; empty when the card has none."""
    language: str = ""
    main_contact: ContactId | None = None
    invoice_account: CustomerId | None = None
    """The account that gets this customer's invoices when it is another one."""
    invoicing_method: int | None = None
    """1 paper, 2 e-mail, 4 postbox, 8 send and track, 32 Peppol; 0 or None: empty."""
    attachment_type: int | None = None
    modified_at: datetime | None = None
    modified_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A contact person on a customer's card."""

    division: Division
    id: ContactId
    customer: CustomerId
    first_name: str = ""
    last_name: str = ""
    full_name: str = ""
    email: str = ""
    is_main: bool = False
    modified_at: datetime | None = None
    modified_by: str = ""


def is_active(customer: Customer, today: date) -> bool:
    """Say whether invoices still go to this account: a customer, not blocked, not ended before today."""
    ended = customer.ends_on is not None and customer.ends_on < today
    return customer.status == "C" and not customer.blocked and not ended


def needs_kvk(customer: Customer) -> tuple[bool, str]:
    """Say whether a customer is a Dutch organisation, which needs a KvK number.

    Returns:
        True and "", or False and why: other_country, or private_person for a name that starts as a person's does
        without a VAT number. A card without a country counts as Dutch, and what cannot be told apart as an
        organisation: a number that is missed is found by looking, an invoice that went astray is not.

    >>> card = Customer(division=Division(1), id=CustomerId("a"), code="1", name="Fam. Voorbeeld", status="C")
    >>> needs_kvk(card)
    (False, 'private_person')
    """
    if customer.country.strip().upper() not in {"", "NL"}:
        return False, "other_country"
    if _STARTS_AS_A_PERSON.match(customer.name.strip()) and not customer.vat_number.strip():
        return False, "private_person"
    return True, ""


def valid_numbers(customer: Customer) -> tuple[KvkNumber | None, Oin | None]:
    """Give the KvK number and the OIN on the card, each None unless it can be one.

    An OIN may stand in its own field or, as users of Exact are told, in the KvK field.
    """
    check = check_kvk(customer.kvk)
    oin = check.oin
    if oin is None and is_oin(customer.oin):
        oin = Oin(compact(customer.oin))
    return check.number or (kvk_of_oin(oin) if oin else None), oin
