"""Put back what a set-up run changed, from the journal, field by field; what somebody changed since is left alone.

The cards' own fields go first. A contact is taken away only once Exact has shown that no invoice goes to it through us
any more, and when nobody has made it his own. Nothing counts as taken back before Exact has shown it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from connector.customer import Contact, ContactId, Customer, CustomerId, Division
from connector.customers.setup import FIELD_OF, WRITES_PER_CHECK, Action, Skip, SkipReason, is_same
from connector.errors import AnswerLost, ConnectorError, ExactDoubtful, ExactUnexpected, NothingFound, Permanent
from connector.exact import protocol, records
from connector.exact.client import ExactClient
from connector.storage import customers, journal
from connector.storage.database import Database
from connector.storage.journal import RunKind, SetupRun, SetupStep, StepId, StepState, UndoableRun
from connector.usecases.apply_setup import (
    ACCOUNTS,
    CONTACTS,
    DELETE_CONTACT,
    NO_MAIN_CONTACT,
    WRITE_WITHIN,
    Progress,
    SetupReport,
    settle_intentions,
)
from connector.usecases.ownership import Lease
from connector.usecases.plan_setup import require_customers
from connector.usecases.read_back import Written, held_version, prove
from connector.usecases.read_stream import ASKED_TOGETHER
from connector.usecases.sync_division import sync_cards

log = structlog.get_logger()

_Item = TypeVar("_Item")

OWN_CHANGES_TAKE = timedelta(minutes=5)
"""A contact that was changed later than this after our last write to it was changed by somebody else: Exact may change
it itself when its account changes, and two clocks differ. Ours [assumed]."""


def undoable_steps(
    database: Database,
    chosen: Sequence[Division],
    *,
    run: str | None = None,
    codes: frozenset[str] = frozenset(),
) -> dict[Division, list[SetupStep]]:
    """What an undo would put back, by division, newest first.

    Args:
        run: The run to undo; None: the newest apply with something left to undo, with `codes` that of each customer.
        codes: Only customers with these codes; empty: all.

    Raises:
        NothingFound: No such run or customer, or nothing left to undo.
    """
    with database.reading() as session:
        left = [step for division in chosen for step in journal.undoable_steps(session, division, run)]
    wanted = [step for step in left if not codes or step.customer_code in codes]
    require_customers(database, chosen, codes - {step.customer_code for step in wanted})
    if run is None:
        wanted = _of_newest_runs(wanted, each_customer=bool(codes))
    found: dict[Division, list[SetupStep]] = {}
    for step in sorted(wanted, key=lambda step: step.id, reverse=True):
        found.setdefault(step.division, []).append(step)
    if not found:
        what = f"of run {run}" if run else "of the set-up"
        raise NothingFound(f"there is nothing to undo {what}", hint="`connector setup status` lists the runs")
    return found


def _of_newest_runs(steps: Sequence[SetupStep], *, each_customer: bool) -> list[SetupStep]:
    """The steps of the newest run of all, or of the newest one of each customer."""

    def of(step: SetupStep) -> tuple[Division, CustomerId] | None:
        return (step.division, step.customer_id) if each_customer else None

    newest = {of(step): step.run_id for step in sorted(steps, key=lambda step: step.run_id)}
    return [step for step in steps if step.run_id == newest[of(step)]]


def undoable_runs(database: Database, chosen: Sequence[Division]) -> tuple[UndoableRun, ...]:
    """The runs of these divisions of which something is left to undo, the newest of each first."""
    with database.reading() as session:
        return tuple(run for division in chosen for run in journal.undoable_runs(session, division))


def undo_setup(
    database: Database,
    client: ExactClient,
    division: Division,
    *,
    steps: Sequence[SetupStep],
    clock: Callable[[], datetime],
    progress: Progress = lambda done, all_of_them: None,
) -> SetupReport:
    """Put back the values that stood before, and remove contacts that a run made itself.

    Args:
        steps: What was shown; what was taken back by somebody else since is left out.

    Returns:
        `applied` counts steps of which something was put back; `skipped` says what somebody changed since, also where
        the rest of such a step was put back. `stopped_by` says why it ended early.

    Raises:
        Busy: Another process is at the set-up of this division.
    """
    calls_before = client.calls
    with Lease(database, f"setup:{division}", now=clock()) as lease:
        runs = {step.run_id for step in steps}
        with database.transaction() as session:
            undoes = runs.pop() if len(runs) == 1 else None
            run = journal.start_run(session, division, RunKind.UNDO, undoes=undoes, now=clock())
        report = SetupReport(run=run.id, division=division)
        undo = _Undo(database, client, run, clock, lease, report)
        try:
            undo.unsettled = settle_intentions(database, client, division, clock=clock)
            undo.take_back(steps, progress)
        except ConnectorError as error:
            report.stopped_by = error
        report.remaining = len(steps) - len(undo.settled)
        with database.transaction() as session:
            journal.end_run(session, run.id, now=clock())
    report.api_calls = client.calls - calls_before
    log.info("setup.undone", division=division, run=run.id, undone=report.applied)
    return report


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unchecked:
    """A write that was not read back yet."""

    original: SetupStep
    step: StepId
    action: str
    written: Written
    card: Customer


class _Undo:
    """The writes of one undo in one division."""

    def __init__(
        self,
        database: Database,
        client: ExactClient,
        run: SetupRun,
        clock: Callable[[], datetime],
        lease: Lease,
        report: SetupReport,
    ) -> None:
        self.database = database
        self.client = client
        self.run = run
        self.division = run.division
        self.clock = clock
        self.lease = lease
        self.report = report
        self.settled: set[StepId] = set()
        """Steps of which it is known what became of them."""
        self.unsettled: Mapping[CustomerId, str] = {}
        """The customers of whom it is not known what became of an earlier write, and why."""
        self.unread: Mapping[CustomerId, str] = {}
        """The customers whose card may be older here than in Exact, and why."""
        self.unchecked: list[_Unchecked] = []
        self.mailing: dict[CustomerId, list[SetupStep]] = {}
        """By customer, the steps that set an invoicing method and were not taken back."""
        self.details: dict[ContactId, records.ContactDetails | str] = {}
        """Contacts as they stand in Exact just now, or why that cannot be read."""

    def take_back(self, steps: Sequence[SetupStep], progress: Progress) -> None:
        """The cards' own fields, then the contacts, each read back before it counts.

        Raises:
            ExactDoubtful: What stands on the cards now cannot be told.
        """
        self.look()
        with self.database.reading() as session:
            left = {step.id for step in journal.undoable_steps(session, self.division)}
        for step in steps:
            if step.id not in left:
                self.skip(step, "taken back already")
        on_contacts = [step for step in steps if step.id in left and _is_of_a_contact(step)]
        on_cards = [step for step in steps if step.id in left and not _is_of_a_contact(step)]
        for part in (on_cards, on_contacts):
            self.mailing = self.find_mailing()
            for some in _in_groups(part, WRITES_PER_CHECK):
                self.details = self.look_closely(some)
                for step in some:
                    self.take_back_step(step)
                    self.lease.take(self.clock())
                    progress(len(self.settled) + len(self.unchecked), len(steps))
                if self.unchecked:
                    self.check()

    def look(self) -> None:
        """Bring the cards in the database along, and mind whose may be older there than in Exact."""
        found = sync_cards(self.database, self.client, self.division, clock=self.clock)
        self.unread = {**self.unsettled, **found.unread}
        if found.doubt is not None:
            raise found.doubt

    def find_mailing(self) -> dict[CustomerId, list[SetupStep]]:
        """The steps of ours by which customers' invoices are mailed, and which still count."""
        found: dict[CustomerId, list[SetupStep]] = {}
        with self.database.reading() as session:
            for step in journal.undoable_steps(session, self.division):
                if "InvoicingMethod" in step.after:
                    found.setdefault(step.customer_id, []).append(step)
        return found

    def look_closely(self, steps: Sequence[SetupStep]) -> dict[ContactId, records.ContactDetails | str]:
        """Read the contacts that these steps made, with what only a person fills in; who is gone is left out."""
        keys = [step.contact_id for step in steps if step.action == Action.CREATE_CONTACT and step.contact_id]
        found: dict[ContactId, records.ContactDetails | str] = {}
        for some in _in_groups(keys, ASKED_TOGETHER):
            filter = " or ".join(f"ID eq {protocol.quote_guid(key)}" for key in some)
            for row in self.client.read_all(CONTACTS, records.ContactDetails.FIELDS, filter):
                try:
                    found[ContactId(str(row.get("ID")))] = records.ContactDetails.from_json(row)
                except ExactUnexpected as error:
                    found[ContactId(str(row.get("ID")))] = error.message
        return found

    def take_back_step(self, step: SetupStep) -> None:
        """One step back as far as it still is ours: intent and write; what becomes of it the check says."""
        with self.database.reading() as session:
            card = customers.get(session, self.division, step.customer_id)
            contacts = customers.contacts_of(session, self.division, step.customer_id)
        ours = next((contact for contact in contacts if contact.id == step.contact_id), None)
        holder = ours if _is_of_a_contact(step) else card
        if card is None or holder is None:
            self.skip(step, "the contact is gone" if card else "the customer is gone", card)
            return
        if step.customer_id in self.unread:
            self.skip(step, f"unreadable: {self.unread[step.customer_id]}", card)
            return
        changed = {name: now for name, value in step.after.items() if not is_same(now := _value(holder, name), value)}
        if ours is not None and (why := self.why_keep(step, card, ours, contacts, changed)):
            self.skip(step, why, card)
            return
        if changed:
            self.skip(step, _words(changed), card)
        names = [name for name in step.after if name not in changed]
        if names:
            self.write(step, card, names)

    def why_keep(
        self,
        step: SetupStep,
        card: Customer,
        ours: Contact,
        contacts: Sequence[Contact],
        changed: Mapping[str, object],
    ) -> str:
        """Say why a contact is not touched; "" when it is."""
        deletes = step.action == Action.CREATE_CONTACT
        if deletes and (why := self.why_not_ours(step, card, ours, contacts, changed)):
            return why
        relies = [
            each
            for each in self.mailing.get(card.id, [])
            if is_same(card.invoicing_method, each.after["InvoicingMethod"]) and (deletes or each.id > step.id)
        ]
        others = [each for each in contacts if each.id != ours.id and is_same(each.email, ours.email)]
        if relies and not others:
            return f"its invoices still go there by e-mail, as run {relies[-1].run_id} set it"
        return ""

    def why_not_ours(
        self,
        step: SetupStep,
        card: Customer,
        ours: Contact,
        contacts: Sequence[Contact],
        changed: Mapping[str, object],
    ) -> str:
        """Say how somebody made a contact of ours his own; "" when nobody did."""
        if changed:
            return _words(changed)
        details = self.details.get(ours.id)
        if details is None:
            return "the contact is gone"
        if isinstance(details, str):
            return f"unreadable: {details}"
        filled = [name for name, value in details.filled.items() if value != card.phone]
        if filled:
            return f"{', '.join(filled)} filled in"
        made_main_by_exact = step.before == NO_MAIN_CONTACT and len(contacts) == 1
        if card.main_contact == ours.id and not made_main_by_exact:
            return "it is the main contact"
        with self.database.reading() as session:
            updated_at = journal.contact_updated_at(session, self.division, ours.id)
        by_us_at = max(at for at in (details.created or step.at, updated_at) if at is not None)
        if details.modified is not None and details.modified > by_us_at + OWN_CHANGES_TAKE:
            who = f" by {details.modifier_full_name}" if details.modifier_full_name else ""
            return f"changed{who} on {details.modified.astimezone(protocol.AMSTERDAM):%Y-%m-%d %H:%M}"
        return ""

    def write(self, step: SetupStep, card: Customer, names: Sequence[str]) -> None:
        """Intent, then the write; a lost answer is for the check: putting a value, or deleting, twice is as once."""
        deletes = step.action == Action.CREATE_CONTACT
        action = DELETE_CONTACT if deletes else step.action
        before = step.before or {}
        after: dict[str, Any] = {} if deletes else {name: before.get(name) for name in names}
        written = Written(
            customer=card.id,
            contact=step.contact_id,
            values=None if deletes else after,
            version=held_version(self.database, self.division, card.id, step.contact_id),
        )
        started_at = self.clock()
        with self.database.transaction() as session:
            self.lease.keep(session, started_at)
            intent = journal.add_step(
                session,
                self.run,
                customer_id=card.id,
                customer_code=card.code,
                customer_name=card.name,
                action=action,
                contact_id=step.contact_id,
                before={name: step.after[name] for name in names},
                after=after,
                now=started_at,
            )
        unchecked = _Unchecked(original=step, step=intent, action=action, written=written, card=card)
        try:
            with self.client.writing_until(started_at + WRITE_WITHIN):
                self.send(step, card, after, deletes=deletes)
        except AnswerLost as error:
            log.warning("setup.answer_lost", division=self.division, error=error.message)
        except Permanent as error:
            self.failed(unchecked, error.message)
            return
        self.unchecked.append(unchecked)

    def send(self, step: SetupStep, card: Customer, after: Mapping[str, Any], *, deletes: bool) -> None:
        """The write itself."""
        if step.contact_id is None:
            self.client.put(ACCOUNTS, card.id, after)
        elif deletes:
            self.client.delete(CONTACTS, step.contact_id)
        else:
            self.client.put(CONTACTS, step.contact_id, after)

    def check(self) -> None:
        """Read back in bulk: what Exact holds is taken back, what it does not is a failure that says so."""
        doubt: ConnectorError | None = None
        try:
            self.look()
        except ExactDoubtful as error:
            doubt = error  # each record is looked up, and then nothing more is written
        kept = prove(self.database, self.client, self.division, [each.written for each in self.unchecked])
        for each, found in zip(self.unchecked, kept, strict=True):
            if found.trouble:
                self.failed(each, found.trouble)
                continue
            with self.database.transaction() as session:
                contact = each.original.contact_id
                journal.finish_step(session, each.step, StepState.DONE, contact_id=contact, now=self.clock())
                journal.mark_undone(session, each.original.id, by=self.run.id)
            self.report.applied += 1
            self.settled.add(each.original.id)
        self.unchecked.clear()
        if doubt is not None:
            raise doubt

    def failed(self, each: _Unchecked, error: str) -> None:
        """Record that Exact said no, or did not keep it; it can be tried again."""
        with self.database.transaction() as session:
            journal.finish_step(session, each.step, StepState.FAILED, error=error, now=self.clock())
        self.report.failed.append((each.card, each.action, error))
        self.settled.add(each.original.id)

    def skip(self, step: SetupStep, why: str, card: Customer | None = None) -> None:
        """Leave a step, or some fields of it, as it is."""
        gone = Customer(
            division=self.division, id=step.customer_id, code=step.customer_code, name=step.customer_name, status=""
        )
        self.report.skipped.append(Skip(customer=card or gone, reason=SkipReason.CHANGED_MEANWHILE, now=why))
        self.settled.add(step.id)


def _is_of_a_contact(step: SetupStep) -> bool:
    return step.contact_id is not None or step.action == Action.CREATE_CONTACT


def _value(holder: Customer | Contact, name: str) -> object:
    return getattr(holder, FIELD_OF[name])


def _words(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {'-' if value in (None, '') else value}" for name, value in values.items())


def _in_groups(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
