"""Cards: which customer's card an invoice belongs to, and the address on it that invoices go to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time

from connector.customer import Contact, ContactId, Customer, CustomerId, Division, valid_numbers
from connector.customers.setup import UPLOAD_HOST
from connector.invoice import Invoice
from connector.storage import customers, journal, sales_invoices
from connector.storage.database import Database
from connector.storage.invoices import ReceivedInvoice
from connector.usecases.handling import Handling


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the buyer's card says for one invoice; without a customer, nothing."""

    customer: Customer | None = None
    address: str = ""
    is_set_up: bool = False
    facts: tuple[str, ...] = ()


class Cards:
    """Finds cards; keeps each division's customers in memory for one run, because every invoice asks."""

    def __init__(self, database: Database, handling: Handling) -> None:
        self._database = database
        self._handling = handling
        self._divisions: dict[Division, _DivisionCards] = {}

    def find(self, stored: ReceivedInvoice, invoice: Invoice) -> Card:
        """The buyer's card: for an invoice from Exact the account it goes to, else the one with the buyer's number."""
        if stored.division is None:
            return Card()
        cards = self._of(stored.division)
        facts: tuple[str, ...] = ()
        if stored.customer_id is not None:
            customer = cards.by_id.get(stored.customer_id)
        else:
            numbers = {number for number in (invoice.buyer.kvk, invoice.buyer.oin) if number}
            found = {card.id: card for number in numbers for card in cards.by_number.get(number, [])}
            customer = next(iter(found.values())) if len(found) == 1 else None
            if len(found) > 1:
                facts = (f"{len(found)} customers have the buyer's number",)
        if customer is None:
            return Card(facts=facts)
        contacts = cards.contacts.get(customer.id, [])
        return Card(
            customer=customer,
            address=self._address(stored, customer, contacts),
            is_set_up=self._is_set_up(stored, customer, contacts, cards),
            facts=facts,
        )

    def _is_set_up(
        self, stored: ReceivedInvoice, customer: Customer, contacts: list[Contact], cards: "_DivisionCards"
    ) -> bool:
        """Whether Exact mailed this very invoice to an upload address, as far as card and journal tell.

        The contact and the invoicing method decide, not the attachment types: Exact mails there with any of them. An
        invoice from before our set-up of the card went another way; a card set up by hand counts as always so.
        """
        wanted = self._handling.wanted.get(customer.division)
        uploads = any(self._is_upload_address(contact.email) for contact in contacts)
        if wanted is None or not uploads or customer.invoicing_method != wanted.invoicing_method:
            return False
        since = cards.set_up_since.get(customer.id)
        if since is None:
            return True
        printed_at = self._printed_at(stored)
        return printed_at is not None and printed_at >= since

    def _printed_at(self, stored: ReceivedInvoice) -> datetime | None:
        """When Exact last changed the invoice, which after printing it cannot; else the end of its date."""
        if stored.division is not None and stored.exact_id is not None:
            with self._database.reading() as session:
                header = sales_invoices.get(session, stored.division, stored.exact_id)
            if header is not None and header.modified_at is not None:
                return header.modified_at
        return datetime.combine(stored.issue_date, time.max, tzinfo=UTC) if stored.issue_date else None

    def _address(self, stored: ReceivedInvoice, customer: Customer, contacts: list[Contact]) -> str:
        """The contact person that the invoice is addressed to, unless that is an upload address; else the card's own.

        Which of the two Exact itself would mail to is not established (exact-online-api.md 4.5).
        """
        person = self._contact_person(stored)
        chosen = next((contact for contact in contacts if contact.id == person), None)
        if chosen is not None and chosen.email and not self._is_upload_address(chosen.email):
            return chosen.email
        return "" if self._is_upload_address(customer.email) else customer.email

    def _contact_person(self, stored: ReceivedInvoice) -> ContactId | None:
        if stored.division is None or stored.exact_id is None:
            return None
        with self._database.reading() as session:
            rows = sales_invoices.rows_of(session, stored.division, stored.exact_id)
        named = next((row.record.get("InvoiceToContactPerson") for row in rows), None)
        return ContactId(str(named)) if named else None

    def _is_upload_address(self, address: str) -> bool:
        """An address where invoices are handed in: one of the settings', or any at InvoiceSharing's host."""
        plain = address.strip().casefold()
        return plain in self._handling.upload_addresses or plain.rpartition("@")[2] == UPLOAD_HOST

    def _of(self, division: Division) -> "_DivisionCards":
        if division not in self._divisions:
            with self._database.reading() as session:
                self._divisions[division] = _DivisionCards(
                    customers.all_customers(session, division),
                    customers.all_contacts(session, division),
                    journal.set_up_since(session, division),
                )
        return self._divisions[division]


class _DivisionCards:
    """One division's customers by id and by number."""

    def __init__(
        self,
        everybody: tuple[Customer, ...],
        contacts: tuple[Contact, ...],
        set_up_since: Mapping[CustomerId, datetime],
    ) -> None:
        self.set_up_since = set_up_since
        self.by_id: dict[str, Customer] = {customer.id: customer for customer in everybody}
        self.by_number: dict[str, list[Customer]] = {}
        for customer in everybody:
            for number in valid_numbers(customer):
                if number:
                    self.by_number.setdefault(number, []).append(customer)
        self.contacts: dict[str, list[Contact]] = {}
        for contact in contacts:
            self.contacts.setdefault(contact.customer, []).append(contact)
