"""Exact's entities: field names, Edm types, which are writable, which are padded (exact-online-api.md 4).

A name that is not here is unknown to the sandbox, and a request that uses it is refused, as Exact does.

The tables are written as words: ``Name:type``, with ``*`` for writable. Types: g guid, s string, i Int32/Int16/Byte,
l Int64, d Double, b Boolean, t instant, D day without a time, x binary, n navigation. Padding follows the type:
``s>18`` right-aligned, ``s<3`` left-aligned [live].
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD = re.compile(r"(\w+):([gsildbtDxn])(?:([<>])(\d+))?(\*?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One property of an entity. `pad` is positive for right-aligned, negative for left-aligned text."""

    name: str
    type: str
    writable: bool = False
    pad: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A resource type as `__metadata` names it, with its key field."""

    name: str
    fields: dict[str, Field]
    key: str = "ID"


def _fields(spec: str) -> dict[str, Field]:
    found = {}
    for word in spec.split():
        match = _WORD.fullmatch(word)
        if match is None:
            raise ValueError(word)
        name, kind, side, width, star = match.groups()
        pad = int(width or 0) * (1 if side == ">" else -1)
        found[name] = Field(name=name, type=kind, writable=bool(star), pad=pad)
    return found


# Every entity has these, section 4.
_COMMON = "Created:t Modified:t Creator:g Modifier:g CreatorFullName:s ModifierFullName:s Division:i "
_STAMP = "Timestamp:l "

ACCOUNT = Entity(name="Account", fields=_fields(_COMMON + """
    ID:g Code:s>18* SearchCode:s* Name:s* TradeName:s* ChamberOfCommerce:s* VATNumber:s* RSIN:s* OINNumber:s*
    GlnNumber:s*
    EORINumber:s* BSN:s* DunsNumber:s* UniqueTaxpayerReference:s* PeppolIdentifier:s* PeppolIdentifierType:i*
    Status:s* StatusSince:t IsSales:b IsSupplier:b* IsPurchase:b IsMailing:i* IsCompetitor:i* IsMember:b IsPilot:b
    Type:s Blocked:b* StartDate:D* EndDate:D* IsAnonymised:i IsReseller:b* IsAccountant:i* Parent:g* CustomerSince:D
    ControlledDate:t IgnoreDatevWarningMessage:b CanDropShip:b* ShippingMethod:g* Territory:g Source:s CustomField:s
    Email:s* Phone:s* PhoneExtension:s* Fax:s* Website:s* MainContact:g* AddressLine1:s* AddressLine2:s* AddressLine3:s*
    Postcode:s* City:s* State:s* StateName:s Country:s<3* CountryName:s Latitude:d* Longitude:d*
    InvoiceAccount:g* InvoiceAccountCode:s>18 InvoiceAccountName:s InvoicingMethod:i* InvoiceAttachmentType:i*
    PaymentConditionSales:s* PaymentConditionSalesDescription:s SalesVATCode:s<3* SalesVATCodeDescription:s
    SalesCurrency:s* SalesCurrencyDescription:s DiscountSales:d* CreditLineSales:d* GLAccountSales:g* GLAR:g*
    PriceList:g*
    EnableSalesPaymentLink:b* ShowRemarkForSales:b* SeparateInvPerProject:i SeparateInvPerSubscription:i Language:s<10*
    LanguageDescription:s PaymentConditionPurchase:s* PaymentConditionPurchaseDescription:s PurchaseVATCode:s<3*
    PurchaseCurrency:s* PurchaseCurrencyDescription:s GLAccountPurchase:g* GLAP:g* DiscountPurchase:d
    CreditLinePurchase:d
    AutomaticProcessProposedEntry:i* Accountant:g* AccountManager:g* AccountManagerFullName:s AccountManagerHID:i
    Classification1:g* Classification2:g* Classification3:g* Classification4:g* Classification5:g* Classification6:g*
    Classification7:g* Classification8:g* ActivitySector:g* ActivitySubSector:g* CompanySize:g* LeadSource:g*
    LeadPurpose:g* BusinessType:g* ConsolidationScenario:i* CostPaid:i* Remarks:s* SecurityLevel:i* Logo:x*
    LogoFileName:s*
    LogoUrl:s LogoThumbnailUrl:s IntraStatArea:s* IntraStatDeliveryTerm:s* IntraStatSystem:s* IntraStatTransactionA:s*
    IntraStatTransactionB:s* IntraStatTransportMethod:s* IsExtraDuty:b* IsBank:b IsTaxNumberConfirmed:b
    RecepientOfCommissions:b
    VATLiability:s* PayAsYouEarn:s* BankAccounts:n"""))  # fmt: skip
CONTACT = Entity(name="Contact", fields=_fields(_COMMON + """
    ID:g Account:g* AccountIsCustomer:b AccountIsSupplier:b AccountMainContact:g AccountName:s Code:s>18 FirstName:s*
    MiddleName:s* LastName:s* FullName:s BirthName:s* BirthNamePrefix:s* Initials:s* Title:s* TitleAbbreviation:s
    TitleDescription:s Gender:s* Email:s* BusinessEmail:s* Phone:s* PhoneExtension:s* BusinessPhone:s*
    BusinessPhoneExtension:s* Mobile:s* BusinessMobile:s* BusinessFax:s* JobTitleDescription:s* Language:s<10*
    Nationality:s* BirthDate:D* BirthPlace:s* StartDate:D* EndDate:D* Notes:s* MarketingNotes:s* IsMailingExcluded:b*
    IsMainContact:b IsAnonymised:i Person:g* HID:i* PartnerName:s* PartnerNamePrefix:s* Picture:x* PictureName:s*
    PictureUrl:s PictureThumbnailUrl:s SocialSecurityNumber:s* LeadSource:g* LeadPurpose:g* IdentificationDate:D*
    IdentificationDocument:g* IdentificationUser:g* AddressLine2:s AddressStreet:s AddressStreetNumber:s
    AddressStreetNumberSuffix:s City:s Country:s<3 Postcode:s State:s AllowMailing:i* Department:g* JobTitle:s
    CustomField:s"""))  # fmt: skip
BANK_ACCOUNT = Entity(name="BankAccount", fields=_fields(_COMMON + """
    ID:g Account:g AccountName:s Bank:g BankAccount:s BankAccountHolderName:s BankDescription:s BankName:s BICCode:s
    Blocked:b Description:s Format:s IBAN:s Main:b PaymentServiceAccount:g Type:s TypeDescription:s"""))  # fmt: skip
_INVOICE_HEADER = """
    InvoiceID:g InvoiceNumber:i InvoiceDate:D* OrderNumber:i* OrderDate:D* DueDate:D* Status:i StatusDescription:s
    Type:i* TypeDescription:s Journal:s* JournalDescription:s OrderedBy:g* OrderedByName:s OrderedByContactPerson:g*
    OrderedByContactPersonFullName:s InvoiceTo:g* InvoiceToName:s InvoiceToContactPerson:g*
    InvoiceToContactPersonFullName:s
    DeliverTo:g* DeliverToName:s DeliverToAddress:g* DeliverToContactPerson:g* DeliverToContactPersonFullName:s
    PaymentCondition:s* PaymentConditionDescription:s PaymentReference:s* YourRef:s* Remarks:s* Currency:s*
    Document:g* DocumentNumber:i DocumentSubject:s AmountDiscount:d AmountDiscountExclVat:d DiscountType:i
    AmountFCExclVat:d ExtraDutyAmountFC:d GAccountAmountFC:d* IncotermAddress:s IncotermCode:s IncotermVersion:i
    IsExtraDuty:b* SalesChannel:g* SalesChannelCode:s SalesChannelDescription:s Salesperson:g* SalespersonFullName:s
    SelectionCode:g* SelectionCodeCode:s SelectionCodeDescription:s ShippingMethod:g* ShippingMethodCode:s
    ShippingMethodDescription:s StarterSalesInvoiceStatus:i StarterSalesInvoiceStatusDescription:s Warehouse:g*
    WithholdingTaxAmountFC:d WithholdingTaxBaseAmount:d WithholdingTaxPercentage:d CustomField:s """  # fmt: skip
_INVOICE_BOTH = "Description:s* Discount:d* AmountDC:d AmountFC:d VATAmountDC:d VATAmountFC:d "
_INVOICE_LINE = """
    ID:g InvoiceID:g LineNumber:i Item:g* ItemCode:s ItemDescription:s GLAccount:g GLAccountDescription:s Quantity:d*
    UnitPrice:d* NetPrice:d* VATCode:s<3* VATCodeDescription:s VATPercentage:d UnitCode:s* UnitDescription:s Notes:s*
    CostCenter:s* CostCenterDescription:s CostUnit:s* CostUnitDescription:s CustomerItemCode:s DeliveryDate:D*
    Employee:g EmployeeFullName:s StartTime:D* EndTime:D* ExtraDutyPercentage:d Pricelist:g PricelistDescription:s
    Project:g*
    ProjectDescription:s ProjectWBS:g ProjectWBSDescription:s SalesOrder:g SalesOrderLine:g SalesOrderLineNumber:i
    SalesOrderNumber:i Subscription:g SubscriptionDescription:s TaxSchedule:g TaxScheduleCode:s
    TaxScheduleDescription:s """  # fmt: skip
SALES_INVOICE = Entity(
    name="SalesInvoice",
    key="InvoiceID",
    fields=_fields(_COMMON + _INVOICE_HEADER + _INVOICE_BOTH + "SalesInvoiceLines:n"),
)
SALES_INVOICE_LINE = Entity(name="SalesInvoiceLine", fields=_fields(_COMMON + _INVOICE_LINE + _INVOICE_BOTH))
SYNC_SALES_INVOICE = Entity(
    name="SalesInvoice", fields=_fields(_COMMON + _STAMP + _INVOICE_HEADER + _INVOICE_LINE + _INVOICE_BOTH)
)
DOCUMENT = Entity(name="Document", fields=_fields(_COMMON + """
    ID:g Account:g* AccountCode:s>18 AccountName:s AmountFC:d* Body:s* Category:g* CategoryDescription:s Contact:g*
    ContactFullName:s Currency:s* DocumentDate:D* DocumentFolder:g* DocumentFolderCode:s DocumentFolderDescription:s
    DocumentViewUrl:s ExpiryDate:D* FinancialTransactionEntryID:g* HasEmptyBody:b HID:i* InheritShare:b* Language:s<10*
    Opportunity:g* Project:g* ProjectCode:s ProjectDescription:s Item:g* ProposedEntryStatus:i*
    ProposedEntryStatusDescription:s
    SalesInvoiceNumber:i* SalesOrderNumber:i* ScanServiceStatus:i* ScanServiceStatusDescription:s SendMethod:i
    ShopOrderNumber:i
    Subject:s* Type:i* TypeDescription:s"""))  # fmt: skip
# No Created or Modified here: the official page of the sync variant lists seven fields [docs: PiDocs].
DOCUMENT_ATTACHMENT = Entity(
    name="DocumentAttachment", fields=_fields("ID:g Attachment:x* Document:g* FileName:s* FileSize:d Url:s")
)
DOCUMENT_TYPE = Entity(name="DocumentType", fields=_fields("""
    ID:i Created:t Description:s DocumentIsCreatable:b DocumentIsDeletable:b DocumentIsUpdatable:b
    DocumentIsViewable:b Modified:t TypeCategory:i"""))  # fmt: skip
PRINTED_SALES_INVOICE = Entity(name="PrintedSalesInvoice", key="InvoiceID", fields=_fields("""
    InvoiceID:g* Division:i Document:g DocumentCreationError:s DocumentCreationSuccess:s DocumentLayout:g*
    EmailCreationError:s EmailCreationSuccess:s EmailLayout:g* ExtraText:s* InvoiceDate:D* PeppolCreationError:s
    PeppolCreationSuccess:s PostboxMessageCreationError:s PostboxMessageCreationSuccess:s PostboxSender:g*
    ReportingPeriod:i* ReportingYear:i* SendEmailToCustomer:b* SenderEmailAddress:s* SendInvoiceToCustomerPostbox:b*
    SendInvoiceViaPeppol:b* SendOutputBasedOnAccount:b*"""))  # fmt: skip
VAT_CODE = Entity(name="VATCode", fields=_fields(_COMMON + """
    ID:g Account:g AccountCode:s>18 AccountName:s CalculationBasis:i Charged:b Code:s<3 Description:s EUSalesListing:s
    GLToClaim:g GLToClaimCode:s GLToClaimDescription:s GLToPay:g GLToPayCode:s GLToPayDescription:s IntraStat:b
    IsBlocked:b
    LegalText:s OssCountry:s Percentage:d TaxReturnType:i Type:s VatMargin:i VATPartialRatio:i VATTransactionType:s
    VATPercentages:n"""))  # fmt: skip
PAYMENT_CONDITION = Entity(name="PaymentCondition", fields=_fields(_COMMON + """
    ID:g Code:s Description:s CreditManagementScenario:g DiscountCalculation:s DiscountPaymentDays:i
    DiscountPercentage:d
    PaymentDays:i PaymentDiscountType:s PaymentEndOfMonths:i PaymentMethod:s Percentage:d
    VATCalculation:s"""))  # fmt: skip
DIVISION = Entity(name="Division", key="Code", fields=_fields("""
    Code:i Description:s Hid:l Customer:g CustomerCode:s>18 CustomerName:s Current:b IsMainDivision:b Status:i
    BlockingStatus:i
    Country:s<3 CountryDescription:s Currency:s CurrencyDescription:s Legislation:l LegislationDescription:s VATNumber:s
    OBNumber:s ChamberOfCommerceNumber:s ChamberOfCommerceEstablishment:s SiretNumber:s AddressLine1:s AddressLine2:s
    AddressLine3:s Postcode:s City:s State:s Email:s Phone:s Fax:s Website:s StartDate:D ArchiveDate:t
    DivisionMoveDate:t
    DivisionHRLinkUnlinkDate:t IsDossierDivision:b TaxOfficeNumber:s Created:t Modified:t Creator:g Modifier:g
    CreatorFullName:s
    ModifierFullName:s Class_01:n Class_02:n Class_03:n Class_04:n Class_05:n"""))  # fmt: skip
# The deprecated older form writes Hid as HID, and its Status 0 is a division in use [docs], 2.2.
HRM_DIVISION = Entity(
    name="Division",
    key="Code",
    fields={("HID" if name == "Hid" else name): field for name, field in DIVISION.fields.items()},
)
ME = Entity(name="Me", key="UserID", fields=_fields("""
    UserID:g CurrentDivision:i AccountingDivision:i DossierDivision:i DivisionCustomer:g DivisionCustomerCode:s>18
    DivisionCustomerName:s DivisionCustomerVatNumber:s DivisionCustomerSiretNumber:s CustomerCode:s>18 FullName:s
    FirstName:s
    MiddleName:s LastName:s Initials:s Title:s Gender:s Email:s UserName:s Language:s LanguageCode:s Legislation:l
    Phone:s
    PhoneExtension:s Mobile:s Nationality:s EmployeeID:g PackageCode:s PictureUrl:s ThumbnailPicture:x IsClientUser:b
    IsStarterUser:b ServerTime:s ServerUtcOffset:d"""))  # fmt: skip
WEBHOOK_SUBSCRIPTION = Entity(name="WebhookSubscription", fields=_fields("""
    ID:g CallbackURL:s* ClientID:g Created:t Creator:g CreatorFullName:s Description:s Division:i IsInstant:b* Topic:s*
    UserID:g*"""))  # fmt: skip
DELETED = Entity(name="Deleted", fields=_fields(_STAMP + """
    ID:g EntityType:i EntityKey:g DeletedBy:g DeletedDate:t Division:i"""))  # fmt: skip


def with_timestamp(entity: Entity) -> Entity:
    """The sync variant of an entity: the same fields and the row version."""
    return Entity(name=entity.name, key=entity.key, fields={**entity.fields, **_fields(_STAMP)})


DELETED_TYPES = {"accounts": 2, "attachments": 4, "contacts": 5, "documents": 6, "invoices": 13}  # [docs], 4.9
