"""Customers and their contacts: which kinds there are, and how a division's cards are filled.

Facts only. Exact's field names belong to `rows`, what a connector should conclude belongs to `expectations`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from random import Random

from connector.exact_sandbox import words
from connector.exact_sandbox.numbers import NumberMaker, guid, oin_from_kvk, oin_from_rsin

CONTACT_NAME = ("InvoiceSharing", "Email")
OLD_UPLOAD_ADDRESS = "oldoldoldoldoldoldold@uploads.is"
UPLOAD_DOMAIN = "@uploads.is"
PDF_AND_SI_UBL = 4097  # PDF 1 + SimplerInvoicing 2.0 4096; that values may be summed is [assumed], 4.1


class Kind(StrEnum):
    """What is peculiar about a customer; one peculiarity each."""

    GOOD = "good"
    GOVERNMENT = "government"  # OIN 00000003 + KvK in the KvK field, as Exact tells its users
    MISSING = "missing"
    FOREIGN_BE = "foreign_be"
    PRIVATE_MRS = "private_mrs"
    SPACES = "spaces"
    OTHER_CONTACT = "other_contact"
    MALFORMED = "malformed"  # leading zero lost
    SET_UP = "set_up"
    PLACEHOLDER = "placeholder"
    VAT_AS_KVK = "vat_as_kvk"
    NO_CONTACT = "no_contact"
    PEPPOL = "peppol"
    BLOCKED = "blocked"
    PROSPECT = "prospect"
    OUTDATED = "outdated"
    INVOICED_ELSEWHERE = "invoiced_elsewhere"
    ENDED = "ended"
    DUPLICATE_FIRST = "duplicate_first"
    DUPLICATE_SECOND = "duplicate_second"
    OWN_NUMBER = "own_number"
    NO_EMAIL = "no_email"
    POSTBOX = "postbox"
    FOREIGN_DE = "foreign_de"
    DOTS = "dots"
    PREFIX = "prefix"
    HALF_SET_UP = "half_set_up"  # the contact is there, the invoicing method is not
    METHOD_ONLY = "method_only"  # e-mail already, PDF only, no contact of ours
    PLACEHOLDER_ZEROS = "placeholder_zeros"
    PLACEHOLDER_TEXT = "placeholder_text"
    RSIN_AS_KVK = "rsin_as_kvk"
    ESTABLISHMENT_AS_KVK = "establishment_as_kvk"
    PHONE_AS_KVK = "phone_as_kvk"
    SUPPLIER = "supplier"
    PRIVATE_MR = "private_mr"
    PRIVATE_FAMILY = "private_family"
    FOREIGN_GB = "foreign_gb"
    FOREIGN_US = "foreign_us"
    GOVERNMENT_RSIN = "government_rsin"


_ONE_OF_EACH = tuple(Kind)
# What comes after one of each: a file as an accountant knows it, mostly good.
_COMMON = (
    *(Kind.GOOD,) * 12, Kind.SPACES, Kind.MISSING, Kind.GOOD, Kind.FOREIGN_BE, Kind.PRIVATE_MRS, Kind.NO_CONTACT,
    Kind.METHOD_ONLY, Kind.SET_UP, Kind.OTHER_CONTACT, Kind.MALFORMED, Kind.PRIVATE_MR, Kind.FOREIGN_DE,
    Kind.GOOD, Kind.PROSPECT, Kind.NO_EMAIL,
)  # fmt: skip

PRIVATE = frozenset({Kind.PRIVATE_MRS, Kind.PRIVATE_MR, Kind.PRIVATE_FAMILY})
FOREIGN = {Kind.FOREIGN_BE: "BE", Kind.FOREIGN_DE: "DE", Kind.FOREIGN_GB: "GB", Kind.FOREIGN_US: "US"}
GOVERNMENT = frozenset({Kind.GOVERNMENT, Kind.GOVERNMENT_RSIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person on a customer's card. The first in `Customer.contacts` is the main contact."""

    id: str
    first_name: str
    last_name: str
    email: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """One relation card.

    `kvk_field` is what was typed in the KvK field; `registration` is the KvK number or OIN that a careful reader
    finds in it, None when there is none.
    """

    id: str
    code: int
    kind: Kind
    name: str
    status: str = "C"
    country: str = "NL"
    street: str
    postcode: str
    city: str
    phone: str | None = None
    email: str | None
    kvk_field: str | None
    registration: str | None
    vat_number: str | None = None
    blocked: bool = False
    end_date: date | None = None
    invoice_account: str | None = None
    invoicing_method: int = 0
    attachment_type: int = 1
    payment_condition: str = "30"
    contacts: tuple[Contact, ...] = ()
    iban: str | None = None


