"""Records -> Customer, Contact, Invoice: what Exact's entities mean to us.

`to_invoice` makes the NLCIUS invoice that Exact does not hand out over its API. It invents nothing: a mandatory
fact that is missing, or totals that differ from Exact's own by a cent, end in `CannotRender`. Writing XML is left to
`rendering.ubl`, judging it to `ingest.checks`. Rules: e-invoicing.md sections 3-9, design.md section 6.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from connector.customer import Contact, ContactId, Customer, CustomerId, Division, valid_numbers
from connector.errors import CannotRender
from connector.exact import records
from connector.exact.records import DivisionRecord, SalesInvoiceRow, VatCode
from connector.identifiers import check_kvk, compact_vat
from connector.invoice import (
    BILLING_PROFILE,
    NLCIUS,
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

EN_16931 = "urn:cen.eu:en16931:2017"
"""What a Dutch buyer without KvK number or OIN gets: NLCIUS forbids that (BR-NL-10), EN 16931 does not."""
CREDIT_TYPES = frozenset({8021, 8024})
INVOICE_TYPES = frozenset({8020, 8023})
CENT = Decimal("0.01")
LINE_TOLERANCE = Decimal("0.02")
"""How far a line amount may be from quantity x price (Peppol R120; NLCIUS does not look)."""
PRICE_STEP = Decimal("0.00000001")

EU_COUNTRIES = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU",
    "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "XI",
})  # fmt: skip

UNITS = {
    "HUR": "uur uren u hour hours hr hrs h stunde heure",
    "DAY": "dag dagen day days d tag jour",
    "WEE": "week weken weeks wk",
    "MON": "maand maanden mnd month months mth",
    "ANN": "jaar jaren jr year years",
    "MIN": "minuut minuten min minute minutes",
    "KGM": "kg kilo kilogram",
    "GRM": "g gr gram",
    "TNE": "ton tonne t",
    "MTR": "m mtr meter meters",
    "KMT": "km kilometer kilometers",
    "MTK": "m2 m²",
    "MTQ": "m3 m³",
    "LTR": "l ltr liter liters",
    "KWH": "kwh",
    "SET": "set sets",
    "PR": "paar pair",
    "XBX": "doos dozen box boxes",
}
"""UN/ECE Recommendation 20 codes for the units offices use in Exact; any other is C62, one (a piece)."""
_UNIT_OF = {word: code for code, words in UNITS.items() for word in words.split()}


def to_customer(account: records.Account, *, division: Division) -> Customer:
    """Turn an account into a customer; any account, whatever its status."""
    return Customer(
        division=division,
        id=CustomerId(account.id),
        code=account.code or "",
        name=account.name or "",
        status=account.status or "",
        blocked=bool(account.blocked),
        starts_on=account.start_date,
        ends_on=account.end_date,
        kvk=account.chamber_of_commerce or "",
        vat_number=account.vat_number or "",
        oin=account.oin_number or "",
        gln=account.gln_number or "",
        email=account.email or "",
        phone=account.phone or "",
        address_line=" ".join(part for part in (account.address_line1, account.address_line2) if part),
        postcode=account.postcode or "",
        city=account.city or "",
        country=(account.country or "").upper(),
        language=account.language or "",
        main_contact=ContactId(account.main_contact) if account.main_contact else None,
        invoice_account=CustomerId(account.invoice_account) if account.invoice_account else None,
        invoicing_method=account.invoicing_method,
        attachment_type=account.invoice_attachment_type,
        modified_at=account.modified,
        modified_by=account.modifier_full_name or "",
    )


def to_contact(record: records.Contact, *, division: Division) -> Contact:
    """Turn a contact record into a contact; one without an account keeps an empty customer."""
    return Contact(
        division=division,
        id=ContactId(record.id),
        customer=CustomerId(record.account or ""),
        first_name=record.first_name or "",
        last_name=record.last_name or "",
        full_name=record.full_name or "",
        email=record.email or "",
        is_main=bool(record.is_main_contact),
        modified_at=record.modified,
        modified_by=record.modifier_full_name or "",
    )


def to_sales_header(rows: Iterable[SalesInvoiceRow]) -> SalesInvoiceRow:
    """Find the row with the header's sums among the rows of one invoice.

    Raises:
        CannotRender: There is none: the invoice is not, or not wholly, here yet.
    """
    for row in rows:
        if row.is_header:
            return row
    raise _missing("the invoice's header", "Read the invoices again: connector sync --full.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vat:
    """What a VAT code comes to on this invoice: UNTDID 5305 category, rate in percent, reason for no VAT."""

    category: str
    rate: Decimal
    reason: str = ""

    @property
    def written_rate(self) -> Decimal | None:
        """O has no rate at all (BR-O-05)."""
        return None if self.category == "O" else self.rate

    @property
    def key(self) -> tuple[str, Decimal]:
        return self.category, self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class _Totals:
    """Exact's own sums, in the invoice's currency, with the sign that they will have in the document."""

    without_vat: Decimal
    vat: Decimal
    with_vat: Decimal


def to_invoice(
    header: SalesInvoiceRow,
    lines: Sequence[SalesInvoiceRow],
    *,
    vat_codes: Mapping[str, VatCode],
    seller: DivisionRecord,
    seller_iban: str,
    buyer: Customer,
    deliver_to: Customer | None = None,
    preceding_invoice: str = "",
) -> Invoice:
    """Make the NLCIUS invoice of a finished sales invoice; EN 16931 for a Dutch buyer without KvK number or OIN.

    Args:
        lines: The other rows of the invoice, in any order.
        vat_codes: All of the administration, by their code without padding.
        buyer: The account that the invoice is made out to (`invoice_to`).
        deliver_to: The account that gets the goods (`deliver_to`), where it is known.
        preceding_invoice: Number of the invoice that a credit note corrects, where it is known.

    Returns:
        A credit note with positive amounts for Exact's types 8021 and 8024; any other type stays an invoice, with
        negative amounts where Exact has them. Amounts are in the invoice's currency, rounded to cents with halves
        away from zero: the commercial rounding of bookkeeping, under which a credit note mirrors its invoice.

    Raises:
        CannotRender: reason ``fact_missing`` (the message names the field, the hint where to fill it in) or
            ``totals_differ`` (the message names both figures).
    """
    ordered = sorted((row for row in lines if not row.is_header), key=lambda row: row.line_number)
    _refuse_incomplete(header, ordered)
    is_credit = header.type in CREDIT_TYPES
    sign = _sign(header, ordered) if is_credit else Decimal(1)
    invoice = Invoice(
        type=InvoiceType.CREDIT_NOTE if is_credit else InvoiceType.INVOICE,
        type_code="381" if is_credit else "380",
        number=_need(header.invoice_number, "InvoiceNumber of the invoice", "Print the invoice in Exact."),
        issue_date=header.invoice_date,
        due_date=header.due_date,
        currency=header.currency or seller.currency or "EUR",
        customization_id=NLCIUS,
        profile_id=BILLING_PROFILE,
        note="\n".join(text for text in (header.description, header.remarks) if text),
        buyer_reference=_buyer_reference(header, buyer),
        preceding_invoice=preceding_invoice,
        payment_terms=header.payment_condition_description or header.payment_condition or "",
        payment_means=(_payment(header, seller, seller_iban),),
        seller=Party(name=""),
        buyer=Party(name=""),
    )
    invoice = _with_amounts(invoice, header, ordered, sign, vat_codes, (seller.country, buyer.country))
    invoice = replace(invoice, seller=_seller(seller, invoice.vat), buyer=_buyer(buyer, invoice.vat))
    if invoice.buyer.address.country == "NL" and invoice.buyer.endpoint is None:
        invoice = replace(invoice, customization_id=EN_16931)
    invoice = _with_vat_in_own_currency(invoice, header, seller, sign)
    return _with_delivery(invoice, header, ordered, buyer, deliver_to)


def _refuse_incomplete(header: SalesInvoiceRow, lines: Sequence[SalesInvoiceRow]) -> None:
    if not lines:
        raise _missing("invoice lines", "Read the invoices again: connector sync --full.")
    if header.g_account_amount_fc:
        raise _missing(
            "the UBL with the G account",
            "Attach Exact's own UBL: a payment split over a G account is not rendered.",
        )
    if header.invoice_date is None:
        raise _missing("InvoiceDate of the invoice", "Print the invoice in Exact.")


# Amounts


def _with_amounts(
    invoice: Invoice,
    header: SalesInvoiceRow,
    rows: Sequence[SalesInvoiceRow],
    sign: Decimal,
    vat_codes: Mapping[str, VatCode],
    countries: tuple[str | None, str | None],
) -> Invoice:
    """Add lines, allowances, VAT and totals; BR-CO-10..16 hold by construction, or this raises."""
    kinds = _line_vat(rows, vat_codes, countries)
    totals = _exact_totals(header, rows, sign)
    lines = tuple(_line(row, kind, sign, vat_codes) for row, kind in zip(rows, kinds, strict=True))
    allowances = _discount(header, lines, kinds, totals)
    return replace(
        invoice,
        lines=lines,
        allowances=allowances,
        vat=_breakdown(rows, lines, kinds, allowances, totals, sign),
        line_total=_sum(line.amount for line in lines),
        allowance_total=_sum(each.amount for each in allowances if not each.is_charge) if allowances else None,
        charge_total=_sum(each.amount for each in allowances if each.is_charge) if allowances else None,
        total_without_vat=totals.without_vat,
        vat_total=totals.vat,
        total_with_vat=totals.with_vat,
        payable=totals.with_vat,
    )


def _cents(value: Decimal) -> Decimal:
    """Round to cents, halves away from zero (see `to_invoice`); also takes off the noise of Exact's Doubles."""
    return value.quantize(CENT, ROUND_HALF_UP)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal("0.00"))


