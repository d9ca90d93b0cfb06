"""The plan: what has to change on customers' cards so that Exact mails their invoices to the upload address.

Pure, from the customers and contacts as last synced. Writing to Exact, the journal and putting a main contact back
are the use cases' affair.

Plans as JSON follow interfaces.md, `setup plan --json`; `before` and `after` have Exact's own field names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import TypeVar

from connector.customer import Contact, ContactId, Customer, CustomerId, Division
from connector.errors import WrongUsage
from connector.identifiers import KvkStatus, check_kvk

PLAN_FILE_VERSION = 1
WRITES_PER_CHECK = 60
"""design.md section 4: accounts and contacts are read back (two calls) after at most so many writes."""
CALLS_PER_CHECK = 2

MAIN_CONTACT = "MainContact"
"""The one field of an account that an `update_contact` may write: a contact cannot say of itself that it is the main
one (exact-online-api.md 4.2 [docs])."""
PEPPOL = 32
POSTBOX = 4
"""Values of `InvoicingMethod` (exact-online-api.md 4.1)."""
INVOICE_MAILBOXES = frozenset(
    ["factuur", "facturen", "facturatie", "invoice", "invoices", "crediteuren", "administratie", "ap", "boekhouding"]
)
"""Local parts of addresses that somebody made for invoices (design.md section 4)."""
UPLOAD_HOST = "uploads.is"
"""InvoiceSharing's own host of upload addresses, where nobody else has one. Source: interfaces.md's example [one]."""


class Action(StrEnum):
    """What a change does."""

    CREATE_CONTACT = "create_contact"
    UPDATE_CONTACT = "update_contact"
    SET_INVOICING = "set_invoicing"
    SET_KVK = "set_kvk"


class SkipReason(StrEnum):
    """Why a customer is left alone."""

    NOT_A_CUSTOMER = "not_a_customer"
    BLOCKED = "blocked"
    ENDED = "ended"
    INVOICED_TO_OTHER_ACCOUNT = "invoiced_to_other_account"
    USES_PEPPOL = "uses_peppol"
    USES_POSTBOX = "uses_postbox"
    HAS_OTHER_INVOICE_CONTACT = "has_other_invoice_contact"
    ATTACHMENT_TYPE_UNKNOWN = "attachment_type_unknown"
    CHANGED_MEANWHILE = "changed_meanwhile"


class Standing(StrEnum):
    """What a planned change is worth on the card as it is now."""

    DUE = "due"
    ALREADY_SO = "already_so"
    CHANGED = "changed"


class NoteKind(StrEnum):
    """What is worth a look at a customer's card, but changed by nobody but a person."""

    DOUBLE_CONTACT = "double_contact"
    """Several contacts of ours; invoices go by the address, so the others are left alone."""
    INVOICE_ACCOUNT_LOOP = "invoice_account_loop"
    """The accounts that should get the invoices name each other: nobody is set up for them."""


CONFLICTS = frozenset({SkipReason.USES_PEPPOL, SkipReason.USES_POSTBOX, SkipReason.HAS_OTHER_INVOICE_CONTACT})
"""The reasons that `--override` takes: somebody has chosen otherwise, and may choose again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The state that every customer of a division should be in."""

    upload_address: str
    """Empty when it is not configured: then every contact is still to do."""
    contact_name: str
    invoicing_method: int = 2
    attachment_type: int | None = None
    """None: neither learnt nor configured, attachment types are left alone and nobody is in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One write to Exact."""

    customer: Customer
    action: Action
    contact: ContactId | None = None
    """The contact that is updated; None for what is no update of a contact."""
    before: Mapping[str, object] | None = None
    """None when the thing is not there yet."""
    after: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A customer that is left alone."""

    customer: Customer
    reason: SkipReason
    invoiced_to: Customer | None = None
    """With `invoiced_to_other_account`: who gets the invoices in the end, and is set up instead."""
    now: str = ""
    """With `changed_meanwhile`: what stands there now, in a few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something about a customer's card that a person should look at."""

    customer: Customer
    kind: NoteKind
    contacts: tuple[ContactId, ...] = ()
    """With `double_contact`: all contacts of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would change in one division; in_order + to_change + skipped = customers."""

    division: Division
    changes: tuple[Change, ...] = ()
    skips: tuple[Skip, ...] = ()
    notes: tuple[Note, ...] = ()
    overrides: frozenset[str] = frozenset()
    """The words of `CONFLICTS` that did not count; they do not when the plan is carried out either."""
    customers: int
    """Every account that was looked at, also those that are no customer."""
    in_order: int
    to_change: int
    skipped: int
    api_calls_needed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCount:
    """How far a division is with one of the five steps of InvoiceSharing's instruction.

    For steps 2 to 4: done + to_do + skipped + conflict = accounts.
    """

    step: int
    key: str
    done: int
    to_do: int
    skipped: int = 0
    conflict: int = 0


