"""customers/report: the sheet, the page and the PDF hold what the csv holds, each fit for its reader."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html
from pypdf import PdfReader
from reportlab.lib.units import mm

from connector.customer import CustomerId, Division
from connector.customers.audit import FINE, Before, FindingStatus, InvoiceFact, audit, compare
from connector.customers.report.csv_file import as_csv
from connector.customers.report.html_page import as_html
from connector.customers.report.json_file import as_json
from connector.customers.report.pdf_pages import _COLUMN_WIDTHS, _LEAST_HEIGHT, as_pdf
from connector.customers.report.rows import COLUMNS, DUTCH_COLUMNS, DivisionAudit
from connector.customers.report.wording import STATUSES, WORDS
from connector.customers.report.xlsx_file import as_xlsx

from .cards import TODAY, make_customer

WRITERS: dict[str, Callable[..., bytes]] = {"csv": as_csv, "xlsx": as_xlsx, "html": as_html, "pdf": as_pdf}
languages = pytest.mark.parametrize("language", ["nl", "en"])


def made(division: int = 123456, name: str = "Café De Wilg B.V.") -> DivisionAudit:
    """The audit of a division with one customer of nearly every status, and one that is fine."""
    customers = [
        make_customer("6", name=name, postcode="1234 AB", city="Voorbeeldstad", kvk="5807003"),
        make_customer("7", name="Kwekerij Zeven", kvk="20147376"),
        make_customer("8", name="Smederij Acht", kvk=""),
        make_customer("9", name="=1+1", kvk="n.v.t."),
        make_customer("10", name="Drukkerij Tien", kvk="20147377"),
        make_customer("11", name="Slagerij Elf", kvk="20147377"),
        make_customer("0012", name="Molen Twaalf", kvk="000012340000"),
    ]
    facts = [
        InvoiceFact(customer=customers[0].id, date=date(2026, 10, 1), amount=Decimal("8100.10")),
        InvoiceFact(customer=customers[2].id, date=date(2026, 9, 30), amount=Decimal("-12.34")),
    ]
    return DivisionAudit(
        division=Division(division),
        name=f"Kantoor {division}",
        generated_at=datetime(2026, 11, 2, 12, tzinfo=UTC),
        audit=audit(customers, facts, own_kvk="", today=TODAY),
    )


def sheet_of(content: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]


def csv_rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def pdf_text(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


def printed(value: object) -> str:
    """A cell of the sheet as the csv has it."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    return "" if value is None else str(value)