def _sign(header: SalesInvoiceRow, lines: Sequence[SalesInvoiceRow]) -> Decimal:
    """-1 when Exact writes this credit note with negative amounts, so that ours become positive."""
    figures = (header.amount_fc, *(row.amount_fc for row in lines))
    first = next((figure for figure in figures if figure), Decimal(0))
    return Decimal(-1) if first < 0 else Decimal(1)


def _exact_totals(header: SalesInvoiceRow, lines: Sequence[SalesInvoiceRow], sign: Decimal) -> _Totals:
    """Read Exact's sums; one of the three that is not given follows from the other two."""
    with_vat, without, vat = header.amount_fc, header.amount_fc_excl_vat, header.vat_amount_fc
    if with_vat is None:
        raise _missing("AmountFC of the invoice", "Read the invoices again: connector sync --full.")
    if without is None:
        without = _sum(row.amount_fc or Decimal(0) for row in lines) if vat is None else with_vat - vat
    if vat is None:
        vat = with_vat - without
    totals = _Totals(without_vat=_cents(without * sign), vat=_cents(vat * sign), with_vat=_cents(with_vat * sign))
    if totals.without_vat + totals.vat != totals.with_vat:
        raise _differs("amount with VAT", totals.without_vat + totals.vat, totals.with_vat)
    return totals


