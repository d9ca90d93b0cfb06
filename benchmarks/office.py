"""`bench office`: the plan and the KvK report of a large office, as commands, from start to exit.

Two offices that differ in size alone are filled (`fill_office`, not timed); then each command runs in a fresh process
on each, in turns, and the best of the turns counts. What the larger one costs beyond starting up is held against the
smaller one: 10 for ten times the customers is linear.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measuring import MEBIBYTE, RSS_UNIT, machine, show_table

PEAK_BYTES = 300_000_000
"""The most memory that any of them may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A command, and what it may take for 20,000 customers."""

    words: tuple[str, ...]
    seconds: float | None = None
    """None: it is only shown."""

    @property
    def name(self) -> str:
        """As a user types it."""
        return " ".join(self.words)


START = Task(words=("connections", "--json"))
"""Does next to nothing: starts, opens the database, reads the one division."""
_REPORT = ("audit", "kvk", "--format")
TASKS = (
    START,
    Task(words=("setup", "plan", "--json"), seconds=5),
    Task(words=(*_REPORT, "json"), seconds=3),
    Task(words=(*_REPORT, "xlsx"), seconds=10),
    Task(words=(*_REPORT, "html")),
    Task(words=(*_REPORT, "pdf")),
    Task(words=(*_REPORT, "pdf", "--all")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one run took, from start to exit."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def main() -> None:
    """Fill, measure, print the table and the JSON line."""
    parser = argparse.ArgumentParser(prog="bootstrap.py bench office", description="Plan and report of a large office.")
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--fewer", type=int, default=2_000, help="customers of the office it is held against")
    parser.add_argument("--turns", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = _environment(folder)
        few, many = (_fill(folder / str(count), count) for count in (chosen.fewer, chosen.customers))
        _run(START, few, environment)  # compiles the modules, as an installation has them
        turns = [
            {task: (_run(task, few, environment), _run(task, many, environment)) for task in TASKS}
            for _ in range(chosen.turns)
        ]
    found = {
        task: (_best([turn[task][0] for turn in turns]), _best([turn[task][1] for turn in turns])) for task in TASKS
    }
    result = {"benchmark": "office", "customers": chosen.customers, "fewer": chosen.fewer, "turns": chosen.turns}
    print(json.dumps({**result, "commands": _show(found), "machine": machine()}))


def _environment(folder: Path) -> dict[str, str]:
    """Settings that the set-up needs, and a place for compiled modules, where the caller's wishes do not count."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return environment | {
        "CONNECTOR_SETUP_UPLOAD_ADDRESS": "00000000000000000000@uploads.is",
        "CONNECTOR_SETUP_ATTACHMENT_TYPE": "4097",
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
    }


def _fill(folder: Path, customers: int) -> Path:
    """Fill an installation in a process of its own: on Linux a child's peak is never below what its parent had."""
    folder.mkdir()
    print(f"filling an office of {customers} customers; takes minutes", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "benchmarks.fill_office", str(customers), str(folder)], check=True)
    return folder


def _run(task: Task, folder: Path, environment: Mapping[str, str]) -> Cost:
    command = [sys.executable, "-m", "connector", "--quiet", "--config", str(folder / "config.toml"), *task.words]
    with (folder / "output").open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"error: {task.name} ended with exit code {process.returncode}")
    return Cost(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_mib=usage.ru_maxrss * RSS_UNIT / MEBIBYTE,
    )


def _best(costs: Sequence[Cost]) -> Cost:
    """The least time, as a busy machine only ever makes slower, and the highest peak."""
    return Cost(
        seconds=min(cost.seconds for cost in costs),
        cpu_seconds=min(cost.cpu_seconds for cost in costs),
        peak_mib=max(cost.peak_mib for cost in costs),
    )


def _show(found: Mapping[Task, tuple[Cost, Cost]]) -> dict[str, dict[str, Any]]:
    """Print a line per command; returns them with whether the bars are kept."""
    start = min(cost.cpu_seconds for cost in found[START])  # no matter how large the office is
    rows, result = [], {}
    for task, (few, many) in found.items():
        growth = None
        if task is not START and few.cpu_seconds > start:
            growth = (many.cpu_seconds - start) / (few.cpu_seconds - start)
        kept = (task.seconds is None or many.seconds < task.seconds) and many.peak_mib * MEBIBYTE < PEAK_BYTES
        rows.append(
            [
                task.name,
                "" if task.seconds is None else f"{task.seconds:g}",
                f"{many.seconds:.1f}",
                f"{many.cpu_seconds:.1f}",
                f"{many.peak_mib:.0f}",
                f"{few.cpu_seconds:.1f}",
                "" if growth is None else f"{growth:.1f}",
                "yes" if kept else "no",
            ]
        )
        result[task.name] = {
            "bar_seconds": task.seconds,
            "seconds": round(many.seconds, 2),
            "cpu_seconds": round(many.cpu_seconds, 2),
            "peak_mib": round(many.peak_mib, 1),
            "cpu_seconds_fewer": round(few.cpu_seconds, 2),
            "growth": None if growth is None else round(growth, 1),
            "kept": kept,
        }
    heads = ["command", "bar s", "seconds", "own CPU s", "peak MiB", "CPU s, fewer", "growth", "bars kept"]
    show_table(heads, rows)
    return result


if __name__ == "__main__":
    main()
