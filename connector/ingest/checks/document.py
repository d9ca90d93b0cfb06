"""Document: an invoice as the rules look at it; every element gathered once, by its usual name.

The elements are those of the standard library: parsed in C and walked three times as fast as lxml's, for documents
that `ubl.read_tree` has found harmless before. Names are ours (`cbc:ID`), whatever prefix was written. Text is compared
as XPath's normalize-space leaves it; what is no number counts as absent, as the reading has told it already.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import TypeVar
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from lxml import etree

from connector.ingest.tree import short_name
from connector.ingest.ubl import ZERO, parse_decimal

WHITE_SPACE = " \t\r\n"
CENT = Decimal("0.01")
HALF = Decimal("0.5")
LINE = ("cac:InvoiceLine", "cac:CreditNoteLine")
QUANTITY = ("cbc:InvoicedQuantity", "cbc:CreditedQuantity")
SELLER = "cac:AccountingSupplierParty/cac:Party"
BUYER = "cac:AccountingCustomerParty/cac:Party"
TOTALS = "cac:LegalMonetaryTotal"

Place = Element | tuple[Element, str]
"""Where a rule is broken: an element, or what is missing below one."""
Places = Iterable[Place]

_T = TypeVar("_T")
_short = lru_cache(maxsize=1024)(short_name)


@lru_cache(maxsize=1024)
def _split(path: str) -> tuple[str, ...]:
    return tuple(path.split("/"))


def find_all(element: Element, path: str) -> list[Element]:
    """Follow a path of names, `cac:Party/cbc:EndpointID`, through every branch, in document order."""
    found = [element]
    for name in _split(path):
        found = found[0].findall(name) if len(found) == 1 else [child for one in found for child in one.findall(name)]
    return found


def find(element: Element, path: str) -> Element | None:
    """Give the first element on the path."""
    found = find_all(element, path)
    return found[0] if found else None


def strip(text: str | None) -> str:
    """Take away the white space that XML knows, around a text."""
    return text.strip(WHITE_SPACE) if text else ""


def text_of(element: Element | None, path: str = "") -> str:
    """Give the text of the first element on the path, or of the element itself; empty when there is none."""
    found = find(element, path) if path and element is not None else element
    return strip(found.text) if found is not None else ""


def texts_of(element: Element, path: str) -> list[str]:
    """Give the texts of all elements on the path, empty ones too."""
    return [strip(one.text) for one in find_all(element, path)]


def number_of(element: Element | None, path: str = "") -> Decimal | None:
    """Give the number of the first element on the path; None when it is absent or no number."""
    text = text_of(element, path)
    return parse_decimal(text) if text else None


def total(amounts: Iterable[Decimal | None]) -> Decimal:
    """Sum exactly; what is absent adds nothing."""
    return sum((amount for amount in amounts if amount is not None), ZERO)


def round_2(amount: Decimal) -> Decimal:
    """Round to two decimals as XPath does: a half goes towards plus infinity.

    >>> round_2(Decimal("-2.005")), round_2(Decimal("2.005"))
    (Decimal('-2.00'), Decimal('2.01'))
    """
    return math.floor(100 * amount + HALF) * CENT


def round_0(amount: Decimal) -> int:
    """Round to a whole number as XPath does."""
    return math.floor(amount + HALF)


def is_charge(allowance: Element) -> bool:
    """Tell that it adds: an xs:boolean that is true."""
    return text_of(allowance, "cbc:ChargeIndicator") in ("true", "1")


def is_allowance(allowance: Element) -> bool:
    """Tell that it takes off; without an indicator it does neither."""
    return text_of(allowance, "cbc:ChargeIndicator") in ("false", "0")


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
                self.rate, self.has_rate = _rate(strip(child.text)), True
            elif child.tag == "cac:TaxScheme":
                self.is_vat = self.is_vat or "VAT" in [strip(one.text).upper() for one in child.findall("cbc:ID")]


@lru_cache(maxsize=1024)  # there are few rates and many lines
def _rate(text: str) -> Decimal | None:
    return parse_decimal(text)


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

    def __init__(self, xml: bytes) -> None:
        self.root = _parse(xml)
        self._made: dict[object, object] = {}
        self._placed: dict[Element, dict[Element, int]] = {}
        self._named: dict[str, list[Element]] = defaultdict(list)
        for element in self.root.iter():
            name = _short(element.tag)
            element.tag = name
            self._named[name].append(element)
        self.root.tag = name_of_root = self.root.tag.rpartition("}")[2]
        self._named[name_of_root] = [self.root]
        self.is_credit_note = name_of_root == "CreditNote"
        self.amounts = [name for name in self._named if name.endswith("Amount")]
        """The names of the amounts that there are."""
        self.binary_objects = [
            one for name, elements in self._named.items() if name.endswith("BinaryObject") for one in elements
        ]

    def named(self, *names: str) -> list[Element]:
        """Give the elements of these names, wherever they are."""
        if len(names) == 1:
            return self._named.get(names[0], [])
        return [element for name in names for element in self._named.get(name, ())]

    def under(self, parent: str, path: str) -> list[Element]:
        """Give what is on the path below any element of the name `parent`."""
        return [found for one in self.named(parent) for found in find_all(one, path)]

    def all(self, path: str) -> list[Element]:
        """Give what is on the path below the root."""
        return find_all(self.root, path)

    def has(self, path: str) -> bool:
        """Tell whether anything is on the path below the root."""
        return bool(find_all(self.root, path))

    def text(self, path: str) -> str:
        """Give the first text on the path below the root."""
        return text_of(self.root, path)

    @cached_property
    def currency(self) -> str:
        """The invoice's currency as it is written."""
        currency = find(self.root, "cbc:DocumentCurrencyCode")
        return (currency.text or "") if currency is not None else ""

    @cached_property
    def type_code(self) -> Element | None:
        """What kind of invoice it says to be."""
        return find(self.root, "cbc:CreditNoteTypeCode" if self.is_credit_note else "cbc:InvoiceTypeCode")

    @cached_property
    def seller_country(self) -> str:
        """Upper-cased."""
        return self.text(f"{SELLER}/cac:PostalAddress/cac:Country/cbc:IdentificationCode").upper()

    @cached_property
    def buyer_country(self) -> str:
        """Upper-cased."""
        return self.text(f"{BUYER}/cac:PostalAddress/cac:Country/cbc:IdentificationCode").upper()

    @cached_property
    def totals(self) -> Element | None:
        """The document's totals."""
        return find(self.root, TOTALS)

    def total(self, name: str) -> Decimal | None:
        """Give one of the totals."""
        return number_of(self.totals, name)

    def total_place(self, name: str) -> Place:
        """Give the place of one of the totals, also when it is not there."""
        return self.root, f"{TOTALS}/{name}"

    @cached_property
    def lines(self) -> list[Line]:
        """Lines of invoices and credit notes, whichever the root is."""
        return [Line(element) for element in self.named(*LINE)]

    @cached_property
    def line_total(self) -> Decimal:
        """The sum of the lines' amounts."""
        return total(line.amount for line in self.lines)

    @cached_property
    def allowances(self) -> list[Element]:
        """The document's own, not those of lines."""
        return [one for one in self.root.findall("cac:AllowanceCharge") if is_allowance(one)]

    @cached_property
    def charges(self) -> list[Element]:
        """The document's own, not those of lines."""
        return [one for one in self.root.findall("cac:AllowanceCharge") if is_charge(one)]

    @cached_property
    def line_allowances(self) -> list[Element]:
        """Those of lines."""
        return [one for one in self._line_allowances_and_charges if is_allowance(one)]

    @cached_property
    def line_charges(self) -> list[Element]:
        """Those of lines."""
        return [one for one in self._line_allowances_and_charges if is_charge(one)]

    @cached_property
    def _line_allowances_and_charges(self) -> list[Element]:
        lines = (line for line in self.lines if "cac:AllowanceCharge" in line.parts)
        return [one for line in lines for one in line.element.findall("cac:AllowanceCharge")]

    @cached_property
    def subtotals(self) -> list[Element]:
        """The rows of VAT breakdowns."""
        return self.under("cac:TaxTotal", "cac:TaxSubtotal")

    @cached_property
    def line_periods(self) -> list[Element]:
        """The invoicing periods of lines."""
        return [period for line in self.lines for period in line.element.findall("cac:InvoicePeriod")]

    @cached_property
    def periods(self) -> list[Element]:
        """The other invoicing periods."""
        of_lines = set(self.line_periods)
        return [period for period in self.named("cac:InvoicePeriod") if period not in of_lines]

    def once(self, make: Callable[["Document"], _T]) -> _T:
        """Give what `make` gathers from this document, made only once."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]  # type: ignore[return-value]  # of that maker

    @cached_property
    def _parents(self) -> dict[Element, Element]:
        return {child: parent for parent in self.root.iter() for child in parent}

    def _positions(self, parent: Element) -> dict[Element, int]:
        """The place of each child among those of its name; 0 for the only one."""
        if parent not in self._placed:
            seen = Counter(child.tag for child in parent)
            count: Counter[str] = Counter()
            places = {}
            for child in parent:
                count[child.tag] += 1
                places[child] = count[child.tag] if seen[child.tag] > 1 else 0
            self._placed[parent] = places
        return self._placed[parent]

    def path_of(self, place: Place) -> str:
        """Give the XPath of a place."""
        element, below = place if isinstance(place, tuple) else (place, "")
        steps = [below] if below else []
        while element is not self.root:
            parent = self._parents[element]
            position = self._positions(parent)[element]
            steps.append(f"{element.tag}[{position}]" if position else element.tag)
            element = parent
        return "/".join(["", self.root.tag, *reversed(steps)])


def _parse(xml: bytes) -> Element:
    try:
        return ElementTree.fromstring(xml)
    except (ElementTree.ParseError, LookupError, ValueError):
        # a name of an encoding that only lxml knows, such as utf8 without its hyphen
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        return ElementTree.fromstring(etree.tostring(etree.fromstring(xml, parser)))


def each(elements: Iterable[Element], path: str) -> Iterator[Element]:
    """Follow a path below each of several elements."""
    return (found for element in elements for found in find_all(element, path))
