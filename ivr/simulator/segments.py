"""How many parts a text is sent in."""

from __future__ import annotations

GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
TWICE = frozenset("\f[\\]^{|}~€")  # Characters that take two places.
GSM_SINGLE, GSM_PART, WIDE_SINGLE, WIDE_PART = 160, 153, 70, 67


def segments(body: str) -> int:
    """Count the parts of a text."""
    if all(letter in GSM or letter in TWICE for letter in body):
        length = len(body) + sum(letter in TWICE for letter in body)
        single, part = GSM_SINGLE, GSM_PART
    else:
        length = len(body.encode("utf-16-be", "replace")) // 2
        single, part = WIDE_SINGLE, WIDE_PART
    return 1 if length <= single else -(-length // part)
