"""What holds for the house as a whole: locks, starter, examples and pages, and no paths of somebody's machine."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import connector
from connector.settings import known_keys

HOUSE = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}")
REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^ ;]+( ; [^\\]+)?")
TEXT = {".py", ".md", ".toml", ".txt", ".in", ".lock", ".yaml", ".yml", ".svg", ".csv", ".json", ".xml", ""}
PRIVATE_PLACES = re.compile(rb"(?<![\w.])/(?:home/[a-z]|Users/[A-Za-z]|root/|work/|mnt/)|[A-Z]:\\\\Users")


def requirements(lock: str) -> list[list[str]]:
    """Each requirement of a lock with its continued lines, comments left out."""
    lines = [
        line for line in (HOUSE / lock).read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")
    ]
    found: list[list[str]] = []
    for line in lines:
        if line.startswith(" ") and found:
            found[-1].append(line.removesuffix(" \\"))
        elif line:
            found.append([line.removesuffix(" \\")])
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_name_no_host(lock: str) -> None:
    """A lock says what is installed, not from where: no address and no option of an index."""
    text = (HOUSE / lock).read_text(encoding="utf-8")

    assert [
        word for word in ("://", "--index", "--extra-index", "--find-links", "--trusted", " @ ") if word in text
    ] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_requirement_is_pinned_and_hashed(lock: str) -> None:
    """Each requirement has one version and at least one hash, and nothing else."""
    loose = [
        first
        for first, *rest in requirements(lock)
        if not REQUIREMENT.fullmatch(first) or not rest or not all(HASH.fullmatch(line) for line in rest)
    ]

    assert loose == []


def test_development_lock_holds_the_runtime_lock() -> None:
    """What is tested is what is installed: every runtime pin stands in the development lock too."""
    runtime, development = ({first for first, *_ in requirements(lock)} for lock in LOCKS)

    assert runtime - development == set()


def test_every_dependency_is_locked() -> None:
    """Each dependency of pyproject.toml has its pin."""
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[<>=;\[ ]", name)[0].lower() for name in project["dependencies"]}

    assert wanted - {first.partition("==")[0].lower() for first, *_ in requirements(LOCKS[0])} == set()


def tracked() -> list[Path]:
    """The files of the repository, those that are not yet added included."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=HOUSE,
        capture_output=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("this is no git working copy")
    paths = [HOUSE / name.decode() for name in listing.stdout.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def test_no_file_names_somebody_s_own_folders() -> None:
    """No file holds a path of the machine that it was written on."""
    found = [
        f"{path.relative_to(HOUSE)}: {line.strip()[:100]!r}"
        for path in tracked()
        if path.suffix in TEXT and path != Path(__file__)
        for line in path.read_bytes().splitlines()
        if PRIVATE_PLACES.search(line)
    ]

    assert found == []


def test_nothing_secret_or_local_is_tracked() -> None:
    """Settings, keys and databases of an installation stay out of the repository."""
    names = {path.name for path in tracked()}

    assert names & {"config.toml", "connector.key", "connector.db", "sandbox.db", "uv.lock", "pylock.toml"} == set()


def tasks_of_bootstrap() -> set[str]:
    """The words that bootstrap.py knows, read from its table of tasks."""
    tree = ast.parse((HOUSE / "bootstrap.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == ["tasks"]:
            assert isinstance(node.value, ast.Dict)
            return {str(key.value) for key in node.value.keys if isinstance(key, ast.Constant)}
    raise AssertionError("bootstrap.py has no table of tasks")


@pytest.mark.parametrize("page", [*sorted(HOUSE.rglob("docs/**/*.md")), HOUSE / "README.md", HOUSE / ".ci" / "run"])
def test_documented_tasks_exist(page: Path) -> None:
    """Every `bootstrap.py WORD` that a page tells people to type is a task."""
    words = re.findall(r"python3? bootstrap\.py +([a-z]+)", page.read_text(encoding="utf-8"))

    assert set(words) - tasks_of_bootstrap() == set()


def test_readme_shows_the_two_commands() -> None:
    """The README starts with the demo and the tests."""
    readme = (HOUSE / "README.md").read_text(encoding="utf-8")

    assert [f"python3 bootstrap.py {task}" in readme for task in ("demo", "test")] == [True, True]


def test_landing_checks_and_tests() -> None:
    """.ci/run can be run, and calls the checks and the tests."""
    script = HOUSE / ".ci" / "run"
    lines = script.read_text(encoding="utf-8").splitlines()

    assert script.stat().st_mode & 0o111
    assert [any(line.startswith(f"python3 bootstrap.py {task}") for line in lines) for task in ("check", "test")] == [
        True,
        True,
    ]


def test_starter_refuses_unknown_tasks() -> None:
    """`bootstrap.py nonsense` says what it knows and ends with 2, before it installs anything."""
    ended = subprocess.run(
        [sys.executable, "bootstrap.py", "nonsense"], cwd=HOUSE, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, "nonsense" in ended.stderr) == (2, True)


def test_starter_lists_the_benchmarks() -> None:
    """`bootstrap.py bench` names every benchmark there is, before it installs anything."""
    ended = subprocess.run([sys.executable, "bootstrap.py", "bench"], cwd=HOUSE, capture_output=True, text=True)
    runnable = {
        path.stem for path in (HOUSE / "benchmarks").glob("*.py") if "ArgumentParser" in path.read_text("utf-8")
    }

    assert ended.returncode == 0
    assert {line.split()[0] for line in ended.stdout.splitlines()} == runnable | {"soak"}


def test_starter_needs_the_standard_library_only() -> None:
    """bootstrap.py runs before anything is installed."""
    tree = ast.parse((HOUSE / "bootstrap.py").read_text(encoding="utf-8"))
    plain = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    other = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {name.partition(".")[0] for name in plain | other} - sys.stdlib_module_names == set()


def modules() -> Iterator[str]:
    """Every module of the package but those that are run and those that alembic runs."""
    for module in pkgutil.walk_packages(connector.__path__, "connector."):
        if not module.name.endswith("__main__") and ".migrations" not in module.name:
            yield module.name


@pytest.mark.parametrize("name", list(modules()))
def test_examples_in_docstrings_are_right(name: str) -> None:
    """Every doctest shows what the code does."""
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)

    assert results.failed == 0


def test_there_are_examples() -> None:
    """The package has doctests at all, so that the claim above is not empty."""
    finder = doctest.DocTestFinder()
    attempted = sum(len(test.examples) for name in modules() for test in finder.find(importlib.import_module(name)))

    assert attempted > 20


def links(page: Path) -> Iterator[Path]:
    """The files of this repository that a page links to."""
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            yield page.parent / target


def test_links_between_pages_lead_somewhere() -> None:
    """Every relative link of README and docs/ names a file that is there."""
    pages = [HOUSE / "README.md", *HOUSE.rglob("docs/**/*.md")]

    broken = [f"{page.name}: {link.name}" for page in pages for link in links(page) if not link.exists()]

    assert broken == []


def test_configuration_page_names_every_key() -> None:
    """docs/configuration.md has a section for each table of the settings and names each key there."""
    page = (HOUSE / "docs" / "configuration.md").read_text(encoding="utf-8")
    chapters = {part.partition("]")[0]: part for part in page.split("\n## [")[1:]}

    missing = [
        key
        for key in known_keys()
        for section, _, name in [key.partition(".")]
        if section not in chapters or (f"`{name}" not in chapters[section] and name)
    ]

    assert missing == []


def test_configuration_page_names_no_unknown_variable() -> None:
    """Every CONNECTOR_ variable on the page is one that is read."""
    page = (HOUSE / "docs" / "configuration.md").read_text(encoding="utf-8")
    known = {"CONNECTOR_" + key.replace(".", "_").upper() for key in known_keys()}
    known |= {"CONNECTOR_CONFIG", "CONNECTOR_LANG", "CONNECTOR_SECRET_KEY", "CONNECTOR_SMTP_PASSWORD", "CONNECTOR_"}

    assert set(re.findall(r"CONNECTOR_[A-Z_]*", page)) - known == set()
