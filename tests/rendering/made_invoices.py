"""Invoices for the tests of rendering: their totals follow from the lines by the formulas of EN 16931."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from connector.invoice import (
    Address,
    Allowance,
    Identifier,
    Invoice,
    InvoiceType,
    Line,
    Party,
    PaymentMeans,
    VatBreakdown,
)

CENT = Decimal("0.01")

SELLER = Party(
    name="Voorbeeld Bouwadvies B.V.",
    trade_name="Bouwadvies Voorbeeld",
    kvk="90000011",
    vat="NL900000116B01",
    endpoint=Identifier(scheme="kvk", value="90000011"),
    identifiers=(
        Identifier(scheme="kvk", value="90000011"),
        Identifier(scheme="vat", value="NL900000116B01"),
    ),
    address=Address(street="Modelstraat 1", city="Proefstad", postcode="1234 AB", country="NL"),
    contact_name="Administratie",
    email="administratie@voorbeeld-bouwadvies.example",
    phone="+31 20 000 00 00",
)
BUYER = Party(
    name="Gemeente Verzonnendam",
    oin="00000003900000220000",
    kvk="90000022",
    endpoint=Identifier(scheme="oin", value="00000003900000220000"),
    identifiers=(Identifier(scheme="oin", value="00000003900000220000"),),
    address=Address(street="Raadhuisplein 10", city="Verzonnendam", postcode="4321 ZZ", country="NL"),
)


def line(number: int, amount: str, *, category: str = "S", rate: str | None = "21", **more: object) -> Line:
    """Make a line of two pieces that comes to `amount`."""
    values: dict[str, object] = {
        "id": str(number),
        "name": f"Advies over hoofdstuk {number}",
        "quantity": Decimal(2),
        "unit": "HUR",
        "price": Decimal(amount) / 2,
        "amount": Decimal(amount),
        "vat_category": category,
        "vat_rate": None if rate is None else Decimal(rate),
    }
    return Line(**{**values, **more})  # type: ignore[arg-type]  # the fields of Line by name


def invoice(
    lines: Sequence[Line], allowances: Sequence[Allowance] = (), *, prepaid: Decimal | None = None, **more: object
) -> Invoice:
    """Make an invoice whose VAT and totals follow from its lines and allowances (BR-CO-10 to -17)."""
    sums: dict[tuple[str, Decimal | None], Decimal] = {}
    for each in lines:
        key = (each.vat_category, each.vat_rate)
        sums[key] = sums.get(key, Decimal(0)) + each.amount
    for each_allowance in allowances:
        key = (each_allowance.vat_category, each_allowance.vat_rate)
        sign = 1 if each_allowance.is_charge else -1
        sums[key] = sums.get(key, Decimal(0)) + sign * each_allowance.amount
    vat = tuple(
        VatBreakdown(
            category=category,
            rate=rate,
            taxable=taxable,
            tax=(taxable * (rate or 0) / 100).quantize(CENT, ROUND_HALF_UP),
            exemption_reason="" if category in "SZ" else f"Reden bij {category}",
        )
        for (category, rate), taxable in sums.items()
    )
    line_total = sum((each.amount for each in lines), Decimal(0))
    down = sum((each.amount for each in allowances if not each.is_charge), Decimal(0))
    up = sum((each.amount for each in allowances if each.is_charge), Decimal(0))
    without = line_total - down + up
    tax = sum((row.tax for row in vat), Decimal(0))
    made = Invoice(
        type=InvoiceType.INVOICE,
        type_code="380",
        number="2026-00042",
        issue_date=date(2026, 11, 2),
        due_date=date(2026, 12, 2),
        currency="EUR",
        order_reference="PO-7781",
        payment_means=(PaymentMeans(code="30", iban="NL00TEST0123456789", remittance="2026-00042"),),
        payment_terms="Binnen 30 dagen",
        seller=SELLER,
        buyer=BUYER,
        lines=tuple(lines),
        allowances=tuple(allowances),
        vat=vat,
        line_total=line_total,
        allowance_total=down if down else None,
        charge_total=up if up else None,
        total_without_vat=without,
        vat_total=tax,
        total_with_vat=without + tax,
        prepaid=prepaid,
        payable=without + tax - (prepaid or 0),
    )
    return replace(made, **more)  # type: ignore[arg-type]  # the fields of Invoice by name
