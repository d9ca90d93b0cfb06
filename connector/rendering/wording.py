"""The words of the rendered page in Dutch and English, and how each writes numbers, dates and amounts.

Exact: from Decimal to text without a float, every digit kept. Layout is pdf.py's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

_MONTHS = {
    "nl": (
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ),
    "en": (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
}
_SEPARATORS = {"nl": (".", ","), "en": (",", ".")}
"""Between thousands, before decimals."""

_LONGEST_NUMBER = 30
"""Digits before or after the point beyond which a number is shown as its source writes it (1E+400)."""

_CURRENCY_SIGNS = {"EUR": "€", "GBP": "£"}
"""Only the signs that mean one currency; a dollar has many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Every text of the page in one language; the mappings are keyed by the code in the invoice."""

    language: str
    label: str
    disclaimer: str
    """With %s: what this is, a PDF or a page."""
    pdf: str
    web_page: str
    page: str
    """With %d twice: this page, all pages."""
    invoice: str
    credit_note: str
    documents: Mapping[str, str]
    seller: str
    buyer: str
    delivered_to: str
    details: str
    kvk: str
    vat_number: str
    number: str
    issue_date: str
    due_date: str
    delivery_date: str
    buyer_reference: str
    order_reference: str
    contract_reference: str
    project_reference: str
    preceding_invoice: str
    line: str
    description: str
    item_code: str
    quantity: str
    price: str
    per: str
    vat: str
    amount: str
    allowance: str
    charge: str
    allowances: str
    breakdown: str
    taxable: str
    vat_amount: str
    line_total: str
    allowance_total: str
    charge_total: str
    total_without_vat: str
    vat_total: str
    vat_in: str
    total_with_vat: str
    prepaid: str
    rounding: str
    payable: str
    creditable: str
    payment: str
    means: str
    iban: str
    bic: str
    account_name: str
    remittance: str
    terms: str
    note: str
    payment_means: Mapping[str, str]
    """UNTDID 4461."""
    countries: Mapping[str, str]
    """ISO 3166 alpha-2; the rest is shown as its code."""
    vat_categories: Mapping[str, str]
    """UNTDID 5305; S is told by its rate."""
    units: Mapping[str, str]
    """UN/ECE Recommendation 20."""


_DUTCH = Wording(
    language="nl",
    label="Weergave van de e-factuur",
    disclaimer="De factuur zelf is het XML-bestand (UBL). Deze %s is er een leesbare weergave van.",
    pdf="pdf",
    web_page="pagina",
    page="pagina %d van %d",
    invoice="Factuur",
    credit_note="Creditnota",
    documents={
        "384": "Correctiefactuur",
        "386": "Vooruitbetalingsfactuur",
        "389": "Factuur, uitgereikt door afnemer",
    },
    seller="Van",
    buyer="Aan",
    delivered_to="Afleveradres",
    details="Gegevens",
    kvk="KvK-nummer",
    vat_number="Btw-nummer",
    number="Nummer",
    issue_date="Factuurdatum",
    due_date="Vervaldatum",
    delivery_date="Leverdatum",
    buyer_reference="Uw referentie",
    order_reference="Ordernummer",
    contract_reference="Contract",
    project_reference="Project",
    preceding_invoice="Betreft factuur",
    line="Nr.",
    description="Omschrijving",
    item_code="Artikel",
    quantity="Aantal",
    price="Prijs",
    per="per",
    vat="Btw",
    amount="Bedrag",
    allowance="Korting",
    charge="Toeslag",
    allowances="Kortingen en toeslagen",
    breakdown="Btw-specificatie",
    taxable="Grondslag",
    vat_amount="Btw-bedrag",
    line_total="Totaal van de regels",
    allowance_total="Kortingen",
    charge_total="Toeslagen",
    total_without_vat="Totaal exclusief btw",
    vat_total="Btw",
    vat_in="Btw in",
    total_with_vat="Totaal inclusief btw",
    prepaid="Reeds betaald",
    rounding="Afronding",
    payable="Te betalen",
    creditable="Te ontvangen",
    payment="Betaling",
    means="Betaalwijze",
    iban="Rekening (IBAN)",
    bic="BIC",
    account_name="Ten name van",
    remittance="Onder vermelding van",
    terms="Betalingsvoorwaarden",
    note="Opmerking",
    payment_means={
        "10": "Contant",
        "30": "Overboeking",
        "48": "Betaalkaart",
        "49": "Automatische incasso",
        "57": "Doorlopende afspraak",
        "58": "SEPA-overboeking",
        "59": "SEPA-incasso",
    },
    countries={
        "AT": "Oostenrijk", "BE": "België", "CH": "Zwitserland", "DE": "Duitsland", "DK": "Denemarken",
        "ES": "Spanje", "FR": "Frankrijk", "GB": "Verenigd Koninkrijk", "IE": "Ierland", "IT": "Italië",
        "LU": "Luxemburg", "NL": "Nederland", "PL": "Polen", "PT": "Portugal", "SE": "Zweden",
        "US": "Verenigde Staten",
    },
    vat_categories={
        "AE": "Btw verlegd",
        "E": "Vrijgesteld",
        "G": "Uitvoer",
        "K": "Intra-EU",
        "O": "Buiten de btw",
    },
    units={
        "ANN": "jaar", "BX": "doos", "C62": "stuks", "DAY": "dag", "EA": "stuks", "GRM": "g",
        "H87": "stuks",
        "HUR": "uur", "KGM": "kg", "KMT": "km", "KWH": "kWh", "LTR": "l", "MIN": "min", "MON": "maand",
        "MTK": "m²", "MTQ": "m³", "MTR": "m",
        "NAR": "stuks", "PR": "paar", "SET": "set", "TNE": "ton", "WEE": "week",
    },
)  # fmt: skip

_ENGLISH = Wording(
    language="en",
    label="Rendering of the e-invoice",
    disclaimer="The invoice itself is the XML file (UBL). This %s is a readable rendering of it.",
    pdf="PDF",
    web_page="page",
    page="page %d of %d",
    invoice="Invoice",
    credit_note="Credit note",
    documents={"384": "Corrected invoice", "386": "Prepayment invoice", "389": "Self-billed invoice"},
    seller="From",
    buyer="To",
    delivered_to="Delivery address",
    details="Details",
    kvk="KvK number",
    vat_number="VAT number",
    number="Number",
    issue_date="Invoice date",
    due_date="Due date",
    delivery_date="Delivery date",
    buyer_reference="Your reference",
    order_reference="Order number",
    contract_reference="Contract",
    project_reference="Project",
    preceding_invoice="Concerns invoice",
    line="No.",
    description="Description",
    item_code="Item",
    quantity="Quantity",
    price="Price",
    per="per",
    vat="VAT",
    amount="Amount",
    allowance="Discount",
    charge="Charge",
    allowances="Discounts and charges",
    breakdown="VAT breakdown",
    taxable="Taxable amount",
    vat_amount="VAT amount",
    line_total="Total of the lines",
    allowance_total="Discounts",
    charge_total="Charges",
    total_without_vat="Total excluding VAT",
    vat_total="VAT",
    vat_in="VAT in",
    total_with_vat="Total including VAT",
    prepaid="Already paid",
    rounding="Rounding",
    payable="Amount due",
    creditable="Amount credited",
    payment="Payment",
    means="Means of payment",
    iban="Account (IBAN)",
    bic="BIC",
    account_name="Account holder",
    remittance="Payment reference",
    terms="Payment terms",
    note="Note",
    payment_means={
        "10": "Cash",
        "30": "Credit transfer",
        "48": "Payment card",
        "49": "Direct debit",
        "57": "Standing agreement",
        "58": "SEPA credit transfer",
        "59": "SEPA direct debit",
    },
    countries={
        "AT": "Austria", "BE": "Belgium", "CH": "Switzerland", "DE": "Germany", "DK": "Denmark", "ES": "Spain",
        "FR": "France", "GB": "United Kingdom", "IE": "Ireland", "IT": "Italy", "LU": "Luxembourg",
        "NL": "Netherlands", "PL": "Poland", "PT": "Portugal", "SE": "Sweden", "US": "United States",
    },
    vat_categories={
        "AE": "Reverse charge",
        "E": "Exempt",
        "G": "Export",
        "K": "Intra-EU",
        "O": "Outside scope",
    },
    units={
        "ANN": "year", "BX": "box", "C62": "pcs", "DAY": "day", "EA": "pcs", "GRM": "g",
        "H87": "pcs",
        "HUR": "hour", "KGM": "kg", "KMT": "km", "KWH": "kWh", "LTR": "l", "MIN": "min", "MON": "month",
        "MTK": "m²", "MTQ": "m³", "MTR": "m",
        "NAR": "pcs", "PR": "pair", "SET": "set", "TNE": "tonne", "WEE": "week",
    },
)  # fmt: skip


def wording_in(language: str) -> Wording:
    """Give the words of a language: nl for Dutch, English for every other."""
    return _DUTCH if language == "nl" else _ENGLISH


def date_text(value: date | None, language: str) -> str:
    """Write a date in full.

    >>> date_text(date(2026, 11, 2), "nl")
    '2 november 2026'
    """
    return f"{value.day} {_MONTHS[language][value.month - 1]} {value.year}" if value else ""


def number_text(value: Decimal | None, language: str, *, decimals: int = 0) -> str:
    """Write a number with all its digits, trailing zeros beyond `decimals` left out; None becomes empty.

    >>> number_text(Decimal("-1234.5000"), "nl", decimals=2), number_text(Decimal("1234.5678"), "en")
    ('-1.234,50', '1,234.5678')
    """
    if value is None:
        return ""
    if not value.is_finite() or abs(value.adjusted()) > _LONGEST_NUMBER:
        return str(value)
    thousands, point = _SEPARATORS[language]
    whole, _, fraction = format(value, "f").partition(".")
    fraction = fraction.rstrip("0").ljust(decimals, "0")
    grouped = f"{abs(int(whole)):,}".replace(",", thousands)
    sign = "-" if value < 0 else ""
    return sign + grouped + (point + fraction if fraction else "")


def amount_text(value: Decimal | None, currency: str, language: str) -> str:
    """Write an amount behind its currency.

    >>> amount_text(Decimal("1234.5"), "EUR", "nl"), amount_text(Decimal("7"), "USD", "en")
    ('€\\xa01.234,50', 'USD\\xa07.00')
    """
    if value is None:
        return ""
    sign = _CURRENCY_SIGNS.get(currency, currency)
    return f"{sign}\u00a0{number_text(value, language, decimals=2)}".strip()


def rate_text(value: Decimal | None, language: str) -> str:
    """Write a percentage; None becomes empty."""
    return "" if value is None else number_text(value, language) + "%"
