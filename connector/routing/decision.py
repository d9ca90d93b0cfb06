"""The decision who gets an invoice: deliver, hold or skip, each with the facts it rests on.

Pure. Storing the decision, and wording it for people, is left to the use cases and `texts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from connector.customer import Customer, needs_kvk, valid_numbers
from connector.identifiers import check_kvk
from connector.invoice import Identifier, Invoice, Party
from connector.routing.directory import Directory, Recipient, valid_address


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the office has chosen for one division ([routing] of the settings)."""

    deliver: str = "all"
    """all, not_set_up, none."""
    unknown_recipient: str = "email"
    """email, upload, hold."""
    without_kvk: str = "hold"
    """hold, send."""
    start_date: date | None = None
    """Nothing dated before it is ever sent; None for sellers that are no connected division."""
    upload_address: str | None = None
    """The division's own."""
    upload_addresses: frozenset[str] = frozenset()
    """Those of every division, lower case: no customer's own address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One place where an invoice goes."""

    channel: str
    address: str
    name: str
    language: str
    """nl or en, for the words around the invoice."""
    recipient: int | None = None
    """Id in the directory; None for a customer's own address and for the upload address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """Send it to these."""

    targets: tuple[Target, ...]
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Wait until somebody has put right what `reason` names; `detail` holds only numbers and names."""

    reason: str
    detail: str = ""
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Not for us to send: history, deliver_none or delivered_by_invoicesharing."""

    reason: str
    facts: tuple[str, ...] = ()


Decision = Deliver | Hold | Skip


def route(
    invoice: Invoice,
    directory: Directory,
    rules: Rules,
    customer: Customer | None,
    *,
    customer_address: str = "",
    is_set_up: bool = False,
    own_kvk: str = "",
) -> Decision:
    """Decide who gets an invoice.

    Args:
        customer: The buyer's card; None when the seller is no connected division, or has no such customer: then
            only the directory decides.
        customer_address: The address on the card that invoices go to. Never one found inside the XML.
        is_set_up: Whether Exact mails this customer's invoices to the division's upload address.
        own_kvk: The division's own KvK number, as typed.
    """
    if rules.start_date and invoice.issue_date and invoice.issue_date < rules.start_date:
        return Skip(reason="history", facts=(f"dated {invoice.issue_date}, start date is {rules.start_date}",))
    decision = _recipients(invoice, directory, rules, customer, customer_address, own_kvk)
    if rules.deliver == "none":
        return Skip(reason="deliver_none", facts=("routing.deliver is none", *_otherwise(decision)))
    if rules.deliver == "not_set_up" and is_set_up:
        return Skip(
            reason="delivered_by_invoicesharing",
            facts=("routing.deliver is not_set_up, this customer is set up", *_otherwise(decision)),
        )
    return decision


def _otherwise(decision: Deliver | Hold) -> tuple[str, ...]:
    """Tell what would have been decided without the rule, for people who only look on."""
    if isinstance(decision, Hold):
        return (*decision.facts, f"would be held: {decision.reason}")
    return (
        *decision.facts,
        *(f"would go to {target.name} over {target.channel}" for target in decision.targets),
    )


def _recipients(
    invoice: Invoice,
    directory: Directory,
    rules: Rules,
    customer: Customer | None,
    customer_address: str,
    own_kvk: str,
) -> Deliver | Hold:
    """Decide apart from `rules.deliver`: contradictions first, then the directory, then who is unknown to it."""
    stated = _stated_kvks(invoice.buyer)
    card_kvk, card_oin = valid_numbers(customer) if customer else (None, None)
    if contradiction := _contradiction(invoice.seller, stated, card_kvk, own_kvk):
        return contradiction
    found = _in_directory(invoice.buyer, directory, {"kvk": card_kvk, "oin": card_oin})
    if not isinstance(found, tuple):
        return found
    if customer is None:
        return Hold(reason="no_address", facts=(*found, "no customer card: only the directory decides"))
    facts = found
    if needs_kvk(customer)[0] and not (card_kvk or card_oin or stated or _oin(invoice.buyer)):
        if rules.without_kvk == "hold":
            return Hold(reason="without_kvk", facts=(*facts, "Dutch organisation without a valid KvK number or OIN"))
        facts = (*facts, "without a valid KvK number or OIN; routing.without_kvk lets it pass")
    return _to_unknown(rules, customer, customer_address, card_kvk or "", facts)


def _stated_kvks(buyer: Party) -> tuple[str, ...]:
    """Give the valid KvK numbers that the invoice states for its buyer, also those inside an OIN; no repeats."""
    written = [buyer.kvk or "", buyer.oin or ""]
    written += [number.value for number in buyer.identifiers if number.scheme in {"kvk", "oin"}]
    return tuple(dict.fromkeys(check.number for check in map(check_kvk, written) if check.number))


def _oin(buyer: Party) -> str | None:
    written = [buyer.oin or "", *(number.value for number in buyer.identifiers if number.scheme == "oin")]
    return next((check.oin for check in map(check_kvk, written) if check.oin), None)


def _contradiction(seller: Party, stated: tuple[str, ...], card_kvk: str | None, own_kvk: str) -> Hold | None:
    """Find what may not be true at once: the buyer is the seller, or two numbers for one buyer."""
    own = {check.number for check in map(check_kvk, (own_kvk, seller.kvk or "")) if check.number}
    for number in (*stated, *((card_kvk,) if card_kvk else ())):
        if number in own:
            return Hold(reason="own_number", detail=number, facts=(f"buyer's kvk {number} is the seller's own",))
    for number in stated:
        if card_kvk and number != card_kvk:
            facts = (f"invoice says kvk {number}", f"customer card says kvk {card_kvk}")
            return Hold(reason="kvk_differs", detail=f"{number} / {card_kvk}", facts=facts)
    return None


def _in_directory(
    buyer: Party, directory: Directory, card: Mapping[str, str | None]
) -> Deliver | Hold | tuple[str, ...]:
    """Look the buyer up, number by number, the card's only when the invoice has neither KvK nor OIN.

    Returns:
        The facts alone when nobody is found.
    """
    numbers = [("endpoint", buyer.endpoint)] if buyer.endpoint else []
    numbers += [("invoice", number) for number in buyer.identifiers if number != buyer.endpoint]
    if not any(number.scheme in {"kvk", "oin"} for _, number in numbers):
        for scheme, value in (("kvk", buyer.kvk or card["kvk"]), ("oin", buyer.oin or card["oin"])):
            if value:
                place = "invoice" if value in {buyer.kvk, buyer.oin} else "customer card, the invoice has none,"
                numbers.append((place, Identifier(scheme=scheme, value=value)))
    facts: list[str] = []
    for place, number in numbers:
        shown = f"{place} {_shown(number)}"
        found = directory.find(number.scheme, number.value)
        targets = {(recipient.channel, recipient.address.lower()): recipient for recipient in reversed(found)}
        if len(targets) > 1:
            names = ", ".join(recipient.name for recipient in found)
            facts.append(f"{shown} found in directory {len(targets)} times")
            return Hold(reason="ambiguous_recipient", detail=f"{_shown(number)}: {names}", facts=tuple(facts))
        for recipient in targets.values():
            facts.append(f"{shown} found in directory as {recipient.name}")
            return Deliver(targets=(_target(recipient),), facts=tuple(facts))
        facts.append(f"{shown} not in directory")
    return tuple(facts) or ("the invoice has no number of its buyer",)


def _shown(number: Identifier) -> str:
    """Write a number for people; of a VAT number only that it is one: a sole trader's may hold a BSN."""
    return f"{number.scheme} {number.value}" if number.scheme in {"kvk", "oin", "gln"} else number.scheme or "number"


