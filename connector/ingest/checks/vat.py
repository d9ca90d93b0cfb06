"""EN 16931: the VAT categories, one family of rules each (BR-S, -Z, -E, -AE, -IC, -G, -O, -AF, -AG) and BR-B.

A family says: a category is used where the breakdown has it (01), who has to have a VAT number for that (02 to 04), at
which rate (05 to 07), what the breakdown's row sums to (08, 09), and whether it gives a reason (10).

Source: CEN EN 16931 UBL rules 1.3.16; e-invoicing.md section 7.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from xml.etree.ElementTree import Element

from connector.ingest.checks.document import (
    BUYER,
    LINE,
    SELLER,
    Category,
    Document,
    Places,
    is_allowance,
    is_charge,
    number_of,
    round_2,
)
from connector.ingest.checks.rule import Broken, Family, Row, needs, table
from connector.ingest.tree import Place, gathered
from connector.ingest.ubl import ZERO

_Rated = tuple[str, Decimal | None]


class _Sums:
    """Line amounts, charges and (negative) allowances by category, and by category and rate."""

    def __init__(self) -> None:
        self.by_category: dict[str, Decimal] = defaultdict(lambda: ZERO)
        self.by_rate: dict[_Rated, Decimal] = defaultdict(lambda: ZERO)

    def add(self, categories: list[Category], amount: Decimal) -> None:
        """Count an amount once for each of its categories and rates; there is one of each, as a rule."""
        if len(categories) == 1:
            (one,) = categories
            self.by_category[one.code] += amount
            self.by_rate[one.code, one.rate] += amount
            return
        codes, rates = {one.code for one in categories}, {one.rate for one in categories}
        for code in codes:
            self.by_category[code] += amount
            for rate in rates:
                self.by_rate[code, rate] += amount


class _Vat:
    """What a document says of VAT categories, each gathered once when a rule asks."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.lines_present = [name for name in LINE if document.named(name)]

    @gathered
    def sums(self) -> dict[str, _Sums]:
        """By the name of the lines: those of an invoice or of a credit note."""
        found = {name: _Sums() for name in LINE}
        for categories, amount in _signed(self._document):
            for sums in found.values():
                sums.add(categories, amount)
        own = {name: self._document.all(name) for name in LINE}
        of_root = set(own[LINE[0]]).union(own[LINE[1]])
        for line in self._document.lines:
            if line.amount is not None and line.element in of_root:
                found[line.element.tag].add(line.categories, line.amount)
        return found

    @gathered
    def rated_lines(self) -> dict[str, set[_Rated]]:
        """The categories and rates of lines, by the name of the lines."""
        found: dict[str, set[_Rated]] = {name: set() for name in LINE}
        for line in self._document.lines:
            found[line.element.tag].update((one.code, one.rate) for one in line.categories)
        return found

    @gathered
    def rated_allowances(self) -> set[_Rated]:
        """The categories and rates of allowances and charges."""
        return {(one.code, one.rate) for one in self.of_either}

    @gathered
    def lines(self) -> list[Category]:
        """Those of lines."""
        return [one for line in self._document.lines for one in line.categories]

    @gathered
    def classified(self) -> list[Category]:
        """Those of items, in lines or elsewhere."""
        found = self._document.named("cac:ClassifiedTaxCategory")
        return self.lines if len(found) == len(self.lines) else [Category(one) for one in found]

    @gathered
    def of_either(self) -> list[Category]:
        """Those of allowances and charges, wherever they are."""
        return _categories_of(self._document, self._document.named("cac:AllowanceCharge"))

    @gathered
    def of_allowances(self) -> list[Category]:
        """Those of allowances, wherever they are."""
        return _categories_of(self._document, filter(is_allowance, self._document.named("cac:AllowanceCharge")))

    @gathered
    def of_charges(self) -> list[Category]:
        """Those of charges, wherever they are."""
        return _categories_of(self._document, filter(is_charge, self._document.named("cac:AllowanceCharge")))

    @gathered
    def of_own_allowances(self) -> list[Category]:
        """Those of the document's allowances."""
        return _categories_of(self._document, self._document.allowances)

    @gathered
    def of_own_charges(self) -> list[Category]:
        """Those of the document's charges."""
        return _categories_of(self._document, self._document.charges)

    @gathered
    def rows(self) -> list["_Row"]:
        """Those of the document's VAT breakdown."""
        return [
            _Row(element=row, category=one)
            for row in self._document.all("cac:TaxTotal/cac:TaxSubtotal")
            for one in self._document.categories(row)
        ]

    @gathered
    def other(self) -> list[Category]:
        """Those of all but items."""
        return [Category(one) for one in self._document.named("cac:TaxCategory")]

    @gathered
    def seller_registered(self) -> bool:
        """The seller has a number for some tax."""
        return self._document.has(f"{SELLER}/cac:PartyTaxScheme/cbc:CompanyID")

    @gathered
    def seller_has_vat(self) -> bool:
        """The seller has a VAT number."""
        return _has_vat_number(self._document, self._document.all(f"{SELLER}/cac:PartyTaxScheme"))

    @gathered
    def buyer_has_vat(self) -> bool:
        """The buyer has a VAT number."""
        return _has_vat_number(self._document, self._document.all(f"{BUYER}/cac:PartyTaxScheme"))

    @gathered
    def representative_has_vat(self) -> bool:
        """The seller's representative has a VAT number."""
        return _has_vat_number(self._document, self._document.under("cac:TaxRepresentativeParty", "cac:PartyTaxScheme"))

    @gathered
    def buyer_has_legal_id(self) -> bool:
        """The buyer has a registration number."""
        return self._document.has(f"{BUYER}/cac:PartyLegalEntity/cbc:CompanyID")


