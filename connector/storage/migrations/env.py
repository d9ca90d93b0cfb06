"""What Alembic runs for every command. The connection comes from `Database`, its transaction too."""

from typing import Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

from connector.storage.tables import Money, Row


def render_item(kind: str, item: object, autogen: AutogenContext) -> str | Literal[False]:
    """Write SQLModel's column types as plain SQLAlchemy, so that migrations do not depend on its versions."""
    if kind != "type":
        return False
    if isinstance(item, AutoString):
        return "sa.String()"
    if isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if isinstance(item, Money):
        return 'sa.Text().with_variant(sa.Numeric(), "postgresql")'
    if isinstance(item, sa.JSON):
        autogen.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False


def compare_type(
    _context: object, _column: object, _inspected: object, inspected_type: object, ours: object
) -> bool | None:
    """Money on SQLite is text there on purpose; everything else Alembic compares itself."""
    return False if isinstance(ours, Money) and isinstance(inspected_type, (sa.Text, sa.Numeric)) else None


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    render_as_batch=True,
    render_item=render_item,
    compare_type=compare_type,
    # PostgreSQL may hold tables of others (a job queue); only ours are compared.
    include_name=lambda name, kind, _parents: kind != "table" or name in Row.metadata.tables,
)
with context.begin_transaction():
    context.run_migrations()
