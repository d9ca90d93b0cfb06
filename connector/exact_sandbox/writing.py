"""POST, PUT and DELETE: who carries them out; and here those on accounts and contacts."""

from __future__ import annotations

from uuid import uuid4

from connector.exact_sandbox import entities
from connector.exact_sandbox.dates import today_in_amsterdam
from connector.exact_sandbox.entering import change_invoice, create_invoice, delete_invoice
from connector.exact_sandbox.filing import (
    change_document,
    create_attachment,
    create_document,
    delete_attachment,
    delete_document,
)
from connector.exact_sandbox.http import Answer, Request
from connector.exact_sandbox.invoicing import PAYMENT_CONDITIONS, VAT_CODES
from connector.exact_sandbox.printing import print_invoice
from connector.exact_sandbox.reading import RESOURCES, Place
from connector.exact_sandbox.receiving import created, refuse_if, sent_fields
from connector.exact_sandbox.refusal import not_found
from connector.exact_sandbox.rows import COUNTRIES, Row
from connector.exact_sandbox.sandbox import Sandbox
from connector.exact_sandbox.webhooks import create_subscription, delete_subscription

# Known values, section 4.1; that they may be added up, and that an unknown bit is refused, is [assumed].
ATTACHMENT_TYPES = 1 | 2 | 16 | 64 | 256 | 1024 | 2048 | 4096
INVOICING_METHODS = (0, 1, 2, 4, 8, 32)
_STATUSES = ("A", "S", "P", "C")


def write(sandbox: Sandbox, request: Request, place: Place) -> Answer:
    """Answer a POST, PUT or DELETE on a resource that allows it."""
    if request.method == "POST":
        return _CREATES[place.endpoint](sandbox, request, place)
    row = sandbox.stores[place.division].get(RESOURCES[place.endpoint].table, place.key or "")
    if row is None:
        raise not_found()
    if request.method == "DELETE":
        _DELETES[place.endpoint](sandbox, place, row)
    else:
        _CHANGES[place.endpoint](sandbox, request, place, row)
    return Answer(status=204)  # without a body [live], 2.8


def _create_account(sandbox: Sandbox, request: Request, place: Place) -> Answer:
    """Numbered here when no Code is sent; InvoicingMethod and the like as seen on new accounts [live], 4.1.

    That a new account is no customer (Status A), Dutch and starts today is [assumed].
    """
    before: Row = {
        "ID": str(uuid4()), "Code": str(sandbox.stores[place.division].next_number("accounts")), "Status": "A",
        "IsSupplier": False, "IsPurchase": False, "Type": "A", "Blocked": False, "IsAnonymised": 0, "IsReseller": False,
        "IsAccountant": 0, "StartDate": today_in_amsterdam(sandbox.clock()).isoformat(), "Country": "NL",
        "Language": "NL", "InvoiceAttachmentType": 1, "InvoicingMethod": 0, "ConsolidationScenario": 6,
        "SecurityLevel": 10, "SalesCurrency": "EUR", "DiscountSales": 0.0,
    }  # fmt: skip
    row = _account_fields(sandbox, place, sent_fields(request, entities.ACCOUNT), before)
    return created(sandbox, request, place, sandbox.write(place.division, "accounts", row), key_only=True)


def _change_account(sandbox: Sandbox, request: Request, place: Place, row: Row) -> None:
    changed = _account_fields(sandbox, place, sent_fields(request, entities.ACCOUNT), row)
    sandbox.write(place.division, "accounts", changed)


def _account_fields(sandbox: Sandbox, place: Place, sent: Row, before: Row) -> Row:
    """The account as it will stand; 500 when the rules say no."""
    store = sandbox.stores[place.division]
    row: Row = {**before, **sent}
    wrong = []
    if not row.get("Name"):
        wrong.append("Verplicht: Naam")
    if sent.get("Code") and store.found("accounts", str(sent["Code"])):
        wrong.append("Gegeven bestaat reeds.")  # also when it is the account's own [one: picqer#432]
    if sent.get("InvoicingMethod") is not None and sent["InvoicingMethod"] not in INVOICING_METHODS:
        wrong.append("Ongeldige waarde: Factureringsmethode")
    attachment = sent.get("InvoiceAttachmentType")
    if isinstance(attachment, int) and (attachment < 0 or attachment & ~ATTACHMENT_TYPES):
        wrong.append("Ongeldige referentie: Type factuurbijlage")
    if row["Status"] not in _STATUSES:
        wrong.append("Ongeldige waarde: Status")
    if sent.get("MainContact") is not None:
        contact = store.get("contacts", str(sent["MainContact"]))
        if contact is None or contact["Account"] != row["ID"]:
            wrong.append("Ongeldige referentie: Contactpersoon")
    payer = store.get("accounts", str(row.get("InvoiceAccount")))
    if row.get("InvoiceAccount") is not None and payer is None:
        wrong.append("Ongeldige referentie: Factuur voor")
    condition = row.get("PaymentConditionSales")
    if condition is not None and condition not in PAYMENT_CONDITIONS:
        wrong.append("Ongeldige referentie: Betalingsconditie")
    if sent.get("SalesVATCode") and sent["SalesVATCode"] not in VAT_CODES:
        wrong.append("Ongeldige referentie: Btw-code")
    refuse_if(wrong)
    payer = payer or {}
    return {
        **row, "IsSales": row["Status"] == "C", "InvoiceAccountCode": payer.get("Code"),
        "InvoiceAccountName": payer.get("Name"), "CountryName": COUNTRIES.get(str(row.get("Country"))),
        "PaymentConditionSalesDescription": PAYMENT_CONDITIONS[str(condition)][0] if condition else None,
    }  # fmt: skip


