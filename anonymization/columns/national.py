"""National numbers, accounts and telephones: shapes of the country packs, check digits of python-stdnum."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers

from anonymization.columns.findings import Finding, percent
from anonymization.columns.sampling import Sample
from anonymization.pii.packs import EVERYWHERE, PACKS, Check, Shape, check_of

#: How many of random numbers of the right length pass the check (measured; registry.md). Others carry no check.
_BY_CHANCE = {"BR_CPF": 0.01, "BR_CNPJ": 0.01, "TR_TCKN": 0.01, "TR_VKN": 0.1, "PK_CNIC": 0.63, "ID_NIK": 0.03,
              "ID_NPWP": 0.1, "KE_KRA_PIN": 0.05, "IBAN": 0.01, "CARD": 0.1}  # fmt: skip
#: What a number carries besides itself.
_CARRIES = {
    "ID_NIK": " (it encodes district, birth date and sex)",
    "PK_CNIC": " (it encodes district and sex)",
    "BR_CPF": " (one digit says the region of issue)",
}
#: Numbers of a fixed length, whose leading zeros a spreadsheet or a number type may have taken.
_LENGTHS = {"BR_CPF": 11, "BR_CNPJ": 14}
_SEPARATORS = re.compile(r"[\s.\-/()]")
_PHONE_FORM = re.compile(r"(?:\+|00)?\(?9{1,4}\)?(?:[ .\-/]?\(?9{1,5}\)?){1,6}")
_TRIES, _FEW = 120, 3


def numbers_in(sample: Sample) -> Iterator[Finding]:
    """Findings among the values that are mostly digits."""
    digits = [
        (v, _SEPARATORS.sub("", v))
        for v in sample.texts
        if sum(c.isdigit() for c in v) >= 7 and not (sample.type == "number" and "." in v)
    ]
    if not digits:
        return
    if national := _national(sample, digits):
        yield national
    if phone := _phones(sample, [v for v, _ in digits]):
        yield phone


def _national(sample: Sample, digits: list[tuple[str, str]]) -> Finding | None:
    """All shapes together: a table of several countries, or a mixed column, has some of each."""
    sure, accounts = 0.0, 0
    said: list[str] = []
    named: set[str] = set()
    for shape, patterns, telling, check in _shapes():
        length = _LENGTHS.get(shape.name, 0)
        # 00123456789 that became 123456789
        cut = [(v, b.zfill(length)) for v, b in digits if b.isdigit() and length - 3 <= len(b) < length]
        matching = [(v, bare) for v, bare in digits if patterns.fullmatch(v)] + cut
        confidence = _how_sure(shape, matching, telling, check) if len(matching) >= _FEW else 0.0
        if confidence:
            sure = max(sure, confidence)
            named |= {v for v, _ in matching}
            said.append(shape.name.replace("_", " ") + _CARRIES.get(shape.name, ""))
            accounts += shape.tag == "account"
    if not said:
        return None
    share = len(named) / len(sample.texts)
    says = f"{percent(share)} of the values looked at have the shape or check digits of {', '.join(said)}"
    return Finding(
        "account" if accounts == len(said) else "national_id", sure, says, share, "national number"
    )


def _how_sure(
    shape: Shape, matching: list[tuple[str, str]], telling: re.Pattern[str] | None, check: Check | None
) -> float:
    """How surely values of a shape are that identifier; 0 when they need not be."""
    tried = matching[:: max(1, len(matching) // _TRIES)]
    chance = _BY_CHANCE.get(shape.name)
    passed = sum(_passes(check, bare, v) for v, bare in tried) / len(tried) if check else 0.0
    if chance is not None and passed >= chance + (1 - chance) * 0.6:
        return 0.97 if chance <= 0.1 else 0.85
    written = sum(not v.isalnum() and telling.fullmatch(v) is not None for v, _ in tried) if telling else 0
    return 0.85 if written >= 0.9 * len(tried) else 0.0


@lru_cache(maxsize=1)
def _shapes() -> list[tuple[Shape, re.Pattern[str], re.Pattern[str] | None, Check | None]]:
    """Identifiers of all packs: every writing, the writings that nothing else has, the check."""
    found = [s for s in EVERYWHERE if s.tag == "account"] + [s for p in PACKS.values() for s in p.shapes]
    return [
        (
            shape,
            _any_of([regex for _, regex in shape.patterns]),
            _any_of([r for score, r in shape.patterns if score >= 0.5])
            if shape.patterns[0][0] >= 0.5
            else None,
            check_of(shape.check),
        )
        for shape in found
    ]


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{p})" for p in patterns))


def _passes(check: Check, bare: str, value: str) -> bool:
    """Whether the digits are in order; 111.111.111-11 passes the arithmetic of a CPF and is nobody's."""
    return len(set(bare)) > 1 and (check(bare) or check(value))


def _phones(sample: Sample, values: list[str]) -> Finding | None:
    """Telephones: one region reads nearly all of them, or they are written as only telephones are."""
    written = [
        v
        for v in values
        if _PHONE_FORM.fullmatch(re.sub(r"\d", "9", v)) and 7 <= sum(c.isdigit() for c in v) <= 15
    ]
    if len(written) < 3:
        return None
    tried = written[:: max(1, len(written) // 60)]
    # Written with +, brackets, gaps or a leading zero: then a valid number of any region is one.
    telling = sum(not v.isdigit() or v.startswith("0") for v in tried) / len(tried)
    regions = [r for p in PACKS.values() for r in p.regions]
    by_region = {r: sum(_valid(v, r) for v in tried) / len(tried) for r in regions}
    region, most = max(by_region.items(), key=lambda item: item[1])
    anywhere = sum(any(_valid(v, r) for r in regions) for v in tried) / len(tried)
    share = len(written) / len(sample.texts)
    if telling >= 0.8 and anywhere >= 0.8:
        return Finding(
            "phone",
            0.9,
            f"{percent(share * anywhere)} of the values looked at are telephone numbers",
            share,
            "phone",
        )
    if most >= 0.9:
        return Finding(
            "phone",
            0.75,
            f"{percent(share * most)} of the values looked at are valid telephone numbers in {region}",
            share,
            "phone",
        )
    return None


@lru_cache(maxsize=4096)
def _valid(value: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(value, region))
    except phonenumbers.NumberParseException:
        return False
