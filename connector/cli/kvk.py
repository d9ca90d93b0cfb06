"""`connector kvk`: form checks of numbers.

The checks are `identifiers`' affair; whether a number exists is not asked.
"""

from typing import Annotated

import typer

from connector.cli.terminal import print_json, say, terminal_of
from connector.identifiers import KvkStatus, check_kvk

app = typer.Typer(no_args_is_help=True)


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
