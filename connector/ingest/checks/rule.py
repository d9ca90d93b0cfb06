"""Rule: one official rule as a value, and the makers of those that are only data."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from connector.ingest.checks.document import Document, Places
from connector.ingest.tree import find_all, has_any, text_of
from connector.invoice import Finding, Severity

Broken = Callable[[Document], Places]
"""Gives the places where a rule is broken."""


@dataclass(frozen=True, slots=True)
class Needing:
    """A function that finds nothing in a document without certain elements: most rules are about what few have."""

    broken_at: Broken
    names: frozenset[str]

    def __call__(self, document: Document) -> Places:
        return self.broken_at(document)


def needs(*paths: str) -> Callable[[Broken], Broken]:
    """Say that nothing is broken unless there are elements of all these names, somewhere.

    Args:
        paths: Names, `Document.names`, or paths of names.
    """
    names = frozenset(name for path in paths for name in path.split("/") if name)
    return lambda broken_at: Needing(broken_at, names | needed_by(broken_at))


def needed_by(broken_at: Broken) -> frozenset[str]:
    """Give the names without all of which nothing is broken."""
    return broken_at.names if isinstance(broken_at, Needing) else frozenset()


def only_if(holds: Callable[[Document], bool], broken_at: Broken) -> Broken:
    """Let a rule hold for some documents only; what it needs stays as it is. `holds` is asked once a document."""
    asked = broken_at.broken_at if isinstance(broken_at, Needing) else broken_at
    return Needing(lambda document: asked(document) if document.once(holds) else (), needed_by(broken_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An official rule: where is it broken, and how to say so to an accountant."""

    id: str
    broken_at: Broken
    english: str
    dutch: str
    severity: Severity = Severity.FATAL
    needs: frozenset[str] = frozenset()
    """Names of `Document.names`: without all of them it cannot be broken."""

    def only_if(self, holds: Callable[[Document], bool]) -> "Rule":
        """Give the same rule, for some documents only."""
        return replace(self, broken_at=lambda document: self.broken_at(document) if document.once(holds) else ())

    def found_at(self, path: str) -> Finding:
        """Make the finding for one place."""
        return Finding(rule=self.id, severity=self.severity, path=path, message_en=self.english, message_nl=self.dutch)


Family = tuple[Rule, ...]
Row = tuple[str, Broken, str, str]
"""A rule's id, function, and sentences in English and Dutch."""


def table(*rows: Row, prefix: str = "", severity: Severity = Severity.FATAL) -> Family:
    """Make rules of rows."""
    return tuple(
        Rule(
            id=prefix + rule,
            broken_at=broken_at.broken_at if isinstance(broken_at, Needing) else broken_at,
            english=english,
            dutch=dutch,
            severity=severity,
            needs=needed_by(broken_at),
        )
        for rule, broken_at, english, dutch in rows
    )


def root_text(path: str) -> Broken:
    """The document has a text there."""

    return lambda document: () if document.text(path) else ((document.root, path),)


def root_has(*paths: str) -> Broken:
    """The document has an element on one of the paths, empty or not."""

    def broken_at(document: Document) -> Places:
        for path in paths:
            if document.all(path):
                return ()
        return ((document.root, paths[0]),)

    return broken_at


def each_text(name: str, path: str) -> Broken:
    """Every element of the name has a text on the path."""
    return needs(name)(lambda document: [(one, path) for one in document.named(name) if not text_of(one, path)])


def each_has(name: str, *paths: str) -> Broken:
    """Every element of the name has an element on one of the paths, empty or not."""

    return needs(name)(lambda document: [(one, paths[0]) for one in document.named(name) if not has_any(one, paths)])


def path_text(context: str, path: str) -> Broken:
    """Whatever is on the path `context` below the root has a text on `path`."""
    return needs(context)(lambda document: [(one, path) for one in document.all(context) if not text_of(one, path)])


def path_attribute(context: str, name: str) -> Broken:
    """Whatever is on the path below the root has the attribute."""
    return needs(context)(
        lambda document: [(one, f"@{name}") for one in document.all(context) if one.get(name) is None]
    )


def root_once(path: str, most: int = 1) -> Broken:
    """The document has at most so many elements on the path."""
    return needs(path)(lambda document: document.all(path)[most : most + 1])


def each_once(name: str, path: str, most: int = 1) -> Broken:
    """Every element of the name has at most so many on the path."""
    return needs(name, path)(
        lambda document: [extra for one in document.named(name) for extra in find_all(one, path)[most : most + 1]]
    )


def code_in(codes: Collection[str], *names: str) -> Broken:
    """The text of every element of these names is in a code list."""

    def broken_at(document: Document) -> Places:
        return [one for one in document.named_any(*names) if text_of(one) not in codes]

    return needs(*names)(broken_at) if len(names) == 1 else broken_at


def child_code_in(codes: Collection[str], parent: str, path: str) -> Broken:
    """The text of whatever is on the path below an element of the name `parent` is in a code list."""
    return needs(parent, path)(
        lambda document: [one for one in document.under(parent, path) if text_of(one) not in codes]
    )


def scheme_in(codes: Collection[str], attribute: str, parent: str, path: str = "") -> Broken:
    """The attribute, where it is written, of an element of a name, or on a path below it, is in a code list."""

    @needs(parent, path)
    def broken_at(document: Document) -> Places:
        for one in document.under(parent, path) if path else document.named(parent):
            scheme = one.get(attribute)
            if scheme is not None and scheme.strip() not in codes:
                yield one, f"@{attribute}"

    return broken_at
