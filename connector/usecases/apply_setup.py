"""Carry out a set-up plan in Exact, change by change, so that a kill at any moment is resumed without a second contact.

For each change: the intent row is committed, then the write goes out, then the outcome is committed. What Exact holds
is compared in bulk through sync: before the first write, after at most 60 writes, and at the end (design.md section 4).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog
from sqlmodel import Session

from connector.customer import Contact, ContactId, Customer, CustomerId, Division
from connector.customers.setup import (
    FIELD_OF,
    MAIN_CONTACT,
    WRITES_PER_CHECK,
    Action,
    Change,
    Plan,
    Skip,
    SkipReason,
    Standing,
    Wanted,
    contact_written,
    holds,
    is_same,
    standing,
)
from connector.errors import AnswerLost, ConnectorError, ExactDoubtful, ExactUnexpected, Permanent
from connector.exact import mapping, protocol, records
from connector.exact.client import ExactClient
from connector.storage import connections, customers, divisions, journal
from connector.storage.database import Database
from connector.storage.journal import NOT_READ_BACK, RunKind, SetupRun, SetupStep, StepId, StepState
from connector.usecases import read_back
from connector.usecases.ownership import Lease
from connector.usecases.read_back import Kept, Written, held_version, prove
from connector.usecases.sync_division import sync_cards

log = structlog.get_logger()

ACCOUNTS = read_back.ACCOUNTS
CONTACTS = read_back.CONTACTS

CONTACT_ACTIONS = frozenset({Action.CREATE_CONTACT, Action.UPDATE_CONTACT})
DELETE_CONTACT = "delete_contact"
"""The action of a journal step that takes back a `create_contact`."""
NO_MAIN_CONTACT: Mapping[str, Any] = {MAIN_CONTACT: None}
"""`before` of a `create_contact` on a card that had none: Exact makes the first contact the main one [live, one]."""
MAIN_KEPT = "Exact keeps our contact as the main contact"
WRITE_WITHIN = timedelta(minutes=4)
"""A write goes out so soon after its intent or not at all: well within the lease, which another may take afterwards."""
CLOCKS_DIFFER = timedelta(minutes=5)
"""How far our clock and Exact's may be apart when it is asked who made a contact."""

AGAIN = "run the command again"

Progress = Callable[[int, int], None]
"""Told how many changes are done, of how many."""


