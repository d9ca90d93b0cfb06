"""The set-up's tables say in words what is agreed to, at any width of the terminal."""

from datetime import date

import pytest
from rich.console import Console

from connector.cli.setup_tables import plan_counts, plan_table
from connector.customer import Customer, CustomerId, Division
from connector.customers.setup import Action, Plan, SkipReason, Wanted, plan

ADDRESS = "abcdefghijklmnopqrst@uploads.is"
WANTED = Wanted(upload_address=ADDRESS, contact_name="InvoiceSharing Email", attachment_type=4097)


def customer(code: str, method: int) -> Customer:
    """A card whose invoices go by that method."""
    return Customer(
        division=Division(1), id=CustomerId(code), code=code, name=f"Klant {code}", status="C", invoicing_method=method
    )


def planned(*methods: int) -> Plan:
    """The plan for a customer of each method: 1 is paper, 4 a postbox, 32 Peppol (exact-online-api.md 4.1)."""
    cards = [customer(str(number), method) for number, method in enumerate(methods, start=1)]
    return plan(cards, (), WANTED, division=Division(1), today=date(2026, 11, 2))


def shown(made: Plan, width: int) -> str:
    """The table as one line of words."""
    console = Console(width=width)
    with console.capture() as captured:
        console.print(plan_table(made))
    return " ".join(captured.get().replace("│", " ").split())


@pytest.mark.parametrize("width", [80, 110, 200])
def test_plan_speaks_in_words(width: int) -> None:
    """No name of a field, no word of JSON: paper becomes e-mail."""
    text = shown(planned(1, 32, 4), width)

    codes = {*Action, *(set(SkipReason) - {SkipReason.USES_PEPPOL, SkipReason.USES_POSTBOX, SkipReason.BLOCKED})}
    assert [word for word in (*codes, "InvoicingMethod", "FirstName", "InvoiceAttachmentType") if word in text] == []
    assert all(word in text for word in ("paper", "e-mail", "Peppol", "postbox", "4097"))


@pytest.mark.parametrize("width", [80, 110, 200])
def test_common_contact_is_named_once(width: int) -> None:
    """The contact that every customer gets stands above the table, whole, and nowhere else."""
    text = shown(planned(1, 1, 1), width)

    assert text.count(ADDRESS) == 1


def test_override_is_named_where_it_helps() -> None:
    """A customer that was left alone for a choice somebody made: the word of --override stands beside it."""
    text = shown(planned(32), 200)

    assert "--override uses_peppol" in text


def test_one_customer_is_no_customers() -> None:
    """A count of one has its noun in the singular."""
    assert plan_counts(planned(32)).startswith("1 customer:")
