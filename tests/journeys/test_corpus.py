"""The invoice corpora through `ingest` and `check`, held against a plain reading of the XML."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from connector.exact_sandbox import Mailbox, SandboxOptions, SandboxServer

from .installation import Installation

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
INVOICES = 355
KVK_SCHEMES = {"0106", "106", "KVK", "NL:KVK"}
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
NAMESPACES = {"cac": f"{_UBL}CommonAggregateComponents-2", "cbc": f"{_UBL}CommonBasicComponents-2"}

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the invoice corpora are not beside the repository (../shared/corpus)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a plain reading gives of an invoice, and what the connector should say of it."""

    number: str
    seller: str
    buyer: str
    seller_kvk: str | None
    buyer_kvk: str | None
    payable: Decimal


@pytest.fixture(scope="module")
def ingested(once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """A folder with the output of `ingest`, `invoices list` and `check` on all corpora, and the mailbox."""

    def make(folder: Path) -> None:
        with SandboxServer(SandboxOptions(customers=1, invoices=0)) as server, Mailbox(folder / "mails") as mailbox:
            installation = Installation(folder / "office", server, mailbox)
            installation.make_database()
            for name, words, code in (
                ("ingest", ("ingest", CORPUS, "--json"), 0),
                ("list", ("invoices", "list", "--json"), 0),
                ("check", ("check", CORPUS, "--json"), 5),
            ):
                ended = installation.run(*words)
                assert ended.code == code, ended.err
                (folder / f"{name}.json").write_text(ended.out, encoding="utf-8")

    return once("corpus", make)


@pytest.fixture(scope="module")
def report(ingested: Path) -> Any:
    """What `ingest --json` said."""
    return json.loads((ingested / "ingest.json").read_text(encoding="utf-8"))


def expectations() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every invoice of the corpora with what the official rules said of it."""
    for listing in sorted(CORPUS.glob("*/expectations.jsonl")):
        for line in listing.read_text(encoding="utf-8").splitlines():
            expected = json.loads(line)
            yield listing.parent / expected["file"], expected


def readable() -> dict[str, Facts]:
    """By path, the facts of every invoice that keeps the official rules of its format."""
    return {str(path): read(path) for path, expected in expectations() if expected.get("rules_valid")}


def read(path: Path) -> Facts:
    root = etree.parse(path).getroot()
    supplier, customer = "cac:AccountingSupplierParty", "cac:AccountingCustomerParty"
    return Facts(
        number=text(root, "cbc:ID"),
        seller=name(root, supplier),
        buyer=name(root, customer),
        seller_kvk=kvk(root, supplier),
        buyer_kvk=kvk(root, customer),
        payable=Decimal(text(root, "cac:LegalMonetaryTotal/cbc:PayableAmount")),
    )


def text(element: Any, path: str) -> str:
    """The text at a path, its white space collapsed: names and numbers are read as one line."""
    found = element.xpath(path, namespaces=NAMESPACES)
    return " ".join((found[0].text or "").split()) if found else ""


def name(root: Any, role: str) -> str:
    party = f"{role}/cac:Party"
    return text(root, f"{party}/cac:PartyLegalEntity/cbc:RegistrationName") or text(
        root, f"{party}/cac:PartyName/cbc:Name"
    )


def kvk(root: Any, role: str) -> str | None:
    """Eight digits under a KvK scheme: of the legal entity, else the endpoint, else an identification."""
    for place in ("cac:PartyLegalEntity/cbc:CompanyID", "cbc:EndpointID", "cac:PartyIdentification/cbc:ID"):
        for found in root.xpath(f"{role}/cac:Party/{place}", namespaces=NAMESPACES):
            digits = "".join((found.text or "").split()).replace(".", "")
            if found.get("schemeID", "").upper() in KVK_SCHEMES and len(digits) == 8 and digits.isdigit():
                return digits
    return None


def told(entry: dict[str, Any]) -> Facts:
    """An entry of `invoices list` or `check` as facts."""
    return Facts(
        number=entry["number"],
        seller=entry["seller"]["name"],
        buyer=entry["buyer"]["name"],
        seller_kvk=entry["seller"]["kvk"],
        buyer_kvk=entry["buyer"]["kvk"],
        payable=Decimal(entry["payable_amount"]),
    )


def test_corpus_is_whole() -> None:
    """There are 355 invoices, and some of them name a KvK number, so that no claim below is empty."""
    facts = readable().values()

    assert sum(1 for _ in expectations()) == INVOICES
    assert any(one.seller_kvk and one.buyer_kvk for one in facts)


def test_every_file_is_accounted_for_once(report: Any) -> None:
    """`files` names each file below the folder exactly once."""
    everything = [str(path) for path in CORPUS.rglob("*") if path.is_file()]

    assert Counter(entry["file"] for entry in report["files"]) == Counter(everything)


def test_every_invoice_is_received_and_nothing_else(report: Any) -> None:
    """The invoices of the corpora are received, what stands beside them is reported as no invoice."""
    none = {entry["file"] for entry in report["files"] if entry["outcome"] == "no_invoice"}
    everything = {str(path) for path in CORPUS.rglob("*") if path.is_file()}

    assert none == everything - {str(path) for path, _ in expectations()}
    assert (report["received"], report["no_invoice"]) == (INVOICES, len(none))


def test_counts_add_up(report: Any) -> None:
    """received = duplicates + history + invalid + held + routed + failed, and the files agree with the counts."""
    parts = ("duplicates", "history", "invalid", "held", "routed", "failed")
    outcomes = Counter(entry["outcome"] for entry in report["files"])

    assert sum(report[part] for part in parts) == report["received"]
    assert (outcomes["duplicate"], outcomes["invalid"], outcomes["held"]) == (
        report["duplicates"],
        report["invalid"],
        report["held"],
    )


def test_what_is_held_or_invalid_says_why(report: Any) -> None:
    """No invoice stops without a reason."""
    silent = [
        entry["file"] for entry in report["files"] if entry["outcome"] in {"held", "invalid"} and not entry["reason"]
    ]

    assert silent == []


def test_no_valid_invoice_is_called_invalid(report: Any) -> None:
    """Whatever keeps the official rules of its format is not `invalid`."""
    invalid = {entry["file"] for entry in report["files"] if entry["outcome"] == "invalid"}

    assert invalid & set(readable()) == set()


def test_stored_facts_are_those_of_the_file(report: Any, ingested: Path) -> None:
    """Number, seller, buyer, KvK numbers and amount in `invoices list` are what a plain reading gives."""
    stored = {entry["id"]: entry for entry in json.loads((ingested / "list.json").read_text(encoding="utf-8"))}
    invoice_of = {entry["file"]: entry["invoice"] for entry in report["files"]}
    facts = readable()

    assert {file: told(stored[invoice_of[file]]) for file in facts} == facts


def test_checked_facts_are_those_of_the_file(ingested: Path) -> None:
    """The same for `check`."""
    checked = json.loads((ingested / "check.json").read_text(encoding="utf-8"))
    facts = readable()

    assert {entry["file"]: told(entry) for entry in checked if entry["file"] in facts} == facts


def test_checked_formats_are_the_corpora_s(ingested: Path) -> None:
    """`check` names for each well-formed invoice the format whose official rules it was judged by."""
    checked = json.loads((ingested / "check.json").read_text(encoding="utf-8"))
    profiles = {str(path): expected["profile"] for path, expected in expectations() if expected["well_formed"]}

    assert {entry["file"]: entry["format"] for entry in checked if entry["file"] in profiles} == profiles


def test_nothing_is_mailed(ingested: Path) -> None:
    """No invoice of a stranger is sent, and no notice about one."""
    assert Mailbox(ingested / "mails").messages() == []
