"""What the KVK register says of customers: which questions are worth asking, and what the answers mean.

Pure; asking is `kvk`'s affair, keeping the answers storage's. An answer that is not there means "not checked" and never
"wrong". A number is proposed only where a similar name has the same postcode or street, and a person has to agree.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from difflib import SequenceMatcher
from enum import StrEnum

from connector.customer import Customer, CustomerId, is_active, needs_kvk, valid_numbers
from connector.identifiers import KvkNumber, check_kvk

EVIDENCE_LASTS = timedelta(days=30)
"""After so long the register is asked again (libraries.md, KVK register)."""
PROFILE_PRICE = Decimal("0.016")
"""Euros for each Basisprofiel; Zoeken is free, but only for finding numbers (libraries.md, KVK register)."""
SAME_SPELLING = 0.85
"""From this share of equal letters on, two names count as one that was typed differently."""
LEAST_STEM = 4
"""Letters that a word needs to count as the beginning of another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileQuestion:
    """Whose number is this? Answered by a Basisprofiel, which is paid for."""

    number: KvkNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuestion:
    """Who with this name is there? Answered by Zoeken, free of charge."""

    name: str
    postcode: str = ""
    """Without a space, such as 1234AB; empty: `street` and `city` say where."""
    street: str = ""
    city: str = ""


Question = ProfileQuestion | SearchQuestion


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A business as the register has it."""

    number: KvkNumber
    names: tuple[str, ...]
    """Statutory name and trade names."""
    postcodes: tuple[str, ...] = ()
    """Of visiting and postal addresses, without a space."""
    streets: tuple[tuple[str, str], ...] = ()
    """Street and city of the same addresses."""
    is_closed: bool = False
    closed_on: date | None = None
    """None: open, or closed on a day that the register does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterEvidence:
    """The register's answer to one question: all that it found, nothing when it knows nobody."""

    asked_at: datetime
    found: tuple[Registration, ...] = ()


Evidence = Mapping[Question, RegisterEvidence]


class RegisterVerdict(StrEnum):
    """What the register has against a number that has the right form."""

    UNKNOWN = "unknown_in_register"
    DEREGISTERED = "deregistered"
    NAME_DIFFERS = "name_differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterFinding:
    """What the register adds to a customer's card."""

    verdict: RegisterVerdict | None = None
    """None: nothing against the number, or there is none."""
    proposal: KvkNumber | None = None
    detail_en: str = ""
    detail_nl: str = ""


def questions_about(customers: Iterable[Customer], *, own_kvk: str, today: date) -> dict[CustomerId, Question]:
    """Say what to ask about each customer; who is not named needs nothing asked.

    Asked about are active Dutch organisations: by their number when it can be one and is not the administration's own,
    else by name and place when the card has both and no OIN.
    """
    own_number = check_kvk(own_kvk).number
    found: dict[CustomerId, Question] = {}
    for customer in customers:
        if is_active(customer, today) and needs_kvk(customer)[0]:
            question = _question_about(customer, own_number)
            if question is not None:
                found[customer.id] = question
    return found


def _question_about(customer: Customer, own_number: KvkNumber | None) -> Question | None:
    number, oin = valid_numbers(customer)
    if number is not None:
        return ProfileQuestion(number=number) if number != own_number else None
    if oin is not None or not customer.name.strip():
        return None
    name = " ".join(customer.name.split())
    if postcode := _postcode(customer.postcode):
        return SearchQuestion(name=name, postcode=postcode)
    street, city = _street(customer.address_line), " ".join(customer.city.split())
    return SearchQuestion(name=name, street=street, city=city) if street and city else None


def judge(customer: Customer, question: Question, evidence: RegisterEvidence | None) -> RegisterFinding:
    """Say what the register's answer means for a customer; without an answer, nothing."""
    if evidence is None:
        return RegisterFinding()
    on = evidence.asked_at.date().isoformat()
    if isinstance(question, SearchQuestion):
        return _propose(customer, evidence, on)
    mine = next((each for each in evidence.found if each.number == question.number), None)
    if mine is None:
        return RegisterFinding(
            verdict=RegisterVerdict.UNKNOWN,
            detail_en=f"not in the KVK register on {on}",
            detail_nl=f"niet in het handelsregister op {on}",
        )
    if mine.is_closed:
        since_en = f" since {mine.closed_on.isoformat()}" if mine.closed_on else ""
        since_nl = f" sinds {mine.closed_on.isoformat()}" if mine.closed_on else ""
        return RegisterFinding(
            verdict=RegisterVerdict.DEREGISTERED,
            detail_en=f"deregistered{since_en} (KVK register, {on})",
            detail_nl=f"uitgeschreven{since_nl} (handelsregister, {on})",
        )
    can_compare = mine.names and name_words(customer.name)
    if can_compare and not any(is_similar_name(customer.name, name) for name in mine.names):
        return RegisterFinding(
            verdict=RegisterVerdict.NAME_DIFFERS,
            detail_en=f"of {mine.names[0]} in the KVK register on {on}",
            detail_nl=f"van {mine.names[0]} in het handelsregister op {on}",
        )
    return RegisterFinding()


