"""The demo ministry's registry, generated: any number of households, always the same ones for a seed.

A household depends on (seed, its number) and on nothing else, so batches have any size and start anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from enclave.demo.country import CURRENCY, PROGRAMMES, REGIONS
from enclave.demo.draws import Ints
from enclave.demo.economy import Enrolled, Means, enrolments, follow_up, means
from enclave.demo.history import events, payments
from enclave.demo.identifiers import IDENTIFIER_TYPES
from enclave.demo.notes import Note
from enclave.demo.people import Homes, People, settle
from enclave.demo.register import Addresses, Identities, addresses, identities, notes
from enclave.store.registry_schema import SCHEMAS

Batch = dict[str, pa.Table]
_RELATIONS = np.array(["SELF", "PRIMSPOUS", "CHILD", "CHILD", "PRN"])
_LETTERS = {"CCT": "C", "PENSION": "P", "MEALS": "M"}


@dataclass(frozen=True, slots=True)
class _Keys:
    """Identifiers as they stand in the registry: (n,) of households, (m,) of persons."""

    home: NDArray[np.object_]
    person: NDArray[np.object_]


class Ministry(Iterator[Batch]):
    """The registry's tables, some households at a time; see `generate`."""

    def __init__(self, households: int, seed: int, batch: int) -> None:
        self.households = households
        self.seed = seed
        self.batch = batch
        self._batches = self.since(0)

    def __next__(self) -> Batch:
        return next(self._batches)

    def since(self, start: int) -> Iterator[Batch]:
        """The tables of the households from number `start` on, for going on where something stopped."""
        for first in range(start, self.households, self.batch):
            last = min(first + self.batch, self.households)
            yield _batch(np.arange(first, last, dtype=np.int64), self.seed)


def generate(households: int, seed: int, batch: int = 5000) -> Ministry:
    """The registry of a ministry, in batches.

    Args:
        households: how many the ministry registers; they are numbered from 0.
        seed: another seed is another ministry.
        batch: households at a time; changes nothing but the memory used.

    Returns:
        An iterator of batches: one Arrow table for each name in SCHEMAS; programmes only in the first batch.
    """
    return Ministry(households, seed, batch)


def gold_notes(households: int, seed: int) -> Iterator[tuple[str, str, Note]]:
    """Triples (household_id, language, note with the places of its identifiers): to measure recall by."""
    index = np.arange(households, dtype=np.int64)
    homes, people = settle(seed, index)
    who, where = identities(seed, homes, people), addresses(seed, homes)
    for i, (language, note) in zip(index.tolist(), notes(seed, homes, people, who, where), strict=True):
        yield _household(i), language, note


def _household(index: int) -> str:
    return f"H{index:09d}"


def _batch(index: Ints, seed: int) -> Batch:
    homes, people = settle(seed, index)
    wealth = means(seed, homes, people)
    enrolled = enrolments(seed, homes, wealth)
    who, where = identities(seed, homes, people), addresses(seed, homes)
    ids = np.array([_household(i) for i in index.tolist()], dtype=object)
    person_ids = np.array(
        [f"{ids[h]}-{p:02d}" for h, p in zip(people.home.tolist(), people.position.tolist(), strict=True)],
        dtype=object,
    )
    keys = _Keys(ids, person_ids)
    written = list(notes(seed, homes, people, who, where))
    first = len(index) > 0 and index[0] == 0
    return {
        "programmes": pa.Table.from_pylist(list(PROGRAMMES) if first else [], schema=SCHEMAS["programmes"]),
        "households": _households(homes, wealth, where, keys),
        "persons": _persons(homes, people, who, keys),
        "assessments": _assessments(seed, homes, wealth, enrolled, keys),
        **_programme_tables(seed, homes, people, enrolled, keys),
        "case_notes": _table(
            "case_notes",
            [
                [f"{i}-N1" for i in ids],
                ids,
                homes.registered,
                [language for language, _ in written],
                [note.text for _, note in written],
            ],
        ),
    }


def _table(name: str, columns: Iterable[object]) -> pa.Table:
    schema = SCHEMAS[name]
    arrays = []
    for field, values in zip(schema, columns, strict=True):
        # Arrow reads numpy's fixed-width text only as objects.
        text = isinstance(values, np.ndarray) and values.dtype.kind == "U"
        cells = np.asarray(values, dtype=object) if text else values
        arrays.append(pa.array(cells, type=field.type, from_pandas=True))
    return pa.Table.from_arrays(arrays, schema=schema)