def plan(
    customers: Iterable[Customer],
    contacts: Iterable[Contact],
    wanted: Wanted,
    *,
    today: date,
    overrides: frozenset[str] = frozenset(),
    only: frozenset[str] | None = None,
    division: Division,
) -> Plan:
    """Work out what has to change, customer by customer in the order of their codes.

    Args:
        contacts: Of all customers, in any order.
        overrides: Words of `CONFLICTS` that do not count this time.
        only: Codes of the customers to look at; the others are not even counted.
        division: Whose plan it is; it may have no customers at all.
    """
    by_customer, everybody = _by_customer(contacts), tuple(customers)
    chosen = sorted((c for c in everybody if only is None or c.code in only), key=lambda c: (len(c.code), c.code))
    by_id = {customer.id: customer for customer in everybody}
    changes: list[Change] = []
    skips: list[Skip] = []
    notes: list[Note] = []
    to_change = writes = 0
    for customer in chosen:
        theirs = by_customer.get(customer.id, ())
        reason, needed = _judge(customer, theirs, wanted, today, overrides)
        ours = tuple(contact.id for contact in _ours(theirs, wanted))
        if len(ours) > 1 and _out_of_reach(customer, today) is None:
            notes.append(Note(customer=customer, kind=NoteKind.DOUBLE_CONTACT, contacts=ours))
        if reason is SkipReason.INVOICED_TO_OTHER_ACCOUNT:
            payer = payer_of(customer, by_id)
            if payer is None:
                notes.append(Note(customer=customer, kind=NoteKind.INVOICE_ACCOUNT_LOOP))
            skips.append(Skip(customer=customer, reason=reason, invoiced_to=payer))
        elif reason is not None:
            skips.append(Skip(customer=customer, reason=reason))
        elif needed:
            to_change += 1
            changes += needed
            writes += _calls_for(needed, theirs)
    return Plan(
        division=division,
        changes=tuple(changes),
        skips=tuple(skips),
        notes=tuple(notes),
        overrides=overrides,
        customers=len(chosen),
        in_order=len(chosen) - to_change - len(skips),
        to_change=to_change,
        skipped=len(skips),
        api_calls_needed=calls_needed(writes),
    )


def _calls_for(changes: Sequence[Change], contacts: Sequence[Contact]) -> int:
    """Count the calls for the changes of one customer: a first contact takes a look whether it became the main one.

    Where no other write to the account follows, one more frees the main contact.
    """
    if changes[0].action is not Action.CREATE_CONTACT or contacts:
        return len(changes)
    return len(changes) + (1 if any(each.action is Action.SET_INVOICING for each in changes) else 2)


def left_of(
    plan: Plan,
    customers: Iterable[Customer],
    contacts: Iterable[Contact],
    wanted: Wanted,
    *,
    today: date,
    limit: int | None = None,
) -> Plan:
    """Count anew what is left to do of a plan, going by the cards as last synced.

    Args:
        limit: So many changes at most; customers whose changes come later count as to change all the same.

    Returns:
        A plan to show: its changes are those to make now, `api_calls_needed` is for them. A customer of whom all is
        already so is in order; one who is no longer as planned is skipped.
    """
    by_id, by_customer = {customer.id: customer for customer in customers}, _by_customer(contacts)
    changes_of: dict[CustomerId, list[Change]] = {}
    for change in plan.changes:
        changes_of.setdefault(change.customer.id, []).append(change)
    due: list[Change] = []
    skips = list(plan.skips)
    calls = to_change = 0
    for customer, changes in changes_of.items():
        card, theirs = by_id.get(customer), by_customer.get(customer, ())
        if card is None:
            skips.append(Skip(customer=changes[0].customer, reason=SkipReason.CHANGED_MEANWHILE))
            continue
        found = [standing(each, card, theirs, wanted, today=today, overrides=plan.overrides) for each in changes]
        changed = [now for verdict, now in found if verdict is Standing.CHANGED]
        left = [each for each, (verdict, _) in zip(changes, found, strict=True) if verdict is Standing.DUE]
        if changed:
            skips.append(Skip(customer=card, reason=SkipReason.CHANGED_MEANWHILE, now=changed[0]))
        elif left:
            to_change += 1
            now = left if limit is None else left[: max(limit - len(due), 0)]
            calls += _calls_for(now, theirs) if now else 0
            due += now
    skipped = plan.skipped + len(skips) - len(plan.skips)
    return replace(
        plan,
        changes=tuple(due),
        skips=tuple(skips),
        in_order=plan.customers - to_change - skipped,
        to_change=to_change,
        skipped=skipped,
        api_calls_needed=calls_needed(calls),
    )


