"""The one place where settings become clients, database and channels.

What is done with them is the use cases' affair.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cached_property
from importlib.metadata import version
from types import TracebackType
from typing import Self

import httpx

from connector.customer import Division
from connector.customers.setup import Wanted
from connector.errors import InvalidSetting, Misconfigured, NothingFound
from connector.exact.budget import Budget, Priority, current
from connector.exact.client import ExactClient, Limiter, make_http_client
from connector.exact.oauth import ExactOAuth, token_http_client
from connector.exact.protocol import AMSTERDAM
from connector.kvk import KvkClient
from connector.kvk import make_http_client as make_kvk_client
from connector.sending.channel import Channel
from connector.sending.smtp import SmtpChannel
from connector.settings import Settings
from connector.storage import budgets, connections, divisions, learned
from connector.storage.connections import ConnectionId
from connector.storage.database import Database
from connector.storage.fences import Fences
from connector.storage.learned import ATTACHMENT_TYPE
from connector.storage.vault import Vault
from connector.usecases.handling import Handling
from connector.usecases.keep_token import TokenKeeper

EMAIL = 2
"""Exact's `InvoicingMethod` for e-mail. Source: exact-online-api.md 4.1 [docs]."""


def connection_of(division: divisions.PinnedDivision) -> ConnectionId:
    """The log-in that works for a division.

    Raises:
        NothingFound: It is not connected (any more).
    """
    if division.connection_id is None:
        raise NothingFound(f"division {division.code} is not connected", hint="run `connector connect`")
    return division.connection_id


def utc_now() -> datetime:
    """The clock of the whole program: aware, UTC."""
    return datetime.now(UTC)