def _target(recipient: Recipient) -> Target:
    return Target(
        channel=recipient.channel,
        address=recipient.address,
        name=recipient.name,
        language=recipient.language,
        recipient=recipient.id,
    )


def _to_unknown(
    rules: Rules, customer: Customer, customer_address: str, kvk: str, facts: tuple[str, ...]
) -> Deliver | Hold:
    """Apply `rules.unknown_recipient` to a buyer whom the directory does not know."""
    facts = (*facts, f"routing.unknown_recipient is {rules.unknown_recipient}")
    if rules.unknown_recipient == "hold":
        return Hold(reason="unknown_recipient", detail=f"kvk {kvk}" if kvk else "", facts=facts)
    if rules.unknown_recipient == "upload":
        channel, address = "upload", rules.upload_address or ""
    else:
        channel, address = "email", customer_address.strip()
        if address.lower() in rules.upload_addresses:
            # What comes in over an upload address would go out to it again, without end.
            return Hold(reason="no_address", facts=(*facts, "the customer's address is an upload address of ours"))
    if not valid_address(address):
        return Hold(reason="no_address", facts=(*facts, "the address cannot be used" if address else "no address"))
    target = Target(channel=channel, address=address, name=customer.name, language=_language(customer))
    return Deliver(targets=(target,), facts=facts)


def _language(customer: Customer) -> str:
    """Dutch unless the card names another language; then English, the only other one we write."""
    written = customer.language.strip().lower()[:2]
    return "nl" if written in {"", "nl"} else "en"