def _discount(
    header: SalesInvoiceRow, lines: Sequence[Line], kinds: Sequence[_Vat], totals: _Totals
) -> tuple[Allowance, ...]:
    """Turn what the lines come to more than Exact's total into allowances, one per VAT category and rate.

    Whether Exact's line amounts are before or after the discount of the header is not established; the difference
    tells. It is divided in proportion to the categories' sums, the last one takes the remaining cents.
    On an invoice below zero the allowances are negative too, as all its amounts are (e-invoicing.md section 12).
    """
    difference = _sum(line.amount for line in lines) - totals.without_vat
    if not difference:
        return ()
    if not header.discount and not header.amount_discount:
        raise _differs("sum of the lines without VAT", totals.without_vat + difference, totals.without_vat)
    sums: dict[_Vat, Decimal] = {}
    by_key = {kind.key: kind for kind in reversed(kinds)}
    for line, kind in zip(lines, kinds, strict=True):
        group = by_key[kind.key]
        sums[group] = sums.get(group, Decimal(0)) + line.amount
    whole = _sum(sums.values())
    if not whole:
        raise _differs("sum of the lines without VAT", whole, totals.without_vat)
    is_charge = (header.discount or 0) < 0
    allowances, rest = [], difference
    for position, (kind, base) in enumerate(sums.items(), start=1):
        share = rest if position == len(sums) else _cents(difference * base / whole)
        rest -= share
        if share:
            allowances.append(
                Allowance(
                    amount=-share if is_charge else share,
                    is_charge=is_charge,
                    reason="Toeslag" if is_charge else "Korting",
                    vat_category=kind.category,
                    vat_rate=kind.written_rate,
                )
            )
    return tuple(allowances)


