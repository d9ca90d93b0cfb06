"""Small lists of a division that change seldom, such as VAT codes; replaced as a whole.

When they are read, and what a code means, is left to others.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, insert, select
from sqlmodel import Session

from connector.storage.tables import ReferenceRow, table_of

REFERENCE = table_of(ReferenceRow)


def replace(session: Session, division: int, kind: str, records: Mapping[str, Mapping[str, Any]]) -> None:
    """Put these records, by code, in the place of all that are there of this kind."""
    r, connection = REFERENCE.c, session.connection()
    connection.execute(delete(REFERENCE).where(r.division == division, r.kind == kind))
    rows = [
        {"division": division, "kind": kind, "code": code, "record": dict(record)} for code, record in records.items()
    ]
    if rows:
        connection.execute(insert(REFERENCE), rows)


def all(session: Session, division: int, kind: str) -> dict[str, dict[str, Any]]:
    """The records of one kind by code; Decimals in them have become text."""
    r = REFERENCE.c
    statement = select(r.code, r.record).where(r.division == division, r.kind == kind).order_by(r.code)
    return {row.code: row.record for row in session.connection().execute(statement)}
