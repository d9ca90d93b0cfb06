"""Drift: what somebody changed on customers' cards in Exact since our set-up put it there.

Pure, from the journal, the cards as last synced, and the plan, which says what would put it right.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from connector.customer import Contact, ContactId, Customer, CustomerId
from connector.customers.setup import FIELD_OF, MAIN_CONTACT, Action, Change, Plan, SkipReason, is_same

CONTACT = "Contact"
"""What stands for the field where our contact is gone as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """One write of ours that was done and not taken back."""

    customer: CustomerId
    contact: ContactId | None
    """The contact that was made or changed; None for a write to the account."""
    after: Mapping[str, object]
    """By Exact's field names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One value that is no longer what we set."""

    customer: Customer
    field: str
    """In Exact's name, or `Contact` where our contact is gone."""
    set_to: object
    now: object
    changed_at: datetime | None
    """When account or contact was last changed, whichever holds the field; None: not known."""
    changed_by: str
    """Who made that last change; it may have been another one. Empty: not known."""
    repair: Action | None
    """What the plan would do about it; None: nothing."""
    reason: SkipReason | None
    """Why the plan leaves the customer alone."""


def find_drift(
    applied: Iterable[Applied], customers: Iterable[Customer], contacts: Iterable[Contact], plan: Plan
) -> tuple[Drift, ...]:
    """Compare what we wrote last, field by field, with what stands on the cards, by customer code.

    Args:
        applied: In the order of writing: of two writes to one field the later counts.
    """
    cards = {customer.id: customer for customer in customers}
    people = {contact.id: contact for contact in contacts}
    written: dict[tuple[CustomerId, ContactId | None], dict[str, object]] = {}
    for step in applied:
        written.setdefault((step.customer, step.contact), {}).update(step.after)
    planned = _Planned(plan)
    found: list[Drift] = []
    for (customer_id, contact_id), values in written.items():
        card = cards.get(customer_id)
        if card is not None:
            found += _compare(card, contact_id, people, values, planned)
    return tuple(sorted(found, key=lambda each: (len(each.customer.code), each.customer.code, each.field)))


class _Planned:
    """A plan by customer: looked through once, not once for each drift."""

    def __init__(self, plan: Plan) -> None:
        self.changes: dict[CustomerId, list[Change]] = {}
        for change in plan.changes:
            self.changes.setdefault(change.customer.id, []).append(change)
        self.reasons = {skip.customer.id: skip.reason for skip in plan.skips}


def _compare(
    card: Customer,
    contact_id: ContactId | None,
    people: Mapping[ContactId, Contact],
    values: Mapping[str, object],
    plan: _Planned,
) -> Iterable[Drift]:
    contact = people.get(contact_id) if contact_id is not None else None
    if contact_id is not None and contact is None:
        yield _drift(card, None, CONTACT, contact_id, None, plan)
        return
    holder: Customer | Contact = contact if contact is not None else card
    for name, value in values.items():
        now = getattr(holder, FIELD_OF[name])
        if not is_same(now, value):
            yield _drift(card, holder, name, value, now, plan)
    if contact is not None and card.main_contact == contact.id:
        yield _drift(card, card, MAIN_CONTACT, None, contact.id, plan)


def _drift(
    card: Customer, holder: Customer | Contact | None, field: str, set_to: object, now: object, plan: _Planned
) -> Drift:
    theirs = plan.changes.get(card.id, [])
    makes_contact = [change for change in theirs if change.action is Action.CREATE_CONTACT]
    repairs = makes_contact if field == CONTACT else [change for change in theirs if field in change.after]
    return Drift(
        customer=card,
        field=field,
        set_to=set_to,
        now=now,
        changed_at=holder.modified_at if holder is not None else None,
        changed_by=holder.modified_by if holder is not None else "",
        repair=repairs[0].action if repairs else None,
        reason=plan.reasons.get(card.id),
    )


def drift_as_json(drift: Drift) -> dict[str, object]:
    """Give one entry of `drift` in `setup status --json`."""
    return {
        "customer": {"id": drift.customer.id, "code": drift.customer.code, "name": drift.customer.name},
        "field": drift.field,
        "set_to": drift.set_to,
        "now": drift.now,
        "changed_at": drift.changed_at,
        "changed_by": drift.changed_by or None,
        "repair": drift.repair.value if drift.repair else None,
        "reason": drift.reason.value if drift.reason else None,
    }
