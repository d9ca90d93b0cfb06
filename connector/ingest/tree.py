"""Node: a UBL document as `ubl` reads it and `checks` tests it; elements by their usual prefix, each with its place.

Prefixes in a file are free, so names here are ours: `cbc:` for leaves, `cac:` for aggregates, whatever was written.
A Node only points into lxml's tree and nothing is kept of what was asked: a second tree of Python objects would take
many times the size of the file. Only an indexed Node knows its children, for who asks many names of an element and
then lets go of it.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Self

from lxml import etree

CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
_PREFIXES = {CAC: "cac:", CBC: "cbc:"}
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_TURNS = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_NAMESPACES = {"cac": CAC, "cbc": CBC}


def short_name(tag: str) -> str:
    """Give `cbc:ID` for an element's tag; the bare name for the root, the tag itself for foreign elements."""
    namespace, _, local = tag[1:].partition("}") if tag.startswith("{") else ("", "", tag)
    return _PREFIXES.get(namespace, f"{{{namespace}}}" if namespace else "") + local


@lru_cache(maxsize=1024)  # the names that our own code asks for
def _tag(name: str) -> str:
    """Give an element's tag for `cbc:ID`."""
    prefix, _, local = name.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"


class Node:
    """An element with its children by name and its XPath; both are looked up when asked."""

    __slots__ = ("_firsts", "_is_indexed", "_name", "_parent", "_path", "_position", "element")

    def __init__(self, element: etree._Element, name: str, parent: "Node | None" = None, position: int = 1) -> None:
        """Point to an element.

        Args:
            name: The short name; for the root, without `parent`, its XPath.
            position: Among the parent's children of this name, from 1.
        """
        self.element = element
        self._name = name
        self._parent = parent
        self._position = position
        self._path = "" if parent else name
        self._is_indexed: bool = parent is not None and parent._is_indexed
        self._firsts: dict[str, etree._Element] | None = None

    def indexed(self) -> Self:
        """Go through the children only once, as every Node that comes from this one will; gives itself."""
        self._is_indexed = True
        return self

    @property
    def path(self) -> str:
        """The XPath, with a position where the parent has more of the same name."""
        if not self._path and self._parent is not None:
            is_alone = self._position == 1 and next(self.element.itersiblings(_tag(self._name)), None) is None
            self._path = self._parent.below(self._name if is_alone else f"{self._name}[{self._position}]")
        return self._path

    def nodes(self, name: str) -> list["Node"]:
        """Give the children of this name, in document order."""
        return list(self._each(name))

    def all(self, *names: str) -> list["Node"]:
        """Follow a path of names through every branch."""
        return list(self._walk(names))

    def first(self, *names: str) -> "Node | None":
        """Follow a path of names, in document order, to the first element that is there."""
        if len(names) == 1:
            child = self._first(names[0])
            return None if child is None else Node(child, names[0], self)
        return next(self._walk(names), None)

    def text(self, *names: str) -> str:
        """Give the text of the first element on the path in one line, without white space around it; empty when absent.

        A line break or a mark that turns the direction of writing means nothing in a name or a number, and does harm
        in a mail's header or a file's name.
        """
        element = self._first(names[0]) if len(names) == 1 else next(self._elements(names), None)
        return _in_one_line(element.text or "") if element is not None else ""

    def texts(self, *names: str) -> list[str]:
        """Give the texts of all elements on the path that are not empty."""
        return [text for element in self._elements(names) if (text := (element.text or "").strip())]

    def first_text(self, *names: str) -> str:
        """Give the first text on the path that is not empty, in one line."""
        return next((text for each in self._elements(names) if (text := _in_one_line(each.text or ""))), "")

    def attribute(self, name: str) -> str:
        """Give an attribute in one line without white space around it; empty when absent."""
        return _in_one_line(str(self.element.get(name) or ""))

    def below(self, name: str) -> str:
        """Give the XPath of a child that need not be there."""
        return f"{self.path}/{name}"

    def is_empty(self) -> bool:
        """Tell whether it has no UBL children at all."""
        return next(self.element.iterchildren(f"{{{CAC}}}*", f"{{{CBC}}}*"), None) is None

    def _each(self, name: str) -> Iterator["Node"]:
        for position, element in enumerate(self._children(name), 1):
            yield Node(element, name, self, position)

    def _walk(self, names: tuple[str, ...]) -> Iterator["Node"]:
        if len(names) < 2:
            yield from self._each(names[0]) if names else (self,)
            return
        for child in self._each(names[0]):
            yield from child._walk(names[1:])

    def _elements(self, names: tuple[str, ...]) -> Iterator[etree._Element]:
        """Follow a path of names through every branch, without making Nodes on the way."""
        found = self._children(names[0]) if names else iter((self.element,))
        for name in names[1:]:
            found = _below(found, _tag(name))
        return found

    def _first(self, name: str) -> etree._Element | None:
        tag = _tag(name)
        return self._index().get(tag) if self._is_indexed else next(self.element.iterchildren(tag), None)

    def _children(self, name: str) -> Iterator[etree._Element]:
        tag = _tag(name)
        if not self._is_indexed:
            return self.element.iterchildren(tag)
        first = self._index().get(tag)
        return iter(()) if first is None else _with_others(first, tag)

    def _index(self) -> dict[str, etree._Element]:
        if self._firsts is None:
            self._firsts = {str(child.tag): child for child in self.element.iterchildren(reversed=True)}
        return self._firsts


def _in_one_line(text: str) -> str:
    text = text.strip()
    return text if text.isprintable() else _BREAKS.sub(" ", _TURNS.sub("", text)).strip()


def _below(elements: Iterator[etree._Element], tag: str) -> Iterator[etree._Element]:
    for element in elements:
        yield from element.iterchildren(tag)


def _with_others(first: etree._Element, tag: str) -> Iterator[etree._Element]:
    yield first
    yield from first.itersiblings(tag)
