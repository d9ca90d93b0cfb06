"""The entities as Exact has them: which fields we ask for, and rows turned into values.

Only field names that are known to exist are asked for, because one unknown name in ``$select`` is a 400 for
the whole request (exact-online-api.md 2.6; names: section 4, compared with the models of
picqer/exact-php-client, sync and plain). A missing field is None, an unknown one is ignored, one of the wrong type is
an `ExactUnexpected` that names it and not its value.
What the values mean to us is left to `mapping`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Self

from connector.errors import ExactUnexpected
from connector.exact.protocol import Row, parse_date, parse_decimal, parse_instant, parse_int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Reads typed fields of one row; `entity` is named in errors."""

    entity: str
    row: Row

    def text(self, name: str) -> str | None:
        """Text without its padding; None when missing or null."""
        value = self.row.get(name)
        if value is None:
            return None
        if isinstance(value, str):
            return value.strip()
        raise self._wrong(name, "text")  # a number, too: one that was text has lost its leading zeros

    def guid(self, name: str) -> str | None:
        """A reference; the empty GUID means none."""
        value = self.text(name)
        return None if not value or not value.strip("{}0-") else value

    def key(self, name: str) -> str:
        """The key, which may not be missing."""
        value = self.text(name)
        if not value:
            raise self._wrong(name, "a key")
        return value

    def decimal(self, name: str) -> Decimal | None:
        try:
            return parse_decimal(self.row.get(name))
        except ExactUnexpected:
            raise self._wrong(name, "a number") from None

    def integer(self, name: str) -> int | None:
        try:
            return parse_int(self.row.get(name))
        except ExactUnexpected:
            raise self._wrong(name, "a whole number") from None

    def flag(self, name: str) -> bool | None:
        """A Boolean, also one that came as text or as a Byte."""
        value = self.row.get(name)
        if value is None or isinstance(value, bool):
            return value
        known = {"true": True, "false": False, "1": True, "0": False}
        if isinstance(value, int | str) and str(value).lower() in known:
            return known[str(value).lower()]
        raise self._wrong(name, "true or false")

    def day(self, name: str) -> date | None:
        try:
            return parse_date(self.row.get(name))
        except ExactUnexpected:
            raise self._wrong(name, "a date") from None

    def instant(self, name: str) -> datetime | None:
        try:
            return parse_instant(self.row.get(name))
        except ExactUnexpected:
            raise self._wrong(name, "an instant") from None

    def _wrong(self, name: str, wanted: str) -> ExactUnexpected:
        value = self.row.get(name)
        kind = "missing" if value is None else _JSON_KINDS.get(type(value), "something else")
        return ExactUnexpected(f"{self.entity}.{name} is not {wanted} but {kind}")


_JSON_KINDS = {
    str: "other text",
    int: "a number",
    Decimal: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}
