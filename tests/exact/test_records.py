"""Records: rows as Exact sends them, turned into values."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import ExactUnexpected
from connector.exact import records

ENTITIES = (
    records.Me,
    records.DivisionRecord,
    records.Account,
    records.Contact,
    records.SalesInvoiceRow,
    records.Document,
    records.DocumentAttachment,
    records.Deleted,
    records.VatCode,
    records.BankAccount,
)
KEYS = {"ID": "k", "UserID": "k", "Code": "7", "InvoiceID": "i"}
HEADER = {
    "ID": "11111111-2222-3333-4444-555555555555",
    "InvoiceID": "11111111-2222-3333-4444-555555555555",
    "LineNumber": 0,
    "InvoiceNumber": 20260042,
    "InvoiceDate": "/Date(1793577600000)/",
    "AmountFC": Decimal("121.10"),
    "VATCode": "4  ",
    "Type": 8020,
    "Timestamp": "98765432101",
    "Modified": "/Date(1793620800000)/",
}


def test_account_is_read_without_padding() -> None:
    """Padding goes, Int64 that came as text is a number, an instant is UTC, a date is not shifted."""
    row = {
        "ID": "a",
        "Code": "                 6",
        "Country": "NL ",
        "Timestamp": "123",
        "Blocked": "false",
        "EndDate": "/Date(1793577600000)/",
        "Modified": "/Date(1793620800000)/",
        "SomethingNew": 1,
    }

    account = records.Account.from_json(row)

    assert (account.code, account.country, account.timestamp, account.blocked) == ("6", "NL", 123, False)
    assert account.end_date == date(2026, 11, 2)
    assert account.modified == datetime(2026, 11, 2, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize("entity", ENTITIES)
def test_all_but_the_key_may_be_missing(entity: Any) -> None:
    """A row with nothing but its keys is a record."""
    assert entity.from_json(KEYS)


@pytest.mark.parametrize("entity", ENTITIES)
def test_a_row_without_key_is_named(entity: Any) -> None:
    """Without a key there is nothing to store."""
    with pytest.raises(ExactUnexpected):
        entity.from_json({})


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("value", [{"__deferred": {}}, [], "x", True, Decimal("1.5"), None])
def test_any_value_is_read_or_named(entity: Any, value: object) -> None:
    """A field of the wrong type is an error that names entity and field; nothing else ever comes out."""
    for name in entity.FIELDS:
        try:
            entity.from_json(KEYS | {name: value})
        except ExactUnexpected as error:
            assert f".{name} " in error.message  # noqa: PT017  (either outcome is right)


def test_empty_guid_is_no_reference() -> None:
    """Exact's zero GUID means that there is none."""
    account = records.Account.from_json({"ID": "a", "MainContact": "00000000-0000-0000-0000-000000000000"})

    assert account.main_contact is None


def test_invoice_row_survives_storing() -> None:
    """What is stored as JSON reads back as the same row, amounts to the last digit."""
    row = records.SalesInvoiceRow.from_json(HEADER | {"Unknown": 1})

    back = records.SalesInvoiceRow.from_record(json.loads(json.dumps(row.record)))

    assert back == row
    assert back.amount_fc == Decimal("121.10")
    assert "Unknown" not in row.record


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12))
def test_amounts_survive_storing(amount: Decimal) -> None:
    """No amount changes on its way through the database."""
    row = records.SalesInvoiceRow.from_json(HEADER | {"AmountFC": amount})

    assert records.SalesInvoiceRow.from_record(json.loads(json.dumps(row.record))).amount_fc == amount


def test_vat_code_survives_storing() -> None:
    """A VAT code that is kept from one sync to the next says the same."""
    code = records.VatCode.from_json({"ID": "v", "Code": "4  ", "Percentage": Decimal("0.055"), "Type": "E"})

    assert records.VatCode.from_json(json.loads(json.dumps(code.as_record()))) == code


def test_streams_ask_for_the_timestamp_and_no_name_twice() -> None:
    """Every stream gives its cursor; a name asked for twice would be an error at Exact."""
    for stream in records.STREAMS:
        assert stream.fields[0] == "Timestamp"
        assert len(set(stream.fields)) == len(stream.fields)
