"""The vault: only the right key opens, and only for the right row."""

import pytest

from connector.errors import MissingSecret
from connector.storage.vault import Vault, new_key


def test_sealed_opens_for_its_context() -> None:
    """What was sealed comes back, and the seal does not show it."""
    vault = Vault([new_key()])

    sealed = vault.seal("connection:1", {"token": "secret"})

    assert vault.open("connection:1", sealed) == {"token": "secret"}
    assert "secret" not in sealed


def test_copied_blob_is_refused() -> None:
    """A blob copied to another row does not open there."""
    vault = Vault([new_key()])
    sealed = vault.seal("connection:1", "secret")

    with pytest.raises(MissingSecret):
        vault.open("connection:2", sealed)


@pytest.mark.parametrize("sealed", ["", "é", "gAAAAA", Vault([new_key()]).seal("connection:1", 1)])
def test_other_key_is_refused(sealed: str) -> None:
    """Damaged blobs and those of another key do not open, and the error has a remedy."""
    with pytest.raises(MissingSecret) as caught:
        Vault([new_key()]).open("connection:1", sealed)

    assert caught.value.hint


def test_older_key_still_opens() -> None:
    """With several keys any of them opens, and the first one seals."""
    old, new = new_key(), new_key()
    sealed = Vault([old]).seal("connection:1", "secret")

    both = Vault([new, old])

    assert both.open("connection:1", sealed) == "secret"
    assert Vault([new]).open("connection:1", both.seal("connection:1", "other")) == "other"


@pytest.mark.parametrize("keys", [[], ["short"], ["é" * 44], [new_key(), ""]])
def test_no_key_is_a_missing_secret(keys: list[str]) -> None:
    """Without a usable key there is no vault; the text does not repeat it."""
    with pytest.raises(MissingSecret) as caught:
        Vault(keys)

    assert "short" not in caught.value.message