def _contact_fields(sandbox: Sandbox, place: Place, sent: Row, before: Row) -> Row:
    """The contact as it will stand; 500 when something obligatory is missing."""
    row: Row = {**before, **sent}
    if "BirthName" in sent:  # overwrites LastName: never send it [docs], 4.2
        row["LastName"] = sent["BirthName"]
    for one, other in (("Email", "BusinessEmail"), ("BusinessEmail", "Email")):  # they come back equal [live]
        if one in sent:
            row[other] = sent[one]
    wrong = []
    account = row.get("Account")
    if not account:
        wrong.append("Verplicht: Relatie")
    elif sandbox.stores[place.division].get("accounts", str(account)) is None:
        wrong.append("Ongeldige referentie: Relatie")
    if not row.get("FirstName") and not row.get("LastName"):
        wrong.append("Verplicht: Achternaam")
    refuse_if(wrong)
    names = (row.get("FirstName"), row.get("MiddleName"), row.get("LastName"))
    row["FullName"] = " ".join(str(name) for name in names if name)
    return row


def _create_contact(sandbox: Sandbox, request: Request, place: Place) -> Answer:
    resource = RESOURCES[place.endpoint]
    store = sandbox.stores[place.division]
    sent = sent_fields(request, resource.entity)
    before: Row = {
        "ID": str(uuid4()), "Gender": "O", "HID": store.next_number("contacts"), "IsMailingExcluded": False,
        "IsAnonymised": 0, "Language": "NL",
        "StartDate": today_in_amsterdam(sandbox.clock()).isoformat(),
    }  # fmt: skip
    row = _contact_fields(sandbox, place, sent, before)
    first = not store.found("contacts", str(row["Account"]))
    made = sandbox.write(place.division, "contacts", row)
    if first:  # the first contact of an account becomes its main contact [live]
        account = store.get("accounts", str(row["Account"]))
        assert account is not None
        sandbox.write(place.division, "accounts", {**account, "MainContact": made["ID"]})
    return created(sandbox, request, place, made, key_only=True)


def _change_contact(sandbox: Sandbox, request: Request, place: Place, row: Row) -> None:
    sent = sent_fields(request, RESOURCES[place.endpoint].entity)
    sandbox.write(place.division, "contacts", _contact_fields(sandbox, place, sent, row))


def _delete_contact(sandbox: Sandbox, place: Place, row: Row) -> None:
    """Delete; an account whose main contact it was has none afterwards [assumed]."""
    store = sandbox.stores[place.division]
    sandbox.delete(place.division, "contacts", str(row["ID"]))
    account = store.get("accounts", str(row["Account"]))
    if account is not None and account.get("MainContact") == row["ID"]:
        sandbox.write(place.division, "accounts", {**account, "MainContact": None})


_CREATES = {
    "crm/Accounts": _create_account,
    "crm/Contacts": _create_contact,
    "documents/Documents": create_document,
    "documents/DocumentAttachments": create_attachment,
    "salesinvoice/SalesInvoices": create_invoice,
    "salesinvoice/PrintedSalesInvoices": print_invoice,
    "webhooks/WebhookSubscriptions": create_subscription,
}
_CHANGES = {
    "crm/Accounts": _change_account,
    "crm/Contacts": _change_contact,
    "documents/Documents": change_document,
    "salesinvoice/SalesInvoices": change_invoice,
}
_DELETES = {
    "crm/Contacts": _delete_contact,
    "documents/Documents": delete_document,
    "documents/DocumentAttachments": delete_attachment,
    "salesinvoice/SalesInvoices": delete_invoice,
    "webhooks/WebhookSubscriptions": delete_subscription,
}
