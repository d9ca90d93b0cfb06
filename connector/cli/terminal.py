"""What every command shares: the global options, where words go, and how errors look.

Data goes to stdout, everything else to stderr; progress bars only on a terminal, otherwise a line now and then. What
is said is each command's own.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from connector.errors import ConnectorError, NeedsPerson, Permanent, Transient, WrongUsage
from connector.texts import counted, one_line

if TYPE_CHECKING:  # at run time these are imported when a command needs them: they bring in most of the program
    from connector.composition import Wiring
    from connector.settings import Settings

LANGUAGE: ContextVar[str] = ContextVar("language", default="en")
"""The language of hints on the terminal, where both are written; set once from --lang."""
PIPED_WIDTH = 200
LINE_EVERY = 100
"""Without a terminal: one line of progress after so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """The global options of one call."""

    config: Path
    verbose: bool = False
    quiet: bool = False
    language: str | None = None
    """As asked for with --lang or $CONNECTOR_LANG; None: each output's own default."""

    @property
    def screen_language(self) -> str:
        """The language of the terminal: English unless asked."""
        return self.language or "en"

    @property
    def reader_language(self) -> str:
        """The language of what accountants read, mails and reports: Dutch unless asked."""
        return self.language or "nl"

    def settings(self) -> "Settings":
        """The settings of this call."""
        from connector.settings import Settings

        return Settings.load(self.config, os.environ)

    def wiring(self) -> "Wiring":
        """Everything wired from the settings; use it as a `with` block."""
        from connector.composition import Wiring

        return Wiring(self.settings(), language=self.reader_language)


def terminal_of(context: typer.Context) -> Terminal:
    """The `Terminal` that the program made for this call."""
    found = context.find_object(Terminal)
    assert found is not None
    return found


def screen() -> Console:
    """Where data goes: stdout; what is piped gets wide tables, so that nothing is cut off."""
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False)


def notes() -> Console:
    """Where hints and progress go: stderr."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Lines of data; what would steer a terminal, and may come out of somebody's invoice, is left out."""
    sys.stdout.write("".join(c for c in text if c.isprintable() or c in "\n\t") + "\n")


def cell(text: str) -> str:
    """Text of somebody else's in a table: on one line, nothing in it is markup or steers the terminal."""
    return escape(one_line(text))


def note(context: typer.Context, text: str) -> None:
    """One line for the person, on stderr; silent with --quiet."""
    if not terminal_of(context).quiet:
        notes().print(escape(text))


def print_json(document: Any) -> None:
    """Exactly one JSON document on stdout."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=_as_json) + "\n")


def _as_json(value: object) -> str:
    """Amounts as strings, dates ISO, instants RFC 3339 in UTC."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


class Show(Protocol):
    """Is told what is done, how many of it, of how many (None: unknown), and what else is worth saying."""

    def __call__(self, what: str, number: int, total: int | None, detail: str = "") -> None:
        """Show it."""


def _hide(what: str, number: int, total: int | None, detail: str = "") -> None:
    """Show nothing."""


@contextmanager
def progress(context: typer.Context, *, hidden: bool = False) -> Iterator[Show]:
    """Give a function to tell how far the work is."""
    console = notes()
    if terminal_of(context).quiet or hidden:
        yield _hide
        return
    if not console.is_terminal:
        yield _lines
        return
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[detail]}"),
        console=console,
        transient=True,
    )
    tasks: dict[str, Any] = {}
    details: dict[str, str] = {}

    def show(what: str, number: int, total: int | None, detail: str = "") -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=total, detail="")
        details[what] = detail or details.get(what, "")
        bar.update(tasks[what], completed=number, total=total, detail=details[what])

    with bar:
        yield show


def _lines(what: str, number: int, total: int | None, detail: str = "") -> None:
    if number and (detail or number % LINE_EVERY == 0 or number == total):
        of = f" of {total}" if total is not None else ""
        sys.stderr.write(f"{what}: {number}{of}{f'; {detail}' if detail else ''}\n")


def ask(question: str, *, yes: bool) -> None:
    """Ask for a yes on the terminal; with `yes` it was given already.

    Raises:
        WrongUsage: There is nobody to ask, or the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise WrongUsage("nothing was done: there is no terminal to ask on", hint="give --yes when you are sure")
    notes().print(escape(question) + " [y/N] ", end="")
    if sys.stdin.readline().strip().lower() not in {"y", "yes", "j", "ja"}:
        raise WrongUsage("nothing was done: the answer was no")


def worst(errors: Sequence[ConnectorError]) -> int:
    """The exit code where several parts ended differently: the worst of 3, 4, 1 in that order; 0 without errors."""
    for kind in (NeedsPerson, Transient):
        if any(isinstance(error, kind) for error in errors):
            return kind.exit_code
    if any(isinstance(error, Permanent) for error in errors):
        return 1
    return max((error.exit_code for error in errors), default=0)


def show_error(error: ConnectorError, *, part: str = "") -> None:
    """One line that names the thing, and one that says what to do and when it goes on, each as long as it is.

    Args:
        part: What it is about, where a command works on several.
    """
    message = f"{part}: {error.message}" if part else error.message
    sys.stderr.write(f"error: {one_line(message, longest=None)}\n")
    hints = [error.hint_in(LANGUAGE.get())]
    if isinstance(error, Transient) and error.retry_at is not None:
        hints.append(f"It goes on after {local_time(error.retry_at)}.")
    hint = " ".join(one_line(each, longest=None) for each in hints if each)
    if hint:
        sys.stderr.write(f"hint: {hint}\n")


def local_time(instant: datetime) -> str:
    """An instant on this computer's own clock, with its zone."""
    return instant.astimezone().strftime("%Y-%m-%d %H:%M %Z").strip()


def data_age(division: int, last_synced_at: datetime | None, now: datetime) -> str:
    """How old what we know of a division is."""
    if last_synced_at is None:
        return f"division {division} was never synced; run `connector sync` first"
    minutes = int((now - last_synced_at).total_seconds() // 60)
    return f"division {division} was synced {counted(minutes, 'minute')} ago"


def finish(errors: Sequence[ConnectorError], *, parts: Sequence[str] = ()) -> None:
    """Show what went wrong in parts, and end with the worst of it.

    Args:
        parts: What each error is about, in their order; empty where that goes without saying.
    """
    for error, part in zip(errors, parts or [""] * len(errors), strict=True):
        show_error(error, part=part)
    code = worst(errors)
    if code:
        raise typer.Exit(code)