"""What a field came as, for errors; never its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """current/Me. `current_division` is what the user opened last, never the one to work on."""

    FIELDS: ClassVar[tuple[str, ...]] = ("UserID", "FullName", "UserName", "CurrentDivision", "LanguageCode")

    user_id: str
    full_name: str | None = None
    user_name: str | None = None
    current_division: int | None = None
    language_code: str | None = None

    @classmethod
    def from_json(cls, row: Row) -> Self:
        """Read a row of current/Me."""
        read = _Reader(entity="Me", row=row)
        return cls(
            user_id=read.key("UserID"),
            full_name=read.text("FullName"),
            user_name=read.text("UserName"),
            current_division=read.integer("CurrentDivision"),
            language_code=read.text("LanguageCode"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DivisionRecord:
    """system/Divisions: an administration that the user may open and granted."""

    FIELDS: ClassVar[tuple[str, ...]] = (
        "Code",
        "Description",
        "CustomerName",
        "Status",
        "BlockingStatus",
        "Country",
        "Currency",
        "VATNumber",
        "ChamberOfCommerceNumber",
        "AddressLine1",
        "AddressLine2",
        "Postcode",
        "City",
        "Email",
        "Phone",
        "DivisionMoveDate",
        "DivisionHRLinkUnlinkDate",
    )

    code: int
    description: str | None = None
    customer_name: str | None = None
    status: int | None = None
    """0 inactive, 1 active, 2 archived."""
    blocking_status: int | None = None
    """0 free, 1 backup, 2-4 conversion, 5-6 copy."""
    country: str | None = None
    currency: str | None = None
    vat_number: str | None = None
    chamber_of_commerce_number: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    postcode: str | None = None
    city: str | None = None
    email: str | None = None
    phone: str | None = None
    division_move_date: date | None = None
    """When it changes, all Timestamps begin anew."""
    division_hr_link_unlink_date: date | None = None

    @classmethod
    def from_json(cls, row: Row) -> Self:
        """Read a row of system/Divisions."""
        read = _Reader(entity="Division", row=row)
        code = read.integer("Code")
        if code is None:
            raise ExactUnexpected("Division.Code is missing")
        return cls(
            code=code,
            description=read.text("Description"),
            customer_name=read.text("CustomerName"),
            status=read.integer("Status"),
            blocking_status=read.integer("BlockingStatus"),
            country=read.text("Country"),
            currency=read.text("Currency"),
            vat_number=read.text("VATNumber"),
            chamber_of_commerce_number=read.text("ChamberOfCommerceNumber"),
            address_line1=read.text("AddressLine1"),
            address_line2=read.text("AddressLine2"),
            postcode=read.text("Postcode"),
            city=read.text("City"),
            email=read.text("Email"),
            phone=read.text("Phone"),
            division_move_date=read.day("DivisionMoveDate"),
            division_hr_link_unlink_date=read.day("DivisionHRLinkUnlinkDate"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """crm/Accounts and sync/CRM/Accounts."""

    FIELDS: ClassVar[tuple[str, ...]] = (
        "ID",
        "Code",
        "Name",
        "Status",
        "Type",
        "Blocked",
        "StartDate",
        "EndDate",
        "ChamberOfCommerce",
        "VATNumber",
        "OINNumber",
        "GlnNumber",
        "Email",
        "Phone",
        "AddressLine1",
        "AddressLine2",
        "Postcode",
        "City",
        "Country",
        "Language",
        "MainContact",
        "InvoiceAccount",
        "InvoicingMethod",
        "InvoiceAttachmentType",
        "Modified",
        "ModifierFullName",
    )

    id: str
    code: str | None = None
    name: str | None = None
    status: str | None = None
    """A none, S suspect, P prospect, C customer."""
    type: str | None = None
    """A relation, D division."""
    blocked: bool | None = None
    start_date: date | None = None
    end_date: date | None = None
    chamber_of_commerce: str | None = None
    vat_number: str | None = None
    oin_number: str | None = None
    gln_number: str | None = None
    email: str | None = None
    phone: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    postcode: str | None = None
    city: str | None = None
    country: str | None = None
    language: str | None = None
    main_contact: str | None = None
    invoice_account: str | None = None
    invoicing_method: int | None = None
    invoice_attachment_type: int | None = None
    modified: datetime | None = None
    modifier_full_name: str | None = None
    timestamp: int | None = None

    @classmethod
    def from_json(cls, row: Row) -> Self:
        """Read a row of Accounts."""
        read = _Reader(entity="Account", row=row)
        return cls(
            id=read.key("ID"),
            code=read.text("Code"),
            name=read.text("Name"),
            status=read.text("Status"),
            type=read.text("Type"),
            blocked=read.flag("Blocked"),
            start_date=read.day("StartDate"),
            end_date=read.day("EndDate"),
            chamber_of_commerce=read.text("ChamberOfCommerce"),
            vat_number=read.text("VATNumber"),
            oin_number=read.text("OINNumber"),
            gln_number=read.text("GlnNumber"),
            email=read.text("Email"),
            phone=read.text("Phone"),
            address_line1=read.text("AddressLine1"),
            address_line2=read.text("AddressLine2"),
            postcode=read.text("Postcode"),
            city=read.text("City"),
            country=read.text("Country"),
            language=read.text("Language"),
            main_contact=read.guid("MainContact"),
            invoice_account=read.guid("InvoiceAccount"),
            invoicing_method=read.integer("InvoicingMethod"),
            invoice_attachment_type=read.integer("InvoiceAttachmentType"),
            modified=read.instant("Modified"),
            modifier_full_name=read.text("ModifierFullName"),
            timestamp=read.integer("Timestamp"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """crm/Contacts and sync/CRM/Contacts."""

    FIELDS: ClassVar[tuple[str, ...]] = (
        "ID",
        "Account",
        "FirstName",
        "LastName",
        "FullName",
        "Email",
        "IsMainContact",
        "Modified",
        "ModifierFullName",
    )

    id: str
    account: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    full_name: str | None = None
    email: str | None = None
    is_main_contact: bool | None = None
    modified: datetime | None = None
    modifier_full_name: str | None = None
    timestamp: int | None = None

    @classmethod
    def from_json(cls, row: Row) -> Self:
        """Read a row of Contacts."""
        read = _Reader(entity="Contact", row=row)
        return cls(
            id=read.key("ID"),
            account=read.guid("Account"),
            first_name=read.text("FirstName"),
            last_name=read.text("LastName"),
            full_name=read.text("FullName"),
            email=read.text("Email"),
            is_main_contact=read.flag("IsMainContact"),
            modified=read.instant("Modified"),
            modifier_full_name=read.text("ModifierFullName"),
            timestamp=read.integer("Timestamp"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactDetails:
    """A contact of crm/Contacts, as far as it shows that a person uses it; ours have nothing but name and address."""

    FIELDS: ClassVar[tuple[str, ...]] = (
        "ID",
        "Created",
        "Modified",
        "ModifierFullName",
        "Phone",
        "Mobile",
        "JobTitleDescription",
        "Notes",
    )

    id: str
    created: datetime | None = None
    modified: datetime | None = None
    modifier_full_name: str | None = None
    filled: Mapping[str, str] = field(default_factory=dict)
    """What only a person fills in, by field name; empty fields are left out."""

    @classmethod
    def from_json(cls, row: Row) -> Self:
        """Read a row of Contacts."""
        read = _Reader(entity="Contact", row=row)
        texts = {name: read.text(name) for name in ("Phone", "Mobile", "JobTitleDescription", "Notes")}
        return cls(
            id=read.key("ID"),
            created=read.instant("Created"),
            modified=read.instant("Modified"),
            modifier_full_name=read.text("ModifierFullName"),
            filled={name: text for name, text in texts.items() if text},
        )


UNREADABLE = "unreadable"
"""The name under which a stored row says why it cannot be read; Exact's own names begin with a capital."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesInvoiceHeader:
    """A sales invoice of salesinvoice/SalesInvoices, as far as it matters before and after printing."""

    FIELDS: ClassVar[tuple[str, ...]] = (
        "InvoiceID",
        "InvoiceNumber",
        "InvoiceDate",
        "Status",
        "InvoiceTo",
        "InvoiceToContactPerson",
        "AmountDC",
    )

    invoice_id: str
    invoice_number: int | None = None
    invoice_date: date | None = None
    status: int | None = None
    invoice_to: str | None = None
    invoice_to_contact_person: str | None = None
    amount_dc: Decimal | None = None

    @classmethod
    def from_json(cls, row: Row) -> Self:
        """Read a row of SalesInvoices."""
        read = _Reader(entity="SalesInvoice", row=row)
        return cls(
            invoice_id=read.key("InvoiceID"),
            invoice_number=read.integer("InvoiceNumber"),
            invoice_date=read.day("InvoiceDate"),
            status=read.integer("Status"),
            invoice_to=read.guid("InvoiceTo"),
            invoice_to_contact_person=read.guid("InvoiceToContactPerson"),
            amount_dc=read.decimal("AmountDC"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedSalesInvoice:
    """The answer to printing: what became of the document and of each way of sending, in Exact's own words.

    A good answer may hold errors (exact-online-api.md 4.5 [docs]).
    """

    errors: Mapping[str, str]
    """By field name, such as EmailCreationError."""
    successes: Mapping[str, str]

    @classmethod
    def from_json(cls, row: Row) -> Self:
        """Read the answer of PrintedSalesInvoices; what is null was not asked for."""
        read = _Reader(entity="PrintedSalesInvoice", row=row)
        said = {f"{part}Creation{end}": read.text(f"{part}Creation{end}") for part in _PRINTED for end in _ENDS}
        return cls(
            errors={name: text for name, text in said.items() if text and name.endswith("Error")},
            successes={name: text for name, text in said.items() if text and name.endswith("Success")},
        )


_PRINTED = ("Document", "Email", "PostboxMessage", "Peppol")
_ENDS = ("Success", "Error")


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesInvoiceRow:
    """A row of sync/SalesInvoice/SalesInvoices: flat, header values and lines in one stream.

    The row with `line_number` 0 holds the header's sums [docs]; all rows of
    an invoice have its `invoice_id`. Three fields depend on the row: `amount_fc` is with VAT on the header and
    without on a line; `discount` and `description` are the header's or the line's own.
    """

    HEADER_FIELDS: ClassVar[tuple[str, ...]] = (
        "InvoiceID",
        "InvoiceNumber",
        "InvoiceDate",
        "DueDate",
        "OrderDate",
        "Status",
        "Type",
        "OrderedBy",
        "InvoiceTo",
        "InvoiceToContactPerson",
        "DeliverTo",
        "DeliverToAddress",
        "Currency",
        "AmountDC",
        "AmountFC",
        "AmountFCExclVat",
        "VATAmountDC",
        "VATAmountFC",
        "YourRef",
        "Description",
        "Remarks",
        "PaymentCondition",
        "PaymentConditionDescription",
        "PaymentReference",
        "OrderNumber",
        "Discount",
        "AmountDiscount",
        "GAccountAmountFC",
        "Journal",
        "Document",
        "Modified",
    )
    LINE_FIELDS: ClassVar[tuple[str, ...]] = (
        "ID",
        "InvoiceID",
        "LineNumber",
        "AmountDC",
        "AmountFC",
        "VATAmountDC",
        "VATAmountFC",
        "Description",
        "Discount",
        "Item",
        "ItemCode",
        "ItemDescription",
        "Notes",
        "Quantity",
        "UnitCode",
        "UnitDescription",
        "UnitPrice",
        "NetPrice",
        "VATCode",
        "VATPercentage",
        "DeliveryDate",
    )
    FIELDS: ClassVar[tuple[str, ...]] = tuple(dict.fromkeys((*LINE_FIELDS, *HEADER_FIELDS)))

    id: str
    invoice_id: str
    line_number: int
    invoice_number: int | None = None
    invoice_date: date | None = None
    due_date: date | None = None
    order_date: date | None = None
    status: int | None = None
    """10 draft, 20 open, 50 processed."""
    type: int | None = None
    """8020 invoice, 8021 credit note, 8023 direct invoice, 8024 direct credit note."""
    ordered_by: str | None = None
    invoice_to: str | None = None
    invoice_to_contact_person: str | None = None
    deliver_to: str | None = None
    deliver_to_address: str | None = None
    """An address of its own, of `deliver_to`; null in what was read before this field was asked for."""
    currency: str | None = None
    amount_dc: Decimal | None = None
    amount_fc: Decimal | None = None
    amount_fc_excl_vat: Decimal | None = None
    vat_amount_dc: Decimal | None = None
    vat_amount_fc: Decimal | None = None
    your_ref: str | None = None
    description: str | None = None
    remarks: str | None = None
    payment_condition: str | None = None
    payment_condition_description: str | None = None
    payment_reference: str | None = None
    order_number: int | None = None
    discount: Decimal | None = None
    """A fraction: 0.05 is 5 %."""
    amount_discount: Decimal | None = None
    g_account_amount_fc: Decimal | None = None
    journal: str | None = None
    document: str | None = None
    item: str | None = None
    item_code: str | None = None
    item_description: str | None = None
    notes: str | None = None
    quantity: Decimal | None = None
    unit_code: str | None = None
    unit_description: str | None = None
    unit_price: Decimal | None = None
    net_price: Decimal | None = None
    vat_code: str | None = None
    vat_percentage: Decimal | None = None
    """A fraction: 0.21 is 21 %."""
    delivery_date: date | None = None
    modified: datetime | None = None
    timestamp: int | None = None
    record: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """The row as it can be stored as JSON: our fields only, amounts as text; `from_record` reads it back."""

    @property
    def is_header(self) -> bool:
        """Whether this row holds the header's sums."""
        return self.line_number == 0

    @classmethod
    def from_json(cls, row: Row) -> Self:
        """Read a row of the stream."""
        read = _Reader(entity="SalesInvoice", row=row)
        number = read.integer("LineNumber")
        return cls(
            id=read.key("ID"),
            invoice_id=read.key("InvoiceID"),
            line_number=0 if number is None else number,
            invoice_number=read.integer("InvoiceNumber"),
            invoice_date=read.day("InvoiceDate"),
            due_date=read.day("DueDate"),
            order_date=read.day("OrderDate"),
            status=read.integer("Status"),
            type=read.integer("Type"),
            ordered_by=read.guid("OrderedBy"),
            invoice_to=read.guid("InvoiceTo"),
            invoice_to_contact_person=read.guid("InvoiceToContactPerson"),
            deliver_to=read.guid("DeliverTo"),
            deliver_to_address=read.guid("DeliverToAddress"),
            amount_dc=read.decimal("AmountDC"),
            amount_fc=read.decimal("AmountFC"),
            amount_fc_excl_vat=read.decimal("AmountFCExclVat"),
            vat_amount_dc=read.decimal("VATAmountDC"),
            vat_amount_fc=read.decimal("VATAmountFC"),
            order_number=read.integer("OrderNumber"),
            discount=read.decimal("Discount"),
            amount_discount=read.decimal("AmountDiscount"),
            g_account_amount_fc=read.decimal("GAccountAmountFC"),
            document=read.guid("Document"),
            item=read.guid("Item"),
            quantity=read.decimal("Quantity"),
            unit_price=read.decimal("UnitPrice"),
            net_price=read.decimal("NetPrice"),
            vat_percentage=read.decimal("VATPercentage"),
            delivery_date=read.day("DeliveryDate"),
            modified=read.instant("Modified"),
            timestamp=read.integer("Timestamp"),
            record=_storable(row, ("Timestamp", *cls.FIELDS)),
            **_texts(read),
        )

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read the stored form back; the same as `from_json`, because that reads amounts as text too.

        Raises:
            ExactUnexpected: It was kept by `unreadable`.
        """
        if UNREADABLE in record:
            raise ExactUnexpected(record[UNREADABLE])
        return cls.from_json(record)

    @classmethod
    def unreadable(cls, row: Row, why: str) -> Self:
        """Keep a row that cannot be read whole, as it came and with the reason; only its place is read.

        Raises:
            ExactUnexpected: Not even its keys can be read.
        """
        known = {name: row[name] for name in ("ID", "InvoiceID", "LineNumber", "Timestamp") if name in row}
        record = _storable(row, ("Timestamp", *cls.FIELDS)) | {UNREADABLE: why}
        return replace(cls.from_json(known), record=record)

    @staticmethod
    def joined(headers: Iterable[Row], lines: Iterable[Row]) -> list[Row]:
        """Make the rows of the stream out of plain headers and their lines.

        The key of a header row in the stream is its InvoiceID [assumed].
        """
        rows: list[Row] = [{**header, "ID": header.get("InvoiceID"), "LineNumber": 0} for header in headers]
        return [*rows, *lines]


def _texts(read: _Reader) -> dict[str, Any]:
    return {
        "currency": read.text("Currency"),
        "your_ref": read.text("YourRef"),
        "description": read.text("Description"),
        "remarks": read.text("Remarks"),
        "payment_condition": read.text("PaymentCondition"),
        "payment_condition_description": read.text("PaymentConditionDescription"),
        "payment_reference": read.text("PaymentReference"),
        "journal": read.text("Journal"),
        "item_code": read.text("ItemCode"),
        "item_description": read.text("ItemDescription"),
        "notes": read.text("Notes"),
        "unit_code": read.text("UnitCode"),
        "unit_description": read.text("UnitDescription"),
        "vat_code": read.text("VATCode"),
    }


def _storable(row: Row, names: tuple[str, ...]) -> dict[str, Any]:
    """Keep our fields, with Decimals as text so that JSON does not turn them into floats."""
    kept = {name: row[name] for name in names if name in row}
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in kept.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """documents/Documents; a printed sales invoice is one of Type 10."""

    FIELDS: ClassVar[tuple[str, ...]] = (
        "ID",
        "Type",
        "Subject",
        "Account",
        "DocumentDate",
        "FinancialTransactionEntryID",
        "SalesInvoiceNumber",
        "Modified",
    )

    id: str
    type: int | None = None
    subject: str | None = None
    account: str | None = None
    document_date: date | None = None
    financial_transaction_entry_id: str | None = None
    """For a sales invoice its InvoiceID."""
    sales_invoice_number: int | None = None
    modified: datetime | None = None
    timestamp: int | None = None

    @classmethod
    def from_json(cls, row: Row) -> Self:
        """Read a row of Documents."""
        read = _Reader(entity="Document", row=row)
        return cls(
            id=read.key("ID"),
            type=read.integer("Type"),
            subject=read.text("Subject"),
            account=read.guid("Account"),
            document_date=read.day("DocumentDate"),
            financial_transaction_entry_id=read.guid("FinancialTransactionEntryID"),
            sales_invoice_number=read.integer("SalesInvoiceNumber"),
            modified=read.instant("Modified"),
            timestamp=read.integer("Timestamp"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentAttachment:
    """documents/DocumentAttachments; the bytes are behind `url`. The sync stream has no Modified."""

    FIELDS: ClassVar[tuple[str, ...]] = ("ID", "Document", "FileName", "FileSize", "Url")

    id: str
    document: str | None = None
    file_name: str | None = None
    file_size: Decimal | None = None
    url: str | None = None
    timestamp: int | None = None

    @classmethod
    def from_json(cls, row: Row) -> Self:
        """Read a row of DocumentAttachments."""
        read = _Reader(entity="DocumentAttachment", row=row)
        return cls(
            id=read.key("ID"),
            document=read.guid("Document"),
            file_name=read.text("FileName"),
            file_size=read.decimal("FileSize"),
            url=read.text("Url"),
            timestamp=read.integer("Timestamp"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """sync/Deleted: what is no more; kept for two months."""

    FIELDS: ClassVar[tuple[str, ...]] = ("ID", "EntityType", "EntityKey", "DeletedDate")
    ACCOUNT: ClassVar[int] = 2
    ATTACHMENT: ClassVar[int] = 4
    CONTACT: ClassVar[int] = 5
    DOCUMENT: ClassVar[int] = 6
    SALES_INVOICE: ClassVar[int] = 13

    id: str
    entity_type: int | None = None
    entity_key: str | None = None
    deleted_date: datetime | None = None
    timestamp: int | None = None

    @classmethod
    def from_json(cls, row: Row) -> Self:
        """Read a row of Deleted."""
        read = _Reader(entity="Deleted", row=row)
        return cls(
            id=read.key("ID"),
            entity_type=read.integer("EntityType"),
            entity_key=read.guid("EntityKey"),
            deleted_date=read.instant("DeletedDate"),
            timestamp=read.integer("Timestamp"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VatCode:
    """vat/VATCodes."""

    FIELDS: ClassVar[tuple[str, ...]] = (
        "ID",
        "Code",
        "Description",
        "Percentage",
        "Type",
        "VATTransactionType",
        "EUSalesListing",
        "LegalText",
    )
    PATH: ClassVar[str] = "vat/VATCodes"

    id: str
    code: str
    description: str | None = None
    percentage: Decimal | None = None
    """A fraction: 0.21 is 21 %."""
    type: str | None = None
    """B only the base (0 %), E excluding, I including, N none."""
    vat_transaction_type: str | None = None
    """B both, P purchase, S sales."""
    eu_sales_listing: str | None = None
    """L goods, N none, S services."""
    legal_text: str | None = None

    @classmethod
    def from_json(cls, row: Row) -> Self:
        """Read a row of VATCodes."""
        read = _Reader(entity="VATCode", row=row)
        return cls(
            id=read.key("ID"),
            code=read.key("Code"),
            description=read.text("Description"),
            percentage=read.decimal("Percentage"),
            type=read.text("Type"),
            vat_transaction_type=read.text("VATTransactionType"),
            eu_sales_listing=read.text("EUSalesListing"),
            legal_text=read.text("LegalText"),
        )

    def as_record(self) -> dict[str, Any]:
        """Return the code as it can be stored as JSON, with Exact's names; `from_json` reads it back."""
        return {
            "ID": self.id,
            "Code": self.code,
            "Description": self.description,
            "Percentage": None if self.percentage is None else str(self.percentage),
            "Type": self.type,
            "VATTransactionType": self.vat_transaction_type,
            "EUSalesListing": self.eu_sales_listing,
            "LegalText": self.legal_text,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccount:
    """crm/BankAccounts; the company's own are of Type R [assumed]."""

    FIELDS: ClassVar[tuple[str, ...]] = ("ID", "Account", "BankAccount", "BICCode", "Main", "Blocked", "Type")
    PATH: ClassVar[str] = "crm/BankAccounts"

    id: str
    account: str | None = None
    bank_account: str | None = None
    """The IBAN stands here."""
    bic_code: str | None = None
    main: bool | None = None
    blocked: bool | None = None
    type: str | None = None

    @classmethod
    def from_json(cls, row: Row) -> Self:
        """Read a row of BankAccounts."""
        read = _Reader(entity="BankAccount", row=row)
        return cls(
            id=read.key("ID"),
            account=read.guid("Account"),
            bank_account=read.text("BankAccount"),
            bic_code=read.text("BICCode"),
            main=read.flag("Main"),
            blocked=read.flag("Blocked"),
            type=read.text("Type"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A path below the division, and the fields to ask for there."""

    path: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream(Endpoint):
    """A sync endpoint, and where the same rows are read when Exact refuses it."""

    plain: Endpoint | None

    @property
    def name(self) -> str:
        """What people call it: Accounts, SalesInvoices."""
        return self.path.rpartition("/")[2]


ACCOUNTS = Stream(
    path="sync/CRM/Accounts",
    fields=("Timestamp", *Account.FIELDS),
    plain=Endpoint(path="crm/Accounts", fields=Account.FIELDS),
)
CONTACTS = Stream(
    path="sync/CRM/Contacts",
    fields=("Timestamp", *Contact.FIELDS),
    plain=Endpoint(path="crm/Contacts", fields=Contact.FIELDS),
)
SALES_INVOICES = Stream(
    path="sync/SalesInvoice/SalesInvoices",
    fields=("Timestamp", *SalesInvoiceRow.FIELDS),
    plain=Endpoint(path="salesinvoice/SalesInvoices", fields=SalesInvoiceRow.HEADER_FIELDS),
)
SALES_INVOICE_LINES = Endpoint(path="salesinvoice/SalesInvoiceLines", fields=SalesInvoiceRow.LINE_FIELDS)
"""Lines have no Modified (picqer/exact-php-client, SalesInvoiceLine.php): they are read by their invoice."""
DOCUMENTS = Stream(
    path="sync/Documents/Documents",
    fields=("Timestamp", *Document.FIELDS),
    plain=Endpoint(path="documents/Documents", fields=Document.FIELDS),
)
ATTACHMENTS = Stream(
    path="sync/Documents/DocumentAttachments",
    fields=("Timestamp", *DocumentAttachment.FIELDS),
    plain=Endpoint(path="documents/DocumentAttachments", fields=DocumentAttachment.FIELDS),
)
"""Attachments have no Modified either (DocumentAttachment.php): they are read by their document."""
DELETED = Stream(path="sync/Deleted", fields=("Timestamp", *Deleted.FIELDS), plain=None)
STREAMS = (ACCOUNTS, CONTACTS, SALES_INVOICES, DOCUMENTS, ATTACHMENTS, DELETED)
