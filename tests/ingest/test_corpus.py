"""The invoice corpora: what official validators accept we accept, and we read what stands there."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import conformance
from connector.ingest.checks import PROFILES, check_invoice
from connector.ingest.checks.document import Document
from connector.ingest.tree import Tree
from connector.ingest.ubl import Reading, read_invoice
from connector.invoice import Party, Severity

from .conftest import CORPUS, read_expectations

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the invoice corpora are not beside the repository (../shared/corpus)"
)
KVK_SCHEMES = ("0106", "106", "NL:KVK", "KVK")


def read_all() -> Iterator[tuple[Any, Reading]]:
    for expected in read_expectations():
        if expected["well_formed"]:
            yield expected, read_invoice(expected["place"].read_bytes())  # type: ignore[attr-defined]


def test_corpus_is_whole() -> None:
    """The corpora hold the 355 invoices their README speaks of, so that no claim below is empty."""
    assert len(read_expectations()) == 355


def test_verdicts_are_the_official_ones() -> None:
    """An invoice is valid for us when it is for the rule set of its format."""
    tally = conformance.together(conformance.measure_invoices(CORPUS))

    assert (tally.files, tally.same_verdict) == (328, 328)


def test_no_file_differs_but_those_with_a_reason() -> None:
    """Invoices, and the unit tests of the EN 16931 and Peppol rule sets, break the same rules; why not is written."""
    tallies = (conformance.measure_invoices(CORPUS), conformance.measure_fragments(CORPUS))
    exceptions = [line for tally in tallies for each in tally.values() for line in each.exceptions]

    assert sum(each.files for tally in tallies for each in tally.values()) == 328 + 806
    assert {line.partition(": ")[0].rpartition("/")[2] for line in exceptions} == set(conformance.REASONS)


def test_a_rule_is_broken_only_where_what_it_needs_is() -> None:
    """No rule of any format would find anything in an invoice or fragment for which it need not be asked."""
    rules = {rule for families in PROFILES.values() for family in families for rule in family}
    texts = [one["place"].read_bytes() for one in read_expectations() if one["well_formed"]]  # type: ignore[attr-defined]
    texts += [fragment["xml"].encode() for _, fragment in conformance.read_lines(CORPUS, "fragments")]
    missed = set()
    for text in texts:
        checked = Document(Tree(ElementTree.fromstring(text)))
        unasked = (rule for rule in rules if not rule.needs <= checked.names)
        missed |= {rule.id for rule in unasked if list(rule.broken_at(checked))}

    assert missed == set()


def test_format_without_promise_is_never_refused() -> None:
    """Files of no format that we know have warnings at most, but for what cannot be read."""
    fatal = {
        finding.rule
        for expected in read_expectations()
        if expected["well_formed"] and expected["profile"] in ("other", "no-customization-id")
        for finding in check_invoice(expected["place"].read_bytes())[1]  # type: ignore[attr-defined]
        if finding.severity is Severity.FATAL
    }

    assert fatal == set()


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
    return " ".join(names[0].split())  # a name is read in one line


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