def _breakdown(
    rows: Sequence[SalesInvoiceRow],
    lines: Sequence[Line],
    kinds: Sequence[_Vat],
    allowances: Sequence[Allowance],
    totals: _Totals,
    sign: Decimal,
) -> tuple[VatBreakdown, ...]:
    """Sum up per category and rate; the tax is Exact's own, or computed where Exact gives none per line."""
    groups = {kind.key: kind for kind in reversed(kinds)}
    taxable = dict.fromkeys(sorted(groups), Decimal("0.00"))
    own_tax = dict.fromkeys(taxable, Decimal("0.00"))
    for row, line, kind in zip(rows, lines, kinds, strict=True):
        taxable[kind.key] += line.amount
        own_tax[kind.key] += _cents((row.vat_amount_fc or Decimal(0)) * sign)
    for each in allowances:
        key = each.vat_category, each.vat_rate or Decimal(0)
        taxable[key] += each.amount if each.is_charge else -each.amount
    has_own = not allowances and all(row.vat_amount_fc is not None for row in rows)
    is_own_right = _sum(own_tax.values()) == totals.vat and all(
        not tax or category == "S" for (category, _), tax in own_tax.items()
    )
    tax = own_tax if has_own and is_own_right else _computed_tax(taxable, totals.vat, len(rows))
    return tuple(
        VatBreakdown(
            category=category,
            rate=groups[category, rate].written_rate,
            taxable=amount,
            tax=tax[category, rate],
            exemption_reason=groups[category, rate].reason,
        )
        for (category, rate), amount in taxable.items()
    )


def _computed_tax(
    taxable: Mapping[tuple[str, Decimal], Decimal], exact: Decimal, lines: int
) -> dict[tuple[str, Decimal], Decimal]:
    """Compute the tax per rate. Exact may round per line: cents that this makes go to the largest amount.

    Half a cent per line is all that rounding can explain; BR-CO-17 allows less than 1.00 per rate.
    """
    tax = {(category, rate): _cents(amount * rate / 100) for (category, rate), amount in taxable.items()}
    rest = exact - _sum(tax.values())
    if rest:
        charged = [key for key in taxable if key[0] == "S"]
        if not charged or abs(rest) > min(CENT * max(lines, 2) / 2, Decimal("0.99")):
            raise _differs("VAT", _sum(tax.values()), exact)
        tax[max(charged, key=lambda key: abs(taxable[key]))] += rest
    return tax


# VAT categories


def _line_vat(
    rows: Sequence[SalesInvoiceRow], vat_codes: Mapping[str, VatCode], countries: tuple[str | None, str | None]
) -> list[_Vat]:
    """Say for every line what its VAT code comes to.

    A line of no amount without a code (a text) goes with the first line that has one. Outside scope (O) tolerates
    no other category beside it (BR-O-11..14): on a mixed invoice such lines are exempt (E), with their own reason.
    """
    found = [_vat_of(row, vat_codes, countries) for row in rows]
    first = next((kind for kind in found if kind is not None), None)
    if first is None:
        raise _missing("VATCode of the invoice's lines", "Fill in the VAT code in Exact.")
    kinds = [first if kind is None else kind for kind in found]
    if len({kind.category for kind in kinds}) > 1:
        kinds = [
            replace(kind, category="E", reason=kind.reason or "Buiten de heffing van btw")
            if kind.category == "O"
            else kind
            for kind in kinds
        ]
    return kinds


def _vat_of(
    row: SalesInvoiceRow, vat_codes: Mapping[str, VatCode], countries: tuple[str | None, str | None]
) -> _Vat | None:
    """Read one line's code; `countries` are the seller's and the buyer's. None for a text line without a code."""
    word = (row.vat_code or "").strip()
    if not word and not row.amount_fc:
        return None
    if not word:
        raise _missing(f"VATCode of line {row.line_number}", "Fill in the VAT code in Exact.")
    code = vat_codes.get(word)
    if code is None:
        raise _missing(
            f"VAT code '{word}' of line {row.line_number}",
            "It is unknown here: run connector sync once more.",
        )
    fraction = row.vat_percentage if row.vat_percentage is not None else code.percentage
    rate = _percent(fraction or Decimal(0))
    category = vat_category(
        code, rate=rate, seller_country=_country(countries[0]), buyer_country=_country(countries[1])
    )
    if category in ("S", "Z"):
        return _Vat(category=category, rate=rate)
    reason = " ".join((code.legal_text or code.description or "").split())
    return _Vat(category=category, rate=Decimal(0), reason=reason)


