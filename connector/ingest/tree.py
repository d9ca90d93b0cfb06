"""Node: a UBL document as `ubl` reads it and `checks` tests it; elements by their usual prefix, each with its place.

Prefixes in a file are free, so names here are ours: `cbc:` for leaves, `cac:` for aggregates, whatever was written.
"""

from functools import lru_cache

from lxml import etree

CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
_PREFIXES = {CAC: "cac:", CBC: "cbc:"}


@lru_cache(maxsize=4096)
def short_name(tag: str) -> str:
    """Give `cbc:ID` for an element's tag; the bare name for the root, the tag itself for foreign elements."""
    namespace, _, local = tag[1:].partition("}") if tag.startswith("{") else ("", "", tag)
    return _PREFIXES.get(namespace, f"{{{namespace}}}" if namespace else "") + local


class Node:
    """An element, its children by name (grouped once, at the first question) and its XPath."""

    __slots__ = ("_children", "element", "path")

    def __init__(self, element: etree._Element, path: str) -> None:
        self.element = element
        self.path = path
        self._children: dict[str, list[Node]] | None = None

    def nodes(self, name: str) -> list["Node"]:
        """Give the children of this name, in document order."""
        if self._children is None:
            self._children = self._group()
        return self._children.get(name, [])

    def all(self, *names: str) -> list["Node"]:
        """Follow a path of names through every branch."""
        found = [self]
        for name in names:
            found = [child for node in found for child in node.nodes(name)]
        return found

    def first(self, *names: str) -> "Node | None":
        """Follow a path of names, in document order, to the first element that is there."""
        return next(iter(self.all(*names)), None)

    def text(self, *names: str) -> str:
        """Give the text of the first element on the path, without white space around it; empty when absent."""
        node = self.first(*names)
        return (node.element.text or "").strip() if node is not None else ""

    def texts(self, *names: str) -> list[str]:
        """Give the texts of all elements on the path that are not empty."""
        return [text for node in self.all(*names) if (text := node.text())]

    def attribute(self, name: str) -> str:
        """Give an attribute without white space around it; empty when absent."""
        return str(self.element.get(name) or "").strip()

    def below(self, name: str) -> str:
        """Give the XPath of a child that need not be there."""
        return f"{self.path}/{name}"

    def names(self) -> set[str]:
        """Give the names of the children."""
        if self._children is None:
            self._children = self._group()
        return set(self._children)

    def _group(self) -> dict[str, list["Node"]]:
        grouped: dict[str, list[Node]] = {}
        for element in self.element:
            name = short_name(str(element.tag))
            if name.startswith(("cac:", "cbc:")):
                same = grouped.setdefault(name, [])
                same.append(Node(element, f"{self.path}/{name}[{len(same) + 1}]"))
        for same in grouped.values():
            if len(same) == 1:
                same[0].path = same[0].path.removesuffix("[1]")
        return grouped
