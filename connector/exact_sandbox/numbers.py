"""Identifiers made from a seed: GUIDs, KvK, RSIN, VAT numbers, OIN, IBAN. Well-formed, owned by nobody.

How a connector should judge such numbers is left to `expectations`.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from random import Random
from uuid import UUID, uuid5

_NAMESPACE = UUID("6f1d7c52-6a0b-4c55-9a34-2f0c7a1b9e10")
PLACEHOLDERS = ("12345678", "87654321")


def guid(*parts: object) -> str:
    """The same parts always give the same id, so that a seeded world repeats itself to the letter."""
    return str(uuid5(_NAMESPACE, "/".join(str(part) for part in parts)))


def mod97(text: str) -> int:
    """Remainder by ISO 7064 mod 97-10, letters counted as two digits (A=10 … Z=35)."""
    return int("".join(str(int(char, 36)) for char in text)) % 97


def iban_nl(bank: str, account: str) -> str:
    """A Dutch IBAN with right check digits.

    >>> iban_nl("SAND", "0123456789")
    'NL21SAND0123456789'
    """
    return f"NL{98 - mod97(f'{bank}{account}NL00'):02d}{bank}{account}"


def _rsin(first_eight: str) -> str | None:
    total = sum(int(digit) * weight for digit, weight in zip(first_eight, range(9, 1, -1), strict=True))
    last = total % 11
    return None if last == 10 else f"{first_eight}{last}"


def _german_vat(first_eight: str) -> str:
    product = 10
    for digit in first_eight:
        total = (int(digit) + product) % 10 or 10
        product = (2 * total) % 11
    return f"DE{first_eight}{(11 - product) % 10}"


@dataclass(slots=True, kw_only=True)
class NumberMaker:
    """Gives numbers out once each, from one `Random`."""

    rng: Random
    _given: set[str] = field(default_factory=set)

    def _digits(self, count: int, first: str = "123456789") -> str:
        return self.rng.choice(first) + "".join(self.rng.choice(string.digits) for _ in range(count - 1))

    def kvk(self, *, leading_zero: bool = False) -> str:
        """Eight digits, no placeholder, never given before."""
        while True:
            number = ("0" + self._digits(7)) if leading_zero else self._digits(8, first="2345678")
            if number not in self._given and number not in PLACEHOLDERS and len(set(number)) > 2:
                self._given.add(number)
                return number

    def rsin(self) -> str:
        """Nine digits that pass the 11-proof."""
        while True:
            number = _rsin("8" + self._digits(7))
            if number is not None and number not in self._given:
                self._given.add(number)
                return number

    def vat(self, country: str) -> str | None:
        """A VAT number of this country; none for countries outside our needs."""
        if country == "NL":
            return f"NL{self.rsin()}B01"
        if country == "BE":
            eight = "0" + self._digits(7)
            return f"BE{eight}{97 - int(eight) % 97:02d}"
        if country == "DE":
            return _german_vat(self._digits(8))
        return None

    def phone(self) -> str:
        """Ten digits in the range set aside for fiction-like use: 085-555 and four digits."""
        return f"085-555{self._digits(4)}"

    def establishment(self) -> str:
        """A 12-digit establishment number (vestigingsnummer)."""
        return f"0000{self._digits(8, first='12345')}"

    def iban(self) -> str:
        """An IBAN of a bank that does not exist."""
        return iban_nl("SAND", f"0{self._digits(9)}")


def oin_from_kvk(kvk: str) -> str:
    """The OIN of a public body that is known by its KvK number (e-invoicing.md 6)."""
    return f"00000003{kvk}0000"


def oin_from_rsin(rsin: str) -> str:
    """The OIN of a public body that is known by its RSIN (e-invoicing.md 6)."""
    return f"00000001{rsin}000"