def vat_category(code: VatCode, *, rate: Decimal, seller_country: str, buyer_country: str) -> str:
    """Derive the category of UNTDID 5305 from a sales VAT code; the first row that holds decides.

    ============================================================== ==
    a rate above 0                                                 S
    description or legal text: verlegd, reverse charge             AE
    vrijgesteld, vrijstelling, exempt                              E
    type N (none), or: geen btw, buiten de heffing, out of scope   O
    buyer in another EU country, EU sales listing L (goods)        K
    buyer in another EU country, EU sales listing S (services)     AE
    buyer in another EU country, text: intracommunautair, icp, icl K
    buyer outside the EU                                           G
    text: export, uitvoer, buiten de EU                            G
    listing L, buyer's country unknown                             K
    otherwise                                                      Z
    ============================================================== ==

    Exact has no field that says it outright (exact-online-api.md 4.7), so the words of the office's own code
    decide where percentage and type do not.
    """
    text = f"{code.description or ''} {code.legal_text or ''}".lower()
    listing = (code.eu_sales_listing or "").upper()
    is_abroad = buyer_country not in ("", seller_country)
    is_eu = buyer_country in EU_COUNTRIES
    if rate > 0:
        return "S"
    if re.search(r"verlegd|verlegging|reverse.charge|autoliquidation", text):
        return "AE"
    if re.search(r"vrijgesteld|vrijstelling|\bexempt", text):
        return "E"
    if (code.type or "").upper() == "N" or re.search(r"geen btw|buiten de heffing|out(side)? (of )?scope", text):
        return "O"
    if is_abroad and is_eu and (listing == "L" or re.search(r"intracomm|\bicp\b|\bicl\b", text)):
        return "K"
    if is_abroad and is_eu and listing == "S":
        return "AE"
    if (is_abroad and not is_eu) or re.search(r"export|uitvoer|buiten de eu", text):
        return "G"
    return "K" if listing == "L" and not buyer_country else "Z"


def _percent(fraction: Decimal) -> Decimal:
    """0.21 -> 21, without trailing zeros or an exponent; four decimals are more than any rate has."""
    percent = (fraction * 100).quantize(Decimal("0.0001"), ROUND_HALF_UP).normalize()
    return percent.quantize(Decimal(1)) if percent == percent.to_integral_value() else percent


# Lines


def _line(row: SalesInvoiceRow, kind: _Vat, sign: Decimal, vat_codes: Mapping[str, VatCode]) -> Line:
    if row.amount_fc is None:
        raise _missing(f"AmountFC of line {row.line_number}", "Read the invoices again: connector sync --full.")
    amount = _cents(row.amount_fc * sign)
    quantity = _quantity(row, amount)
    code = vat_codes.get((row.vat_code or "").strip())
    includes_vat = code is not None and (code.type or "").upper() == "I"
    allowance = None if includes_vat else _line_allowance(row, quantity, amount)
    if allowance is not None and row.unit_price is not None:
        price, base = _as_price(row.unit_price), None
    else:
        price, base = _price(row, quantity, amount, includes_vat=includes_vat)
    name = row.item_description or row.description or row.item_code or f"Regel {row.line_number}"
    return Line(
        id=str(row.line_number),
        name=_one_line(name),
        description=row.description if row.description and row.description != name else "",
        quantity=quantity,
        unit=_unit(row),
        price=price,
        base_quantity=base,
        amount=amount,
        vat_category=kind.category,
        vat_rate=kind.written_rate,
        item_code=row.item_code or "",
        allowances=() if allowance is None else (allowance,),
        note=row.notes or "",
    )


def _quantity(row: SalesInvoiceRow, amount: Decimal) -> Decimal:
    """The quantity, with the sign of the amount: the price may not be below 0 (BR-27)."""
    quantity = abs(Decimal(1) if row.quantity is None else row.quantity)
    if not quantity and amount:
        quantity = Decimal(1)
    return -quantity if amount < 0 else quantity


