"""`connector demo` on 200 customers and 300 invoices, held against what the world itself says should come of it."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connector.exact_sandbox import Mailbox, ReceivedMail, Sandbox, SandboxOptions, World, expectations

from .installation import DIVISION, Ended, delivered, invoice_mails, mailed_numbers, run_program

CUSTOMERS, INVOICES = 200, 300
LONGEST_SECONDS = 300


@pytest.fixture(scope="module")
def demo(once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """The folder of a demo that ran once; beside its own files `seconds` and `demo.json`."""

    def make(folder: Path) -> None:
        begun = time.monotonic()
        words = ("demo", "--customers", str(CUSTOMERS), "--invoices", str(INVOICES), "--json", "--keep", str(folder))
        ended = run_program(*words, folder=folder)
        assert ended.code == 0, ended.err
        (folder / "seconds").write_text(str(time.monotonic() - begun))
        (folder / "demo.json").write_text(ended.out, encoding="utf-8")

    return once("demo", make)


@pytest.fixture(scope="module")
def sandbox(demo: Path) -> Iterator[Sandbox]:
    """What the demo left in Exact."""
    kept = Sandbox.open(demo / "sandbox.db")
    yield kept
    kept.close()


@pytest.fixture(scope="module")
def world(sandbox: Sandbox) -> World:
    """What the demo's Exact started with."""
    return sandbox.world


@pytest.fixture(scope="module")
def start_date(demo: Path) -> date:
    settings = tomllib.loads((demo / "config.toml").read_text(encoding="utf-8"))
    return date.fromisoformat(settings["routing"]["start_date"])


@pytest.fixture(scope="module")
def expected(world: World, start_date: date) -> dict[int, expectations.ExpectedInvoice]:
    return expectations.invoices(world, DIVISION, start_date=start_date, directory=world.directory_rows())


@pytest.fixture(scope="module")
def mails(demo: Path) -> list[ReceivedMail]:
    return Mailbox(demo / "mails").messages()


@pytest.fixture(scope="module")
def stored(demo: Path) -> dict[int, dict[str, Any]]:
    """By number, what `invoices list` says afterwards."""
    ended = on(demo, "invoices", "list", "--json")
    return {int(entry["number"]): entry for entry in ended.json}


def on(demo: Path, *words: str) -> Ended:
    return run_program("--config", str(demo / "config.toml"), *words, folder=demo.parent)


def test_world_is_as_large_as_asked(world: World, expected: dict[int, Any]) -> None:
    """The demo's world has the customers and invoices asked for, so that no claim below is empty."""
    division = world.division(DIVISION)

    assert (len(division.customers), len(division.invoices)) == (CUSTOMERS, INVOICES)
    assert {one.outcome for one in expected.values()} == {"history", "deliver", "hold"}


def test_demo_ends_in_time(demo: Path) -> None:
    """It takes less than five minutes."""
    assert float((demo / "seconds").read_text()) < LONGEST_SECONDS


def test_start_date_is_thirty_days_back(world: World, start_date: date) -> None:
    """The start date lies 30 days before the world's today."""
    assert (world.today - start_date).days == 30


def test_every_deliverable_invoice_is_mailed_exactly_once(
    mails: list[ReceivedMail], expected: dict[int, expectations.ExpectedInvoice]
) -> None:
    """The mailbox holds each finished, recent invoice with a deliverable recipient once, and no other."""
    assert mailed_numbers(mails) == dict.fromkeys(delivered(expected), 1)


def test_every_invoice_goes_to_its_recipient(
    mails: list[ReceivedMail], expected: dict[int, expectations.ExpectedInvoice]
) -> None:
    """The directory's address where the number is known there, else the customer's own."""
    sent = {number: mail.recipients for mail in invoice_mails(mails) for number in mailed_numbers([mail])}

    assert sent == {number: (expected[number].address,) for number in delivered(expected)}


def test_xml_and_pdf_share_one_stem(mails: list[ReceivedMail]) -> None:
    """Every invoice mail carries an XML and a PDF of the same name."""
    unpaired = [
        sorted(mail.attachments())
        for mail in invoice_mails(mails)
        for stem in mailed_numbers([mail])
        if not {f"{stem}.xml", f"{stem}.pdf"} <= set(mail.attachments())
    ]

    assert unpaired == []


def test_pdf_is_a_pdf_and_xml_is_xml(mails: list[ReceivedMail]) -> None:
    """The attachments are what their names say."""
    starts = {
        (name.rpartition(".")[2], content.lstrip(b"\xef\xbb\xbf \r\n")[:5])
        for mail in invoice_mails(mails)
        for name, content in mail.attachments().items()
        if name.endswith((".xml", ".pdf"))
    }

    assert starts <= {("xml", b"<?xml"), ("pdf", b"%PDF-")}


