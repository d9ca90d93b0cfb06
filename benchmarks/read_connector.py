"""One reader for `benchmarks.sync`: the connector itself, into a SQLite file with the real tables.

Reads where the sandbox is as JSON on stdin, tells its reading on stdout.
"""

import json
import logging
import sys
import tempfile
from pathlib import Path

import structlog

from benchmarks.installation import install
from benchmarks.measuring import measure, tell
from benchmarks.site import Site
from connector.storage import customers
from connector.usecases.sync_division import sync_cards


def main() -> None:
    """Read all customers and contacts of the division as the first sync does."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    site = Site(**json.load(sys.stdin))
    with tempfile.TemporaryDirectory() as folder, install(Path(folder), site) as wiring:
        [division] = wiring.pinned()
        client = wiring.exact(division)

        def read() -> tuple[int, int]:
            sync_cards(wiring.database, client, division.code, clock=wiring.clock)
            with wiring.database.reading() as session:
                rows = customers.count(session, division.code) + customers.count_contacts(session, division.code)
            return rows, client.calls

        tell(measure(read))


if __name__ == "__main__":
    main()