def _line_allowance(row: SalesInvoiceRow, quantity: Decimal, amount: Decimal) -> Allowance | None:
    """The line's discount, when unit price, percentage and amount agree on it; else it stays in the net price."""
    if not row.discount or not row.unit_price or not 0 < row.discount < 1:
        return None
    base = _cents(quantity * _as_price(row.unit_price))
    given = base - amount
    percentage = _percent(row.discount)
    if not given or (given < 0) != (base < 0) or abs(given - base * percentage / 100) > LINE_TOLERANCE:
        return None
    return Allowance(amount=given, reason="Korting", base_amount=base, percentage=percentage)


def _price(
    row: SalesInvoiceRow, quantity: Decimal, amount: Decimal, *, includes_vat: bool
) -> tuple[Decimal, Decimal | None]:
    """Find the price without VAT that makes quantity x price the line's amount, and its base quantity.

    Exact's own prices come first, unless they include VAT. Where none fits, it is amount / quantity; and when that
    does not come out either, the price of the whole quantity, which is always exact.
    """
    stated = () if includes_vat else (row.net_price, row.unit_price)
    for value in (*stated, *_divided(amount, quantity)):
        if value is None:
            continue
        price = _as_price(value)
        if abs(_cents(quantity * price) - amount) <= LINE_TOLERANCE:
            return price, None
    return abs(amount), abs(quantity)


def _divided(amount: Decimal, quantity: Decimal) -> tuple[Decimal, ...]:
    return (amount / quantity,) if quantity else ()


def _as_price(value: Decimal) -> Decimal:
    """Positive (BR-27), with at most eight decimals and no exponent; two decimals where that is enough."""
    price = abs(value).quantize(PRICE_STEP, ROUND_HALF_UP)
    return _cents(price) if price == _cents(price) else price.normalize()


def _unit(row: SalesInvoiceRow) -> str:
    words = ((row.unit_code or "").strip().lower(), (row.unit_description or "").strip().lower())
    return next((_UNIT_OF[word] for word in words if word in _UNIT_OF), "C62")


def _one_line(text: str) -> str:
    return " ".join(text.split())


# Parties, payment, delivery


def _seller(seller: DivisionRecord, breakdown: Sequence[VatBreakdown]) -> Party:
    where = "Fill it in at the company's data in Exact."
    check = check_kvk(seller.chamber_of_commerce_number or "")
    kvk, oin = check.number, check.oin
    if kvk is None and oin is None:
        raise _missing("ChamberOfCommerceNumber of the administration (seller)", where)
    country = _country(seller.country)
    address = Address(
        street=_need(seller.address_line1, "AddressLine1 of the administration (seller)", where),
        additional=seller.address_line2 or "",
        city=_need(seller.city, "City of the administration (seller)", where),
        postcode=_need(seller.postcode, "Postcode of the administration (seller)", where),
        country=_need(country, "Country of the administration (seller)", where),
    )
    vat = _vat_id(seller.vat_number, country)
    if _is_outside_scope(breakdown):
        vat = ""
    elif not vat:
        raise _missing("VATNumber of the administration (seller)", where)
    return Party(
        name=_need(seller.description or seller.customer_name, "Description of the administration (seller)", where),
        kvk=kvk,
        oin=oin,
        vat=vat or None,
        endpoint=_endpoint(kvk, oin),
        identifiers=_identifiers(kvk, oin, "", vat),
        address=address,
        email=seller.email or "",
        phone=seller.phone or "",
    )


def _buyer(buyer: Customer, breakdown: Sequence[VatBreakdown]) -> Party:
    where = f"Fill it in on the card of customer {buyer.code} in Exact."
    kvk, oin = valid_numbers(buyer)
    country = _need(buyer.country, "Country of the customer", where)
    if country == "NL":  # BR-NL-4; abroad an address may do without
        for value, field in (
            (buyer.address_line, "AddressLine1"),
            (buyer.postcode, "Postcode"),
            (buyer.city, "City"),
        ):
            _need(value, f"{field} of the customer", where)
    vat = _vat_id(buyer.vat_number, country)
    categories = {row.category for row in breakdown}
    if "K" in categories and not vat:
        raise _missing("VATNumber of the customer (intra-community supply)", where)
    if "AE" in categories and not (vat or kvk or oin):
        raise _missing("VATNumber of the customer (VAT reverse charged)", where)
    if _is_outside_scope(breakdown):
        vat = ""
    return Party(
        name=_need(buyer.name, "Name of the customer", where),
        kvk=kvk,
        oin=oin,
        vat=vat or None,
        gln=buyer.gln or None,
        endpoint=_endpoint(kvk, oin),
        identifiers=_identifiers(kvk, oin, buyer.gln, vat),
        address=Address(street=buyer.address_line, city=buyer.city, postcode=buyer.postcode, country=country),
    )


