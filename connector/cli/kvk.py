"""`connector kvk`: form checks of numbers, and the way back of the filled-in report.

The checks are `identifiers`' affair, the verdicts `customers.fill`'s; whether a number exists is not asked.
"""

import json as json_module
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.files import write_file
from connector.cli.terminal import note, print_json, say, screen, terminal_of
from connector.customers.fill import GOOD, Filled, RowVerdict, Told, Verdict, plans
from connector.customers.setup import Plan, plans_as_file
from connector.customers.sheet import LARGEST
from connector.customers.workbook_limits import too_large
from connector.errors import WrongUsage
from connector.identifiers import KvkStatus, check_kvk
from connector.listing import Column, Listing, Narrow

app = typer.Typer(no_args_is_help=True)

VERDICTS = {
    Verdict.SET: "set",
    Verdict.SAME: "already so",
    Verdict.WRONG_NUMBER: "wrong number",
    Verdict.OWN_NUMBER: "own number",
    Verdict.UNKNOWN_CUSTOMER: "unknown customer",
    Verdict.OTHER_CUSTOMER: "other customer",
    Verdict.AMBIGUOUS_CUSTOMER: "which customer?",
    Verdict.DUPLICATE_ROW: "row twice",
    Verdict.DIVISION_NOT_CONNECTED: "not connected",
    Verdict.BROKEN_ROW: "broken row",
}
"""In words, where JSON has the codes."""


def register(program: typer.Typer) -> None:
    """Add the group."""
    program.add_typer(app, name="kvk", help="KvK numbers (Chamber of Commerce).")


@app.command("check")
def check(
    context: typer.Context,
    numbers: Annotated[list[str], typer.Argument(metavar="NUMBER…", help="As they are written on a card.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Check the form of KvK numbers; exit 5 when one is not right."""
    language = terminal_of(context).screen_language
    rows = []
    for text in numbers:
        result = check_kvk(text)
        detail = result.detail_nl if language == "nl" else result.detail_en
        rows.append(
            {
                "input": text,
                "status": result.status.value,
                "kvk": result.number,
                "oin": result.oin,
                "detail": detail,
                "proposal": result.proposal,
            }
        )
    if json:
        print_json(rows)
    else:
        for row in rows:
            parts = [str(row["input"]), str(row["status"])]
            parts += [str(row["detail"])] if row["detail"] else []
            parts += [f"→ {row['proposal']}"] if row["proposal"] else []
            say("  ".join(parts))
    if any(row["status"] != KvkStatus.OK.value for row in rows):
        raise typer.Exit(5)


@app.command("fill")
def fill(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The filled-in report, xlsx or csv.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="PLANFILE", help="Where the plan goes; else beside FILE, under a free name."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Read a filled-in report back and make a set-up plan of it; nothing is changed. Exit 1 when no row is good."""
    from connector.usecases.fill_kvk import fill_kvk

    language = terminal_of(context).screen_language
    content = _read(file)
    if out is not None and out.exists() and out.samefile(file):
        raise WrongUsage(f"{out} is the list itself", hint="give the plan another name, or leave --out away")
    with terminal_of(context).wiring() as wiring:
        pinned = wiring.synced()
        filled = fill_kvk(wiring.database, content, pinned)
    made = plans(filled)
    plan_file = _save(made, out or _free_name(file)) if made else None
    if json:
        print_json(_as_json(filled, plan_file, language))
    else:
        _show(filled, language)
    if plan_file is not None:
        note(context, f"written to {plan_file}; apply it with: connector setup apply {plan_file}")
    if not any(one.verdict in GOOD for one in filled.verdicts):
        raise typer.Exit(1)


def _read(file: Path) -> bytes:
    try:
        size = file.stat().st_size
        if size > LARGEST:
            raise too_large(size, most=LARGEST)
        return file.read_bytes()
    except OSError as error:
        raise WrongUsage(f"{file} cannot be read: {error.strerror}", hint="name the filled-in report") from error


def _free_name(file: Path) -> Path:
    """A name for the plan beside the list, that nothing has yet."""
    name, number = file.with_name(f"{file.stem}-plan.json"), 1
    while os.path.lexists(name):
        number += 1
        name = file.with_name(f"{file.stem}-plan-{number}.json")
    return name


def _save(made: Sequence[Plan], plan_file: Path) -> Path:
    document = plans_as_file(made)
    write_file(plan_file, (json_module.dumps(document, ensure_ascii=False, indent=2) + "\n").encode())
    return plan_file


def _told(told: Told, language: str) -> str:
    return told[1] if language == "nl" else told[0]


def _summary(filled: Filled) -> dict[str, int]:
    counts = Counter(one.verdict for one in filled.verdicts)
    return {
        "rows": len(filled.verdicts),
        "set": counts[Verdict.SET],
        "same": counts[Verdict.SAME],
        "refused": sum(count for verdict, count in counts.items() if verdict not in GOOD),
        "empty": filled.empty,
    }


def _as_json(filled: Filled, plan_file: Path | None, language: str) -> dict[str, object]:
    return {
        "plan": None if plan_file is None else str(plan_file),
        "rows": [_row_as_json(one, language) for one in filled.verdicts],
        "summary": _summary(filled),
    }


def _row_as_json(one: RowVerdict, language: str) -> dict[str, object]:
    customer = one.customer
    return {
        "row": one.row,
        "division": one.division,
        "customer_code": one.code,
        "customer": None if customer is None else {"id": customer.id, "code": customer.code, "name": customer.name},
        "verdict": one.verdict.value,
        "kvk": one.kvk,
        "detail": _told(one.detail, language),
        "warnings": [_told(each, language) for each in one.warnings],
    }


def _show(filled: Filled, language: str) -> None:
    if filled.verdicts:
        table = Listing(
            Column(heading="row", is_whole=True, is_right=True),
            Column(heading="code", is_whole=True),
            Column(heading="customer"),
            Column(heading="verdict"),
            Column(heading="kvk", is_whole=True),
            Column(narrow=Narrow.BENEATH),
        )
        for one in filled.verdicts:
            told = "; ".join(filter(None, [_told(one.detail, language), *(_told(w, language) for w in one.warnings)]))
            name = one.customer.name if one.customer else ""
            table.add_row(str(one.row), one.code, name, VERDICTS[one.verdict], one.kvk or "", told)
        screen().print(table)
    counts = _summary(filled)
    say(
        f"{counts['rows']} rows filled in: {counts['set']} to set, {counts['same']} already so, "
        f"{counts['refused']} refused; {counts['empty']} left empty"
    )
