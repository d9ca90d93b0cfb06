"""Answers of the KVK register, kept with the moment they were given; how long they count is the caller's affair."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import Session

from connector.customers.register import ProfileQuestion, Question, RegisterEvidence, Registration, SearchQuestion
from connector.identifiers import KvkNumber
from connector.storage.tables import RegisterAnswerRow, insert_into, storable, table_of

ANSWERS = table_of(RegisterAnswerRow)


def save(session: Session, question: Question, evidence: RegisterEvidence) -> None:
    """Keep an answer, in the place of an older one to the same question."""
    values = {
        "question": _as_text(question),
        "asked_at": evidence.asked_at,
        "found": [_as_json(registration) for registration in evidence.found],
    }
    statement = insert_into(session, ANSWERS).values(values)
    new = {name: statement.excluded[name] for name in ("asked_at", "found")}
    session.connection().execute(statement.on_conflict_do_update(index_elements=["question"], set_=new))


def answers(session: Session, *, since: datetime) -> dict[Question, RegisterEvidence]:
    """Every answer given at `since` or later."""
    rows = session.connection().execute(select(ANSWERS).where(ANSWERS.c.asked_at >= since))
    return {
        _as_question(row.question): RegisterEvidence(
            asked_at=row.asked_at, found=tuple(_as_registration(record) for record in row.found)
        )
        for row in rows
    }


def forget(session: Session, *, before: datetime) -> None:
    """Delete the answers that are older."""
    session.connection().execute(delete(ANSWERS).where(ANSWERS.c.asked_at < before))


def _as_text(question: Question) -> str:
    kind = "profile" if isinstance(question, ProfileQuestion) else "search"
    return storable(json.dumps({"kind": kind, **asdict(question)}, ensure_ascii=False, sort_keys=True))


def _as_question(text: str) -> Question:
    fields = json.loads(text)
    return ProfileQuestion(**fields) if fields.pop("kind") == "profile" else SearchQuestion(**fields)


def _as_json(registration: Registration) -> dict[str, Any]:
    fields = asdict(registration)
    fields["closed_on"] = registration.closed_on.isoformat() if registration.closed_on else None
    return fields


def _as_registration(record: Mapping[str, Any]) -> Registration:
    return Registration(
        number=KvkNumber(record["number"]),
        names=tuple(record["names"]),
        postcodes=tuple(record["postcodes"]),
        streets=tuple((street, city) for street, city in record["streets"]),
        is_closed=record["is_closed"],
        closed_on=date.fromisoformat(record["closed_on"]) if record["closed_on"] else None,
    )
