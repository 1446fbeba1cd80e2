"""The rows that the audit's registries are made of: ordinary households, and the ones that show most of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Rows = Sequence[Mapping[str, object]]

PROGRAMMES = ("cash", "meals", "fees")
REGIONS = ("R01", "R02", "R03")

#: Public bounds of a household's payment, in local currency a month.
LOW, HIGH = 0.0, 100.0


def household(name: str, persons: int = 1, **changes: object) -> Rows:
    """The rows of one household, one a person, in no programme unless told."""
    row = {"household_id": name, "region": "R01", "pay": 50.0, "age": 30, **dict.fromkeys(PROGRAMMES, False)}
    return [{**row, **changes}] * persons


def households(many: int, **changes: object) -> Rows:
    """So many households of one person each."""
    return [row for i in range(many) for row in household(f"other {i}", 1, **changes)]


#: Nine persons, alone in their region, in every programme, with a payment far above the bounds.
WORST = household("worst", 9, region="R02", pay=1e9, age=200, **dict.fromkeys(PROGRAMMES, True))
#: Everybody else: in the other region, with ordinary payments.
OTHERS: Rows = [row for i in range(3) for row in household(f"other {i}", 1, pay=10.0 * i)]
