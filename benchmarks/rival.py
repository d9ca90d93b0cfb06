"""`bench rival`: reading and checking beside the official rules, where somebody has these as compiled XSLT.

Saxon (saxonche) runs the stylesheets in a process of its own, we read and check in this one. Both start from the file,
both count their own CPU time, and the best turn of each counts. The stylesheets are compiled once, untimed. A set that
is published in parts is given as several files.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.conformance import Tally, fatal_of, ours, share
from benchmarks.measuring import machine, show_table
from connector.errors import Misconfigured, Permanent
from connector.ingest.checks import FORMATS
from connector.ingest.ubl import read_invoice

HOUSE = Path(__file__).parents[1]
CORPUS = HOUSE.parent / "shared" / "corpus"
SAMPLES = HOUSE / "tests" / "samples" / "ubl"
HELD_TO = {
    "en16931": (
        "nlcius",
        "si-ubl-2.0-gaccount",
        "peppol-bis-3",
        "peppol-bis-3-selfbilling",
        "xrechnung-3.0",
        "en16931-other-cius",
    ),
    "nlcius": ("si-ubl-2.0-gaccount",),
}
"""The other formats that promise to keep the rules of a format: e-invoicing.md section 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one side made of the invoices."""

    seconds: float
    """Of its own CPU, in its best turn."""
    fatal: list[set[str]]
    """The ids of each invoice's fatal findings."""


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print the table, what differs and the JSON line."""
    parser = argparse.ArgumentParser(prog="bootstrap.py bench rival", description="Our rules beside the official ones.")
    parser.add_argument("stylesheets", type=Path, nargs="+", help="compiled Schematron; the parts of one rule set")
    parser.add_argument("--rules", choices=sorted(FORMATS), default="en16931", help="our rules (default: en16931)")
    parser.add_argument("--corpus", type=Path, help="a folder of UBL invoices, at any depth")
    parser.add_argument("--all", action="store_true", help="also files that never promised to keep these rules")
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args(words)
    try:
        refuse_missing(asked.stylesheets)
        paths = choose(asked.corpus or (CORPUS if CORPUS.is_dir() else SAMPLES), None if asked.all else asked.rules)
        rival = ask_saxon(asked.stylesheets, paths, asked.turns)
    except Misconfigured as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return error.exit_code
    show(paths, rival, judge(paths, asked.rules, asked.turns), asked.rules)
    return 0


def refuse_missing(stylesheets: Sequence[Path]) -> None:
    """Say what is not there, before anything is measured.

    Raises:
        Misconfigured: Saxon or a stylesheet is missing.
    """
    for path in stylesheets:
        if not path.is_file():
            raise Misconfigured(
                f"no stylesheet at {path.resolve()}",
                hint="give the compiled XSLT of the rules you have, such as EN16931-UBL-validation.xslt",
            )
    if importlib.util.find_spec("saxonche") is None:
        raise Misconfigured(
            "saxonche is not installed, which runs the stylesheets",
            hint="python3 bootstrap.py bench installs it with what development needs",
        )


def choose(folder: Path, rules: str | None) -> list[Path]:
    """The XML files below a folder that promise to keep these rules; None: all of them.

    Raises:
        Misconfigured: there are none.
    """
    paths = sorted(folder.rglob("*.xml"))
    if rules is not None:
        paths = [path for path in paths if format_of(path) in (rules, *HELD_TO.get(rules, ()))]
    if not paths:
        raise Misconfigured(
            f"no invoices of {rules or 'any format'} below {folder.resolve()}",
            hint="choose a folder with --corpus, a format with --rules, or every file with --all",
        )
    return paths


def format_of(path: Path) -> str | None:
    """The format that an invoice claims; None: it cannot be read."""
    try:
        return read_invoice(path.read_bytes()).format
    except Permanent:
        return None


def ask_saxon(stylesheets: Sequence[Path], paths: Sequence[Path], turns: int) -> Judgement:
    """Let Saxon judge, in a fresh process.

    Raises:
        Misconfigured: a stylesheet is none, or gives no report of Schematron.
    """
    question = {"stylesheets": texts(stylesheets), "invoices": texts(paths), "turns": turns}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.judge_saxon"],
        input=json.dumps(question),
        cwd=HOUSE,
        capture_output=True,  # each invoice that a stylesheet stops on is told of on stderr
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"error: Saxon ended with exit code {done.returncode}\n{done.stderr[-2000:]}")
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise Misconfigured(answer["error"], hint="compiled Schematron is asked for, not the .sch it was made from")
    return Judgement(seconds=answer["seconds"], fatal=[ours(set(ids)) for ids in answer["fatal"]])


def texts(paths: Sequence[Path]) -> list[str]:
    """Paths that another process can open, wherever it runs."""
    return [str(path.resolve()) for path in paths]


def judge(paths: Sequence[Path], rules: str, turns: int) -> Judgement:
    """Read and check them here."""
    best, fatal = float("inf"), []
    for _ in range(turns):
        started = time.process_time()
        fatal = [fatal_of(path.read_bytes(), rules) for path in paths]
        best = min(best, time.process_time() - started)
    return Judgement(seconds=best, fatal=fatal)


def show(paths: Sequence[Path], rival: Judgement, connector: Judgement, rules: str) -> None:
    """Print both speeds, how far the verdicts agree, each invoice that differs, and the JSON line."""
    tally = Tally()
    for path, official, found in zip(paths, rival.fatal, connector.fatal, strict=True):
        tally.add(f"{path.parent.name}/{path.name}", official, found)
    times = rival.seconds / connector.seconds
    sides = {"official": rival, "connector": connector}
    refused = {name: sum(map(bool, side.fatal)) for name, side in sides.items()}
    show_table(
        [f"rules of {rules}", "invoices", "refused", "own CPU s", "invoices/s"],
        [
            [name, str(len(paths)), str(refused[name]), f"{side.seconds:.2f}", f"{len(paths) / side.seconds:.0f}"]
            for name, side in sides.items()
        ],
    )
    print(f"\nthe connector is {times:.1f} times as fast")
    same_ids, same_verdict = (share(number, tally.files) for number in (tally.same_ids, tally.same_verdict))
    print(f"same fatal ids: {same_ids}, same verdict: {same_verdict}")
    for line in tally.exceptions:
        print(f"- {line}")
    print(
        json.dumps(
            {
                "benchmark": "rival",
                "rules": rules,
                "invoices": len(paths),
                "refused": refused,
                "seconds": {name: side.seconds for name, side in sides.items()},
                "times_as_fast": times,
                "same_ids": tally.same_ids,
                "same_verdict": tally.same_verdict,
                "differ": tally.exceptions,
                "machine": machine(),
            }
        )
    )


if __name__ == "__main__":
    sys.exit(main())
