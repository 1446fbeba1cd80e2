"""What happened after enrolment: payments made and failed, and whether children's conditions were kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from enclave.demo.country import AS_OF, HISTORY_FROM
from enclave.demo.draws import Draws, Floats, Ints
from enclave.demo.economy import Enrolled, instalment
from enclave.demo.people import TODAY, Days, Homes, People

#: Months between payments of each programme, and the day of the month.
_RHYTHM = {"CCT": (2, 10), "PENSION": (1, 5), "MEALS": (3, 25)}
_NUMBER = {"CCT": 0, "PENSION": 1, "MEALS": 2}
_PERIODS = 64  # more payment days than any history has


@dataclass(frozen=True, slots=True)
class Payments:
    """Arrays of (k,): row of `Enrolled`, number of the payment day, day, LCU, status (1 made, 2 not)."""

    row: Ints
    period: Ints
    day: Days
    value: Floats
    status: Ints


@dataclass(frozen=True, slots=True)
class Events:
    """Arrays of (k,): position in People, quarter, its number, domain, status, attendance %, consequence."""

    person: Ints
    quarter: Days
    period: Ints
    health: NDArray[np.bool_]
    status: NDArray[np.str_]
    measure: Floats
    consequence: NDArray[np.str_]


def _days(step: int, day: int) -> Days:
    months = np.arange(np.datetime64(HISTORY_FROM, "M"), np.datetime64(AS_OF, "M") + 1, step)
    days = months.astype("datetime64[D]") + np.timedelta64(day - 1, "D")
    return np.asarray(days[days <= np.datetime64(AS_OF)])


def _inside(enrolled: Enrolled, days: Days) -> tuple[Ints, Ints]:
    """The pairs (row of the enrolment, number of the day) on which the household was in the programme."""
    since, until = enrolled.since[:, None], enrolled.until[:, None]
    held = (enrolled.status == 4)[:, None] & (days >= TODAY - np.timedelta64(120, "D"))
    row, period = np.nonzero((since <= days) & (np.isnat(until) | (days < until)) & ~held)
    return row, period


def payments(seed: int, homes: Homes, programme: str, enrolled: Enrolled) -> Payments:
    """Every instalment since HISTORY_FROM; more fail outside towns, and a month's troubles are shared."""
    days = _days(*_RHYTHM[programme])
    row, period = _inside(enrolled, days)
    home = enrolled.home[row]
    d = Draws(seed, (homes.index[home] * 4 + _NUMBER[programme]) * _PERIODS + period)
    trouble = Draws(seed, np.arange(len(days))).uniform(f"{programme} trouble")[period] < 0.08
    failed = d.chance("failed", 0.02 + 0.03 * ~homes.urban[home] + 0.10 * trouble)
    value = instalment(programme, homes, home)
    return Payments(row, period, days[period], value, np.where(failed, 2, 1))


def events(seed: int, homes: Homes, people: People, enrolled: Enrolled) -> Events:
    """One event a quarter for a pupil (school) and a child under six (clinic) of each CCT household."""
    days = _days(3, 1)
    row, period = _inside(enrolled, days)
    home = enrolled.home[row]
    zeal = 1.9 + 0.4 * homes.urban[home] + 0.9 * Draws(seed, homes.index).normal("zeal")[home]
    parts = []
    for health in (False, True):
        fit = (people.age < 6) if health else (people.age >= 6) & (people.age <= 17)
        at = np.flatnonzero(fit)
        child = np.full(len(homes.index), -1)
        child[people.home[at[::-1]]] = at[::-1]
        has = child[home] >= 0
        key = (homes.index[home[has]] * 2 + health) * _PERIODS + period[has]
        parts.append((child[home[has]], period[has], np.full(int(has.sum()), health), zeal[has], key))
    person, quarter, health_flag, will, key = (np.concatenate(part) for part in zip(*parts, strict=True))
    d = Draws(seed, key)
    kept = d.chance("kept", 1 / (1 + np.exp(-will)))
    u = d.uniform("monitored")
    status = np.select(
        [u < 0.05, u < 0.07], ["not_monitored", "exempt"], np.where(kept, "complied", "not_complied")
    )
    attendance = np.clip(np.where(kept, 93, 64) + 5 * d.normal("attendance"), 0, 100).round(1)
    measure = np.where(health_flag | np.isin(status, ["not_monitored", "exempt"]), np.nan, attendance)
    v = d.uniform("consequence")
    consequence = np.where(
        status == "not_complied", np.select([v < 0.55, v < 0.75], ["warning", "block"], "none"), "none"
    )
    return Events(person, days[quarter], quarter, health_flag, status, measure, consequence)
