"""Facts of a world as rows with Exact's field names. Values are JSON; wire forms are `odata`'s.

Fields that are absent from a row are null on the wire. `Timestamp` is given by the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

from connector.exact_sandbox.dates import at_local, stored_instant
from connector.exact_sandbox.invoicing import (
    CREDIT_NOTE,
    PAYMENT_CONDITIONS,
    PROCESSED,
    VAT_CODES,
    Invoice,
    Line,
    Totals,
    VatCode,
    cents,
)
from connector.exact_sandbox.numbers import guid
from connector.exact_sandbox.papers import SALES_INVOICE_DOCUMENT, Document
from connector.exact_sandbox.people import FOREIGN, Contact, Customer
from connector.exact_sandbox.world import Division, World

Value = str | int | float | bool | None
Row = dict[str, Value]
TABLES = (
    "accounts",
    "contacts",
    "bank_accounts",
    "invoices",
    "lines",
    "documents",
    "attachments",
    "vat_codes",
    "conditions",
    "document_types",
    "subscriptions",
)
USER_ID = guid("user")
USER_NAME = "Sander Zandbak"
COUNTRIES = {
    "NL": "Nederland",
    "BE": "België",
    "DE": "Duitsland",
    "GB": "Verenigd Koninkrijk",
    "US": "Verenigde Staten",
}
# 10 [live], 20 [docs: KB-attach], 55 [docs: dotnet README]; there are more, and the texts are translated
_DOCUMENT_TYPES = {SALES_INVOICE_DOCUMENT: "Verkoopfactuur", 20: "Inkoopfactuur", 55: "Overig"}
_CARD_AGE = timedelta(days=900)


def number(amount: Decimal) -> float:
    """Edm.Double: the nearest float, which prints back as the same digits."""
    return float(amount)


def _stamped(division: int, created: str, **fields: Value) -> Row:
    return {
        **fields, "Division": division, "Created": created, "Modified": created, "Creator": USER_ID,
        "Modifier": USER_ID,
        "CreatorFullName": USER_NAME, "ModifierFullName": USER_NAME,
    }  # fmt: skip


def account_row(world: World, division: Division, card: Customer) -> Row:
    """The card of a customer. The main contact is the first on it, if any."""
    since = at_local(world.today - _CARD_AGE + timedelta(days=card.code % 500), 10, card.code % 60)
    payer = None
    if card.invoice_account is not None:
        payer = next(other for other in division.customers if other.id == card.invoice_account)
    return _stamped(
        division.code, stored_instant(since), ID=card.id, Code=str(card.code), SearchCode=card.name.upper()[:20],
        Name=card.name,
        ChamberOfCommerce=card.kvk_field, VATNumber=card.vat_number, Status=card.status, IsSales=card.status == "C",
        IsSupplier=card.status == "A", IsPurchase=False, Type="A", Blocked=card.blocked,
        StartDate=since.date().isoformat(), EndDate=card.end_date.isoformat() if card.end_date else None,
        IsAnonymised=0, IsReseller=False, IsAccountant=0, Email=card.email, Phone=card.phone,
        MainContact=card.contacts[0].id if card.contacts else None, AddressLine1=card.street, Postcode=card.postcode,
        City=card.city, Country=card.country, CountryName=COUNTRIES[card.country], InvoiceAccount=card.invoice_account,
        InvoiceAccountCode=str(payer.code) if payer else None, InvoiceAccountName=payer.name if payer else None,
        InvoicingMethod=card.invoicing_method, InvoiceAttachmentType=card.attachment_type,
        PaymentConditionSales=card.payment_condition,
        PaymentConditionSalesDescription=PAYMENT_CONDITIONS[card.payment_condition][0], SalesCurrency="EUR",
        DiscountSales=0.0, Language="EN" if card.kind in FOREIGN else "NL", ConsolidationScenario=6, SecurityLevel=10,
    )  # fmt: skip


def contact_row(world: World, division: Division, card: Customer, contact: Contact, hid: int) -> Row:
    """A contact; what follows from its account (IsMainContact, AccountName …) is filled in when read."""
    since = at_local(world.today - _CARD_AGE + timedelta(days=card.code % 500), 10, card.code % 60)
    return _stamped(
        division.code, stored_instant(since), ID=contact.id, Account=card.id, FirstName=contact.first_name,
        LastName=contact.last_name, FullName=f"{contact.first_name} {contact.last_name}", Email=contact.email,
        BusinessEmail=contact.email, Gender="O", HID=hid, StartDate=since.date().isoformat(), IsMailingExcluded=False,
        IsAnonymised=0, Language="NL", City=card.city, Country=card.country, Postcode=card.postcode,
    )  # fmt: skip


def bank_account_rows(world: World, division: Division) -> Iterator[Row]:
    """The division's own account (type R [assumed]) and the accounts of some customers (type A)."""
    created = stored_instant(at_local(world.today - _CARD_AGE, 9))
    yield _stamped(
        division.code, created, ID=guid(division.own_account, "bank"), Account=division.own_account,
        AccountName=division.seller.name, BankAccount=division.seller.iban, BankAccountHolderName=division.seller.name,
        BICCode="SANDNL2A", Main=True, Blocked=False, Type="R", TypeDescription="Bank",
    )  # fmt: skip
    for card in division.customers:
        if card.iban:
            yield _stamped(
                division.code, created, ID=guid(card.id, "bank"), Account=card.id, AccountName=card.name,
                BankAccount=card.iban,
                BankAccountHolderName=card.name, BICCode="SANDNL2A", Main=True, Blocked=False, Type="A",
                TypeDescription="Relatie",
            )  # fmt: skip


