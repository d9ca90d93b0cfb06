"""Ids that people type and that sort by time: a prefix, the millisecond and chance, in lower-case base 32.

That no two are the same is left to the tables' keys.
"""

import secrets
from datetime import datetime

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32, without the letters that are read as digits (i, l, o) and u."""
TIME_DIGITS = 10
CHANCE_DIGITS = 8
"""40 bits: two of the same millisecond meet once in a million million."""


def sortable_id(prefix: str, now: datetime) -> str:
    """Make an id such as `inv_01hf4x8c2k3m5n7pqr`; later ones sort after earlier ones, to the millisecond."""
    value = int(now.timestamp() * 1000) << (5 * CHANCE_DIGITS) | secrets.randbits(5 * CHANCE_DIGITS)
    digits = (ALPHABET[value >> 5 * place & 31] for place in range(TIME_DIGITS + CHANCE_DIGITS - 1, -1, -1))
    return f"{prefix}_{''.join(digits)}"