def choose_kinds(count: int, rng: Random) -> list[Kind]:
    """The kinds of `count` customers: one of each while they fit, most ordinary first, then a common mix; shuffled.

    The second of a duplicate pair always comes with its first, and one whose invoices go elsewhere with a good one.
    """
    kinds = list(_ONE_OF_EACH[:count])
    kinds += [_COMMON[index % len(_COMMON)] for index in range(count - len(kinds))]
    rng.shuffle(kinds)
    return kinds


@dataclass(slots=True, kw_only=True)
class CardMaker:
    """Fills the cards of one division."""

    seed: int
    division: int
    today: date
    own_kvk: str
    upload_address: str
    rng: Random
    numbers: NumberMaker
    _names: set[str] = field(default_factory=set)
    _pair_number: str | None = None

    def cards(self, count: int) -> tuple[Customer, ...]:
        """All customers, codes ascending from 1."""
        kinds = choose_kinds(count, self.rng)
        made = [self._card(code, kind) for code, kind in enumerate(kinds, start=1)]
        payer = next((card.id for card in made if card.kind is Kind.GOOD), None)
        return tuple(
            replace(card, invoice_account=payer) if card.kind is Kind.INVOICED_ELSEWHERE else card for card in made
        )

    def _card(self, code: int, kind: Kind) -> Customer:
        if kind in FOREIGN:
            card = self._foreign(code, kind)
        elif kind in PRIVATE:
            card = self._private(code, kind)
        else:
            card = self._organisation(code, kind)
        change = _CHANGES.get(kind)
        return change(self, card) if change else card

    def _id(self, code: int) -> str:
        return guid(self.seed, self.division, "account", code)

    def contact(self, card: Customer, first: str, last: str, email: str | None) -> Contact:
        """A contact of this card; its id follows from the card and its place on it."""
        place = len(card.contacts) + 1
        return Contact(
            id=guid(self.seed, self.division, "contact", card.code, place, last),
            first_name=first,
            last_name=last,
            email=email,
        )

    def with_contact(self, card: Customer, first: str, last: str, email: str | None) -> Customer:
        """The card with one more contact at the end."""
        return replace(card, contacts=(*card.contacts, self.contact(card, first, last, email)))

    def _fresh(self, make: Callable[[], str]) -> str:
        name = make()
        while name in self._names:
            name = f"{make()} {self.rng.choice(words.TOWNS)} {len(self._names)}" if len(self._names) > 400 else make()
        self._names.add(name)
        return name

    def organisation_name(self) -> str:
        """A Dutch firm that does not exist."""

        def make() -> str:
            trade, fancy, form = (self.rng.choice(pick) for pick in (words.TRADES, words.FANCIES, words.FORMS))
            return f"{form} {trade} {fancy}" if form in ("Stichting", "Coöperatie") else f"{trade} {fancy} {form}"

        return self._fresh(make)

    def dutch_address(self) -> dict[str, str]:
        """Street, postcode and town; the towns are invented."""
        letters = self.rng.choice("ABDEGHJKLNPRTVWXZ") + self.rng.choice("ABCDEGHJKLMNPRTVWXZ")
        return {
            "street": f"{self.rng.choice(words.STREETS)} {self.rng.randint(1, 240)}",
            "postcode": f"{self.rng.randint(1011, 9998)} {letters}",
            "city": self.rng.choice(words.TOWNS),
        }

    def _organisation(self, code: int, kind: Kind) -> Customer:
        name = self.organisation_name()
        host = domain(name)
        number = self.numbers.kvk()
        card = Customer(
            id=self._id(code), code=code, kind=kind, name=name, email=f"info@{host}", kvk_field=number,
            registration=number,
            vat_number=self.numbers.vat("NL") if self.rng.random() < 0.85 else None, phone=self.numbers.phone(),
            invoicing_method=self.rng.choice((0, 1, 2)), payment_condition=self.rng.choice(("14", "30", "30", "60")),
            iban=self.numbers.iban() if code % 5 == 0 else None,
            **self.dutch_address(),  # type: ignore[arg-type]  # three fields by name, all of them text
        )  # fmt: skip
        for _ in range(self.rng.choice((1, 1, 1, 2))):
            first, last = self.rng.choice(words.FIRST_NAMES), self.rng.choice(words.LAST_NAMES)
            email = f"{first.lower()}@{host}" if self.rng.random() < 0.8 else None
            card = self.with_contact(card, first, last, email)
        return card

    def _foreign(self, code: int, kind: Kind) -> Customer:
        country = FOREIGN[kind]
        trades, fancies, form, streets, towns = words.FOREIGN[country]
        name = self._fresh(
            lambda: f"{self.rng.choice(trades)} {self.rng.choice(fancies)} {self.rng.randint(1, 99)} {form}"
        )
        host = domain(name)
        card = Customer(
            id=self._id(code), code=code, kind=kind, name=name, country=country, email=f"accounts@{host}",
            kvk_field=None,
            registration=None, vat_number=self.numbers.vat(country),
            street=f"{self.rng.choice(streets)} {self.rng.randint(1, 99)}",
            postcode=str(self.rng.randint(10000, 99999) if country in ("DE", "US") else self.rng.randint(1000, 9999)),
            city=self.rng.choice(towns), phone=None, invoicing_method=self.rng.choice((0, 1, 2)),
        )  # fmt: skip
        return self.with_contact(card, self.rng.choice(words.FIRST_NAMES), self.rng.choice(words.LAST_NAMES), None)

    def _private(self, code: int, kind: Kind) -> Customer:
        first, last = self.rng.choice(words.FIRST_NAMES), self.rng.choice(words.LAST_NAMES)
        salutation = {Kind.PRIVATE_MRS: "Mevrouw", Kind.PRIVATE_MR: "De heer", Kind.PRIVATE_FAMILY: "Fam."}[kind]
        name = self._fresh(
            lambda: f"{salutation} {self.rng.choice('ABCDEFGHJKLMNPRSTW')}. {self.rng.choice(words.LAST_NAMES)}"
        )
        mail = f"{first}.{last}{code}@post.example".lower()
        card = Customer(
            id=self._id(code), code=code, kind=kind, name=name, email=mail, kvk_field=None, registration=None,
            payment_condition="14",
            **self.dutch_address(),  # type: ignore[arg-type]  # as above
        )  # fmt: skip
        return self.with_contact(card, first, name.split()[-1], None)

    def pair_number(self) -> str:
        """The one KvK number that both duplicates carry."""
        self._pair_number = self._pair_number or self.numbers.kvk()
        return self._pair_number