@pytest.mark.parametrize("everybody", [False, True])
def test_sheet_holds_the_rows_of_the_csv(everybody: bool) -> None:
    """Column by column and row by row, over two divisions."""
    audits = [made(), made(654321)]

    sheet = sheet_of(as_xlsx(audits, language="en", everybody=everybody))

    rows = [[printed(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    expected = csv_rows(as_csv(audits, language="en", everybody=everybody))
    amount = COLUMNS.index("amount_12m")
    for row, csv_row in zip(rows[1:], expected[1:], strict=True):
        row[amount] = f"{float(row[amount]):.2f}"
        csv_row[2] = csv_row[2].removeprefix("'")  # in the sheet a text is a text
    assert rows == expected
    assert len(rows) == 1 + 2 * (7 if everybody else 6)


@pytest.mark.parametrize("everybody", [False, True])
@languages
def test_page_holds_the_rows_of_the_report(language: str, everybody: bool) -> None:
    """Each division has a section with its customers in the report's order and their numbers."""
    audits = [made(), made(654321)]

    page = html.fromstring(as_html(audits, language=language, everybody=everybody))

    tables = page.xpath("//section[starts-with(@aria-labelledby, 'division-')]//tbody")
    shown = [[("".join(row[0].itertext()), "".join(row[3].itertext()), row[2].text) for row in t] for t in tables]
    money = {"nl": ("€ 8.100,10", "€ -12,34"), "en": ("€ 8,100.10", "€ -12.34")}[language]
    findings = [f for f in audits[0].audit.findings if everybody or f.status not in FINE]
    assert [[row[:2] for row in table] for table in shown] == 2 * [[(f.customer.code, f.kvk) for f in findings]]
    assert {row[2] for row in shown[0]} >= set(money)


@languages
def test_pdf_holds_the_rows_of_the_report(language: str) -> None:
    """The text of the pages has every customer, number and proposal, in the report's order, once a division."""
    audits = [made(), made(654321)]

    text = pdf_text(as_pdf(audits, language=language))

    names = [f.customer.name for f in audits[0].audit.findings if f.status not in FINE]
    assert re.findall("|".join(map(re.escape, names)), text) == 2 * names
    for word in ("5807003", "05807003", "000012340000", "1234 AB Voorbeeldstad"):
        assert text.count(word) >= 2
    assert "Kwekerij Zeven" not in text


@languages
def test_all_formats_tell_the_outcome(language: str) -> None:
    """The sentence with the counts and the money stands on the page, in the PDF and on the sheet that explains."""
    audits = [made()]
    sentence = {"nl": "Risico: 2 facturen van de laatste 12 maanden, € 8.087,76.", "en": "At risk: 2 invoices"}[
        language
    ]

    workbook = openpyxl.load_workbook(io.BytesIO(as_xlsx(audits, language=language)))
    explained = " ".join(printed(cell) for row in workbook.worksheets[1].iter_rows(values_only=True) for cell in row)

    assert sentence in explained
    assert sentence in as_html(audits, language=language).decode()
    assert sentence in pdf_text(as_pdf(audits, language=language)).replace("\n", " ")


@pytest.mark.parametrize("format", list(WRITERS))
@languages
def test_same_audit_same_bytes(format: str, language: str) -> None:
    """Nothing of the moment or the machine gets into a report."""
    write = WRITERS[format]

    assert write([made()], language=language) == write([made()], language=language)


def test_sheet_was_made_when_the_report_was() -> None:
    """The workbook carries the report's own moment, in UTC, and not that of the writing."""
    workbook = openpyxl.load_workbook(io.BytesIO(as_xlsx([made()], language="nl")))

    assert workbook.properties.created == datetime(2026, 11, 2, 12)  # noqa: DTZ001  # openpyxl gives it without a zone


def test_amounts_are_in_the_divisions_currency() -> None:
    """Page and PDF of an administration that is kept in another currency than the euro show no euros."""
    audits = [replace(made(), currency="GBP")]

    texts = [html.fromstring(as_html(audits, language="en")).text_content(), pdf_text(as_pdf(audits, language="en"))]

    assert [(text.count("GBP 8,100.10") > 0, text.count("GBP 8,087.76") > 1, "€" in text) for text in texts] == [
        (True, True, False)
    ] * 2


def test_pdf_shows_names_as_they_are() -> None:
    """What looks like markup in a name is printed, not obeyed."""
    assert "<b>Zn</b> & Co" in pdf_text(as_pdf([made(name="<b>Zn</b> & Co")], language="nl"))


def test_sheet_takes_any_name() -> None:
    """A name longer than Excel's 32,767 characters is cut, and a bell in it becomes a space: the cell is not empty."""
    sheet = sheet_of(as_xlsx([made(name="\a" + "x" * 40_000)], language="nl"))

    assert sheet.cell(2, 3).value == " " + "x" * 32_766


def test_sheet_keeps_zeros_and_formulas_as_text() -> None:
    """A number that begins with zeros and a name that begins with = are texts, also once somebody edits the cell."""
    sheet = sheet_of(as_xlsx([made()], language="nl"))

    cells = {row[1].value: row for row in sheet.iter_rows(min_row=2)}
    kvk, name = cells["0012"][6], cells["9"][2]
    assert (kvk.value, kvk.data_type, kvk.number_format) == ("000012340000", "s", "@")
    assert (name.value, name.data_type, name.number_format) == ("=1+1", "s", "@")
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


def test_sheet_has_amounts_and_dates_to_calculate_with() -> None:
    """Money is a number and a date a date, so that a spreadsheet can add and sort."""
    sheet = sheet_of(as_xlsx([made()], language="nl"))

    last_day, invoices, amount = (sheet.cell(2, column) for column in (11, 12, 13))
    assert (last_day.value, last_day.is_date) == (datetime(2026, 10, 1), True)  # noqa: DTZ001  # a sheet has no zones
    assert (invoices.value, amount.value, amount.number_format) == (1, 8100.10, "#,##0.00")


def test_sheet_asks_for_eight_digits() -> None:
    """The last column is text to fill in, checked while typing, with the heads frozen and a filter above the rows."""
    sheet = sheet_of(as_xlsx([made()], language="nl"))

    (validation,) = sheet.data_validations.dataValidation
    assert (str(validation.sqref), validation.type) == ("N2:N7", "custom")
    assert "cht cijfers" in validation.prompt
    assert {(cell.number_format, cell.fill.fgColor.rgb) for (cell,) in sheet["N2:N7"]} == {("@", "FFFFF2CC")}
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("D2", "A1:N7")


class Spreadsheet:
    """As much of a spreadsheet as the rule for the last column uses; every value may be an error, which spreads."""

    ERROR: ClassVar[object] = object()

    def __init__(self, value: object) -> None:
        self.value = value

    def __mul__(self, other: Spreadsheet) -> Spreadsheet:
        """A text counts where it is a number by itself."""
        digits = [each.value for each in (self, other) if re.fullmatch(r"-?[0-9]+", str(each.value), re.ASCII)]
        return Spreadsheet(int(digits[0]) * int(digits[1]) if len(digits) == 2 else self.ERROR)

    @classmethod
    def holds(cls, formula: str, cell: str, text: str) -> bool:
        """Calculate a formula of AND, LEN, ISNUMBER, MID and * with this text in the cell."""
        names = {
            "AND": lambda *parts: all(parts),
            "LEN": len,
            "ISNUMBER": lambda value: value.value is not cls.ERROR,
            "MID": lambda whole, first, count: cls(whole[first - 1 : first - 1 + count]),
            cell: text,
        }
        return bool(eval(re.sub(r"(?<![<>=])=", "==", formula), {"__builtins__": {}}, names))


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        ("12345678", True),
        ("05807003", True),
        ("00000000", True),
        ("1234567", False),
        ("123456789", False),
        ("1E345678", False),
        ("-1234567", False),
        ("+1234567", False),
        ("12.45678", False),
        (" 1234567", False),
        ("1234567 ", False),
        ("12-11-26", False),
        ("ABCDEFGH", False),
    ],
)
def test_only_eight_digits_are_taken(text: str, is_taken: bool) -> None:
    """What a spreadsheet would take for a number of eight characters is none: each character has to be a digit."""
    (validation,) = sheet_of(as_xlsx([made()], language="nl")).data_validations.dataValidation

    assert Spreadsheet.holds(validation.formula1, "N2", text) is is_taken


def test_print_has_every_column() -> None:
    """The list is printed with the column to write in, and no more."""
    sheet = sheet_of(as_xlsx([made()], language="nl"))

    assert sheet.print_area == "'KvK'!$A$1:$N$7"


def test_name_does_not_turn_a_row_about() -> None:
    """Marks that change the direction of the text around them are left out of the page."""
    turned = "".join(map(chr, (0x202E, 0x2066, 0x200F, 0x061C)))

    page = as_html([made(name=f"Omge{turned}keerd")], language="nl").decode()

    assert not set(turned) & set(page)
    assert "Omgekeerd" in page


@languages
def test_report_is_for_an_accountant(language: str) -> None:
    """It names no option of a command line, and calls the money by one word."""
    audits = [replace(made(), audit=replace(made().audit, summary=replace(made().audit.summary, doubtful=3)))]

    text = html.fromstring(as_html(audits, language=language)).find("body").text_content()

    assert re.findall(r"--\w+", text) == []
    assert "op het spel" not in text


def test_handwriting_has_room_in_print() -> None:
    """Eight digits by hand take some 4 mm each: the last column of the PDF has that, on a row high enough."""
    assert _COLUMN_WIDTHS[-1] >= 8 * 4 * mm
    assert 7 * mm <= _LEAST_HEIGHT


@pytest.mark.parametrize(("language", "columns"), [("nl", DUTCH_COLUMNS), ("en", COLUMNS)])
def test_sheet_of_nobody_is_a_sheet(language: str, columns: tuple[str, ...]) -> None:
    """Without rows there are headings, and no rule for cells that are not there."""
    empty = DivisionAudit(
        division=Division(1),
        name="Leeg",
        generated_at=datetime(2026, 11, 2, tzinfo=UTC),
        audit=audit([], [], own_kvk="", today=TODAY),
    )

    sheet = sheet_of(as_xlsx([empty], language=language))

    assert [tuple(row) for row in sheet.iter_rows(values_only=True)] == [columns]
    assert WORDS[language].nothing_to_show in as_html([empty], language=language).decode()
    assert WORDS[language].nothing_to_show in pdf_text(as_pdf([empty], language=language))


def test_page_needs_nothing_else() -> None:
    """No script, no picture, no other file, no address: and a policy that forbids them all."""
    page = html.fromstring(as_html([made()], language="nl"))

    assert (
        page.xpath("//script | //img | //link | //iframe | //*[@src] | //*[@href] | //@*[starts-with(name(), 'on')]")
        == []
    )
    assert "url(" not in page.xpath("string(//style)")
    policy = page.xpath("string(//meta[@http-equiv='Content-Security-Policy']/@content)")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert page.get("lang") == "nl"


def test_page_shows_names_as_they_are() -> None:
    """What looks like markup in a name is shown, not obeyed."""
    name = "<script>alert('x')</script> & Zn"

    page = html.fromstring(as_html([made(name=name)], language="nl"))

    assert page.xpath("//script") == []
    assert name in page.xpath("string(//tbody[1])")


def test_page_colours_have_contrast() -> None:
    """Each text colour on the ground it is used on has at least the 4.5:1 that WCAG 2.2 asks for (1.4.3)."""
    style = html.fromstring(as_html([made()], language="nl")).xpath("string(//style)")
    variables = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", style))
    pairs = [(variables[name], "#ffffff") for name in ("ink", "grey", "accent")]
    pairs += re.findall(r"color: (#[0-9a-f]{6}); background: (#[0-9a-f]{6})", style)
    pairs += [(variables["ink"], ground) for ground in re.findall(r"background: (#[0-9a-f]{6})", style)]

    assert len(pairs) >= 8
    assert [pair for pair in pairs if contrast(*pair) < 4.5] == []


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_pdf_repeats_its_head_and_counts_its_pages() -> None:
    """On every page of a long list stand the headings of the columns and which page it is."""
    customers = [make_customer(str(code), kvk="") for code in range(1, 60)]
    long = DivisionAudit(
        division=Division(1),
        name="Kantoor",
        generated_at=datetime(2026, 11, 2, tzinfo=UTC),
        audit=audit(customers, [], own_kvk="", today=TODAY),
    )

    pages = PdfReader(io.BytesIO(as_pdf([long], language="nl"))).pages

    texts = [page.extract_text() for page in pages]
    assert len(texts) > 2
    assert [number for number, text in enumerate(texts, 1) if f"Pagina {number} van {len(texts)}" not in text] == []
    with_rows = [text for text in texts if "Bakkerij Voorbeeld" in text]
    assert len(with_rows) > 1
    assert [text for text in with_rows if "Bijzonderheid" not in text] == []
    assert float(pages[0].mediabox.width) > float(pages[0].mediabox.height)


def test_pdf_has_every_row_once_where_pages_end() -> None:
    """Over all pages each customer stands once, in the order of the report, also those whose text takes more lines."""
    names = [f"Klant {code:03} {'met een lange naam ' * (code % 4)}".strip() for code in range(1, 91)]
    customers = [make_customer(str(code), name=name, kvk="") for code, name in enumerate(names, 1)]
    long = DivisionAudit(
        division=Division(1),
        name="Kantoor",
        generated_at=datetime(2026, 11, 2, tzinfo=UTC),
        audit=audit(customers, [], own_kvk="", today=TODAY),
    )

    text = pdf_text(as_pdf([long], language="nl"))

    assert re.findall(r"Klant (\d{3})", text) == [f"{code:03}" for code in range(1, 91)]


@settings(max_examples=25)
@given(text=st.text(st.characters(codec="utf-8"), max_size=60))
def test_whatever_a_card_holds_can_be_written(text: str) -> None:
    """Any name and any number on a card come out in every format, which stays a file of its kind."""
    customer = make_customer("6", name=text, kvk=text, city=text)
    audits = [
        DivisionAudit(
            division=Division(1),
            name=text,
            generated_at=datetime(2026, 11, 2, tzinfo=UTC),
            audit=audit([customer], [], own_kvk="", today=TODAY),
        )
    ]

    sheet = sheet_of(as_xlsx(audits, language="nl", everybody=True))
    page = html.fromstring(as_html(audits, language="nl", everybody=True))
    pages = PdfReader(io.BytesIO(as_pdf(audits, language="nl", everybody=True))).pages

    assert (sheet.max_row, len(page.xpath("//tbody")[0]), len(pages) >= 1) == (2, 1, True)
    assert sheet.cell(2, 3).data_type in {"s", "n"}  # n: an empty cell


def test_workbook_is_no_larger_than_it_says() -> None:
    """What is read back has limits: a report of 5,000 customers stays far within them."""
    customers = [make_customer(str(code), kvk="") for code in range(1, 5001)]
    big = DivisionAudit(
        division=Division(1),
        name="Kantoor",
        generated_at=datetime(2026, 11, 2, tzinfo=UTC),
        audit=audit(customers, [], own_kvk="", today=TODAY),
    )

    content = as_xlsx([big], language="nl")

    unpacked = sum(each.file_size for each in zipfile.ZipFile(io.BytesIO(content)).infolist())
    assert (len(content) < 2_000_000, unpacked < 20_000_000) == (True, True)


@languages
def test_every_status_is_explained(language: str) -> None:
    """Each status of the audit has a word, a meaning and a remedy, and the page tells them."""
    page = html.fromstring(as_html([made()], language=language)).text_content()

    assert set(STATUSES[language]) == set(FindingStatus)
    assert [told.meaning for told in STATUSES[language].values() if told.meaning not in page] == []


def test_json_has_the_same_rows() -> None:
    """The JSON names the customers of the csv in the same order."""
    audits = [made(), made(654321)]

    document: Any = as_json(audits)

    codes = [finding["customer"]["code"] for each in document["divisions"] for finding in each["findings"]]
    assert codes == [row[1] for row in csv_rows(as_csv(audits, language="en"))[1:]]


@languages
def test_comparison_shows_what_was_solved(language: str) -> None:
    """What is fine now and was not is shown too, with what was there before; what was fine and is fine is not."""
    now = [make_customer("7", kvk="20147376"), make_customer("8", kvk="20147377"), make_customer("9", kvk="")]
    earlier = {
        CustomerId("customer-7"): Before(status=FindingStatus.MALFORMED, kvk="2014737"),
        CustomerId("customer-8"): Before(status=FindingStatus.OK, kvk="20147370"),
        CustomerId("customer-9"): Before(status=FindingStatus.MISSING, kvk=""),
    }
    compared = compare(audit(now, [], own_kvk="", today=TODAY), earlier)
    audits = [replace(made(), audit=compared, since=date(2026, 10, 1))]

    rows = csv_rows(as_csv(audits, language="en"))
    page = html.fromstring(as_html(audits, language=language)).text_content()
    document: Any = as_json(audits)

    assert [(row[1], row[7], row[8]) for row in rows[1:]] == [("7", "ok", "solved (was: malformed, 2014737)")]
    assert {"nl": "1 oktober 2026: 1 verschil.", "en": "1 October 2026: 1 difference."}[language] in page
    assert document["divisions"][0]["since"] == "2026-10-01"
    assert [(one["change"], one["before"]) for one in document["divisions"][0]["findings"]] == [
        ("solved", {"status": "malformed", "kvk": "2014737"})
    ]
    everybody = csv_rows(as_csv(audits, language="nl", everybody=True, delimiter=","))
    assert [(row[1], row[8]) for row in everybody[1:]] == [
        ("7", "opgelost (was: onjuist, 2014737)"),
        ("8", "gewijzigd (was: in orde, 20147370)"),
    ]