def _has_vat_number(document: Document, registrations: list[Element]) -> bool:
    return any(document.is_vat(one) and one.find("cbc:CompanyID") is not None for one in registrations)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row of the document's VAT breakdown."""

    element: Element
    category: Category


def _signed(document: Document) -> list[tuple[list[Category], Decimal]]:
    """The document's charges and (negative) allowances with their categories."""
    return [
        (document.categories(one), sign * amount)
        for sign, group in ((1, document.charges), (-1, document.allowances))
        for one in group
        if (amount := number_of(one, "cbc:Amount")) is not None
    ]


def _categories_of(document: Document, allowances: Iterable[Element]) -> list[Category]:
    return [one for allowance in allowances for one in document.categories(allowance)]


def _uses(categories: Iterable[Category], code: str) -> bool:
    return any(one.code == code and one.is_vat for one in categories)


def is_near(taxable: Decimal | None, rate: Decimal | None, tax: Decimal | None) -> bool:
    """Tell whether the tax is the taxable amount times the rate, less than one unit off; signs do not count."""
    if taxable is None or rate is None or tax is None:
        return False
    return abs(abs(tax) - round_2(abs(taxable) * rate / 100)) < 1


# 01: used where the breakdown has it


def _breakdown(document: Document) -> Place:
    return document.root, "cac:TaxTotal/cac:TaxSubtotal"


def _just_once(code: str) -> Broken:
    """A category that is used anywhere has just one row."""

    def broken_at(document: Document) -> Places:
        vat = document.once(_Vat)
        rows = sum(row.category.code == code and row.category.is_vat for row in vat.rows)
        if rows != 1 and (_uses(vat.other, code) or _uses(vat.classified, code)):
            yield _breakdown(document)

    return broken_at


def _per_rate(code: str, *, any_scheme: bool) -> Broken:
    """A category that lines or allowances use has a row at least, and the other way round."""

    def broken_at(document: Document) -> Places:
        vat = document.once(_Vat)
        used = any(
            one.code == code and (any_scheme or one.is_vat)
            for group in (vat.of_either, vat.classified)
            for one in group
        )
        if used != any(row.category.code == code and (any_scheme or row.category.is_vat) for row in vat.rows):
            yield _breakdown(document)

    return broken_at


# 02 to 04: who has to be registered; on lines, on allowances, on charges

_Identified = Callable[[_Vat], bool]


def _seller_registered(vat: _Vat) -> bool:
    return vat.seller_registered or vat.representative_has_vat


def _seller_has_vat(vat: _Vat) -> bool:
    return vat.seller_has_vat or vat.representative_has_vat


def _reverse_charge_known(vat: _Vat) -> bool:
    return _seller_registered(vat) and (vat.buyer_has_vat or vat.buyer_has_legal_id)


def _both_have_vat(vat: _Vat) -> bool:
    return _seller_has_vat(vat) and vat.buyer_has_vat


def _none_has_vat(vat: _Vat) -> bool:
    return not (vat.seller_has_vat or vat.representative_has_vat or vat.buyer_has_vat)


