"""The program `connector`: global options, all commands, and one place where errors become lines and exit codes.

What a command does is left to its own module.
"""

import io
import logging
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from connector import log
from connector.cli.terminal import LANGUAGE, Terminal, show_error
from connector.cli.words import command_in, in_plain_words, name_values
from connector.errors import ConnectorError, WrongUsage

COMMANDS = {
    "demo": "demo",
    "sandbox": "sandbox",
    "init": "init",
    "connect": "connect",
    "connections": "connect",
    "disconnect": "connect",
    "sync": "sync",
    "setup": "setup",
    "audit": "audit",
    "kvk": "kvk",
    "check": "check",
    "ingest": "ingest",
    "invoices": "invoices",
    "recipients": "recipients",
    "send": "send",
    "run": "run",
    "doctor": "doctor",
}
"""Every command and the module that holds it, in the order of the help text."""
GROUPS = ("setup", "audit", "kvk", "invoices", "recipients")
"""Commands that have commands of their own."""
GLOBAL_OPTIONS = frozenset({"--config", "--verbose", "-v", "--quiet", "--lang"})


def program(words: list[str]) -> typer.Typer:
    """The command line for these words: only the module of the command asked for is imported, all of them for help."""
    app = typer.Typer(
        name="connector",
        help="Connects Exact Online divisions to InvoiceSharing: customers set up, KvK numbers checked, every "
        "invoice to the right recipient.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode=None,
    )
    app.callback()(options)
    asked = _command_in(words)
    for module in dict.fromkeys([COMMANDS[asked]] if asked else COMMANDS.values()):
        import_module(f"connector.cli.{module}").register(app)
    return app


def _command_in(words: list[str]) -> str | None:
    """The command asked for: the first word that is no global option and no value of one."""
    rest = iter(words)
    for word in rest:
        if word in {"--config", "--lang"}:
            next(rest, None)
        elif not word.startswith("-"):
            return word if word in COMMANDS else None
    return None


def options(
    context: typer.Context,
    config: Annotated[
        Path, typer.Option("--config", envvar="CONNECTOR_CONFIG", help="The settings; see config.example.toml.")
    ] = Path("config.toml"),
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more; show where an error came from.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only data and errors.")] = False,
    lang: Annotated[
        str | None,
        typer.Option(
            "--lang",
            envvar="CONNECTOR_LANG",
            metavar="nl|en",
            help="Else nl for reports and mails, en for the terminal. In Dutch are: audit kvk, kvk, check, demo, what "
            "`invoices show` says of reasons and findings, and most hints.",
        ),
    ] = None,
) -> None:
    """Take the options that all commands share."""
    if lang not in {None, "nl", "en"}:
        raise WrongUsage(f"--lang {lang} is not a language we write", hint="nl or en")
    log.configure(logging.DEBUG if verbose else logging.CRITICAL)  # a command's errors are lines of their own
    LANGUAGE.set(lang or "en")
    context.obj = Terminal(config=config, verbose=verbose, quiet=quiet, language=lang)


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; never a traceback unless -v."""
    words = sys.argv[1:] if arguments is None else arguments
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what is under way ends in order
    _write_utf8()
    try:
        command = get_command(program(words))
        name_values(command)
        code = command(args=words, standalone_mode=False, prog_name="connector")
    except ConnectorError as error:
        if isinstance(error, WrongUsage) and not error.hint:
            error.hint = _help_of(words)
        show_error(error)
        _trace(words)
        return error.exit_code
    except typer.Exit as error:
        return error.exit_code
    except TyperException as error:  # wrong words: an unknown option, a missing argument
        _show_wrong_words(error, words)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("stopped\n")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:  # the last line of defence: a person gets a sentence, not a traceback
        sys.stderr.write(f"error: something unforeseen happened ({type(error).__name__})\n")
        sys.stderr.write("hint: run it again with -v in front of the command, and report what it shows\n")
        _trace(words)
        return 1
    return code if isinstance(code, int) else 0


def _write_utf8() -> None:
    """Write UTF-8 whatever the system's code page is: Windows' have no arrow, and lack letters of people's names."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # half a character, as file names may have, is written \\udcXX: also in JSON that is what it means
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _show_wrong_words(error: TyperException, words: list[str]) -> None:
    """What Typer says of the words, with the command whose help explains them; a group without a command: its help."""
    message = getattr(error, "format_message", lambda: str(error))()
    if message.lstrip().startswith("Usage:"):
        sys.stderr.write(message.strip() + "\n")
        return
    option = message.removeprefix("No such option: ").split()[0] if message.startswith("No such option: ") else ""
    if option in GLOBAL_OPTIONS:
        show_error(WrongUsage(f"{option} does not go here", hint=f"it stands before the command: connector {option} …"))
    else:
        context = getattr(error, "ctx", None)
        hint = f"see `{context.command_path} --help`" if context is not None else _help_of(words)
        show_error(WrongUsage(in_plain_words(message), hint=hint))


def _help_of(words: list[str]) -> str:
    return f"see `{command_in(words, GROUPS, list(COMMANDS))} --help`"


def _trace(words: list[str]) -> None:
    if "-v" in words or "--verbose" in words:
        traceback.print_exc()
