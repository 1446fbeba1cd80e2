"""Reading a table fast gives what reading it one cell at a time gives: values, households, exact numbers."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.util import hash_array

from anonymization.dp import DpQuery, Filter, Measure, Op, Per, Weighting, aggregate
from anonymization.dp import units as units_of
from anonymization.dp.aggregate import Grain, exact
from anonymization.dp.queries import WEIGHT
from anonymization.dp.units import Units
from anonymization.dp.values import (
    ELSEWHERE,
    MISSING,
    SPELT,
    canonical,
    codes,
    hashes,
    number,
    numbers,
    placed,
    texts,
)

NOON = [pd.Timestamp("2020-01-01 12:00", tz="UTC"), pd.Timestamp("2020-01-01 13:00", tz="Europe/Paris")]
AWKWARD = [
    None, math.nan, math.inf, -math.inf, True, False, 1, 0, 1.0, -0.0, "1", "01", "true", "True", "fAlSe", "R01", "R02",
    "", 10**30, 10**5000, -7, 3.999, 2**53, 2**53 + 1, float(2**53), np.int64(4), np.float32(0.5), np.bool_(1),
    pd.Timestamp("2020-01-01"), pd.NaT, pd.NA, b"x", [1], {}, "a", "a\0", "a\0b", "\ud800", "é", "e\u0301", *NOON,
]  # fmt: skip
DTYPES = {
    "object": AWKWARD,
    "text": ["R01", "R02", "true", "a", "a\0"],
    "int64": [0, 1, 5, 2**53, 2**53 + 1, -3],
    "uint64": [0, 1, 2**64 - 1, 2**64 - 2],
    "float64": [0.0, -0.0, 1.0, 2.5, math.nan, math.inf, 1e17],
    "float32": [0.0, 1.0, 0.1, math.nan],
    "bool": [True, False],
    "Int64": [0, 1, None, 7],
    "Float64": [0.5, 1.0, None],
    "boolean": [True, False, None],
    "string": ["R01", "1", None, "True"],
    "string[pyarrow]": ["R01", "1", None, "TRUE"],
    "category": ["R01", "1", None, "zz"],
    "datetime64[ns, UTC]": [NOON[0], None],
}


@st.composite
def columns(draw, size, dtypes=tuple(DTYPES)):
    dtype = draw(st.sampled_from(dtypes))
    values = draw(st.lists(st.sampled_from(DTYPES[dtype]), min_size=size, max_size=size))
    return pd.Series(values, dtype="object" if dtype == "text" else dtype)


def same(first, second):
    return list(first) == list(second) and [type(v) for v in first] == [type(v) for v in second]


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_column_is_read_as_its_values_are_one_by_one(data):
    column = data.draw(columns(data.draw(st.integers(0, 12))))
    given_ = column.tolist()
    one_by_one = [canonical(v) for v in given_]
    assert same(texts(column), one_by_one)
    expected = [math.nan if (n := number(v)) is None else n for v in given_]
    assert np.array_equal(numbers(column), expected, equal_nan=True)
    place = {"1": 0, "R01": 1, "a": 2}
    found = [MISSING if t is None else place.get(t, ELSEWHERE) for t in one_by_one]
    assert placed(column, place).tolist() == found


def test_equal_moments_in_two_zones_are_read_each_for_itself():
    assert NOON[0] == NOON[1]
    column = pd.Series(NOON, dtype=object)
    assert placed(column, {canonical(NOON[0]): 0}).tolist() == [0, ELSEWHERE]


def test_every_spelling_of_true_and_false_is_known_and_no_other_word():
    for word in ("true", "TRUE", "tRuE", "false", "False", "falsE"):
        assert canonical(word) == ("1" if word.lower() == "true" else "0")
    assert len(SPELT) == 2**4 + 2**5
    everything = "".join(map(chr, range(0x110000)))
    assert {c for c in everything if c.lower() in "truefals"} == set(
        "truefalsTRUEFALS"
    )  # no other letter becomes one


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (2**53, 2**53 + 1),
        (10**17 + 1, 10**17 + 2),
        ("h", "h\0"),
        ("h\0a", "h\0b"),
        ("é", "e\u0301"),
        ("1", "01"),
    ],
)
def test_households_that_look_alike_are_two(first, second):
    dtype = "int64" if isinstance(first, int) else object
    df = pd.DataFrame({"h": pd.Series([first, second, first], dtype=dtype)})
    assert exact(DpQuery("t", "h", Measure.COUNT, 1.0), df).counts.tolist() == [2]
    per_row = DpQuery("t", "h", Measure.COUNT, 1.0, per=Per.ROW, max_rows=1)
    assert exact(per_row, df).counts.tolist() == [2]
    assert exact(DpQuery("t", "h", Measure.COUNT, 1.0), df.astype(object)).counts.tolist() == [2]


def test_households_written_in_several_ways_are_one():
    df = pd.DataFrame({"h": pd.Series(["true", "True", True, 1, 1.0, "1", "x", None], dtype=object)})
    assert exact(DpQuery("t", "h", Measure.COUNT, 1.0), df).counts.tolist() == [2]
    texts_alone = pd.DataFrame({"h": ["true", "TRUE", "1", "x"]})
    assert exact(DpQuery("t", "h", Measure.COUNT, 1.0), texts_alone).counts.tolist() == [2]


def test_half_a_letter_raises_nothing():
    df = pd.DataFrame({"h": ["\ud800", "\ud800", "x", "x"], "pay": [1.0, 2.0, 3.0, 4.0]})
    query = DpQuery("t", "h", Measure.SUM, 1.0, column="pay", lower=0, upper=10, per=Per.ROW, max_rows=1)
    assert exact(query, df).counts.tolist() == [2]
    assert len(hashes(texts(df["h"]))) == 4


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_households_are_numbered_as_their_texts_are(data):
    column = data.draw(columns(data.draw(st.integers(1, 20))))
    units = Units.of(column)
    rows = np.flatnonzero(units.present)
    read = texts(column)
    assert [i for i, t in enumerate(read) if t is not None] == rows.tolist()
    check_numbers(units, rows, read)


def check_numbers(units, rows, read):
    assert same(units.texts(rows), read[rows])
    house = units.households(rows)
    if house is None:
        assert len(set(read[rows])) == len(rows)
        return
    pairs = set(zip(house.tolist(), read[rows], strict=True))
    assert len(pairs) == len({h for h, _ in pairs}) == len({t for _, t in pairs})
    assert {h for h, _ in pairs} == set(range(len(pairs)))


def test_households_whose_hashes_fall_together_are_still_told_apart(monkeypatch):
    real = units_of._runs
    column = pd.Series([f"h{i % 7}" for i in range(30)], dtype=object)
    monkeypatch.setattr(units_of, "_runs", lambda ids: real(ids % np.uint64(3)))
    units, rows = Units.of(column), np.arange(30)
    check_numbers(units, rows, texts(column))
    assert len(set(units.households(rows).tolist())) == 7


def one_hash(value):
    return int(
        hash_array(
            np.array([value]) if not isinstance(value, str) else np.array([value], dtype=object),
            categorize=False,
        )[0]
    )


def plainly(query, df):
    """The exact numbers, from the description alone: one household after the other, one row after the other."""
    rows = defaultdict(list)
    together = defaultdict(int)
    keys = {c: [canonical(k) for k in query.group_by[c]] for c in query.group_by}
    read = {c: df[c].tolist() for c in df.columns}
    for i in range(len(df)):
        row = {c: values[i] for c, values in read.items()}
        home = canonical(row["unit"])
        if home is None:
            continue
        together[home] += 1
        value = 0.0 if query.column is None else number(row[query.column])
        at = [keys[c].index(canonical(row[c])) if canonical(row[c]) in keys[c] else -1 for c in keys]
        if value is None or -1 in at or not all(holds(f, row[f.column]) for f in query.filters):
            continue
        cell = 0
        for c, k in zip(keys, at, strict=True):
            cell = cell * len(keys[c]) + k
        member = [canonical(row[p]) == "1" for p in query.count_by_programme]
        inside = all(holds(f, row[f.column]) for f in query.numerator)
        rows[home].append((cell, value, member, inside))
    programmes = max(len(query.count_by_programme), 1)
    counts, sums = defaultdict(int), defaultdict(int)
    for home, held in rows.items():
        for cell, value, member, inside in bounded(query, home, held):
            weight = WEIGHT // together[home] if query.weighted else 1
            for p in taken(query, home, member):
                at = (cell * programmes + p) * (2 if query.base is Measure.RATIO else 1)
                at += query.base is Measure.RATIO and not inside
                counts[at] += weight
                if query.base in (Measure.SUM, Measure.MEAN):
                    sums[at] += weight * int(Grain.of(query).ticks(np.array([value]))[0])
    many = math.prod(len(k) for k in keys.values()) * programmes * (2 if query.base is Measure.RATIO else 1)
    return [counts[i] for i in range(many)], [sums[i] for i in range(many)]


def holds(item, value):
    if item.op in (Op.GE, Op.LE):
        read = number(value)
        return read is not None and (read >= item.value if item.op is Op.GE else read <= item.value)
    wanted = [canonical(v) for v in (item.value if isinstance(item.value, tuple) else (item.value,))]
    return canonical(value) is not None and (canonical(value) in wanted) != (item.op is Op.NE)


def bounded(query, home, held):
    """What is left of one household's rows; the order of a hash of what each holds decides."""

    def order(row):
        cell, value, member, inside = row
        mixed = one_hash(home)
        for part in (np.int64(cell), np.float64(value), *map(np.bool_, member), np.bool_(inside)):
            mixed = (mixed * 1_000_003) % 2**64 ^ one_hash(part)
        return mixed

    if query.weighted:
        return held
    ordered = sorted(held, key=order)
    if query.per is Per.ROW:
        return ordered[: query.max_rows]
    value = np.add.reduce(np.array([r[1] for r in ordered]))
    member = [any(r[2][p] for r in ordered) for p in range(len(ordered[0][2]))]
    return [(ordered[0][0], value, member, any(r[3] for r in ordered))]


