"""States, tiers, roles and purposes in plain words; dates and sizes as people write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from enclave.airlock.model import OutputFile
from enclave.kernel.actors import Role
from enclave.kernel.tiers import Tier
from request_portal.present.budgets import amount, budget_left, budget_share, budget_spent, cost
from request_portal.present.questions import in_words
from request_portal.present.tags import rule, tag

#: Purpose codes of the policy "access": (short name, what it means to somebody who has not met the field).
PURPOSES: dict[str, tuple[str, str]] = {
    "targeting-evaluation": (
        "Find out who is reached and who is missed",
        "Targeting accuracy: inclusion and exclusion errors of a programme.",
    ),
    "impact-evaluation": (
        "Find out what a programme changed",
        "Impact evaluation: the lives of those who got it compared with those who did not.",
    ),
    "adequacy-and-incidence": (
        "Find out whether benefits are enough, and who gets them",
        "Adequacy and incidence of benefits across poorer and richer households.",
    ),
    "programme-overlap": (
        "Find out who gets several programmes, and who gets none",
        "Overlaps and gaps between programmes.",
    ),
    "poverty-measurement": ("Measure poverty", "Poverty and vulnerability by area and group."),
    "registry-quality": (
        "Find out how good the registry is",
        "Completeness, duplicates, how old the information is.",
    ),
    "methods-research": (
        "Improve statistical methods",
        "New methods of measuring, linking or protecting data.",
    ),
}

TIERS: dict[Tier, tuple[str, str]] = {
    Tier.OPEN: ("Open", "Tables with noise added, so that nobody can be found in them. For everybody."),
    Tier.PUBLIC_USE: (
        "Public use",
        "Made-up records that behave like the real ones. For everybody with an account.",
    ),
    Tier.SCIENTIFIC_USE: (
        "Scientific use",
        "Real records without names, coarsened. Only inside the enclave, after approval.",
    ),
    Tier.SECURE: (
        "Secure",
        "Detailed records under pseudonyms. Only inside the enclave, under the strictest rules.",
    ),
}

COLUMN_ROLES: dict[str, tuple[str, str]] = {
    "direct": ("Direct identifier", "Names somebody on its own. It is removed or replaced by a pseudonym."),
    "quasi": ("Quasi-identifier", "Could find somebody in combination with others. It is made coarser."),
    "sensitive": (
        "Sensitive",
        "What nobody should learn about a person. It is protected by what stands around it.",
    ),
    "plain": ("Plain", "Says nothing about who somebody is. It is kept as it is."),
    "free_text": (
        "Free text",
        "Notes that may hold anything. It is removed, or read for identifiers and redacted.",
    ),
}


def day(value: date | datetime | None) -> str:
    """3 April 2026."""
    return f"{value.day} {value:%B %Y}" if value else "not yet"


def moment(value: datetime | None) -> str:
    """3 April 2026, 14:05 (UTC)."""
    return f"{day(value)}, {value:%H:%M} UTC" if value else "not yet"


def size(value: int) -> str:
    """12 kB, 3.4 MB."""
    amount, unit = float(value), "bytes"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.3g} {unit}"


def age(value: datetime | None, now: datetime) -> str:
    """Less than a day, 1 day, 12 days."""
    if value is None:
        return ""
    days = (now.date() - value.date()).days
    return "less than a day" if days <= 0 else "1 day" if days == 1 else f"{days} days"


def purpose(code: str) -> str:
    return PURPOSES.get(code, (code or "Not answered yet", ""))[0]


def tier(value: Tier | str) -> str:
    return TIERS[Tier(value)][0]


def tier_means(value: Tier | str) -> str:
    return TIERS[Tier(value)][1]


def column_role(value: str) -> str:
    return COLUMN_ROLES[str(value)][0]


def role(value: Role | str) -> str:
    return str(value).replace("_", " ").capitalize()


def plural(count: int, one: str, many: str = "") -> str:
    """1 file, 3 files."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def file_name(key: str) -> str:
    """The last part of an object's key."""
    return key.rsplit("/", 1)[-1]


def number(value: object) -> str:
    """A figure of an evidence pack: at most four significant digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return str(value)


def asked(query: Mapping[str, Any]) -> str:
    """A private query's stored description in a line of words."""
    return in_words(query, number)


def lookup(code: str, names: Mapping[str, str]) -> str:
    """What a code stands for; the code itself where nobody says."""
    return names.get(code, code)


def sum_findings(files: tuple[OutputFile, ...]) -> int:
    """How many findings the automatic checks have on all these files."""
    return sum(len(file.findings) for file in files)


FILTERS: dict[str, Callable[..., Any]] = {
    "day": day,
    "moment": moment,
    "size": size,
    "age": age,
    "purpose": purpose,
    "tier": tier,
    "tier_means": tier_means,
    "column_role": column_role,
    "role": role,
    "plural": plural,
    "file_name": file_name,
    "number": number,
    "asked": asked,
    "amount": amount,
    "budget_left": budget_left,
    "budget_share": budget_share,
    "budget_spent": budget_spent,
    "cost": cost,
    "lookup": lookup,
    "sum_findings": sum_findings,
    "rule": rule,
    "tag": tag,
}