def domain(name: str) -> str:
    """A mail domain of a name, in the reserved .example."""
    plain = name.lower().replace("ö", "o").replace("ü", "u")
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in plain)
    return "-".join(part for part in kept.split("-") if part) + ".example"


def _numbered(
    field_text: Callable[[CardMaker, str], str], *, readable: bool
) -> Callable[[CardMaker, Customer], Customer]:
    """A change of the KvK field only; `readable` when the number can still be found in it."""

    def change(maker: CardMaker, card: Customer) -> Customer:
        number = card.registration or maker.numbers.kvk()
        return replace(card, kvk_field=field_text(maker, number), registration=number if readable else None)

    return change


def _unreadable(text: str | None) -> Callable[[CardMaker, Customer], Customer]:
    return lambda _maker, card: replace(card, kvk_field=text, registration=None)


def _vat_as_kvk(maker: CardMaker, card: Customer) -> Customer:
    vat = card.vat_number or maker.numbers.vat("NL")
    return replace(card, kvk_field=vat, vat_number=vat, registration=None)


def _government(maker: CardMaker, card: Customer) -> Customer:
    name = f"{maker.rng.choice(words.PUBLIC_BODIES)} {maker.rng.choice(words.TOWNS)} {card.code}"
    rsin = maker.numbers.rsin()
    by_kvk = card.kind is Kind.GOVERNMENT
    oin = oin_from_kvk(maker.numbers.kvk()) if by_kvk else oin_from_rsin(rsin)
    host = domain(name)
    contacts = tuple(
        replace(one, email=f"{one.email.partition('@')[0]}@{host}" if one.email else None) for one in card.contacts
    )
    return replace(
        card,
        name=name,
        email=f"post@{host}",
        kvk_field=oin,
        registration=oin,
        vat_number=f"NL{rsin}B01",
        contacts=contacts,
    )


