"""How the command line speaks of its own words: what a value is called in the help, and wrong words in plain English.

Typer brings its types and its checker's sentences; neither is for a bookkeeper.
"""

import re
from collections.abc import Sequence
from typing import Any

VALUES = {
    "--config": "FILE", "--out": "FILE", "--output": "FILE", "planfile": "PLANFILE", "file": "FILE",
    "--division": "CODE", "division": "CODE", "--customer": "CODE", "--run": "ID", "--delimiter": "C",
    "--customers": "N", "--invoices": "N", "--divisions": "N", "--seed": "N", "--port": "N", "--limit": "N",
    "--speed": "X", "--token-life": "SECONDS", "--today": "DATE",
    "--name": "NAME", "--email": "ADDRESS", "--language": "nl|en",
    "--kvk": "N", "--oin": "N", "--gln": "N", "--vat": "N",
}  # fmt: skip
"""By option or argument, what its value is called; the words of interfaces.md."""
_PLAIN = (
    (r"Invalid value for '(?P<option>[^']+)': (?P<rest>.*)", r"\g<option>: \g<rest>"),
    (r"Value error, ", ""),
    (r"Input should be a valid integer, unable to parse string as an integer", "a whole number is needed"),
    (r"Input should be a valid number, unable to parse string as a number", "a number is needed"),
    (r"Input should be greater than or equal to (\S+)", r"at least \1 is needed"),
    (r"Input should be less than or equal to (\S+)", r"at most \1 is possible"),
    (r"'([^']*)' does not match the formats? .*", r"\1 is no day such as 2026-11-02"),
    (r"'([^']*)' is not one of (.*)", r"\1 is not one of \2"),
    (r"No such command '([^']*)'", r"there is no command \1"),
    (r"No such option: (\S+)", r"there is no option \1"),
    (r"Option '([^']*)' requires an argument", r"\1 needs a value"),
    (r"Missing option '([^']*)'", r"\1 is missing"),
    (r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", r"too many words: \1"),
    (r"Missing argument '([^']*)'", r"\1 is missing"),
)


def name_values(command: Any) -> None:
    """Give the values of a command and of those below it their names for the help."""
    for each in command.params:
        if each.metavar is None:
            each.metavar = VALUES.get(each.opts[0])
    for below in getattr(command, "commands", {}).values():
        name_values(below)


def in_plain_words(message: str) -> str:
    """What Typer says of wrong words, for somebody who never heard of it.

    >>> in_plain_words("Invalid value for '--division': Input should be a valid integer, unable to parse string as an "
    ... "integer")
    '--division: a whole number is needed'
    >>> in_plain_words("Invalid value for '--format': Value error, 'doc' is not one of 'table', 'json'.")
    '--format: doc is not one of table, json'
    """
    for pattern, plain in _PLAIN:
        message = re.sub(pattern, plain, message)
    return message.replace("'", "").rstrip(".")


def command_in(words: Sequence[str], groups: Sequence[str], commands: Sequence[str]) -> str:
    """The command that these words are for, as its help is asked for.

    >>> command_in(["--lang", "nl", "setup", "plan", "--customer"], ["setup"], ["sync", "setup"])
    'connector setup plan'
    """
    at = next((place for place, word in enumerate(words) if word in commands), None)
    if at is None:
        return "connector"
    following = words[at + 1] if words[at] in groups and at + 1 < len(words) else ""
    return " ".join(filter(None, ["connector", words[at], following if re.fullmatch("[a-z]+", following) else ""]))