def _identified(
    code: str, group: Callable[[_Vat], list[Category]], known: _Identified, *, any_scheme: bool = False
) -> Broken:
    """Whoever has to is registered, where a category is used; with `any_scheme` it has to be one of VAT, besides."""

    def broken_at(document: Document) -> Places:
        vat = document.once(_Vat)
        categories = group(vat)
        used = _uses(categories, code)
        is_other = any_scheme and not used and any(one.code == code for one in categories)
        if is_other or (used and not known(vat)):
            yield document.root, f"{SELLER}/cac:PartyTaxScheme/cbc:CompanyID"

    return broken_at


# 05 to 07: the rate


def _rates(code: str, group: Callable[[_Vat], list[Category]], is_right: Callable[[Category], bool]) -> Broken:
    return lambda document: [
        (one.element, "cbc:Percent")
        for one in group(document.once(_Vat))
        if one.code == code and one.is_vat and not is_right(one)
    ]


# 08 to 10: the rows of the breakdown


def _rows(code: str, is_right: Callable[[Document, _Vat, _Row], bool], name: str) -> Broken:
    def broken_at(document: Document) -> Places:
        vat = document.once(_Vat)
        for row in vat.rows:
            if row.category.code == code and row.category.is_vat and not is_right(document, vat, row):
                yield row.element, name

    return broken_at


def _taxable_exact(document: Document, vat: _Vat, row: _Row) -> bool:
    taxable = number_of(row.element, "cbc:TaxableAmount")
    return any(taxable == vat.sums[name].by_category[row.category.code] for name in vat.lines_present)


def _taxable_near(document: Document, vat: _Vat, row: _Row) -> bool:
    if not row.category.has_rate:
        return True  # BR-48 asks for it
    taxable, rated = number_of(row.element, "cbc:TaxableAmount"), (row.category.code, row.category.rate)
    return any(taxable is not None and abs(taxable - vat.sums[name].by_rate[rated]) < 1 for name in vat.lines_present)


def _taxable_near_and_used(document: Document, vat: _Vat, row: _Row) -> bool:
    """As `_taxable_near`, and some line or allowance has the category at that rate."""
    if not row.category.has_rate:
        return True
    taxable, rated = number_of(row.element, "cbc:TaxableAmount"), (row.category.code, row.category.rate)
    return any(
        taxable is not None
        and (rated in vat.rated_allowances or rated in vat.rated_lines[name])
        and abs(taxable - sums.by_rate[rated]) < 1
        for name, sums in vat.sums.items()
    )


def _tax_near(document: Document, vat: _Vat, row: _Row) -> bool:
    taxable, tax = number_of(row.element, "cbc:TaxableAmount"), number_of(row.element, "cbc:TaxAmount")
    return is_near(taxable, row.category.rate, tax)


def _tax_zero(document: Document, vat: _Vat, row: _Row) -> bool:
    return number_of(row.element, "cbc:TaxAmount") == 0


def _has_reason(row: _Row) -> bool:
    return any(one.tag in ("cbc:TaxExemptionReason", "cbc:TaxExemptionReasonCode") for one in row.category.element)


def _reason_given(document: Document, vat: _Vat, row: _Row) -> bool:
    return _has_reason(row)


def _no_reason(document: Document, vat: _Vat, row: _Row) -> bool:
    return not _has_reason(row)


# What only one category asks for


@needs("VAT K")
def _delivery_unknown(document: Document) -> Places:
    if _has_row(document, "K"):
        dates = document.all("cac:Delivery/cbc:ActualDeliveryDate")
        if not any(len(one.text or "") > 1 for one in dates) and not any(
            len(period) for period in document.all("cac:InvoicePeriod")
        ):
            yield document.root, "cac:Delivery/cbc:ActualDeliveryDate"


@needs("VAT K")
def _destination_unknown(document: Document) -> Places:
    path = "cac:Delivery/cac:DeliveryLocation/cac:Address/cac:Country/cbc:IdentificationCode"
    if _has_row(document, "K") and not any(len(one.text or "") > 1 for one in document.all(path)):
        yield document.root, path


def _has_row(document: Document, code: str) -> bool:
    return any(row.category.code == code and row.category.is_vat for row in document.once(_Vat).rows)


