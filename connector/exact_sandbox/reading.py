"""GET: which resources there are, how their rows are shown, and pages of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from connector.exact_sandbox import entities
from connector.exact_sandbox.dates import wall_clock
from connector.exact_sandbox.entities import Entity, with_timestamp
from connector.exact_sandbox.http import Answer, Request, json_answer
from connector.exact_sandbox.odata import (
    BIG_PAGE_SIZE,
    PAGE_SIZE,
    Ordered,
    Query,
    Slice,
    collection,
    cut_page,
    cut_sync_page,
    encode_row,
    parse_query,
    put_in_order,
)
from connector.exact_sandbox.refusal import malformed, not_found
from connector.exact_sandbox.rows import USER_ID, USER_NAME, Row
from connector.exact_sandbox.sandbox import Sandbox
from connector.exact_sandbox.store import DivisionStore, timestamp_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One endpoint: the entity it shows, the table behind it, and what may be done.

    `filters` are the only fields that a filter may name; None: any.
    """

    entity: Entity
    table: str
    sync: bool = False
    bulk: bool = False
    filters: frozenset[str] | None = None
    methods: frozenset[str] = frozenset({"GET"})

    @property
    def page_size(self) -> int:
        """Rows of a full page."""
        return BIG_PAGE_SIZE if self.sync or self.bulk else PAGE_SIZE


DELETIONS_KEPT = timedelta(days=61)  # two months [docs], 4.9; to the day: [assumed]
_WRITES = {
    "crm/Accounts": {"POST", "PUT"},
    "crm/Contacts": {"POST", "PUT", "DELETE"},
    "documents/Documents": {"POST", "PUT", "DELETE"},
    "documents/DocumentAttachments": {"POST", "DELETE"},
    "salesinvoice/SalesInvoices": {"POST", "PUT", "DELETE"},
    "webhooks/WebhookSubscriptions": {"POST", "DELETE"},
}
_PLAIN = {
    "crm/Accounts": (entities.ACCOUNT, "accounts"),
    "crm/Contacts": (entities.CONTACT, "contacts"),
    "crm/BankAccounts": (entities.BANK_ACCOUNT, "bank_accounts"),
    "salesinvoice/SalesInvoices": (entities.SALES_INVOICE, "invoices"),
    "salesinvoice/SalesInvoiceLines": (entities.SALES_INVOICE_LINE, "lines"),
    "documents/Documents": (entities.DOCUMENT, "documents"),
    "documents/DocumentAttachments": (entities.DOCUMENT_ATTACHMENT, "attachments"),
    "documents/DocumentTypes": (entities.DOCUMENT_TYPE, "document_types"),
    "vat/VATCodes": (entities.VAT_CODE, "vat_codes"),
    "cashflow/PaymentConditions": (entities.PAYMENT_CONDITION, "conditions"),
    "webhooks/WebhookSubscriptions": (entities.WEBHOOK_SUBSCRIPTION, "subscriptions"),
    "system/Divisions": (entities.DIVISION, "divisions"),
    "system/AllDivisions": (entities.DIVISION, "divisions"),
    "hrm/Divisions": (entities.HRM_DIVISION, "divisions"),
}
_SYNC = {
    "sync/CRM/Accounts": (with_timestamp(entities.ACCOUNT), "accounts"),
    "sync/CRM/Contacts": (with_timestamp(entities.CONTACT), "contacts"),
    "sync/SalesInvoice/SalesInvoices": (entities.SYNC_SALES_INVOICE, "flat"),
    "sync/Documents/Documents": (with_timestamp(entities.DOCUMENT), "documents"),
    "sync/Documents/DocumentAttachments": (with_timestamp(entities.DOCUMENT_ATTACHMENT), "attachments"),
    "sync/Deleted": (entities.DELETED, "deleted"),
}
_CLASSIFICATIONS = {f"Classification{number}" for number in range(1, 9)}
# On contacts, documents and files only these [docs: PiDocs], 4.9; on accounts not these eight [one: picqer#500]; of
# invoices and lines no list is public.
_BULK = {
    "bulk/CRM/Accounts": (entities.ACCOUNT, "accounts", frozenset(entities.ACCOUNT.fields) - _CLASSIFICATIONS),
    "bulk/CRM/Contacts": (
        entities.CONTACT, "contacts",
        frozenset(("Account", "ID", "IdentificationDocument", "IdentificationUser", "Person")),
    ),
    "bulk/SalesInvoice/SalesInvoices": (entities.SALES_INVOICE, "invoices", None),
    "bulk/SalesInvoice/SalesInvoiceLines": (entities.SALES_INVOICE_LINE, "lines", None),
    "bulk/Documents/Documents": (
        entities.DOCUMENT, "documents",
        frozenset((
            "Account", "Category", "Contact", "Created", "Creator", "Division", "DocumentDate", "DocumentFolder",
            "FinancialTransactionEntryID", "HID", "ID", "Modified", "Opportunity", "Project", "SalesInvoiceNumber",
            "Subject", "Type",
        )),
    ),
    "bulk/Documents/DocumentAttachments": (
        entities.DOCUMENT_ATTACHMENT, "attachments", frozenset(("Document", "ID"))
    ),
}  # fmt: skip
# What a list of crm/Accounts has to be filtered by, where filtering is mandatory [one: picqer#591].
_ACCOUNT_FILTERS = (
    "Accountant,AccountManager,AddressLine1,AddressLine2,AddressLine3,Blocked,BRIN,BSN,ChamberOfCommerce,City,"
    "Classification1,Classification2,Classification3,Classification4,Classification5,Classification6,Classification7,"
    "Classification8,Classification,Code,CodeAtSupplier,Country,Created,Email,EndDate,Fax,ID,InvoiceAccount,"
    "IsAccountant,IsReseller,IsSales,IsSupplier,MainContact,Modified,Name,Parent,Phone,Postcode,PriceList,Reseller,RSIN,"
    "SearchCode,StartDate,Status,Type,VATNumber"
)
RESOURCES: dict[str, Resource] = {
    "salesinvoice/PrintedSalesInvoices": Resource(
        entity=entities.PRINTED_SALES_INVOICE, table="invoices", methods=frozenset({"POST"})
    ),
    **{
        path: Resource(entity=entity, table=table, methods=frozenset({"GET"} | _WRITES.get(path, set())))
        for path, (entity, table) in _PLAIN.items()
    },
    **{path: Resource(entity=entity, table=table, sync=True) for path, (entity, table) in _SYNC.items()},
    **{
        path: Resource(entity=entity, table=table, bulk=True, filters=filters)
        for path, (entity, table, filters) in _BULK.items()
    },
}


