"""The whole main job on the sandbox, with no account and no network: what `connector demo` does.

Everything is real but the other side: HTTP to a sandbox and SMTP to a mailbox, both on loopback, through the same use
cases as ever. Telling a person about it is left to `cli.demo`.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from connector.composition import Wiring
from connector.customers.audit import Audit
from connector.customers.report.csv_file import as_csv
from connector.customers.report.json_file import as_json, json_bytes
from connector.customers.report.rows import DivisionAudit
from connector.errors import InvalidSetting, SandboxFailed
from connector.exact_sandbox.mailbox import Mailbox
from connector.exact_sandbox.options import SandboxOptions
from connector.exact_sandbox.server import SandboxServer, bind_loopback, keep_mailbox
from connector.routing.directory import read_recipient, rows_from_csv, rows_to_csv
from connector.settings import Settings
from connector.storage import invoices, recipients
from connector.storage.database import Database
from connector.storage.divisions import PinnedDivision
from connector.storage.invoices import ReceivedInvoice
from connector.storage.vault import new_key
from connector.usecases.apply_setup import SetupReport, apply_setup
from connector.usecases.audit_kvk import audit_kvk
from connector.usecases.connect_division import finish_consent, pin_divisions, start_consent
from connector.usecases.deliver_next import deliver_due
from connector.usecases.plan_setup import plan_setup
from connector.usecases.run_once import take_and_route, tally
from connector.usecases.sync_division import sync_division
from connector.usecases.sync_report import SyncReport

SPEED = 60.0
"""The sandbox's minute lasts a second, so that its limits are met and do not take minutes."""
HISTORY = timedelta(days=30)
"""The start date lies so far back, so that there is something to send."""
ATTACHMENT_TYPE = 4097
"""What the sandbox's hand-made customer has: PDF + Simplerinvoicing 2.0 [assumed sum, exact-online-api.md 4.1]."""

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """What the demo did, for the summary."""

    folder: Path
    division: PinnedDivision
    start_date: date
    sync: SyncReport
    planned_skips: int
    setup: SetupReport
    audit: Audit
    tally: dict[str, int]
    held: tuple[ReceivedInvoice, ...]
    mails: int
    seconds: float

    def as_json(self, *, kept: bool) -> dict[str, Any]:
        """The document of `demo --json`."""
        summary = self.audit.summary
        counted = ("received", "delivered", "held", "history", "duplicates", "invalid", "uncertain", "failed")
        return {
            "kept": str(self.folder) if kept else None,
            "sync": {"divisions": [self.sync.as_json()]},
            "setup": {
                "applied": self.setup.applied,
                "skipped": self.planned_skips + len(self.setup.skipped),
                "failed": len(self.setup.failed),
                "remaining": self.setup.remaining,
            },
            "audit": {
                "customers": summary.customers,
                "ok": summary.ok,
                "missing": summary.missing,
                "invalid": summary.invalid,
                "not_applicable": summary.not_applicable,
            },
            "invoices": {name: self.tally[name] for name in counted},
            "mails": self.mails,
            "seconds": round(self.seconds, 1),
        }


def run_demo(
    folder: Path, *, customers: int, invoices: int, seed: int, language: str, progress: Progress
) -> DemoReport:
    """Do it all in `folder`, which is made; what is left there goes on with `connector --config folder/config.toml`.

    Raises:
        InvalidSetting: The folder holds a demo already.
        SandboxFailed: Sandbox or mailbox could not start.
    """
    if (folder / "config.toml").exists():
        raise InvalidSetting(f"{folder} holds a demo already", hint="choose a new folder, or go on with that one")
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    options = SandboxOptions(
        customers=customers, invoices=invoices, seed=seed, speed=SPEED, database=folder / "sandbox.db"
    )
    with ExitStack() as started:
        try:
            server = started.enter_context(SandboxServer(options))
            mailbox = started.enter_context(Mailbox(folder / "mails"))
        except (OSError, RuntimeError) as error:
            raise SandboxFailed(
                f"the sandbox could not start: {error}", hint="is 127.0.0.1 free to listen on?"
            ) from error
        keep_mailbox(server.state, folder / "mails", mailbox.port)
        start_date = server.state.world.today - HISTORY
        _write_settings(folder, server, mailbox, start_date)
        settings = Settings.load(folder / "config.toml", {})
        _make_database(settings)
        with Wiring(settings, language=language) as wiring:
            return _Demo(wiring, folder, server, mailbox, progress).run(begun)


def _write_settings(folder: Path, server: SandboxServer, mailbox: Mailbox, start_date: date) -> None:
    """A config.toml that works on its own, so that any command can follow the demo."""
    address = server.state.world.divisions[0].upload_address
    text = f"""# Made by `connector demo`; `connector --config {folder.name}/config.toml sandbox` goes on with it.

[exact]
base_url = "{server.base_url}"
client_id = "{server.client_id}"
client_secret = "{server.client_secret}"
redirect_uri = "http://127.0.0.1:{_free_port()}/callback"

[setup]
upload_address = "{address}"
attachment_type = {ATTACHMENT_TYPE}

[routing]
start_date = "{start_date.isoformat()}"

[mail]
host = "127.0.0.1"
port = {mailbox.port}
from_address = "facturen@administratiekantoor.example"
notify = ["administratie@administratiekantoor.example"]
"""
    (folder / "config.toml").write_text(text, encoding="utf-8")
    (folder / "config.toml").chmod(0o600)
    (folder / "connector.key").write_text(new_key() + "\n", encoding="utf-8")
    (folder / "connector.key").chmod(0o600)


