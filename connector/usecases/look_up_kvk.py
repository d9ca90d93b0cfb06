"""Ask the KVK register what the audit wants to know and the database does not; every answer is kept for 30 days.

Which questions those are, and what the answers mean, is decided in `customers.register`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import structlog
from sqlmodel import Session

from connector.customer import Division
from connector.customers.register import (
    EVIDENCE_LASTS,
    PROFILE_PRICE,
    Evidence,
    ProfileQuestion,
    Question,
    RegisterEvidence,
    questions_about,
)
from connector.errors import ConnectorError, Misconfigured, RegisterUnexpected, Transient
from connector.kvk import KvkClient
from connector.storage import customers, divisions, register
from connector.storage.database import Database

log = structlog.get_logger()

Progress = Callable[[int, int], None]
"""Told how many questions were asked, of how many."""


@dataclass(slots=True, kw_only=True)
class LookUpReport:
    """What a look-up brought."""

    answered: int = 0
    paid_calls: int = 0
    not_checked: int = 0
    """Questions without an answer that can be used; of these customers the register says nothing."""
    stopped_by: ConnectorError | None = None
    refusals: list[str] = field(default_factory=list)
    """What the register said to questions that it did not take, each once."""


def questions_open(database: Database, chosen: Sequence[Division], *, today: date) -> list[Question]:
    """The questions about the customers of these divisions that no answer is kept to, each once."""
    wanted: dict[Question, None] = {}
    with database.reading() as session:
        known = valid_evidence(session, today)
        for division in chosen:
            pinned = divisions.require(session, division)
            asked = questions_about(customers.all_customers(session, division), own_kvk=pinned.kvk, today=today)
            wanted |= dict.fromkeys(asked.values())
    return [question for question in wanted if question not in known]


def valid_evidence(session: Session, today: date) -> Evidence:
    """What the register answered today or in the 30 days before."""
    return register.answers(session, since=datetime.combine(today - EVIDENCE_LASTS, time.min, tzinfo=UTC))


def price_of(questions: Sequence[Question]) -> tuple[int, Decimal]:
    """How many of these are paid for, and what they cost together in euros, repeats after a fault not counted."""
    paid = sum(isinstance(question, ProfileQuestion) for question in questions)
    return paid, paid * PROFILE_PRICE


def look_up_kvk(
    database: Database,
    client: KvkClient,
    questions: Sequence[Question],
    *,
    clock: Callable[[], datetime],
    progress: Progress = lambda done, all_of_them: None,
) -> LookUpReport:
    """Ask the questions and keep each answer as it comes, so that a run that is cut off pays nothing twice.

    Returns:
        `stopped_by` says why not everything was asked: the register is away, or the key is wrong.
    """
    report = LookUpReport()
    paid_before = client.paid_calls
    with database.transaction() as session:
        register.forget(session, before=clock() - EVIDENCE_LASTS - timedelta(days=2))  # `valid_evidence` counts in days
    for number, question in enumerate(questions, start=1):
        try:
            found = client.ask(question)
        except RegisterUnexpected as error:
            if error.message not in report.refusals:
                report.refusals.append(error.message)
            continue
        except (Transient, Misconfigured) as error:
            report.stopped_by = error
            break
        with database.transaction() as session:
            register.save(session, question, RegisterEvidence(asked_at=clock(), found=found))
        report.answered += 1
        progress(number, len(questions))
    report.not_checked = len(questions) - report.answered
    report.paid_calls = client.paid_calls - paid_before
    log.info("kvk.looked_up", answered=report.answered, paid=report.paid_calls, not_checked=report.not_checked)
    return report
