"""Conformance: hold our rules against the verdicts of the official rule sets, file by file.

    python3 bootstrap.py bench conformance            the table of agreement and what differs
    python3 bootstrap.py bench conformance --write    the same into docs/conformance.md

The corpora lie beside the repository (../shared/corpus; another place: --corpus) and are described in their README.
"""

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from connector.errors import InvoiceUnreadable, NotAnInvoice
from connector.ingest.checks import check_invoice, find_broken
from connector.ingest.checks.document import Document
from connector.ingest.tree import Tree
from connector.invoice import Severity

HERE = Path(__file__).resolve().parent.parent
PAGE = HERE / "docs" / "conformance.md"
JUDGED = (
    "si-ubl-1.0",
    "si-ubl-1.1",
    "si-ubl-1.2",
    "nlcius",
    "si-ubl-2.0-gaccount",
    "peppol-bis-3",
    "peppol-bis-3-selfbilling",
    "en16931",
)
FRAGMENTS = {
    "en16931-1.3.16": ("en16931", ("BR-", "UBL-")),
    "peppol-2026.5": ("peppol-bis-3", ("PEPPOL-", "NL-R-")),
}
"""The format of each set of fragments, and the ids of the part of the rules that they were run with."""
ELSEWHERE = re.compile(r"BR-DEX?-|BR-TMP-|(?!BR-|NL-|SI-|CL-|OP-)[A-Z]{2}-")
"""The rules of other countries, which we do not have."""
STOPPED = "VALIDATOR-TYPE-ERROR"
"""The official stylesheet stopped: the file is invalid, and no ids are known."""
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

REASONS = {
    "SI-UBL-2.0_UBL-SR-09_error_multiple_legalentity_registrationname.xml": (
        "The official set stops at the second name; both say invalid"
    ),
    "BR-IG-08-3__05": "Published, BR-AF-04 overlooks a category with white space around it; ours does not",
}
"""Why a file is an exception, by its name."""


@dataclass(slots=True)
class Tally:
    """How a set of files agreed."""

    files: int = 0
    same_ids: int = 0
    same_verdict: int = 0
    exceptions: list[str] = field(default_factory=list)

    def add(self, name: str, official: set[str], found: set[str]) -> None:
        """Count a file by the fatal ids that the official rules and ours found; our own ids count for the verdict."""
        ids = {rule for rule in found if not rule.startswith("CON-")}
        self.files += 1
        self.same_verdict += bool(found) == bool(official)
        if ids == official or (official == {STOPPED} and found):
            self.same_ids += 1
        if ids != official or bool(found) != bool(official):
            self.exceptions.append(difference(name, official, found))


def main(words: list[str]) -> int:
    """Measure, print, and write when asked; 1 when the agreement is less than promised."""
    parser = argparse.ArgumentParser(prog="bench conformance", description="hold our rules against the official ones")
    parser.add_argument("--corpus", type=Path, default=HERE.parent / "shared" / "corpus")
    parser.add_argument("--write", action="store_true", help="write the result into docs/conformance.md")
    asked = parser.parse_args(words)
    if not asked.corpus.is_dir():
        sys.stderr.write(f"error: no corpora at {asked.corpus}\nhint: name their place with --corpus\n")
        return 2
    invoices, fragments = measure_invoices(asked.corpus), measure_fragments(asked.corpus)
    if not invoices or not fragments:
        sys.stderr.write(
            f"error: no expectations or fragments below {asked.corpus}\nhint: see its README, or --corpus\n"
        )
        return 2
    text = "\n".join(report(invoices, fragments))
    sys.stdout.write(text + "\n")
    if asked.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    wrong = sum(one.files - one.same_verdict for one in invoices.values())
    few = any(one.same_ids < 0.99 * one.files for one in (together(invoices), together(fragments)))
    return int(few or wrong > 0)


