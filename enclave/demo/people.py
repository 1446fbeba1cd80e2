"""Who lives together: regions, household composition, and every member's age, sex, schooling and work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from enclave.demo.country import AS_OF, REGIONS, SUB_REGIONS
from enclave.demo.draws import Draws, Floats, Ints

Flags = NDArray[np.bool_]
Days = NDArray[np.datetime64]

HEAD, SPOUSE, CHILD, ADULT, ELDER = range(5)
#: A household has fewer members than this, so index * MEMBERS + position numbers people.
MEMBERS = 16
#: The day on which ages are counted.
TODAY = np.datetime64(AS_OF, "D")


@dataclass(frozen=True, slots=True)
class Homes:
    """One entry for each household of a batch; arrays of (n,).

    Args:
        index: number of the household in the ministry.
        region: position in REGIONS; `sub`: 0 to 7 within it.
        first: where the household's people start in `People`; `size`: how many they are.
        children: members under 18; `pupils`: 5 to 14; `elders`: 65 and over, all on TODAY.
        urdu: whether the household is written down in Urdu script.
    """

    index: Ints
    region: Ints
    sub: Ints
    urban: Flags
    urdu: Flags
    size: Ints
    first: Ints
    children: Ints
    pupils: Ints
    elders: Ints
    disabled: Flags
    registered: Days


@dataclass(frozen=True, slots=True)
class People:
    """One entry for each person of a batch; arrays of (m,), household by household, the head first."""

    home: Ints
    position: Ints
    role: Ints
    female: Flags
    age: Ints
    born: Days
    marital: NDArray[np.str_]
    education: Ints
    employment: Ints
    disabled: Flags


def region_values(name: str, region: Ints) -> Floats:
    """The named number of each household's region."""
    return np.array([getattr(r, name) for r in REGIONS], dtype=np.float64)[region]


def settle(seed: int, index: Ints) -> tuple[Homes, People]:
    """The households numbered `index` (n,) and everybody in them; no other household changes them."""
    d = Draws(seed, index)
    region = d.pick("region", [r.share for r in REGIONS])
    sub = d.below("sub-region", SUB_REGIONS)
    urban = d.chance(
        "urban", region_values("urban", region) * np.array([1.6, 1.3, 1.1, 1, 1, 0.8, 0.7, 0.5])[sub]
    )
    woman = d.chance("woman heads", region_values("women", region))
    age = np.interp(
        d.uniform("head age"), [0, 0.06, 0.25, 0.5, 0.75, 0.95, 1], [19, 25, 34, 43, 55, 74, 91]
    ).astype(np.int64)
    paired = d.chance("paired", np.where(woman, 0.30, 0.88) * np.where(age > 68, 0.7, 1.0))
    fertile = np.exp(-(((age - 38.0) / 17.0) ** 2))
    young = d.poisson(
        "children", region_values("children", region) * fertile * np.where(paired, 1.15, 0.9), 8
    )
    grown = d.poisson("grown", np.where(age >= 44, 0.7, 0.12), 3)
    old = d.chance("elder", np.where(age < 58, 0.16, 0.03)).astype(np.int64)
    counts = np.stack([np.ones_like(young), paired.astype(np.int64), young, grown, old], axis=1)
    size = counts.sum(axis=1)
    first = np.cumsum(size) - size

    people = _people(seed, index, counts, age, woman)

    def count(which: Flags) -> Ints:
        return np.bincount(people.home[which], minlength=len(index)).astype(np.int64)

    sweep = np.datetime64("2023-02-01") + d.below("sweep day", 300)
    other = np.datetime64("2019-01-07") + d.below("other day", 2_720)
    homes = Homes(
        index=index,
        region=region,
        sub=sub,
        urban=urban,
        urdu=d.chance("urdu", np.array([0.35 if r.country == "PK" else 0.0 for r in REGIONS])[region]),
        size=size,
        first=first,
        children=count(people.age < 18),
        pupils=count((people.age >= 5) & (people.age <= 14)),
        elders=count(people.age >= 65),
        disabled=count(people.disabled) > 0,
        registered=np.where(d.chance("in sweep", 0.6), sweep, other),
    )
    return homes, people


def _people(seed: int, index: Ints, counts: Ints, head_age: Ints, woman: Flags) -> People:
    size = counts.sum(axis=1)
    home = np.repeat(np.arange(len(index)), size)
    position = np.arange(len(home)) - np.repeat(np.cumsum(size) - size, size)
    role = (position[:, None] >= np.cumsum(counts, axis=1)[home]).sum(axis=1)
    d = Draws(seed, index[home] * MEMBERS + position)
    u = d.uniform("age")
    at_head = head_age[home]
    age = np.select(
        [role == HEAD, role == SPOUSE, role == CHILD, role == ADULT],
        [
            at_head,
            np.clip(at_head + np.where(woman[home], 3, -3) + 4 * d.normal("spouse age"), 18, 95),
            u * np.clip(at_head - 16, 2, 18),
            18 + u * np.clip(at_head - 34, 1, 22),
        ],
        np.clip(at_head + 19 + 13 * u, 60, 99),
    ).astype(np.int64)
    female = np.where(
        role == HEAD, woman[home], np.where(role == SPOUSE, ~woman[home], d.chance("sex", 0.5))
    ).astype(np.bool_)
    born = TODAY - (age * 365.2425 + 1 + d.uniform("birthday") * 364).astype(np.int64).astype(
        "timedelta64[D]"
    )
    disabled = d.chance("disabled", np.select([age < 18, age < 60], [0.02, 0.05], 0.16))
    marital = _marital(d, role, age, (counts[:, SPOUSE] > 0)[home])
    return People(
        home, position, role, female, age, born, marital, _schooling(d, age, female), _work(d, age), disabled
    )


def _marital(d: Draws, role: Ints, age: Ints, paired: Flags) -> NDArray[np.str_]:
    u = d.uniform("marital")
    alone = np.select([u < np.clip((age - 35) / 60, 0.02, 0.8), u > 0.78], ["W", "D"], "S")
    together = ((role == HEAD) | (role == SPOUSE)) & paired
    return np.asarray(np.where(together, "M", np.where(age < 18, "S", alone)), dtype=np.str_)


def _schooling(d: Draws, age: Ints, female: Flags) -> Ints:
    """ISCED 0-8: the young have more, older women less; no child is ahead of its age."""
    lean = (
        2.6 - 0.035 * np.clip(age - 30, -8, 55) - 0.25 * (female & (age > 40)) + 1.5 * d.normal("schooling")
    )
    ceiling = np.select([age < 6, age < 12, age < 15, age < 18, age < 22], [0, 1, 2, 3, 4], 8)
    return np.asarray(np.minimum(np.clip(np.rint(lean), 0, 8), ceiling), dtype=np.int64)


def _work(d: Draws, age: Ints) -> Ints:
    """DCI codes: 2 not employed, 4 employee, 5 employer, 6 own account, 7 cooperative, 8 family worker."""
    adult = np.array([2, 4, 5, 6, 7, 8, 3, 1])[
        d.pick("work", [0.22, 0.26, 0.02, 0.33, 0.03, 0.09, 0.02, 0.03])
    ]
    return np.where(age < 15, 2, np.where((age > 70) & d.chance("retired", 0.8), 2, adult)).astype(np.int64)
