"""Handling: what this installation was told about invoices, as values; `composition` makes it from the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from connector.customers.setup import Wanted
from connector.routing.decision import Rules
from connector.storage.divisions import PinnedDivision


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """The choices of [routing], [setup] and [mail] that decide what becomes of an invoice."""

    deliver: str = "all"
    unknown_recipient: str = "email"
    without_kvk: str = "hold"
    start_date: date | None = None
    """For every division; None: each one's own day of connecting."""
    wanted: Mapping[int, Wanted] = field(default_factory=dict)
    """The set-up of each division that has an upload address."""
    upload_addresses: frozenset[str] = frozenset()
    """Of all divisions, lower case."""
    notify: tuple[str, ...] = ()
    from_address: str = ""
    language: str = "nl"
    """Of notices to the sender."""

    @property
    def message_domain(self) -> str:
        """The right-hand side of every Message-ID: the domain that the mails are from."""
        return self.from_address.rpartition("@")[2] or "connector.invalid"

    def start_of(self, division: PinnedDivision | None) -> date | None:
        """The first day whose invoices are sent; None for a seller that is no connected division."""
        if division is None:
            return None
        return self.start_date or division.start_date

    def rules_of(self, division: PinnedDivision | None) -> Rules:
        """The routing rules for invoices of one seller."""
        wanted = self.wanted.get(division.code) if division else None
        return Rules(
            deliver=self.deliver,
            unknown_recipient=self.unknown_recipient,
            without_kvk=self.without_kvk,
            start_date=self.start_of(division),
            upload_address=wanted.upload_address if wanted else None,
            upload_addresses=self.upload_addresses,
        )

    def told(self, division: PinnedDivision | None) -> tuple[str, ...]:
        """Who hears of trouble with this division or its invoices: nobody when it is no connected one."""
        if division is None or self.deliver == "none":
            return ()
        return self.notify or ((division.email,) if division.email else ())