def _free_port() -> int:
    with bind_loopback(0) as free:
        return int(free.getsockname()[1])


def _make_database(settings: Settings) -> None:
    database = Database(settings.database_url)
    try:
        database.migrate()
    finally:
        database.dispose()


class _Demo:
    """The steps of the demo, on one wiring."""

    def __init__(
        self, wiring: Wiring, folder: Path, server: SandboxServer, mailbox: Mailbox, progress: Progress
    ) -> None:
        self.wiring = wiring
        self.folder = folder
        self.server = server
        self.mailbox = mailbox
        self.progress = progress

    def run(self, begun: float) -> DemoReport:
        """Connect, sync, set up, retrieve, route, deliver, report."""
        wiring = self.wiring
        division = self.connect()
        synced = sync_division(
            wiring.database,
            wiring.exact(division),
            division.code,
            start_date=wiring.settings.routing.start_date,
            clock=wiring.clock,
            progress=lambda what, rows: self.progress(f"sync: {what}", rows, None),
        )
        if synced.error is not None:
            raise synced.error
        division = wiring.pinned()[0]
        self.import_recipients()
        skips, setup = self.set_up(division)
        handling = wiring.handling()
        ids = take_and_route(
            wiring.database,
            [division],
            handling,
            clock=wiring.clock,
            progress=lambda what, number: self.progress(f"retrieve: {what}", number, None),
        )
        deliver_due(
            wiring.database,
            wiring.channels,
            handling,
            clock=wiring.clock,
            progress=lambda sent: self.progress("deliver: mails", sent, None),
        )
        audit = self.report(division)
        with wiring.database.reading() as session:
            held = tuple(
                stored
                for stored in invoices.all(session)
                if stored.reason is not None and stored.state.value in {"held", "invalid", "failed"}
            )
        return DemoReport(
            folder=self.folder,
            division=division,
            start_date=wiring.settings.routing.start_date or wiring.today,
            sync=synced,
            planned_skips=skips,
            setup=setup,
            audit=audit,
            tally=tally(wiring.database, ids),
            held=held,
            mails=len(self.mailbox.messages()),
            seconds=time.monotonic() - begun,
        )

    def connect(self) -> PinnedDivision:
        """Consent as a browser would give it: the sandbox grants at once and redirects."""
        wiring = self.wiring
        url, state = start_consent(wiring.database, wiring.oauth, now=wiring.clock())
        answer = httpx.get(url, follow_redirects=False, timeout=30)
        query = dict(parse_qsl(urlsplit(answer.headers.get("Location", "")).query))
        consent = finish_consent(
            wiring.database,
            wiring.vault,
            wiring.oauth,
            wiring.exact_before_choice,
            query,
            state=state,
            base_url=wiring.settings.exact.site,
            client_id=wiring.settings.exact.client_id,
            clock=wiring.clock,
        )
        codes = [consent.divisions[0].code]
        return pin_divisions(wiring.database, consent, codes, now=wiring.clock(), today=wiring.today)[0]

    def import_recipients(self) -> None:
        """Some of the customers are known in the directory; the csv stays beside the reports."""
        text = rows_to_csv(read_recipient(row) for row in self.server.state.world.directory_rows())
        (self.folder / "recipients.csv").write_text(text, encoding="utf-8", newline="")
        with self.wiring.database.transaction() as session:
            recipients.add_new(session, rows_from_csv(text), now=self.wiring.clock())

    def set_up(self, division: PinnedDivision) -> tuple[int, SetupReport]:
        """Plan and apply; returns how many customers the plan left alone, and what was done."""
        wiring = self.wiring
        wanted = wiring.wanted(division.code)
        planned = plan_setup(wiring.database, division.code, wanted, today=wiring.today)
        applied = apply_setup(
            wiring.database,
            wiring.exact(division),
            planned.plan,
            wanted=wanted,
            today=wiring.today,
            clock=wiring.clock,
            progress=lambda done, total: self.progress("set-up: changes", done, total),
        )
        if applied.stopped_by is not None:
            raise applied.stopped_by
        return len(planned.plan.skips), applied

    def report(self, division: PinnedDivision) -> Audit:
        """The audit report, in Dutch for people and as JSON for programs."""
        audit = audit_kvk(self.wiring.database, division.code, today=self.wiring.today)
        audits = [
            DivisionAudit(
                division=division.code,
                name=division.name,
                generated_at=self.wiring.clock(),
                audit=audit,
                currency=division.currency or "EUR",
            )
        ]
        folder = self.folder / "reports"
        folder.mkdir(exist_ok=True)
        (folder / "kvk.csv").write_bytes(as_csv(audits, language="nl"))
        (folder / "kvk.json").write_bytes(json_bytes(as_json(audits, language="nl")))
        return audit
