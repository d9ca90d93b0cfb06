"""An Exact Online look-alike over HTTP on 127.0.0.1, with seeded worlds that know what a right connector finds.

Imports nothing else of `connector`, so that one misreading of Exact does not confirm itself. The facts emulated
are those of exact-online-api.md; each carries its certainty tag there, and here where it decides behaviour.
Start reading at `server` (the HTTP side), `world` (what is in it) and `expectations` (what should come of it).
"""

from connector.exact_sandbox.faults import WrongFault
from connector.exact_sandbox.mailbox import Mailbox, ReceivedMail
from connector.exact_sandbox.options import SandboxOptions
from connector.exact_sandbox.sandbox import Sandbox
from connector.exact_sandbox.server import SandboxServer, serve_forever
from connector.exact_sandbox.world import World, build_world

__all__ = [
    "Mailbox",
    "ReceivedMail",
    "Sandbox",
    "SandboxOptions",
    "SandboxServer",
    "World",
    "WrongFault",
    "build_world",
    "serve_forever",
]
