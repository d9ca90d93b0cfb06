"""Carry out a set-up plan in Exact, change by change, so that a kill at any moment is resumed without a second contact.

For each change: the intent row is committed, then the write goes out, then the outcome is committed. What Exact holds
is compared in bulk through sync: before the first write, after at most 60 writes, and at the end (design.md section 4).
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog
from sqlmodel import Session

from connector.customer import Contact, ContactId, Customer, CustomerId, Division
from connector.customers.setup import (
    FIELD_OF,
    MAIN_CONTACT,
    PEPPOL,
    POSTBOX,
    WRITES_PER_CHECK,
    Action,
    Change,
    Plan,
    Skip,
    SkipReason,
    holds,
    is_same,
)
from connector.errors import AnswerLost, ConnectorError, ExactDoubtful, NeedsPerson, Permanent, Transient
from connector.exact import mapping, protocol, records
from connector.exact.client import ExactClient
from connector.storage import customers, journal
from connector.storage.database import Database
from connector.storage.journal import RunKind, SetupRun, StepId, StepState
from connector.usecases import read_back
from connector.usecases.ownership import Lease
from connector.usecases.read_back import Written, held_version, prove
from connector.usecases.sync_division import sync_cards

log = structlog.get_logger()

ACCOUNTS = read_back.ACCOUNTS
CONTACTS = read_back.CONTACTS

CONTACT_ACTIONS = frozenset({Action.CREATE_CONTACT, Action.UPDATE_CONTACT})
DELETE_CONTACT = "delete_contact"
"""The action of a journal step that takes back a `create_contact`."""
NO_MAIN_CONTACT: Mapping[str, Any] = {MAIN_CONTACT: None}
"""`before` of a `create_contact` on a card that had none: Exact makes the first contact the main one [live, one]."""

Progress = Callable[[int, int], None]
"""Told how many changes are done, of how many."""


@dataclass(slots=True, kw_only=True)
class SetupReport:
    """What an apply or an undo did; `as_json` is the shape of interfaces.md."""

    run: str
    division: int
    applied: int = 0
    skipped: list[Skip] = field(default_factory=list)
    failed: list[tuple[Customer, str, str]] = field(default_factory=list)
    """Customer, action, error."""
    remaining: int = 0
    api_calls: int = 0
    stopped_by: ConnectorError | None = None

    def as_json(self) -> dict[str, Any]:
        """The document of `setup apply --json`."""
        return {
            "run": self.run,
            "applied": self.applied,
            "skipped": [
                {"customer": customer_json(skip.customer), "reason": skip.reason.value, "now": skip.now or None}
                for skip in self.skipped
            ],
            "failed": [
                {"customer": customer_json(customer), "action": action, "error": error}
                for customer, action, error in self.failed
            ],
            "remaining": self.remaining,
            "api_calls": self.api_calls,
        }


def customer_json(customer: Customer) -> dict[str, str]:
    """A customer as plans and reports name one."""
    return {"id": customer.id, "code": customer.code, "name": customer.name}


def apply_setup(
    database: Database,
    client: ExactClient,
    plan: Plan,
    *,
    upload_address: str,
    clock: Callable[[], datetime],
    limit: int | None = None,
    progress: Progress = lambda done, all_of_them: None,
) -> SetupReport:
    """Apply exactly the changes of `plan`; what changed in Exact since is skipped and reported.

    Args:
        limit: Stop after so many changes; the others count as remaining.

    Returns:
        What was done. `stopped_by` says why it ended early (rights, the day's budget, Exact away); then the same
        command goes on where it stopped.

    Raises:
        Busy: Another process is at the set-up of this division.
    """
    division = plan.division
    calls_before = client.calls
    with Lease(database, f"setup:{division}", now=clock()) as lease:
        with database.transaction() as session:
            run = journal.start_run(session, division, RunKind.APPLY, upload_address=upload_address, now=clock())
        report = SetupReport(run=run.id, division=division)
        chosen = plan.changes[:limit] if limit is not None else plan.changes
        try:
            settle_intentions(database, client, division, clock=clock)
            _Run(database, client, division, run, clock, lease, report, upload_address).apply(chosen, progress)
        except (NeedsPerson, Transient) as error:
            report.stopped_by = error
        report.remaining = len(plan.changes) - report.applied - len(report.failed) - len(report.skipped)
        with database.transaction() as session:
            journal.end_run(session, run.id, now=clock())
    report.api_calls = client.calls - calls_before
    log.info("setup.applied", division=division, run=run.id, applied=report.applied, failed=len(report.failed))
    return report


def settle_intentions(
    database: Database, client: ExactClient, division: Division, *, clock: Callable[[], datetime]
) -> None:
    """Find out what became of writes that an earlier run intended and never recorded.

    Each is looked up in Exact: a contact by account and address, a field by its value. Nothing is written, but that
    a contact which became main contact through us loses that again.
    """
    with database.reading() as session:
        unsettled = journal.open_steps(session, division)
    for step in unsettled:
        contact_id = step.contact_id
        if step.action == Action.CREATE_CONTACT:
            contact_id = find_contact(client, step.customer_id, str(step.after["Email"]))
            happened = contact_id is not None
            if contact_id is not None and step.before == NO_MAIN_CONTACT:
                give_back_main_contact(client, step.customer_id, contact_id)
        elif contact_id is not None:
            row = client.get_one(CONTACTS, contact_id, select=records.Contact.FIELDS)
            deletes = step.action == DELETE_CONTACT
            happened = row is None if deletes else row is not None and _holds_contact(row, step.after)
        else:
            row = client.get_one(ACCOUNTS, step.customer_id, select=records.Account.FIELDS)
            happened = row is not None and _holds_account(row, step.after)
        with database.transaction() as session:
            if happened:
                journal.finish_step(session, step.id, StepState.DONE, contact_id=contact_id, now=clock())
                journal.mark_original_undone(session, step)
            else:
                error = "interrupted before Exact had it"
                journal.finish_step(session, step.id, StepState.FAILED, error=error, now=clock())
        log.info("setup.step_settled", division=division, step=step.id, happened=happened)


def give_back_main_contact(client: ExactClient, customer: str, contact: ContactId) -> None:
    """Empty the main contact again where Exact made our contact, the first of the account, its main contact."""
    row = client.get_one(ACCOUNTS, customer, select=records.Account.FIELDS)
    if row is not None and records.Account.from_json(row).main_contact == contact:
        client.put(ACCOUNTS, customer, NO_MAIN_CONTACT)


def find_contact(client: ExactClient, customer: str, email: str) -> ContactId | None:
    """Look up a contact by its natural key, account and address; the oldest when there are several."""
    account = protocol.quote_guid(customer)
    rows = client.read_all(CONTACTS, select=records.Contact.FIELDS, filter=f"Account eq {account}")
    matching = [
        contact
        for contact in map(records.Contact.from_json, rows)
        if (contact.email or "").casefold() == email.casefold()
    ]
    return ContactId(matching[0].id) if matching else None


def _holds_contact(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    contact = mapping.to_contact(records.Contact.from_json(row), division=Division(0))
    return all(getattr(contact, FIELD_OF[name]) == value for name, value in wanted.items())


def _holds_account(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    customer = mapping.to_customer(records.Account.from_json(row), division=Division(0))
    return holds(customer, wanted)


def _was_turned(change: Change, card: Customer) -> bool:
    """Whether the card was blocked, or set to be invoiced in another way, since the plan looked at it."""
    if change.action is Action.SET_KVK:
        return False
    if card.status != "C" or card.blocked:
        return True
    planned = change.customer
    if planned.status:  # a plan from a file knows no more of its customers than code and name
        return not is_same(card.invoicing_method, planned.invoicing_method)
    left_out = change.action is Action.SET_INVOICING and "InvoicingMethod" not in (change.before or {})
    return left_out and card.invoicing_method in (PEPPOL, POSTBOX)


def _contact_written(change: Change) -> ContactId | None:
    """The contact whose record a change writes; which contact is the main one stands on the account's."""
    return None if MAIN_CONTACT in change.after else change.contact


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unchecked:
    """A write that was not read back yet."""

    change: Change
    step: StepId
    written: Written
    main: Written | None
    """Of a contact that Exact made the main one of its card: that the card has none again."""


class _Run:
    """The writes of one run over one division."""

    def __init__(
        self,
        database: Database,
        client: ExactClient,
        division: Division,
        run: SetupRun,
        clock: Callable[[], datetime],
        lease: Lease,
        report: SetupReport,
        upload_address: str,
    ) -> None:
        self.upload_address = upload_address
        self.database = database
        self.client = client
        self.division = division
        self.run = run
        self.clock = clock
        self.lease = lease
        self.report = report
        self.without_contact: dict[CustomerId, str] = {}
        """Customers whose contact was not made or changed, and why not."""
        self.unchecked: list[_Unchecked] = []
        self.unread: Mapping[CustomerId, str] = {}
        """The customers whose card may be older here than in Exact, and why."""

    def apply(self, changes: tuple[Change, ...], progress: Progress) -> None:
        """Every change in turn, with bulk checks before the first, between customers and at the end.

        Raises:
            ExactDoubtful: What stands on the cards now cannot be told.
        """
        if changes:
            self.look()
        with_put = {change.customer.id for change in changes if change.action is Action.SET_INVOICING}
        previous: CustomerId | None = None
        for number, change in enumerate(changes, start=1):
            if len(self.unchecked) >= WRITES_PER_CHECK - 1 and change.customer.id != previous:
                self.check()
            previous = change.customer.id
            card, contacts = self.card(change.customer.id)
            if change.customer.id in self.unread:
                why = self.unread[change.customer.id]
                self.report.skipped.append(
                    Skip(customer=change.customer, reason=SkipReason.CHANGED_MEANWHILE, now=f"unreadable: {why}")
                )
            elif self.lacks_contact(change, contacts):
                self.leave_invoicing(change)
            elif card is None or not self.is_as_planned(change, card, contacts):
                if change.action in CONTACT_ACTIONS:
                    self.without_contact[change.customer.id] = "changed meanwhile"
                self.report.skipped.append(Skip(customer=change.customer, reason=SkipReason.CHANGED_MEANWHILE))
                if card is not None and self.our_contact_is_main(change, card, contacts):
                    self.free_main_contact(card)
            else:
                self.write(change, card, contacts, has_put=card.id in with_put)
            self.lease.take(self.clock())
            progress(number, len(changes))
        if self.unchecked:
            self.check()

    def look(self) -> None:
        """Bring the cards in the database along, and mind whose may be older there than in Exact."""
        found = sync_cards(self.database, self.client, self.division, clock=self.clock)
        self.unread = found.unread
        if found.doubt is not None:
            raise found.doubt

    def card(self, customer: CustomerId) -> tuple[Customer | None, tuple[Contact, ...]]:
        """The customer and its contacts as the database has them now."""
        with self.database.reading() as session:
            return (
                customers.get(session, self.division, customer),
                customers.contacts_of(session, self.division, customer),
            )

    def is_as_planned(self, change: Change, card: Customer, contacts: tuple[Contact, ...]) -> bool:
        """Whether the card still is what the plan saw: the values before, and no contact of ours where one is made."""
        if _was_turned(change, card):
            return False
        if change.action is Action.CREATE_CONTACT:
            return not any(is_same(contact.email, change.after["Email"]) for contact in contacts)
        target = _contact_written(change)
        if target is not None:
            found = next((contact for contact in contacts if contact.id == target), None)
            return found is not None and holds(found, change.before or {})
        return holds(card, change.before or {})

    def write(self, change: Change, card: Customer, contacts: tuple[Contact, ...], *, has_put: bool) -> None:
        """Intent, write, outcome; the database's copy is brought along, so that a plan right after needs no sync."""
        before = change.before
        creates = change.action is Action.CREATE_CONTACT
        becomes_main = creates and not contacts and card.main_contact is None
        if becomes_main:
            before = NO_MAIN_CONTACT
        body = dict(change.after)
        if self.our_contact_is_main(change, card, contacts):
            body |= NO_MAIN_CONTACT
        version = held_version(self.database, self.division, card.id, _contact_written(change))
        card_version = held_version(self.database, self.division, card.id, None)
        with self.database.transaction() as session:
            step = journal.add_step(
                session,
                self.run,
                customer_id=card.id,
                customer_code=card.code,
                customer_name=card.name,
                action=change.action.value,
                contact_id=_contact_written(change),
                before=dict(before) if before is not None else None,
                after=dict(change.after),
                now=self.clock(),
            )
        try:
            contact_id = self.send(change, card, body)
            if becomes_main and not has_put:
                self.client.put(ACCOUNTS, card.id, NO_MAIN_CONTACT)
        except Permanent as error:
            self.failed(step, card, change.action.value, error.message)
            if change.action in CONTACT_ACTIONS:
                self.without_contact[card.id] = "refused"
            if body != change.after:
                self.free_main_contact(card)
            return
        is_main_now = contact_id if becomes_main and has_put else None
        with self.database.transaction() as session:
            journal.finish_step(session, step, StepState.DONE, contact_id=contact_id, now=self.clock())
            self.remember(session, change, card, contact_id, is_main_now)
        self.report.applied += 1
        main = Written(customer=card.id, contact=None, values=NO_MAIN_CONTACT, version=card_version)
        frees_main = becomes_main or (body != change.after and not self.is_freed(card.id))
        self.unchecked.append(
            _Unchecked(
                change=change,
                step=step,
                written=Written(customer=card.id, contact=contact_id, values=change.after, version=version),
                main=main if frees_main else None,
            )
        )

    def is_freed(self, customer: CustomerId) -> bool:
        """Whether it will be read back anyway that the card has no main contact."""
        return any(each.main is not None and each.main.customer == customer for each in self.unchecked)

    def our_contact_is_main(self, change: Change, card: Customer, contacts: tuple[Contact, ...]) -> bool:
        """Whether the main contact is one that we made on a card without any; `set_invoicing` takes that back."""
        if change.action is not Action.SET_INVOICING:
            return False
        main = next((contact for contact in contacts if contact.id == card.main_contact), None)
        if main is None:
            return False
        with self.database.reading() as session:
            return journal.created_with(session, self.division, main.id) == NO_MAIN_CONTACT

    def free_main_contact(self, card: Customer) -> None:
        """Take back by itself that our contact became the main one, where `set_invoicing` did not come to it."""
        with suppress(Permanent):  # the check at the end tells when Exact does not let it go
            self.client.put(ACCOUNTS, card.id, NO_MAIN_CONTACT)

    def send(self, change: Change, card: Customer, body: dict[str, Any]) -> ContactId | None:
        """The write itself; after a lost answer the record is looked up before anything else happens."""
        try:
            if change.action is Action.CREATE_CONTACT:
                made = self.client.post(CONTACTS, {"Account": card.id, **body}).get("ID")
                return ContactId(str(made)) if made else self.look_up(change, card)
            contact = _contact_written(change)
            if contact is not None:
                self.client.put(CONTACTS, contact, body)
            else:
                self.client.put(ACCOUNTS, card.id, body)
            return contact
        except AnswerLost:
            return self.look_up(change, card)

    def look_up(self, change: Change, card: Customer) -> ContactId | None:
        """What became of a write whose answer was lost.

        Raises:
            AnswerLost: It did not happen; the step stays intended, and the next run looks again.
        """
        if change.action is Action.CREATE_CONTACT:
            found = find_contact(self.client, card.id, str(change.after["Email"]))
            if found is None:
                raise AnswerLost("Exact did not answer, and the contact is not there", hint="run the command again")
            return found
        contact = _contact_written(change)
        path, key = (CONTACTS, contact) if contact is not None else (ACCOUNTS, card.id)
        entity = records.Contact if contact is not None else records.Account
        row = self.client.get_one(path, key, select=entity.FIELDS)
        check = _holds_contact if contact is not None else _holds_account
        if row is None or not check(row, change.after):
            raise AnswerLost("Exact did not answer, and the change is not there", hint="run the command again")
        return contact

    def lacks_contact(self, change: Change, contacts: tuple[Contact, ...]) -> bool:
        """Whether a customer would be turned to e-mail without a contact at the upload address to mail to."""
        if change.action is not Action.SET_INVOICING or change.customer.id not in self.without_contact:
            return False
        return not any(is_same(contact.email, self.upload_address) for contact in contacts)

    def leave_invoicing(self, change: Change) -> None:
        """Leave the invoicing method alone: by e-mail, the invoices would now go to somebody else."""
        why = self.without_contact[change.customer.id]
        said = f"left as it is, because the contact was not made ({why})"
        self.report.failed.append((change.customer, change.action.value, said))

    def failed(self, step: StepId, card: Customer, action: str, error: str) -> None:
        """Record that Exact said no; its own words are kept as they are."""
        with self.database.transaction() as session:
            journal.finish_step(session, step, StepState.FAILED, error=error, now=self.clock())
        self.report.failed.append((card, action, error))

    def remember(
        self,
        session: Session,
        change: Change,
        card: Customer,
        contact_id: ContactId | None,
        is_main_now: ContactId | None,
    ) -> None:
        """Bring the database's copy of the card along; the next sync overwrites it with Exact's own."""
        values: dict[str, Any] = {FIELD_OF[name]: value for name, value in change.after.items()}
        if change.action is Action.CREATE_CONTACT and contact_id is not None:
            name = " ".join(str(change.after.get(part, "")) for part in ("FirstName", "LastName")).strip()
            contact = Contact(division=self.division, id=contact_id, customer=card.id, full_name=name, **values)
            customers.note_contact(session, contact)
            if is_main_now is not None:
                customers.note_customer(session, replace(card, main_contact=is_main_now))
        elif contact_id is not None:
            for contact in customers.contacts_of(session, self.division, card.id):
                if contact.id == contact_id:
                    customers.note_contact(session, replace(contact, **values))
        else:
            customers.note_customer(session, replace(card, **values))

    def check(self) -> None:
        """Read accounts and contacts back in bulk: what Exact did not keep is a failure that says so."""
        doubt: ConnectorError | None = None
        try:
            self.look()
        except ExactDoubtful as error:
            doubt = error  # each record is looked up, and then nothing more is written
        written = [each.written for each in self.unchecked]
        mains = [each.main for each in self.unchecked if each.main is not None]
        kept = prove(self.database, self.client, self.division, [*written, *mains])
        kept_mains = iter(kept[len(written) :])
        for each, found in zip(self.unchecked, kept, strict=False):
            main = next(kept_mains) if each.main is not None else None
            card = self.card(each.change.customer.id)[0] or each.change.customer
            action = each.change.action.value
            if found.trouble:
                self.report.applied -= 1
                self.failed(each.step, card, action, found.trouble)
            elif main is not None and main.trouble:
                self.report.applied -= 1
                said = "Exact keeps our contact as the main contact"
                self.report.failed.append((card, action, said))  # it is there: an undo still removes it
        self.unchecked.clear()
        if doubt is not None:
            raise doubt
