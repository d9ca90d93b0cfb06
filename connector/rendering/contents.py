"""What a rendering for people shows, as text and in order: the same on the page (pdf.py) and in the browser (html.py).

Nothing is bounded or escaped here, and nothing is computed: the invoice says it all, wording.py has the words.
"""

from decimal import Decimal

from connector.invoice import Address, Allowance, Invoice, InvoiceType, Line, Party, PaymentMeans
from connector.rendering.wording import Wording, amount_text, date_text, number_text, rate_text

Pair = tuple[str, str]
"""A label and its value; without a value it is not shown."""


def document_kind(invoice: Invoice, words: Wording) -> str:
    """Name the kind of document, as its type code does where that is a special one."""
    kind = words.credit_note if invoice.type is InvoiceType.CREDIT_NOTE else words.invoice
    return words.documents.get(invoice.type_code, kind)


def party_numbers(party: Party, words: Wording) -> list[Pair]:
    """Give the numbers that a party is known by."""
    return [
        (words.kvk, party.kvk or ""),
        ("OIN", party.oin or ""),
        (words.vat_number, party.vat or ""),
        ("GLN", party.gln or ""),
    ]


def address_lines(address: Address, words: Wording) -> list[str]:
    """Give an address as on an envelope; empty lines are not shown."""
    town = f"{address.postcode}  {address.city}".strip()
    return [
        address.street,
        address.additional,
        town,
        address.subdivision,
        words.countries.get(address.country, address.country),
    ]


def facts(invoice: Invoice, words: Wording) -> list[Pair]:
    """Give what stands beside the parties: dates and references."""
    address = invoice.delivery_address
    place = [invoice.delivery_name, *(address_lines(address, words) if address else [])]
    return [
        (words.number, invoice.number),
        (words.issue_date, date_text(invoice.issue_date, words.language)),
        (words.due_date, date_text(invoice.due_date, words.language)),
        (words.delivery_date, date_text(invoice.delivery_date, words.language)),
        (words.delivered_to, ", ".join(filter(None, place))),
        (words.buyer_reference, invoice.buyer_reference),
        (words.order_reference, invoice.order_reference),
        (words.contract_reference, invoice.contract_reference),
        (words.project_reference, invoice.project_reference),
        (words.preceding_invoice, invoice.preceding_invoice),
    ]


def line_quantity(line: Line, words: Wording) -> str:
    """Give how much of what unit."""
    unit = words.units.get(line.unit, line.unit)
    return f"{number_text(line.quantity, words.language)} {unit}"


def line_price(line: Line, words: Wording) -> str:
    """Give the price, and of how many when that is not one."""
    price = number_text(line.price, words.language, decimals=2)
    if line.base_quantity is not None and line.base_quantity != 1:
        price += f" {words.per} {number_text(line.base_quantity, words.language)}"
    return price


def allowance_name(allowance: Allowance, words: Wording) -> str:
    """Name an allowance or charge with its reason and percentage."""
    kind = words.charge if allowance.is_charge else words.allowance
    rate = rate_text(allowance.percentage, words.language)
    reason = allowance.reason
    told = kind if not reason or reason.lower() == kind.lower() else f"{kind} ({reason})"
    return f"{told} {rate}".strip()


def allowance_effect(allowance: Allowance, words: Wording) -> str:
    """Write what an allowance does to the sum: UBL has it positive, with the direction apart."""
    amount = allowance.amount if allowance.is_charge else -allowance.amount
    return number_text(amount, words.language, decimals=2)


def vat_name(category: str, rate: Decimal | None, words: Wording) -> str:
    """Name a VAT category in words, the standard one by its rate."""
    if category in words.vat_categories:
        return words.vat_categories[category]
    return rate_text(rate, words.language) or category


def totals(invoice: Invoice, words: Wording) -> list[tuple[str, Decimal | None]]:
    """Give what leads to the amount due; amounts that are not there are not shown."""
    return [
        (words.line_total, invoice.line_total if invoice.allowances else None),
        (words.allowance_total, -invoice.allowance_total if invoice.allowance_total else None),
        (words.charge_total, invoice.charge_total or None),
        (words.total_without_vat, invoice.total_without_vat),
        (words.vat_total, invoice.vat_total),
        (words.total_with_vat, invoice.total_with_vat),
        (words.prepaid, -invoice.prepaid if invoice.prepaid else None),
        (words.rounding, invoice.rounding or None),
    ]


def payable(invoice: Invoice, words: Wording) -> Pair:
    """Give the amount due, or credited."""
    label = words.creditable if invoice.type is InvoiceType.CREDIT_NOTE else words.payable
    return label, amount_text(invoice.payable, invoice.currency, words.language)


def payments(invoice: Invoice, words: Wording) -> list[list[Pair]]:
    """Give every way to pay, the last one with the date."""
    ways = [_payment(each, words) for each in invoice.payment_means]
    if ways and invoice.due_date:
        ways[-1].append((words.due_date, date_text(invoice.due_date, words.language)))
    return ways


def _payment(means: PaymentMeans, words: Wording) -> list[Pair]:
    return [
        (words.means, words.payment_means.get(means.code, means.code)),
        (words.iban, grouped(means.iban)),
        (words.bic, means.bic),
        (words.account_name, means.account_name),
        (words.remittance, means.remittance),
    ]


def grouped(iban: str) -> str:
    """Write an IBAN in fours, as on paper.

    >>> grouped("NL00TEST0123456789")
    'NL00 TEST 0123 4567 89'
    """
    compact = "".join(iban.split())
    return " ".join(compact[start : start + 4] for start in range(0, len(compact), 4))
