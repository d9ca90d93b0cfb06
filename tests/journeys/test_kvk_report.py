"""From `audit kvk` to a better one: the report is filled in, read back, applied in Exact, and taken back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from connector.exact_sandbox import SandboxServer, expectations

from .installation import DIVISION, Installation, run_program

GOOD = ("20147376", "20147377", "20147378")


def to_fill_in(installation: Installation, *words: str) -> dict[str, int]:
    """Write the report as kvk.xlsx; gives the row of each customer by code."""
    ended = installation.run(*words, "audit", "kvk", "--format", "xlsx", "--output", "kvk.xlsx")
    assert (ended.code, ended.out) == (0, ""), ended.err
    sheet = openpyxl.load_workbook(installation.folder / "kvk.xlsx").worksheets[0]
    return {str(row[1].value): row[0].row for row in sheet.iter_rows(min_row=2)}


def fill_in(path: Path, numbers: dict[int, object], change: Callable[[Any], None] = lambda sheet: None) -> None:
    """What an accountant does: numbers in the last column, by row, and perhaps more."""
    workbook = openpyxl.load_workbook(path)
    sheet = workbook.worksheets[0]
    for row, number in numbers.items():
        sheet.cell(row, 14).value = number
    change(sheet)
    workbook.save(path)


def statuses(installation: Installation, *words: str) -> dict[str, str]:
    """By customer code, what the audit says."""
    report = installation.run("audit", "kvk", "--format", "json", *words).json["divisions"][0]
    return {one["customer"]["code"]: one["status"] for one in report["findings"]}


@pytest.mark.parametrize("language", ["nl", "en"])
def test_filled_in_report_ends_on_the_cards(synced: Installation, exact: SandboxServer, language: str) -> None:
    """Report, fill in, `kvk fill`, `setup apply`, audit: the numbers stand in Exact, and `undo` puts back what was."""
    expected = expectations.audit(synced.world, DIVISION)
    bad = [code for code, word in expected.items() if word not in {"ok", "not_applicable"}]
    rows = to_fill_in(synced, "--lang", language)
    assert sorted(rows) == sorted(bad)
    chosen = dict(zip(bad, GOOD, strict=False))
    before = {code: exact.state.account(DIVISION, code)["ChamberOfCommerce"] for code in bad}
    fill_in(synced.folder / "kvk.xlsx", {rows[code]: number for code, number in chosen.items()})

    filled = synced.run("kvk", "fill", "kvk.xlsx", "--json")
    applied = synced.run("setup", "apply", "kvk-plan.json", "--yes", "--json")

    assert (filled.code, filled.json["plan"], filled.json["summary"]["set"]) == (0, "kvk-plan.json", len(chosen))
    assert (applied.code, applied.json["applied"], applied.json["skipped"]) == (0, len(chosen), [])
    cards = {code: exact.state.account(DIVISION, code)["ChamberOfCommerce"] for code in bad}
    assert cards == before | chosen
    assert statuses(synced) == {code: expected[code] for code in bad if code not in chosen}

    assert synced.run("setup", "undo", "--yes", "--json").json["applied"] == len(chosen)
    assert {code: exact.state.account(DIVISION, code)["ChamberOfCommerce"] or "" for code in bad} == {
        code: number or "" for code, number in before.items()
    }
    assert statuses(synced) == {code: expected[code] for code in bad}


def test_filled_in_csv_is_read_as_well(synced: Installation) -> None:
    """A csv that Excel saved in the code page of Windows, with its columns turned round, comes to the same plan."""
    synced.run("audit", "kvk", "--format", "csv", "--output", "kvk.csv")
    rows = list(csv.reader(io.StringIO((synced.folder / "kvk.csv").read_text("utf-8-sig"), newline=""), delimiter=";"))
    rows[1][-1] = GOOD[0]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=";").writerows(row[::-1] for row in rows)
    (synced.folder / "kvk.csv").write_bytes(out.getvalue().encode("cp1252", errors="replace"))

    filled = synced.run("kvk", "fill", "kvk.csv", "--out", "plan.json", "--json")

    (change,) = json.loads((synced.folder / "plan.json").read_text(encoding="utf-8"))["plans"][0]["changes"]
    assert filled.code == 0
    assert (change["customer"]["code"], change["action"], change["after"]) == (
        rows[1][1],
        "set_kvk",
        {"ChamberOfCommerce": GOOD[0]},
    )


def test_each_bad_row_is_told_and_the_good_one_goes_on(synced: Installation) -> None:
    """A wrong number, a vanished customer, another division, a customer twice: named; the good row is planned."""
    rows = to_fill_in(synced)
    codes = sorted(rows, key=rows.__getitem__)
    assert len(codes) >= 3
    other = next(code for code, word in expectations.audit(synced.world, DIVISION).items() if word == "ok")

    def change(sheet: Any) -> None:
        for code, division, number in (
            ("does not exist", DIVISION, GOOD[1]),
            (codes[0], 999, GOOD[1]),
            (codes[1], DIVISION, GOOD[2]),
        ):
            sheet.append([division, code, *[""] * 11, number])
        sheet.delete_cols(3)  # the names: they would not fit these rows
        sheet.append([DIVISION, other, *[""] * 10, 5807003])

    fill_in(synced.folder / "kvk.xlsx", {2: GOOD[0], 3: GOOD[1], 4: "NL123456782B90"}, change)

    ended = synced.run("kvk", "fill", "kvk.xlsx", "--json")

    words = [one["verdict"] for one in ended.json["rows"]]
    assert ended.code == 0
    assert words == [
        "set", "duplicate_row", "wrong_number",
        "unknown_customer", "division_not_connected", "duplicate_row", "wrong_number",
    ]  # fmt: skip
    assert [one["customer_code"] for one in ended.json["rows"] if one["verdict"] == "set"] == [codes[0]]
    assert all(one["detail"] for one in ended.json["rows"] if one["verdict"] != "set")


def test_plan_overwrites_nothing(synced: Installation) -> None:
    """Without --out the plan gets a name that is free; the same list again makes another plan."""
    rows = to_fill_in(synced)
    fill_in(synced.folder / "kvk.xlsx", {min(rows.values()): GOOD[0]})

    names = [synced.run("kvk", "fill", "kvk.xlsx", "--json").json["plan"] for _ in range(2)]

    assert names == ["kvk-plan.json", "kvk-plan-2.json"]


def test_list_without_a_good_row_ends_with_1(synced: Installation) -> None:
    """Nothing filled in, or nothing good: exit 1 and no plan."""
    rows = to_fill_in(synced)
    empty = synced.run("kvk", "fill", "kvk.xlsx", "--json")
    fill_in(synced.folder / "kvk.xlsx", {min(rows.values()): "123"})
    bad = synced.run("kvk", "fill", "kvk.xlsx")

    assert (empty.code, empty.json["plan"], empty.json["summary"]["empty"]) == (1, None, len(rows))
    assert (bad.code, "wrong number" in bad.out) == (1, True)
    assert list(synced.folder.glob("*plan*")) == []


def test_since_tells_what_changed(synced: Installation, exact: SandboxServer) -> None:
    """A report that was made is remembered: a solved one is told against it, and a day before it is refused."""
    today = synced.world.today.isoformat()
    bad = statuses(synced)
    (first, word), *_ = bad.items()
    exact.state.ui_change_account(DIVISION, first, ChamberOfCommerce=GOOD[0])
    synced.sync()

    ended = synced.run("audit", "kvk", "--format", "csv", "--since", today)
    again = synced.run("audit", "kvk", "--format", "json", "--since", today)
    early = synced.run("audit", "kvk", "--since", "2001-01-01")

    (row,) = csv.DictReader(io.StringIO(ended.out.removeprefix("\ufeff")), delimiter=";")
    assert (row["relatiecode"], row["status"], row["bijzonderheid"][:8]) == (first, "ok", "opgelost")
    assert word != "ok"
    assert again.json["divisions"][0]["findings"] == []  # the csv was a report, too: it is the newest of today
    assert early.code == 1
    assert early.errors == [f"no report of division {DIVISION} is remembered from 2001-01-01 or before"]
    assert early.hints == [f"the first is of {today}"]


def test_table_is_only_a_look(synced: Installation) -> None:
    """What was on the screen is not remembered; what was written is."""
    today = synced.world.today.isoformat()
    assert synced.run("audit", "kvk").code == 0
    after_table = synced.run("audit", "kvk", "--since", today)
    assert synced.run("audit", "kvk", "--format", "pdf", "--output", "kvk.pdf").code == 0
    after_pdf = synced.run("audit", "kvk", "--since", today)

    assert (after_table.code, after_pdf.code) == (1, 0)


@pytest.mark.parametrize(
    ("format", "start"), [("xlsx", b"PK"), ("pdf", b"%PDF-1."), ("html", b"<!DOCTYPE html>"), ("csv", b"\xef\xbb\xbf")]
)
def test_every_format_goes_into_a_file(synced: Installation, format: str, start: bytes) -> None:
    """--output gets the file and stdout stays empty."""
    ended = synced.run("audit", "kvk", "--format", format, "--output", "report")

    assert (ended.code, ended.out) == (0, "")
    assert (synced.folder / "report").read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "this is an old Excel file (.xls), or one with a password"),
        (b"a;b;c\n1;2;3\n", "the list has no column division (administratie), customer_code (relatiecode), new_kvk"),
        (b"division,customer_code\n", "the list has no column new_kvk (nieuw_kvk)"),
    ],
)
def test_what_is_no_list_is_refused(synced: Installation, content: bytes, message: str) -> None:
    """An old Excel file, and a list without a heading that is needed, end with 2 and a sentence that names it."""
    (synced.folder / "list.xls").write_bytes(content)

    ended = synced.run("kvk", "fill", "list.xls")

    assert (ended.code, ended.out, len(ended.hints)) == (2, "", 1)
    assert ended.errors[0].startswith(message)


@pytest.mark.parametrize(
    ("repaired", "codes"),
    [((), (5, 5)), (("invalid",), (5, 5)), (("missing",), (0, 5)), (("missing", "invalid"), (0, 0))],
)
def test_exit_code_tells_a_script_what_is_there(
    synced: Installation, exact: SandboxServer, repaired: tuple[str, ...], codes: tuple[int, int]
) -> None:
    """--fail-on missing ends with 5 when a number is missing, --fail-on any also when one is wrong, and 0 otherwise."""
    words = expectations.audit(synced.world, DIVISION)
    bad = [code for code, word in words.items() if word not in {"ok", "not_applicable"}]
    chosen = [code for code in bad if ("missing" if words[code] == "missing" else "invalid") in repaired]
    for at, code in enumerate(chosen):
        exact.state.ui_change_account(DIVISION, code, ChamberOfCommerce=str(20147300 + at))
    synced.sync()

    ended = [synced.run("audit", "kvk", "--fail-on", word, "--format", "json") for word in ("missing", "any")]

    assert {words[code] == "missing" for code in bad} == {True, False}
    assert tuple(each.code for each in ended) == codes


@pytest.mark.parametrize(
    "words",
    [
        ("--format", "csv", "--delimiter", ";;"),
        ("--format", "csv", "--delimiter", '"'),
        ("--format", "html", "--delimiter", ";"),
        ("--output", "kvk.txt"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A delimiter is one character of a csv, and a table goes on the screen: exit 2, and no file."""
    ended = run_program("audit", "kvk", *words, folder=tmp_path)

    assert (ended.code, ended.out, len(ended.errors), list(tmp_path.glob("kvk*"))) == (2, "", 1, [])
    assert "config" not in ended.errors[0]


def test_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """200 MB are not read, not even the settings: the size is enough."""
    with (tmp_path / "huge.xlsx").open("wb") as file:
        file.truncate(200 * 1024 * 1024)

    ended = run_program("kvk", "fill", "huge.xlsx", folder=tmp_path)

    assert (ended.code, ended.errors) == (2, ["the file has 200 MB, at most 25 are read"])


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is said."""
    ended = run_program("kvk", "fill", "none.xlsx", folder=tmp_path)

    assert (ended.code, ended.errors) == (2, ["none.xlsx cannot be read: No such file or directory"])