def _propose(customer: Customer, evidence: RegisterEvidence, on: str) -> RegisterFinding:
    """Propose the one open business with a similar name at the same postcode or in the same street."""
    fitting = {
        each.number: each
        for each in evidence.found
        if not each.is_closed
        and _is_at_same_place(customer, each)
        and any(is_similar_name(customer.name, name) for name in each.names)
    }
    if len(fitting) != 1:
        return RegisterFinding()
    one = next(iter(fitting.values()))
    return RegisterFinding(
        proposal=one.number,
        detail_en=f"{one.names[0]} at the same address has {one.number} (KVK register, {on}); is that the one?",
        detail_nl=f"{one.names[0]} op hetzelfde adres heeft {one.number} (handelsregister, {on}); klopt dat?",
    )


def _is_at_same_place(customer: Customer, registration: Registration) -> bool:
    postcode = _postcode(customer.postcode)
    if postcode and postcode in registration.postcodes:
        return True
    here = (_plain(_street(customer.address_line)), _plain(customer.city))
    return all(here) and here in {(_plain(street), _plain(city)) for street, city in registration.streets}


def _postcode(text: str) -> str:
    match = re.fullmatch(r"\s*([1-9][0-9]{3})\s*([A-Za-z]{2})\s*", text)
    return match[1] + match[2].upper() if match else ""


def _street(address_line: str) -> str:
    """Give the street of an address line, without the house number at its end.

    >>> _street("1e Van der Helststraat 12-B"), _street("Plein 1944 nr 7"), _street("Dorpsstraat")
    ('1e Van der Helststraat', 'Plein 1944', 'Dorpsstraat')
    """
    return re.sub(r"[\s,]+(?:nr\.?\s*)?[0-9]+(?:[\s/-]*[A-Za-z0-9]{1,4})?\s*$", "", " ".join(address_line.split()))


def is_similar_name(ours: str, theirs: str) -> bool:
    """Say whether two names may well be of one business; legal form, case, accents and punctuation do not count.

    Similar are names that are the same but for a few letters, of which one holds all words of the other, or that share
    more than half of the words of the one with fewer. A word counts as shared when it begins the other, as bouw does
    bouwbedrijf.

    >>> is_similar_name("Café 't Hoekje", "CAFE T HOEKJE B.V."), is_similar_name("Jansen Bouw BV", "Bouwbedrijf Jansen")
    (True, True)
    >>> is_similar_name("Bakkerij Jansen", "Bakkerij Smit V.O.F."), is_similar_name("De Linde", "Zorggroep De Linde")
    (False, True)
    """
    mine, other = name_words(ours), name_words(theirs)
    if not mine or not other:
        return False
    fewer, more = sorted((mine, other), key=lambda words: (len(set(words)), words))
    if SequenceMatcher(None, "".join(fewer), "".join(more), autojunk=False).ratio() >= SAME_SPELLING:
        return True
    shared = {word for word in fewer if any(_is_shared(word, each) for each in more)}
    return 2 * len(shared) > len(set(fewer))


def _is_shared(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return one == other or (len(shorter) >= LEAST_STEM and longer.startswith(shorter))


_LEGAL_FORMS = frozenset({
    "bv", "nv", "vof", "cv", "ua", "wa", "ba", "io", "mts", "maatschap", "eenmanszaak", "firma", "fa",
    "stichting", "vereniging", "cooperatie", "cooperatieve",
})  # fmt: skip
_SMALL_WORDS = frozenset({"de", "het", "een", "en", "van", "der", "den", "te", "and", "the"})


def name_words(name: str) -> tuple[str, ...]:
    """Give the words of a name that tell it from others, in plain lower-case letters.

    >>> name_words("Coöperatie Fruit & Groente U.A."), name_words("J. de Vries B. V. i.o."), name_words("B.V.")
    (('fruit', 'groente'), ('vries',), ('bv',))
    """
    words = _plain(name).split()
    told = [word for word in words if word not in _LEGAL_FORMS | _SMALL_WORDS and len(word) > 1]
    return tuple(told or words)


def _plain(text: str) -> str:
    """Lower case without accents; dots and apostrophes go, other marks become spaces, B V becomes bv."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    bare = re.sub(r"[^0-9a-z]+", " ", re.sub(r"[.'’`´]", "", bare))
    return re.sub(r"\b([bn]) v\b|\bv o f\b|\bu a\b", lambda match: match[0].replace(" ", ""), bare).strip()
