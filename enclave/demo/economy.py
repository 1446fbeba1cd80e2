"""What households live on, what the proxy means test sees of it, and who gets into which programme."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from enclave.demo.country import (
    AS_OF,
    CCT_BASE,
    CCT_CHILD,
    CCT_CHILDREN,
    FOLLOW_UP,
    FOLLOW_UP_OF,
    MEALS_VALUE,
    PENSION_CUTOFF,
    PENSION_VALUE,
    SUB_REGIONS,
)
from enclave.demo.draws import Draws, Floats, Ints
from enclave.demo.people import HEAD, Days, Flags, Homes, People, region_values


@dataclass(frozen=True, slots=True)
class Means:
    """Arrays of (n,).

    Args:
        wall, roof, water: housing codes 1 (worst) to 4.
        before: consumption a person and month before any transfer, LCU.
        score: proxy means test, 0 (poorest) to 100.
        cutoff: the region's; `eligible`: score at or below it.
    """

    wall: Ints
    roof: Ints
    water: Ints
    before: Floats
    score: Floats
    cutoff: Floats
    eligible: Flags


@dataclass(frozen=True, slots=True)
class Enrolled:
    """One programme's enrolments; arrays of (k,): household, day in, day out or NaT, status."""

    home: Ints
    since: Days
    until: Days
    status: Ints


def means(seed: int, homes: Homes, people: People) -> Means:
    """Log-normal consumption from place, members, schooling and luck; the test sees housing and members."""
    d = Draws(seed, homes.index)
    head = people.role == HEAD
    place = Draws(seed, np.arange(SUB_REGIONS * 6)).normal("sub-region wealth")
    seen = (
        region_values("welfare", homes.region)
        + 0.22 * homes.urban
        + 0.09 * people.education[head]
        - 0.055 * (homes.size - 1)
        - 0.065 * homes.children
        - 0.05 * homes.elders
        - 0.10 * homes.disabled
        - 0.08 * people.female[head]
        + 0.10 * np.isin(people.employment[head], [4, 5])
    )
    wealth = seen + 0.13 * place[homes.region * SUB_REGIONS + homes.sub] + 0.30 * d.normal("wealth")

    def rung(name: str, level: Floats) -> Ints:
        return np.asarray(
            1 + np.searchsorted([-0.35, 0.0, 0.35], level + 0.30 * d.normal(name)), dtype=np.int64
        )

    wall, roof = rung("wall", wealth), rung("roof", wealth + 0.08)
    water = rung("water", wealth + np.where(homes.urban, 0.15, -0.05))
    before = np.exp(8.45 + wealth + 0.30 * d.normal("consumption"))
    guess = 0.7 * seen + 0.115 * (wall + roof + water - 7.5)
    score = np.clip(46.0 + 29.0 * (guess + 0.05) + 3.5 * d.normal("interview"), 0.0, 100.0).round(2)
    cutoff = region_values("cutoff", homes.region)
    return Means(wall, roof, water, before.round(2), score, cutoff, score <= cutoff)


def _enrol(d: Draws, name: str, homes: Homes, chance: Floats) -> Enrolled:
    since = homes.registered + (20 + d.below(f"{name} lag", 320)).astype("timedelta64[D]")
    taken = np.flatnonzero(d.chance(name, chance) & (since <= np.datetime64(AS_OF)))
    leaves = since + (200 + d.below(f"{name} stay", 1_200)).astype("timedelta64[D]")
    left = d.chance(f"{name} left", 0.12) & (leaves <= np.datetime64(AS_OF))
    until = np.where(left, leaves, np.datetime64("NaT", "D"))
    status = np.where(left, 3, np.where(d.chance(f"{name} held", 0.03), 4, 1))
    return Enrolled(taken, since[taken], until[taken], status[taken])


def enrolments(seed: int, homes: Homes, means: Means) -> dict[str, Enrolled]:
    """CCT, PENSION and MEALS: each with people left out who should be in, and people in who should not."""
    d = Draws(seed, homes.index)
    over = means.score - means.cutoff
    reach = 0.80 + 0.05 * homes.urban - 0.10 * (homes.sub >= 6)
    cct = np.where(means.eligible, reach, 0.04 + 0.10 * np.exp(-np.clip(over, 0, None) / 5.0))
    pension = np.where(means.score <= PENSION_CUTOFF, 0.68, 0.14)
    schools = Draws(seed, np.arange(SUB_REGIONS * 6)).uniform("schools with meals")
    meals = 0.25 + 0.55 * schools[homes.region * SUB_REGIONS + homes.sub]
    return {
        "CCT": _enrol(d, "cct", homes, np.where(homes.children > 0, cct, 0.02)),
        "PENSION": _enrol(d, "pension", homes, np.where(homes.elders > 0, pension, 0.0)),
        "MEALS": _enrol(d, "meals", homes, np.where(homes.pupils > 0, meals, 0.0)),
    }


def instalment(programme: str, homes: Homes, home: Ints) -> Floats:
    """What one payment of the programme is worth to each household in `home`, LCU."""
    if programme == "CCT":
        children = np.minimum(homes.children[home], CCT_CHILDREN)
        return np.asarray(CCT_BASE + CCT_CHILD * children, dtype=np.float64)
    value = PENSION_VALUE * homes.elders if programme == "PENSION" else MEALS_VALUE * homes.pupils
    return np.asarray(value[home], dtype=np.float64)


def follow_up(
    seed: int, homes: Homes, means: Means, enrolled: dict[str, Enrolled]
) -> tuple[Ints, Days, Floats]:
    """Consumption measured again: who (k,), when (k,), LCU a person and month (k,) with transfers received.

    Four fifths of a transfer is consumed (the effect that an evaluation should find).
    """
    d = Draws(seed, homes.index)
    start, stop = (np.datetime64(day) for day in FOLLOW_UP)
    who = np.flatnonzero(homes.registered < np.datetime64(FOLLOW_UP_OF))
    when = (start + d.below("follow-up day", int((stop - start).astype(int))))[who]
    months = {"CCT": 2.0, "PENSION": 1.0, "MEALS": 3.0}
    transfers = np.zeros(len(homes.index))
    for programme, enrolment in enrolled.items():
        inside = (enrolment.since < start) & (np.isnat(enrolment.until) | (enrolment.until > stop))
        home = enrolment.home[inside]
        transfers[home] += instalment(programme, homes, home) / months[programme]
    after = means.before * np.exp(0.02 + 0.10 * d.normal("two years")) + 0.8 * transfers / homes.size
    return who, when, after[who].round(2)
