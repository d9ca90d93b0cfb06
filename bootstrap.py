#!/usr/bin/env python3
"""Makes the environment of the connector and runs its tasks; standard library only.

    python3 bootstrap.py            make .venv with the command `connector` in it
    python3 bootstrap.py demo       the whole job on the built-in sandbox (more words go to `connector demo`)
    python3 bootstrap.py test       all tests (more words go to pytest instead)
    python3 bootstrap.py check      lint, formatting, types, import map
    python3 bootstrap.py bench      the benchmarks there are; `bench NAME` runs one

Every task first makes .venv when it is missing or when a lock file has changed.
"""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
STAMP = VENV / "installed"
RUNTIME, DEVELOPMENT = "requirements.lock", "requirements-dev.lock"


def main(words: list[str]) -> int:
    """Run one task and return its exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036  # this file is what an older Python is asked to run first
        print("error: Python 3.11 or newer is needed; this is " + sys.version.split()[0], file=sys.stderr)
        return 2
    task, rest = (words[0], words[1:]) if words else ("", [])
    if task in {"-h", "--help", "help"}:
        print(__doc__)
        return 0
    tasks = {
        "": (RUNTIME, [[]]),
        "demo": (RUNTIME, [["-m", "connector", "demo", *rest]]),
        "test": (DEVELOPMENT, [["-m", "pytest", *(rest or ["-n", "2", "-q"])]]),
        "check": (DEVELOPMENT, CHECKS),
        "bench": (DEVELOPMENT, [BENCHMARKS[rest[0]][1] + rest[1:]] if rest and rest[0] in BENCHMARKS else []),
    }
    if task == "bench" and not rest:
        for name, (what, _) in BENCHMARKS.items():
            print(f"{name:13}{what}")
        return 0
    if task not in tasks or (task == "bench" and rest[0] not in BENCHMARKS):
        print(f"error: unknown task: {' '.join(words)}\n{__doc__}", file=sys.stderr)
        return 2
    lock, commands = tasks[task]
    make_environment(lock)
    if not task:
        print(f"ready: {BIN / 'connector'}")
        return 0
    environment = dict(os.environ)
    if task == "bench":
        environment.setdefault("SOAK_ROUNDS", "10")
    codes = [run([python(), *command], environment) for command in commands if command]
    return max(codes, default=0)


CHECKS = [
    ["-m", "ruff", "check", "."],
    ["-m", "ruff", "format", "--check", "."],
    ["-m", "mypy"],
    ["-c", "from importlinter.cli import lint_imports_command as c; c()"],
]


BENCHMARKS = {
    "sync": (
        "customers from Exact into SQLite beside another client, and the memory it takes",
        ["-m", "benchmarks.sync"],
    ),
    "minute": ("how fully writes use the calls that Exact allows per minute", ["-m", "benchmarks.minute"]),
    "ingest": (
        "reading and checking invoices, as a multiple of lxml's bare parse of the same bytes",
        ["-m", "benchmarks.ingest"],
    ),
    "rival": (
        "the same beside the official rules, where you have them: bench rival RULES.xslt",
        ["-m", "benchmarks.rival"],
    ),
    "office": (
        "the plan and the KvK report of 20,000 customers: seconds, memory, and how they grow",
        ["-m", "benchmarks.office"],
    ),
    "conformance": (
        "how far our verdict on invoices agrees with the official rule sets; needs the corpus",
        ["-m", "benchmarks.conformance"],
    ),
    "soak": ("the tests with random kills, with their full number of rounds", ["-m", "pytest", "-m", "soak", "-v"]),
}
"""What each is about, and its command; more words go to it. Figures: docs/performance.md."""


def python() -> str:
    """The interpreter inside .venv."""
    return str(BIN / ("python.exe" if os.name == "nt" else "python"))


def make_environment(lock: str) -> None:
    """Create .venv and install what `lock` names, hashes checked; nothing happens when that was done before."""
    wanted = {name: hashlib.sha256((HERE / name).read_bytes()).hexdigest() for name in (RUNTIME, DEVELOPMENT)}
    wanted["project"] = hashlib.sha256((HERE / "pyproject.toml").read_bytes()).hexdigest()
    stamp = [f"{lock} {wanted[lock]} {wanted['project']}" for lock in (lock, DEVELOPMENT)]
    usable = VENV.exists() and quiet([python(), "-c", "import pip"])
    if usable and STAMP.exists() and STAMP.read_text().strip() in stamp:
        return
    print("making .venv (once; takes a minute or two) …", file=sys.stderr, flush=True)
    if not usable:
        venv.EnvBuilder(with_pip=True, clear=True).create(VENV)
    STAMP.unlink(missing_ok=True)
    pip = [python(), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    for command in (
        [*pip, "--require-hashes", "-r", str(HERE / lock)],
        [*pip, "--no-deps", "--no-build-isolation", "-e", str(HERE)],
    ):
        if run(command, dict(os.environ)) != 0:
            raise SystemExit("error: the installation failed; see above. hint: is a package index reachable?")
    STAMP.write_text(stamp[0] + "\n")


def quiet(command: list[str]) -> bool:
    """Whether `command` runs and ends well; prints nothing."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(command: list[str], environment: dict[str, str]) -> int:
    """Run `command` in the project's folder and return its exit code."""
    try:
        return subprocess.run(command, cwd=HERE, env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
