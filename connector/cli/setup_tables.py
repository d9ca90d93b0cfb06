"""The tables of `connector setup`: a plan with before and after, the five steps, drift, and what an undo takes back."""

from collections.abc import Iterable, Sequence

from connector.cli.terminal import local_time
from connector.customers import setup_wording as words
from connector.customers.drift import Drift
from connector.customers.setup import Action, Plan, SkipReason, StepCount
from connector.listing import Column, Listing, Narrow
from connector.storage.divisions import PinnedDivision
from connector.storage.journal import SetupStep, UndoableRun
from connector.texts import counted

_CODE = Column(heading="code", is_whole=True)
_CUSTOMER = Column(heading="customer")
SEE_ABOVE = "the contact above"


def plan_table(plan: Plan) -> Listing:
    """Every change with before and after, and who is left alone; a contact that all new ones are is named once."""
    contact = words.common_contact(plan.changes)
    table = Listing(
        _CODE,
        _CUSTOMER,
        Column(heading="change", narrow=Narrow.BENEATH),
        Column(heading="before"),
        Column(heading="after"),
        title=f"division {plan.division}" + (f" · the new contact: {contact}" if contact else ""),
    )
    for change in plan.changes:
        is_common = bool(contact) and change.action is Action.CREATE_CONTACT
        table.add_row(
            change.customer.code,
            change.customer.name,
            words.change(change),
            words.values(change.before),
            SEE_ABOVE if is_common else words.values(change.after),
        )
    for skip in plan.skips:
        payer = f"to {skip.invoiced_to.code} {skip.invoiced_to.name}" if skip.invoiced_to else ""
        table.add_row(skip.customer.code, skip.customer.name, words.skip(skip), "", payer, style="dim")
    for each in plan.notes:
        table.add_row(each.customer.code, each.customer.name, words.note(each), "", "")
    return table


def plan_counts(plan: Plan, *, limited: bool = False) -> str:
    """The counts of a plan in words; `limited` keeps the changes few, though more customers are to change."""
    return (
        f"{counted(plan.customers, 'customer')}: {plan.in_order} in order, {plan.to_change} to change, "
        f"{plan.skipped} skipped; "
        + (f"the first {counted(len(plan.changes), 'change')} now; " if limited else "")
        + f"{counted(plan.api_calls_needed, 'call')} to Exact needed"
    )


def status_table(pinned: PinnedDivision, steps: Iterable[StepCount]) -> Listing:
    """The five steps of a division."""
    table = Listing(
        Column(heading="step", is_whole=True),
        Column(),
        *(
            Column(heading=heading, is_whole=True, is_right=True)
            for heading in ("done", "to do", "skipped", "conflict")
        ),
        title=f"{pinned.code} {pinned.name}",
    )
    for step in steps:
        counts = (step.done, step.to_do, step.skipped, step.conflict)
        table.add_row(str(step.step), words.STEPS[step.key], *map(str, counts))
    return table


def drift_table(drift: Sequence[Drift]) -> Listing:
    """What was changed in Exact since the set-up, and what the plan would do about it."""
    table = Listing(
        _CODE,
        _CUSTOMER,
        Column(heading="field", narrow=Narrow.BENEATH),
        Column(heading="set to"),
        Column(heading="now"),
        Column(heading="changed", narrow=Narrow.BENEATH),
        Column(heading="by", narrow=Narrow.BENEATH),
        Column(heading="plan"),
        title="changed in Exact since",
    )
    for each in drift:
        table.add_row(
            each.customer.code,
            each.customer.name,
            words.FIELDS.get(each.field, each.field),
            "our contact" if each.field == "Contact" else words.value(each.field, each.set_to),
            "no longer there" if each.field == "Contact" else words.value(each.field, each.now),
            local_time(each.changed_at) if each.changed_at else "",
            each.changed_by,
            _plan_of(each),
        )
    return table


def _plan_of(drift: Drift) -> str:
    if drift.repair is not None:
        return words.ACTIONS[drift.repair]
    return f"left ({words.REASONS[SkipReason(drift.reason)]})" if drift.reason else "kept"


def runs_table(runs: Iterable[UndoableRun]) -> Listing:
    """What `undo --run` can name."""
    table = Listing(
        Column(heading="run", is_whole=True, most=40),
        Column(heading="of"),
        Column(heading="changes", is_whole=True, is_right=True),
        Column(heading="customers", is_whole=True, is_right=True),
        title="runs that can be undone (setup undo --run RUN)",
    )
    for run in runs:
        table.add_row(run.id, local_time(run.started_at), str(run.steps), str(run.customers))
    return table


def undo_table(steps: Iterable[SetupStep], *, title: str) -> Listing:
    """What would be taken back, with what stands there now and what stood there then."""
    table = Listing(
        _CODE,
        _CUSTOMER,
        Column(heading="take back", narrow=Narrow.BENEATH),
        Column(heading="now"),
        Column(heading="then"),
        title=title,
    )
    for each in steps:
        table.add_row(
            each.customer_code, each.customer_name, words.step(each.action), words.values(each.after),
            words.values(each.before),
        )  # fmt: skip
    return table
