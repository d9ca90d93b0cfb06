"""A process that reads what strangers send, within limits that the operating system keeps.

Asks come on stdin (length of the name, length of the content, both; then name and content), a line of JSON answers
each. It is killed when one takes more than its CPU seconds, and answers with what it took at most in memory.
"""

import json
import resource
import signal
import struct
import sys
import traceback
from pathlib import Path

from connector.errors import InvoiceUnreadable, NotAnInvoice
from connector.ingest.checks import check_invoice
from connector.ingest.unpack import pair, unpack

MEGABYTE = 1024 * 1024


def read(name: str, content: bytes) -> dict[str, object]:
    """Unpack, read and check, as `connector ingest` does, and say what came of each XML."""
    unpacked = unpack(name, content)
    outcomes: list[str] = []
    rules: set[str] = set()
    for package in pair(unpacked.files):
        if package.xml is None:
            continue
        try:
            _, findings = check_invoice(package.xml.content)
        except InvoiceUnreadable as error:
            outcomes.append(error.code)
        except NotAnInvoice:
            outcomes.append("no invoice")
        else:
            outcomes.append("read")
            rules |= {finding.rule for finding in findings}
    return {
        "files": [file.name for file in unpacked.files][:10],
        "outcomes": outcomes[:10],
        "rules": sorted(rules),
        "trouble": list(unpacked.trouble),
    }


def peak() -> int:
    """Give the megabytes of this program at most; `ru_maxrss` would count what its parent once had as well."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def main(seconds: float, megabytes: int) -> None:
    """Answer until stdin ends."""
    size = megabytes * MEGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    while lengths := sys.stdin.buffer.read(8):
        name_length, content_length = struct.unpack("<II", lengths)
        name = sys.stdin.buffer.read(name_length).decode()
        content = sys.stdin.buffer.read(content_length)
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        try:
            answer = read(name, content)
        except BaseException:  # whatever it is, the test shall see it
            answer = {"raised": traceback.format_exc()}
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        answer["megabytes"] = peak()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