def _contact_name(card: Customer, contact_id: str | None) -> str | None:
    return next((f"{one.first_name} {one.last_name}" for one in card.contacts if one.id == contact_id), None)


def _invoice_created(invoice: Invoice) -> str:
    return stored_instant(at_local(invoice.invoice_date, 0, 5 + (invoice.number or 0) % 50))


def invoice_row(division: Division, invoice: Invoice) -> Row:
    """The header. `Document` stays null even when printed [clients], 4.4."""
    totals = Totals(discount=invoice.discount_fc, excl_vat=invoice.amount_fc_excl_vat, vat=invoice.vat_amount_fc)
    main = invoice.ordered_by.contacts[0].id if invoice.ordered_by.contacts else None
    return _stamped(
        division.code, _invoice_created(invoice), InvoiceID=invoice.id, InvoiceNumber=invoice.number,
        InvoiceDate=invoice.invoice_date.isoformat(), OrderDate=invoice.invoice_date.isoformat(),
        DueDate=invoice.due_date.isoformat(), Status=invoice.status,
        StatusDescription={10: "Concept", 20: "Open", PROCESSED: "Verwerkt"}[invoice.status], Type=invoice.type,
        TypeDescription="Creditnota" if invoice.type == CREDIT_NOTE else "Verkoopfactuur", Journal="70",
        JournalDescription="Verkoopboek", OrderedBy=invoice.ordered_by.id, OrderedByName=invoice.ordered_by.name,
        OrderedByContactPerson=main, OrderedByContactPersonFullName=_contact_name(invoice.ordered_by, main),
        InvoiceTo=invoice.invoice_to.id, InvoiceToName=invoice.invoice_to.name,
        InvoiceToContactPerson=invoice.contact_id,
        InvoiceToContactPersonFullName=_contact_name(invoice.invoice_to, invoice.contact_id),
        DeliverTo=invoice.ordered_by.id,
        DeliverToName=invoice.ordered_by.name, PaymentCondition=invoice.payment_condition,
        PaymentConditionDescription=PAYMENT_CONDITIONS[invoice.payment_condition][0], PaymentReference=None,
        YourRef=invoice.your_ref, Description=invoice.description, Currency=invoice.currency, Document=None,
        Discount=number(invoice.discount), DiscountType=1, GAccountAmountFC=0.0, ExtraDutyAmountFC=0.0,
        IsExtraDuty=False, StarterSalesInvoiceStatus=0, **header_amounts(totals, invoice.lines, invoice.rate),
    )  # fmt: skip


def header_amounts(totals: Totals, lines: Sequence[Line], rate: Decimal) -> Row:
    """The amounts of a header; discounts are in the company's currency."""
    discount_vat = cents(totals.discount * lines[0].vat.percentage)
    with_vat = totals.excl_vat + totals.vat
    return {
        "AmountDiscountExclVat": number(cents(totals.discount * rate)),
        "AmountDiscount": number(cents((totals.discount + discount_vat) * rate)),
        "AmountDC": number(cents(with_vat * rate)), "AmountFC": number(with_vat),
        "AmountFCExclVat": number(totals.excl_vat), "VATAmountDC": number(cents(totals.vat * rate)),
        "VATAmountFC": number(totals.vat),
    }  # fmt: skip


def line_row(division: Division, invoice: Invoice, line: Line) -> Row:
    """One line of a seeded invoice."""
    item = guid(division.code, "item", line.description)
    return _stamped(
        division.code, _invoice_created(invoice), InvoiceID=invoice.id, Item=item,
        ItemCode=f"ART{int(item[:4], 16):05d}", ItemDescription=line.description,
        **line_fields(division.code, line, invoice.rate),
    )  # fmt: skip


def line_fields(division: int, line: Line, rate: Decimal) -> Row:
    """What follows from a line alone; AmountFC never includes VAT."""
    return {
        "ID": line.id, "LineNumber": line.number, "Description": line.description,
        "GLAccount": guid(division, "gl", "8000"), "GLAccountDescription": "Omzet", "Quantity": number(line.quantity),
        "UnitPrice": number(line.unit_price), "NetPrice": number(line.net_price), "Discount": number(line.discount),
        "VATCode": line.vat.code, "VATCodeDescription": line.vat.description,
        "VATPercentage": number(line.vat.percentage), "AmountFC": number(line.amount_fc),
        "VATAmountFC": number(line.vat_amount_fc), "AmountDC": number(cents(line.amount_fc * rate)),
        "VATAmountDC": number(cents(line.vat_amount_fc * rate)), "UnitCode": line.unit, "UnitDescription": line.unit,
    }  # fmt: skip