def _households(homes: Homes, wealth: Means, where: Addresses, keys: _Keys) -> pa.Table:
    regions = [REGIONS[r] for r in homes.region.tolist()]
    return _table(
        "households",
        [
            keys.home,
            np.full(len(keys.home), 2),
            homes.size,
            keys.person[homes.first],
            [r.country for r in regions],
            [r.code for r in regions],
            [f"{r.code}-{s + 1:02d}" for r, s in zip(regions, homes.sub.tolist(), strict=True)],
            where.locality,
            where.line,
            where.latitude,
            where.longitude,
            np.where(homes.urban, 1, 2),
            wealth.wall,
            wealth.roof,
            wealth.water,
            homes.registered,
        ],
    )


def _persons(homes: Homes, people: People, who: Identities, keys: _Keys) -> pa.Table:
    kinds = [IDENTIFIER_TYPES[REGIONS[r].country] for r in homes.region.tolist()]
    homes_of = people.home.tolist()
    return _table(
        "persons",
        [
            keys.person,
            keys.home[people.home],
            _RELATIONS[people.role],
            who.given,
            who.surname,
            [kinds[h] if n else None for h, n in zip(homes_of, who.number, strict=True)],
            who.number,
            who.phone,
            who.email,
            people.born,
            np.where(people.female, "female", "male"),
            people.marital,
            people.education,
            people.employment,
            people.disabled,
        ],
    )


def _assessments(
    seed: int, homes: Homes, wealth: Means, enrolled: dict[str, Enrolled], keys: _Keys
) -> pa.Table:
    """The interview at registration, and the later visit that measured consumption only."""
    who, when, after = follow_up(seed, homes, wealth, enrolled)
    n, k = len(keys.home), len(who)
    at = np.concatenate([np.arange(n), who])
    return _table(
        "assessments",
        [
            np.concatenate([keys.home + "-A1", keys.home[who] + "-A2"]),
            keys.home[at],
            np.concatenate([homes.registered, when]),
            np.full(n + k, "pmt-2019.1"),
            wealth.score[at],
            np.full(n + k, "PMT"),
            wealth.cutoff[at],
            wealth.eligible[at],
            np.concatenate([wealth.before, after]),
            np.repeat(["consumption before transfers", "consumption with transfers"], [n, k]),
        ],
    )


def _programme_tables(
    seed: int,
    homes: Homes,
    people: People,
    enrolled: dict[str, Enrolled],
    keys: _Keys,
) -> Batch:
    members, money = [], []
    kinds = {str(p["programme_identifier"]): p["benefit_type"] for p in PROGRAMMES}
    for programme, e in enrolled.items():
        mine = np.array([f"{keys.home[h]}-{_LETTERS[programme]}" for h in e.home.tolist()], dtype=object)
        k = len(mine)
        members.append(
            _table(
                "enrolments",
                [mine, keys.home[e.home], np.full(k, 2), np.full(k, programme), e.since, e.status, e.until],
            )
        )
        paid = payments(seed, homes, programme, e)
        p = len(paid.row)
        money.append(
            _table(
                "payments",
                [
                    [f"{key}{n:02d}" for key, n in zip(mine[paid.row], paid.period.tolist(), strict=True)],
                    mine[paid.row],
                    np.full(p, programme),
                    np.full(p, kinds[programme]),
                    paid.day,
                    paid.value,
                    np.full(p, CURRENCY),
                    paid.status,
                ],
            )
        )
    seen = events(seed, homes, people, enrolled["CCT"])
    return {
        "enrolments": pa.concat_tables(members),
        "payments": pa.concat_tables(money),
        "compliance_events": _table(
            "compliance_events",
            [
                [
                    f"{p}-E{n:02d}"
                    for p, n in zip(keys.person[seen.person], seen.period.tolist(), strict=True)
                ],
                keys.person[seen.person],
                np.full(len(seen.person), "CCT"),
                np.where(seen.health, "health", "education"),
                np.where(seen.health, "GROWTH_CHECK", "ATTENDANCE_85"),
                seen.quarter,
                seen.status,
                seen.measure,
                seen.consequence,
            ],
        ),
    }
