"""Bytes, by their SHA-256: what was received, fetched or rendered, each once.

Whose they are, and what they are called, those say who point to them.
"""

from hashlib import sha256

from sqlalchemy import select
from sqlmodel import Session

from connector.errors import NothingFound
from connector.storage.tables import FileRow, insert_into, table_of

FILES = table_of(FileRow)


def save(session: Session, content: bytes) -> str:
    """Keep bytes; returns their SHA-256 in hex. Those that are there already are not written again."""
    digest = sha256(content).hexdigest()
    statement = insert_into(session, FILES).values(sha256=digest, size=len(content), content=content)
    session.connection().execute(statement.on_conflict_do_nothing())
    return digest


def load(session: Session, digest: str) -> bytes:
    """The bytes with this SHA-256.

    Raises:
        NothingFound: They were never kept.
    """
    statement = select(FILES.c.content).where(FILES.c.sha256 == digest)
    content = session.connection().execute(statement).scalar_one_or_none()
    if content is None:
        raise NothingFound(f"there is no file with SHA-256 {digest}")
    return bytes(content)
