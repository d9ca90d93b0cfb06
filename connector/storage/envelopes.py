"""Envelopes: what arrived in one piece, stored with its raw files before anything else is done with it.

What is in the files is `ingest`'s affair, the invoices made of them `invoices`'.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlmodel import Session

from connector.customer import Division
from connector.storage import files
from connector.storage.ids import sortable_id
from connector.storage.tables import EnvelopeRow, storable, table_of

ENVELOPES = table_of(EnvelopeRow)


class Origin(StrEnum):
    """Where an invoice came from."""

    EXACT = "exact"
    EMAIL = "email"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An arrival and its files as (name, SHA-256), in the order they were in."""

    id: str
    origin: Origin
    division: Division | None
    message_id: str | None
    received_at: datetime
    files: tuple[tuple[str, str], ...]


def add(
    session: Session,
    *,
    origin: Origin,
    division: Division | None = None,
    message_id: str | None = None,
    contents: Sequence[tuple[str, bytes]] = (),
    kept: Sequence[tuple[str, str]] = (),
    now: datetime,
) -> Envelope:
    """Store an arrival with its files.

    Args:
        message_id: Of the mail, as it stands in its header; None for what is no mail.
        contents: Files as (name, bytes).
        kept: Files whose bytes are here already, as (name, SHA-256); they come first.
    """
    saved = tuple((storable(name), files.save(session, content)) for name, content in contents)
    envelope = Envelope(
        id=sortable_id("env", now),
        origin=origin,
        division=division,
        message_id=storable(message_id) if message_id else None,
        received_at=now,
        files=(*((storable(name), sha256) for name, sha256 in kept), *saved),
    )
    session.connection().execute(
        ENVELOPES.insert().values(
            id=envelope.id,
            origin=envelope.origin.value,
            division=envelope.division,
            message_id=envelope.message_id,
            received_at=envelope.received_at,
            files=[list(file) for file in envelope.files],
        )
    )
    return envelope


def get(session: Session, envelope_id: str) -> Envelope | None:
    """One arrival."""
    row = session.connection().execute(select(ENVELOPES).where(ENVELOPES.c.id == envelope_id)).one_or_none()
    return None if row is None else _read(row._asdict())


def _read(row: dict[str, object]) -> Envelope:
    kept = tuple((name, sha256) for name, sha256 in row["files"])  # type: ignore[attr-defined]  # a list of pairs
    return Envelope(**{**row, "origin": Origin(str(row["origin"])), "files": kept})  # type: ignore[arg-type]  # as stored