def taken(query, home, member):
    if not query.count_by_programme:
        return [0]
    many = len(member)
    start = one_hash(home) % many
    turned = [p for p in ((start + i) % many for i in range(many)) if member[p]]
    return turned[: query.max_programmes or many]


@st.composite
def questions(draw):
    measure = draw(st.sampled_from([Measure.COUNT, Measure.SUM, Measure.MEAN, Measure.RATIO]))
    changes = (
        {}
        if measure in (Measure.COUNT, Measure.RATIO)
        else {"column": "pay", "lower": -10, "upper": draw(st.sampled_from([1, 300]))}
    )
    if measure is Measure.RATIO:
        changes["numerator"] = (Filter("p2", Op.EQ, value=True),)
    if draw(st.booleans()):
        changes |= {"count_by_programme": ("p1", "p2"), "max_programmes": draw(st.integers(0, 2))}
    per = draw(st.sampled_from(list(Per)))
    if per is Per.ROW:
        weighted = {"weighting": Weighting.HOUSEHOLD}
        changes |= draw(st.sampled_from([weighted, {"max_rows": 1}, {"max_rows": 2}, {"max_rows": 3}]))
    changes["group_by"] = draw(
        st.sampled_from([{}, {"region": ("R01", 1, 0)}, {"region": ("R01", ""), "p1": (True, False)}])
    )
    changes["filters"] = draw(
        st.sampled_from(
            [
                (),
                (Filter("pay", Op.GE, 0),),
                (Filter("region", Op.NE, "R01"),),
                (Filter("region", Op.IN, ("R01", True)),),
            ]
        )
    )
    return DpQuery("t", "unit", measure, 1.0, per=per, **changes)


