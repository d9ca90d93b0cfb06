"""`bench minute`: how fully writes use the calls that Exact allows per minute, and whether any goes over.

The sandbox runs with a shortened minute; the writes go through the client and the stored budget of an installation, as
those of the set-up do. The sandbox counts: it allows 60 calls per clock minute, and its day and errors as ever.
"""

import argparse
import json
import logging
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import structlog

from benchmarks.installation import install
from benchmarks.measuring import machine, show_table
from benchmarks.site import DIVISION, Site
from connector.exact.budget import Priority
from connector.exact_sandbox import SandboxOptions, SandboxServer
from connector.exact_sandbox.limits import PER_MINUTE

TOO_MANY = 429


def main() -> None:
    """Write, print the table and the JSON line."""
    parser = argparse.ArgumentParser(prog="bootstrap.py bench minute", description="Use of the calls per minute.")
    parser.add_argument("--writes", type=int, default=600)
    parser.add_argument("--speed", type=float, default=10, help="10: a minute of the sandbox lasts 6 seconds")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    minute = 60 / chosen.speed
    options = SandboxOptions(speed=chosen.speed, customers=60, invoices=0)
    with SandboxServer(options) as server, tempfile.TemporaryDirectory() as folder:
        site = Site(base_url=server.base_url, client_id=server.client_id, client_secret=server.client_secret)
        accounts = [str(row["ID"]) for row in server.state.accounts(DIVISION)]
        with install(Path(folder), site) as wiring:
            [division] = wiring.pinned()
            client = wiring.exact(division, priority=Priority.SETUP)
            time.sleep(minute - time.time() % minute)  # the calls of connecting are not of these minutes
            server.reset_calls()
            first = int(time.time() // minute)
            started = datetime.now(UTC)
            for number in range(chosen.writes):
                client.put("crm/Accounts", accounts[number % len(accounts)], {"Phone": f"085-555{number:04d}"})
            seconds = (datetime.now(UTC) - started).total_seconds()
        minutes = int(time.time() // minute) - first + 1
        calls, refused = server.calls(DIVISION, "PUT"), server.refusals(TOO_MANY)
    share = chosen.writes / (PER_MINUTE * minutes)
    show_table(
        ["writes", "calls", "refused (429)", "seconds", "minutes begun", "at least", "share of the allowed calls"],
        [
            [
                str(chosen.writes),
                str(calls),
                str(refused),
                f"{seconds:.1f}",
                str(minutes),
                str(-(-chosen.writes // PER_MINUTE)),
                f"{share:.1%}",
            ]
        ],
    )
    result = {
        "benchmark": "minute",
        "writes": chosen.writes,
        "speed": chosen.speed,
        "calls": calls,
        "refused": refused,
        "seconds": round(seconds, 2),
        "minutes": minutes,
        "share": round(share, 4),
    }
    print(json.dumps({**result, "machine": machine()}))


if __name__ == "__main__":
    main()