def read_lines(corpus: Path, name: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Give every line of the corpora's listings of this name, with the folder it is about."""
    for listing in sorted(corpus.glob(f"*/{name}.jsonl")):
        for line in listing.read_text(encoding="utf-8").splitlines():
            yield listing.parent, json.loads(line)


def ours(rules: set[str]) -> set[str]:
    """Leave out the rules of other countries."""
    return {rule for rule in rules if not ELSEWHERE.match(rule)}


def fatal_of(xml: bytes, applied: str) -> set[str]:
    """Give the ids of the fatal findings."""
    try:
        _, findings = check_invoice(xml, rules=applied)
    except (InvoiceUnreadable, NotAnInvoice) as error:
        return {getattr(error, "code", "NOT-AN-INVOICE")}
    return {finding.rule for finding in findings if finding.severity is Severity.FATAL}


def measure_invoices(corpus: Path) -> dict[str, Tally]:
    """Compare the set of fatal ids, and whether there is any, for each invoice."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    for folder, expected in read_lines(corpus, "expectations"):
        profile = expected.get("profile")
        if profile not in JUDGED:
            continue
        official = ours(set(expected["fatal"]))
        found = fatal_of((folder / expected["file"]).read_bytes(), profile)
        tallies[profile].add(f"{folder.name}/{expected['file']}", official, found)
    return {profile: tallies[profile] for profile in JUDGED if profile in tallies}


def measure_fragments(corpus: Path) -> dict[str, Tally]:
    """Compare for each fragment the rule it is about; all its fatal ids are compared as the second figure."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    for folder, fragment in read_lines(corpus, "fragments"):
        wanted = {one["rule"]: one["outcome"] != "success" for one in fragment["expect"]}
        wanted = {rule: fires for rule, fires in wanted.items() if not ELSEWHERE.match(rule)}
        if not wanted:
            continue
        root = ElementTree.fromstring(fragment["xml"])  # most are no whole invoices and would not be read as such
        document = Document(Tree(root))
        applied, prefixes = FRAGMENTS[fragment["validator"]]
        broken = list(find_broken(document, applied))
        fired = {rule.id for rule, _ in broken}
        tally = tallies[fragment["validator"]]
        tally.files += 1
        wrong = {rule for rule, fires in wanted.items() if (rule in fired) != fires}
        tally.same_ids += not wrong
        official = ours(set(fragment["fired_fatal"]))
        found = {rule.id for rule, _ in broken if rule.severity is Severity.FATAL and rule.id.startswith(prefixes)}
        tally.same_verdict += found == official
        if wrong or found != official:
            tally.exceptions.append(difference(f"{folder.name}/{fragment['id']}", official, found))
    return dict(tallies)


def difference(name: str, official: set[str], found: set[str]) -> str:
    """Say in a line what differs, and why."""
    parts = []
    if missing := sorted(official - found):
        parts.append(f"official only: {', '.join(missing)}")
    if extra := sorted(found - official):
        parts.append(f"ours only: {', '.join(extra)}")
    reason = REASONS.get(name.rpartition("/")[2], "")
    return f"{name}: {'; '.join(parts)}" + (f". {reason}" if reason else "")


def report(invoices: dict[str, Tally], fragments: dict[str, Tally]) -> Iterator[str]:
    """Give the lines of the tables and lists."""
    yield "| invoices of | files | same fatal ids | same verdict |"
    yield "| --- | --- | --- | --- |"
    for name, tally in [*invoices.items(), ("together", together(invoices))]:
        yield row(name, tally)
    yield ""
    yield "| fragments of | fragments | its rule as expected | all fatal ids the same |"
    yield "| --- | --- | --- | --- |"
    for name, tally in [*fragments.items(), ("together", together(fragments))]:
        yield row(name, tally)
    yield ""
    exceptions = [line for tally in (*invoices.values(), *fragments.values()) for line in tally.exceptions]
    yield "Exceptions:" if exceptions else "No exceptions."
    yield ""
    yield from (f"- {line}" for line in exceptions)


def row(name: str, tally: Tally) -> str:
    """Give a row of a table."""
    return (
        f"| {name} | {tally.files} | {share(tally.same_ids, tally.files)} | {share(tally.same_verdict, tally.files)} |"
    )


def together(tallies: dict[str, Tally]) -> Tally:
    """Sum them."""
    return Tally(
        files=sum(one.files for one in tallies.values()),
        same_ids=sum(one.same_ids for one in tallies.values()),
        same_verdict=sum(one.same_verdict for one in tallies.values()),
    )


def share(part: int, whole: int) -> str:
    """Give a number and its percentage, never rounded up to 100."""
    return f"{part} ({int(1000 * part / whole) / 10:g} %)" if whole else "0"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
