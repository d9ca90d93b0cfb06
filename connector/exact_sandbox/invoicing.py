"""Sales invoices of a division: kinds, lines, and the arithmetic of a bookkeeping package. Facts, not rows.

All amounts are `Decimal`; half a cent goes away from zero. On credit notes quantities and amounts are negative
[assumed: Exact's own sign is not established].
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from random import Random

from connector.exact_sandbox import words
from connector.exact_sandbox.numbers import guid
from connector.exact_sandbox.people import FOREIGN, GOVERNMENT, PRIVATE, UPLOAD_DOMAIN, Customer, Kind

CENT = Decimal("0.01")
INVOICE, CREDIT_NOTE = 8020, 8021
DRAFT, OPEN, PROCESSED = 10, 20, 50
RATES = {"EUR": Decimal(1), "USD": Decimal("0.92"), "GBP": Decimal("1.17")}
RECENT_DAYS = 30
OLDEST_DAYS = 400


def cents(amount: Decimal) -> Decimal:
    """To two decimals, half away from zero.

    >>> cents(Decimal("-2.005"))
    Decimal('-2.01')
    """
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class VatCode:
    """A VAT code; `type` is Exact's letter (B base only, E excluding, I including, N none), `category` UNTDID 5305."""

    code: str
    description: str
    percentage: Decimal
    type: str
    category: str
    eu_listing: str = "N"
    charged: bool = False
    legal_text: str | None = None


VAT_CODES = {
    vat.code: vat
    for vat in (
        VatCode(code="0", description="Geen btw, buiten de heffing", percentage=Decimal(0), type="N", category="O",
                legal_text="Niet onderworpen aan omzetbelasting"),
        VatCode(code="1", description="BTW nul-tarief 0 %", percentage=Decimal(0), type="B", category="Z"),
        VatCode(code="2", description="BTW laag tarief 9 %, exclusief", percentage=Decimal("0.09"), type="E",
        category="S"),
        VatCode(code="3", description="BTW laag tarief 9 %, inclusief", percentage=Decimal("0.09"), type="I",
        category="S"),
        VatCode(code="4", description="BTW hoog tarief 21 %, exclusief", percentage=Decimal("0.21"), type="E",
        category="S"),
        VatCode(code="5", description="BTW hoog tarief 21 %, inclusief", percentage=Decimal("0.21"), type="I",
        category="S"),
        VatCode(code="6", description="BTW verlegd binnenland", percentage=Decimal(0), type="B", category="AE",
        charged=True,
                legal_text="Btw verlegd"),
        VatCode(code="7", description="Intracommunautaire levering goederen", percentage=Decimal(0), type="B",
        category="K",
                eu_listing="L", legal_text="Intracommunautaire levering"),
        VatCode(code="8", description="Export buiten de EU", percentage=Decimal(0), type="B", category="G",
                legal_text="Uitvoer, btw 0 %"),
        VatCode(code="9", description="Vrijgesteld van btw", percentage=Decimal(0), type="B", category="E",
                legal_text="Vrijgesteld van omzetbelasting, artikel 11 Wet OB 1968"),
    )
}  # fmt: skip
PAYMENT_CONDITIONS = {"00": ("Direct", 0), "14": ("14 dagen", 14), "30": ("30 dagen", 30), "60": ("60 dagen", 60)}


class InvoiceKind(StrEnum):
    """What an invoice shows; one thing each."""

    STANDARD = "standard"
    LOW = "low"
    MIXED = "mixed"
    ZERO = "zero"
    INCLUSIVE = "inclusive"
    REVERSE_CHARGE = "reverse_charge"
    INTRA_COMMUNITY = "intra_community"
    EXPORT = "export"
    EXEMPT = "exempt"
    OUTSIDE_SCOPE = "outside_scope"
    LINE_DISCOUNT = "line_discount"
    INVOICE_DISCOUNT = "invoice_discount"
    NEGATIVE_LINE = "negative_line"
    CREDIT = "credit"
    FOREIGN_CURRENCY = "foreign_currency"
    DRAFT = "draft"
    OPEN = "open"


