"""The numbers parties are known by: KvK number, OIN, VAT number, GLN, IBAN; compact, check, make comparable.

Whether a number exists is the register's affair (`kvk`), whose it is the directory's. Check digits are
told, never a reason to refuse an identifier: the examples everybody copies from fail them.

Sources: e-invoicing.md sections 5 (schemes) and 6 (shapes); python-stdnum for the check digits.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NewType

from stdnum import ean, iban
from stdnum.nl import bsn, btw
from stdnum.util import get_cc_module

KvkNumber = NewType("KvkNumber", str)
"""Eight digits, leading zeros kept; there is no check digit."""
Oin = NewType("Oin", str)
"""Twenty characters: prefix 8, main number 8 or 9, suffix."""
VatNumber = NewType("VatNumber", str)
"""With the country in front, no spaces or dots."""

KVK_PREFIX_OF_OIN = "00000003"
"""Logius: an OIN that is made of a KvK number ends in four zeros."""

_SCHEMES = {
    "kvk": "0106 106 nl:kvk kvk",
    "oin": "0190 190 nl:oin nl:oino nl:ion oin",
    "vat": "9944 nl:vat vat",
    "gln": "0088 88 gln",
    "iban": "9918 iban",
    "email": "em email e-mail mailto",
}
_SCHEME_OF = {alias: scheme for scheme, aliases in _SCHEMES.items() for alias in aliases.split()}
_PARTICIPANT = "iso6523-actorid-upis"

_NOISE = re.compile(r"[\s.,:;'\"/\\#_·–—‑()\[\]-]+")
_LABEL = re.compile(
    r"(?:iso6523-actorid-upis::"
    r"|(?:nl[\s:.-]{0,3})?(?:k[\s.]{0,2}v[\s.]{0,2}k|oino?)"
    r"|kamer\s{1,3}van\s{1,3}koophandel|chamber\s{1,3}of\s{1,3}commerce|handelsregister|inschrijf(?=n)"
    r"|0?106\s{0,3}(?=:)|0?190\s{0,3}(?=:)"
    r"|(?:nummer|number|nr|no|n°|nº)(?![a-z]))[\s.:;#/_–—-]*",
    re.IGNORECASE,
)
_PLACEHOLDER_WORDS = frozenset({
    "nvt", "nb", "na", "nnb", "ntb", "tbd", "geen", "geennummer", "niet", "nietvantoepassing", "onbekend",
    "volgt", "opvragen", "nogopvragen", "leeg", "nihil", "particulier", "prive", "test",
    "unknown", "none", "null", "nil", "notapplicable", "private",
})  # fmt: skip
_SEQUENCES = frozenset({"12345678", "87654321"})
_NL_VAT = re.compile(r"[0-9]{9}B[0-9]{2}")
_FOREIGN_VAT = re.compile(r"(?!NL)[A-Z]{2}[0-9A-Z+*]{0,3}[0-9]{5,12}[0-9A-Z]{0,2}")
_BARE_VAT = re.compile(r"[0-9A-Z]*[0-9][0-9A-Z]*")
_ANY_VAT = re.compile(r"[A-Z]{2}[0-9A-Z+*]{2,13}")
_ANY_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}")
_NL_IBAN = re.compile(r"NL[0-9]{2}[A-Z]{4}[0-9]{10}")
_PHONE = re.compile(r"(?:\+|00[1-9](?:[^0-9]*[0-9]){8}|\(0|(?:t|tel|telefoon|mob|mobiel|phone)\b)", re.IGNORECASE)


class KvkStatus(StrEnum):
    """What a text in the KvK field turns out to be; the words are those of `audit kvk --format json`."""

    OK = "ok"
    MISSING = "missing"
    MALFORMED = "malformed"
    PLACEHOLDER = "placeholder"
    OTHER_IDENTIFIER = "other_identifier"


@dataclass(frozen=True, slots=True, kw_only=True)
class KvkCheck:
    """What `check_kvk` found."""

    status: KvkStatus
    number: KvkNumber | None = None
    """The KvK number, also the one inside an OIN; None for an OIN made of something else."""
    oin: Oin | None = None
    detail_en: str = ""
    """One plain phrase; empty when there is nothing to say. Never repeats the text, which may hold a BSN."""
    detail_nl: str = ""
    proposal: KvkNumber | None = None
    """The number that was most likely meant, when there is exactly one; for a person to agree with."""


def compact(text: str) -> str:
    """Take away what people write around a number: labels in front, spaces, dots, dashes. In upper case.

    >>> compact(" K.v.K. nr. 1234.56.70 "), compact("NL:KVK:12345670"), compact("0106:12345670")
    ('12345670', '12345670', '12345670')
    >>> compact("0106 1234 5670")  # without a colon this may be a number of twelve digits
    '010612345670'
    """
    rest = _plain(text)
    if rest.isdigit() and rest.isascii():
        return rest
    while match := _LABEL.match(rest):
        rest = rest[match.end() :]
    return _NOISE.sub("", rest).upper()


def check_kvk(text: str) -> KvkCheck:
    """Say what a text in a KvK field is, in words for the person who has to put it right.

    A 20-digit OIN is in order: users of Exact are told to put it there (e-invoicing.md section 13).

    >>> check_kvk("KvK 1234 5670").number
    '12345670'
    >>> check_kvk("5807003").status.value, check_kvk("5807003").proposal
    ('malformed', '05807003')
    >>> check_kvk("00000003123456700000").number
    '12345670'
    >>> check_kvk("NL123456789B01").detail_en
    'a VAT number'
    """
    plain = _plain(text)
    if _is_digits(plain, 8) and plain not in _SEQUENCES and len(set(plain)) > 1:  # nearly all
        return KvkCheck(status=KvkStatus.OK, number=KvkNumber(plain))
    if not plain:
        return KvkCheck(status=KvkStatus.MISSING, detail_en="no KvK number", detail_nl="geen KvK-nummer")
    value = compact(plain)
    if _is_placeholder(plain, value):
        return _PLACEHOLDER
    if not _PHONE.match(plain):
        if _is_digits(value, 8):
            return KvkCheck(status=KvkStatus.OK, number=KvkNumber(value))
        if is_oin(value):
            return _check_oin(Oin(value))
    return _name_look_alike(plain, value) or _malformed(plain, value)


def is_oin(text: str) -> bool:
    """Twenty characters that start as OINs do; other than in the prefix, letters may occur (Logius).

    >>> is_oin("0000 0001 8083 4575 6000"), is_oin("12345670")
    (True, False)
    """
    return re.fullmatch(r"000000[0-9]{2}[0-9A-Z]{12}", compact(text)) is not None


def kvk_of_oin(text: str) -> KvkNumber | None:
    """Give the KvK number that an OIN is made of, None when it is made of something else.

    >>> kvk_of_oin("00000003123456700000"), kvk_of_oin("00000001808345756000")
    ('12345670', None)
    """
    match = re.fullmatch(KVK_PREFIX_OF_OIN + r"([0-9]{8})0000", compact(text))
    return KvkNumber(match[1]) if match else None


def compact_vat(text: str) -> str:
    """Bring a VAT number into the form of invoices: country first, no spaces or dots.

    >>> compact_vat("nl 1111.11.111.B.01"), compact_vat("BTW: 123456782B90")
    ('NL111111111B01', 'NL123456782B90')
    """
    plain = _plain(text).upper()
    if _BARE_VAT.fullmatch(plain):
        return "NL" + plain if _NL_VAT.fullmatch(plain) else plain
    plain = re.sub(r"^(?:ISO6523-ACTORID-UPIS::)?(?:9944:|NL:VAT\b|BTW\b|VAT\b)[\s:.-]*", "", plain)
    plain = re.sub(r"^(?:-?(?:ID|NR|NUMMER|NUMBER|NO)\b)[\s:.-]*", "", plain)
    value = re.sub(r"[^0-9A-Z+*]", "", plain)
    return "NL" + value if re.fullmatch(r"[0-9]{9}B[0-9]{2}", value) else value


def check_vat(text: str) -> bool:
    """Tell whether the check digits of a VAT number are right; True where the country's rule is not known.

    A Dutch number is good when either its nine digits pass the 11-proof or the whole passes mod 97-10
    (sole traders since 2020). A wrong number is something to warn of, never to refuse.

    >>> check_vat("NL123456782B90"), check_vat("NL123456789B01")
    (True, False)
    """
    value = compact_vat(text)
    if not _ANY_VAT.fullmatch(value):
        return False
    country = {"EL": "gr", "XI": "gb"}.get(value[:2], value[:2].lower())
    return _has_right_digits(country, value)


@lru_cache(maxsize=1024)  # all invoices of a sender have its own, and buyers come back
def _has_right_digits(country: str, value: str) -> bool:
    if country == "nl":
        return bool(re.fullmatch(r"NL[0-9]{9}B[0-9]{2}", value)) and btw.is_valid(value)
    module = get_cc_module(country, "vat")
    return module is None or bool(module.is_valid(value)) or bool(module.is_valid(value[2:]))


def normalise_scheme(scheme: str) -> str:
    """Give the one word for a scheme: kvk, oin, vat, gln, iban, email, else lower case as written.

    >>> normalise_scheme("NL:KVK"), normalise_scheme("0190"), normalise_scheme("0208")
    ('kvk', 'oin', '0208')
    """
    written = scheme.strip().lower()
    return _SCHEME_OF.get(written, written)


def normalise(scheme: str, value: str) -> tuple[str, str] | None:
    """Make an identifier comparable: the scheme's one word and the value without noise.

    A 20-digit value under the KvK scheme is read as an OIN. None when the value is empty or cannot be what
    its scheme says (seven digits as KvK, a customer number as GLN). Eight digits that look made up (12345678)
    do pass: comparing finds nothing false by them, and saying that they are no number is `check_kvk`'s.

    >>> normalise("0106", " 20147376 "), normalise("NL:KVK", "00000001808345756000")
    (('kvk', '20147376'), ('oin', '00000001808345756000'))
    >>> normalise("", "iso6523-actorid-upis::0106:20147376"), normalise("0106", "340698640")
    (('kvk', '20147376'), None)
    """
    scheme, value = _split_participant(scheme, _plain(value))
    if scheme == "kvk":
        if _is_digits(value, 8):
            return ("kvk", value) if value != "00000000" else None
        digits = compact(value)
        if _is_digits(digits, 20) and len(set(digits)) > 1:
            return "oin", digits
        good = _is_digits(digits, 8) and digits != "00000000" and not _PHONE.match(value)
        return ("kvk", digits) if good else None
    if scheme == "oin":
        value = compact(value)
        good = re.fullmatch(r"[0-9]{8}[0-9A-Z]{12}", value) is not None and len(set(value)) > 1
    elif scheme == "vat":
        value = compact_vat(value)
        good = _ANY_VAT.fullmatch(value) is not None
    elif scheme == "gln":
        value = _NOISE.sub("", value)
        good = _is_digits(value, 13) and len(set(value)) > 1
    elif scheme == "iban":
        value = _NOISE.sub("", value).upper()
        good = _ANY_IBAN.fullmatch(value) is not None
    elif scheme == "email":
        value = re.sub(r"^(?:mailto:)+", "", value.lower())
        good = re.fullmatch(r"[^@\s]+@[^@\s]+", value) is not None
    else:
        value = " ".join(value.split())
        good = value != ""
    return (scheme, value) if good else None


def _plain(text: str) -> str:
    """Unify look-alike characters (full-width digits, no-break spaces) and drop invisible ones."""
    if text.isascii() and text.isprintable():  # nearly all: they have neither, and a card has many texts
        return text.strip()
    spaced = (" " if c.isspace() else c for c in unicodedata.normalize("NFKC", text))
    return "".join(c for c in spaced if unicodedata.category(c)[0] != "C").strip()


def _is_digits(text: str, length: int) -> bool:
    return len(text) == length and text.isascii() and text.isdigit()


def _split_participant(scheme: str, value: str) -> tuple[str, str]:
    """Take a Peppol participant id apart (`iso6523-actorid-upis::0106:12345670`, `0106:12345670`)."""
    scheme = normalise_scheme(scheme)
    if ":" not in value:
        return scheme, value
    bare = re.sub(rf"^{_PARTICIPANT}::", "", value, flags=re.IGNORECASE)
    match = re.fullmatch(r"([0-9]{4}):(.+)", bare)
    if match and (bare != value or scheme in ("", _PARTICIPANT, normalise_scheme(match[1]))):
        return normalise_scheme(match[1]), match[2].strip()
    return scheme, value


_PLACEHOLDER = KvkCheck(
    status=KvkStatus.PLACEHOLDER,
    detail_en="no real number, only a filler",
    detail_nl="geen echt nummer, alleen opvulling",
)


def _is_placeholder(plain: str, value: str) -> bool:
    """No number but a filler: all digits equal, 12345678, n.v.t., geen, -, x …"""
    bare = re.sub(r"[\W_]", "", value.lower())
    words = re.sub(r"[\W_]|kvk|nummer", "", plain.lower())
    return (
        not bare
        or bare in _SEQUENCES
        or (bare.isdigit() and len(set(bare)) == 1)
        or re.fullmatch(r"x+|y+|z+", bare) is not None
        or bare in _PLACEHOLDER_WORDS
        or words in _PLACEHOLDER_WORDS
    )


def _check_oin(oin: Oin) -> KvkCheck:
    number = kvk_of_oin(oin)
    if number is None:
        detail_en, detail_nl = "an OIN (government number)", "een OIN (overheidsnummer)"
    elif _is_placeholder(number, number):
        return _PLACEHOLDER
    else:
        detail_en, detail_nl = "an OIN with the KvK number inside", "een OIN met het KvK-nummer erin"
    return KvkCheck(status=KvkStatus.OK, number=number, oin=oin, detail_en=detail_en, detail_nl=detail_nl)


def _name_look_alike(plain: str, value: str) -> KvkCheck | None:
    """Name the other identifier that stands in the KvK field; None when it is none that we know."""
    proposal: KvkNumber | None = None
    digits = re.sub(r"[^0-9]", "", plain)
    if _NL_IBAN.fullmatch(value) or (_ANY_IBAN.fullmatch(value) and iban.is_valid(value)):
        named = ("a bank account number (IBAN)", "een bankrekeningnummer (IBAN)")
    elif (_PHONE.match(plain) and 6 <= len(digits) <= 15) or re.fullmatch(r"0[0-9]{9}", value):
        named = ("a phone number", "een telefoonnummer")
    elif _NL_VAT.search(value) or _FOREIGN_VAT.fullmatch(value):
        named = ("a VAT number", "een btw-nummer")
    elif _is_digits(value, 12):
        named = ("12 digits: an establishment number (vestigingsnummer)", "12 cijfers: een vestigingsnummer")
        # The old way: KvK number + 4 digits for the branch, 0000 the head office. Today's begin with 0000.
        if value.endswith("0000") and not value.startswith("0000"):
            proposal = _propose(value[:8])
    elif _is_digits(value, 9) and bsn.is_valid(value):
        named = ("9 digits: an RSIN (tax number)", "9 cijfers: een RSIN (fiscaal nummer)")
    elif _is_digits(value, 13) and ean.is_valid(value):
        named = ("13 digits: a GLN (location code)", "13 cijfers: een GLN (locatiecode)")
    else:
        return None
    return KvkCheck(status=KvkStatus.OTHER_IDENTIFIER, detail_en=named[0], detail_nl=named[1], proposal=proposal)


def _malformed(plain: str, value: str) -> KvkCheck:
    """Say what is wrong with the shape, and propose the one safe repair when there is one."""
    proposal = None
    if _is_digits(value, 7) and value[0] != "0":
        # A spreadsheet that takes the number for an amount drops the zero in front.
        proposal = _propose("0" + value)
        detail_en, detail_nl = "7 digits; leading zero lost?", "7 cijfers; voorloopnul weggevallen?"
    elif value.isascii() and value.isdigit():
        detail_en = f"{len(value)} digits, a KvK number has 8"
        detail_nl = f"{len(value)} cijfers, een KvK-nummer heeft er 8"
    else:
        detail_en = "not only digits; a KvK number is 8 digits"
        detail_nl = "niet alleen cijfers; een KvK-nummer is 8 cijfers"
        groups = re.findall(r"[0-9]+", plain)
        if len(groups) == 1 and len(groups[0]) == 8 and not _PHONE.match(plain):
            proposal = _propose(groups[0])
    return KvkCheck(status=KvkStatus.MALFORMED, detail_en=detail_en, detail_nl=detail_nl, proposal=proposal)


def _propose(number: str) -> KvkNumber | None:
    return None if _is_placeholder(number, number) else KvkNumber(number)