def _is_outside_scope(breakdown: Sequence[VatBreakdown]) -> bool:
    """With O neither party may show a VAT number (BR-O-02)."""
    return any(row.category == "O" for row in breakdown)


def _endpoint(kvk: str | None, oin: str | None) -> Identifier | None:
    if oin:
        return Identifier(scheme="oin", value=oin)
    return Identifier(scheme="kvk", value=kvk) if kvk else None


def _identifiers(kvk: str | None, oin: str | None, gln: str, vat: str) -> tuple[Identifier, ...]:
    """In the order in which routing believes them. A KvK number that is only a part of the OIN is not told twice."""
    found = [("oin", oin), ("kvk", None if oin and kvk and kvk in oin else kvk), ("gln", gln), ("vat", vat)]
    return tuple(Identifier(scheme=scheme, value=value) for scheme, value in found if value)


def _vat_id(number: str | None, country: str) -> str:
    """A VAT number with its country in front (BR-CO-09), "" for none."""
    value = compact_vat(number or "")
    if not value or value[:2].isalpha():
        return value
    return {"GR": "EL"}.get(country, country) + value


def _country(text: str | None) -> str:
    return (text or "").strip().upper()


def _buyer_reference(header: SalesInvoiceRow, buyer: Customer) -> str:
    """BR-NL-2 wants one: the customer's own reference, else our order number, else the customer's code."""
    order = str(header.order_number) if header.order_number else ""
    return header.your_ref or order or buyer.code or buyer.name


def _payment(header: SalesInvoiceRow, seller: DivisionRecord, seller_iban: str) -> PaymentMeans:
    """58 (SEPA) for euros to an IBAN, 30 for another currency or account, 57 when no account is known."""
    account = re.sub(r"\s", "", seller_iban).upper()
    remittance = header.payment_reference or str(header.invoice_number or "")
    if not account:
        return PaymentMeans(code="57", remittance=remittance)
    is_sepa = (header.currency or seller.currency or "EUR") == "EUR"
    is_iban = re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", account)
    return PaymentMeans(code="58" if is_sepa and is_iban else "30", iban=account, remittance=remittance)


def _with_vat_in_own_currency(
    invoice: Invoice, header: SalesInvoiceRow, seller: DivisionRecord, sign: Decimal
) -> Invoice:
    """State the VAT also in the administration's currency when the invoice is in another one (BT-6, BT-111)."""
    own = (seller.currency or "").upper()
    if not own or own == invoice.currency or header.vat_amount_dc is None:
        return invoice
    return replace(invoice, vat_currency=own, vat_total_in_vat_currency=_cents(header.vat_amount_dc * sign))


def _with_delivery(
    invoice: Invoice,
    header: SalesInvoiceRow,
    lines: Sequence[SalesInvoiceRow],
    buyer: Customer,
    deliver_to: Customer | None,
) -> Invoice:
    """Add the latest delivery date and, when it is not the buyer, who got the goods and where.

    The address is that of the other account's card, the visiting address (docs), unless the invoice names another
    one of the account's addresses: those are not read. K needs a date and a country (BR-IC-11, BR-IC-12).
    """
    is_intra = any(row.category == "K" for row in invoice.vat)
    day = max((row.delivery_date for row in lines if row.delivery_date), default=None)
    place = deliver_to if deliver_to is not None and deliver_to.id != buyer.id else None
    name = place.name if place else ""
    if is_intra:
        day, place = day or invoice.issue_date, place or buyer
    address = None
    if place is not None and place.country and not header.deliver_to_address:
        address = Address(street=place.address_line, city=place.city, postcode=place.postcode, country=place.country)
    elif place is not None and place.country and is_intra:
        address = Address(country=place.country)
    return replace(invoice, delivery_date=day, delivery_name=name, delivery_address=address)


_NAMED_INVOICE = re.compile(
    r"\b(?:factuur|facturen|fact|invoice|nota|rekening)\.?\s?(?:nummer|number|nr|no)?[\s.:#-]{0,3}([0-9]{1,10})(?![-/.]?\w)",
    re.IGNORECASE,
)


