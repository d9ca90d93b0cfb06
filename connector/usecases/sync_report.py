"""What one sync of one division did, for people, scripts and the log."""

from dataclasses import asdict, dataclass, field
from typing import Any

from connector.errors import ConnectorError


@dataclass(slots=True, kw_only=True)
class Count:
    """Rows of one kind in one sync."""

    changed: int = 0
    deleted: int = 0
    total: int = 0


@dataclass(slots=True, kw_only=True)
class SyncReport:
    """What one sync of one division did; `as_json` is the shape of interfaces.md."""

    division: int
    customers: Count = field(default_factory=Count)
    contacts: Count = field(default_factory=Count)
    invoices: Count = field(default_factory=Count)
    fetched: int = 0
    api_calls: int = 0
    notes: list[str] = field(default_factory=list)
    """What was done in another way than usual, a sentence each."""
    troubles: list[ConnectorError] = field(default_factory=list)
    """What somebody should look at and kept nothing else back."""
    error: ConnectorError | None = None
    """What kept the sync from its end."""

    @property
    def errors(self) -> list[ConnectorError]:
        """All that went wrong, for the exit code."""
        return [*([] if self.error is None else [self.error]), *self.troubles]

    def as_json(self) -> dict[str, Any]:
        """One entry of `divisions` in `sync --json`."""
        return {
            "division": self.division,
            "customers": asdict(self.customers),
            "contacts": asdict(self.contacts),
            "invoices": asdict(self.invoices),
            "documents": {"fetched": self.fetched},
            "api_calls": self.api_calls,
            "notes": self.notes,
            "troubles": [trouble.message for trouble in self.troubles],
            "error": self.error.message if self.error else None,
        }
