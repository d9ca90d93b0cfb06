"""OData as Exact speaks it: query options in, JSON shapes out (exact-online-api.md 2.4 to 2.7). Pure.

Which rows exist and who may see them is left to `store` and `api`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cmp_to_key
from operator import itemgetter
from typing import Any
from urllib.parse import quote

from connector.exact_sandbox.dates import exact_date, local_of_stored
from connector.exact_sandbox.entities import Entity, Field
from connector.exact_sandbox.refusal import malformed
from connector.exact_sandbox.rows import Row

PAGE_SIZE = 60
BIG_PAGE_SIZE = 1000  # of sync and bulk [docs], 2.5
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TOKEN = re.compile(
    r"""\s*(?: (?P<guid>guid'(?P<guid_text>[^']*)') | (?P<time>datetime'(?P<time_text>[^']*)')
    | (?P<text>'(?P<inner>(?:[^']|'')*)') | (?P<number>-?\d+(?:\.\d+)?)[LlMmDdFf]?(?!\w) | (?P<mark>[(),])
    | (?P<word>[A-Za-z_]\w*) )""",
    re.VERBOSE,
)
_ONLY_TIMESTAMP = re.compile(r"\(?\s*Timestamp\s+gt\s+(\d+)[Ll]?\s*\)?")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
}  # fmt: skip
_KNOWN_OPTIONS = {"$select", "$filter", "$top", "$skiptoken", "$orderby", "$inlinecount", "$expand", "$skip", "$format"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A part of a filter: what it yields for a row, and its type.

    Types: g guid, s text, n number, t time, b condition, v Boolean value, 0 null. A bare Boolean function is a value,
    not
    a condition: `substringof('x',Name)` alone was refused, ``… eq true`` was not [one], 2.6.
    """

    type: str
    of: Callable[[Row], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The options of one read, checked against the entity."""

    select: tuple[str, ...] | None
    matches: Callable[[Row], bool] | None
    filtered: frozenset[str]  # the fields that the filter names
    top: int | None
    skip: int
    order: tuple[tuple[str, bool], ...]
    skip_token: tuple[Any, ...] | None
    count: bool
    expand: tuple[str, ...]
    after_timestamp: int
    raw: Mapping[str, str]


def unpadded(value: Any) -> Any:
    """Text as compared: trailing spaces and case do not count, leading spaces do [assumed]."""
    return value.rstrip().casefold() if isinstance(value, str) else value


def _padded(field: Field, text: str) -> str:
    return text.rjust(field.pad) if field.pad > 0 else text.ljust(-field.pad)


def _comparable(field: Field, row: Row) -> Any:
    value = row.get(field.name)
    if value is None:
        return None
    if field.type in "tD":
        return local_of_stored(str(value))
    if field.type == "s":
        return unpadded(_padded(field, str(value)))
    return value.lower() if isinstance(value, str) else value


_NODE_TYPES = {"g": "g", "s": "s", "i": "n", "l": "n", "d": "n", "b": "v", "t": "t", "D": "t", "x": "s"}


class _FilterParser:
    """Recursive descent over one ``$filter``; anything it does not know is a 400."""

    def __init__(self, text: str, entity: Entity) -> None:
        self._entity = entity
        self._tokens = _tokens(text)
        self._at = 0
        self.fields: set[str] = set()

    def parse(self) -> Callable[[Row], bool]:
        node = self._either()
        if self._at != len(self._tokens) or node.type != "b":
            raise malformed("Syntax error in the $filter expression.")
        return node.of

    def _peek(self) -> tuple[str, Any]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", None)

    def _next(self) -> tuple[str, Any]:
        token = self._peek()
        self._at += 1
        return token

    def _take(self, mark: str) -> None:
        if self._next() != ("mark", mark):
            raise malformed(f"'{mark}' expected in the $filter expression.")

    def _either(self) -> Node:
        node = self._both()
        while self._peek() == ("word", "or"):
            self._next()
            node = _joined(node, self._both(), any)
        return node

    def _both(self) -> Node:
        node = self._negation()
        while self._peek() == ("word", "and"):
            self._next()
            node = _joined(node, self._negation(), all)
        return node

    def _negation(self) -> Node:
        if self._peek() == ("word", "not"):
            self._next()
            inner = self._negation()
            return Node(type="b", of=lambda row: not inner.of(row))
        return self._comparison()

    def _comparison(self) -> Node:
        left = self._operand()
        kind, word = self._peek()
        if kind != "word" or word not in _COMPARE:
            return left
        self._next()
        right = self._operand()
        types = {left.type, right.type}
        if left.type == "b" or right.type == "b" or len(types - {"0"}) > 1:
            raise malformed(f"Operator '{word}' incompatible with operand types.")
        if types == {"0"} or (left.type not in "0" and "0" not in types and left.type != right.type):
            raise malformed(f"Operator '{word}' incompatible with operand types.")
        return _compared(word, left, right)

    def _operand(self) -> Node:
        kind, value = self._next()
        if (kind, value) == ("mark", "("):
            node = self._either()
            self._take(")")
            return node
        if kind in ("guid", "time", "text", "number"):
            literal = unpadded(value)
            return Node(type={"guid": "g", "time": "t", "text": "s", "number": "n"}[kind], of=lambda _row: literal)
        if kind != "word":
            raise malformed("Syntax error in the $filter expression.")
        if value in ("true", "false", "null"):
            constant = {"true": True, "false": False, "null": None}[value]
            return Node(type="0" if constant is None else "v", of=lambda _row: constant)
        if self._peek() == ("mark", "("):
            return self._function(value)
        field = known_field(self._entity, value)
        self.fields.add(value)
        return Node(type=_NODE_TYPES.get(field.type, "?"), of=lambda row: _comparable(field, row))

    def _function(self, name: str) -> Node:
        self._take("(")
        arguments = [self._operand()]
        while self._peek() == ("mark", ","):
            self._next()
            arguments.append(self._operand())
        self._take(")")
        if any(node.type != "s" for node in arguments):
            raise malformed(f"No applicable function found for '{name}'.")
        return _called(name, arguments)


def _tokens(text: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise malformed(f"Syntax error at position {at} in '{text}'.")
        found.append(_token(match, at))
        at = match.end()
    return found


def _token(match: re.Match[str], at: int) -> tuple[str, Any]:
    if match["guid"] is not None:
        if not _GUID.fullmatch(match["guid_text"]):
            raise malformed(f"Unrecognized 'Edm.Guid' literal '{match['guid']}' in '{at}'.")
        return "guid", match["guid_text"].lower()
    if match["time"] is not None:
        return "time", _time_literal(match["time_text"], match["time"], at)
    if match["text"] is not None:
        return "text", match["inner"].replace("''", "'")
    if match["number"] is not None:
        return "number", float(match["number"]) if "." in match["number"] else int(match["number"])
    if match["mark"] is not None:
        return "mark", match["mark"]
    return "word", match["word"]


def moment_of(literal: str) -> datetime:
    """The local time of a ``datetime'…'`` literal that stands by itself; anything else is a 400."""
    tokens = _tokens(literal)
    if len(tokens) != 1 or tokens[0][0] != "time":
        raise malformed(f"Unrecognized 'Edm.DateTime' literal '{literal}'.")
    moment: datetime = tokens[0][1]
    return moment


def _time_literal(text: str, literal: str, at: int) -> datetime:
    """Local time without a zone; a suffix is not accepted [one], 2.7. A bare day is its midnight [one: ossobv]."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        raise malformed(f"Unrecognized 'Edm.DateTime' literal '{literal}' in '{at}'.")
    return moment


def _joined(left: Node, right: Node, how: Callable[[Iterable[bool]], bool]) -> Node:
    if left.type != "b" or right.type != "b":
        raise malformed("Operator 'and'/'or' incompatible with operand types.")
    return Node(type="b", of=lambda row: how(part.of(row) for part in (left, right)))


def _compared(word: str, left: Node, right: Node) -> Node:
    compare = _COMPARE[word]

    def of(row: Row) -> bool:
        one, other = left.of(row), right.of(row)
        if one is None or other is None:
            return (one is other) if word == "eq" else (one is not other) if word == "ne" else False
        return compare(one, other)

    return Node(type="b", of=of)


def _called(name: str, arguments: list[Node]) -> Node:
    def text(node: Node, row: Row) -> str:
        return str(node.of(row) or "")

    first = arguments[0]
    if len(arguments) == 1 and name in ("trim", "tolower", "toupper"):
        return Node(type="s", of=lambda row: text(first, row).strip() if name == "trim" else text(first, row))
    if len(arguments) == 2 and name in ("substringof", "startswith", "endswith"):
        second = arguments[1]
        tests: dict[str, Callable[[str, str], bool]] = {
            "substringof": lambda a, b: a in b, "startswith": str.startswith, "endswith": str.endswith,
        }  # fmt: skip
        test = tests[name]
        return Node(type="v", of=lambda row: test(text(first, row), text(second, row)))
    raise malformed(f"Unknown function '{name}'.")


def known_field(entity: Entity, name: str) -> Field:
    """The field, or a 400 for the whole request [clients]."""
    field = entity.fields.get(name)
    if field is None:
        raise malformed(f"No property '{name}' exists in type 'Exact.Web.Api.Models.{entity.name}'.")
    return field


def parse_query(options: Mapping[str, str], entity: Entity, *, sync: bool = False) -> Query:
    """Check the query options of a read. Sync endpoints filter on ``Timestamp gt n`` only [docs], 4.9."""
    for name in options:
        if name.startswith("$") and name not in _KNOWN_OPTIONS:
            raise malformed(f"The query parameter '{name}' is not supported.")
    select = tuple(name.strip() for name in options["$select"].split(",")) if options.get("$select") else None
    for name in select or ():
        if name != "*":
            known_field(entity, name)
    text, after, matches, filtered = options.get("$filter", ""), 0, None, frozenset[str]()
    if sync and text:
        only = _ONLY_TIMESTAMP.fullmatch(text.strip())
        if only is None:
            raise malformed("This $filter parameter is not supported for this resource")
        after = int(only[1])
    elif text:
        parser = _FilterParser(text, entity)
        matches, filtered = parser.parse(), frozenset(parser.fields)
    token = tuple(
        None if part == ("word", "null") else part[1]
        for part in _tokens(options.get("$skiptoken", ""))
        if part[0] != "mark"
    )
    expand = tuple(part.strip() for part in options.get("$expand", "").split(",") if part.strip())
    for name in expand:
        if known_field(entity, name).type != "n":
            raise malformed(f"'{name}' is not a navigation property.")
    return Query(
        select=None if select and "*" in select else select, matches=matches, filtered=filtered,
        top=_count(options, "$top"), skip=_count(options, "$skip") or 0,
        order=() if sync else _order(options.get("$orderby", ""), entity),
        skip_token=token or None,
        count=options.get("$inlinecount") == "allpages", expand=expand, after_timestamp=after, raw=options,
    )  # fmt: skip


def _count(options: Mapping[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise malformed(f"Incorrect format for {name} argument '{text}'.")
    return int(text)


def _order(text: str, entity: Entity) -> tuple[tuple[str, bool], ...]:
    order = []
    for part in text.split(","):
        words = part.split()
        if not words:
            continue
        if len(words) > 2 or words[1:] not in ([], ["asc"], ["desc"]):
            raise malformed("Syntax error in the $orderby expression.")
        known_field(entity, words[0])
        order.append((words[0], words[1:] == ["desc"]))
    return tuple(order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One page: its rows, the row before them, the options of the next page (None on the last), and how many match."""

    rows: Sequence[Row]
    previous: Row | None
    next_options: dict[str, str] | None
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """All rows that match, in the asked order; `keys` are what they are ordered by."""

    rows: Sequence[Row]
    keys: Sequence[Any]


def _order_fields(query: Query, entity: Entity) -> list[tuple[Field, bool]]:
    """What rows are ordered by; the key comes last, so that no two rows share a place."""
    return [(entity.fields[name], descending) for name, descending in (*query.order, (entity.key, False))]


def _sort_key(fields: Sequence[tuple[Field, bool]]) -> Callable[[Sequence[Any]], Any]:
    def compare(one: Sequence[Any], other: Sequence[Any]) -> int:
        for left, right, (_field, descending) in zip(one, other, fields, strict=True):
            if left != right:
                less = right is not None if left is None else right is not None and left < right
                return (1 if descending else -1) if less else (-1 if descending else 1)
        return 0

    return cmp_to_key(compare)


def put_in_order(rows: Iterable[Row], query: Query, entity: Entity) -> Ordered:
    """Filter and order; the same for all pages of one read."""
    fields = _order_fields(query, entity)
    key = _sort_key(fields)
    matching = (row for row in rows if query.matches is None or query.matches(row))
    placed = [(key([_comparable(field, row) for field, _descending in fields]), row) for row in matching]
    placed.sort(key=itemgetter(0))
    return Ordered(rows=[row for _key, row in placed], keys=[key for key, _row in placed])


def cut_page(ordered: Ordered, query: Query, entity: Entity, size: int, *, empty_last: bool = False) -> Slice:
    """One page of at most `size`; continues after the ``$skiptoken``.

    Args:
        empty_last: A full last page has a next one all the same, which is empty [assumed], 2.5.
    """
    fields = _order_fields(query, entity)
    start = query.skip
    if query.skip_token is not None:
        if len(query.skip_token) != len(fields):
            raise malformed("Invalid $skiptoken.")
        token = _sort_key(fields)([unpadded(value) for value in query.skip_token])
        start = bisect_right(ordered.keys, token)
    page = ordered.rows[start : start + min(query.top if query.top is not None else size, size)]
    more = start + len(page) < len(ordered.rows) or (empty_last and len(page) == size)
    if page and more and (query.top is None or query.top > len(page)):
        following = _next(query, page[-1], fields, size)
    else:
        following = None
    previous = ordered.rows[start - 1] if start else None
    return Slice(rows=page, previous=previous, next_options=following, total=len(ordered.rows))


def _next(query: Query, last: Row, fields: Sequence[tuple[Field, bool]], size: int) -> dict[str, str]:
    """The options again, less what was given of ``$top``, and where to go on [live]."""
    options = {name: value for name, value in query.raw.items() if name not in ("$skiptoken", "$skip", "$top")}
    if query.top is not None:
        options["$top"] = str(query.top - size)
    options["$skiptoken"] = ",".join(_literal(field, last) for field, _descending in fields)
    return options


def _literal(field: Field, row: Row) -> str:
    value = row.get(field.name)
    if value is None:
        return "null"
    if field.type == "g":
        return f"guid'{value}'"
    if field.type in "tD":
        return f"datetime'{local_of_stored(str(value)).isoformat(timespec='milliseconds')}'"
    if field.type == "s":
        return "'" + str(value).replace("'", "''") + "'"
    return str(value).lower() if isinstance(value, bool) else str(value)


def cut_sync_page(rows: Sequence[Row], start: int, query: Query, *, empty_last: bool = False) -> Slice:
    """One page of at most 1,000 of a stream in the order of its Timestamps, from `start` on.

    Args:
        empty_last: As with `cut_page`.
    """
    size = min(query.top if query.top is not None else BIG_PAGE_SIZE, BIG_PAGE_SIZE)
    page = rows[start : start + size]
    more = start + len(page) < len(rows) or (empty_last and len(page) == BIG_PAGE_SIZE)
    more = more and (query.top is None or query.top > len(page))
    options = None
    if page and more:
        options = {name: value for name, value in query.raw.items() if name not in ("$skiptoken", "$top")}
        if query.top is not None:
            options["$top"] = str(query.top - size)
        options["$skiptoken"] = f"{page[-1]['Timestamp']}L"
    previous = rows[start - 1] if start else None
    return Slice(rows=page, previous=previous, next_options=options, total=len(rows) - start)


def encode_value(field: Field, value: Any) -> Any:
    """One value as Exact writes it in JSON: padded text, Int64 as text, ``/Date(ms)/`` in Dutch wall clock."""
    if value is None:
        return None
    if field.type in "tD":
        return exact_date(local_of_stored(str(value)))
    if field.type == "l":
        return str(value)
    if field.type == "s" and field.pad:
        return _padded(field, str(value))
    return value


def encode_row(entity: Entity, row: Mapping[str, Any], select: tuple[str, ...] | None, uri: str) -> dict[str, Any]:
    """One entity with its ``__metadata``; navigation properties that were not expanded are ``__deferred``."""
    names = select if select is not None else tuple(entity.fields)
    out: dict[str, Any] = {"__metadata": {"uri": uri, "type": f"Exact.Web.Api.Models.{entity.name}"}}
    for name in names:
        field = entity.fields[name]
        if field.type == "n":
            out[name] = row.get(name) or {"__deferred": {"uri": f"{uri}/{name}"}}
        else:
            out[name] = encode_value(field, row.get(name))
    return out


def next_url(base: str, options: Mapping[str, str]) -> str:
    """An absolute ``__next`` [live]."""
    return base + "?" + "&".join(f"{quote(name, safe='$')}={quote(value, safe='')}" for name, value in options.items())


def collection(entities: list[dict[str, Any]], page: Slice, query: Query, url: str, page_size: int) -> dict[str, Any]:
    """``{"d":[…]}`` when the client's ``$top`` fits on a page, else ``{"d":{"results":[…]}}`` [live], 2.4."""
    if query.top is not None and query.top <= page_size and not query.count and query.skip_token is None:
        return {"d": entities}
    body: dict[str, Any] = {"results": entities}
    if query.count:
        body["__count"] = str(page.total)
    if page.next_options is not None:
        body["__next"] = next_url(url, page.next_options)
    return {"d": body}
