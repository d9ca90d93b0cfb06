"""customers/report: the audit as JSON, csv and table."""

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from connector.customer import Division
from connector.customers.audit import AuditSummary, InvoiceFact, audit, compare
from connector.customers.report.csv_file import as_csv
from connector.customers.report.json_file import as_json, json_bytes
from connector.customers.report.rows import DivisionAudit, made_on, summary_line
from connector.customers.report.screen import as_table
from connector.customers.sheet import read_sheet

from .cards import TODAY, make_customer


def report(name: str = "Smederij Verzonnen") -> list[DivisionAudit]:
    """The audit of a division with one customer that lost a zero and one that is fine."""
    customers = [
        make_customer("6", name=name, postcode="1234 AB", city="Voorbeeldstad", kvk="5807003"),
        make_customer("7", kvk="20147376"),
    ]
    facts = [InvoiceFact(customer=customers[0].id, date=date(2026, 10, 1), amount=Decimal("8100"))]
    return [
        DivisionAudit(
            division=Division(123456),
            name="Kantoor Voorbeeld",
            generated_at=datetime(2026, 11, 2, 12, tzinfo=UTC),
            audit=audit(customers, facts, own_kvk="", today=TODAY),
        )
    ]


def test_json_has_the_shape_of_the_contract() -> None:
    """Key by key what interfaces.md shows."""
    document = as_json(report())

    assert document == {
        "divisions": [
            {
                "division": 123456,
                "name": "Kantoor Voorbeeld",
                "generated_at": "2026-11-02T12:00:00Z",
                "summary": {
                    "customers": 2, "ok": 1, "missing": 0, "invalid": 1, "not_applicable": 0, "doubtful": 0,
                    "invoices_at_risk": 1, "amount_at_risk": "8100.00",
                },
                "findings": [
                    {
                        "customer": {
                            "id": "customer-6", "code": "6", "name": "Smederij Verzonnen", "country": "NL",
                            "postcode": "1234 AB", "city": "Voorbeeldstad",
                        },
                        "kvk": "5807003", "status": "malformed", "detail": "7 digits; leading zero lost?",
                        "proposal": "05807003", "last_invoice_date": "2026-10-01", "invoices_12m": 1,
                        "amount_12m": "8100.00",
                    }
                ],
            }
        ]
    }  # fmt: skip


def test_json_file_reads_back() -> None:
    """The file holds the document, letters with accents as they are."""
    document = as_json(report("Café Verzonnen"))

    content = json_bytes(document)

    assert json.loads(content) == document
    assert "Café".encode() in content


@pytest.mark.parametrize(("everybody", "rows"), [(False, 1), (True, 2)])
def test_all_shows_the_fine_ones_too(everybody: bool, rows: int) -> None:
    """Without --all only those that somebody has to look at."""
    lines = as_csv(report(), language="en", everybody=everybody).decode("utf-8-sig").splitlines()

    assert len(lines) == 1 + rows


def test_english_csv() -> None:
    """Comma, decimal point, the columns of interfaces.md in their order, CRLF and a byte order mark."""
    content = as_csv(report(), language="en")

    assert content == (
        b"\xef\xbb\xbfdivision,customer_code,customer_name,country,postcode,city,kvk,status,detail,proposal,"
        b"last_invoice_date,invoices_12m,amount_12m,new_kvk\r\n"
        b"123456,6,Smederij Verzonnen,NL,1234 AB,Voorbeeldstad,5807003,malformed,7 digits; leading zero lost?,"
        b"05807003,2026-10-01,1,8100.00,\r\n"
    )


def test_dutch_csv() -> None:
    """Semicolon, decimal comma, Dutch headings and details."""
    rows = list(csv.reader(io.StringIO(as_csv(report(), language="nl").decode("utf-8-sig")), delimiter=";"))

    assert rows[0][:3] + rows[0][-2:] == ["administratie", "relatiecode", "relatienaam", "bedrag_12m", "nieuw_kvk"]
    assert (rows[1][8], rows[1][-2], rows[1][-1]) == ("7 cijfers; voorloopnul weggevallen?", "8100,00", "")


def test_delimiter_can_be_told() -> None:
    """--delimiter wins over the language."""
    assert as_csv(report(), language="nl", delimiter="\t").count(b"\t") == 2 * 13


