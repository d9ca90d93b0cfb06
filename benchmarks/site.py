"""The sandbox in a process of its own, so that its processor time is not the client's, and where it is."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from connector.exact_sandbox.world import FIRST_DIVISION

DIVISION = FIRST_DIVISION
CALLBACK = "http://127.0.0.1:9/callback"
"""Where the consent page sends the browser; nobody listens, its query is read off the redirect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running sandbox, and the app that is registered there."""

    base_url: str
    client_id: str
    client_secret: str


@contextmanager
def serve_customers(customers: int, *, pause_ms: int = 0) -> Iterator[Site]:
    """Run the sandbox with so many customers in its one division for the block, `pause_ms` before each answer."""
    command = [sys.executable, "-m", "benchmarks.serve", str(customers), str(pause_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = []
            for line in process.stdout:
                if line.strip() == "ready":
                    break
                lines.append(line)
            else:
                raise SystemExit("error: the sandbox did not start; see above")
            exact = tomllib.loads("".join(lines))["exact"]
            yield Site(**{name: exact[name] for name in ("base_url", "client_id", "client_secret")})
        finally:
            process.terminate()
