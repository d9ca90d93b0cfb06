"""Invoice, Party, Line: what an invoice says, whatever it was read from or is rendered to.

Names and terms follow EN 16931 (BT-n). An `Invoice` is our reading; the bytes received stay what is delivered.
Amounts are Decimals exactly as written; identifiers are normalised (see `identifiers`). On a credit note the
amounts are positive, as in UBL.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

NLCIUS = "urn:cen.eu:en16931:2017#compliant#urn:fdc:nen.nl:nlcius:v1.0"
"""CustomizationID (BT-24) of SI-UBL 2.0. Source: e-invoicing.md section 2."""
BILLING_PROFILE = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
"""ProfileID (BT-23) that goes with it. Source: the same."""


class InvoiceType(StrEnum):
    """Which way the money goes."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class Severity(StrEnum):
    """What a finding does: fatal holds the invoice, a warning goes on."""

    FATAL = "fatal"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong or doubtful; `rule` is the official id where there is one."""

    rule: str
    severity: Severity
    path: str
    """XPath of the place with prefixes cac and cbc; empty when it is about the whole file."""
    message_en: str
    message_nl: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """One of a party's numbers. `scheme` is normalised: kvk, oin, vat, gln, iban, email, else as written."""

    scheme: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A postal address (BG-5, BG-8, BG-15); empty strings for what is not given."""

    street: str = ""
    additional: str = ""
    city: str = ""
    postcode: str = ""
    subdivision: str = ""
    country: str = ""


LONGEST_KEY = 200
"""Databases limit what they index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Seller (BG-4) or buyer (BG-7)."""

    name: str
    """Legal name (BT-27, BT-44), else the trade name."""
    trade_name: str = ""
    kvk: str | None = None
    oin: str | None = None
    vat: str | None = None
    gln: str | None = None
    endpoint: Identifier | None = None
    """Electronic address (BT-34, BT-49), the first place to look for the receiver."""
    identifiers: tuple[Identifier, ...] = ()
    """Every identifier in the order in which routing believes them: endpoint, legal id, party ids, VAT."""
    address: Address = field(default_factory=Address)
    contact_name: str = ""
    email: str = ""
    phone: str = ""

    @property
    def key(self) -> str:
        """The party as repeats compare it: the best number there is, else the name; empty when it has neither."""
        for scheme, value in (("kvk", self.kvk), ("oin", self.oin), ("vat", self.vat), ("gln", self.gln)):
            if value:
                return f"{scheme}:{value[:LONGEST_KEY]}"
        return f"name:{self.name.casefold()[:LONGEST_KEY]}" if self.name else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """An allowance, or a charge when `is_charge`, on the document (BG-20, BG-21) or on a line (BG-27, BG-28)."""

    amount: Decimal
    is_charge: bool = False
    reason: str = ""
    base_amount: Decimal | None = None
    percentage: Decimal | None = None
    vat_category: str = ""
    vat_rate: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VatBreakdown:
    """One row of the VAT specification (BG-23); rates in percent (21, not 0.21)."""

    category: str
    rate: Decimal | None
    taxable: Decimal
    tax: Decimal
    exemption_reason: str = ""
    exemption_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line (BG-25)."""

    id: str
    name: str
    description: str = ""
    quantity: Decimal | None = None
    unit: str = ""
    """UN/ECE Recommendation 20 code."""
    price: Decimal | None = None
    """Net price (BT-146) of `base_quantity` units."""
    base_quantity: Decimal | None = None
    amount: Decimal
    """BT-131, without VAT."""
    vat_category: str = ""
    vat_rate: Decimal | None = None
    item_code: str = ""
    allowances: tuple[Allowance, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMeans:
    """How to pay (BG-16)."""

    code: str
    iban: str = ""
    bic: str = ""
    account_name: str = ""
    remittance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An invoice or a credit note."""

    type: InvoiceType
    type_code: str
    """UNTDID 1001 (BT-3): 380, 381, 384, 389 …"""
    number: str
    issue_date: date | None
    due_date: date | None = None
    currency: str
    vat_currency: str = ""
    """BT-6, only when VAT is also stated in another currency."""
    vat_total_in_vat_currency: Decimal | None = None
    customization_id: str = ""
    profile_id: str = ""
    note: str = ""
    buyer_reference: str = ""
    order_reference: str = ""
    contract_reference: str = ""
    project_reference: str = ""
    preceding_invoice: str = ""
    """BT-25, number of the invoice that this one corrects."""
    delivery_date: date | None = None
    delivery_name: str = ""
    """BT-70, who gets the goods when that is not the buyer."""
    delivery_address: Address | None = None
    payment_terms: str = ""
    payment_means: tuple[PaymentMeans, ...] = ()
    seller: Party
    buyer: Party
    lines: tuple[Line, ...] = ()
    allowances: tuple[Allowance, ...] = ()
    vat: tuple[VatBreakdown, ...] = ()
    line_total: Decimal | None = None
    allowance_total: Decimal | None = None
    charge_total: Decimal | None = None
    total_without_vat: Decimal | None = None
    vat_total: Decimal | None = None
    """BT-110, in the invoice's currency."""
    total_with_vat: Decimal | None = None
    prepaid: Decimal | None = None
    rounding: Decimal | None = None
    payable: Decimal | None = None
