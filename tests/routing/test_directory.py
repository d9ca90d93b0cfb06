"""routing/directory.py: look-ups by number, mail addresses, and the csv."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import WrongUsage
from connector.routing.directory import Directory, Recipient, rows_from_csv, rows_to_csv, valid_address

from .parties import KVK, OIN_OF_KVK, OTHER_KVK, OTHER_OIN, make_recipient

HEADING = "name,kvk,oin,gln,vat,channel,address,language\n"


@pytest.mark.parametrize(
    ("fields", "scheme", "value"),
    [
        ({"kvk": KVK}, "0106", f"NL:KVK {KVK}"),
        ({"oin": OTHER_OIN}, "NL:OIN", OTHER_OIN),
        ({"oin": OTHER_OIN}, "0106", OTHER_OIN),
        ({"gln": "8712345000004"}, "0088", "8712345000004"),
        ({"vat": "NL123456782B90"}, "9944", "nl 1234.56.782.B.90"),
        ({"oin": OIN_OF_KVK}, "kvk", KVK),
        ({"kvk": KVK}, "oin", OIN_OF_KVK),
        ({"kvk": "2014 7376"}, "kvk", KVK),
    ],
)
def test_found_however_the_number_is_written(fields: dict[str, str], scheme: str, value: str) -> None:
    """One number is found by all its spellings; a KvK number and the OIN made of it are one."""
    recipient = make_recipient(**fields)

    found = Directory([recipient]).find(scheme, value)

    assert found == (recipient,)


@pytest.mark.parametrize(
    ("scheme", "value"),
    [("kvk", OTHER_KVK), ("vat", KVK), ("kvk", "2014737"), ("kvk", ""), ("", ""), ("oin", OTHER_OIN)],
)
def test_nothing_near_is_found(scheme: str, value: str) -> None:
    """Another number, another scheme, or part of the number finds nobody."""
    assert Directory([make_recipient(kvk=KVK)]).find(scheme, value) == ()


def test_listed_exactly_comes_alone() -> None:
    """Who is listed under the KvK number itself goes before who has it inside an OIN."""
    by_kvk, by_oin = make_recipient(1, kvk=KVK), make_recipient(2, oin=OIN_OF_KVK)

    directory = Directory([by_oin, by_kvk])

    assert directory.find("kvk", KVK) == (by_kvk,)
    assert directory.find("oin", OIN_OF_KVK) == (by_oin,)


def test_both_with_one_number_are_found() -> None:
    """Two recipients under one number are both given; choosing is not the directory's."""
    first, second = make_recipient(1, kvk=KVK), make_recipient(2, kvk=KVK)

    assert Directory([first, second]).find("kvk", KVK) == (first, second)


@pytest.mark.parametrize(
    "address",
    ["ap@gemeente.example", "a.b+c@sub.gemeente.example", "o'neill@x.example", "x" * 64 + "@y.example"],
)
def test_address_is_valid(address: str) -> None:
    """What mail servers take."""
    assert valid_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "", "ap", "ap@", "@x.example", "a@b@c.example", "a b@c.example", "a@b.example; c@d.example",
        "é@b.example", "a@b.example\r\nBcc: c@d.example", "a@b.example\n", "<a@b.example>", '"a"@b.example',
        ".a@b.example", "a..b@c.example", "a@-b.example", "a@localhost", "a@b..example", "x" * 65 + "@y.example",
        "a@" + "b" * 60 + ("." + "c" * 60) * 4 + ".example", "a,b@c.example",
    ],
)  # fmt: skip
def test_address_is_not_valid(address: str) -> None:
    """More than one, nothing, or something a header or an SMTP command would choke on."""
    assert not valid_address(address)


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_csv_is_read_with_either_delimiter(delimiter: str) -> None:
    """Numbers are normalised, the channel and language in any case, a missing language is Dutch."""
    text = f"\ufeff{HEADING}Ontvanger 1,2014 7376,,,,Email,ap1@gemeente.example,\n".replace(",", delimiter)

    rows = rows_from_csv(text)

    assert rows == (make_recipient(0, name="Ontvanger 1", kvk=KVK, address="ap1@gemeente.example"),)


