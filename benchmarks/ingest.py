"""`bench ingest`: what reading and checking an invoice costs, as a multiple of lxml's bare parse of the same bytes.

Two questions: how much a mixed bag of real invoices costs (the corpora beside the repository where they are, else our
samples), and whether the cost grows with the lines and no faster. Everything runs in this process, in turns; of each
invoice the best turn counts, so that what else the machine does weighs on the short measurements and the long alike.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lxml import etree

from benchmarks.measuring import machine, show_table
from connector import identifiers
from connector.errors import Permanent
from connector.ingest import ubl
from connector.ingest.checks import check_invoice
from connector.ingest.ubl import read_invoice

HOUSE = Path(__file__).parents[1]
SAMPLES = HOUSE / "tests" / "samples" / "ubl"
CORPUS = HOUSE.parent / "shared" / "corpus"
LINES = (10, 100, 1000, 10_000)
REMEMBERING = (ubl._decimal, identifiers._has_right_digits)
LINE_END = b"</cac:InvoiceLine>"


def main() -> None:
    """Measure, print the tables and the JSON line."""
    parser = argparse.ArgumentParser(prog="bootstrap.py bench ingest", description="Reading and checking invoices.")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="a folder of UBL invoices, at any depth")
    chosen = parser.parse_args()
    found = readable(chosen.corpus) if chosen.corpus.is_dir() else []
    sets = {f"{len(found)} real invoices": found} if found else {}
    sets["our samples"] = readable(SAMPLES)
    sets |= {f"one of {number:,} lines": [with_lines(number)] * (LINES[-1] // number) for number in LINES}
    rows = {name: measure(xmls, chosen.turns) for name, xmls in sets.items()}
    show_table(
        ["", "invoices", "MB", "bare parse, ms", "read, x", "check, x", "both, x"],
        [
            [
                name,
                str(len(sets[name])),
                f"{sum(map(len, sets[name])) / 1e6:.1f}",
                f"{1000 * row['bare']:.1f}",
                f"{row['read'] / row['bare']:.1f}",
                f"{(row['both'] - row['read']) / row['bare']:.1f}",
                f"{row['both'] / row['bare']:.1f}",
            ]
            for name, row in rows.items()
        ],
    )
    shortest, longest = (rows[f"one of {number:,} lines"] for number in (LINES[0], LINES[-1]))
    growth = longest["both"] / shortest["both"]
    print(f"\nthe same lines in one invoice of {LINES[-1]:,} cost {growth:.2f} times what they cost in invoices of ten")
    print(json.dumps({"benchmark": "ingest", "machine": machine(), "seconds": rows, "growth": growth}))


def readable(folder: Path) -> list[bytes]:
    """The invoices below a folder that can be read; broken ones would be cheap."""
    found = []
    for path in sorted(folder.rglob("*.xml")):
        xml = path.read_bytes()
        try:
            read_invoice(xml)
        except Permanent:
            continue
        found.append(xml)
    return found


def with_lines(number: int) -> bytes:
    """Our NLCIUS sample with this many lines, all alike."""
    xml = (SAMPLES / "nlcius-invoice.xml").read_bytes()
    start = xml.index(b"<cac:InvoiceLine>")
    line = xml[start : xml.index(LINE_END) + len(LINE_END)]
    return xml[:start] + line * number + xml[xml.rindex(LINE_END) + len(LINE_END) :]


def measure(xmls: Sequence[bytes], turns: int) -> dict[str, float]:
    """Seconds for all of them: parsed barely; parsed and read; parsed, read and checked; the best turn of each.

    What is remembered of one invoice for the next, as that a VAT number is right, is forgotten before each turn.
    """
    ways: dict[str, Callable[[bytes], object]] = {"bare": etree.fromstring, "read": read_invoice, "both": check_invoice}
    best = {name: [float("inf")] * len(xmls) for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            for remembering in REMEMBERING:
                remembering.cache_clear()
            for place, xml in enumerate(xmls):
                started = time.perf_counter()
                way(xml)
                best[name][place] = min(best[name][place], time.perf_counter() - started)
    return {name: sum(seconds) for name, seconds in best.items()}


if __name__ == "__main__":
    main()
