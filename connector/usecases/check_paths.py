"""Check invoices in files without storing anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.errors import InvoiceUnreadable, NotAnInvoice
from connector.ingest.checks import check_invoice
from connector.ingest.unpack import RawFile, is_xml
from connector.invoice import Finding, Invoice, Party, Severity
from connector.usecases.ingest_paths import arrivals


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedInvoice:
    """One invoice found, or a file that is none."""

    file: str
    format: str | None = None
    invoice: Invoice | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def is_fatal(self) -> bool:
        """Whether it is an invoice that may not be sent as it is."""
        return any(finding.severity is Severity.FATAL for finding in self.findings)

    def as_json(self, language: str) -> dict[str, Any]:
        """One entry of `check --json`."""
        invoice = self.invoice
        return {
            "file": self.file,
            "format": self.format,
            "type": invoice.type.value if invoice else None,
            "number": invoice.number if invoice else None,
            "issue_date": invoice.issue_date if invoice else None,
            "currency": invoice.currency if invoice else None,
            "payable_amount": invoice.payable if invoice else None,
            "seller": _party(invoice.seller) if invoice else None,
            "buyer": _party(invoice.buyer) if invoice else None,
            "valid": invoice is not None and not self.is_fatal,
            "findings": [
                {
                    "rule": finding.rule,
                    "severity": finding.severity.value,
                    "path": finding.path,
                    "message": finding.message_nl if language == "nl" else finding.message_en,
                }
                for finding in self.findings
            ],
        }


def _party(party: Party) -> dict[str, str | None]:
    return {"name": party.name, "kvk": party.kvk, "oin": party.oin, "vat": party.vat}


def check_paths(paths: Sequence[Path], *, rules: str | None = None) -> list[CheckedInvoice]:
    """Check every invoice below `paths`; a file that holds none has one finding that says so.

    Args:
        rules: A format of `ingest.checks.FORMATS`; None: what each invoice claims to be.

    Raises:
        NothingFound: A path that does not exist.
    """
    checked: list[CheckedInvoice] = []
    for arrival in arrivals(paths):
        found = [
            each for file in arrival.files if is_xml(file) and (each := _check(arrival.name_of(file), file, rules))
        ]
        checked += found or [_no_invoice(str(path), "; ".join(arrival.trouble)) for path in arrival.paths]
        if found and len(arrival.paths) > 1:
            named = {each.file for each in found}
            checked += [_no_invoice(str(path), "") for path in arrival.paths if str(path) not in named]
        if found and arrival.trouble:
            checked.append(_no_invoice(str(arrival.paths[0]), "; ".join(arrival.trouble), rule="NOT-READ"))
    return checked


def _check(name: str, file: RawFile, rules: str | None) -> CheckedInvoice | None:
    try:
        reading, findings = check_invoice(file.content, rules=rules)
    except NotAnInvoice as error:
        return _no_invoice(name, error.message)
    except InvoiceUnreadable as error:
        return _no_invoice(name, error.message, rule=error.code, severity=Severity.FATAL)
    return CheckedInvoice(file=name, format=reading.format, invoice=reading.invoice, findings=findings)


def _no_invoice(
    name: str, message: str, *, rule: str = "NO-INVOICE", severity: Severity = Severity.WARNING
) -> CheckedInvoice:
    """A file without an invoice: that alone is no fault, an XML that cannot be read is."""
    finding = Finding(
        rule=rule,
        severity=severity,
        path="",
        message_en=message or "this file holds no invoice",
        message_nl=message or "dit bestand bevat geen factuur",
    )
    return CheckedInvoice(file=name, findings=(finding,))