def _beside_outside_scope(group: Callable[[_Vat], list[Category]]) -> Broken:
    """Where VAT does not apply there is no other category."""

    @needs("VAT O")
    def broken_at(document: Document) -> Places:
        if _has_row(document, "O"):
            yield from (one.element for one in group(document.once(_Vat)) if one.code != "O" and one.is_vat)

    return broken_at


def _raw_codes(document: Document) -> set[str]:
    return {
        one.text or ""
        for name in ("cac:TaxCategory", "cac:ClassifiedTaxCategory")
        for one in document.under(name, "cbc:ID")
    }


@needs("VAT B")
def _split_payment_abroad(document: Document) -> Places:
    if "B" in _raw_codes(document):
        yield from (one for one in document.named("cbc:IdentificationCode") if one.text != "IT")


@needs("VAT B")
def _split_payment_and_standard(document: Document) -> Places:
    vat = document.once(_Vat)
    own = [*vat.of_own_allowances, *vat.of_own_charges]
    used = {one.code for one in [*vat.classified, *own, *(row.category for row in vat.rows)]}
    if {"B", "S"} <= used:
        yield _breakdown(document)


# The tables


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A category and what its family asks for."""

    family: str
    code: str
    english: str
    dutch: str
    known: _Identified = _seller_registered
    known_english: str = "the seller (or its representative) has no VAT number"
    known_dutch: str = "de verkoper (of zijn vertegenwoordiger) heeft geen btw-nummer"
    rate: Callable[[Category], bool] = lambda category: category.rate == 0
    rate_english: str = "the rate is not 0"
    rate_dutch: str = "het tarief is niet 0"
    used: Callable[[str], Broken] = _just_once
    taxable: Callable[[Document, _Vat, _Row], bool] = _taxable_exact
    tax: Callable[[Document, _Vat, _Row], bool] = _tax_zero
    gives_reason: bool = True


def _at_least_zero(category: Category) -> bool:
    return category.rate is not None and category.rate >= 0


def _above_zero(category: Category) -> bool:
    return category.rate is not None and category.rate > 0


_KINDS = (
    _Kind(
        family="S", code="S", english="Standard rate", dutch="Gewoon tarief", rate=_above_zero,
        rate_english="the rate is not above 0", rate_dutch="het tarief is niet hoger dan 0",
        used=lambda code: _per_rate(code, any_scheme=True), taxable=_taxable_near_and_used, tax=_tax_near,
        gives_reason=False,
    ),
    _Kind(family="Z", code="Z", english="Zero rate", dutch="Nultarief", gives_reason=False),
    _Kind(family="E", code="E", english="Exempt from VAT", dutch="Vrijgesteld van btw"),
    _Kind(
        family="AE", code="AE", english="Reverse charge", dutch="Btw verlegd", known=_reverse_charge_known,
        known_english="the seller has no VAT number, or the buyer no VAT number and no registration number",
        known_dutch="de verkoper heeft geen btw-nummer, of de koper geen btw-nummer en geen registratienummer",
    ),
    _Kind(
        family="IC", code="K", english="Intra-community supply", dutch="Intracommunautaire levering",
        known=_both_have_vat, known_english="the seller or the buyer has no VAT number",
        known_dutch="de verkoper of de koper heeft geen btw-nummer",
    ),
    _Kind(family="G", code="G", english="Export", dutch="Uitvoer", known=_seller_has_vat),
    _Kind(
        family="O", code="O", english="Outside the scope of VAT", dutch="Buiten de btw", known=_none_has_vat,
        known_english="the seller, the buyer or the representative has a VAT number",
        known_dutch="de verkoper, de koper of de vertegenwoordiger heeft een btw-nummer",
        rate=lambda category: not category.has_rate, rate_english="there is a rate", rate_dutch="er staat een tarief",
    ),
    _Kind(
        family="AF", code="L", english="Canary Islands tax (IGIC)", dutch="Belasting van de Canarische Eilanden (IGIC)",
        rate=_at_least_zero, rate_english="the rate is below 0", rate_dutch="het tarief is lager dan 0",
        used=lambda code: _per_rate(code, any_scheme=False), taxable=_taxable_near, tax=_tax_near, gives_reason=False,
    ),
    _Kind(
        family="AG", code="M", english="Tax of Ceuta and Melilla (IPSI)",
        dutch="Belasting van Ceuta en Melilla (IPSI)", rate=_at_least_zero, rate_english="the rate is below 0",
        rate_dutch="het tarief is lager dan 0", used=lambda code: _per_rate(code, any_scheme=False),
        taxable=_taxable_near, tax=_tax_near, gives_reason=False,
    ),
)  # fmt: skip

_ON = (
    ("on lines", "op regels", lambda vat: vat.classified, lambda vat: vat.classified),
    ("on discounts", "op kortingen", lambda vat: vat.of_allowances, lambda vat: vat.of_own_allowances),
    ("on surcharges", "op toeslagen", lambda vat: vat.of_charges, lambda vat: vat.of_own_charges),
)  # fmt: skip


def _family(kind: _Kind) -> list[Row]:
    code, english, dutch = kind.code, kind.english, kind.dutch
    rows: list[Row] = [
        ("01", kind.used(code), f"{english}: used, and not (just once) in the VAT breakdown, or the other way round",
         f"{dutch}: gebruikt, maar niet (precies eenmaal) in de btw-specificatie, of omgekeerd"),
    ]  # fmt: skip
    for serial, (place, plaats, group, own) in enumerate(_ON, 2):
        users = own if code == "O" else group
        rows.append((
            f"{serial:02}", _identified(code, users, kind.known, any_scheme=code == "S" and serial == 2),
            f"{english} {place}: {kind.known_english}",
            f"{dutch} {plaats}: {kind.known_dutch}",
        ))  # fmt: skip
    for serial, (place, plaats, group, _) in enumerate(_ON, 5):
        rated = (lambda vat: vat.lines) if serial == 5 else group
        rows.append((
            f"{serial:02}", _rates(code, rated, kind.rate), f"{english} {place}: {kind.rate_english}",
            f"{dutch} {plaats}: {kind.rate_dutch}",
        ))  # fmt: skip
    reason = _reason_given if kind.gives_reason else _no_reason
    rows += [
        ("08", _rows(code, kind.taxable, "cbc:TaxableAmount"),
         f"{english}: the taxable amount is not the sum of its lines, surcharges and discounts",
         f"{dutch}: de grondslag is niet de som van de regels, toeslagen en kortingen ervan"),
        ("09", _rows(code, kind.tax, "cbc:TaxAmount"), f"{english}: the VAT amount is wrong",
         f"{dutch}: het btw-bedrag klopt niet"),
        ("10", _rows(code, reason, "cac:TaxCategory/cbc:TaxExemptionReason"),
         f"{english}: the reason why there is no VAT is missing" if kind.gives_reason
         else f"{english}: there is a reason why there would be no VAT",
         f"{dutch}: de reden zonder btw ontbreekt" if kind.gives_reason
         else f"{dutch}: er staat een reden waarom er geen btw zou zijn"),
    ]  # fmt: skip
    used = needs(f"VAT {code}")
    return [(f"BR-{kind.family}-{row[0]}", used(row[1]), row[2], row[3]) for row in rows]


VAT: Family = table(
    *(row for kind in _KINDS for row in _family(kind)),
    ("BR-IC-11", _delivery_unknown, "Intra-community supply: missing date of delivery or invoicing period",
     "Intracommunautaire levering: leverdatum of factuurperiode ontbreekt"),
    ("BR-IC-12", _destination_unknown, "Intra-community supply: missing country of delivery",
     "Intracommunautaire levering: land van levering ontbreekt"),
    ("BR-O-11", _beside_outside_scope(lambda vat: [row.category for row in vat.rows]),
     "Outside the scope of VAT: the breakdown has another category too",
     "Buiten de btw: de btw-specificatie heeft nog een categorie"),
    ("BR-O-12", _beside_outside_scope(lambda vat: vat.classified),
     "Outside the scope of VAT: a line has another category", "Buiten de btw: een regel heeft een andere categorie"),
    ("BR-O-13", _beside_outside_scope(lambda vat: vat.of_allowances),
     "Outside the scope of VAT: a discount has another category",
     "Buiten de btw: een korting heeft een andere categorie"),
    ("BR-O-14", _beside_outside_scope(lambda vat: vat.of_charges),
     "Outside the scope of VAT: a surcharge has another category",
     "Buiten de btw: een toeslag heeft een andere categorie"),
    ("BR-B-01", _split_payment_abroad, "Split payment is for Italian invoices only",
     "Gesplitste betaling is alleen voor Italiaanse facturen"),
    ("BR-B-02", _split_payment_and_standard, "Split payment and standard rate do not go together",
     "Gesplitste betaling en gewoon tarief gaan niet samen"),
)  # fmt: skip