_DOMESTIC_ROUND = (
    InvoiceKind.STANDARD, InvoiceKind.LOW, InvoiceKind.MIXED, InvoiceKind.CREDIT, InvoiceKind.STANDARD,
    InvoiceKind.LINE_DISCOUNT, InvoiceKind.REVERSE_CHARGE, InvoiceKind.STANDARD, InvoiceKind.INCLUSIVE,
    InvoiceKind.DRAFT,
    InvoiceKind.INVOICE_DISCOUNT, InvoiceKind.STANDARD, InvoiceKind.NEGATIVE_LINE, InvoiceKind.FOREIGN_CURRENCY,
    InvoiceKind.ZERO, InvoiceKind.STANDARD, InvoiceKind.EXEMPT, InvoiceKind.OPEN, InvoiceKind.OUTSIDE_SCOPE,
    InvoiceKind.MIXED, InvoiceKind.STANDARD, InvoiceKind.STANDARD,
)  # fmt: skip
_NEEDS_TAXED_ORGANISATION = frozenset({InvoiceKind.REVERSE_CHARGE})
_FOR_PRIVATE = frozenset({InvoiceKind.STANDARD, InvoiceKind.LOW, InvoiceKind.MIXED, InvoiceKind.INCLUSIVE})
_CODES: dict[InvoiceKind, tuple[str, ...]] = {
    InvoiceKind.LOW: ("2",),
    InvoiceKind.MIXED: ("4", "2"),
    InvoiceKind.ZERO: ("1",),
    InvoiceKind.INCLUSIVE: ("5",),
    InvoiceKind.REVERSE_CHARGE: ("6",),
    InvoiceKind.INTRA_COMMUNITY: ("7",),
    InvoiceKind.EXPORT: ("8",),
    InvoiceKind.EXEMPT: ("9",),
    InvoiceKind.OUTSIDE_SCOPE: ("0",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line. `unit_price` is gross, including VAT when the code's type is I; `amount_fc` never includes VAT."""

    id: str
    number: int
    description: str
    unit: str
    quantity: Decimal
    unit_price: Decimal
    discount: Decimal
    vat: VatCode
    amount_fc: Decimal
    vat_amount_fc: Decimal

    @property
    def net_price(self) -> Decimal:
        """The unit price after the line's own discount, unrounded."""
        return self.unit_price * (1 - self.discount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One sales invoice with its totals in invoice currency (FC) and in euro (DC)."""

    id: str
    kind: InvoiceKind
    status: int
    number: int | None
    type: int
    invoice_date: date
    due_date: date
    payment_condition: str
    ordered_by: Customer
    invoice_to: Customer
    contact_id: str | None
    your_ref: str | None
    description: str | None
    currency: str
    lines: tuple[Line, ...]
    discount: Decimal
    discount_fc: Decimal
    amount_fc_excl_vat: Decimal
    vat_amount_fc: Decimal
    credited_number: int | None = None

    @property
    def rate(self) -> Decimal:
        """Euro for one unit of the invoice currency."""
        return RATES[self.currency]

    @property
    def amount_fc(self) -> Decimal:
        """The total including VAT, in invoice currency."""
        return self.amount_fc_excl_vat + self.vat_amount_fc

    @property
    def finished(self) -> bool:
        """Processed: only these are invoices for a receiver."""
        return self.status == PROCESSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Header amounts in invoice currency."""

    discount: Decimal
    excl_vat: Decimal
    vat: Decimal


def make_line(
    *, id: str, number: int, goods: tuple[str, str, str], quantity: Decimal, discount: Decimal, vat: VatCode
) -> Line:
    """A line with its amounts.

    Exclusive codes: amount = quantity x price x (1 - discount). Inclusive codes (type I): that product is the amount
    with VAT; the part without VAT is rounded and the VAT is what remains, so that the price asked is the price paid.
    """
    description, unit, price = goods
    gross = cents(quantity * Decimal(price) * (1 - discount))
    if vat.type == "I":
        amount = cents(gross / (1 + vat.percentage))
        vat_amount = gross - amount
    else:
        amount = gross
        vat_amount = cents(amount * vat.percentage)
    return Line(
        id=id, number=number, description=description, unit=unit, quantity=quantity, unit_price=Decimal(price),
        discount=discount, vat=vat, amount_fc=amount, vat_amount_fc=vat_amount,
    )  # fmt: skip


def add_up(lines: Sequence[Line], discount: Decimal) -> Totals:
    """Header amounts: per VAT code the sum less the invoice discount, and VAT over that sum (not the sum of line VAT).

    With inclusive codes the VAT is the sum of what the lines contain.
    """
    off = excl = vat_total = Decimal("0.00")
    for code in sorted({line.vat.code for line in lines}):
        group = [line for line in lines if line.vat.code == code]
        base = sum((line.amount_fc for line in group), Decimal(0))
        group_off = cents(base * discount)
        off += group_off
        excl += base - group_off
        if group[0].vat.type == "I":
            vat_total += sum((line.vat_amount_fc for line in group), Decimal(0))
        else:
            vat_total += cents((base - group_off) * group[0].vat.percentage)
    return Totals(discount=off, excl_vat=excl, vat=vat_total)


@dataclass(slots=True, kw_only=True)
class InvoiceMaker:
    """Writes the invoices of one division; numbers are given in date order, per year."""

    seed: int
    division: int
    today: date
    rng: Random
    customers: tuple[Customer, ...]

    def invoices(self, count: int) -> tuple[Invoice, ...]:
        """`count` invoices, oldest first; about two thirds lie in the last 30 days."""
        billable = [card for card in self.customers if card.status == "C"]
        if not billable:
            return ()
        kinds = self._with_kinds(billable, count)
        dated = sorted(((self._date(card), index) for index, (card, _kind) in enumerate(kinds)), key=lambda pair: pair)
        numbers: dict[int, int] = {}
        made: list[Invoice] = []
        for day, index in dated:
            card, kind = kinds[index]
            finished = kind not in (InvoiceKind.DRAFT, InvoiceKind.OPEN)
            number = None
            if finished:
                numbers[day.year] = numbers.get(day.year, 0) + 1
                number = day.year % 100 * 1_000_000 + 700_000 + numbers[day.year]
            made.append(self._invoice(index, card, kind, day, number, made))
        return tuple(made)

    def _with_kinds(self, billable: list[Customer], count: int) -> list[tuple[Customer, InvoiceKind]]:
        """Every customer gets a turn before one gets a second; an unsuited kind waits for the next customer."""
        waiting: deque[InvoiceKind] = deque()
        chosen = []
        turns: list[Customer] = []
        drawn = 0
        for index in range(count):
            if not turns:
                turns = [*billable, *(card for card in billable if card.kind in (Kind.GOOD, Kind.GOVERNMENT))]
                self.rng.shuffle(turns)
            card = turns.pop()
            if card.country != "NL":
                chosen.append((card, self._foreign_kind(card, index)))
                continue
            if not waiting:
                waiting.append(_DOMESTIC_ROUND[drawn % len(_DOMESTIC_ROUND)])
                drawn += 1
            suiting = next((kind for kind in waiting if _suits(kind, card)), None)
            if suiting is None:
                chosen.append((card, InvoiceKind.STANDARD))
                waiting.append(_DOMESTIC_ROUND[drawn % len(_DOMESTIC_ROUND)])
                drawn += 1
            else:
                waiting.remove(suiting)
                chosen.append((card, suiting))
        return chosen

    def _foreign_kind(self, card: Customer, index: int) -> InvoiceKind:
        if card.country in ("BE", "DE"):
            return InvoiceKind.INTRA_COMMUNITY
        return InvoiceKind.FOREIGN_CURRENCY if index % 2 else InvoiceKind.EXPORT

    def _date(self, card: Customer) -> date:
        if card.end_date is None and self.rng.random() < 2 / 3:
            return self.today - timedelta(days=self.rng.randint(0, RECENT_DAYS))
        youngest = RECENT_DAYS + 1 if card.end_date is None else (self.today - card.end_date).days + 1
        return self.today - timedelta(days=self.rng.randint(youngest, OLDEST_DAYS))

    def _invoice(
        self, index: int, card: Customer, kind: InvoiceKind, day: date, number: int | None, earlier: list[Invoice]
    ) -> Invoice:
        invoice_to = card
        if card.invoice_account is not None:
            invoice_to = next(other for other in self.customers if other.id == card.invoice_account)
        is_credit = kind is InvoiceKind.CREDIT
        credited = _last_number(earlier, invoice_to) if is_credit else None
        invoice_id = guid(self.seed, self.division, "invoice", index)
        lines = self._lines(invoice_id, card, kind)
        discount = Decimal("0.05") if kind is InvoiceKind.INVOICE_DISCOUNT else Decimal(0)
        totals = add_up(lines, discount)
        return Invoice(
            id=invoice_id, kind=kind, number=number, type=CREDIT_NOTE if is_credit else INVOICE, invoice_date=day,
            status={InvoiceKind.DRAFT: DRAFT, InvoiceKind.OPEN: OPEN}.get(kind, PROCESSED),
            due_date=day + timedelta(days=PAYMENT_CONDITIONS[card.payment_condition][1]),
            payment_condition=card.payment_condition, ordered_by=card, invoice_to=invoice_to,
            contact_id=self._contact_id(invoice_to, index), your_ref=self._your_ref(card),
            description=f"Credit op factuur {credited}" if credited else None,
            currency=self._currency(card, kind), lines=lines, discount=discount, discount_fc=totals.discount,
            amount_fc_excl_vat=totals.excl_vat, vat_amount_fc=totals.vat,
            credited_number=credited,
        )  # fmt: skip

    def _currency(self, card: Customer, kind: InvoiceKind) -> str:
        if kind is not InvoiceKind.FOREIGN_CURRENCY:
            return "EUR"
        return "GBP" if card.country == "GB" else "USD"

    def _your_ref(self, card: Customer) -> str | None:
        if card.kind in GOVERNMENT or self.rng.random() < 0.5:
            return f"PO-{self.rng.randint(10000, 99999)}"
        return None

    def _contact_id(self, invoice_to: Customer, index: int) -> str | None:
        """The main contact, as Exact defaults it [live]; now and then a person chose another one."""
        if not invoice_to.contacts:
            return None
        other = invoice_to.contacts[-1]
        chosen = invoice_to.kind is Kind.OTHER_CONTACT or (
            index % 2 == 0 and (other.email or "").endswith(UPLOAD_DOMAIN)
        )
        return (other if chosen else invoice_to.contacts[0]).id

    def _lines(self, invoice_id: str, card: Customer, kind: InvoiceKind) -> tuple[Line, ...]:
        codes = _CODES.get(kind, ("4",))
        if kind is InvoiceKind.FOREIGN_CURRENCY and card.kind in FOREIGN:
            codes = ("8",)
        if kind is InvoiceKind.INCLUSIVE and card.kind in PRIVATE:
            codes = ("3",)
        count = max(self.rng.randint(1, 5), len(codes) + (kind is InvoiceKind.NEGATIVE_LINE))
        sign = -1 if kind is InvoiceKind.CREDIT else 1
        lines = []
        for place in range(1, count + 1):
            vat = VAT_CODES[codes[(place - 1) % len(codes)]]
            goods = self.rng.choice(words.FOODS if vat.percentage == Decimal("0.09") else words.GOODS)
            quantity = Decimal(self.rng.choice(("1", "2", "3", "7", "12", "2.5", "0.75"))) * sign
            off = Decimal("0")
            if kind is InvoiceKind.LINE_DISCOUNT:
                off = Decimal(self.rng.choice(("0.1", "0.055", "0.025")))
            line_id = guid(invoice_id, "line", place)
            lines.append(make_line(id=line_id, number=place, goods=goods, quantity=quantity, discount=off, vat=vat))
        if kind is InvoiceKind.NEGATIVE_LINE:
            lines.append(self._returned(invoice_id, lines[0], count + 1))
        return tuple(lines)

    def _returned(self, invoice_id: str, line: Line, place: int) -> Line:
        goods = (f"Retour {line.description.lower()}", line.unit, str(line.unit_price / 2))
        return make_line(
            id=guid(invoice_id, "line", place), number=place, goods=goods, quantity=-line.quantity, discount=Decimal(0),
            vat=line.vat,
        )  # fmt: skip


def _last_number(earlier: Sequence[Invoice], buyer: Customer) -> int | None:
    """What a credit note credits: the newest finished invoice of the same buyer."""
    return next((old.number for old in reversed(earlier) if old.finished and old.invoice_to.id == buyer.id), None)


def _suits(kind: InvoiceKind, card: Customer) -> bool:
    if card.kind in PRIVATE:
        return kind in _FOR_PRIVATE
    if kind in _NEEDS_TAXED_ORGANISATION:
        return card.vat_number is not None
    return True
