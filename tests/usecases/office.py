"""An office at work: the connector wired to a running sandbox and mailbox, with a clock that tests move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from connector.composition import Wiring
from connector.customers.setup import Plan
from connector.delivery import Kind
from connector.exact.client import ExactClient
from connector.exact_sandbox import Mailbox, ReceivedMail, SandboxServer
from connector.exact_sandbox.expectations import ExpectedInvoice
from connector.exact_sandbox.expectations import invoices as expected_invoices
from connector.exact_sandbox.world import World
from connector.routing.directory import read_recipient
from connector.settings import Settings
from connector.storage import deliveries, invoices, recipients
from connector.storage.database import Database
from connector.storage.deliveries import StoredDelivery
from connector.storage.divisions import PinnedDivision
from connector.storage.invoices import ReceivedInvoice
from connector.storage.vault import new_key
from connector.usecases.apply_setup import SetupReport, apply_setup
from connector.usecases.connect_division import Consent, finish_consent, pin_divisions, start_consent
from connector.usecases.deliver_next import DeliveryReport, deliver_due
from connector.usecases.handling import Handling
from connector.usecases.ingest_paths import FileOutcome, ingest_paths
from connector.usecases.plan_setup import plan_setup
from connector.usecases.run_once import route_received, take_and_route, tally
from connector.usecases.sync_division import sync_cards, sync_division
from connector.usecases.sync_report import SyncReport
from connector.usecases.undo_setup import undo_setup, undoable_steps

TODAY = date(2026, 11, 2)
NOON = datetime(2026, 11, 2, 12, 0, 5, tzinfo=UTC)
START = TODAY - timedelta(days=30)
DIVISION = 123456
ATTACHMENT_TYPE = 4097
FROM = "facturen@kantoor.example"
NOTIFY = "administratie@kantoor.example"

SETTINGS = """
[exact]
base_url = "{base_url}"
client_id = "{client_id}"
client_secret = "{client_secret}"
redirect_uri = "http://127.0.0.1:9/callback"

[setup]
upload_address = "{upload_address}"
attachment_type = {attachment_type}

[routing]
start_date = "{start_date}"

[mail]
port = {mail_port}
from_address = "{from_address}"
notify = ["{notify}"]
"""


class Killed(BaseException):
    """Stands for the end of the process: nothing of ours catches it."""


class Clock:
    """Everybody's time. It moves a millisecond at each look, and as far as somebody sleeps."""

    def __init__(self) -> None:
        self._now = NOON
        self._lock = Lock()

    def __call__(self) -> datetime:
        with self._lock:
            self._now += timedelta(milliseconds=1)
            return self._now

    def forward(self, **parts: float) -> None:
        """Let time pass, e.g. ``forward(days=1)``."""
        with self._lock:
            self._now += timedelta(**parts)

    def sleep(self, seconds: float) -> None:
        """Sleep without waiting."""
        self.forward(seconds=seconds)


