"""What a right connector arrives at in a fresh world, from the rules of design.md 4 to 7 and interfaces.md.

Works on the world's own facts (what kind of customer was made, which number was hidden in the field), never on the
connector's code. Readings of the rules that were settled here:

- Audited are customers (Status C) that are neither blocked nor ended.
- Both customers that share a number are `duplicate`. A number that only needs compacting is `ok`. A 20-digit OIN is a
  government buyer and `ok`, with a KvK number inside (prefix 00000003) or an RSIN (00000001).
- An invoice goes to the account in InvoiceTo. Its address is that of InvoiceToContactPerson, unless that contact is an
  upload address, else the account's. Blocked customers and those that set-up skips get their invoices all the same.
- `own_number` goes before `without_kvk`, and that before `no_address`. Duplicates are delivered: both numbers are real.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from connector.exact_sandbox.invoicing import Invoice
from connector.exact_sandbox.people import (
    CONTACT_NAME,
    FOREIGN,
    PDF_AND_SI_UBL,
    PRIVATE,
    UPLOAD_DOMAIN,
    Customer,
    Kind,
)
from connector.exact_sandbox.world import World

E_MAIL, POSTBOX, PEPPOL = 2, 4, 32

_BAD_NUMBERS = {
    Kind.MISSING: "missing",
    Kind.MALFORMED: "malformed",
    Kind.PLACEHOLDER: "placeholder",
    Kind.PLACEHOLDER_ZEROS: "placeholder",
    Kind.PLACEHOLDER_TEXT: "placeholder",
    Kind.VAT_AS_KVK: "other_identifier",
    Kind.RSIN_AS_KVK: "other_identifier",
    Kind.ESTABLISHMENT_AS_KVK: "other_identifier",
    Kind.PHONE_AS_KVK: "other_identifier",
    Kind.OWN_NUMBER: "own_number",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedSetup:
    """For one customer: changes to make in order, or why there are none; neither means in order already."""

    actions: tuple[str, ...] = ()
    skipped: str | None = None

    @property
    def in_order(self) -> bool:
        """Nothing to change and nothing in the way."""
        return not self.actions and self.skipped is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedInvoice:
    """For one finished invoice: `outcome` is history, deliver (with `address`) or hold (with `reason`)."""

    outcome: str
    address: str | None = None
    reason: str | None = None


def setup(
    world: World, division: int, *, attachment_type: int | None = PDF_AND_SI_UBL, overrides: Iterable[str] = ()
) -> dict[str, ExpectedSetup]:
    """By customer code, what `setup plan` says after a first sync. Without an attachment type those are left alone."""
    facts = world.division(division)
    return {
        str(card.code): _setup_of(card, world.today, facts.upload_address, attachment_type, frozenset(overrides))
        for card in facts.customers
    }


def _setup_of(
    card: Customer, today: date, upload_address: str, attachment_type: int | None, overrides: frozenset[str]
) -> ExpectedSetup:
    reason = _skip_reason(card, today, upload_address)
    if reason is not None and reason not in overrides:
        return ExpectedSetup(skipped=reason)
    actions = []
    addresses = [contact.email for contact in card.contacts]
    if upload_address not in addresses:
        ours = any((contact.first_name, contact.last_name) == CONTACT_NAME for contact in card.contacts)
        actions.append("update_contact" if ours else "create_contact")
    method_differs = card.invoicing_method != E_MAIL
    if method_differs or (attachment_type is not None and card.attachment_type != attachment_type):
        actions.append("set_invoicing")
    if not actions and attachment_type is None:
        return ExpectedSetup(skipped="attachment_type_unknown")
    return ExpectedSetup(actions=tuple(actions))


def _skip_reason(card: Customer, today: date, upload_address: str) -> str | None:
    if card.status != "C":
        return "not_a_customer"
    if card.blocked:
        return "blocked"
    if card.end_date is not None and card.end_date < today:
        return "ended"
    if card.invoice_account is not None:
        return "invoiced_to_other_account"
    if card.invoicing_method == PEPPOL:
        return "uses_peppol"
    if card.invoicing_method == POSTBOX:
        return "uses_postbox"
    if card.kind is Kind.OTHER_CONTACT:
        return "has_other_invoice_contact"
    return None


def setup_summary(expected: Mapping[str, ExpectedSetup]) -> dict[str, int]:
    """The counts of the plan's `summary`; in_order + to_change + skipped = customers."""
    return {
        "customers": len(expected),
        "in_order": sum(one.in_order for one in expected.values()),
        "to_change": sum(bool(one.actions) for one in expected.values()),
        "skipped": sum(one.skipped is not None for one in expected.values()),
    }


