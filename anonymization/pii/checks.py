"""Check digits of identifiers that python-stdnum does not know. They raise a finding and never reject one."""

from __future__ import annotations

from collections.abc import Callable


def nis(number: str) -> bool:
    """Brazil, NIS/PIS/PASEP/NIT: 11 digits, the last one modulo 11 (weights 3 2 9 8 7 6 5 4 3 2)."""
    digits = _digits(number)
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    rest = sum(w * d for w, d in zip((3, 2, 9, 8, 7, 6, 5, 4, 3, 2), digits, strict=False)) % 11
    return digits[10] == (0 if rest < 2 else 11 - rest)


def titulo(number: str) -> bool:
    """Brazil, voter's title: 8 digits, 2 of the state (01-28), 2 modulo 11 over each (TSE, Resolution 21.538)."""
    digits = _digits(number)
    if len(digits) != 12 or not 1 <= digits[8] * 10 + digits[9] <= 28:
        return False
    first = sum(w * d for w, d in zip(range(2, 10), digits, strict=False)) % 11 % 10
    second = (7 * digits[8] + 8 * digits[9] + 9 * first) % 11 % 10
    return digits[10:] == [first, second]


def cns(number: str) -> bool:
    """Brazil, health card (Cartao Nacional de Saude): 15 digits whose sum by weights 15 to 1 is a multiple of 11."""
    digits = _digits(number)
    return len(digits) == 15 and sum(w * d for w, d in zip(range(15, 0, -1), digits, strict=True)) % 11 == 0


def _digits(number: str) -> list[int]:
    return [int(c) for c in number if c.isdecimal()]


#: Name in packs.yaml to check.
OWN: dict[str, Callable[[str], bool]] = {"nis": nis, "titulo": titulo, "cns": cns}
