"""What a recipe would do with a column of a kind: the steps and their settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from anonymization.columns.lexicon import Kind
from anonymization.columns.sampling import Sample

#: Codes beyond this many are too many for a key variable.
_MOST_CODES = 60


@dataclass(frozen=True, slots=True)
class Treatment:
    """Steps of a recipe for one column, in order, and the settings of each that has some."""

    steps: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)


def treatment_for(kind: Kind, sample: Sample) -> Treatment:
    """What is proposed; every figure in it is a starting point that a steward changes."""
    readable = sample.type == "date" or readable_dates(sample)
    return treatment_by_profile(kind, sample.name, "date" if readable else sample.type, sample.distinct)


def treatment_by_profile(kind: Kind, name: str, type_: str, distinct: int) -> Treatment:
    """The same from what a profile keeps: the column's name, type ("date" where the steps can read it) and values."""
    date, numbers, few = type_ == "date", type_ in ("whole number", "number"), distinct <= _MOST_CODES
    suppressed = Treatment(("suppress",) if few else ("drop",))
    bands = {"edges": [15, 30, 45, 60, 75]}
    # Dates that are not written as ISO 8601 are not read by the steps; convert them first.
    dated = {
        "age_bands": Treatment(("generalise", "suppress"), {"age": True, **bands}),
        "period": Treatment(("generalise",), {"period": "year"}),
    }
    counted = {
        "age_bands_of_years": Treatment(("generalise", "suppress"), bands),
        "top_code": Treatment(("topcode", "suppress"), {"top": 8}),
        "count_bands": Treatment(("generalise",), {"edges": [1, 3]})
        if distinct > 3
        else Treatment(("keep",)),
    }
    if kind.name == "place_name" and numbers:
        return Treatment(("pseudonymise",), {"domain": domain_of(name)})  # numbered places cluster errors
    if kind.treatment in dated:
        return dated[kind.treatment] if date else Treatment(("drop",))
    if kind.treatment in counted:
        return counted[kind.treatment] if numbers else suppressed
    if kind.treatment == "suppress":
        return suppressed
    settings = {"domain": domain_of(name)} if kind.treatment == "pseudonymise" else {}
    return Treatment((kind.treatment,), settings)


def readable_dates(sample: Sample) -> bool:
    """Whether the steps can read the dates: ISO 8601."""
    forms = sample.form_counts()
    return bool(forms) and sum(n for f, n in forms.items() if f[:10] == "9999-99-99") >= 0.98 * len(
        sample.texts
    )


def domain_of(name: str) -> str:
    """The pseudonym domain that a column's name speaks of; columns of one domain stay joinable."""
    low = name.lower()
    for domain, words in _DOMAINS.items():
        if any(w in low for w in words):
            return domain
    return "record" if not low.strip("v0123456789_") else low.replace(" ", "_")


_DOMAINS = {
    "person": ("person", "member", "indiv", "head", "pid", "iid", "child", "beneficiary", "pessoa", "art"),
    "village": ("vill", "cluster", "psu"),
    "household": ("hh", "house", "hog", "hid", "famil", "kaya", "hane", "group"),
}
