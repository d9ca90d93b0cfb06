"""A seeded world: divisions with customers, invoices and documents, as plain facts.

The same parameters give the same world, ids and bytes included. `rows` turns facts into Exact's entities,
`expectations`
says what a right connector makes of them, `sandbox` keeps what changes afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from random import Random

from connector.exact_sandbox.invoicing import Invoice, InvoiceMaker
from connector.exact_sandbox.numbers import NumberMaker, guid
from connector.exact_sandbox.papers import Document, make_documents
from connector.exact_sandbox.people import FOREIGN, GOVERNMENT, CardMaker, Customer, Kind, domain
from connector.exact_sandbox.ubl import Seller

FIRST_DIVISION = 123456
UPLOAD_ADDRESS = "4f7c2b9a6d1e8035acbd@uploads.is"
_LISTED_ONE_IN = 4
_NEVER_LISTED = frozenset(
    {Kind.OWN_NUMBER, Kind.DUPLICATE_FIRST, Kind.DUPLICATE_SECOND, Kind.NO_EMAIL, Kind.GOVERNMENT_RSIN, *FOREIGN}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """One company in Exact Online, and all that is in it."""

    code: int
    seller: Seller
    own_account: str  # the division's own relation card; its bank account hangs on it [assumed], 4.3
    upload_address: str
    customers: tuple[Customer, ...]
    invoices: tuple[Invoice, ...]
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything the sandbox starts with."""

    seed: int
    today: date
    divisions: tuple[Division, ...]

    def division(self, code: int) -> Division:
        """The division with this code; `KeyError` when there is none."""
        for division in self.divisions:
            if division.code == code:
                return division
        raise KeyError(code)

    def upload_address(self, division: int) -> str:
        """The unique upload address of a division."""
        return self.division(division).upload_address

    def directory_rows(self) -> list[dict[str, str]]:
        """A recipients' file: a quarter of the customers with a good KvK number, and the government buyers by OIN.

        Columns as `recipients import` takes them: name, kvk, oin, gln, vat, channel, address, language.
        """
        rows = []
        for division in self.divisions:
            good = [card for card in division.customers if _may_be_listed(card)]
            for place, card in enumerate(good):
                by_oin = card.kind in GOVERNMENT
                if place % _LISTED_ONE_IN == 0 or by_oin:
                    rows.append(_directory_row(card, by_oin=by_oin))
        return rows


def _may_be_listed(card: Customer) -> bool:
    return card.registration is not None and card.status == "C" and card.kind not in _NEVER_LISTED


def _directory_row(card: Customer, *, by_oin: bool) -> dict[str, str]:
    number = card.registration or ""
    return {
        "name": card.name, "kvk": "" if by_oin else number, "oin": number if by_oin else "", "gln": "", "vat": "",
        "channel": "email", "address": f"inbox-{number}@boekhouding.example", "language": "nl",
    }  # fmt: skip


def _upload_address(base: str, seed: int, place: int) -> str:
    if place == 0:
        return base
    return f"{sha256(f'{base}/{seed}/{place}'.encode()).hexdigest()[:20]}@{base.partition('@')[2]}"


def _make_division(
    *, place: int, customers: int, invoices: int, seed: int, today: date, first_code: int, upload: str
) -> Division:
    code = first_code + place
    rng = Random(f"{seed}/{code}")
    numbers = NumberMaker(rng=rng)
    own_kvk = numbers.kvk()
    maker = CardMaker(
        seed=seed, division=code, today=today, own_kvk=own_kvk, upload_address=upload, rng=rng, numbers=numbers
    )
    name = maker.organisation_name()
    seller = Seller(
        name=name, kvk=own_kvk, vat_number=numbers.vat("NL") or "", email=f"administratie@{domain(name)}",
        iban=numbers.iban(),
        **maker.dutch_address(),
    )  # fmt: skip
    cards = maker.cards(customers)
    written = InvoiceMaker(seed=seed, division=code, today=today, rng=rng, customers=cards).invoices(invoices)
    return Division(
        code=code, seller=seller, own_account=guid(seed, code, "own account"), upload_address=upload, customers=cards,
        invoices=written, documents=make_documents(written, seller),
    )  # fmt: skip


def build_world(
    *,
    customers: int = 40,
    invoices: int = 60,
    divisions: int = 1,
    seed: int = 1,
    today: date,
    first_division: int = FIRST_DIVISION,
    upload_address: str = UPLOAD_ADDRESS,
) -> World:
    """A world with so many customers and invoices in each division; dates are offsets from `today`."""
    made = tuple(
        _make_division(
            place=place, customers=customers, invoices=invoices, seed=seed, today=today, first_code=first_division,
            upload=_upload_address(upload_address, seed, place),
        )
        for place in range(divisions)
    )  # fmt: skip
    return World(seed=seed, today=today, divisions=made)
