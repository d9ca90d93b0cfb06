"""The benchmarks' own arithmetic and messages; nothing is timed."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from benchmarks import rival

SAMPLES = Path(__file__).parent / "samples"
RULES = SAMPLES / "rules" / "few-rules.xslt"
INVOICE = (SAMPLES / "ubl" / "nlcius-invoice.xml").read_bytes()
NUMBER, CURRENCY = b"<cbc:ID>2026-0042</cbc:ID>", b"<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>"
SELLER = b"<cbc:RegistrationName>Bakkerij Voorbeeld B.V.</cbc:RegistrationName>"
TYPE = b"<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>"


def without(*parts: bytes, invoice: bytes = INVOICE) -> bytes:
    """The invoice without the first of each of these."""
    for part in parts:
        assert part in invoice
        invoice = invoice.replace(part, b"", 1)
    return invoice


STOPPING = INVOICE.replace(TYPE, TYPE + b"<cbc:Note>stop</cbc:Note>", 1)
INVOICES = {
    "whole": INVOICE,
    "no-number": without(NUMBER),
    "no-currency": without(CURRENCY),
    "no-seller": without(SELLER),
    "no-number-no-seller": without(NUMBER, SELLER),
    "stopping": STOPPING,
    "stopping-no-number": without(NUMBER, invoice=STOPPING),
    "other-format": (SAMPLES / "ubl" / "si-ubl-1.2-invoice.xml").read_bytes(),
    "no-invoice": b"<Order/>",
}
"""The sample's rules know of numbers and currencies, and stop at a note; EN 16931 also asks for a seller's name."""
XSLT = (
    '<xsl:stylesheet version="2.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
    '<xsl:template match="/">REPORT</xsl:template></xsl:stylesheet>'
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `bench rival` tells of these invoices."""
    folder = tmp_path_factory.mktemp("rival") / "invoices"
    folder.mkdir()
    for name, xml in INVOICES.items():
        (folder / f"{name}.xml").write_bytes(xml)
    with redirect_stdout(StringIO()) as shown:
        assert rival.main([str(RULES), "--corpus", str(folder), "--turns", "1"]) == 0
    told: dict[str, Any] = json.loads(shown.getvalue().splitlines()[-1])
    return told


def test_rival_judges_what_claims_the_rules(measured: dict[str, Any]) -> None:
    """Invoices that never promised to keep EN 16931, and what is no invoice, are left out."""
    assert measured["invoices"] == len(INVOICES) - 2


def test_rival_counts_verdicts_that_agree(measured: dict[str, Any]) -> None:
    """A stop is invalid; warnings and rules of other countries are not: only the missing seller and one stop differ."""
    assert measured["same_verdict"] == measured["invoices"] - 2


def test_rival_counts_fatal_ids_that_agree(measured: dict[str, Any]) -> None:
    """An invoice that breaks a rule which the stylesheet lacks differs, although both refuse it."""
    assert measured["same_ids"] == measured["invoices"] - 3


def test_rival_names_what_differs(measured: dict[str, Any]) -> None:
    """Each invoice that is judged otherwise stands with the rules that one side has alone."""
    assert measured["differ"] == [
        "invoices/no-number-no-seller.xml: ours only: BR-06",
        "invoices/no-seller.xml: ours only: BR-06",
        "invoices/stopping-no-number.xml: official only: VALIDATOR-TYPE-ERROR; ours only: BR-02",
        "invoices/stopping.xml: official only: VALIDATOR-TYPE-ERROR",
    ]


def test_rival_counts_what_each_side_refuses(measured: dict[str, Any]) -> None:
    """Five of the seven break a rule that we have, five one of the stylesheet or stop it."""
    assert measured["refused"] == {"official": 5, "connector": 5}


def test_rival_joins_the_parts_of_a_rule_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What any of several stylesheets finds counts."""
    silent = tmp_path / "silent.xslt"
    silent.write_text(XSLT.replace("REPORT", '<s:schematron-output xmlns:s="http://purl.oclc.org/dsdl/svrl"/>'))
    (tmp_path / "no-number.xml").write_bytes(INVOICES["no-number"])

    rival.main([str(silent), str(RULES), str(silent), "--corpus", str(tmp_path), "--turns", "1"])

    assert json.loads(capsys.readouterr().out.splitlines()[-1])["same_ids"] == 1


@pytest.mark.parametrize("report", ["", "text", "<schematron-output/>"])
def test_rival_refuses_other_stylesheets(report: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stylesheet that reports nothing as Schematron does is no rule set in which every invoice is valid."""
    other = tmp_path / "other.xslt"
    other.write_text(XSLT.replace("REPORT", report))

    ended = rival.main([str(other), "--corpus", str(SAMPLES), "--turns", "1"])

    assert (ended, "other.xslt" in capsys.readouterr().err) == (2, True)


def test_rival_names_a_missing_stylesheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stylesheet that is not there is named, with where it was looked for, and nothing is measured."""
    missing = tmp_path / "missing.xslt"

    ended = rival.main([str(RULES), str(missing)])

    shown = capsys.readouterr()
    assert (ended, shown.out, shown.err.splitlines()[0]) == (2, "", f"error: no stylesheet at {missing}")


def test_rival_says_that_saxon_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without saxonche it says what to install."""
    monkeypatch.setitem(sys.modules, "saxonche", None)

    ended = rival.main([str(RULES)])

    assert (ended, "error: saxonche is not installed" in capsys.readouterr().err) == (2, True)


def test_rival_needs_invoices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without invoices of the format is named."""
    ended = rival.main([str(RULES), "--corpus", str(tmp_path)])

    assert (ended, str(tmp_path) in capsys.readouterr().err) == (2, True)
