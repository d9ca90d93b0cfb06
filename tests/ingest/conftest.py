"""What the tests of ingest/ share: the samples, and where the invoice corpora lie."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[1] / "samples" / "ubl"
CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


@pytest.fixture
def sample() -> Callable[[str], bytes]:
    """Give the bytes of a sample by its name without extension."""
    return lambda name: (SAMPLES / f"{name}.xml").read_bytes()


def read_expectations() -> list[dict[str, object]]:
    """Give every line of the corpora's expectations, with the file's place added; empty without corpora."""
    found = []
    for listing in sorted(CORPUS.glob("*/expectations.jsonl")):
        for line in listing.read_text(encoding="utf-8").splitlines():
            expected = json.loads(line)
            found.append(expected | {"place": listing.parent / expected["file"]})
    return found