# Where a navigation property leads: the endpoint of its rows, and their field that names the entity it starts from.
NAVIGATION = {
    ("salesinvoice/SalesInvoices", "SalesInvoiceLines"): ("salesinvoice/SalesInvoiceLines", "InvoiceID"),
    ("crm/Accounts", "BankAccounts"): ("crm/BankAccounts", "Account"),
    ("bulk/SalesInvoice/SalesInvoices", "SalesInvoiceLines"): ("bulk/SalesInvoice/SalesInvoiceLines", "InvoiceID"),
    ("bulk/CRM/Accounts", "BankAccounts"): ("crm/BankAccounts", "Account"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a path under /api/v1/{division} names. `within` is the field and value of a navigation property."""

    division: int
    endpoint: str
    key: str | None = None
    count: bool = False
    within: tuple[str, str] | None = None


def shown(sandbox: Sandbox, place: Place, table: str, rows: Iterable[Row], base_url: str) -> list[dict[str, Any]]:
    """Rows with what Exact computes when it reads them: main contact, names of the account, attachment address."""
    store = sandbox.stores[place.division]
    if table == "contacts":
        return [_shown_contact(store, row) for row in rows]
    if table == "attachments":
        return [{**row, "Url": attachment_url(base_url, place.division, row), "Attachment": None} for row in rows]
    return [dict(row) for row in rows]


def _shown_contact(store: DivisionStore, row: Row) -> dict[str, Any]:
    account = store.get("accounts", str(row["Account"])) or {}
    return {
        **row, "IsMainContact": account.get("MainContact") == row["ID"],
        "AccountMainContact": account.get("MainContact"),
        "AccountName": account.get("Name"), "AccountIsCustomer": account.get("IsSales"),
        "AccountIsSupplier": account.get("IsSupplier"), "Code": account.get("Code"),
    }  # fmt: skip


def attachment_url(base_url: str, division: int, row: Row) -> str:
    """As read from Exact; without the bearer and ``&Download=1`` it leads to a page [live]."""
    return f"{base_url}/docs/SysAttachment.aspx?ID={row['ID']}&_Division_={division}&Stamp=NL001"


def entity_uri(base_url: str, place: Place, resource: Resource, row: Mapping[str, Any]) -> str:
    """The address of one entity."""
    key = row.get(resource.entity.key)
    literal = str(key) if isinstance(key, int) else f"guid'{key}'"
    return f"{base_url}/api/v1/{place.division}/{place.endpoint}({literal})"


def read(sandbox: Sandbox, request: Request, place: Place, granted: list[int]) -> Answer:
    """Answer a GET on a resource: a collection, one entity, or a count."""
    resource = RESOURCES[place.endpoint]
    query = parse_query(request.options(), resource.entity, sync=resource.sync)
    if place.key is not None:
        return _single(sandbox, request, place, query, granted)
    _refuse_list(sandbox, place, query)
    url = request.base_url + request.path
    empty_last = sandbox.faults.find("empty-last-page") is not None
    if resource.sync:
        token = query.skip_token[0] if query.skip_token else 0
        after = max(query.after_timestamp, token if isinstance(token, int) else 0)
        store = sandbox.stores[place.division]
        store.forget_deletions(sandbox.clock() - DELETIONS_KEPT)
        start = store.place_after(resource.table, after)
        page = cut_sync_page(store.rows(resource.table), start, query, empty_last=empty_last)
        rows = shown(sandbox, place, resource.table, _spoiled(sandbox, place, query, page), request.base_url)
    else:
        ordered = _ordered(sandbox, request, place, query, granted)
        page = cut_page(ordered, query, resource.entity, resource.page_size, empty_last=empty_last)
        rows = _spoiled(sandbox, place, query, page)
    if place.count:
        return Answer(body=str(page.total).encode(), content_type="text/plain")
    out = [_encoded(sandbox, request, place, query, row) for row in rows]
    emptied = sandbox.faults.find("empty-stream")
    if emptied is not None and fnmatchcase(place.endpoint, emptied.parameter):
        out, page = [], replace(page, next_options=None)
    return json_answer(collection(out, page, query, url, resource.page_size))


def _refuse_list(sandbox: Sandbox, place: Place, query: Query) -> None:
    """400 for a list that is asked for without the options it has to have, or by fields it cannot be filtered by.

    That ``$top=1`` does instead of ``$select`` is what the text says; that the bulk lists of documents want one too
    is [assumed], their pages do not mention it.
    """
    resource = RESOURCES[place.endpoint]
    if resource.bulk and "$select" not in query.raw and query.top != 1:
        raise malformed("Please add a $select or a $top=1 statement to the query string.")
    if resource.filters is not None and query.filtered - resource.filters:
        names = ",".join(sorted(query.filtered - resource.filters))
        raise malformed(f"Filtering on these fields is not supported: {names}")
    mandatory = place.endpoint == "crm/Accounts" and sandbox.faults.find("mandatory-filter") is not None
    if mandatory and query.filtered.isdisjoint(_ACCOUNT_FILTERS.split(",")):
        raise malformed(
            "This endpoint has mandatory filtering applied. A GET request for this endpoint must have a $filter "
            f"parameter with one of the following fields in the url:{_ACCOUNT_FILTERS}."
        )


def _spoiled(sandbox: Sandbox, place: Place, query: Query, page: Slice) -> list[Row]:
    """The rows of a page; with faults on, the row before them once more, and older versions behind changed rows."""
    rows = list(page.rows)
    if query.skip_token is not None and page.previous is not None and sandbox.faults.find("repeated-rows"):
        rows.insert(0, page.previous)
    resource = RESOURCES[place.endpoint]
    if resource.sync and sandbox.faults.find("old-versions"):
        store = sandbox.stores[place.division]
        pairs = ((row, store.before_change(resource.table, row)) for row in rows)
        after = query.after_timestamp
        rows = [version for pair in pairs for version in pair if version is not None and timestamp_of(version) > after]
    return rows


def _divisions(sandbox: Sandbox, place: Place, granted: list[int]) -> list[Row]:
    rows = []
    for code in granted:
        row: Row = {**sandbox.division_rows[code], "Current": code == sandbox.current_division}
        rows.append({**row, "HID": row["Hid"], "Status": 0} if place.endpoint == "hrm/Divisions" else row)
    return rows


def _ordered(sandbox: Sandbox, request: Request, place: Place, query: Query, granted: list[int]) -> Ordered:
    resource = RESOURCES[place.endpoint]
    if resource.table == "divisions":
        return put_in_order(_divisions(sandbox, place, granted), query, resource.entity)
    store = sandbox.stores[place.division]

    def make() -> Ordered:
        found: Iterable[Row] = store.rows(resource.table)
        if place.within is not None:
            field, value = place.within
            found = [row for row in found if row[field] == value]
        rows = shown(sandbox, place, resource.table, found, request.base_url)
        return put_in_order(rows, query, resource.entity)

    return store.remembered((place.endpoint, place.within, query.raw.get("$filter"), query.raw.get("$orderby")), make)


def _encoded(sandbox: Sandbox, request: Request, place: Place, query: Query, row: Mapping[str, Any]) -> dict[str, Any]:
    resource = RESOURCES[place.endpoint]
    uri = entity_uri(request.base_url, place, resource, row)
    expanded: dict[str, Any] = {}
    if "SalesInvoiceLines" in query.expand:
        lines = sandbox.stores[place.division].lines_of(str(row["InvoiceID"]))
        line_place = Place(division=place.division, endpoint="salesinvoice/SalesInvoiceLines")
        line_resource = RESOURCES[line_place.endpoint]
        expanded["SalesInvoiceLines"] = {
            "results": [
                encode_row(
                    line_resource.entity, line, None, entity_uri(request.base_url, line_place, line_resource, line)
                )
                for line in lines[:PAGE_SIZE]
            ]
        }
    select = query.select
    if select is not None:
        select = (*select, *(name for name in expanded if name not in select))
    return encode_row(resource.entity, {**row, **expanded}, select, uri)


def _single(sandbox: Sandbox, request: Request, place: Place, query: Query, granted: list[int]) -> Answer:
    resource = RESOURCES[place.endpoint]
    if resource.sync:
        raise malformed("Resource not found for the segment.")
    key = place.key or ""
    if resource.table == "divisions":
        row = next((row for row in _divisions(sandbox, place, granted) if str(row["Code"]) == key), None)
    else:
        row = sandbox.stores[place.division].get(resource.table, key)
    if row is None:
        raise not_found()
    full = shown(sandbox, place, resource.table, [row], request.base_url)[0]
    return json_answer({"d": _encoded(sandbox, request, place, query, full)})


def me(sandbox: Sandbox, request: Request) -> Answer:
    """current/Me: a collection of one. CurrentDivision may lie outside what was granted [clients], 2.2."""
    query = parse_query(request.options(), entities.ME)
    now = sandbox.clock()
    local = wall_clock(now)
    offset = round((local - now.replace(tzinfo=None)).total_seconds())
    division = sandbox.division_rows.get(sandbox.current_division, {})
    row: Row = {
        "UserID": USER_ID, "CurrentDivision": sandbox.current_division, "AccountingDivision": sandbox.current_division,
        "DivisionCustomer": division.get("Customer"), "DivisionCustomerCode": division.get("CustomerCode"),
        "DivisionCustomerName": division.get("CustomerName"), "DivisionCustomerVatNumber": division.get("VATNumber"),
        "FullName": USER_NAME, "FirstName": USER_NAME.split()[0], "LastName": USER_NAME.split()[1], "Gender": "O",
        "Email": "sander@sandbox.example", "UserName": "sander.zandbak", "Language": "NL", "LanguageCode": "nl-NL",
        "Legislation": 1, "IsClientUser": False, "IsStarterUser": False,
        "ServerTime": local.isoformat(timespec="seconds"),
        "ServerUtcOffset": offset,
    }  # fmt: skip
    uri = f"{request.base_url}/api/v1/{sandbox.current_division}/current/Me(guid'{USER_ID}')"
    return json_answer({"d": {"results": [encode_row(entities.ME, row, query.select, uri)]}})
