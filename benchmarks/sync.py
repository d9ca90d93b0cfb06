"""`bench sync`: customers from Exact into SQLite, beside the PyPI client `exactonline`, and the memory it takes.

All read the same customers and contacts, the same fields, from one sandbox without limits in a process of its own, each
reader in a fresh process, in turns; the best of the turns counts, because a busy machine only ever makes slower.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from benchmarks.measuring import Reading, machine, show_table
from benchmarks.site import Site, serve_customers

CALLS_PER_MINUTE = 60
"""What Exact allows an app per administration (exact-online-api.md 3 [docs])."""
CONNECTOR = "connector"
READERS = {
    CONNECTOR: ["benchmarks.read_connector"],
    "exactonline, crm": ["benchmarks.read_exactonline", "crm"],
    "exactonline, crm, kept": ["benchmarks.read_exactonline", "crm", "keep"],
    "exactonline, sync": ["benchmarks.read_exactonline", "sync"],
}
"""The connector reads, checks and stores. The rival gives a list of dicts; `kept` puts that into SQLite as text.

`crm` is how its users read, `sync` the connector's endpoints, which it has no words for: its raw call.
"""


def run_reader(name: str, site: Site) -> Reading:
    """Let one reader read all, in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", *READERS[name]],
        input=json.dumps(asdict(site)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Reading(**json.loads(done.stdout))


def best(readings: Iterable[Reading]) -> Reading:
    """The least of every cost; rows and calls are the same each time."""
    first, *others = readings
    for other in others:
        if (other.rows, other.calls) != (first.rows, first.calls):
            raise SystemExit(f"error: one turn read {first.rows} rows, another {other.rows}")
        least = {
            name: min(getattr(first, name), getattr(other, name))
            for name in asdict(first)
            if name not in ("rows", "calls")
        }
        first = replace(first, **least)
    return first


def compare(customers: int, turns: int, *, pause_ms: int) -> dict[str, Reading]:
    """All readers in turns on one world."""
    readings: dict[str, list[Reading]] = {name: [] for name in READERS}
    with serve_customers(customers, pause_ms=pause_ms) as site:
        for _ in range(turns):
            for name, found in readings.items():
                found.append(run_reader(name, site))
    return {name: best(found) for name, found in readings.items()}


def main() -> None:
    """Measure, print the tables and the JSON line."""
    parser = argparse.ArgumentParser(prog="bootstrap.py bench sync", description="Rows per second, calls and memory.")
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--many", type=int, default=100_000, help="customers for the second look at memory; 0: none")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument(
        "--pause-ms", type=int, default=50, help="before each answer, in the second comparison; 0: none"
    )
    chosen = parser.parse_args()
    result: dict[str, Any] = {"benchmark": "sync", "customers": chosen.customers, "turns": chosen.turns}
    print("on loopback")
    found = compare(chosen.customers, chosen.turns, pause_ms=0)
    result["loopback"] = show_comparison(found)
    if chosen.pause_ms:
        print(f"\n{chosen.pause_ms} ms before each answer")
        paused = compare(chosen.customers, 1, pause_ms=chosen.pause_ms)
        result[f"pause_{chosen.pause_ms}_ms"] = show_comparison(paused)
    if chosen.many:
        with serve_customers(chosen.many) as site:
            many = run_reader(CONNECTOR, site)
        result["memory"] = show_memory({chosen.customers: found[CONNECTOR], chosen.many: many})
    print(json.dumps({**result, "machine": machine()}))


def show_comparison(found: dict[str, Reading]) -> dict[str, Any]:
    """Print a line per reader; returns them with how many times as fast as each other one the connector is."""
    heads = ["reader", "rows", "calls", "min. at 60/min", "seconds", "own CPU s", "rows/s", "connector is"]
    ours = found[CONNECTOR].rows_per_second
    rows = [
        [
            name,
            str(reading.rows),
            str(reading.calls),
            f"{reading.calls / CALLS_PER_MINUTE:.1f}",
            f"{reading.seconds:.2f}",
            f"{reading.cpu_seconds:.2f}",
            f"{reading.rows_per_second:.0f}",
            "" if name == CONNECTOR else f"{ours / reading.rows_per_second:.2f} x as fast",
        ]
        for name, reading in found.items()
    ]
    show_table(heads, rows)
    ratios = {name: round(ours / reading.rows_per_second, 2) for name, reading in found.items() if name != CONNECTOR}
    return {"readers": {name: asdict(reading) for name, reading in found.items()}, "times_as_fast_as": ratios}


def show_memory(found: dict[int, Reading]) -> dict[str, Any]:
    """Print how much memory each number of customers took; returns it with the ratio of the last to the first."""
    print()
    heads = ["customers", "rows", "peak MiB", "of which while reading"]
    rows = [
        [str(customers), str(reading.rows), f"{reading.peak_mib:.0f}", f"{reading.grown_mib:.0f}"]
        for customers, reading in found.items()
    ]
    show_table(heads, rows)
    few, many = found.values()
    print(f"peak memory, many to few: {many.peak_mib / few.peak_mib:.2f}")
    return {
        "peak_mib": {customers: round(reading.peak_mib, 1) for customers, reading in found.items()},
        "peak_ratio": round(many.peak_mib / few.peak_mib, 3),
    }


if __name__ == "__main__":
    main()