@dataclass(slots=True, kw_only=True)
class SetupReport:
    """What an apply or an undo did; `as_json` is the shape of interfaces.md."""

    run: str
    division: int
    applied: int = 0
    already_so: int = 0
    """Changes that nobody needed to make any more."""
    skipped: list[Skip] = field(default_factory=list)
    """Each customer once, however many changes were for it."""
    failed: list[tuple[Customer, str, str]] = field(default_factory=list)
    """Customer, action, error."""
    remaining: int = 0
    api_calls: int = 0
    stopped_by: ConnectorError | None = None

    def as_json(self) -> dict[str, Any]:
        """The document of `setup apply --json`."""
        return {
            "run": self.run,
            "division": self.division,
            "applied": self.applied,
            "already_so": self.already_so,
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
    wanted: Wanted,
    today: date,
    clock: Callable[[], datetime],
    limit: int | None = None,
    progress: Progress = lambda done, all_of_them: None,
) -> SetupReport:
    """Apply exactly the changes of `plan`; what the plan would not change any more is skipped and reported.

    Args:
        wanted: What the plan was made for; each card is judged by it anew before it is written.
        limit: Stop after so many writes; what is then left counts as remaining.

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
            run = journal.start_run(session, division, RunKind.APPLY, upload_address=wanted.upload_address, now=clock())
        report = SetupReport(run=run.id, division=division)
        work = _Run(database, client, plan, run, clock, lease, report, wanted, today)
        try:
            work.unsettled = settle_intentions(database, client, division, clock=clock)
            if limit != 0:
                work.apply(limit, progress)
        except ConnectorError as error:  # what was done until then is still told
            report.stopped_by = error
        report.remaining = len(plan.changes) - work.reached
        with database.transaction() as session:
            journal.end_run(session, run.id, now=clock())
    report.api_calls = client.calls - calls_before
    log.info("setup.applied", division=division, run=run.id, applied=report.applied, failed=len(report.failed))
    return report


def settle_intentions(
    database: Database, client: ExactClient, division: Division, *, clock: Callable[[], datetime]
) -> dict[CustomerId, str]:
    """Find out what became of writes that an earlier run intended and never recorded.

    Each is looked up in Exact: a contact by account and address, a field by its value. Nothing is written, but that
    a contact which became main contact through us loses that again.

    Returns:
        The customers of whom that could not be told, and why: their cards are to be left alone.
    """
    with database.reading() as session:
        unsettled = journal.open_steps(session, division)
        connection = divisions.require(session, division).connection_id
        user = connections.get(session, connection) if connection is not None else None
    unknown: dict[CustomerId, str] = {}
    for step in unsettled:
        try:
            happened, contact_id, error = _what_became_of(client, step, user.user_id if user else "")
        except Permanent as cause:
            unknown[step.customer_id] = cause.message
            log.warning("setup.step_unknown", division=division, step=step.id, error=cause.message)
            continue
        with database.transaction() as session:
            state = StepState.DONE if happened else StepState.FAILED
            journal.finish_step(session, step.id, state, contact_id=contact_id, error=error, now=clock())
            if happened:
                journal.mark_original_undone(session, step)
        log.info("setup.step_settled", division=division, step=step.id, happened=happened)
    return unknown


def _what_became_of(client: ExactClient, step: SetupStep, user: str) -> tuple[bool, ContactId | None, str | None]:
    """Whether an intended write happened, the contact that it made or changed, and what is wrong all the same."""
    failed = "interrupted before Exact had it"
    if step.action == Action.CREATE_CONTACT:
        found = find_contact(client, step.customer_id, str(step.after["Email"]))
        if found is None:
            return False, None, failed
        if not _was_made_by(found, user, intended_at=step.at):
            return False, None, f"{failed}; the contact at that address is somebody else's"
        contact_id = ContactId(str(found["ID"]))
        error = free_main_contact(client, step.customer_id, contact_id) if step.before == NO_MAIN_CONTACT else ""
        return True, contact_id, error or None
    if step.contact_id is not None:
        row = client.get_one(CONTACTS, step.contact_id, select=records.Contact.FIELDS)
        if step.action == DELETE_CONTACT:
            happened = row is None
        else:
            happened = row is not None and holds(_contact(row), step.after)
    else:
        row = client.get_one(ACCOUNTS, step.customer_id, select=records.Account.FIELDS)
        happened = row is not None and holds(_card(row), step.after)
    return happened, step.contact_id, None if happened else failed


def free_main_contact(client: ExactClient, customer: CustomerId, contact: ContactId) -> str:
    """Empty the main contact again where Exact made our contact, the first of the account, its main contact.

    Returns:
        Why Exact does not let it go; empty when it did, or when the main contact is another one.
    """
    try:
        row = client.get_one(ACCOUNTS, customer, select=records.Account.FIELDS)
        if row is not None and _card(row).main_contact == contact:
            client.put(ACCOUNTS, customer, NO_MAIN_CONTACT)
    except Permanent as error:
        return f"{MAIN_KEPT}: {error.message}"
    return ""


def find_contact(client: ExactClient, customer: CustomerId, email: str) -> protocol.Row | None:
    """Look up a contact by its natural key, account and address; the one made first when there are several."""
    account = protocol.quote_guid(customer)
    fields = (*records.Contact.FIELDS, "Created", "Creator")
    rows = client.read_all(CONTACTS, select=fields, filter=f"Account eq {account}")
    matching = [row for row in rows if is_same(row.get("Email"), email)]
    return min(matching, key=lambda row: _created(row) or datetime.max.replace(tzinfo=UTC), default=None)


def _was_made_by(row: protocol.Row, user: str, *, intended_at: datetime) -> bool:
    """Whether a contact may be the one that was intended then, by when and by whom Exact says it was made."""
    created, creator = _created(row), row.get("Creator")
    earliest, latest = intended_at - CLOCKS_DIFFER, intended_at + WRITE_WITHIN + CLOCKS_DIFFER
    is_then = created is None or earliest <= created <= latest
    return is_then and (not user or not isinstance(creator, str) or creator.casefold() == user.casefold())


def _created(row: protocol.Row) -> datetime | None:
    with suppress(ExactUnexpected):
        return protocol.parse_instant(row.get("Created"))
    return None


def _contact(row: protocol.Row) -> Contact:
    return mapping.to_contact(records.Contact.from_json(row), division=Division(0))


def _card(row: protocol.Row) -> Customer:
    return mapping.to_customer(records.Account.from_json(row), division=Division(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unchecked:
    """A write that was not read back yet."""

    step: StepId
    action: Action
    before: Mapping[str, Any] | None
    written: Written
    not_main: ContactId | None = None
    """The contact that should not be the card's main contact."""
    card: Written | None = None
    """The account beside the contact that was written, where that says who is the main contact."""
    is_told: bool = False
    """Whether it is among the failed already."""


