"""Node: a UBL document as `ubl` reads it and `checks` tests it; elements by their usual prefix, each with its place.

Prefixes in a file are free, so names here are ours: `cbc:` for leaves, `cac:` for aggregates, whatever was written.
A Node only points into lxml's tree and nothing is kept of what was asked: a second tree of Python objects would take
many times the size of the file.
"""

from collections.abc import Iterator
from functools import lru_cache

from lxml import etree

CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
_PREFIXES = {CAC: "cac:", CBC: "cbc:"}
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

    __slots__ = ("_name", "_parent", "_path", "_position", "element")

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
        return next(self._walk(names), None)

    def text(self, *names: str) -> str:
        """Give the text of the first element on the path, without white space around it; empty when absent."""
        element = next(_elements(self.element, names), None)
        return (element.text or "").strip() if element is not None else ""

    def texts(self, *names: str) -> list[str]:
        """Give the texts of all elements on the path that are not empty."""
        elements = _elements(self.element, names)
        return [text for element in elements if (text := (element.text or "").strip())]

    def attribute(self, name: str) -> str:
        """Give an attribute without white space around it; empty when absent."""
        return str(self.element.get(name) or "").strip()

    def below(self, name: str) -> str:
        """Give the XPath of a child that need not be there."""
        return f"{self.path}/{name}"

    def is_empty(self) -> bool:
        """Tell whether it has no UBL children at all."""
        return next(self.element.iterchildren(f"{{{CAC}}}*", f"{{{CBC}}}*"), None) is None

    def _each(self, name: str) -> Iterator["Node"]:
        for position, element in enumerate(self.element.iterchildren(_tag(name)), 1):
            yield Node(element, name, self, position)

    def _walk(self, names: tuple[str, ...]) -> Iterator["Node"]:
        if len(names) < 2:
            yield from self._each(names[0]) if names else (self,)
            return
        for child in self._each(names[0]):
            yield from child._walk(names[1:])


def _elements(element: etree._Element, names: tuple[str, ...]) -> Iterator[etree._Element]:
    """Follow a path of names through every branch, without making Nodes on the way."""
    if not names:
        return iter((element,))
    children = element.iterchildren(_tag(names[0]))
    if len(names) == 1:
        return children
    return (found for child in children for found in _elements(child, names[1:]))
