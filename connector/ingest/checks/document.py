"""Document: an invoice as the rules look at it, with what many rules speak of gathered once.

Text is compared as XPath's normalize-space leaves it; what is no number counts as absent, as the reading has told it
already.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from typing import TypeVar
from xml.etree.ElementTree import Element

from connector.ingest.tree import Place, Tree, find, find_all, gathered, strip, text_of, texts_of
from connector.ingest.ubl import ZERO, parse_decimal

CENT = Decimal("0.01")
HALF = Decimal("0.5")
LINE = ("cac:InvoiceLine", "cac:CreditNoteLine")
QUANTITY = ("cbc:InvoicedQuantity", "cbc:CreditedQuantity")
SELLER = "cac:AccountingSupplierParty/cac:Party"
BUYER = "cac:AccountingCustomerParty/cac:Party"
TOTALS = "cac:LegalMonetaryTotal"

DECIMALS = "amount with more than two decimals"
"""One of `Document.names` where there is one."""

Places = Iterable[Place]
"""Where a rule is broken."""

_NONE: list[Element] = []
_T = TypeVar("_T")


def number_of(element: Element | None, path: str = "") -> Decimal | None:
    """Give the number of the first element on the path; None when it is absent or no number."""
    if path and element is not None:
        element = element.find(path) if "/" not in path else find(element, path)
    return parse_decimal(element.text) if element is not None and element.text else None


def total(amounts: Iterable[Decimal | None]) -> Decimal:
    """Sum exactly; what is absent adds nothing."""
    return sum((amount for amount in amounts if amount is not None), ZERO)


def round_2(amount: Decimal) -> Decimal:
    """Round to two decimals as XPath does: a half goes towards plus infinity.

    >>> round_2(Decimal("-2.005")), round_2(Decimal("2.005"))
    (Decimal('-2.00'), Decimal('2.01'))
    """
    return amount.quantize(CENT, ROUND_HALF_UP if amount >= 0 else ROUND_HALF_DOWN)


def round_0(amount: Decimal) -> int:
    """Round to a whole number as XPath does."""
    return math.floor(amount + HALF)


def is_charge(allowance: Element) -> bool:
    """Tell that it adds: an xs:boolean that is true."""
    return text_of(allowance, "cbc:ChargeIndicator") in ("true", "1")


def is_allowance(allowance: Element) -> bool:
    """Tell that it takes off; without an indicator it does neither."""
    return text_of(allowance, "cbc:ChargeIndicator") in ("false", "0")


def has_more_decimals(amount: Element) -> bool:
    """Tell whether more than two characters stand after the point, whatever they are: `100.000` has."""
    return len((amount.text or "").partition(".")[2]) > 2


def is_vat(element: Element) -> bool:
    """Tell whether a tax category or registration is of the scheme VAT."""
    schemes = texts_of(element, "cac:TaxScheme/cbc:ID")
    return any(scheme.upper() == "VAT" for scheme in schemes)


class Category:
    """A VAT category of a line, an allowance or a breakdown row."""

    __slots__ = ("code", "element", "has_code", "has_rate", "is_vat", "rate")

    def __init__(self, element: Element) -> None:
        self.element = element
        self.code, self.has_code, self.rate, self.has_rate, self.is_vat = "", False, None, False, False
        for child in element:
            if child.tag == "cbc:ID" and not self.has_code:
                self.code, self.has_code = strip(child.text), True
            elif child.tag == "cbc:Percent" and not self.has_rate:
                self.rate, self.has_rate = parse_decimal(child.text or ""), True
            elif child.tag == "cac:TaxScheme":
                self.is_vat = self.is_vat or "VAT" in [strip(one.text).upper() for one in child.findall("cbc:ID")]


class Line:
    """A line with its parts by name, the first of each."""

    __slots__ = ("amount", "categories", "element", "item", "parts", "price")

    def __init__(self, element: Element) -> None:
        self.element = element
        self.parts = {child.tag: child for child in reversed(element)}
        item, price = self.parts.get("cac:Item"), self.parts.get("cac:Price")
        self.item = {child.tag: child for child in reversed(item)} if item is not None else {}
        self.price = {child.tag: child for child in reversed(price)} if price is not None else {}
        self.amount = number_of(self.parts.get("cbc:LineExtensionAmount"))
        classified = item.findall("cac:ClassifiedTaxCategory") if item is not None else []
        self.categories = [Category(one) for one in classified]

    @property
    def quantity(self) -> Element | None:
        """What is invoiced or credited."""
        found = self.parts.get(QUANTITY[0])
        return found if found is not None else self.parts.get(QUANTITY[1])


class Document:
    """The elements by name, and the parts that many rules speak of; each is looked up once."""

    def __init__(self, tree: Tree) -> None:
        self.root = tree.root
        self.all = tree.all
        self.path_of = tree.path_of
        self._named = tree.elements
        self._parents = tree.parents
        self._made: dict[object, object] = {}
        self._under: dict[tuple[str, str], list[Element]] = {}
        self._attributed: dict[str, dict[str, list[Element]]] = {}
        self._totals: dict[str, Decimal | None] = {}
        self._categories: dict[Element, list[Category]] = {}
        self._is_vat: dict[Element, bool] = {}
        self.is_credit_note = self.root.tag == "CreditNote"

    def attributed(self, name: str) -> dict[str, list[Element]]:
        """Give the elements with an attribute of this name, by its value, in document order."""
        if name not in self._attributed:
            found: dict[str, list[Element]] = defaultdict(list)
            for element in self.root.iter():
                value = element.get(name)
                if value is not None:
                    found[value].append(element)
            self._attributed[name] = found
        return self._attributed[name]

    @gathered
    def names(self) -> set[str]:
        """The names of the elements that there are, `VAT S` and so on for the categories, and `DECIMALS`."""
        names = set(self._named)
        for category in self.named_any("cac:TaxCategory", "cac:ClassifiedTaxCategory"):
            names.update(f"VAT {strip(number.text)}" for number in category.findall("cbc:ID"))
        if self.long_amounts:
            names.add(DECIMALS)
        return names

    def named(self, name: str) -> list[Element]:
        """Give the elements of this name, wherever they are; not to be changed."""
        return self._named.get(name, _NONE)

    def named_any(self, *names: str) -> list[Element]:
        """Give the elements of these names, wherever they are, name by name."""
        return [element for name in names for element in self._named.get(name, _NONE)]

    @gathered
    def repeating(self) -> list[Element]:
        """The elements with several children of one name."""
        return [one for one in self._parents if len(one) > 1 and len({child.tag for child in one[:]}) != len(one)]

    @gathered
    def repeating_names(self) -> set[str]:
        """Their own names."""
        return {one.tag for one in self.repeating}

    def under(self, parent: str, path: str) -> list[Element]:
        """Give what is on the path below any element of the name `parent`; not to be changed."""
        found = self._under.get((parent, path))
        if found is None:
            found = self._under[parent, path] = [each for one in self.named(parent) for each in find_all(one, path)]
        return found

    def has(self, path: str) -> bool:
        """Tell whether anything is on the path below the root."""
        return bool(self.all(path))

    def text(self, path: str) -> str:
        """Give the first text on the path below the root."""
        found = self.all(path)
        return strip(found[0].text) if found else ""

    def texts(self, path: str) -> list[str]:
        """Give the texts of all elements on the path below the root, empty ones too."""
        return [strip(one.text) for one in self.all(path)]

    @gathered
    def long_amounts(self) -> list[Element]:
        """The amounts with more than two characters after the point, but for prices."""
        return [
            amount
            for name, amounts in self._named.items()
            if name.endswith("Amount") and not name.endswith("PriceAmount")
            for amount in amounts
            if has_more_decimals(amount)
        ]

    @gathered
    def binary_objects(self) -> list[Element]:
        """The files inside, whatever they are called."""
        return [one for name in self._named if name.endswith("BinaryObject") for one in self._named[name]]

    @gathered
    def currency(self) -> str:
        """The invoice's currency as it is written."""
        currency = find(self.root, "cbc:DocumentCurrencyCode")
        return (currency.text or "") if currency is not None else ""

    @gathered
    def type_code(self) -> Element | None:
        """What kind of invoice it says to be."""
        return find(self.root, "cbc:CreditNoteTypeCode" if self.is_credit_note else "cbc:InvoiceTypeCode")

    @gathered
    def seller_country(self) -> str:
        """Upper-cased."""
        return self.text(f"{SELLER}/cac:PostalAddress/cac:Country/cbc:IdentificationCode").upper()

    @gathered
    def buyer_country(self) -> str:
        """Upper-cased."""
        return self.text(f"{BUYER}/cac:PostalAddress/cac:Country/cbc:IdentificationCode").upper()

    @gathered
    def totals(self) -> Element | None:
        """The document's totals."""
        return find(self.root, TOTALS)

    def total(self, name: str) -> Decimal | None:
        """Give one of the totals."""
        if name not in self._totals:
            self._totals[name] = number_of(self.totals, name)
        return self._totals[name]

    def categories(self, parent: Element) -> list[Category]:
        """Give the VAT categories of an allowance or a breakdown row."""
        found = self._categories.get(parent)
        if found is None:
            found = self._categories[parent] = [Category(one) for one in parent.findall("cac:TaxCategory")]
        return found

    def is_vat(self, registration: Element) -> bool:
        """Tell whether a tax registration is one for VAT."""
        if registration not in self._is_vat:
            self._is_vat[registration] = is_vat(registration)
        return self._is_vat[registration]

    def total_place(self, name: str) -> Place:
        """Give the place of one of the totals, also when it is not there."""
        return self.root, f"{TOTALS}/{name}"

    @gathered
    def lines(self) -> list[Line]:
        """Lines of invoices and credit notes, whichever the root is."""
        return [Line(element) for element in self.named_any(*LINE)]

    @gathered
    def line_total(self) -> Decimal:
        """The sum of the lines' amounts."""
        return total(line.amount for line in self.lines)

    @gathered
    def allowances(self) -> list[Element]:
        """The document's own, not those of lines."""
        return [one for one in self.all("cac:AllowanceCharge") if is_allowance(one)]

    @gathered
    def charges(self) -> list[Element]:
        """The document's own, not those of lines."""
        return [one for one in self.all("cac:AllowanceCharge") if is_charge(one)]

    @gathered
    def line_allowances(self) -> list[Element]:
        """Those of lines."""
        return [one for one in self._line_allowances_and_charges if is_allowance(one)]

    @gathered
    def line_charges(self) -> list[Element]:
        """Those of lines."""
        return [one for one in self._line_allowances_and_charges if is_charge(one)]

    @gathered
    def _line_allowances_and_charges(self) -> list[Element]:
        lines = (line for line in self.lines if "cac:AllowanceCharge" in line.parts)
        return [one for line in lines for one in line.element.findall("cac:AllowanceCharge")]

    @gathered
    def subtotals(self) -> list[Element]:
        """The rows of VAT breakdowns."""
        return self.under("cac:TaxTotal", "cac:TaxSubtotal")

    @gathered
    def line_periods(self) -> list[Element]:
        """The invoicing periods of lines."""
        return [period for line in self.lines for period in line.element.findall("cac:InvoicePeriod")]

    @gathered
    def periods(self) -> list[Element]:
        """The other invoicing periods."""
        of_lines = set(self.line_periods)
        return [period for period in self.named("cac:InvoicePeriod") if period not in of_lines]

    def once(self, make: Callable[["Document"], _T]) -> _T:
        """Give what `make` gathers from this document, made only once."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]  # type: ignore[return-value]  # of that maker
