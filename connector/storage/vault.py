"""The vault: secrets sealed for the database, bound to the row they are for. Keys are settings' affair."""

import json
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from connector.errors import MissingSecret


def new_key() -> str:
    """Make a secret key: 32 random bytes as URL-safe base 64."""
    return Fernet.generate_key().decode()


class Vault:
    """Seals with the newest key, opens with any."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the keys, newest first.

        Raises:
            MissingSecret: There is none, or one that is no key.
        """
        if not keys:
            raise MissingSecret("there is no secret key", hint="run `connector init`, or set CONNECTOR_SECRET_KEY")
        try:
            self._fernet = MultiFernet([Fernet(key.strip()) for key in keys])
        except ValueError:
            # Without the cause: its text may hold part of the key.
            raise MissingSecret(
                "the secret key is no key",
                hint="put back the key file that `connector init` made, or CONNECTOR_SECRET_KEY: 44 characters",
            ) from None

    def seal(self, context: str, data: Any) -> str:
        """Encrypt what JSON can hold. `context` names the place it is for, such as `connection:3`."""
        return self._fernet.encrypt(json.dumps({"c": context, "d": data}).encode()).decode()

    def open(self, context: str, sealed: str) -> Any:
        """Decrypt what was sealed for this very context.

        Raises:
            MissingSecret: Sealed with another key, for another context (copied from another row), or damaged.
        """
        try:
            opened = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken:
            opened = {}
        if opened.get("c") != context:
            raise MissingSecret(
                f"what is stored for {context} cannot be opened with this secret key",
                hint="put back the key that belongs to this database, or connect again",
            )
        return opened["d"]
