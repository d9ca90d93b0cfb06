"""texts.py: every reason is worded in both languages, and the mails say what they have to."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import LossCause
from connector.texts import (
    LANGUAGES,
    REASONS,
    cause_text,
    expiring_mail,
    invoice_mail,
    lost_mail,
    money,
    notice_mail,
    one_line,
    reason_text,
    trouble_text,
)
from connector.usecases.keep_token import Trouble

WORDS_OF_THE_CONTRACT = {
    "without_kvk",
    "no_address",
    "unknown_recipient",
    "kvk_differs",
    "own_number",
    "ambiguous_recipient",
    "number_conflict",
    "totals_differ",
    "fact_missing",
    "fatal_findings",
    "unreadable",
    "delivery_uncertain",
    "delivery_failed",
    "deliver_none",
}


def mail(**fields: Any) -> tuple[str, str]:
    """The mail with an invoice of € 1.210."""
    facts: dict[str, Any] = {
        "language": "nl",
        "number": "2026-1",
        "seller": "Kantoor Voorbeeld B.V.",
        "amount": Decimal("1210"),
        "currency": "EUR",
        "due_date": date(2026, 12, 2),
    }
    return invoice_mail(**facts | fields)


def test_every_reason_has_words() -> None:
    """No invoice is ever held for a reason that cannot be told."""
    assert WORDS_OF_THE_CONTRACT <= REASONS


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", sorted(REASONS))
def test_reason_is_told_whole(reason: str, language: str) -> None:
    """A title without a full stop, sentences with one, and the invoice's id in every command of the remedy."""
    text = reason_text(reason, language, invoice_id="3f1c")

    assert text.title[0].isupper()
    assert not text.title.endswith(".")
    assert text.explanation.endswith(".")
    assert not re.search("[{}]", text.title + text.explanation + text.remedy)
    assert all("3f1c" in part for part in re.findall(r"connector invoices (?!list)[^:.]*", text.remedy))


def test_languages_differ() -> None:
    """No Dutch is left in the English words, nor the other way round."""
    for reason in REASONS:
        dutch, english = reason_text(reason, "nl"), reason_text(reason, "en")
        assert dutch.title != english.title
        assert dutch.explanation != english.explanation
        assert dutch.remedy != english.remedy


def test_invoice_mail_in_dutch() -> None:
    """Seller, number, amount and due date, as a Dutch reader writes them."""
    subject, text = mail()

    assert subject == "Factuur 2026-1 van Kantoor Voorbeeld B.V."
    assert "Bedrag: € 1.210,00\nTe betalen vóór of op: 2 december 2026" in text
    assert "pdf" in text


def test_invoice_mail_in_english() -> None:
    """The same in English."""
    subject, text = mail(language="en", currency="USD", has_pdf=False)

    assert subject == "Invoice 2026-1 from Kantoor Voorbeeld B.V."
    assert "Amount: USD 1,210.00\nPayable by: 2 December 2026" in text
    assert "PDF" not in text


def test_credit_note_is_not_payable() -> None:
    """A credit note is called one and asks for no payment."""
    subject, text = mail(is_credit_note=True)

    assert subject.startswith("Creditfactuur")
    assert "Te betalen" not in text


def test_unknown_facts_leave_no_gap() -> None:
    """Without an amount and a due date the mail has no empty lines in their place."""
    _, text = mail(amount=None, due_date=None)

    assert "\n\n\n" not in text
    assert "None" not in text


def test_notice_tells_reason_and_remedy() -> None:
    """Number, customer, reason, detail and remedy, with the command for this invoice."""
    subject, text = notice_mail(
        language="nl", number="2026-1", customer="Gemeente Nergenshuizen", reason="kvk_differs",
        detail="20147376 / 58070031", invoice_id="3f1c",
    )  # fmt: skip

    assert subject == "Factuur 2026-1 vraagt uw aandacht: Twee verschillende KvK-nummers"
    for part in ("Gemeente Nergenshuizen", "Bijzonderheid: 20147376 / 58070031", "connector invoices retry 3f1c"):
        assert part in text


def test_notice_without_number_and_customer() -> None:
    """A file that cannot be read has neither; the notice still reads well."""
    subject, text = notice_mail(language="en", number="", customer="", reason="unreadable")

    assert subject == "Invoice without a number needs your attention: The file cannot be read"
    assert "Invoice without a number cannot go on" in text
    assert "Detail:" not in text


@given(st.text(), st.text(), st.sampled_from(LANGUAGES), st.sampled_from(sorted(REASONS)))
def test_subjects_are_one_line(number: str, name: str, language: str, reason: str) -> None:
    """Whatever an invoice calls itself or its parties, a subject is one printable line."""
    subjects = [
        mail(language=language, number=number, seller=name)[0],
        notice_mail(language=language, number=number, customer=name, reason=reason)[0],
    ]

    assert all(subject.isprintable() for subject in subjects)


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    """Printable, on one line, 200 characters at most."""
    assert one_line(text).isprintable()
    assert len(one_line(text)) <= 200


@pytest.mark.parametrize(
    ("amount", "currency", "language", "written"),
    [
        ("0", "EUR", "nl", "€ 0,00"),
        ("-1234567.891", "EUR", "nl", "€ -1.234.567,89"),
        ("999.995", "EUR", "en", "€ 1,000.00"),
        ("12", "", "nl", "12,00"),
    ],
)
def test_money(amount: str, currency: str, language: str, written: str) -> None:
    """Two decimals, thousands set apart as the language does."""
    assert money(Decimal(amount), currency, language) == written


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("cause", list(LossCause))
def test_cause_is_told_whole(cause: str, language: str) -> None:
    """A title without a full stop, sentences with one, and the command that ends it; nothing is left to fill in."""
    text = cause_text(cause, language)
    subject, mail_text = lost_mail(language=language, cause=cause, divisions=["123456 Kantoor"])

    assert not text.title.endswith(".")
    assert text.explanation.endswith(".")
    assert text.remedy.endswith("connector connect")
    assert text.title in subject
    assert "- 123456 Kantoor" in mail_text
    assert not re.search("[{}]", subject + mail_text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize(("days", "shown"), [(1, "1 da[gy]$"), (7, "7 da(gen|ys)")])
def test_expiry_is_told_whole(days: int, shown: str, trouble: str, language: str) -> None:
    """The mail names the days left, what Exact does, and the command; nothing is left to fill in."""
    subject, text = expiring_mail(language=language, days_left=days, divisions=["123456 K"], trouble=trouble)

    assert re.search(shown, subject)
    assert trouble_text(trouble, language) in text
    assert "connector connect" in text
    assert not re.search("[{}]", subject + text)