def named_invoices(header: SalesInvoiceRow) -> frozenset[int]:
    """Find the numbers that the texts of a credit note give as those of invoices.

    Exact has no field for the invoice that a credit note corrects (exact-online-api.md 4.4): people write it in
    YourRef, Description or Remarks. That a number stands there is no proof; the caller looks whether the customer
    has such an invoice.

    >>> sorted(named_invoices(SalesInvoiceRow(id="", invoice_id="", line_number=0, your_ref="26700042",
    ...     description="Credit op factuur 26700041, 3 stuks")))
    [26700041, 26700042]
    """
    own = (header.your_ref or "").strip()
    texts = (header.your_ref, header.description, header.remarks)
    found = {number for text in texts if text for number in _NAMED_INVOICE.findall(text)}
    return frozenset(int(number) for number in (*found, *([own] if re.fullmatch(r"[0-9]{1,10}", own) else ())))


# Refusals


def _need(value: object, field: str, hint: str) -> str:
    text = str(value or "").strip()
    if not text:
        raise _missing(field, hint)
    return text


_DUTCH = {
    "Read the invoices again: connector sync --full.": "Haal de facturen opnieuw op: connector sync --full.",
    "Print the invoice in Exact.": "Druk de factuur af in Exact Online.",
    "Attach Exact's own UBL: a payment split over a G account is not rendered.": (
        "Voeg de UBL van Exact zelf toe: een betaling met een g-rekening maken wij niet op."
    ),
    "Fill in the VAT code in Exact.": "Vul de btw-code in bij Exact Online.",
    "It is unknown here: run connector sync once more.": "Die is hier onbekend: haal de gegevens opnieuw op.",
    "Fill it in at the company's data in Exact.": "Vul het in bij de bedrijfsgegevens in Exact Online.",
    "Fill it in on the card of customer": "Vul het in op de kaart in Exact Online van relatie",
    " in Exact.": ".",
    "the invoice's header": "de kop van de factuur",
    "invoice lines": "de factuurregels",
    "the UBL with the G account": "de UBL met de g-rekening",
    " of the administration (seller)": " van de administratie (afzender)",
    " of the customer (intra-community supply)": " van de relatie (intracommunautaire levering)",
    " of the customer (VAT reverse charged)": " van de relatie (btw verlegd)",
    " of the customer": " van de relatie",
    " of the invoice's lines": " van de factuurregels",
    " of the invoice": " van de factuur",
    " of line ": " van regel ",
    "VAT code": "btw-code",
    "VATCode": "btw-code",
    "ChamberOfCommerceNumber": "KvK-nummer",
    "VATNumber": "btw-nummer",
    "AddressLine1": "straat en huisnummer",
    "Postcode": "postcode",
    "City": "plaats",
    "Country": "land",
    "Description": "naam",
    "Name": "naam",
    "InvoiceNumber": "factuurnummer",
    "InvoiceDate": "factuurdatum",
    "AmountFC": "bedrag",
    "amount with VAT": "bedrag met btw",
    "sum of the lines without VAT": "som van de regels zonder btw",
    "VAT": "btw",
}
"""Exact's fields and our sentences as a Dutch accountant reads them, the longer ones first."""


def _in_dutch(text: str) -> str:
    for english, dutch in _DUTCH.items():
        text = text.replace(english, dutch)
    return text


def _missing(field: str, hint: str) -> CannotRender:
    return CannotRender(
        f"missing: {field}",
        reason="fact_missing",
        hint=hint,
        message_nl=f"ontbreekt: {_in_dutch(field)}",
        hint_nl=_in_dutch(hint),
    )


def _differs(what: str, ours: Decimal, exact: Decimal) -> CannotRender:
    return CannotRender(
        f"the {what} comes to {ours:.2f} here and to {exact:.2f} in Exact",
        reason="totals_differ",
        hint="Attach Exact's own UBL to the invoice's document, or send this invoice from Exact.",
        message_nl=f"{_in_dutch(what)}: hier {ours:.2f}, in Exact Online {exact:.2f}",
        hint_nl="Voeg de UBL van Exact zelf toe aan het document van de factuur, of verstuur deze vanuit Exact Online.",
    )