def _duplicate(maker: CardMaker, card: Customer) -> Customer:
    number = maker.pair_number()
    return replace(card, kvk_field=number, registration=number)


def _other_contact(maker: CardMaker, card: Customer) -> Customer:
    return maker.with_contact(card, "Crediteuren", "Administratie", f"facturen@{domain(card.name)}")


def _set_up(maker: CardMaker, card: Customer) -> Customer:
    done = replace(card, invoicing_method=2, attachment_type=PDF_AND_SI_UBL)
    return maker.with_contact(done, *CONTACT_NAME, maker.upload_address)


def _half_set_up(maker: CardMaker, card: Customer) -> Customer:
    return maker.with_contact(replace(card, invoicing_method=1), *CONTACT_NAME, maker.upload_address)


def _outdated(maker: CardMaker, card: Customer) -> Customer:
    done = replace(card, invoicing_method=2, attachment_type=PDF_AND_SI_UBL)
    return maker.with_contact(done, *CONTACT_NAME, OLD_UPLOAD_ADDRESS)


def _malformed(maker: CardMaker, card: Customer) -> Customer:
    return replace(card, kvk_field=maker.numbers.kvk(leading_zero=True)[1:], registration=None)


_CHANGES: dict[Kind, Callable[[CardMaker, Customer], Customer]] = {
    Kind.GOVERNMENT: _government,
    Kind.GOVERNMENT_RSIN: _government,
    Kind.MISSING: _unreadable(None),
    Kind.SPACES: _numbered(lambda _m, n: f"{n[:2]} {n[2:4]} {n[4:6]} {n[6:]}", readable=True),
    Kind.DOTS: _numbered(lambda _m, n: f"{n[:2]}.{n[2:4]}.{n[4:6]}.{n[6:]}", readable=True),
    Kind.PREFIX: _numbered(lambda _m, n: f"KvK {n[:2]} {n[2:4]} {n[4:6]} {n[6:]}", readable=True),
    Kind.MALFORMED: _malformed,
    Kind.PLACEHOLDER: _unreadable("12345678"),
    Kind.PLACEHOLDER_ZEROS: _unreadable("00000000"),
    Kind.PLACEHOLDER_TEXT: _unreadable("n.v.t."),
    Kind.VAT_AS_KVK: _vat_as_kvk,
    Kind.RSIN_AS_KVK: _numbered(lambda m, _n: m.numbers.rsin(), readable=False),
    Kind.ESTABLISHMENT_AS_KVK: _numbered(lambda m, _n: m.numbers.establishment(), readable=False),
    Kind.PHONE_AS_KVK: _numbered(lambda m, _n: m.numbers.phone().replace("-", ""), readable=False),
    Kind.DUPLICATE_FIRST: _duplicate,
    Kind.DUPLICATE_SECOND: _duplicate,
    Kind.OWN_NUMBER: lambda maker, card: replace(card, kvk_field=maker.own_kvk, registration=maker.own_kvk),
    Kind.BLOCKED: lambda _maker, card: replace(card, blocked=True),
    Kind.ENDED: lambda maker, card: replace(card, end_date=maker.today - timedelta(days=45)),
    Kind.PROSPECT: lambda _maker, card: replace(card, status="P"),
    Kind.SUPPLIER: lambda _maker, card: replace(card, status="A"),
    Kind.PEPPOL: lambda _maker, card: replace(card, invoicing_method=32),
    Kind.POSTBOX: lambda _maker, card: replace(card, invoicing_method=4),
    Kind.OTHER_CONTACT: _other_contact,
    Kind.SET_UP: _set_up,
    Kind.HALF_SET_UP: _half_set_up,
    Kind.OUTDATED: _outdated,
    Kind.METHOD_ONLY: lambda _maker, card: replace(card, invoicing_method=2),
    Kind.NO_CONTACT: lambda _maker, card: replace(card, contacts=()),
    Kind.NO_EMAIL: lambda _maker, card: replace(
        card, email=None, contacts=tuple(replace(contact, email=None) for contact in card.contacts)
    ),
}