class Office:
    """One installation of the connector with the world around it."""

    def __init__(self, folder: Path, server: SandboxServer, mailbox: Mailbox, clock: Clock) -> None:
        self.folder = folder
        self.server = server
        self.mailbox = mailbox
        self.clock = clock
        (folder / "connector.key").write_text(new_key(), encoding="utf-8")
        text = SETTINGS.format(
            base_url=server.base_url,
            client_id=server.client_id,
            client_secret=server.client_secret,
            upload_address=self.world.upload_address(DIVISION),
            attachment_type=ATTACHMENT_TYPE,
            start_date=START,
            mail_port=mailbox.port,
            from_address=FROM,
            notify=NOTIFY,
        )
        (folder / "config.toml").write_text(text, encoding="utf-8")
        self.wiring = Wiring(Settings.load(folder / "config.toml", {}), clock=clock, sleep=clock.sleep)

    @property
    def world(self) -> World:
        """What the sandbox started with."""
        return self.server.state.world

    @property
    def database(self) -> Database:
        """The connector's database."""
        return self.wiring.database

    @property
    def division(self) -> PinnedDivision:
        """The pinned division as it stands now."""
        return self.wiring.pinned()[0]

    @property
    def client(self) -> ExactClient:
        """A client for the division; a new one each time."""
        return self.wiring.exact(self.division)

    # Connecting

    def ask(self) -> tuple[dict[str, str], str]:
        """Go to the consent page as a browser does: the parameters of the redirect, and the state to expect."""
        url, state = start_consent(self.database, self.wiring.oauth, now=self.clock())
        answer = httpx.get(url, follow_redirects=False)
        return dict(parse_qsl(urlsplit(answer.headers["Location"]).query)), state

    def finish(self, query: dict[str, str], state: str) -> Consent:
        """Come back from the consent page."""
        return finish_consent(
            self.database,
            self.wiring.vault,
            self.wiring.oauth,
            self.wiring.exact_before_choice,
            query,
            state=state,
            base_url=self.server.base_url,
            client_id=self.server.client_id,
            clock=self.clock,
        )

    def connect(self, *codes: int) -> Consent:
        """Consent and pin divisions, the first one unless told."""
        consent = self.finish(*self.ask())
        pin_divisions(self.database, consent, codes or [DIVISION], now=self.clock(), today=self.wiring.today)
        return consent

    # Exact

    def sync(self, **options: Any) -> SyncReport:
        """Sync the division; fails the test when that fails."""
        report = self.try_sync(**options)
        assert report.error is None, report.error
        return report

    def try_sync(self, **options: Any) -> SyncReport:
        """Sync the division, come of it what may."""
        chosen = {"clock": self.clock, "start_date": START, **options}
        return sync_division(self.database, self.client, self.division.code, **chosen)

    def plan(self, **options: Any) -> Plan:
        """Plan the set-up from the database."""
        wanted = self.wiring.wanted(DIVISION)
        return plan_setup(self.database, self.division.code, wanted, today=TODAY, **options).plan

    def apply(self, plan: Plan | None = None, *, client: ExactClient | None = None, **options: Any) -> SetupReport:
        """Apply a plan, a fresh one unless given."""
        return apply_setup(
            self.database,
            client or self.client,
            plan or self.plan(),
            wanted=self.wiring.wanted(DIVISION),
            today=TODAY,
            clock=self.clock,
            **options,
        )

    def undo(self, **options: Any) -> SetupReport:
        """Undo what the newest run did, or what `options` choose."""
        code = self.division.code
        steps = undoable_steps(self.database, [code], **options)[code]
        return undo_setup(self.database, self.client, code, steps=steps, clock=self.clock)

    def refresh(self, division: PinnedDivision) -> None:
        """Read a division's cards anew, as retrying an invoice does."""
        sync_cards(self.database, self.wiring.exact(division), division.code, clock=self.clock)

    # Invoices

    def know_recipients(self) -> None:
        """Import the directory that the world comes with."""
        found = [read_recipient(row) for row in self.world.directory_rows()]
        with self.database.transaction() as session:
            recipients.add_new(session, found, now=self.clock())

    def handling(self, **changes: Any) -> Handling:
        """What the settings say about invoices, but for `changes`."""
        return replace(self.wiring.handling(), **changes)

    def work(self, **changes: Any) -> dict[str, int]:
        """Take, decide and deliver what there is; the tally of it."""
        handling = self.handling(**changes)
        ids = take_and_route(self.database, [self.division], handling, clock=self.clock)
        self.deliver(**changes)
        return tally(self.database, ids)

    def deliver(self, **changes: Any) -> DeliveryReport:
        """Send what is due."""
        return deliver_due(self.database, self.wiring.channels, self.handling(**changes), clock=self.clock)

    def ingest(self, *paths: Path, **changes: Any) -> list[FileOutcome]:
        """Read files and decide on what is in them, without sending anything yet."""
        outcomes = ingest_paths(self.database, paths, self.handling(**changes), clock=self.clock)
        route_received(self.database, self.handling(**changes), clock=self.clock)
        return outcomes

    def all_invoices(self) -> tuple[ReceivedInvoice, ...]:
        """Every invoice in our hands, in the order of coming in."""
        with self.database.reading() as session:
            return invoices.all(session)

    def invoice(self, number: int | str) -> ReceivedInvoice:
        """The first invoice with this number."""
        return next(stored for stored in self.all_invoices() if stored.number == str(number))

    def deliveries_of(self, stored: ReceivedInvoice, kind: Kind = Kind.INVOICE) -> list[StoredDelivery]:
        """An invoice's deliveries, or the notices about it."""
        with self.database.reading() as session:
            return [row for row in deliveries.of_invoice(session, stored.id) if row.kind is kind]

    def mails(self) -> list[ReceivedMail]:
        """The mails with invoices that arrived."""
        return [mail for mail in self.mailbox.messages() if mail.sender.strip("<>")]

    def notices(self) -> list[ReceivedMail]:
        """The notices to the sender that arrived: their envelope has no sender."""
        return [mail for mail in self.mailbox.messages() if not mail.sender.strip("<>")]

    def expected(self, *, directory: bool = False, start_date: date = START) -> dict[int, ExpectedInvoice]:
        """What the world says becomes of each finished invoice."""
        rows = self.world.directory_rows() if directory else []
        return expected_invoices(self.world, DIVISION, start_date=start_date, directory=rows)

    def expected_numbers(self, outcome: str) -> list[int]:
        """The invoices with one outcome, without a directory."""
        return [number for number, expected in self.expected().items() if expected.outcome == outcome]


OpenOffice = Callable[..., Office]