class Wiring:
    """Clients, database and channels of one process, made when first needed and closed together."""

    def __init__(
        self,
        settings: Settings,
        *,
        language: str = "nl",
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.settings = settings
        self.language = language
        self.clock = clock
        self.sleep = sleep
        self._opened: list[httpx.Client] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._opened:
            client.close()
        if "database" in self.__dict__:
            self.database.dispose()

    @property
    def today(self) -> date:
        """The day in Amsterdam, where Exact's and the office's dates are written."""
        return self.clock().astimezone(AMSTERDAM).date()

    @cached_property
    def database(self) -> Database:
        """The database, migrated to this version's tables.

        Raises:
            DatabaseBehind: It has to be made or migrated with `connector init` first.
        """
        database = Database(self.settings.database_url)
        database.require_current()
        return database

    @cached_property
    def vault(self) -> Vault:
        """What encrypts tokens."""
        return Vault(self.settings.secret_keys())

    @cached_property
    def fences(self) -> Fences:
        """What is written down beside the key file, also when the key itself comes from the environment."""
        return Fences(self.settings.path(self.settings.storage.secret_key_file or "connector.key"))

    @cached_property
    def http(self) -> httpx.Client:
        """The client for Exact's API."""
        client = make_http_client(self.settings.exact.site, version("connector"))
        self._opened.append(client)
        return client

    @cached_property
    def oauth(self) -> ExactOAuth:
        """Consent and tokens, over a client of its own with long timeouts."""
        exact = self.settings.exact
        if not exact.client_id:
            raise InvalidSetting("exact.client_id is empty", hint="fill in the client id of your app registration")
        client = token_http_client(exact.site, version("connector"))
        self._opened.append(client)
        return ExactOAuth(
            client,
            base_url=exact.site,
            client_id=exact.client_id,
            client_secret=self.settings.client_secret(),
            redirect_uri=exact.redirect_uri,
        )

    def register(self) -> KvkClient | None:
        """A client for the KVK register; None without a key."""
        key = self.settings.kvk_key()
        if not key:
            return None
        base_url = self.settings.kvk.base_url
        client = make_kvk_client(base_url, key, version("connector"))
        self._opened.append(client)
        return KvkClient(client, base_url=base_url, clock=self.clock, sleep=self.sleep)

    def pinned(self, chosen: list[int] | None = None) -> list[divisions.PinnedDivision]:
        """The connected divisions, all or the chosen ones.

        Raises:
            NothingFound: A chosen one is not connected, or none is.
        """
        with self.database.reading() as session:
            everything = {division.code: division for division in divisions.all(session)}
        if not everything:
            raise NothingFound("no division is connected yet", hint="run `connector connect`")
        missing = [code for code in chosen or [] if code not in everything]
        if missing:
            known = ", ".join(str(code) for code in everything)
            raise NothingFound(f"division {missing[0]} is not connected", hint=f"connected are: {known}")
        return [everything[Division(code)] for code in chosen] if chosen else list(everything.values())

    def synced(self, chosen: list[int] | None = None) -> list[divisions.PinnedDivision]:
        """Like `pinned`, for what looks at customers: where none were read yet, none would seem to need anything.

        Raises:
            NothingFound: As `pinned`, or one was never synced.
        """
        found = self.pinned(chosen)
        for division in found:
            if division.last_synced_at is None:
                raise NothingFound(f"division {division.code} was never synced", hint="run `connector sync` first")
        return found

    def exact(self, division: divisions.PinnedDivision, *, priority: Priority | None = None) -> ExactClient:
        """A client for one division; its budget is stored, so that the next process starts knowing it.

        Args:
            priority: How urgent its calls are; None: as the background sync's, by endpoint.
        """
        self._require_same_site(division)
        return ExactClient(
            self.http,
            base_url=self.settings.exact.site,
            division=division.code,
            token=self.token_keeper(connection_of(division)),
            limiter=self._limiter(division.code, priority),
            clock=self.clock,
            sleep=self.sleep,
        )

    def _require_same_site(self, division: divisions.PinnedDivision) -> None:
        """Refuse to send a connection's tokens to another site, or through another app, than they are from."""
        with self.database.reading() as session:
            connection = connections.get(session, connection_of(division))
        exact = self.settings.exact
        if connection is None or (connection.base_url, connection.client_id) != (exact.site, exact.client_id):
            raise InvalidSetting(
                f"division {division.code} was connected at another site or by another app than [exact] names",
                hint="put the settings back, or connect the division again",
            )

    def exact_before_choice(self, connection: ConnectionId) -> ExactClient:
        """A client for what needs no division: who is connected, and which divisions there are."""
        kept = [Budget()]

        def change(step: Callable[[Budget], Budget]) -> None:
            kept[0] = step(kept[0])

        limiter = Limiter(change=change, clock=self.clock, sleep=self.sleep)
        return ExactClient(
            self.http,
            base_url=self.settings.exact.site,
            division=0,
            token=self.token_keeper(connection),
            limiter=limiter,
            clock=self.clock,
            sleep=self.sleep,
        )

    def budget(self, division: int) -> Budget:
        """What is left of a division's calls now, as far as the last answers told."""
        with self.database.reading() as session:
            stored = budgets.read(session, division)
        return current(Budget.from_json(stored) if stored else Budget(), self.clock())

    def token_keeper(self, connection: ConnectionId) -> TokenKeeper:
        """What gives out this connection's access tokens."""
        return TokenKeeper(
            self.database,
            self.vault,
            self.oauth,
            connection,
            fences=self.fences,
            clock=self.clock,
            sleep=self.sleep,
        )

    def _limiter(self, division: int, priority: Priority | None) -> Limiter:
        def change(step: Callable[[Budget], Budget]) -> None:
            with self.database.transaction() as session:
                stored = budgets.read(session, division)
                before = Budget.from_json(stored) if stored else Budget()
                after = step(before)
                if after != before:
                    budgets.save(session, division, after.as_json())

        return Limiter(change=change, clock=self.clock, sleep=self.sleep, priority=priority)

    def wanted(self, division: int) -> Wanted:
        """The state that the set-up of one division aims at.

        Raises:
            InvalidSetting: No upload address of its own.
        """
        with self.database.reading() as session:
            alone = len(divisions.all(session)) <= 1
            learnt = learned.read(session, division, ATTACHMENT_TYPE)
        return self._wanted(division, learnt, alone=alone)

    def _wanted(self, division: int, learnt: int | None, *, alone: bool) -> Wanted:
        """Attachment types: the division's own setting, else what was learnt from it, else the common setting."""
        setup = self.settings.setup_of(division, alone=alone)
        own = self.settings.setup.divisions.get(division)
        own_type = own.attachment_type if own else None
        common = self.settings.setup.attachment_type
        return Wanted(
            upload_address=setup.upload_address or "",
            contact_name=setup.contact_name or "",
            invoicing_method=setup.invoicing_method or EMAIL,
            attachment_type=next((each for each in (own_type, learnt, common) if each is not None), None),
        )

    def handling(self) -> Handling:
        """How this installation handles invoices."""
        routing = self.settings.routing
        wanted: dict[int, Wanted] = {}
        with self.database.reading() as session:
            codes = [division.code for division in divisions.all(session)]
            learnt = {code: learned.read(session, code, ATTACHMENT_TYPE) for code in codes}
        for code in codes:
            try:
                wanted[code] = self._wanted(code, learnt[code], alone=len(codes) == 1)
            except Misconfigured:
                if routing.deliver == "not_set_up":
                    raise  # who is set up could not be told, and both we and InvoiceSharing would deliver
        return Handling(
            deliver=routing.deliver,
            unknown_recipient=routing.unknown_recipient,
            without_kvk=routing.without_kvk,
            start_date=routing.start_date,
            wanted=wanted,
            upload_addresses=self.settings.upload_addresses(),
            notify=tuple(self.settings.mail.notify),
            from_address=self.settings.mail.from_address,
            language=self.language,
        )

    @cached_property
    def channels(self) -> dict[str, Channel]:
        """The channels by name; mail and upload addresses both go over the mail server."""
        mail = self.settings.mail
        if not mail.from_address:
            raise InvalidSetting("mail.from_address is empty", hint="fill in the address that invoices come from")
        smtp = SmtpChannel(
            mail.host,
            mail.port,
            security=mail.security,
            username=mail.username,
            password=self.settings.smtp_password(),
            from_address=mail.from_address,
        )
        return {"email": smtp, "upload": smtp}
