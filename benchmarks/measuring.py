"""What a benchmark measures and how it shows it. What is measured is left to each benchmark."""

import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""`ru_maxrss` is in KiB on Linux and in bytes on macOS. Source: getrusage(2) of both."""
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one process did: rows that it read in so many calls, and what that cost it."""

    rows: int
    calls: int
    seconds: float
    """On the wall clock, the serving included."""
    cpu_seconds: float
    """Of this process alone."""
    peak_mib: float
    """The largest resident size of this process so far."""
    grown_mib: float
    """How much of that came while it read."""

    @property
    def rows_per_second(self) -> float:
        """Rows in one second of the wall clock."""
        return self.rows / self.seconds


def measure(read: Callable[[], tuple[int, int]]) -> Reading:
    """Run `read`, which returns its rows and calls. Only in a process that does nothing else: a peak never falls."""
    peak_before, cpu_before, started = peak_mib(), time.process_time(), time.perf_counter()
    rows, calls = read()
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_before
    peak = peak_mib()
    return Reading(
        rows=rows,
        calls=calls,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        peak_mib=peak,
        grown_mib=peak - peak_before,
    )


def peak_mib() -> float:
    """The largest resident size that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / MEBIBYTE


def tell(reading: Reading) -> None:
    """Hand a reading to the process that asked for it: one JSON line on stdout."""
    print(json.dumps(asdict(reading)))


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def show_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns, the first to the left, the others to the right."""
    widths = [max(len(row[place]) for row in [heads, *rows]) for place in range(len(heads))]
    for row in [heads, *rows]:
        cells = [
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
