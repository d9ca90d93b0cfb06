"""The rules an invoice is held to: EN 16931, NLCIUS with its G-account extension, Peppol BIS 3, SI-UBL 1.0 to 1.2.

Each family of rules is a table in a file of its own; a rule is a row of it: its official id, a function from the
document to the places where it is broken, and a sentence in both languages. A format is a list of families. Reading is
`ubl`'s affair, what a finding leads to routing's.

Source: the published rule sets named in e-invoicing.md section 14, restated; docs/conformance.md says how well.
"""

from collections import defaultdict
from dataclasses import replace
from decimal import localcontext
from functools import cache
from operator import itemgetter

from connector.errors import WrongUsage
from connector.ingest.checks.codes import listed
from connector.ingest.checks.document import Document
from connector.ingest.checks.en16931 import EN16931
from connector.ingest.checks.nlcius import G_ACCOUNT, NLCIUS
from connector.ingest.checks.peppol import PEPPOL, PEPPOL_SELF_BILLING
from connector.ingest.checks.rule import Broken, Family, Rule
from connector.ingest.checks.si_ubl import SI_UBL_1_1, SI_UBL_1_2
from connector.ingest.checks.si_ubl_1_0 import SI_UBL_1_0
from connector.ingest.checks.syntax import SYNTAX
from connector.ingest.checks.vat import VAT
from connector.ingest.findings import MOST_PER_RULE
from connector.ingest.tree import Place, Tree
from connector.ingest.ubl import Reading, parse_tree, read_tree
from connector.invoice import Finding, Severity

PRECISION = 100
"""Digits; amounts have at most 40, so that every sum and product is exact."""

_CORE = (EN16931, VAT, SYNTAX)
_BASIC_IDS = listed(
    "BR-02 BR-03 BR-04 BR-05 BR-06 BR-07 BR-12 BR-13 BR-14 BR-15 BR-16 BR-24 CON-TOTALS "
    "BR-CO-10 BR-CO-11 BR-CO-12 BR-CO-13 BR-CO-14 BR-CO-15 BR-CO-16 BR-CO-17"
)
_BASIC: Family = tuple(replace(rule, severity=Severity.WARNING) for rule in EN16931 if rule.id in _BASIC_IDS)
"""Worth a warning also where the file promises no rules that we know."""

PROFILES: dict[str, tuple[Family, ...]] = {
    "en16931": _CORE,
    "en16931-other-cius": _CORE,
    "xrechnung-3.0": _CORE,
    "nlcius": (*_CORE, NLCIUS),
    "si-ubl-2.0-gaccount": (*_CORE, G_ACCOUNT),
    "peppol-bis-3": (*_CORE, PEPPOL),
    "peppol-bis-3-selfbilling": (*_CORE, PEPPOL_SELF_BILLING),
    "si-ubl-1.0": (SI_UBL_1_0,),
    "si-ubl-1.1": (SI_UBL_1_1,),
    "si-ubl-1.2": (SI_UBL_1_2,),
    "other": (_BASIC,),
    "no-customization-id": (_BASIC,),
}
"""The families of each format, a word of interfaces.md (`check`)."""
FORMATS = frozenset(PROFILES)


def check_invoice(xml: bytes, *, rules: str | None = None) -> tuple[Reading, tuple[Finding, ...]]:
    """Read and check an invoice, parsed once.

    Raises:
        InvoiceUnreadable, NotAnInvoice: as `ubl.read_invoice` does.
        WrongUsage: no such format.
    """
    tree = parse_tree(xml)
    reading = read_tree(tree)
    return reading, check_tree(tree, reading, rules=rules)


def check_tree(tree: Tree, reading: Reading, *, rules: str | None = None) -> tuple[Finding, ...]:
    """Give the findings, those of the reading first, as many as `Findings` lists.

    Args:
        reading: What `ubl.read_tree` made of the same tree.
        rules: The format whose rules apply; None: the one that the invoice claims.

    Raises:
        WrongUsage: no such format.
    """
    applied = rules or reading.format
    if applied not in PROFILES:
        raise WrongUsage(f"unknown format {applied}", hint=f"one of {', '.join(sorted(FORMATS))}")
    findings = reading.doubts.copy()
    document = Document(tree)
    for rule, places in find_broken(document, applied):
        for place in places[:MOST_PER_RULE]:
            findings.add(rule.found_at(document.path_of(place)))
        if len(places) > MOST_PER_RULE:
            findings.count(rule.id, rule.severity, len(places) - MOST_PER_RULE)
    return findings.listed()


def find_broken(document: Document, applied: str) -> list[tuple[Rule, list[Place]]]:
    """Give the rules of a format that a document breaks, each with its places, in the order of the tables."""
    names = document.names
    found = []
    with localcontext() as context:
        context.prec = PRECISION
        for needs, rules in _by_needs(applied):
            if needs <= names:
                for serial, broken_at, rule in rules:
                    if places := list(broken_at(document)):
                        found.append((serial, rule, places))
    found.sort(key=itemgetter(0))
    return [(rule, places) for _, rule, places in found]


@cache
def _by_needs(applied: str) -> list[tuple[frozenset[str], list[tuple[int, Broken, Rule]]]]:
    """The rules of a format, those that need the same elements together; each with its serial number in the tables."""
    rules: dict[frozenset[str], list[tuple[int, Broken, Rule]]] = defaultdict(list)
    for serial, rule in enumerate(rule for family in PROFILES[applied] for rule in family):
        rules[rule.needs].append((serial, rule.broken_at, rule))
    return list(rules.items())