def test_nothing_older_is_sent(mails: list[ReceivedMail], world: World, start_date: date) -> None:
    """No invoice dated before the start date is in the mailbox."""
    older = {one.number for one in world.division(DIVISION).invoices if one.invoice_date < start_date}

    assert set(mailed_numbers(mails)) & older == set()


def test_every_other_invoice_is_held_with_its_reason(
    stored: dict[int, dict[str, Any]], expected: dict[int, expectations.ExpectedInvoice]
) -> None:
    """What should not be delivered is held, each for the reason that the world gives."""
    held = {number: entry["reason"] for number, entry in stored.items() if entry["state"] == "held"}

    assert held == {number: one.reason for number, one in expected.items() if one.outcome == "hold"}


def test_no_invoice_is_lost(
    stored: dict[int, dict[str, Any]], expected: dict[int, expectations.ExpectedInvoice]
) -> None:
    """Each finished invoice is there, delivered, held or history, and no other."""
    words = {"deliver": "delivered", "hold": "held", "history": "history"}

    assert {number: entry["state"] for number, entry in stored.items()} == {
        number: words[one.outcome] for number, one in expected.items()
    }


def test_sender_hears_once_of_each_held_invoice(
    mails: list[ReceivedMail], stored: dict[int, dict[str, Any]], expected: dict[int, expectations.ExpectedInvoice]
) -> None:
    """One notice for each held invoice, to the address of the settings."""
    notices = sorted(str(mail.message["X-Connector-Invoice"]) for mail in mails if not mail.attachments())
    held = sorted(stored[number]["id"] for number, one in expected.items() if one.outcome == "hold")

    assert notices == held


def test_plan_is_empty_afterwards(demo: Path) -> None:
    """After the set-up the plan has nothing left to change."""
    ended = on(demo, "setup", "plan", "--check", "--json")

    assert (ended.code, ended.json["changes"]) == (0, [])


def test_exact_holds_one_contact_of_ours_where_it_should(sandbox: Sandbox, world: World) -> None:
    """Every customer to be set up has the upload contact once; those left alone have none that was not there."""
    address = world.upload_address(DIVISION)
    before = {str(card.code): [one.email for one in card.contacts] for card in world.division(DIVISION).customers}
    plan = expectations.setup(world, DIVISION)

    found = {code: [row["Email"] for row in sandbox.contacts_of(DIVISION, code)].count(address) for code in plan}

    assert found == {code: before[code].count(address) if one.skipped else 1 for code, one in plan.items()}


def test_exact_holds_the_invoicing_method_where_it_should(sandbox: Sandbox, world: World) -> None:
    """Every customer to be set up is invoiced by e-mail; those left alone are as before."""
    before = {str(card.code): card.invoicing_method for card in world.division(DIVISION).customers}
    plan = expectations.setup(world, DIVISION)

    found = {row["Code"]: row["InvoicingMethod"] for row in sandbox.accounts(DIVISION) if row["Code"] in plan}

    assert found == {code: before[code] if one.skipped else expectations.E_MAIL for code, one in plan.items()}


def test_no_main_contact_is_moved(sandbox: Sandbox) -> None:
    """The set-up leaves every customer's main contact as it was."""
    options = SandboxOptions(customers=CUSTOMERS, invoices=INVOICES, today=sandbox.world.today)
    untouched = Sandbox.create(None, options)
    before = {row["Code"]: row["MainContact"] for row in untouched.accounts(DIVISION)}
    untouched.close()

    assert {row["Code"]: row["MainContact"] for row in sandbox.accounts(DIVISION)} == before


def test_audit_lists_exactly_who_needs_attention(demo: Path, world: World) -> None:
    """The report names each of the world's customers whose number is not right, with what is wrong, and no other."""
    report = json.loads((demo / "reports" / "kvk.json").read_text(encoding="utf-8"))["divisions"][0]

    found = {finding["customer"]["code"]: finding["status"] for finding in report["findings"]}

    statuses = expectations.audit(world, DIVISION)
    assert found == {code: word for code, word in statuses.items() if word not in {"ok", "not_applicable"}}


def test_summary_is_the_contract_s(demo: Path, world: World, expected: dict[int, Any]) -> None:
    """`demo --json` has the counts of interfaces.md, and they are the world's."""
    report = json.loads((demo / "demo.json").read_text(encoding="utf-8"))
    outcomes = [one.outcome for one in expected.values()]

    assert report["audit"] == expectations.audit_summary(expectations.audit(world, DIVISION))
    assert report["setup"]["remaining"] == 0
    assert report["invoices"] == {
        "received": len(expected),
        "delivered": outcomes.count("deliver"),
        "held": outcomes.count("hold"),
        "history": outcomes.count("history"),
        "duplicates": 0,
        "invalid": 0,
        "uncertain": 0,
        "failed": 0,
    }
