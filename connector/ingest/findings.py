"""Findings: what is wrong or doubtful, gathered within bounds; a hostile file breaks a rule a million times."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Self

from connector.invoice import Finding, Severity

MOST_PER_RULE = 100
MOST_IN_ALL = 500
"""More than this nobody reads; what is left out is told by one finding, CON-MORE."""


@dataclass(slots=True)
class Findings:
    """Keeps the first findings of each rule and counts the others."""

    _kept: list[Finding] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _omitted_fatal: bool = False
    _number: int = 0
    """Of all that were added or counted."""

    def add(self, finding: Finding) -> None:
        """Take one more."""
        self._counts[finding.rule] += 1
        self._number += 1
        if self._counts[finding.rule] <= MOST_PER_RULE:
            self._kept.append(finding)
        elif finding.severity is Severity.FATAL:
            self._omitted_fatal = True

    def count(self, rule: str, severity: Severity, number: int) -> None:
        """Count more of a rule, of which as many as are kept have been added."""
        self._counts[rule] += number
        self._number += number
        if number and severity is Severity.FATAL:
            self._omitted_fatal = True

    def copy(self) -> Self:
        """Give another that goes on from here."""
        return type(self)(list(self._kept), self._counts.copy(), self._omitted_fatal, self._number)

    def listed(self) -> tuple[Finding, ...]:
        """Give them as they came, at most `MOST_IN_ALL`; beyond that the fatal ones first, and the sum of the rest."""
        kept = self._kept
        if len(kept) <= MOST_IN_ALL and self._number == len(kept):
            return tuple(kept)
        if len(kept) > MOST_IN_ALL:
            kept = sorted(kept, key=lambda finding: finding.severity is not Severity.FATAL)
        listed, cut = kept[:MOST_IN_ALL], kept[MOST_IN_ALL:]
        omitted = Counter(self._counts) - Counter(finding.rule for finding in listed)
        if not omitted:
            return tuple(listed)
        is_fatal = self._omitted_fatal or any(finding.severity is Severity.FATAL for finding in cut)
        return (*listed, _more(omitted, Severity.FATAL if is_fatal else Severity.WARNING))


def _more(omitted: Counter[str], severity: Severity) -> Finding:
    most = ", ".join(f"{count} x {rule}" for rule, count in omitted.most_common(5))
    rest = ", …" if len(omitted) > 5 else ""
    return Finding(
        rule="CON-MORE",
        severity=severity,
        path="",
        message_en=f"{omitted.total()} more findings are not listed: {most}{rest}",
        message_nl=f"nog {omitted.total()} bevindingen zijn niet vermeld: {most}{rest}",
    )
