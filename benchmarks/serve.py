"""The sandbox without limits, in a process of its own, with a pause before each answer for the way over a network.

Called with the number of customers and the pause in milliseconds; otherwise as `connector sandbox`.
"""

import sys
import time

from connector.exact_sandbox import SandboxOptions, serve_forever
from connector.exact_sandbox.api import Api
from connector.exact_sandbox.http import Answer, Request


def answer_after(seconds: float) -> None:
    """Let every answer of this process come so much later; they do not wait for each other."""
    at_once = Api.answer

    def later(self: Api, request: Request) -> Answer:
        time.sleep(seconds)
        return at_once(self, request)

    Api.answer = later  # type: ignore[method-assign]  # the one way in


def main() -> None:
    """Serve until told to stop."""
    customers, pause_ms = (int(word) for word in sys.argv[1:])
    if pause_ms:
        answer_after(pause_ms / 1000)
    serve_forever(SandboxOptions(customers=customers, limits=False), sys.stdout)


if __name__ == "__main__":
    main()
