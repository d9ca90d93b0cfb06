"""POST, PUT and DELETE: who carries them out; and here those on accounts and contacts."""

from __future__ import annotations

from uuid import uuid4

from connector.exact_sandbox.dates import today_in_amsterdam
from connector.exact_sandbox.filing import create_attachment, create_document
from connector.exact_sandbox.http import Answer, Request, json_answer
from connector.exact_sandbox.odata import encode_row
from connector.exact_sandbox.printing import print_invoice
from connector.exact_sandbox.reading import RESOURCES, Place, entity_uri, shown
from connector.exact_sandbox.receiving import refuse_if, sent_fields
from connector.exact_sandbox.refusal import not_found
from connector.exact_sandbox.rows import Row
from connector.exact_sandbox.sandbox import Sandbox

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
        _delete_contact(sandbox, place, row)
    elif place.endpoint == "crm/Accounts":
        _change_account(sandbox, request, place, row)
    else:
        _change_contact(sandbox, request, place, row)
    return Answer(status=204)  # without a body [live], 2.8


def _change_account(sandbox: Sandbox, request: Request, place: Place, row: Row) -> None:
    store = sandbox.stores[place.division]
    sent = sent_fields(request, RESOURCES[place.endpoint].entity)
    wrong = []
    if "Name" in sent and not sent["Name"]:
        wrong.append("Verplicht: Naam")
    if sent.get("InvoicingMethod") is not None and sent["InvoicingMethod"] not in INVOICING_METHODS:
        wrong.append("Ongeldige waarde: Factureringsmethode")
    attachment = sent.get("InvoiceAttachmentType")
    if isinstance(attachment, int) and (attachment < 0 or attachment & ~ATTACHMENT_TYPES):
        wrong.append("Ongeldige referentie: Type factuurbijlage")
    if sent.get("Status") is not None and sent["Status"] not in _STATUSES:
        wrong.append("Ongeldige waarde: Status")
    if sent.get("MainContact") is not None:
        contact = store.get("contacts", str(sent["MainContact"]))
        if contact is None or contact["Account"] != row["ID"]:
            wrong.append("Ongeldige referentie: Contactpersoon")
    payer = store.get("accounts", str(sent["InvoiceAccount"])) if sent.get("InvoiceAccount") else None
    if sent.get("InvoiceAccount") is not None and payer is None:
        wrong.append("Ongeldige referentie: Factuur voor")
    refuse_if(wrong)
    changed: Row = {**row, **sent}
    if "InvoiceAccount" in sent:
        changed |= {"InvoiceAccountCode": (payer or {}).get("Code"), "InvoiceAccountName": (payer or {}).get("Name")}
    changed["IsSales"] = changed["Status"] == "C"
    sandbox.write(place.division, "accounts", changed)


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
    uri = entity_uri(request.base_url, place, resource, made)
    if "return=representation" in request.headers.get("prefer", "").replace(" ", ""):
        full = shown(sandbox, place, resource.table, [made], request.base_url)[0]
        return json_answer({"d": encode_row(resource.entity, full, None, uri)}, 201)
    return json_answer(
        {"d": encode_row(resource.entity, {"ID": made["ID"]}, None, uri)}, 201
    )  # the key only [live], 2.3


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
    "crm/Contacts": _create_contact,
    "documents/Documents": create_document,
    "documents/DocumentAttachments": create_attachment,
    "salesinvoice/PrintedSalesInvoices": print_invoice,
}