class _Run:
    """The writes of one run over one division."""

    def __init__(
        self,
        database: Database,
        client: ExactClient,
        plan: Plan,
        run: SetupRun,
        clock: Callable[[], datetime],
        lease: Lease,
        report: SetupReport,
        wanted: Wanted,
        today: date,
    ) -> None:
        self.database = database
        self.client = client
        self.plan = plan
        self.division = plan.division
        self.run = run
        self.clock = clock
        self.lease = lease
        self.report = report
        self.wanted = wanted
        self.today = today
        self.limit: int | None = None
        self.progress: Progress = lambda done, all_of_them: None
        self.reached = 0
        """How many changes came to an outcome."""
        self.sent = 0
        """How many of them were written, whatever Exact said."""
        self.changes_of: dict[CustomerId, list[Change]] = {}
        for change in plan.changes:
            self.changes_of.setdefault(change.customer.id, []).append(change)
        self.unsettled: Mapping[CustomerId, str] = {}
        """The customers of whom it is not known what became of an earlier write, and why."""
        self.unread: Mapping[CustomerId, str] = {}
        """The customers whose card may be older here than in Exact, and why."""
        self.changed: dict[CustomerId, str] = {}
        """The customers whose card the plan would not change any more, and what is there now."""
        self.skipped: set[CustomerId] = set()
        self.without_contact: dict[CustomerId, str] = {}
        """Customers whose contact was not made or changed, and why not."""
        self.our_main: dict[CustomerId, ContactId] = {}
        """Contacts that Exact made the main ones, while the write that takes this back is still to come."""
        self.held: list[Sequence[Change]] = []
        """What is still to be written to the cards of those contacts."""
        self.unchecked: list[_Unchecked] = []

    def apply(self, limit: int | None, progress: Progress) -> None:
        """Every change in turn, with bulk checks before the first, between customers and at the end.

        Raises:
            ExactDoubtful: What stands on the cards now cannot be told.
        """
        self.limit, self.progress = limit, progress
        if self.plan.changes:
            self.look()
        self.confirm_earlier()
        for changes in self.changes_of.values():
            if self.is_at_limit:
                break
            if len(self.unchecked) + len(self.held) >= WRITES_PER_CHECK - 1:
                self.finish_held()
                self.check()
            self.look_through(changes)
            self.take_all(changes)
        self.finish_held()
        if self.unchecked:
            self.check()

    def take_all(self, changes: Sequence[Change]) -> None:
        """The changes of one customer; what follows on a first contact waits for a look at who is the main one."""
        for number, change in enumerate(changes, start=1):
            if self.is_at_limit:
                return
            self.take(change)
            self.reached += 1
            self.lease.take(self.clock())
            if self.limit is None:
                self.progress(self.reached, len(self.plan.changes))
            else:
                self.progress(self.sent, min(self.limit, len(self.plan.changes)))
            if change.customer.id in self.our_main and change.action is Action.CREATE_CONTACT:
                self.held.append(changes[number:])
                return

    def finish_held(self) -> None:
        """Write what waited, after one look at all these cards; where that frees no main contact of ours, do it alone.

        A person may have made a first contact just before us, and that one stays the main contact.
        """
        held, self.held = self.held, []
        found = read_back.look_up_accounts(self.database, self.client, self.division, sorted(self.our_main))
        self.unread = {**self.unread, **{CustomerId(customer): why for customer, why in found.items()}}
        for changes in held:
            self.take_all(changes)
        for customer, contact in self.our_main.items():
            free_main_contact(self.client, customer, contact)  # the check tells when Exact does not let it go
        self.our_main.clear()

    @property
    def is_at_limit(self) -> bool:
        """Whether as many changes were written as should be at most."""
        return self.limit is not None and self.sent >= self.limit

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

    def standing(self, change: Change) -> tuple[Standing, str]:
        """What a change is worth on the card as it is now."""
        card, contacts = self.card(change.customer.id)
        if card is None:
            return Standing.CHANGED, "no such customer"
        return standing(change, card, contacts, self.wanted, today=self.today, overrides=self.plan.overrides)

    def look_through(self, changes: Sequence[Change]) -> None:
        """Leave a customer alone as a whole when one of its changes is not what it was; KvK numbers stand alone."""
        for change in changes:
            found, now = self.standing(change)
            if found is Standing.CHANGED and change.action is not Action.SET_KVK:
                self.changed.setdefault(change.customer.id, now)

    def take(self, change: Change) -> None:
        """Bring one change to its outcome."""
        customer = change.customer.id
        found, now = self.standing(change)
        if customer in self.unsettled:
            said = f"left alone: what became of an earlier write to this card is not known ({self.unsettled[customer]})"
            self.report.failed.append((change.customer, change.action.value, said))
        elif customer in self.unread:
            self.skip(change, f"unreadable: {self.unread[customer]}")
        elif found is Standing.ALREADY_SO:
            self.report.already_so += 1
        elif found is Standing.CHANGED:
            self.skip(change, now)
        elif customer in self.changed and change.action is not Action.SET_KVK:
            self.skip(change, self.changed[customer])
        elif self.lacks_contact(change):
            self.leave_invoicing(change)
        else:
            self.write(change)

    def skip(self, change: Change, now: str) -> None:
        """Leave out a change of a card that is no longer as planned, and say how it is."""
        if change.action in CONTACT_ACTIONS:
            self.without_contact[change.customer.id] = "changed meanwhile"
        if change.customer.id not in self.skipped:
            self.skipped.add(change.customer.id)
            self.report.skipped.append(Skip(customer=change.customer, reason=SkipReason.CHANGED_MEANWHILE, now=now))

    def write(self, change: Change) -> None:
        """Intent, write, outcome; the database's copy is brought along, so that a plan right after needs no sync."""
        card, contacts = self.card(change.customer.id)
        if card is None:
            raise AssertionError("unreachable: a customer that is not there is skipped")
        written = contact_written(change)
        creates = change.action is Action.CREATE_CONTACT
        becomes_main = creates and not contacts and card.main_contact is None
        before = self.before(change, card, contacts)
        if becomes_main:
            before = NO_MAIN_CONTACT
        body = dict(change.after)
        our_main = self.our_main_contact(change, card, contacts)
        if our_main is not None:
            body |= NO_MAIN_CONTACT
        version = held_version(self.database, self.division, card.id, written)
        card_version = held_version(self.database, self.division, card.id, None)
        is_deferred = becomes_main and self.comes_to_invoicing(change)
        with self.database.transaction() as session:
            now = self.clock()
            self.lease.keep(session, now)
            step = journal.add_step(
                session,
                self.run,
                customer_id=card.id,
                customer_code=card.code,
                customer_name=card.name,
                action=change.action.value,
                contact_id=written,
                before=before,
                after=dict(change.after),
                now=now,
            )
        self.sent += 1
        trouble = ""
        try:
            with self.client.writing_until(now + WRITE_WITHIN):
                contact_id = self.send(change, card, body)
                if becomes_main and not is_deferred and contact_id is not None:
                    trouble = free_main_contact(self.client, card.id, contact_id)
        except Permanent as error:
            self.refused(step, change, card, error)
            return
        if is_deferred and contact_id is not None:
            self.our_main[card.id] = contact_id
        is_ours_of_this_run = our_main is not None and self.our_main.pop(card.id, None) == our_main
        with self.database.transaction() as session:
            said = trouble or NOT_READ_BACK
            journal.finish_step(session, step, StepState.DONE, contact_id=contact_id, error=said, now=self.clock())
            self.remember(session, change, body, contact_id, is_main=bool(trouble))
        if trouble:
            self.report.failed.append((card, change.action.value, trouble))
        else:
            self.report.applied += 1
        self.unchecked.append(
            _Unchecked(
                step=step,
                action=change.action,
                before=before,
                written=Written(customer=card.id, contact=contact_id, values=change.after, version=version),
                not_main=contact_id if creates else None if is_ours_of_this_run else our_main,
                card=Written(customer=card.id, contact=None, values={}, version=card_version) if becomes_main else None,
                is_told=bool(trouble),
            )
        )

    def before(self, change: Change, card: Customer, contacts: Sequence[Contact]) -> Mapping[str, Any] | None:
        """What stands now where a change writes, as Exact has it: what an undo puts back."""
        if change.action is Action.CREATE_CONTACT:
            return None
        written = contact_written(change)
        target = card if written is None else next(each for each in contacts if each.id == written)
        values = {name: getattr(target, FIELD_OF[name]) for name in change.after}
        return {name: None if value == "" else value for name, value in values.items()}

    def comes_to_invoicing(self, change: Change) -> bool:
        """Whether this run writes `set_invoicing` of the same customer next, which then frees the main contact."""
        if self.limit is not None and self.sent + 1 >= self.limit:
            return False
        theirs = [each for each in self.changes_of[change.customer.id] if each.action is Action.SET_INVOICING]
        return any(self.standing(each)[0] is Standing.DUE for each in theirs)

    def our_main_contact(self, change: Change, card: Customer, contacts: Sequence[Contact]) -> ContactId | None:
        """The main contact where it is one that we made on a card without any: `set_invoicing` takes that back."""
        if change.action is not Action.SET_INVOICING:
            return None
        main = next((contact for contact in contacts if contact.id == card.main_contact), None)
        if main is None:
            return None
        with self.database.reading() as session:
            made_first = journal.created_with(session, self.division, main.id) == NO_MAIN_CONTACT
        return main.id if made_first else None

    def send(self, change: Change, card: Customer, body: dict[str, Any]) -> ContactId | None:
        """The write itself; after a lost or odd answer the record is looked up before anything else happens."""
        contact = contact_written(change)
        try:
            if change.action is Action.CREATE_CONTACT:
                made = self.client.post(CONTACTS, {"Account": card.id, **body}).get("ID")
                protocol.quote_guid(str(made))
                return ContactId(str(made))
            if contact is not None:
                self.client.put(CONTACTS, contact, body)
            else:
                self.client.put(ACCOUNTS, card.id, body)
            return contact
        except (AnswerLost, ExactUnexpected) as error:
            return self.look_up(change, card, error)

    def look_up(self, change: Change, card: Customer, error: ConnectorError) -> ContactId | None:
        """What became of a write whose answer was lost, or could not be read.

        Raises:
            AnswerLost: It did not happen, or nobody knows; the step stays intended, and the next run looks again.
        """
        contact = contact_written(change)
        try:
            if change.action is Action.CREATE_CONTACT:
                found = find_contact(self.client, card.id, str(change.after["Email"]))
                happened, contact = found is not None, ContactId(str(found["ID"])) if found else None
            elif contact is not None:
                row = self.client.get_one(CONTACTS, contact, select=records.Contact.FIELDS)
                happened = row is not None and holds(_contact(row), change.after)
            else:
                row = self.client.get_one(ACCOUNTS, card.id, select=records.Account.FIELDS)
                happened = row is not None and holds(_card(row), change.after)
        except Permanent as cause:
            raise AnswerLost(f"{error.message}; what became of it cannot be read", hint=AGAIN) from cause
        if happened:
            return contact
        if isinstance(error, AnswerLost):
            what = "contact" if change.action is Action.CREATE_CONTACT else "change"
            raise AnswerLost(f"Exact did not answer, and the {what} is not there", hint=AGAIN) from error
        raise error

    def lacks_contact(self, change: Change) -> bool:
        """Whether a customer would be turned to e-mail without a contact at the upload address to mail to."""
        if change.action is not Action.SET_INVOICING or change.customer.id not in self.without_contact:
            return False
        _, contacts = self.card(change.customer.id)
        return not any(is_same(contact.email, self.wanted.upload_address) for contact in contacts)

    def leave_invoicing(self, change: Change) -> None:
        """Leave the invoicing method alone: by e-mail, the invoices would now go to somebody else."""
        why = self.without_contact[change.customer.id]
        said = f"left as it is, because the contact was not made ({why})"
        self.report.failed.append((change.customer, change.action.value, said))

    def refused(self, step: StepId, change: Change, card: Customer, error: Permanent) -> None:
        """Record that Exact said no; its own words are kept as they are."""
        with self.database.transaction() as session:
            journal.finish_step(session, step, StepState.FAILED, error=error.message, now=self.clock())
        self.report.failed.append((card, change.action.value, error.message))
        if change.action in CONTACT_ACTIONS:
            self.without_contact[card.id] = "refused"

    def remember(
        self, session: Session, change: Change, body: Mapping[str, Any], contact_id: ContactId | None, *, is_main: bool
    ) -> None:
        """Bring the database's copy of the card along; what Exact gives at the check overrules it."""
        card = customers.get(session, self.division, change.customer.id)
        values: dict[str, Any] = {FIELD_OF[name]: value for name, value in body.items()}
        if card is None:
            return
        if change.action is Action.CREATE_CONTACT and contact_id is not None:
            name = " ".join(str(change.after.get(part, "")) for part in ("FirstName", "LastName")).strip()
            contact = Contact(division=self.division, id=contact_id, customer=card.id, full_name=name, **values)
            customers.note_contact(session, contact)
            if is_main:
                customers.note_customer(session, replace(card, main_contact=contact_id))
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
        unchecked, self.unchecked = self.unchecked, []
        beside = [each.card for each in unchecked if each.card is not None]
        kept = prove(self.database, self.client, self.division, [*(each.written for each in unchecked), *beside])
        for each, found in zip(unchecked, kept, strict=False):
            if self.record(each, found) and not each.is_told:
                self.report.applied -= 1
        if doubt is not None:
            raise doubt

    def record(self, each: _Unchecked, found: Kept) -> str:
        """Record what Exact holds of one write; returns what is wrong with it."""
        card = self.card(each.written.customer)[0]
        trouble = found.trouble
        if not trouble and card is not None and each.not_main is not None and card.main_contact == each.not_main:
            trouble = MAIN_KEPT
        with self.database.transaction() as session:
            if not trouble:
                journal.confirm_steps(session, [each.step])
                return ""
            state, before, after = _as_kept(each, found)
            journal.correct_step(session, each.step, state, error=trouble, before=before, after=after)
            step = journal.get_step(session, each.step)
        if not each.is_told:
            named = Customer(
                division=self.division,
                id=step.customer_id,
                code=step.customer_code,
                name=step.customer_name,
                status="",
            )
            self.report.failed.append((card or named, each.action.value, trouble))
        return trouble

    def confirm_earlier(self) -> None:
        """Look up what an earlier run wrote and, ending early, did not read back."""
        with self.database.reading() as session:
            steps = journal.unconfirmed_steps(session, self.division)
        unchecked = [
            _Unchecked(
                step=step.id,
                action=Action(step.action),
                before=step.before,
                written=Written(customer=step.customer_id, contact=step.contact_id, values=step.after, version=None),
            )
            for step in steps
        ]
        kept = prove(self.database, self.client, self.division, [each.written for each in unchecked])
        for each, found in zip(unchecked, kept, strict=True):
            self.record(each, found)


def _as_kept(each: _Unchecked, found: Kept) -> tuple[StepState, Mapping[str, Any] | None, Mapping[str, Any]]:
    """State, `before` and `after` of a step that turned out otherwise: an undo takes back what of it happened."""
    values = each.written.values or {}
    if found.is_unknown or not found.trouble:
        return StepState.DONE, each.before, values
    if found.record is None:
        return StepState.FAILED, each.before, values
    now = {name: getattr(found.record, FIELD_OF[name]) for name in values}
    if each.action is Action.CREATE_CONTACT:
        # whoever gave it another address took it over: then nothing is taken back
        return StepState.DONE, each.before, now if is_same(now["Email"], values["Email"]) else values
    before = each.before or {}
    moved = [name for name in values if not is_same(now[name], before.get(name))]
    if not moved:
        return StepState.FAILED, each.before, values
    return StepState.DONE, {name: before.get(name) for name in moved}, {name: now[name] for name in moved}
