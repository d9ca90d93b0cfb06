"""The set-up in words: what a table says where plans and journals have Exact's names and codes.

Which values are wanted is `setup`'s affair.
"""

from collections.abc import Iterable, Mapping

from connector.customers.setup import (
    CONFLICTS,
    MAIN_CONTACT,
    PEPPOL,
    POSTBOX,
    UPLOAD_HOST,
    Action,
    Change,
    Note,
    NoteKind,
    Skip,
    SkipReason,
)

METHODS = {1: "paper", 2: "e-mail", POSTBOX: "postbox", 8: "send and track", PEPPOL: "Peppol"}
"""What `InvoicingMethod` comes down to. Source: exact-online-api.md 4.1 [docs]."""
NOTHING_CHOSEN = "nothing chosen"
STEPS = {
    "upload_address": "upload address known",
    "contact": "contact on the card",
    "kvk": "KvK number right",
    "invoicing": "invoicing by e-mail",
    "sent": "invoices sent in Exact",
}
"""The five steps, by key."""
REASONS = {
    SkipReason.NOT_A_CUSTOMER: "no customer",
    SkipReason.BLOCKED: "blocked",
    SkipReason.ENDED: "ended",
    SkipReason.INVOICED_TO_OTHER_ACCOUNT: "invoiced to another account",
    SkipReason.USES_PEPPOL: "invoices go by Peppol",
    SkipReason.USES_POSTBOX: "invoices go to a postbox",
    SkipReason.HAS_OTHER_INVOICE_CONTACT: "has another contact for invoices",
    SkipReason.ATTACHMENT_TYPE_UNKNOWN: "attachment type not known yet",
    SkipReason.CHANGED_MEANWHILE: "changed meanwhile",
}
UNKNOWN_ATTACHMENT_TYPE = (
    "the attachment type is not known and is left alone: choose it for one customer in Exact, `connector sync`, then "
    "`connector setup learn --customer CODE`"
)
ACTIONS = {
    Action.CREATE_CONTACT: "new contact",
    Action.UPDATE_CONTACT: "other contact",
    Action.SET_INVOICING: "other invoicing",
    Action.SET_KVK: "other KvK number",
}
NOTES = {
    NoteKind.DOUBLE_CONTACT: "look at: several contacts of ours",
    NoteKind.INVOICE_ACCOUNT_LOOP: "look at: invoice accounts lead round in a circle",
}
FIELDS = {
    "InvoicingMethod": "invoicing method",
    "InvoiceAttachmentType": "attachment type",
    "ChamberOfCommerce": "KvK number",
    "Email": "e-mail address",
    "FirstName": "first name",
    "LastName": "last name",
    MAIN_CONTACT: "main contact",
    "Contact": "contact",
}
"""By Exact's name, and `Contact` for one as a whole."""
_PERSON = ("FirstName", "LastName", "Email")


def method(code: int | None) -> str:
    """An invoicing method in words.

    >>> method(2), method(None), method(64)
    ('e-mail', 'nothing chosen', 'method 64')
    """
    return METHODS.get(code, f"method {code}") if code else NOTHING_CHOSEN


def values(given: Mapping[str, object] | None) -> str:
    """What stands on a card, or is to stand there, in words.

    >>> values({"InvoicingMethod": 1, "InvoiceAttachmentType": None})
    'paper, no attachment type'
    >>> values({"FirstName": "InvoiceSharing", "LastName": "Email", "Email": "x@uploads.is"})
    'InvoiceSharing Email <x@uploads.is>'
    """
    if not given:
        return ""
    parts = []
    if person := _person(given):
        parts.append(person)
    parts += [value(name, one) for name, one in given.items() if name not in _PERSON]
    return ", ".join(parts)


def value(name: str, one: object) -> str:
    """One value in words, that says by itself what it is."""
    if name == "InvoicingMethod":
        return method(one if isinstance(one, int) else None)
    if name == MAIN_CONTACT:
        return "our contact is the main contact" if one else "no main contact"
    if name == "InvoiceAttachmentType":
        return f"attachment type {one}" if one is not None else "no attachment type"
    return str(one) if one not in (None, "") else "nothing"


def _person(given: Mapping[str, object]) -> str:
    name = " ".join(str(given[each]) for each in ("FirstName", "LastName") if given.get(each))
    email = given.get("Email")
    return f"{name} <{email}>" if name and email else str(email or name)


def address_warning(upload_address: str) -> str:
    """What to say of an upload address that InvoiceSharing cannot have given; empty when there is nothing to say.

    >>> address_warning("abcdefghij@uploads.is"), address_warning("")
    ('', '')
    """
    if not upload_address or upload_address.strip().casefold().endswith(f"@{UPLOAD_HOST}"):
        return ""
    return f"the upload address {upload_address} is not at {UPLOAD_HOST}: every invoice would be mailed there instead"


def change(one: Change) -> str:
    """What a change is called."""
    return "other main contact" if MAIN_CONTACT in one.after else ACTIONS[one.action]


def step(action: str) -> str:
    """What a step of a run is called, by the word in the journal."""
    return ACTIONS[Action(action)] if action in set(Action) else action.replace("_", " ")


def skip(one: Skip) -> str:
    """Why a customer is left alone; where a person may decide otherwise, with the word that does."""
    words = f"skipped: {REASONS[one.reason]}"
    return f"{words} (--override {one.reason.value})" if one.reason in CONFLICTS else words


def note(one: Note) -> str:
    """What to look at."""
    return NOTES[one.kind]


def common_contact(changes: Iterable[Change]) -> str:
    """The contact that every new one is, to be told once; empty when they differ or there are not several."""
    new = [values(each.after) for each in changes if each.action is Action.CREATE_CONTACT]
    return new[0] if len(new) > 1 and len(set(new)) == 1 else ""