def test_columns_in_any_order_and_fewer() -> None:
    """Columns that are not needed may be left out."""
    rows = rows_from_csv(f"KVK,address,channel,name\r\n{KVK},a@b.example,upload,X\r\n")

    assert (rows[0].kvk, rows[0].channel, rows[0].oin, rows[0].language) == (KVK, "upload", "", "nl")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("X,2014737,,,,email,a@b.example,nl", "line 2: kvk '2014737' is not 8 digits"),
        (f"X,{OTHER_OIN},,,,email,a@b.example,nl", "kvk .* is not 8 digits"),
        ("X,,123,,,email,a@b.example,nl", "oin '123' is not 20 digits"),
        ("X,,,123,,email,a@b.example,nl", "gln '123' is not 13 digits"),
        ("X,,,,123,email,a@b.example,nl", "vat '123' is not a country"),
        (f",{KVK},,,,email,a@b.example,nl", "name is empty"),
        ("X,,,,,email,a@b.example,nl", "none of kvk, oin, gln and vat"),
        (f"X,{KVK},,,,fax,a@b.example,nl", "channel 'fax' is none of email"),
        (f"X,{KVK},,,,email,a@b,nl", "'a@b' is no mail address"),
        (f"X,{KVK},,,,email,a@b.example,fr", "language 'fr' is none of nl, en"),
        (f"X,{KVK},,,,email,a@b.example,nl,more", "more cells than columns"),
        (f'X,{KVK},,,,email,"a@b.example', "line 2: not csv"),
    ],
)
def test_wrong_line_is_named(row: str, message: str) -> None:
    """A line that cannot be used is named with what is wrong, and nothing is read."""
    with pytest.raises(WrongUsage, match=message):
        rows_from_csv(HEADING + row)


def test_every_wrong_line_is_told() -> None:
    """Several wrong lines are told at once, and the many after the fifth only counted."""
    with pytest.raises(WrongUsage, match=r"line 2: .*line 6: .*; and 2 more lines$"):
        rows_from_csv(HEADING + ",,,,,,,\n" * 7)


@pytest.mark.parametrize(
    ("heading", "message"),
    [("name,channel\n", "missing column address"), ("naam\n", "unknown column 'naam'"), ("", "missing column name"),
     ("name,name\n", "column name stands there twice")],
)  # fmt: skip
def test_wrong_columns(heading: str, message: str) -> None:
    """A file with other columns is another file."""
    with pytest.raises(WrongUsage, match=message):
        rows_from_csv(heading)


recipients = st.builds(
    Recipient,
    id=st.just(0),
    name=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1)
    .map(str.strip)
    .filter(lambda name: name and name[0] != "'"),
    kvk=st.just(KVK),
    oin=st.sampled_from(["", OTHER_OIN]),
    gln=st.sampled_from(["", "8712345000004"]),
    vat=st.sampled_from(["", "NL123456782B90"]),
    channel=st.sampled_from(["email", "upload"]),
    address=st.sampled_from(["a@b.example", "+a@b.example", "=1+1@b.example", "'a@b.example"]),
    language=st.sampled_from(["nl", "en"]),
)


@given(st.lists(recipients), st.sampled_from([",", ";"]))
def test_csv_comes_back(rows: list[Recipient], delimiter: str) -> None:
    """What is exported is imported again as it was, names that look like formulas included."""
    assert rows_from_csv(rows_to_csv(rows, delimiter=delimiter)) == tuple(rows)


def test_export_holds_no_formula() -> None:
    """A name that a spreadsheet would calculate goes out behind an apostrophe."""
    text = rows_to_csv([make_recipient(name="=1+1", kvk=KVK)])

    assert text.splitlines()[1].startswith("'=1+1,")


@given(st.text() | st.text().map(lambda rest: HEADING + rest))
def test_any_text_is_rows_or_wrong_usage(text: str) -> None:
    """Nothing that somebody uploads breaks the reader."""
    try:
        rows = rows_from_csv(text)
    except WrongUsage:
        rows = ()

    assert all(valid_address(row.address) for row in rows)
