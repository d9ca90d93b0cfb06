"""Writes to documents/Documents and documents/DocumentAttachments: an accountant's archive.

That both answer a POST with nearly the whole entity was seen [live], 2.3; that a document takes its files with it when
it is deleted is [assumed].
"""

from __future__ import annotations

import base64
import binascii
from uuid import uuid4

from connector.exact_sandbox import entities
from connector.exact_sandbox.dates import today_in_amsterdam
from connector.exact_sandbox.http import Answer, Request
from connector.exact_sandbox.reading import Place
from connector.exact_sandbox.receiving import created, refuse_if, sent_fields, unconvertible
from connector.exact_sandbox.rows import Row
from connector.exact_sandbox.sandbox import Sandbox


def create_document(sandbox: Sandbox, request: Request, place: Place) -> Answer:
    """Subject and Type are obligatory, and what is referred to has to exist."""
    before: Row = {
        "ID": str(uuid4()), "HID": sandbox.stores[place.division].next_number("documents"),
        "DocumentDate": today_in_amsterdam(sandbox.clock()).isoformat(), "InheritShare": True,
    }  # fmt: skip
    row = _document(sandbox, place, before, sent_fields(request, entities.DOCUMENT))
    return created(sandbox, request, place, sandbox.write(place.division, "documents", row))


def change_document(sandbox: Sandbox, request: Request, place: Place, row: Row) -> None:
    """Change the fields that were sent."""
    changed = _document(sandbox, place, row, sent_fields(request, entities.DOCUMENT))
    sandbox.write(place.division, "documents", changed)


def delete_document(sandbox: Sandbox, place: Place, row: Row) -> None:
    """Delete with its files."""
    for file in sandbox.stores[place.division].found("attachments", str(row["ID"])):
        delete_attachment(sandbox, place, file)
    sandbox.delete(place.division, "documents", str(row["ID"]))


def delete_attachment(sandbox: Sandbox, place: Place, row: Row) -> None:
    """Delete a file."""
    sandbox.delete(place.division, "attachments", str(row["ID"]))


def _document(sandbox: Sandbox, place: Place, before: Row, sent: Row) -> Row:
    """The document as it will stand; 500 when something obligatory is missing or refers to nothing."""
    store = sandbox.stores[place.division]
    row = {**before, **sent}
    kind = store.get("document_types", str(row.get("Type")))
    account = store.get("accounts", str(row.get("Account"))) or {}
    wrong = []
    if not row.get("Subject"):
        wrong.append("Verplicht: Onderwerp")
    if row.get("Type") is None:
        wrong.append("Verplicht: Type")
    elif kind is None:
        wrong.append("Ongeldige referentie: Type")
    if row.get("Account") and not account:
        wrong.append("Ongeldige referentie: Relatie")
    refuse_if(wrong)
    return {
        **row, "AccountCode": account.get("Code"), "AccountName": account.get("Name"),
        "HasEmptyBody": not row.get("Body"), "TypeDescription": (kind or {}).get("Description"),
    }  # fmt: skip


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
    return created(sandbox, request, place, made)


def keep_file(sandbox: Sandbox, division: int, document: str, name: str, content: bytes) -> Row:
    """Put a file with a document; its row in DocumentAttachments."""
    row: Row = {"ID": str(uuid4()), "Document": document, "FileName": name, "FileSize": float(len(content))}
    sandbox.keep_content(str(row["ID"]), name, content)
    return sandbox.write(division, "attachments", row)
