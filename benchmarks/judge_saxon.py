"""Another judge of invoices for `benchmarks.rival`: compiled Schematron, run by Saxon (PyPI: saxonche).

Reads a JSON object on stdin: `stylesheets` and `invoices` (paths), `turns`. Tells one on stdout: `seconds`, the CPU
time of the best turn, and `fatal`, the ids of each invoice's fatal findings; or `error`, when a stylesheet is none.
Reading a file and making its reports is timed; compiling, and looking through the reports, is not.
"""

import json
import re
import sys
import time
from collections.abc import Sequence
from typing import Any

from saxonche import PySaxonApiError, PySaxonProcessor

from benchmarks.conformance import STOPPED

NOT_FATAL = ("warning", "warn", "information", "info")
"""What rule sets write as `flag`, or as `role`, of a rule that refuses nothing; a rule without either refuses."""
FINDINGS = "/*/(*:failed-assert | *:successful-report)"
IS_REPORT = "exists(/Q{http://purl.oclc.org/dsdl/svrl}schematron-output)"
ID_IN_TEXT = re.compile(r"\s*\[([A-Za-z0-9-]+)\]")
"""Older sets give a rule no id but in its text: [SI-V11-INV-R000]-…"""
NO_NETWORK = ("http://saxon.sf.net/feature/allowedProtocols", "file")


class NoReport(Exception):
    """The stylesheet is compiled from something else than Schematron."""


def main() -> None:
    """Judge what stdin names."""
    asked = json.load(sys.stdin)
    with PySaxonProcessor(license=False) as saxon:
        saxon.set_configuration_property(*NO_NETWORK)
        try:
            compiled = [(name, compile_rules(saxon, name)) for name in asked["stylesheets"]]
            turns = [judge_all(saxon, compiled, asked["invoices"]) for _ in range(asked["turns"])]
        except (PySaxonApiError, NoReport) as error:
            print(json.dumps({"error": str(error).strip()}))
            return
    print(json.dumps({"seconds": min(seconds for seconds, _ in turns), "fatal": turns[0][1]}))


def compile_rules(saxon: Any, name: str) -> Any:
    """Compile a stylesheet as a whole: left alone, Saxon would compile each template when it is first needed."""
    compiler = saxon.new_xslt30_processor()
    compiler.set_jit_compilation(False)
    return compiler.compile_stylesheet(stylesheet_file=name)


def judge_all(
    saxon: Any, compiled: Sequence[tuple[str, Any]], invoices: Sequence[str]
) -> tuple[float, list[list[str]]]:
    """The CPU seconds that all of them took, and the fatal ids of each."""
    seconds, fatal = 0.0, []
    for invoice in invoices:
        started = time.process_time()
        try:
            document = saxon.parse_xml(xml_file_name=invoice)
            reports = [(name, rules.transform_to_value(xdm_node=document)) for name, rules in compiled]
        except PySaxonApiError:
            reports = []
        seconds += time.process_time() - started
        fatal.append(sorted(fatal_of(saxon, reports)) if reports else [STOPPED])
    return seconds, fatal


def fatal_of(saxon: Any, reports: Sequence[tuple[str, Any]]) -> set[str]:
    """Give the ids of the fatal findings of reports in SVRL, the report language of ISO Schematron."""
    found = set()
    look = saxon.new_xpath_processor()
    for name, report in reports:
        if report is not None:
            look.set_context(xdm_item=report.head)
        if report is None or not look.effective_boolean_value(IS_REPORT):
            raise NoReport(f"{name} gives no report of Schematron (SVRL)")
        for finding in look.evaluate(FINDINGS) or ():
            severity = finding.get_attribute_value("flag") or finding.get_attribute_value("role") or "fatal"
            if severity.lower() not in NOT_FATAL:
                found.add(id_of(finding))
    return found


def id_of(finding: Any) -> str:
    """The id of the rule, else what its text has between brackets, else its text."""
    text = finding.string_value
    in_text = ID_IN_TEXT.match(text)
    return finding.get_attribute_value("id") or (in_text[1] if in_text else " ".join(text.split())[:60])


if __name__ == "__main__":
    main()
