"""identifiers: what people write in a KvK field, and which numbers are the same."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector import identifiers
from connector.identifiers import KvkStatus, check_kvk, check_vat, compact_vat, is_oin, kvk_of_oin, normalise

PLACEHOLDERS = {"12345678", "87654321"} | {digit * 8 for digit in "0123456789"}
eight_digits = st.from_regex(r"[0-9]{8}", fullmatch=True).filter(lambda n: n not in PLACEHOLDERS)
labels = st.sampled_from(
    [
        "",
        "KvK",
        "KVK",
        "kvk ",
        "K.v.K.",
        "KvK: ",
        "NL:KVK ",
        "NL:KVK:",
        "0106:",
        "nr. ",
        "KvK nr. ",
        "KvK-nummer: ",
    ]
)
noise = st.sampled_from(["", "", "", " ", ".", "  ", "\u00a0", "-", "\t"])


def eleven_proof(digits: str) -> bool:
    """The 11-proof of the tax office, written out (e-invoicing.md section 6)."""
    weights = [9, 8, 7, 6, 5, 4, 3, 2, -1]
    return sum(w * int(d) for w, d in zip(weights, digits, strict=True)) % 11 == 0


def test_examples_in_the_documentation() -> None:
    """The examples beside the functions hold."""
    assert doctest.testmod(identifiers).failed == 0


@given(number=eight_digits, label=labels, between=st.lists(noise, min_size=9, max_size=9))
def test_eight_digits_with_noise_are_a_kvk_number(number: str, label: str, between: list[str]) -> None:
    """Eight digits are recognised whatever label, spaces and dots people put around them."""
    text = label + between[0] + "".join(d + gap for d, gap in zip(number, between[1:], strict=True))

    found = check_kvk(text)

    assert (found.status, found.number) == (KvkStatus.OK, number)


nine_digits = st.from_regex(r"[0-9]{9}", fullmatch=True)
look_alikes = st.one_of(
    nine_digits.filter(eleven_proof),
    nine_digits.map(lambda n: f"NL{n}B01"),
    nine_digits.map(lambda n: f"nl {n[:4]}.{n[4:]}.b.12"),
    st.from_regex(r"0000[0-9]{8}", fullmatch=True),
    st.from_regex(r"06[ -]?[0-9]{8}", fullmatch=True),
    st.from_regex(r"0[1-57][0-9][ -]?[0-9]{7}", fullmatch=True),
    st.from_regex(r"(\+31|0031) ?[1-9][0-9]{8}", fullmatch=True),
    st.from_regex(r"NL[0-9]{2} ?[A-Z]{4} ?[0-9]{10}", fullmatch=True),
)


@given(text=look_alikes)
def test_no_other_number_passes_as_kvk(text: str) -> None:
    """RSIN, VAT number, establishment number, phone number and IBAN never give a KvK number."""
    found = check_kvk(text)

    assert found.number is None
    assert found.status in {KvkStatus.OTHER_IDENTIFIER, KvkStatus.PLACEHOLDER}


@given(
    prefix=st.sampled_from(["00000001", "00000002", "00000004", "00000006", "00000009"]),
    rest=st.from_regex(r"[0-9]{12}", fullmatch=True),
)
def test_oin_of_something_else_gives_no_kvk_number(prefix: str, rest: str) -> None:
    """An OIN made of an RSIN or of a number of Logius' own is a government's number, never a KvK number."""
    found = check_kvk(prefix + rest)

    assert (found.number, found.proposal) == (None, None)
    assert found.oin == prefix + rest


@given(number=eight_digits, gap=st.sampled_from(["", " ", "."]))
def test_oin_of_a_kvk_number_gives_it(number: str, gap: str) -> None:
    """The prefix 00000003 says that the next eight digits are the KvK number."""
    found = check_kvk(gap.join(["00000003", number, "0000"]))

    assert (found.number, found.oin) == (number, f"00000003{number}0000")


@given(st.text(max_size=60))
def test_any_text_gets_an_answer(text: str) -> None:
    """A number comes only with status ok, and then is eight digits; all else is said in both languages."""
    found = check_kvk(text)

    assert found.number is None or (found.status is KvkStatus.OK and len(found.number) == 8)
    assert found.status is KvkStatus.OK or (found.detail_en and found.detail_nl)


@given(st.text(max_size=30), st.text(max_size=60))
def test_normalising_twice_changes_nothing(scheme: str, value: str) -> None:
    """What is comparable stays as it is."""
    once = normalise(scheme, value)

    assert once is None or normalise(once[0], once[1]) == once


@pytest.mark.parametrize(
    "text",
    [
        "11111111",
        "00000000",
        "12345678",
        "87654321",
        "KvK 12345678",
        "n.v.t.",
        "nvt",
        "geen",
        "-",
        "onbekend",
        "x",
        "XXXXXXXX",
        "0",
        "n/a",
        "KvK: geen",
        "geen KvK-nummer",
        "?",
        "000000000000",
        "Onbekend.",
    ],
)
def test_fillers_are_placeholders(text: str) -> None:
    """Texts that only fill the field are named as such."""
    found = check_kvk(text)

    assert (found.status, found.number, found.proposal) == (KvkStatus.PLACEHOLDER, None, None)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("123456789", KvkStatus.MALFORMED),
        ("00000003123456780000", KvkStatus.PLACEHOLDER),
        ("(020) 12345", KvkStatus.OTHER_IDENTIFIER),
        ("٢٠١٤٧٣٧٦", KvkStatus.MALFORMED),
    ],
)
def test_neighbours_of_good_numbers(text: str, status: KvkStatus) -> None:
    """Nine digits without the 11-proof, an OIN of a filler, a phone number of eight digits, digits of other scripts."""
    check = check_kvk(text)

    assert (check.status, check.number) == (status, None)


@pytest.mark.parametrize("text", ["", "   ", "\u00a0", "\u200b"])
def test_nothing_is_missing(text: str) -> None:
    """An empty field is missing, also when it only looks empty."""
    assert check_kvk(text).status is KvkStatus.MISSING


@pytest.mark.parametrize(
    ("text", "status", "proposal"),
    [
        ("5807003", KvkStatus.MALFORMED, "05807003"),
        ("340698640000", KvkStatus.OTHER_IDENTIFIER, "34069864"),
        ("34069864 0000", KvkStatus.OTHER_IDENTIFIER, "34069864"),
        ("000012340000", KvkStatus.OTHER_IDENTIFIER, None),
        ("340698640001", KvkStatus.OTHER_IDENTIFIER, None),
        ("34069864000", KvkStatus.MALFORMED, None),
        ("Amsterdam 34069864", KvkStatus.MALFORMED, "34069864"),
        ("0123456", KvkStatus.MALFORMED, None),
        ("Amsterdam 34069864 of 34069865", KvkStatus.MALFORMED, None),
        ("Amsterdam 12345678", KvkStatus.MALFORMED, None),
        ("123456780000", KvkStatus.OTHER_IDENTIFIER, None),
        ("SITEST00000", KvkStatus.MALFORMED, None),
    ],
)
def test_one_safe_repair_is_proposed(text: str, status: KvkStatus, proposal: str | None) -> None:
    """A lost zero and an old branch suffix are repaired; where more than one number is possible, none."""
    found = check_kvk(text)

    assert (found.status, found.number, found.proposal) == (status, None, proposal)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("123456782", "RSIN"),
        ("NL123456782B90", "VAT"),
        ("000012345678", "establishment"),
        ("06-12345678", "phone"),
        ("NL91ABNA0417164300", "IBAN"),
        ("8712345000004", "GLN"),
        ("DE123456789", "VAT"),
    ],
)
def test_look_alikes_are_named(text: str, word: str) -> None:
    """The detail says which number it is instead."""
    assert word in check_kvk(text).detail_en


def test_oin_in_the_kvk_field_is_in_order() -> None:
    """Exact tells users to put an OIN there; one made of a KvK number yields it, another yields none."""
    with_kvk, with_rsin = check_kvk("00000003123456700000"), check_kvk("0000 0001 8083 4575 6000")

    assert (with_kvk.status, with_kvk.number, with_kvk.oin) == ("ok", "12345670", "00000003123456700000")
    assert (with_rsin.status, with_rsin.number, with_rsin.oin) == ("ok", None, "00000001808345756000")


@given(eight_digits)
def test_oin_of_kvk_number(number: str) -> None:
    """00000003 + KvK + 0000 is an OIN that gives the number back."""
    oin = f"00000003{number}0000"

    assert is_oin(oin)
    assert kvk_of_oin(oin) == number


def test_oin_with_another_suffix_holds_no_kvk_number() -> None:
    """Only four zeros close an OIN that is made of a KvK number."""
    assert kvk_of_oin("00000003123456700001") is None


@given(nine_digits.filter(eleven_proof), st.integers(1, 99))
def test_vat_number_of_a_legal_entity(digits: str, suffix: int) -> None:
    """Nine digits that pass the 11-proof make a good VAT number, however they are written."""
    written = f"nl {digits[:4]}.{digits[4:]}.B.{suffix:02}"

    assert check_vat(written) == (int(digits) > 0)
    assert compact_vat(written) == f"NL{digits}B{suffix:02}"


@pytest.mark.parametrize(
    ("scheme", "value", "same"),
    [
        ("0106", " 20147376 ", ("kvk", "20147376")),
        ("106", "20147376", ("kvk", "20147376")),
        ("nl:kvk", "KvK 20147376", ("kvk", "20147376")),
        ("0106", "0106:20147376", ("kvk", "20147376")),
        ("iso6523-actorid-upis", "0190:00000001808345756000", ("oin", "00000001808345756000")),
        ("NL:KVK", "00000001808345756000", ("oin", "00000001808345756000")),
        ("NL:OINO", "00000001808345756000", ("oin", "00000001808345756000")),
        ("9944", "NL1111.11.111.B.01", ("vat", "NL111111111B01")),
        ("0088", "8712345 000004", ("gln", "8712345000004")),
        ("9918", "nl91 abna 0417 1643 00", ("iban", "NL91ABNA0417164300")),
        ("EM", "AP@Gemeente.example", ("email", "ap@gemeente.example")),
        ("0208", "0123456749", ("0208", "0123456749")),
        ("", " klant  12 ", ("", "klant 12")),
        ("0106", "NL123456789B01", None),
        ("0106", "34069864000", None),
        ("0106", "5807003", None),
        ("0106", "SITEST00000", None),
        ("0190", "20147376", None),
        ("GLN", "12", None),
        ("", " ", None),
    ],
)
def test_identifiers_are_made_comparable(scheme: str, value: str, same: tuple[str, str] | None) -> None:
    """Every alias of a scheme and every way of writing a number ends in one form, or in none."""
    assert normalise(scheme, value) == same
