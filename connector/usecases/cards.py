"""Cards: which customer's card an invoice belongs to, and the address on it that invoices go to."""

from dataclasses import dataclass

from connector.customer import Contact, ContactId, Customer, Division, valid_numbers
from connector.customers.setup import is_set_up
from connector.invoice import Invoice
from connector.storage import customers, sales_invoices
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
        wanted = self._handling.wanted.get(stored.division)
        return Card(
            customer=customer,
            address=self._address(stored, customer, contacts),
            is_set_up=wanted is not None and is_set_up(customer, contacts, wanted),
            facts=facts,
        )

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
        """An address where invoices are handed in: ours, or another at the same host (an outdated one)."""
        hosts = {known.rpartition("@")[2] for known in self._handling.upload_addresses}
        return address.strip().casefold().rpartition("@")[2] in hosts

    def _of(self, division: Division) -> "_DivisionCards":
        if division not in self._divisions:
            with self._database.reading() as session:
                self._divisions[division] = _DivisionCards(
                    customers.all_customers(session, division), customers.all_contacts(session, division)
                )
        return self._divisions[division]


class _DivisionCards:
    """One division's customers by id and by number."""

    def __init__(self, everybody: tuple[Customer, ...], contacts: tuple[Contact, ...]) -> None:
        self.by_id: dict[str, Customer] = {customer.id: customer for customer in everybody}
        self.by_number: dict[str, list[Customer]] = {}
        for customer in everybody:
            for number in valid_numbers(customer):
                if number:
                    self.by_number.setdefault(number, []).append(customer)
        self.contacts: dict[str, list[Contact]] = {}
        for contact in contacts:
            self.contacts.setdefault(contact.customer, []).append(contact)
