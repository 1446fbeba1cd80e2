"""Every risk measure against its definition, computed the slow way, for any small table hypothesis can think of."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise, product
from math import exp, inf, isclose, log, prod

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from anonymization.partitions import measuring
from anonymization.risk.attackers import journalist, prosecutor
from anonymization.risk.classes import Classes, class_sizes, key_codes, sizes_of_codes
from anonymization.risk.closeness import closeness
from anonymization.risk.diversity import distinct_diversity, entropy_diversity, recursive_ratio
from anonymization.risk.individual import individual_risk
from anonymization.risk.linkage import interval_risk, linkage_risk
from anonymization.risk.report import RiskSettings, key_report, risk_report
from anonymization.risk.suda import suda
from anonymization.risk.tally import Tally, merge_tallies, tally, tally_table
from anonymization.risk.units import profile_codes

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
READINGS = st.sampled_from(["wildcard", "category"])
rows_of = st.integers(1, 5).flatmap(
    lambda m: st.lists(st.lists(st.integers(-1, 3), min_size=m, max_size=m), min_size=1, max_size=25)
)


def alike(a, b, missing: str) -> bool:
    return all(x == y or (missing == "wildcard" and (x < 0 or y < 0)) for x, y in zip(a, b, strict=True))


def as_table(rows) -> tuple[pd.DataFrame, list[str]]:
    keys = [f"k{j}" for j in range(len(rows[0]))]
    table = pd.DataFrame(rows, columns=keys).astype(float)
    # Labels that would lead astray whoever takes them for positions.
    return table.where(table >= 0).set_axis([7] * len(rows), axis=0), keys


@given(rows_of, READINGS, st.randoms())
@QUICK
def test_class_sizes_are_what_comparing_every_pair_finds(rows, missing, random):
    table, keys = as_table(rows)
    weights = [random.choice([0.0, 0.5, 3.0]) for _ in rows]
    found = class_sizes(table.assign(w=weights), keys, missing=missing, weight="w")
    pairs = [[alike(a, b, missing) for b in rows] for a in rows]
    assert found.fk.tolist() == [sum(p) for p in pairs]
    np.testing.assert_allclose(
        found.Fk, [sum(w for w, p in zip(weights, q, strict=True) if p) for q in pairs]
    )


@given(rows_of, st.sampled_from(["wildcard", "category"]), st.integers(1, 5))
@QUICK
def test_minimal_sample_uniques_are_those_of_the_definition(rows, missing, largest):
    codes, keys = np.array(rows, dtype=np.int64), len(rows[0])
    largest = min(largest, keys)
    found, number = tally(codes, np.ones(len(rows)))
    result = suda(found, missing=missing, largest=largest)

    def unique(i, chosen):
        mine = [rows[i][j] for j in chosen]
        return sum(alike(mine, [r[j] for j in chosen], missing) for r in rows) == 1

    naming, scores = Counter(), []
    for i in range(len(rows)):
        sets = [
            c for size in range(1, largest + 1) for c in combinations(range(keys), size)
            if unique(i, c) and not any(unique(i, p) for p in combinations(c, size - 1) if p)
        ]  # fmt: skip
        naming.update(j for c in sets for j in c)
        assert result.found[number[i]].tolist() == [
            sum(len(c) == s for c in sets) for s in range(1, largest + 1)
        ]
        scores.append(sum(prod(keys - i for i in range(len(c), min(largest, keys - 1) + 1)) for c in sets))
    assert result.takes_part.tolist() == [naming[j] for j in range(keys)]
    assert result.scores()[number].tolist() == scores


@given(
    st.lists(st.lists(st.integers(0, 2), min_size=7, max_size=7), min_size=1, max_size=12), st.integers(1, 2)
)
@QUICK
def test_a_bounded_search_finds_what_the_whole_search_finds(rows, largest):
    found, _ = tally(np.array(rows, dtype=np.int64), np.ones(len(rows)))
    bounded, whole = (suda(found, missing="category", largest=m) for m in (largest, None))
    assert bounded.found.tolist() == whole.found[:, :largest].tolist()


@given(rows_of, READINGS, st.data())
@QUICK
def test_diversity_and_closeness_are_those_of_the_definition(rows, missing, data):
    table, keys = as_table(rows)
    values = data.draw(st.lists(st.sampled_from([None, 1, 5, 6, 40]), min_size=len(rows), max_size=len(rows)))
    table["s"] = pd.array(values, dtype="Int64")
    table["t"] = [None if v is None else f"v{v}" for v in values]
    distinct = distinct_diversity(table, keys, "s", missing=missing)
    entropy = entropy_diversity(table, keys, "s", missing=missing)
    ratios = {d: recursive_ratio(table, keys, "s", depth=d, missing=missing) for d in (1, 2, 3)}
    ordered = closeness(table, keys, "s", missing=missing)
    equal = closeness(table, keys, "t", missing=missing)
    whole = Counter(v for v in values if v is not None)
    domain = sorted(whole)
    for i, row in enumerate(rows):
        mine = Counter(
            v for other, v in zip(rows, values, strict=True) if v is not None and alike(row, other, missing)
        )
        n = sum(mine.values())
        assert distinct[i] == len(mine)
        counts = sorted(mine.values(), reverse=True)
        assert isclose(entropy[i], exp(-sum(c / n * log(c / n) for c in counts)) if n else 0.0, abs_tol=1e-12)
        for depth, ratio in ratios.items():
            rest = sum(counts[depth - 1 :])
            assert ratio[i] == (pytest.approx(counts[0] / rest) if rest else inf)
        if not n:
            assert np.isnan(ordered[i])
            assert np.isnan(equal[i])
            continue
        gap = [mine[v] / n - whole[v] / sum(whole.values()) for v in domain]
        assert equal[i] == pytest.approx(sum(map(abs, gap)) / 2, abs=1e-12)
        steps = np.abs(np.cumsum(gap)).sum() / max(len(domain) - 1, 1)
        assert ordered[i] == pytest.approx(steps if len(domain) > 1 else 0.0, abs=1e-12)


HIERARCHY = [["a1", "a", "*"], ["a2", "a", "*"], ["b1", "b", "*"], ["b2", "b", "*"], ["b3", "b", "*"]]


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([r[0] for r in HIERARCHY])), min_size=1, max_size=20
    )
)
@settings(max_examples=40, deadline=None)
def test_distance_over_a_hierarchy_is_the_cheapest_way_to_move_the_mass(rows):
    table = pd.DataFrame(rows, columns=["k", "s"])
    found = closeness(table, ["k"], "s", missing="category", distance=HIERARCHY)
    names = [r[0] for r in HIERARCHY]
    apart = [
        0 if a == b else 0.5 if a[0] == b[0] else 1.0 for a, b in product(names, names)
    ]  # half the height below a shared parent
    whole = table["s"].value_counts(normalize=True)
    for k, rows_k in table.groupby("k"):
        mine = rows_k["s"].value_counts(normalize=True)
        sums = [[float(i == r) for i, _ in product(range(5), range(5))] for r in range(5)]
        sums += [[float(j == r) for _, j in product(range(5), range(5))] for r in range(5)]
        target = [mine.get(n, 0.0) for n in names] + [whole.get(n, 0.0) for n in names]
        best = linprog(apart, A_eq=np.array(sums), b_eq=target).fun
        assert found[(table["k"] == k).to_numpy()] == pytest.approx(best, abs=1e-9)


@given(st.integers(1, 60), st.floats(0.01, 0.99))
@settings(max_examples=60, deadline=None)
def test_the_exact_risk_is_the_mean_of_one_over_the_population_count(f, p):
    """F given f is negative binomial: P(F = h) = C(h-1, f-1) p^f (1-p)^(h-f)."""
    log_p, h, total, mass = f * log(p), f, 0.0, 0.0
    while mass < 1 - 1e-13 and h < 200_000:
        term = exp(log_p)
        total, mass = total + term / h, mass + term
        log_p += log(h) - log(h - f + 1) + log(1 - p)
        h += 1
    classes = Classes(np.array([f]), np.array([f / p]))
    assert individual_risk(classes, "exact")[0] == pytest.approx(total, rel=1e-8)
    # The usual approximation is exact up to two and never below, so it never makes a record look safer.
    usual = individual_risk(classes)[0]
    assert usual == pytest.approx(total, rel=1e-8 if f <= 2 else 0.0412)
    assert usual >= total * (1 - 1e-8)


@given(st.integers(1, 4), st.floats(-14, -1))
@QUICK
def test_individual_risk_is_sane_where_the_sample_is_nearly_the_population(f, power):
    risk = individual_risk(Classes(np.array([f]), np.array([f * (1 + 10**power)])))
    assert 1 / f * (1 - 10**power * 1.1) <= risk[0] <= 1 / f * (1 + 1e-9)


@given(rows_of, READINGS, st.integers(1, 4), st.randoms())
@QUICK
def test_merged_partial_tallies_give_the_measures_of_the_whole_table(rows, missing, parts, random):
    table, keys = as_table(rows)
    table["w"] = [random.choice([1.0, 2.5, 40.0]) for _ in rows]
    where = np.array([random.randrange(parts) for _ in rows])
    pieces = [tally_table(table.iloc[np.flatnonzero(where == p)], keys, "w") for p in range(parts)]
    whole = Tally.of_table(merge_tallies(pieces, keys), keys)
    settings_ = RiskSettings(
        tuple(keys), 2, weight="w", missing=missing, suda=len(keys), thresholds=(0.1, 0.5)
    )
    merged, direct = key_report(whole, settings_, keys), risk_report(table, settings_)
    for name, value in merged.items():
        assert value == nested(direct[name]), name


@given(rows_of, READINGS, st.data())
@QUICK
def test_classes_that_are_one_household_are_counted_as_what_they_are(rows, missing, data):
    table, keys = as_table(rows)
    homes = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
    report = risk_report(
        table.assign(h=homes),
        RiskSettings(tuple(keys), 2, household="h", missing=missing, household_classes=True),
    )
    held = [len({h for h, b in zip(homes, rows, strict=True) if alike(a, b, missing)}) for a in rows]
    assert report["violations_by_households"] == {str(k): sum(x < k for x in held) for k in (2, 3, 5, 10)}


@given(rows_of, READINGS, st.booleans(), st.data())
@QUICK
def test_partitions_of_whole_households_report_what_the_whole_table_reports(
    rows, missing, per_household, data
):
    table, keys = as_table(rows)
    table["h"] = data.draw(st.lists(st.integers(0, 4), min_size=len(rows), max_size=len(rows)))
    table["s"] = data.draw(
        st.lists(st.sampled_from([None, 1.0, 2.0]), min_size=len(rows), max_size=len(rows))
    )
    asked = RiskSettings(
        tuple(keys), 2, household="h", per_household=per_household, sensitive=("s",), missing=missing,
        suda=len(keys), closeness=True, household_classes=True,
    )  # fmt: skip
    parts = [table.iloc[np.flatnonzero(table["h"] % 2 == p)] for p in (0, 1)]
    measured = measuring.measure([measuring.scan(p, asked) for p in parts], asked)
    looks = [measuring.together(p, measured.risks, asked) for p in parts] if measured.shared else []
    found = measuring.report_of(measured, looks)
    direct = risk_report(table, asked)
    assert set(found) == set(direct)
    for name, value in found.items():
        if name != "settings":
            assert value == nested(direct[name]), name


def nested(value):
    if isinstance(value, dict):
        return {k: nested(v) for k, v in value.items()}
    return pytest.approx(value, rel=1e-6) if isinstance(value, float) else value


@given(rows_of, rows_of, READINGS, st.floats(0, 1))
@QUICK
def test_attackers_follow_from_counting_by_hand(rows, everybody, missing, threshold):
    everybody = [(r * 5)[: len(rows[0])] for r in everybody]
    table, keys = as_table(rows)
    population, _ = as_table(everybody)
    report = risk_report(
        table, RiskSettings(tuple(keys), 2, missing=missing, thresholds=(threshold,)), population
    )["attackers"]
    fk = [sum(alike(a, b, missing) for b in rows) for a in rows]
    people = [max(f, sum(alike(a, b, missing) for b in everybody)) for f, a in zip(fk, rows, strict=True)]
    for name, counts in (("prosecutor", fk), ("journalist", people)):
        risk = [1 / c for c in counts]
        assert report[name]["highest"] == pytest.approx(max(risk))
        assert report[name]["average"] == pytest.approx(sum(risk) / len(risk))
        assert list(report[name]["above"].values()) == [
            pytest.approx(sum(r > threshold for r in risk) / len(risk))
        ]
    assert report["marketer"]["average"] == pytest.approx(sum(1 / c for c in people) / len(people))


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=10), st.lists(st.floats(0, 50), min_size=10, max_size=10)
)
@QUICK
def test_a_journalist_never_does_better_than_a_prosecutor(sizes, weights):
    classes = Classes(np.array(sizes), np.array(weights[: len(sizes)]))
    ones = np.ones(len(sizes))
    assert journalist(classes, ones).average <= prosecutor(classes, ones).average


cells = st.one_of(st.none(), st.integers(0, 6).map(float))


@given(
    st.lists(st.tuples(cells, cells, cells, cells), min_size=1, max_size=15),
    st.sampled_from(["distance", "rank"]),
)
@QUICK
def test_linkage_is_what_comparing_every_pair_finds(rows, scale):
    original = pd.DataFrame([r[:2] for r in rows], columns=["a", "b"], dtype=float)
    protected = pd.DataFrame([r[2:] for r in rows], columns=["a", "b"], dtype=float)
    found = linkage_risk(original, protected.set_axis([3] * len(rows)), ["a", "b"], scale=scale)
    x, y = (t.rank().to_numpy() if scale == "rank" else t.to_numpy() for t in (original, protected))
    spread = [
        s if s > 0 else 1.0
        for s in (np.nanstd(x[:, j]) if (x[:, j] == x[:, j]).any() else 0 for j in range(2))
    ]
    for i in range(len(rows)):
        there = [j for j in range(2) if not np.isnan(y[i, j])]
        if not there:
            assert found[i] == pytest.approx(1 / len(rows))
            continue
        far = [sum(((x[o, j] - y[i, j]) / spread[j]) ** 2 for j in there) ** 0.5 for o in range(len(rows))]
        far = [inf if np.isnan(d) else d for d in far]
        near = [o for o, d in enumerate(far) if d <= min(far) + 1e-9]
        assert found[i] == pytest.approx(1 / len(near) if i in near and far[i] < inf else 0.0)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=15), st.floats(0, 2))
@QUICK
def test_intervals_hold_what_lies_inside_them(rows, width):
    original, protected = (pd.DataFrame({"a": pd.Series([r[i] for r in rows], dtype=float)}) for i in (0, 1))
    inside = interval_risk(original, protected, ["a"], width=width)
    known = [r[0] for r in rows if r[0] is not None]
    spread = (float(np.std(known)) if known else 0.0) or 1.0
    for i, (a, b) in enumerate(rows):
        assert inside[i] == (a is not None and b is not None and abs(a - b) <= width * spread)


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from([None, 1, 2, 3]), st.sampled_from([None, "x", "y"])),
        min_size=1,
        max_size=25,
    )
)
@QUICK
def test_two_households_are_alike_exactly_when_their_members_show_the_same_sets(rows):
    table = pd.DataFrame(rows, columns=["hh", "a", "b"])
    codes, unit = profile_codes(table, ["a", "b"], "hh")
    for j, key in enumerate(["a", "b"]):
        sets = [frozenset(table[key][unit == u].dropna()) for u in range(len(codes))]
        assert [c < 0 for c in codes[:, j]] == [not s for s in sets]
        for (c, s), (d, t) in pairwise(sorted(zip(codes[:, j].tolist(), map(sorted, sets), strict=True))):
            assert (c == d) == (s == t)


mixed = st.one_of(
    st.none(), st.booleans(), st.integers(0, 2), st.sampled_from(["0", "1", "True", ""]), st.floats(0, 2)
)


@given(st.lists(mixed, min_size=1, max_size=20))
@QUICK
def test_a_column_of_anything_has_one_code_for_each_value(values):
    codes = key_codes(pd.DataFrame({"k": pd.Series(values, dtype=object)}), ["k"])[:, 0]

    def same(a, b):
        return (isinstance(a, bool) == isinstance(b, bool)) and a == b

    for v, c in zip(values, codes, strict=True):
        assert (c < 0) == (v is None)
        for w, d in zip(values, codes, strict=True):
            assert (c == d) == (same(v, w) or (v is None and w is None))


@given(rows_of)
@QUICK
def test_a_missing_value_never_makes_anybody_rarer(rows):
    codes = np.array(rows, dtype=np.int64)
    before = sizes_of_codes(codes, np.ones(len(codes)), missing="wildcard").fk
    codes[0, 0] = -1
    assert (sizes_of_codes(codes, np.ones(len(codes)), missing="wildcard").fk >= before).all()
