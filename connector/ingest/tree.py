"""Tree: a UBL document as `ubl` reads it and `checks` tests it; elements by their usual name, each with its place.

The elements are those of the standard library, which C code walks. Prefixes in a file are free, so names here are
ours: `cbc:ID` for leaves, `cac:Party` for aggregates, whatever was written; a path is such names with `/` between.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, Generic, TypeVar
from xml.etree.ElementTree import Element

CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
WHITE_SPACE = " \t\r\n"

Place = Element | tuple[Element, str]
"""Where something is wrong: an element, or what is missing below one."""

_PREFIXES = {CAC: "cac:", CBC: "cbc:"}
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_LONG = 200
"""Characters of a name that is not remembered: only strangers have such names."""
_TURNS = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def short_name(tag: str) -> str:
    """Give `cbc:ID` for an element's tag; the bare name without a namespace, the tag itself for foreign elements."""
    namespace, _, local = tag[1:].partition("}") if tag.startswith("{") else ("", "", tag)
    return _PREFIXES.get(namespace, f"{{{namespace}}}" if namespace else "") + local


_Made = TypeVar("_Made")


class gathered(Generic[_Made]):  # it is used as `property` is
    """A property that is made when first asked: `functools.cached_property` without the lock of Python 3.11."""

    def __init__(self, make: Callable[[Any], _Made]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    def __get__(self, instance: object, owner: type | None = None) -> _Made:
        made = instance.__dict__[self._name] = self._make(instance)
        return made


@lru_cache(maxsize=1024)
def _cached_name(tag: str) -> str:
    return short_name(tag)


@lru_cache(maxsize=1024)  # the paths that our own code asks for
def _split(path: str) -> tuple[str, ...]:
    return tuple(path.split("/"))


@lru_cache(maxsize=1024)
def _split_last(path: str) -> tuple[str, str]:
    parent, _, name = path.rpartition("/")
    return parent, name


def find_all(element: Element | None, path: str) -> list[Element]:
    """Follow a path through every branch, in document order; nothing below nothing."""
    if element is None or "/" not in path:
        return [] if element is None else element.findall(path)
    found = [element]
    for name in _split(path):
        found = found[0].findall(name) if len(found) == 1 else [child for one in found for child in one.findall(name)]
        if not found:
            break
    return found


def find(element: Element, path: str) -> Element | None:
    """Give the first element on the path."""
    if "/" not in path:
        return element.find(path)
    found = find_all(element, path)
    return found[0] if found else None


def has_any(element: Element, paths: tuple[str, ...]) -> bool:
    """Tell whether there is an element on one of the paths."""
    for path in paths:  # noqa: SIM110  # asked a hundred times an invoice; a generator takes twice as long
        if element.find(path) is not None if "/" not in path else find_all(element, path):
            return True
    return False


def strip(text: str | None) -> str:
    """Take away the white space that XML knows, around a text."""
    return text.strip(WHITE_SPACE) if text else ""


def text_of(element: Element | None, path: str = "") -> str:
    """Give the text of the first element on the path, or of the element itself; empty when there is none."""
    if path and element is not None:
        element = element.find(path) if "/" not in path else find(element, path)
    return element.text.strip(WHITE_SPACE) if element is not None and element.text else ""


def texts_of(element: Element, path: str) -> list[str]:
    """Give the texts of all elements on the path, empty ones too."""
    return [strip(one.text) for one in find_all(element, path)]


def line_of(element: Element | None, path: str = "") -> str:
    """Give a text as `text_of` does, in one line.

    A line break or a mark that turns the direction of writing means nothing in a name or a number, and does harm
    in a mail's header or a file's name.
    """
    if path and element is not None:
        element = element.find(path) if "/" not in path else find(element, path)
    return in_one_line(element.text) if element is not None and element.text else ""


def in_one_line(text: str) -> str:
    """Make spaces of line breaks and control characters, and take away white space around."""
    text = text.strip()
    return text if text.isprintable() else _BREAKS.sub(" ", _TURNS.sub("", text)).strip()


class Tree:
    """The elements of a document, also by name."""

    def __init__(self, root: Element) -> None:
        """Take a parsed document; its tags are made ours, the root's its bare name."""
        self.root = root
        by_tag: dict[str, list[Element]] = defaultdict(list)
        self.parents: list[Element] = []
        """Those with children."""
        for element in root.iter():
            by_tag[element.tag].append(element)
            if len(element):
                self.parents.append(element)
        self.elements: dict[str, list[Element]] = {}
        """By name, in document order."""
        self.longest_tag = max(map(len, by_tag))
        """Characters of the longest name with its namespace."""
        name_of = _cached_name if self.longest_tag < _LONG else short_name
        for tag, elements in by_tag.items():
            name = name_of(tag)
            self.elements[name] = elements
            for element in elements:
                element.tag = name
        del self.elements[root.tag]
        root.tag = root.tag.rpartition("}")[2]
        self.elements[root.tag] = [root]
        self._found: dict[str, list[Element]] = {}
        """By path below the root, for which the root's children are gone through once."""
        for child in root:
            self._found.setdefault(child.tag, []).append(child)

    @property
    def size(self) -> int:
        """How many elements there are."""
        return sum(map(len, self.elements.values()))

    def all(self, path: str) -> list[Element]:
        """Give what is on the path below the root; not to be changed."""
        found = self._found.get(path)
        if found is None:
            if "/" not in path:
                return []
            parent, name = _split_last(path)
            if name not in self.elements:
                found = []
            else:
                parents = self.all(parent)
                if len(parents) == 1:
                    found = parents[0].findall(name)
                else:
                    found = [child for one in parents for child in one.findall(name)]
            self._found[path] = found
        return found

    def first(self, path: str) -> Element | None:
        """Give the first element on the path below the root."""
        found = self.all(path)
        return found[0] if found else None

    def line(self, path: str) -> str:
        """Give the text of the first element on the path, in one line; empty when absent."""
        found = self.all(path)
        return line_of(found[0]) if found else ""

    @gathered
    def _parents(self) -> dict[Element, Element]:
        return {child: parent for parent in self.parents for child in parent}

    @gathered
    def _positions(self) -> dict[Element, dict[Element, int]]:
        return {}

    def _position(self, element: Element, parent: Element) -> int:
        """The place among the parent's children of its name; 0 for the only one."""
        positions = self._positions.get(parent)
        if positions is None:
            groups: dict[str, list[Element]] = defaultdict(list)
            for child in parent:
                groups[child.tag].append(child)
            several = (group for group in groups.values() if len(group) > 1)
            positions = {one: place for group in several for place, one in enumerate(group, 1)}
            self._positions[parent] = positions
        return positions.get(element, 0)

    def path_of(self, place: Place) -> str:
        """Give the XPath of a place, with a position where the parent has more of the same name."""
        element, below = place if isinstance(place, tuple) else (place, "")
        steps = [below] if below else []
        while element is not self.root:
            parent = self._parents[element]
            position = self._position(element, parent)
            steps.append(f"{element.tag}[{position}]" if position else element.tag)
            element = parent
        return "/".join(["", self.root.tag, *reversed(steps)])


def each(elements: Iterable[Element], path: str) -> Iterator[Element]:
    """Follow a path below each of several elements."""
    return (found for element in elements for found in find_all(element, path))
