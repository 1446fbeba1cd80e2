"""Local suppression, for any table that hypothesis can think of, against oracles that count pair by pair."""

from __future__ import annotations

from datetime import date
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from anonymization.keys import KeyRing
from anonymization.steps.base import Context
from anonymization.steps.evidence import merged
from anonymization.steps.suppress import Suppress
from anonymization.suppress import Effort, suppressed_cells

CONTEXT = Context(KeyRing(b"a master key of the tests"), "scope", date(2026, 1, 1))
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
tables = st.integers(1, 4).flatmap(
    lambda m: st.lists(st.lists(st.integers(-1, 3), min_size=m, max_size=m), min_size=6, max_size=30)
)


def alike(table: np.ndarray, missing: str) -> np.ndarray:
    """Class sizes, pair by pair."""
    equal = table[:, None, :] == table[None, :, :]
    if missing == "wildcard":
        equal |= (table[:, None, :] < 0) | (table[None, :, :] < 0)
    return equal.all(axis=2).sum(axis=1)


def plain_greedy(table: np.ndarray, k: int, costs: list[float]) -> float:
    """Each record below k blanks its own cheapest set of keys that does, whatever the others do."""
    keys = range(table.shape[1])
    total = 0.0
    for i in np.flatnonzero(alike(table, "wildcard") < k):
        best = np.inf
        for subset in (s for size in range(1, len(keys) + 1) for s in combinations(keys, size)):
            cost = sum(costs[j] for j in subset if table[i, j] >= 0)
            one = table.copy()
            one[i, list(subset)] = -1
            if sum(costs[j] for j in subset) < best and alike(one, "wildcard")[i] >= k:
                best = sum(costs[j] for j in subset)
                paid = cost
        total += paid
    return total


@given(tables, st.integers(2, 6), st.randoms(), st.booleans(), st.sampled_from(["wildcard", "category"]))
@QUICK
def test_every_record_reaches_k_only_known_cells_are_blanked_and_strata_hold(
    rows, k, random, stratified, missing
):
    table = np.array(rows, dtype=np.int64)
    costs = [random.choice([1, 1, 5, 50]) for _ in range(table.shape[1])]
    strata = np.array([random.randint(0, 1) for _ in rows]) if stratified else np.zeros(len(rows), dtype=int)
    groups = [strata == s for s in np.unique(strata)]
    assume(all(g.sum() >= k for g in groups))
    blank = suppressed_cells(
        table,
        k,
        costs,
        strata=strata if stratified else None,
        missing=missing,
        own_blank=random.random() < 0.5,
    )
    after = np.where(blank, -1, table)
    assert all(alike(after[g], missing).min() >= k for g in groups)
    assert not (blank & (table < 0)).any()
    if missing == "wildcard":
        safe = np.concatenate([np.flatnonzero(g)[alike(table[g], "wildcard") >= k] for g in groups])
        assert not blank[safe].any(), "a record that was not at risk was touched"


@given(tables, st.integers(2, 5), st.randoms())
@QUICK
def test_never_more_than_what_each_record_alone_would_have_blanked(rows, k, random):
    table = np.array(rows, dtype=np.int64)
    costs = [float(random.choice([1, 2, 7])) for _ in range(table.shape[1])]
    most = plain_greedy(np.where(table < 0, 0, table), k, costs)
    table = np.where(table < 0, 0, table)
    for own in (True, False):
        blank = suppressed_cells(table, k, costs, own_blank=own)
        assert float((blank @ np.array(costs)).sum()) <= most + 1e-9


@given(tables, st.integers(2, 6), st.booleans(), st.sampled_from([2_000_000, 40, 7]))
@QUICK
def test_no_single_blank_could_be_taken_back(rows, k, own, pairs_at_once):
    table = np.array(rows, dtype=np.int64)
    effort = Effort(pairs_at_once=pairs_at_once)
    # Records with very many compatible ones are left out when few pairs may be held; then nothing is claimed.
    assume(len(table) <= 4 * pairs_at_once)
    blank = suppressed_cells(table, k, [1] * table.shape[1], own_blank=own, effort=effort)
    for i, j in np.argwhere(blank):
        if own and blank[i].sum() == 1:
            continue
        fewer = blank.copy()
        fewer[i, j] = False
        assert alike(np.where(fewer, -1, table), "wildcard").min() < k


@given(tables, st.integers(2, 5))
@QUICK
def test_what_holds_for_a_larger_k_holds_for_a_smaller_one(rows, k):
    table = np.array(rows, dtype=np.int64)
    assume(len(table) > k)
    ones = [1] * table.shape[1]
    larger = np.where(suppressed_cells(table, k + 1, ones), -1, table)
    assert not suppressed_cells(larger, k, ones).any()


people = st.lists(
    st.tuples(
        st.integers(0, 7),  # household
        st.sampled_from(["a", "b", None]),
        st.sampled_from([1, 2, 3, None]),
        st.sampled_from([True, False]),
        st.sampled_from(["x", "y"]),
    ),
    min_size=12,
    max_size=50,
)


@given(people, st.integers(2, 4), st.randoms(use_true_random=False), st.sampled_from(["", "hh"]),
       st.sampled_from(["wildcard", "category"]), st.booleans(), st.booleans())  # fmt: skip
@example([(i // 3, "a", i % 3, True, "x") for i in range(24)], 3, None, "hh", "wildcard", True, False)
@QUICK
def test_one_partition_or_many_give_the_same_release(rows, k, random, unit, missing, own, stratified):
    table = pd.DataFrame(rows, columns=["hh", "place", "size", "flag", "zone"])
    if stratified:
        table["zone"] = np.where(table["hh"] % 2, "x", "y")
    step = Suppress(
        ("place", "size", "flag"), k, {"flag": 3.0}, 0.5, unit, "zone" if stratified else "", missing, own
    )
    counted = table.groupby("hh")["zone"].first() if unit else table["zone"]
    sizes = counted.value_counts() if stratified else pd.Series([len(counted)])
    assume(sizes.min() >= k)
    whole, evidence = step.apply(table, CONTEXT)
    assert len(whole) == len(table)
    part_of = {h: (random.randrange(5) if random else h % 3) for h in range(8)}
    parts = [table[table["hh"].map(part_of) == p] for p in range(5)]
    parts = [p.sample(frac=1, random_state=random.randrange(99)) if random else p for p in parts if len(p)]
    decision = step.decide([step.scan(p, CONTEXT) for p in parts], CONTEXT)
    done = [step.carry_out(p, decision, CONTEXT) for p in parts]
    together = pd.concat([t for t, _ in done]).sort_index()
    pd.testing.assert_frame_equal(together.astype(object), whole.astype(object))
    assert merged([e for _, e in done]) == merged([evidence])
    if unit:
        for key in step.keys:
            gone = (whole[key].isna() & table[key].notna()).groupby(table["hh"]).any()
            left = (whole[key].notna()).groupby(table["hh"]).any()
            assert not (gone & left).any(), "a household's rows were treated differently"


def test_a_household_in_two_partitions_is_refused():
    table = pd.DataFrame({"hh": [1, 1, 2, 2, 3, 3], "place": list("abcabc")})
    step = Suppress(("place",), 2, unit="hh")
    scans = [step.scan(table.iloc[:3], CONTEXT), step.scan(table.iloc[3:], CONTEXT)]
    with pytest.raises(ValueError, match="came in two partitions"):
        step.decide(scans, CONTEXT)
