"""POST documents/Documents and documents/DocumentAttachments: what an accountant's archive takes in.

That both answer with nearly the whole entity was seen [live], 2.3.
"""

from __future__ import annotations

import base64
import binascii
from uuid import uuid4

from connector.exact_sandbox import entities
from connector.exact_sandbox.dates import today_in_amsterdam
from connector.exact_sandbox.http import Answer, Request, json_answer
from connector.exact_sandbox.odata import encode_row
from connector.exact_sandbox.reading import RESOURCES, Place, entity_uri, shown
from connector.exact_sandbox.receiving import refuse_if, sent_fields, unconvertible
from connector.exact_sandbox.rows import Row
from connector.exact_sandbox.sandbox import Sandbox


def create_document(sandbox: Sandbox, request: Request, place: Place) -> Answer:
    """Subject and Type are obligatory, and what is referred to has to exist."""
    store = sandbox.stores[place.division]
    sent = sent_fields(request, entities.DOCUMENT)
    kind = store.get("document_types", str(sent.get("Type")))
    account = store.get("accounts", str(sent.get("Account"))) or {}
    wrong = []
    if not sent.get("Subject"):
        wrong.append("Verplicht: Onderwerp")
    if sent.get("Type") is None:
        wrong.append("Verplicht: Type")
    elif kind is None:
        wrong.append("Ongeldige referentie: Type")
    if sent.get("Account") and not account:
        wrong.append("Ongeldige referentie: Relatie")
    refuse_if(wrong)
    made = sandbox.write(
        place.division, "documents",
        {
            "ID": str(uuid4()), "HID": store.next_number("documents"),
            "DocumentDate": today_in_amsterdam(sandbox.clock()).isoformat(),
            "InheritShare": True, **sent, "AccountCode": account.get("Code"), "AccountName": account.get("Name"),
            "HasEmptyBody": not sent.get("Body"), "TypeDescription": (kind or {}).get("Description"),
        },
    )  # fmt: skip
    return _created(sandbox, request, place, made)


def create_attachment(sandbox: Sandbox, request: Request, place: Place) -> Answer:
    """The bytes come as base64; what is none is a 400 [one: picqer#178]."""
    sent = sent_fields(request, entities.DOCUMENT_ATTACHMENT)
    wrong = [
        f"Verplicht: {words}"
        for name, words in (("Attachment", "Bijlage"), ("Document", "Document"), ("FileName", "Bestandsnaam"))
        if not sent.get(name)
    ]
    if sent.get("Document") and sandbox.stores[place.division].get("documents", str(sent["Document"])) is None:
        wrong.append("Ongeldige referentie: Document")
    try:
        content = base64.b64decode(str(sent.get("Attachment") or ""), validate=True)
    except binascii.Error as error:
        raise unconvertible("Attachment", "Byte[]") from error
    refuse_if(wrong)
    made = keep_file(sandbox, place.division, str(sent["Document"]), str(sent["FileName"]), content)
    return _created(sandbox, request, place, made)


def keep_file(sandbox: Sandbox, division: int, document: str, name: str, content: bytes) -> Row:
    """Put a file with a document; its row in DocumentAttachments."""
    row: Row = {"ID": str(uuid4()), "Document": document, "FileName": name, "FileSize": float(len(content))}
    sandbox.keep_content(str(row["ID"]), name, content)
    return sandbox.write(division, "attachments", row)


def _created(sandbox: Sandbox, request: Request, place: Place, made: Row) -> Answer:
    resource = RESOURCES[place.endpoint]
    full = shown(sandbox, place, resource.table, [made], request.base_url)[0]
    uri = entity_uri(request.base_url, place, resource, made)
    return json_answer({"d": encode_row(resource.entity, full, None, uri)}, 201)