def calls_needed(writes: int) -> int:
    """Count the calls to Exact that so many writes take: they, and the bulk checks before, between and after.

    >>> calls_needed(0), calls_needed(30), calls_needed(61)
    (0, 34, 67)
    """
    if writes == 0:
        return 0
    checks = 1 + -(-writes // WRITES_PER_CHECK)
    return writes + CALLS_PER_CHECK * checks


def standing(
    change: Change,
    card: Customer,
    contacts: Sequence[Contact],
    wanted: Wanted,
    *,
    today: date,
    overrides: frozenset[str],
) -> tuple[Standing, str]:
    """Judge a planned change anew, on the card as it is now and as the plan itself would judge it.

    Returns:
        With `CHANGED`, what stands there now in a few words: a reason to skip, or values by Exact's names.
    """
    target = _target(change, card, contacts)
    if change.action is Action.CREATE_CONTACT:
        is_so = any(is_same(contact.email, change.after["Email"]) for contact in contacts)
    else:
        is_so = target is not None and holds(target, change.after)
    if is_so:
        return Standing.ALREADY_SO, ""
    if change.action is not Action.SET_KVK:
        reason = _out_of_reach(card, today) or _conflict(card, contacts, wanted, overrides)
        if reason is not None:
            return Standing.CHANGED, reason.value
        if not any(_is_like(change, needed) for needed in _needed(card, contacts, wanted)):
            return Standing.CHANGED, _now(change, target)
    elif target is None or not holds(target, change.before or {}):
        return Standing.CHANGED, _now(change, target)
    return Standing.DUE, ""


def contact_written(change: Change) -> ContactId | None:
    """The contact whose record a change writes; which contact is the main one stands on the account's."""
    return None if MAIN_CONTACT in change.after else change.contact


def _target(change: Change, card: Customer, contacts: Iterable[Contact]) -> Customer | Contact | None:
    """The record that a change writes; None where it is still to be made, or gone."""
    if change.action is Action.CREATE_CONTACT:
        return None
    written = contact_written(change)
    return card if written is None else next((each for each in contacts if each.id == written), None)


def _is_like(planned: Change, needed: Change) -> bool:
    """Whether a card still needs what was planned: the same fields of the same record, from the same values."""
    before, now = planned.before or {}, needed.before or {}
    return (
        (planned.action, planned.contact) == (needed.action, needed.contact)
        and before.keys() == now.keys()
        and planned.after.keys() == needed.after.keys()
        and all(is_same(now[name], value) for name, value in before.items())
    )


def _now(change: Change, target: Customer | Contact | None) -> str:
    if change.action is Action.CREATE_CONTACT:
        return "a contact of ours with another address"
    if target is None:
        return "no such contact"
    names = ("InvoicingMethod", "InvoiceAttachmentType") if change.action is Action.SET_INVOICING else change.after
    values = {name: getattr(target, FIELD_OF[name]) for name in names}
    return ", ".join(f"{name} {'-' if value in (None, '') else value}" for name, value in values.items())


def payer_of(customer: Customer, by_id: Mapping[CustomerId, Customer]) -> Customer | None:
    """Follow the accounts that invoices go to, from one to the next, to the last one that is known.

    Whether Exact itself follows further than one step is not established.

    Returns:
        The customer itself when its invoices go nowhere else; None when the accounts lead round in a circle.
    """
    seen = {customer.id}
    while (following := customer.invoice_account) not in (None, customer.id):
        if following in seen:
            return None
        if following is None or following not in by_id:
            return customer
        seen.add(following)
        customer = by_id[following]
    return customer


def upload_contact(contacts: Iterable[Contact], wanted: Wanted) -> Contact | None:
    """Give a customer's contact with the upload address, the first by id when there are several."""
    return next((each for each in sorted(contacts, key=lambda c: c.id) if _has_address(each, wanted)), None)


def count_steps(
    customers: Iterable[Customer],
    contacts: Iterable[Contact],
    wanted: Wanted,
    *,
    today: date,
    kvk_done: int,
    kvk_to_do: int,
    finished: int,
    open_invoices: int,
) -> tuple[StepCount, ...]:
    """Count the five steps, for `setup status`.

    Args:
        kvk_done: Customers whose KvK number is fine, as the audit counts them; `kvk_to_do` those whose number is
            missing or invalid. All other accounts need none and count as skipped.
        finished: Invoices that Exact finished since the division was connected (step 5).
        open_invoices: Invoices that still stand open in Exact (Status 20).
    """
    everybody = tuple(customers)
    by_customer = _by_customer(contacts)
    counts = {step: dict.fromkeys(("done", "to_do", "skipped", "conflict"), 0) for step in (2, 4)}
    for customer in everybody:
        theirs = by_customer.get(customer.id, ())
        out, conflict = _out_of_reach(customer, today), _conflict(customer, theirs, wanted, frozenset())
        actions = {change.action for change in _needed(customer, theirs, wanted)}
        for step, open_actions in ((2, _CONTACT_ACTIONS), (4, {Action.SET_INVOICING})):
            done = not actions & open_actions
            unknown = step == 4 and done and wanted.attachment_type is None
            word = "skipped" if out or unknown else "done" if done else "conflict" if conflict else "to_do"
            counts[step][word] += 1
    has_address = int(bool(wanted.upload_address))
    return (
        StepCount(step=1, key="upload_address", done=has_address, to_do=1 - has_address),
        StepCount(step=2, key="contact", **counts[2]),
        StepCount(step=3, key="kvk", done=kvk_done, to_do=kvk_to_do, skipped=len(everybody) - kvk_done - kvk_to_do),
        StepCount(step=4, key="invoicing", **counts[4]),
        StepCount(step=5, key="sent", done=finished, to_do=open_invoices),
    )


_CONTACT_ACTIONS = {Action.CREATE_CONTACT, Action.UPDATE_CONTACT}


def _by_customer(contacts: Iterable[Contact]) -> dict[CustomerId, tuple[Contact, ...]]:
    found: dict[CustomerId, list[Contact]] = {}
    for contact in contacts:
        found.setdefault(contact.customer, []).append(contact)
    return {customer: tuple(theirs) for customer, theirs in found.items()}


def _judge(
    customer: Customer, contacts: Sequence[Contact], wanted: Wanted, today: date, overrides: frozenset[str]
) -> tuple[SkipReason | None, list[Change]]:
    """Give the reason to skip a customer, or the changes it needs; neither when it is in order."""
    if reason := _out_of_reach(customer, today):
        return reason, []
    needed = _needed(customer, contacts, wanted)
    if needed and (reason := _conflict(customer, contacts, wanted, overrides)):
        return reason, []
    if not needed and wanted.attachment_type is None:
        return SkipReason.ATTACHMENT_TYPE_UNKNOWN, []
    return None, needed


def _out_of_reach(customer: Customer, today: date) -> SkipReason | None:
    """Name what no override helps against."""
    if customer.status != "C":
        return SkipReason.NOT_A_CUSTOMER
    if customer.blocked:
        return SkipReason.BLOCKED
    if customer.ends_on is not None and customer.ends_on < today:
        return SkipReason.ENDED
    if customer.invoice_account not in (None, customer.id):
        return SkipReason.INVOICED_TO_OTHER_ACCOUNT
    return None


def _conflict(
    customer: Customer, contacts: Iterable[Contact], wanted: Wanted, overrides: frozenset[str]
) -> SkipReason | None:
    """Name the choice that somebody made already, unless it is overridden."""
    found = []
    if customer.invoicing_method == PEPPOL != wanted.invoicing_method:
        found.append(SkipReason.USES_PEPPOL)
    if customer.invoicing_method == POSTBOX != wanted.invoicing_method:
        found.append(SkipReason.USES_POSTBOX)
    if any(_is_somebodys(contact, wanted) for contact in contacts):
        found.append(SkipReason.HAS_OTHER_INVOICE_CONTACT)
    return next((reason for reason in found if reason.value not in overrides), None)


def _is_somebodys(contact: Contact, wanted: Wanted) -> bool:
    """Whether somebody else has a contact for invoices here: by its address, or by the name that ours would have."""
    named = bool(wanted.upload_address.strip()) and _is_named_as_ours(contact, wanted)
    return (named or _is_for_invoices(contact)) and not _is_ours(contact, wanted)


def _is_for_invoices(contact: Contact) -> bool:
    local_part = contact.email.strip().casefold().partition("@")[0]
    return local_part.partition("+")[0] in INVOICE_MAILBOXES


def _has_address(contact: Contact, wanted: Wanted) -> bool:
    address = wanted.upload_address.strip().casefold()
    return address != "" and contact.email.strip().casefold() == address


def _is_ours(contact: Contact, wanted: Wanted) -> bool:
    """Recognise our contact by its address, by an older one at InvoiceSharing's host, or by its name.

    A name alone is nobody's proof: whoever bears it and has an address elsewhere is a stranger. Nobody is ours before
    an upload address is configured.
    """
    address, email = wanted.upload_address.strip().casefold(), contact.email.strip().casefold()
    if not address:
        return False
    hosts = {UPLOAD_HOST, address.rpartition("@")[2]}
    return (
        _has_address(contact, wanted)
        or (address.endswith(f"@{UPLOAD_HOST}") and email.endswith(f"@{UPLOAD_HOST}"))
        or (_is_named_as_ours(contact, wanted) and (email == "" or email.rpartition("@")[2] in hosts))
    )


def _is_named_as_ours(contact: Contact, wanted: Wanted) -> bool:
    name = _words(wanted.contact_name)
    return name != "" and name in {_words(contact.full_name), _words(f"{contact.first_name} {contact.last_name}")}


def _words(name: str) -> str:
    return " ".join(name.casefold().split())


def _ours(contacts: Iterable[Contact], wanted: Wanted) -> list[Contact]:
    """Our contacts on a card; those that are no main contact come first."""
    return sorted((c for c in contacts if _is_ours(c, wanted)), key=lambda c: (c.is_main, c.id))


def _needed(customer: Customer, contacts: Sequence[Contact], wanted: Wanted) -> list[Change]:
    """List the changes that bring a card into the wanted state: the contact first, then the invoicing method."""
    changes = []
    if contact := _needed_contact(customer, contacts, wanted):
        changes.append(contact)
    main = next((each for each in _ours(contacts, wanted) if each.id == customer.main_contact), None)
    if main is not None:  # who was it before is not known, and guessing would send mail to somebody: nobody then
        changes.append(
            Change(
                customer=customer,
                action=Action.UPDATE_CONTACT,
                contact=main.id,
                before={MAIN_CONTACT: main.id},
                after={MAIN_CONTACT: None},
            )
        )
    fields: dict[str, tuple[int | None, int | None]] = {
        "InvoicingMethod": (customer.invoicing_method, wanted.invoicing_method)
    }
    if wanted.attachment_type is not None:
        fields["InvoiceAttachmentType"] = (customer.attachment_type, wanted.attachment_type)
    differing = {name: pair for name, pair in fields.items() if pair[0] != pair[1]}
    if differing:
        changes.append(
            Change(
                customer=customer,
                action=Action.SET_INVOICING,
                before={name: now for name, (now, _) in differing.items()},
                after={name: then for name, (_, then) in differing.items()},
            )
        )
    return changes


def _needed_contact(customer: Customer, contacts: Iterable[Contact], wanted: Wanted) -> Change | None:
    """Say what our contact needs; of several outdated ones the first is updated, the rest is left alone.

    A name that was changed by hand is kept: invoices go by the address.
    """
    ours = _ours(contacts, wanted)
    if any(_has_address(contact, wanted) for contact in ours):
        return None
    if ours:
        return Change(
            customer=customer,
            action=Action.UPDATE_CONTACT,
            contact=ours[0].id,
            before={"Email": ours[0].email},
            after={"Email": wanted.upload_address},
        )
    after = {**_contact_names(wanted), "Email": wanted.upload_address}
    return Change(customer=customer, action=Action.CREATE_CONTACT, after=after)


def plan_as_json(plan: Plan) -> dict[str, object]:
    """Give a plan the shape of `setup plan --json`; `contact` is added, so that a plan file can be applied."""
    return {
        "division": plan.division,
        "changes": [
            {
                "customer": _customer_as_json(change.customer),
                "action": change.action.value,
                "contact": change.contact,
                "before": None if change.before is None else dict(change.before),
                "after": dict(change.after),
            }
            for change in plan.changes
        ],
        "skipped": [_skip_as_json(skip) for skip in plan.skips],
        "notes": [
            {"customer": _customer_as_json(each.customer), "note": each.kind.value, "contacts": list(each.contacts)}
            for each in plan.notes
        ],
        "overrides": sorted(plan.overrides),
        "summary": {name: getattr(plan, name) for name in _SUMMARY},
    }


def _skip_as_json(skip: Skip) -> dict[str, object]:
    entry: dict[str, object] = {"customer": _customer_as_json(skip.customer), "reason": skip.reason.value}
    if skip.reason is SkipReason.INVOICED_TO_OTHER_ACCOUNT:
        entry["invoiced_to"] = _customer_as_json(skip.invoiced_to) if skip.invoiced_to else None
    return entry


def plans_as_file(plans: Iterable[Plan]) -> dict[str, object]:
    """Give what a plan file holds."""
    return {"version": PLAN_FILE_VERSION, "plans": [plan_as_json(plan) for plan in plans]}


def plans_from_file(data: object) -> tuple[Plan, ...]:
    """Read what a plan file holds, after `json.loads`.

    Raises:
        WrongUsage: It is no plan file, or of another version; the message names the place.
    """
    entry = _Entry(data, "the plan file")
    version = entry.count("version")
    if version != PLAN_FILE_VERSION:
        raise WrongUsage(f"the plan file has version {version}, known is {PLAN_FILE_VERSION}", hint=_MAKE_A_NEW_ONE)
    plans = tuple(_read_plan(plan) for plan in entry.entries("plans"))
    if len({plan.division for plan in plans}) < len(plans):
        raise WrongUsage("the plan file names a division twice", hint=_MAKE_A_NEW_ONE)
    return plans


FIELD_OF = {
    "InvoicingMethod": "invoicing_method",
    "InvoiceAttachmentType": "attachment_type",
    "ChamberOfCommerce": "kvk",
    "Email": "email",
    "FirstName": "first_name",
    "LastName": "last_name",
    MAIN_CONTACT: "main_contact",
}
"""Exact's field names as used in plans and journal, and ours."""


def holds(card: Customer | Contact, values: Mapping[str, object]) -> bool:
    """Say whether a card holds these values, named as Exact names them."""
    return all(is_same(getattr(card, FIELD_OF[name]), value) for name, value in values.items())


def is_same(ours: object, theirs: object) -> bool:
    """Compare two values: an address counts without its case; an empty number and 0 both mean: nothing chosen.

    >>> is_same("A@b.example ", "a@B.example"), is_same(None, 0), is_same(2, 32)
    (True, True, False)
    """
    if isinstance(ours, str) and isinstance(theirs, str):
        return ours.strip().casefold() == theirs.strip().casefold()
    return (ours or 0) == (theirs or 0)


def step_as_json(step: StepCount) -> dict[str, object]:
    """Give one step the shape of `setup status --json`."""
    return {name: getattr(step, name) for name in ("step", "key", "done", "to_do", "skipped", "conflict")}


_Word = TypeVar("_Word", bound=StrEnum)


def require_wanted(plan: Plan, wanted: Wanted) -> None:
    """Make sure that a saved plan, which anybody could edit, writes nothing but what these settings want.

    Raises:
        WrongUsage: Another upload address, method, attachment type or name, or a KvK number that is none.
    """
    for change in plan.changes:
        allowed = _allowed(change, wanted)
        wrong = [
            name
            for name, value in change.after.items()
            if name not in allowed or allowed[name] != value or (value is None and name != MAIN_CONTACT)
        ]
        if wrong or not change.after:
            place = f"customer {change.customer.code}, {change.action.value}: {', '.join(wrong) or 'nothing to set'}"
            raise WrongUsage(
                f"the plan is not what division {plan.division} has in the settings ({place})", hint=_MAKE_A_NEW_ONE
            )


def require_cards(plan: Plan, customers: Iterable[Customer], contacts: Iterable[Contact], wanted: Wanted) -> None:
    """Make sure that a saved plan shows the customers that it would change, and touches no contact but ours.

    Raises:
        WrongUsage: A customer or contact that is not known, or is called otherwise here; a contact that is not ours.
            Either somebody edited the file, or it is older than the cards.
    """
    by_id, people = {card.id: card for card in customers}, {contact.id: contact for contact in contacts}
    for change in plan.changes:
        planned, card = change.customer, by_id.get(change.customer.id)
        said = None
        if card is None:
            said = f"there is no customer with the id {planned.id!r}"
        elif (card.code, card.name) != (planned.code, planned.name):
            said = f"that customer is {card.code} {card.name!r} here"
        elif change.contact is not None:
            contact = people.get(change.contact)
            if contact is None or contact.customer != card.id:
                said = f"the card has no contact with the id {change.contact!r}"
            elif not _is_ours(contact, wanted):
                said = f"the contact {contact.full_name or contact.email or contact.id!r} is not ours"
        if said is not None:
            raise WrongUsage(
                f"the plan does not go with the cards of division {plan.division} "
                f"(customer {planned.code} {planned.name!r}, {change.action.value}: {said})",
                hint=_MAKE_A_NEW_ONE,
            )


def _allowed(change: Change, wanted: Wanted) -> Mapping[str, object]:
    """The values that a change may write, by Exact's field names."""
    match change.action:
        case Action.CREATE_CONTACT:
            return {**_contact_names(wanted), "Email": wanted.upload_address}
        case Action.UPDATE_CONTACT:
            return {"Email": wanted.upload_address, MAIN_CONTACT: None}
        case Action.SET_INVOICING:
            return {"InvoicingMethod": wanted.invoicing_method, "InvoiceAttachmentType": wanted.attachment_type}
        case Action.SET_KVK:
            return {"ChamberOfCommerce": check_kvk(str(change.after.get("ChamberOfCommerce", ""))).number}


def _contact_names(wanted: Wanted) -> dict[str, str]:
    """First and last name of our contact; a name of one word is a last name."""
    first_name, _, last_name = " ".join(wanted.contact_name.split()).rpartition(" ")
    return {name: value for name, value in (("FirstName", first_name), ("LastName", last_name)) if value}


_SUMMARY = ("customers", "in_order", "to_change", "skipped", "api_calls_needed")
_FIELDS: dict[Action, dict[str, type[str] | type[int]]] = {
    Action.CREATE_CONTACT: {"FirstName": str, "LastName": str, "Email": str},
    Action.UPDATE_CONTACT: {"FirstName": str, "LastName": str, "Email": str, MAIN_CONTACT: str},
    Action.SET_INVOICING: {"InvoicingMethod": int, "InvoiceAttachmentType": int},
    Action.SET_KVK: {"ChamberOfCommerce": str},
}
"""What each action may write, and nothing else: a plan file can be edited, Exact's other fields are not ours."""
_MAKE_A_NEW_ONE = "make a new one: connector setup plan --out FILE"


class _Entry:
    """A JSON object with the place it came from, for messages."""

    def __init__(self, data: object, place: str) -> None:
        if not isinstance(data, dict):
            raise WrongUsage(f"{place} is not an object", hint=_MAKE_A_NEW_ONE)
        self.data: dict[str, object] = data
        self.place = place

    def wrong(self, what: str) -> WrongUsage:
        return WrongUsage(f"{self.place}: {what}", hint=_MAKE_A_NEW_ONE)

    def text(self, key: str) -> str:
        value = self.data.get(key)
        if not isinstance(value, str):
            raise self.wrong(f"{key} is missing" if key not in self.data else f"{key} is not a text")
        return value

    def count(self, key: str) -> int:
        value = self.data.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.wrong(f"{key} is missing" if key not in self.data else f"{key} is not a whole number")
        return value

    def entry(self, key: str) -> "_Entry":
        if key not in self.data:
            raise self.wrong(f"{key} is missing")
        return _Entry(self.data[key], f"{self.place}, {key}")

    def entries(self, key: str) -> "list[_Entry]":
        values = self.data.get(key)
        if not isinstance(values, list):
            raise self.wrong(f"{key} is missing" if key not in self.data else f"{key} is not a list")
        return [_Entry(value, f"{self.place}, {key} {place}") for place, value in enumerate(values, start=1)]

    def word(self, key: str, words: type[_Word]) -> _Word:
        text = self.text(key)
        if text not in {word.value for word in words}:
            raise self.wrong(f"{key} {text!r} is unknown")
        return words(text)


def _read_plan(entry: _Entry) -> Plan:
    division, summary = Division(entry.count("division")), entry.entry("summary")
    counts = {name: summary.count(name) for name in _SUMMARY}
    if counts["in_order"] + counts["to_change"] + counts["skipped"] != counts["customers"]:
        raise summary.wrong("in_order, to_change and skipped are not customers together")
    changes: dict[tuple[CustomerId, Action, bool], Change] = {}
    for each in entry.entries("changes"):
        change = _read_change(each, division)
        what = (change.customer.id, change.action, MAIN_CONTACT in change.after)
        if what in changes:
            raise each.wrong(f"{change.action.value} of customer {change.customer.code} is there twice")
        changes[what] = change
    skips = tuple(
        Skip(customer=_read_customer(skip, division), reason=skip.word("reason", SkipReason))
        for skip in entry.entries("skipped")
    )
    changed = {customer for customer, _, _ in changes}
    if (counts["to_change"], counts["skipped"]) != (len(changed), len(skips)):
        raise summary.wrong("to_change and skipped are not the customers of changes and skipped")
    return Plan(
        division=division,
        changes=tuple(changes.values()),
        skips=skips,
        notes=(),
        overrides=_read_overrides(entry),
        **counts,
    )


def _read_overrides(entry: _Entry) -> frozenset[str]:
    """Absent in a file that overrides nothing, such as that of `kvk fill`."""
    words = entry.data.get("overrides", [])
    known = {reason.value for reason in CONFLICTS}
    if not isinstance(words, list) or not all(isinstance(word, str) and word in known for word in words):
        raise entry.wrong("overrides is not a list of reasons that can be overridden")
    return frozenset(words)


def _read_change(entry: _Entry, division: Division) -> Change:
    action = entry.word("action", Action)
    after = _read_fields(entry, "after", action)
    if not after:
        raise entry.wrong("after is empty")
    is_update = action is Action.UPDATE_CONTACT
    before = None if entry.data.get("before") is None else _read_fields(entry, "before", action)
    if action is Action.CREATE_CONTACT:
        if before is not None:
            raise entry.wrong("before is given for a contact that is not there yet")
        if not {"LastName", "Email"} <= after.keys():
            raise entry.wrong("after needs LastName and Email")
    elif before is None or before.keys() != after.keys():
        raise entry.wrong("before and after do not have the same fields")
    if MAIN_CONTACT in after and (len(after) > 1 or before is None or before[MAIN_CONTACT] != entry.text("contact")):
        raise entry.wrong(f"{MAIN_CONTACT} goes alone, and is taken from the contact that it names")
    if action is Action.SET_KVK and check_kvk(str(after["ChamberOfCommerce"])).status is not KvkStatus.OK:
        raise entry.wrong("ChamberOfCommerce is no KvK number")
    return Change(
        customer=_read_customer(entry, division),
        action=action,
        contact=ContactId(entry.text("contact")) if is_update else None,
        before=before,
        after=after,
    )


def _read_fields(entry: _Entry, key: str, action: Action) -> dict[str, object]:
    fields = entry.entry(key)
    known = _FIELDS[action]
    for name, value in fields.data.items():
        if name not in known:
            raise fields.wrong(f"{name!r} is not a field of {action.value}")
        empty = value is None and (key == "before" or name == MAIN_CONTACT)
        if not empty and (not isinstance(value, known[name]) or isinstance(value, bool)):
            raise fields.wrong(f"{name} is not {'a text' if known[name] is str else 'a whole number'}")
    return dict(fields.data)


def _read_customer(entry: _Entry, division: Division) -> Customer:
    customer = entry.entry("customer")
    return Customer(
        division=division,
        id=CustomerId(customer.text("id")),
        code=customer.text("code"),
        name=customer.text("name"),
        status="",
    )


def _customer_as_json(customer: Customer) -> dict[str, str]:
    return {"id": customer.id, "code": customer.code, "name": customer.name}
