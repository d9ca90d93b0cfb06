"""usecases/fill_kvk.py: a filled-in list is held against the cards and the number of the division that is stored."""

from __future__ import annotations

from connector.usecases.fill_kvk import fill_kvk

from .office import DIVISION, OpenOffice


def test_rows_are_held_against_what_is_stored(open_office: OpenOffice) -> None:
    """The administration's own number is refused by its name, an unknown customer too, and a good row is set."""
    office = open_office(customers=12, invoices=0)
    office.sync()
    numbers = {"1": office.division.kvk, "2": "20147376", "no such": "20147376"}
    text = "\n".join(["division,customer_code,new_kvk", *(f"{DIVISION},{at},{kvk}" for at, kvk in numbers.items())])

    filled = fill_kvk(office.database, text.encode(), office.wiring.pinned())

    assert office.division.kvk
    assert [(one.code, one.verdict.value) for one in filled.verdicts] == [
        ("1", "own_number"),
        ("2", "set"),
        ("no such", "unknown_customer"),
    ]