hostile = st.lists(st.sampled_from(["=", "+", "-", "@", "\t", "\r", "\n", "|", ";", ",", '"', "'", " ", "1", "a"])).map(
    "".join
)


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
@given(name=hostile | st.text(st.characters(codec="utf-8"), max_size=20))
def test_no_cell_is_a_formula(separator: str, name: str) -> None:
    """Whatever a customer is called, and whatever a spreadsheet takes for the separator: no cell is calculated."""
    content = as_csv(report(name), language="en").decode("utf-8-sig")

    rows = csv.reader(io.StringIO(content, newline=""), delimiter=separator)
    raw = re.split(f"[{re.escape(separator)}\r\n]", content)
    cells = [cell for row in rows for cell in row] + raw
    assert [cell for cell in cells if re.match(r'[\s"]*[=+@-]', cell)] == []


@given(hostile)
def test_name_comes_back_from_the_csv(name: str) -> None:
    """What the filled-in report says of a name is what the card says, line breaks as spaces and none at the ends."""
    content = as_csv(report(name), language="nl")

    (row,) = read_sheet(content)

    assert (row.name or "").strip() == re.sub(r"[\t\r\n]", " ", name).strip()


def test_no_field_of_a_card_is_a_formula() -> None:
    """Whatever text of a card stands in a cell: none but a negative amount begins as a formula does."""
    customer = make_customer("=6", name="=1", country="=N", postcode="=2", city="@V", kvk="=cmd|' /C calc'!A0")
    (made,) = report()
    audited = audit([customer], [], own_kvk="", today=TODAY)

    content = as_csv([replace(made, audit=audited)], language="nl", everybody=True).decode("utf-8-sig")

    _, row = csv.reader(io.StringIO(content, newline=""), delimiter=";")
    assert [cell for cell in row if cell.startswith(("=", "+", "-", "@"))] == []
    assert row[1] == "'=6"


def test_page_and_pdf_tell_when_the_report_was_made() -> None:
    """By the clock in Amsterdam, where it is another day half an hour before midnight in UTC."""
    (made,) = report()
    late = replace(made, generated_at=datetime(2026, 11, 1, 23, 30, tzinfo=UTC))

    assert "2 november 2026" in made_on(late, "nl")
    assert "00:30" in made_on(late, "nl")


def test_new_customer_has_no_earlier_status_in_the_json() -> None:
    """A customer that the earlier report did not know is new, and `before` is null."""
    (made,) = report()

    document = as_json([replace(made, audit=compare(made.audit, {}), since=TODAY)])

    (division,) = document["divisions"]  # type: ignore[misc]  # JSON
    assert [(one["change"], one["before"]) for one in division["findings"]] == [("new", None)]


def test_table_shows_names_as_they_are() -> None:
    """A name is never read as markup, nor does it reach the terminal with control characters."""
    console = Console(width=200, file=io.StringIO(), force_terminal=False)

    console.print(as_table(report("[red]Rood[/] \x1b[31mB.V."), language="nl"))

    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "[red]Rood[/]" in shown
    assert "\x1b" not in shown
    assert "onjuist" in shown
    assert "€ 8.100,00" in shown


def test_amounts_are_in_the_divisions_currency() -> None:
    """An administration that is kept in another currency than the euro does not get euros."""
    (made,) = report()
    console = Console(width=200, file=io.StringIO(), force_terminal=False)

    console.print(as_table([replace(made, currency="GBP")], language="en"))

    shown = console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO from above
    assert shown.count("GBP 8,100.00") == 2
    assert "€" not in shown


@pytest.mark.parametrize(
    ("missing", "invalid", "language", "line"),
    [
        (12, 5, "nl", "12 van 340 klanten missen een KvK-nummer; bij 5 klanten klopt het nummer niet. "
         "Risico: 31 facturen van de laatste 12 maanden, € 48.210,55."),
        (1, 1, "nl", "1 van 340 klanten mist een KvK-nummer; bij 1 klant klopt het nummer niet. "
         "Risico: 31 facturen van de laatste 12 maanden, € 48.210,55."),
        (12, 5, "en", "12 of 340 customers have no KvK number; 5 have one that is wrong. "
         "At risk: 31 invoices of the last 12 months, € 48,210.55."),
        (0, 0, "nl", "Bij alle 340 klanten is het KvK-nummer in orde of niet nodig."),
        (0, 0, "en", "All 340 customers have a good KvK number or need none."),
    ],
)  # fmt: skip
def test_summary_in_plain_words(missing: int, invalid: int, language: str, line: str) -> None:
    """The line above the table is a sentence that an accountant understands."""
    summary = AuditSummary(
        customers=340, ok=323, missing=missing, invalid=invalid, not_applicable=0,
        invoices_at_risk=31, amount_at_risk=Decimal("48210.55"),
    )  # fmt: skip

    assert summary_line(summary, language) == line