def document_row(division: Division, document: Document, hid: int) -> Row:
    """The printed invoice; found by FinancialTransactionEntryID or SalesInvoiceNumber."""
    invoice = document.invoice
    return _stamped(
        division.code, _invoice_created(invoice), ID=document.id, Account=invoice.invoice_to.id,
        AccountCode=str(invoice.invoice_to.code), AccountName=invoice.invoice_to.name,
        AmountFC=number(invoice.amount_fc),
        Currency=invoice.currency, DocumentDate=invoice.invoice_date.isoformat(),
        FinancialTransactionEntryID=invoice.id,
        SalesInvoiceNumber=invoice.number, Subject=document.subject, Type=SALES_INVOICE_DOCUMENT,
        TypeDescription="Verkoopfactuur",
        HasEmptyBody=True, HID=hid, InheritShare=True, CategoryDescription="Klanten", Category=guid("category",
        "customers"),
    )  # fmt: skip


def vat_code_row(division: Division, vat: VatCode, created: str) -> Row:
    """A VAT code; percentages are fractions [live]."""
    return _stamped(
        division.code, created, ID=guid(division.code, "vat", vat.code), Code=vat.code, Description=vat.description,
        Percentage=number(vat.percentage), Type=vat.type, VATTransactionType="S", Charged=vat.charged,
        EUSalesListing=vat.eu_listing, IsBlocked=False, LegalText=vat.legal_text, CalculationBasis=0, TaxReturnType=0,
        GLToPay=guid(division.code, "gl", "1500"), GLToPayCode="1500", GLToPayDescription="Af te dragen btw",
    )  # fmt: skip


def condition_row(division: Division, code: str, created: str) -> Row:
    """A payment condition."""
    description, days = PAYMENT_CONDITIONS[code]
    return _stamped(
        division.code, created, ID=guid(division.code, "condition", code), Code=code, Description=description,
        PaymentDays=days,
        PaymentEndOfMonths=0, PaymentMethod="B", DiscountPercentage=0.0, Percentage=0.0,
    )  # fmt: skip


def document_type_row(number: int, created: str) -> Row:
    """A document type; that all of them may be made, changed and deleted is [assumed]."""
    return {
        "ID": number, "Description": _DOCUMENT_TYPES[number], "DocumentIsCreatable": True, "DocumentIsDeletable": True,
        "DocumentIsUpdatable": True, "DocumentIsViewable": True, "Created": created, "Modified": created,
    }  # fmt: skip


def division_row(world: World, division: Division, *, main: bool) -> Row:
    """A division as system/Divisions shows it."""
    seller = division.seller
    return {
        "Code": division.code, "Description": seller.name, "Hid": division.code - 123455,
        "Customer": division.own_account,
        "CustomerCode": str(division.code), "CustomerName": seller.name, "Current": main, "IsMainDivision": main,
        "Status": 1,
        "BlockingStatus": 0, "Country": "NL", "CountryDescription": "Nederland", "Currency": "EUR",
        "CurrencyDescription": "Euro",
        "Legislation": 1, "LegislationDescription": "Nederland", "VATNumber": seller.vat_number,
        "ChamberOfCommerceNumber": seller.kvk, "AddressLine1": seller.street, "Postcode": seller.postcode,
        "City": seller.city,
        "Email": seller.email, "StartDate": (world.today - timedelta(days=2000)).isoformat(), "DivisionMoveDate": None,
        "Created": stored_instant(at_local(world.today - timedelta(days=2000), 9)),
        "Modified": stored_instant(at_local(world.today - timedelta(days=2000), 9)),
    }  # fmt: skip


def tables_of(world: World, division: Division) -> dict[str, list[Row]]:
    """All rows of a division by table, each in the order in which they were made."""
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}
    tables["accounts"] = [account_row(world, division, card) for card in division.customers]
    people = [(card, contact) for card in division.customers for contact in card.contacts]
    tables["contacts"] = [contact_row(world, division, *pair, hid=hid) for hid, pair in enumerate(people, start=1)]
    tables["bank_accounts"] = list(bank_account_rows(world, division))
    for invoice in division.invoices:
        tables["invoices"].append(invoice_row(division, invoice))
        tables["lines"] += [line_row(division, invoice, line) for line in invoice.lines]
    for hid, document in enumerate(division.documents, start=1):
        tables["documents"].append(document_row(division, document, hid))
        tables["attachments"] += [
            {"ID": file.id, "Document": document.id, "FileName": file.file_name, "FileSize": float(len(file.content))}
            for file in document.attachments
        ]
    created = stored_instant(at_local(world.today - _CARD_AGE, 9))
    tables["vat_codes"] = [vat_code_row(division, vat, created) for vat in VAT_CODES.values()]
    tables["document_types"] = [document_type_row(number, created) for number in _DOCUMENT_TYPES]
    tables["conditions"] = [condition_row(division, code, created) for code in PAYMENT_CONDITIONS]
    return tables
