"""GET: which resources there are, how their rows are shown, and pages of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from connector.exact_sandbox import entities
from connector.exact_sandbox.dates import wall_clock
from connector.exact_sandbox.entities import Entity, with_timestamp
from connector.exact_sandbox.http import Answer, Request, json_answer
from connector.exact_sandbox.odata import (
    PAGE_SIZE,
    SYNC_PAGE_SIZE,
    Ordered,
    Query,
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
from connector.exact_sandbox.store import DivisionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One endpoint: the entity it shows, the table behind it, and what may be done."""

    entity: Entity
    table: str
    sync: bool = False
    methods: frozenset[str] = frozenset({"GET"})


_WRITES = {"crm/Accounts": {"PUT"}, "crm/Contacts": {"POST", "PUT", "DELETE"}}
_PLAIN = {
    "crm/Accounts": (entities.ACCOUNT, "accounts"),
    "crm/Contacts": (entities.CONTACT, "contacts"),
    "crm/BankAccounts": (entities.BANK_ACCOUNT, "bank_accounts"),
    "salesinvoice/SalesInvoices": (entities.SALES_INVOICE, "invoices"),
    "salesinvoice/SalesInvoiceLines": (entities.SALES_INVOICE_LINE, "lines"),
    "documents/Documents": (entities.DOCUMENT, "documents"),
    "documents/DocumentAttachments": (entities.DOCUMENT_ATTACHMENT, "attachments"),
    "vat/VATCodes": (entities.VAT_CODE, "vat_codes"),
    "cashflow/PaymentConditions": (entities.PAYMENT_CONDITION, "conditions"),
    "system/Divisions": (entities.DIVISION, "divisions"),
}
_SYNC = {
    "sync/CRM/Accounts": (with_timestamp(entities.ACCOUNT), "accounts"),
    "sync/CRM/Contacts": (with_timestamp(entities.CONTACT), "contacts"),
    "sync/SalesInvoice/SalesInvoices": (entities.SYNC_SALES_INVOICE, "flat"),
    "sync/Documents/Documents": (with_timestamp(entities.DOCUMENT), "documents"),
    "sync/Documents/DocumentAttachments": (with_timestamp(entities.DOCUMENT_ATTACHMENT), "attachments"),
    "sync/Deleted": (entities.DELETED, "deleted"),
}
RESOURCES: dict[str, Resource] = {
    **{
        path: Resource(entity=entity, table=table, methods=frozenset({"GET"} | _WRITES.get(path, set())))
        for path, (entity, table) in _PLAIN.items()
    },
    **{path: Resource(entity=entity, table=table, sync=True) for path, (entity, table) in _SYNC.items()},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a path under /api/v1/{division} names."""

    division: int
    endpoint: str
    key: str | None
    count: bool


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


def entity_uri(base_url: str, place: Place, resource: Resource, row: Row) -> str:
    """The address of one entity."""
    key = row.get(resource.entity.key)
    literal = str(key) if isinstance(key, int) else f"guid'{key}'"
    return f"{base_url}/api/v1/{place.division}/{place.endpoint}({literal})"


def read(sandbox: Sandbox, request: Request, place: Place, granted: list[int]) -> Answer:
    """Answer a GET on a resource: a collection, one entity, or a count."""
    resource = RESOURCES[place.endpoint]
    query = parse_query(request.options(), resource.entity, sync=resource.sync)
    if place.key is not None:
        return _single(sandbox, request, place, query)
    url = f"{request.base_url}/api/v1/{place.division}/{place.endpoint}"
    if resource.sync:
        token = query.skip_token[0] if query.skip_token else 0
        after = max(query.after_timestamp, token if isinstance(token, int) else 0)
        page = cut_sync_page(sandbox.stores[place.division].after(resource.table, after), query)
        rows = shown(sandbox, place, resource.table, page.rows, request.base_url)
    else:
        page = cut_page(_ordered(sandbox, request, place, query, granted), query, resource.entity)
        rows = [dict(row) for row in page.rows]
    if place.count:
        return Answer(body=str(page.total).encode(), content_type="text/plain")
    out = [_encoded(sandbox, request, place, query, row) for row in rows]
    return json_answer(collection(out, page, query, url, SYNC_PAGE_SIZE if resource.sync else PAGE_SIZE))


def _ordered(sandbox: Sandbox, request: Request, place: Place, query: Query, granted: list[int]) -> Ordered:
    resource = RESOURCES[place.endpoint]
    if resource.table == "divisions":
        rows: list[dict[str, Any]] = [
            {**row, "Current": code == sandbox.current_division}
            for code, row in sandbox.division_rows.items()
            if code in granted
        ]
        return put_in_order(rows, query, resource.entity)
    store = sandbox.stores[place.division]

    def make() -> Ordered:
        rows = shown(sandbox, place, resource.table, store.rows(resource.table), request.base_url)
        return put_in_order(rows, query, resource.entity)

    return store.remembered((place.endpoint, query.raw.get("$filter"), query.raw.get("$orderby")), make)


def _encoded(sandbox: Sandbox, request: Request, place: Place, query: Query, row: Row) -> dict[str, Any]:
    resource = RESOURCES[place.endpoint]
    uri = entity_uri(request.base_url, place, resource, row)
    expanded: dict[str, Any] = {}
    if "SalesInvoiceLines" in query.expand:
        lines = sandbox.stores[place.division].lines_of(str(row["InvoiceID"]))
        line_place = Place(division=place.division, endpoint="salesinvoice/SalesInvoiceLines", key=None, count=False)
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


def _single(sandbox: Sandbox, request: Request, place: Place, query: Query) -> Answer:
    resource = RESOURCES[place.endpoint]
    if resource.sync:
        raise malformed("Resource not found for the segment.")
    key = place.key or ""
    if resource.table == "divisions":
        row = sandbox.division_rows.get(int(key)) if key.isdecimal() else None
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
