"""What a filled-in list asks for: row by row a verdict, and the changes of the rows that are good.

Pure. A row that is not good changes nothing and does not keep the others from going on. Nothing is repaired in
silence: a number that lost its zero is named, not mended.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from connector.customer import Customer, Division, needs_kvk, valid_numbers
from connector.customers.setup import Action, Change, Plan, calls_needed
from connector.customers.sheet import SheetRow, Written
from connector.identifiers import KvkNumber, check_kvk

Told = tuple[str, str]
"""One phrase in English and in Dutch."""


class Verdict(StrEnum):
    """What becomes of a row."""

    SET = "set"
    SAME = "same"
    WRONG_NUMBER = "wrong_number"
    OWN_NUMBER = "own_number"
    UNKNOWN_CUSTOMER = "unknown_customer"
    OTHER_CUSTOMER = "other_customer"
    AMBIGUOUS_CUSTOMER = "ambiguous_customer"
    DUPLICATE_ROW = "duplicate_row"
    DIVISION_NOT_CONNECTED = "division_not_connected"
    BROKEN_ROW = "broken_row"


GOOD = frozenset({Verdict.SET, Verdict.SAME})


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What is known of a connected division."""

    division: Division
    customers: Sequence[Customer]
    own_kvk: str = ""
    """As typed; empty when it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowVerdict:
    """What a row comes to. Never holds what was typed: it may be anything, also a number that holds a BSN."""

    row: int
    division: str
    code: str
    customer: Customer | None = None
    verdict: Verdict
    kvk: KvkNumber | None = None
    """The number to set; only of good rows."""
    detail: Told = ("", "")
    warnings: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """The verdicts of the rows in which a number was filled in, and how many were left empty."""

    verdicts: tuple[RowVerdict, ...]
    empty: int


def judge(rows: Iterable[SheetRow], offices: Iterable[Office]) -> Filled:
    """Give a verdict on each row with a number."""
    everything = tuple(rows)
    filled_in = [row for row in everything if row.new_kvk.text or row.new_kvk.is_formula or row.is_broken]
    by_division = {str(office.division): _Cards(office) for office in offices}
    verdicts = _without_doubles([_judge(row, by_division) for row in filled_in])
    return Filled(verdicts=_with_warnings(verdicts, by_division), empty=len(everything) - len(filled_in))


def plans(filled: Filled) -> tuple[Plan, ...]:
    """Give the plan of each division in which a number is to be set, by division."""
    found: dict[Division, list[Change]] = {}
    same: Counter[Division] = Counter()
    for one in filled.verdicts:
        if one.customer is None or one.kvk is None:
            continue
        if one.verdict is Verdict.SAME:
            same[one.customer.division] += 1
        elif one.verdict is Verdict.SET:
            change = Change(
                customer=one.customer,
                action=Action.SET_KVK,
                before={"ChamberOfCommerce": one.customer.kvk or None},
                after={"ChamberOfCommerce": one.kvk},
            )
            found.setdefault(one.customer.division, []).append(change)
    return tuple(
        Plan(
            division=division,
            changes=tuple(changes),
            customers=len(changes) + same[division],
            in_order=same[division],
            to_change=len(changes),
            skipped=0,
            api_calls_needed=calls_needed(len(changes)),
        )
        for division, changes in sorted(found.items())
    )


class _Cards:
    """The customers of a division, by code and by number."""

    def __init__(self, office: Office) -> None:
        self.own_number = check_kvk(office.own_kvk).number
        self.by_code = {customer.code: customer for customer in office.customers}
        self.by_loose_code: dict[str, list[Customer]] = {}
        for customer in office.customers:
            self.by_loose_code.setdefault(_loose(customer.code), []).append(customer)
        self.by_number: dict[str, list[str]] = {}
        for customer in office.customers:
            if number := valid_numbers(customer)[0]:
                self.by_number.setdefault(number, []).append(customer.code)

    def find(self, code: str) -> Customer | None:
        """The customer with this code; also when a spreadsheet took away zeros in front, and only one can be meant."""
        alike = self.by_loose_code.get(_loose(code), [])
        return self.by_code.get(code) or (alike[0] if len(alike) == 1 else None)

    def can_mean_another(self, row: SheetRow) -> bool:
        """Whether zeros may have stood in front of the code that would make it that of another card, name and all."""
        if row.code_is_text or row.code != _loose(row.code):
            return False
        alike = self.by_loose_code.get(row.code, [])
        return sum(row.name is None or _is_same_name(row.name, each.name) for each in alike) > 1


def _loose(code: str) -> str:
    return code.strip().lstrip("0")


def _judge(row: SheetRow, by_division: Mapping[str, _Cards]) -> RowVerdict:
    def verdict(
        word: Verdict, detail: Told = ("", ""), *, customer: Customer | None = None, kvk: KvkNumber | None = None
    ) -> RowVerdict:
        return RowVerdict(
            row=row.number,
            division=row.division,
            code=row.code,
            customer=customer,
            verdict=word,
            kvk=kvk,
            detail=detail,
        )

    if row.is_broken:
        return replace(verdict(Verdict.BROKEN_ROW, _BROKEN), division="", code="")
    cards = by_division.get(row.division)
    if cards is None:
        return verdict(Verdict.DIVISION_NOT_CONNECTED, _NOT_CONNECTED)
    customer = cards.find(row.code)
    if customer is None:
        return verdict(Verdict.UNKNOWN_CUSTOMER, _UNKNOWN)
    if cards.can_mean_another(row):
        return verdict(Verdict.AMBIGUOUS_CUSTOMER, _AMBIGUOUS, customer=customer)
    if row.name is not None and not _is_same_name(row.name, customer.name):
        return verdict(Verdict.OTHER_CUSTOMER, _OTHER_NAME, customer=customer)
    number, wrong = _number(row.new_kvk)
    if number is None:
        return verdict(Verdict.WRONG_NUMBER, wrong, customer=customer)
    if number == cards.own_number:
        return verdict(Verdict.OWN_NUMBER, _OWN, customer=customer)
    word = Verdict.SAME if customer.kvk.strip() == number else Verdict.SET
    return verdict(word, customer=customer, kvk=number)


_BROKEN = (
    "a quotation mark is missing, or a cell has a line break: the row runs into the next ones; none of them counts",
    "er ontbreekt een aanhalingsteken, of in een cel staat een regeleinde: de regel loopt door in de volgende; geen "
    "ervan telt",
)
_NOT_CONNECTED = ("this division is not connected", "deze administratie is niet gekoppeld")
_UNKNOWN = (
    "no such customer; it may have been deleted, or is too new for the last sync",
    "deze relatie is er niet; misschien is zij verwijderd, of nieuwer dan de laatste synchronisatie",
)
_AMBIGUOUS = (
    "another card has the same code but for zeros in front, which a spreadsheet takes away; keep the column as text",
    "een andere kaart heeft dezelfde code op voorloopnullen na, die een rekenblad weghaalt; houd de kolom als tekst",
)
_OTHER_NAME = (
    "the card with this code has another name; were rows mixed up while sorting?",
    "de kaart met deze code heeft een andere naam; zijn regels door elkaar geraakt bij het sorteren?",
)
_OWN = ("the KvK number of the administration itself", "het KvK-nummer van de administratie zelf")
_FORMULA = ("a formula; fill in the number itself", "een formule; vul het nummer zelf in")
_LOST_ZERO = (
    "7 digits in a cell of numbers: a zero in front was probably lost; make the cell text and type all eight digits",
    "7 cijfers in een cel met getallen: waarschijnlijk is een voorloopnul weggevallen; maak van de cel tekst en typ "
    "alle acht cijfers",
)
_NO_KVK_INSIDE = ("an OIN without a KvK number inside", "een OIN zonder KvK-nummer erin")
_TWICE = (
    "this customer stands in the list more than once, with different numbers",
    "deze relatie staat meer dan eens in de lijst, met verschillende nummers",
)
_AGAIN = ("the same as in row {row}", "hetzelfde als in regel {row}")


def _number(cell: Written) -> tuple[KvkNumber | None, Told]:
    """The number that was filled in, or what is wrong with it."""
    if cell.is_formula:
        return None, _FORMULA
    check = check_kvk(cell.text)
    if check.number is not None:
        return check.number, ("", "")
    if cell.is_number and len(cell.text) == 7:
        return None, _LOST_ZERO
    if check.oin is not None:
        return None, _NO_KVK_INSIDE
    return None, (check.detail_en, check.detail_nl)


def _is_same_name(written: str, ours: str) -> bool:
    """Compare letters and digits; also with a name whose accents were lost, or became something else, on the way.

    What is left of a name in ASCII counts when it is half of it: a Greek name has nothing left to compare.
    """
    if _letters(written) == _letters(ours):
        return bool(_letters(ours)) or written.strip() == ours.strip()
    plain = _in_ascii(ours)
    return 2 * len(plain) >= len(_letters(ours)) and len(plain) > 2 and _in_ascii(written) == plain


def _in_ascii(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isascii() and c.isalnum())


def _letters(name: str) -> str:
    """What of a name survives a spreadsheet: letters and digits of any script, in one form."""
    return "".join(c for c in unicodedata.normalize("NFKC", name.casefold()) if c.isalnum())


def _without_doubles(verdicts: Sequence[RowVerdict]) -> list[RowVerdict]:
    """Refuse every row of a customer that gets different numbers, and the repeats of one that gets the same."""
    rows_of: dict[tuple[Division, str], list[RowVerdict]] = {}
    for one in verdicts:
        if one.customer is not None:
            rows_of.setdefault((one.customer.division, one.customer.id), []).append(one)
    checked = []
    for one in verdicts:
        theirs = rows_of[one.customer.division, one.customer.id] if one.customer is not None else [one]
        detail = None
        if one.verdict in GOOD and len({each.kvk for each in theirs}) > 1:
            detail = _TWICE
        elif one.verdict in GOOD and theirs[0] is not one:
            english, dutch = _AGAIN
            detail = (english.format(row=theirs[0].row), dutch.format(row=theirs[0].row))
        if detail is not None:
            one = replace(one, verdict=Verdict.DUPLICATE_ROW, kvk=None, detail=detail)
        checked.append(one)
    return checked


def _with_warnings(verdicts: Sequence[RowVerdict], by_division: Mapping[str, _Cards]) -> tuple[RowVerdict, ...]:
    given: dict[tuple[str, str], list[str]] = {}
    for one in verdicts:
        if one.verdict in GOOD and one.customer is not None and one.kvk is not None:
            given.setdefault((one.division, one.kvk), []).append(one.customer.code)
    return tuple(_with_warning(one, by_division, given) for one in verdicts)


def _with_warning(
    one: RowVerdict, by_division: Mapping[str, _Cards], given: Mapping[tuple[str, str], Sequence[str]]
) -> RowVerdict:
    """Say that another customer has the number, or that the customer should need none; that may well be meant."""
    if one.verdict is not Verdict.SET or one.customer is None or one.kvk is None:
        return one
    warnings: list[Told] = []
    holders = [*by_division[one.division].by_number.get(one.kvk, ()), *given[one.division, one.kvk]]
    others = ", ".join(sorted({code for code in holders if code != one.customer.code}, key=lambda c: (len(c), c)))
    if others:
        warnings.append((f"customer {others} has this number as well", f"relatie {others} heeft dit nummer ook"))
    if needs_kvk(one.customer)[1] == "other_country":
        warnings.append(("the customer is in another country", "de relatie zit in een ander land"))
    return replace(one, warnings=tuple(warnings))
