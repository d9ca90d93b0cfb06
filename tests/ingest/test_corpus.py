"""The invoice corpora: what official validators accept we accept, and we read what stands there."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from connector.errors import InvoiceUnreadable
from connector.ingest.checks import RULES, check_invoice
from connector.ingest.ubl import Reading, read_invoice
from connector.invoice import Party, Severity

from .conftest import CORPUS, read_expectations

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the invoice corpora are not beside the repository (../shared/corpus)"
)
DIFFERENT_ON_PURPOSE = frozenset({"CN-BR-CL-18__01", "CN-BR-CL-18__02"})
"""CreditNotes with invoice lines, which we do not read as their lines."""
KVK_SCHEMES = ("0106", "106", "NL:KVK", "KVK")


def read_all() -> Iterator[tuple[Any, Reading]]:
    for expected in read_expectations():
        if expected["well_formed"]:
            yield expected, read_invoice(expected["place"].read_bytes())  # type: ignore[attr-defined]


def test_corpus_is_whole() -> None:
    """The corpora hold the 355 invoices their README speaks of, so that no claim below is empty."""
    assert len(read_expectations()) == 355


def test_valid_invoices_have_no_fatal_finding() -> None:
    """Whatever keeps the official rules of its format keeps ours."""
    false = {
        expected["file"]: {f.rule for f in check_invoice(reading) if f.severity is Severity.FATAL}
        for expected, reading in read_all()
        if expected["rules_valid"]
    }

    assert {file: rules for file, rules in false.items() if rules} == {}


def test_official_rules_fire_only_where_the_official_rule_sets_fire_them() -> None:
    """A fatal finding under an official id is one that the official rule set has too; the rare others are named."""
    known = {
        ("SI-UBL-INV-1.2-error-rounding-vat-1.xml", "BII2-T10-R056"),  # four decimals in the amount due
    }
    extra = {
        (expected["file"], finding.rule)
        for expected, reading in read_all()
        for finding in check_invoice(reading)
        if finding.severity is Severity.FATAL and finding.rule not in expected["fatal"]
        if not finding.rule.startswith("CON-")
    }

    assert extra <= known


def test_format_is_recognised() -> None:
    """The format is the one whose rule set the corpora were run with."""
    wrong = {e["file"]: r.format for e, r in read_all() if r.format != e["profile"]}

    assert wrong == {}


def test_facts_are_read_as_they_stand() -> None:
    """Number, date, currency, amount due, lines and names are those in the XML."""
    wrong = [(e["file"], told) for e, reading in read_all() for told in differences(e["facts"], reading)]

    assert wrong == []


def differences(facts: dict[str, Any], reading: Reading) -> Iterator[str]:
    invoice = reading.invoice
    amount = Decimal(facts["payable"]) if facts["payable"] else None
    pairs = {
        "number": (invoice.number, facts["id"] or ""),
        "issue_date": (invoice.issue_date and invoice.issue_date.isoformat(), facts["issue_date"]),
        "type_code": (invoice.type_code, facts["type_code"] or ""),
        "currency": (invoice.currency, facts["currency"] or ""),
        "payable": (invoice.payable, amount),
        "lines": (len(invoice.lines), facts["lines"]),
        "buyer_reference": (invoice.buyer_reference, facts["buyer_reference"] or ""),
        "order_reference": (invoice.order_reference, facts["order_reference"] or ""),
        "seller": (invoice.seller.name, name_of(facts["supplier"])),
        "buyer": (invoice.buyer.name, name_of(facts["customer"])),
    }
    return (name for name, (ours, theirs) in pairs.items() if ours != theirs)


def name_of(party: dict[str, Any]) -> str:
    names: list[str] = [*party["registration_name"], *party["name"], ""]
    return names[0]


def test_kvk_number_is_read_or_doubted() -> None:
    """Eight digits under a KvK scheme are read; anything else there is no KvK number and has a finding."""
    wrong = []
    for expected, reading in read_all():
        for role, party in (("supplier", reading.invoice.seller), ("customer", reading.invoice.buyer)):
            facts = expected["facts"][role]
            written = [
                one["value"].strip()
                for place in ("legal_id", "endpoint", "party_id")
                for one in facts[place]
                if one.get("schemeID") in KVK_SCHEMES and one["value"].strip()
            ]
            if not is_right(written, party, reading):
                wrong.append((expected["file"], role, written, party.kvk))

    assert wrong == []


def is_right(written: list[str], party: Party, reading: Reading) -> bool:
    good = [value for value in written if len(value) == 8 and value.isdigit()]
    doubted = any(finding.rule == "CON-KVK" for finding in reading.findings)
    if not written:
        return True
    return party.kvk == good[0] if good else (party.kvk is None and doubted)


def test_rules_fire_on_the_fragments_as_the_official_ones_do() -> None:
    """On the unit tests of the EN 16931 rule set each rule of ours fires where the official one does."""
    ours = {rule.id for rule in RULES if "en16931" in rule.formats and not rule.id.startswith("CON-")}
    differing = set()
    for line in (CORPUS / "en16931" / "fragments.jsonl").read_text(encoding="utf-8").splitlines():
        fragment = json.loads(line)
        if fragment["id"] in DIFFERENT_ON_PURPOSE or fragment["validator_error"]:
            continue
        try:
            reading = read_invoice(fragment["xml"].encode())
        except InvoiceUnreadable:
            continue
        findings = check_invoice(reading, rules="en16931")
        fired = {finding.rule for finding in findings if finding.severity is Severity.FATAL}
        differing |= {(fragment["id"], rule) for rule in ours & (fired ^ set(fragment["fired_fatal"]))}

    assert differing == set()
