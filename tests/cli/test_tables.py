"""Tables on the terminal: what others wrote stands in them as it is, whatever it is."""

from pathlib import Path

import pytest

from connector.customer import Division
from connector.storage import divisions

from .conftest import Office

SAMPLES = Path(__file__).parents[1] / "samples" / "ubl"
MARKUP = "[/b]"
"""Closes what was never opened: as markup of a table it ends the command."""


def test_currency_of_an_invoice_is_no_markup(office: Office) -> None:
    """A currency code that would be markup is listed as it was received."""
    sample = (SAMPLES / "nlcius-invoice.xml").read_text(encoding="utf-8")
    code = "<cbc:DocumentCurrencyCode>"
    (office.folder / "odd.xml").write_text(sample.replace(f"{code}EUR", f"{code}{MARKUP}"), encoding="utf-8")
    assert office.run("ingest", "odd.xml").returncode == 0

    ended = office.run("invoices", "list")

    assert (ended.returncode, MARKUP in ended.stdout.decode()) == (0, True), ended.stderr


@pytest.mark.parametrize("words", [("connections",), ("setup", "status")])
def test_name_of_a_division_is_no_markup(office: Office, words: tuple[str, ...]) -> None:
    """A division may be called anything."""
    office.pin(1)
    with office.database.transaction() as session:
        divisions.update(session, Division(1), name=f"Kantoor {MARKUP}")

    ended = office.run(*words)

    assert (ended.returncode, f"Kantoor {MARKUP}" in ended.stdout.decode()) == (0, True), ended.stderr