@given(questions(), st.data())
@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_exact_numbers_are_those_of_the_description_followed_plainly(query, data):
    size = data.draw(st.integers(0, 14))
    few = st.sampled_from(["a", "b", 1, True, None])
    alike = st.builds(lambda v: pd.Series(v, dtype=object), st.lists(few, min_size=size, max_size=size))
    df = pd.DataFrame(
        {
            "unit": data.draw(st.one_of(alike, columns(size))),
            "region": data.draw(columns(size)),
            "pay": data.draw(columns(size)),
            "p1": data.draw(columns(size, ("bool", "object", "boolean"))),
            "p2": data.draw(columns(size, ("bool", "object", "boolean"))),
        }
    )
    df.index = pd.Index(
        data.draw(st.lists(st.sampled_from([0, 0, 1, "a"]), min_size=size, max_size=size)), dtype=object
    )
    held = exact(query, df)
    assert (held.counts.tolist(), held.sums.tolist()) == plainly(query, df)
    shuffled = df.iloc[data.draw(st.permutations(range(size)))]
    again = exact(query, shuffled)
    assert (again.counts.tolist(), again.sums.tolist()) == (held.counts.tolist(), held.sums.tolist())


def test_which_rows_stay_does_not_change_when_sorting_has_little_room_for_the_hash(monkeypatch):
    """Rows that agree in all of the hash that is sorted by are put in order by the whole of it."""
    rng = np.random.default_rng(1)
    df = pd.DataFrame(
        {"unit": rng.integers(0, 40, 400).astype(str), "pay": rng.integers(0, 50, 400).astype(float)}
    )
    query = DpQuery("t", "unit", Measure.SUM, 1.0, column="pay", lower=0, upper=300, per=Per.ROW, max_rows=3)
    expected = plainly(query, df)

    class Wide(int):
        def __add__(self, other):
            return Wide(int(self) + other)

        def bit_length(self):
            asked.append(self)
            return 61  # as if there were so many households that two bits were left

    asked = []
    monkeypatch.setattr(aggregate, "int", Wide, raising=False)
    held = exact(query, df)
    assert asked
    assert (held.counts.tolist(), held.sums.tolist()) == expected


def test_codes_number_in_order_of_first_places():
    read = texts(pd.Series(["b", "a", "b", "a\0"], dtype=object))
    code, names = codes(read)
    assert code.tolist() == [0, 1, 0, 2]
    assert names.tolist() == ["b", "a", "a\0"]
