"""What Exact's `InvoiceAttachmentType` says, as far as that is known; which one is wanted is learnt or configured."""

PDF = 1
"""What Exact gives a new card: no e-invoice goes along. Source: exact-online-api.md 4.1 [live]."""
NAMES = {PDF: "PDF", 2: "UBL", 1024: "Simplerinvoicing 1.2", 4096: "Simplerinvoicing 2.0"}
"""Source: exact-online-api.md 4.1 [one: Invantive]; that they may be added up is [assumed]."""


def in_words(value: int) -> str:
    """Take a sum of attachment types apart; what is not known keeps its number.

    >>> in_words(4097), in_words(1), in_words(17), in_words(0)
    ('PDF (1) and Simplerinvoicing 2.0 (4096)', 'PDF (1)', 'PDF (1) and unknown (16)', 'nothing')
    """
    parts = [1 << place for place in range(value.bit_length()) if value >> place & 1]
    return " and ".join(f"{NAMES.get(part, 'unknown')} ({part})" for part in parts) or "nothing"
