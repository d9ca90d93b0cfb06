"""The report as JSON, in the shape of interfaces.md."""

import json
from collections.abc import Iterable
from datetime import UTC

from connector.customers.audit import AuditSummary, KvkFinding
from connector.customers.report.rows import DivisionAudit, detail, shown


def as_json(audits: Iterable[DivisionAudit], *, language: str = "en", everybody: bool = False) -> dict[str, object]:
    """Give the one document of `audit kvk --format json`.

    Args:
        language: Of `detail`; every other word is fixed.
        everybody: Also the customers about whom nothing has to be done.
    """
    return {
        "divisions": [
            {
                "division": each.division,
                "name": each.name,
                "generated_at": each.generated_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
                "summary": _summary(each.audit.summary),
                **({} if each.since is None else {"since": each.since.isoformat()}),
                "findings": [_finding(finding, language) for finding in shown(each, everybody=everybody)],
            }
            for each in audits
        ]
    }


def json_bytes(document: dict[str, object]) -> bytes:
    """Give a document as a JSON file: UTF-8, indented, one line end at its end."""
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def _summary(summary: AuditSummary) -> dict[str, object]:
    return {
        "customers": summary.customers,
        "ok": summary.ok,
        "missing": summary.missing,
        "invalid": summary.invalid,
        "not_applicable": summary.not_applicable,
        "doubtful": summary.doubtful,
        "invoices_at_risk": summary.invoices_at_risk,
        "amount_at_risk": f"{summary.amount_at_risk:.2f}",
    }


def _finding(finding: KvkFinding, language: str) -> dict[str, object]:
    customer = finding.customer
    document: dict[str, object] = {
        "customer": {
            "id": customer.id,
            "code": customer.code,
            "name": customer.name,
            "country": customer.country,
            "postcode": customer.postcode,
            "city": customer.city,
        },
        "kvk": finding.kvk,
        "status": finding.status.value,
        "detail": detail(finding, language),
        "proposal": finding.proposal,
        "last_invoice_date": finding.last_invoice_date.isoformat() if finding.last_invoice_date else None,
        "invoices_12m": finding.invoices_12m,
        "amount_12m": f"{finding.amount_12m:.2f}",
    }
    if finding.change is not None:
        before = finding.before
        document["change"] = finding.change.value
        document["before"] = None if before is None else {"status": before.status.value, "kvk": before.kvk}
    return document