def audit(world: World, division: int) -> dict[str, str]:
    """By customer code, the status of the KvK audit for every customer that is audited, `ok` included."""
    facts = world.division(division)
    audited = [card for card in facts.customers if _is_audited(card, world.today)]
    shared = Counter(card.registration for card in audited if card.registration)
    return {str(card.code): _status_of(card, shared) for card in audited}


def _is_audited(card: Customer, today: date) -> bool:
    return card.status == "C" and not card.blocked and (card.end_date is None or card.end_date >= today)


def _status_of(card: Customer, shared: Counter[str]) -> str:
    if card.kind in FOREIGN or card.kind in PRIVATE:
        return "not_applicable"
    if card.kind in _BAD_NUMBERS:
        return _BAD_NUMBERS[card.kind]
    return "duplicate" if shared[card.registration or ""] > 1 else "ok"


def audit_summary(statuses: Mapping[str, str]) -> dict[str, int]:
    """The counts of the audit's `summary`: `invalid` is every status but ok, missing and not_applicable."""
    counts = Counter(statuses.values())
    named = {status: counts[status] for status in ("ok", "missing", "not_applicable")}
    return {"customers": len(statuses), **named, "invalid": len(statuses) - sum(named.values())}


def invoices(
    world: World, division: int, *, start_date: date, directory: Iterable[Mapping[str, str]] = ()
) -> dict[int, ExpectedInvoice]:
    """By invoice number, what becomes of each finished invoice.

    With ``unknown_recipient = "email"`` and ``without_kvk = "hold"``; `directory` as `World.directory_rows` gives it,
    empty when nothing was imported. What is delivered carries an XML and a PDF.
    """
    facts = world.division(division)
    known = {row[column]: row["address"] for row in directory for column in ("kvk", "oin") if row[column]}
    return {
        invoice.number: _invoice_of(invoice, start_date, known)
        for invoice in facts.invoices
        if invoice.finished and invoice.number is not None
    }


def _invoice_of(invoice: Invoice, start_date: date, known: Mapping[str, str]) -> ExpectedInvoice:
    buyer = invoice.invoice_to
    if invoice.invoice_date < start_date:
        return ExpectedInvoice(outcome="history")
    if buyer.kind is Kind.OWN_NUMBER:
        return ExpectedInvoice(outcome="hold", reason="own_number")
    needs_number = buyer.kind not in FOREIGN and buyer.kind not in PRIVATE
    if needs_number and buyer.registration is None:
        return ExpectedInvoice(outcome="hold", reason="without_kvk")
    address = known.get(buyer.registration or "") or own_address(invoice)
    if address is None:
        return ExpectedInvoice(outcome="hold", reason="no_address")
    return ExpectedInvoice(outcome="deliver", address=address)


def own_address(invoice: Invoice) -> str | None:
    """The customer's own invoice address: that of the invoice's contact, unless for uploads, else the card's."""
    buyer = invoice.invoice_to
    contact = next((one for one in buyer.contacts if one.id == invoice.contact_id), None)
    if contact is not None and contact.email and not contact.email.endswith(UPLOAD_DOMAIN):
        return contact.email
    return buyer.email
