"""Consistent tables: add up to the last bit, are never farther from the truth, and stay as they are when done again."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from anonymization.dp import DpQuery, Filter, Measure, Mechanism, Op, QueryError
from anonymization.dp.consistency import NOTE, Released, consistent

REGIONS, SEXES, AREAS = ("R1", "R2", "R3"), ("f", "m"), ("rural", "urban")
KEYS = {"area": AREAS, "region": REGIONS, "sex": SEXES}  # in the order of a query's own
SHAPES = [("region", "sex", "area"), ("region", "sex"), ("region",), ("sex",), ("area",), ()]


def count(columns, **changes):
    given = {"epsilon": 1.0, "group_by": {c: KEYS[c] for c in columns}, **changes}
    return DpQuery("households", "household_id", Measure.COUNT, **given)


def released(query, values, scale):
    frame = pd.DataFrame(
        [dict(zip(query.dimensions, cell, strict=True)) for cell in query.cells], index=range(len(values))
    )
    return Released(query, frame.assign(value_raw=values, noise_scale=scale))


def totals(query, truth):
    """The cells of a query, from the finest cells; both in the order of the columns' names."""
    return truth.sum(axis=tuple(i for i, c in enumerate(KEYS) if c not in query.group_by)).ravel()


@st.composite
def tables(draw):
    shapes = [SHAPES[0], *draw(st.lists(st.sampled_from(SHAPES), max_size=4))]
    truth = np.array(draw(st.lists(st.integers(0, 30), min_size=12, max_size=12)), dtype=float)
    truth *= draw(st.sampled_from([0, 1, 1, 1000]))
    noisy = []
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    truth = truth.reshape(2, 3, 2)
    for columns in shapes:
        gaussian = draw(st.booleans())
        scale = draw(st.sampled_from([0.7, 4.0, 30.0]))
        price = {"mechanism": Mechanism.GAUSSIAN, "rho": 0.5, "epsilon": 0.0} if gaussian else {}
        query = count(columns, **price)
        exact = totals(query, truth)
        noisy.append((released(query, exact + np.rint(rng.laplace(0, scale, len(exact))), scale), exact))
    return noisy


def weight(r):
    return 1 / (r.frame["noise_scale"].iloc[0] ** 2 * (1 if r.query.mechanism is Mechanism.GAUSSIAN else 2))


def far(frames, given, column, exacts):
    """Squared distance to the truth over all tables, each cell over the variance of its noise."""
    return math.fsum(
        weight(g) * float(((f[column].to_numpy() - e) ** 2).sum())
        for f, g, e in zip(frames, given, exacts, strict=True)
    )


@given(tables())
@settings(max_examples=200, deadline=None)
def test_tables_add_up_exactly_are_not_negative_and_never_farther_from_the_truth(noisy):
    given_, exacts = [n[0] for n in noisy], [n[1] for n in noisy]
    frames = consistent(given_)
    finest = frames[0]
    for frame, r in zip(frames, given_, strict=True):
        assert (frame["consistent"] >= 0).all()
        columns = list(r.query.group_by)
        if columns:
            summed = finest.groupby(columns)["consistent"].sum()
            held = frame.set_index(columns)["consistent"]
            assert (summed.sort_index() == held.sort_index()).all()
        else:
            assert finest["consistent"].sum() == frame["consistent"].iloc[0]
        pd.testing.assert_frame_equal(frame.drop(columns="consistent"), r.frame)
    before, after = (far(frames, given_, c, exacts) for c in ("value_raw", "consistent"))
    assert after <= before * (1 + 1e-9) + 1e-9


@given(tables())
@settings(max_examples=100, deadline=None)
def test_done_again_nothing_changes(noisy):
    given_ = [n[0] for n in noisy]
    once = consistent(given_)
    again = consistent(
        [
            Released(r.query, r.frame.assign(value_raw=f["consistent"]))
            for r, f in zip(given_, once, strict=True)
        ]
    )
    for a, b in zip(once, again, strict=True):
        size = max(float(a["consistent"].abs().max()), 1.0)
        assert np.allclose(a["consistent"], b["consistent"], rtol=0, atol=1e-9 * size)


@given(tables())
@settings(max_examples=100, deadline=None)
def test_it_is_the_optimum_that_a_solver_of_bounded_least_squares_finds(noisy):
    given_ = [n[0] for n in noisy]
    rows, aim = [], []
    for r in given_:
        for i, cell in enumerate(r.query.cells):
            at = dict(zip(r.query.dimensions, cell, strict=True))
            finest = (dict(zip(given_[0].query.dimensions, c, strict=True)) for c in given_[0].query.cells)
            rows.append([math.sqrt(weight(r)) * all(leaf[d] == k for d, k in at.items()) for leaf in finest])
            aim.append(math.sqrt(weight(r)) * r.frame["value_raw"].iloc[i])
    theirs = lsq_linear(np.array(rows), np.array(aim), bounds=(0, np.inf), tol=1e-14).x
    ours = consistent(given_)[0]["consistent"].to_numpy()

    def cost(x):
        return float(((np.array(rows) @ x - np.array(aim)) ** 2).sum())

    assert cost(ours) <= cost(theirs) * (1 + 1e-7) + 1e-7


def test_a_total_asked_with_little_noise_mends_its_parts():
    rng = np.random.default_rng(3)
    truth = rng.integers(50, 200, size=(2, 3, 2)).astype(float)
    query, whole = count(SHAPES[0]), count(())
    before = after = 0.0
    for _ in range(300):
        parts = released(query, totals(query, truth) + np.rint(rng.laplace(0, 10, 12)), 10.0)
        total = released(whole, totals(whole, truth) + np.rint(rng.laplace(0, 1, 1)), 1.0)
        made = consistent([parts, total])
        before += (parts.frame["value_raw"].sum() - truth.sum()) ** 2
        after += (made[0]["consistent"].sum() - truth.sum()) ** 2
    assert after < before / 20  # the sum of twelve cells had 1,200 times the variance; now it has the total's


def test_small_cells_are_pushed_up_on_average_as_the_note_says():
    rng = np.random.default_rng(4)
    query = count(("region",))
    made = [
        consistent([released(query, np.rint(rng.laplace(0, 10, 3)), 10.0)])[0]["consistent"].mean()
        for _ in range(400)
    ]
    assert np.mean(made) > 2
    assert "too large on average" in NOTE


def test_a_sum_that_can_be_negative_stays_so():
    query = DpQuery(
        "t", "h", Measure.SUM, 1.0, column="x", lower=-10.0, upper=10.0, group_by={"region": REGIONS}
    )
    whole = replace(query, group_by={})
    frames = consistent([released(query, [-50.0, 3.5, 10.0], 2.0), released(whole, [-30.0], 2.0)])
    assert frames[0]["consistent"].iloc[0] < 0
    assert frames[0]["consistent"].sum() == frames[1]["consistent"].iloc[0]
    kept = replace(query, lower=0.0)
    assert (consistent([released(kept, [-50.0, 3.5, 10.0], 2.0)])[0]["consistent"] >= 0).all()


def test_programmes_overlap_so_they_are_never_added_over():
    given_ = {"count_by_programme": ("p1", "p2"), "group_by": {"region": REGIONS}}
    finest = DpQuery("t", "h", Measure.COUNT, 1.0, **given_)
    whole = replace(finest, group_by={})
    frames = consistent([released(finest, [4, 5, -6, 7, 8, 9], 3.0), released(whole, [1, 30], 1.0)])
    for programme in ("p1", "p2"):
        part, total = (f[f["programme"] == programme]["consistent"].sum() for f in frames)
        assert part == total
    with pytest.raises(QueryError, match="same households"):
        consistent(
            [
                released(finest, [4, 5, -6, 7, 8, 9], 3.0),
                released(replace(whole, count_by_programme=()), [9], 1.0),
            ]
        )


def test_a_large_table_is_solved_in_reasonable_memory_and_to_the_optimum():
    districts, months = tuple(f"D{i:03}" for i in range(200)), tuple(range(1, 41))
    query = DpQuery("t", "h", Measure.COUNT, 1.0, group_by={"district": districts, "month": months})
    rng = np.random.default_rng(5)
    truth = rng.poisson(3, size=(200, 40))
    given_ = [
        released(query, truth.ravel() + np.rint(rng.laplace(0, 5, 8000)), 5.0),
        released(
            replace(query, group_by={"district": districts}),
            truth.sum(1) + np.rint(rng.laplace(0, 1, 200)),
            1.0,
        ),
        released(
            replace(query, group_by={"month": months}), truth.sum(0) + np.rint(rng.laplace(0, 1, 40)), 1.0
        ),
        released(replace(query, group_by={}), [truth.sum()], 1.0),
    ]
    frames = consistent(given_)
    assert (
        frames[0].groupby("district")["consistent"].sum().to_numpy() == frames[1]["consistent"].to_numpy()
    ).all()
    assert frames[0]["consistent"].sum() == frames[3]["consistent"].iloc[0]
    assert ((frames[0]["consistent"] - truth.ravel()) ** 2).sum() < (
        (given_[0].frame["value_raw"] - truth.ravel()) ** 2
    ).sum() / 2


FINE = released(count(("region", "sex")), [1.0] * 6, 1.0)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ([], "no table"),
        ([FINE, released(count(("area",)), [1.0] * 2, 1.0)], "grouped by every column"),
        ([FINE, released(count(("region",), group_by={"region": ("R1", "R9")}), [1.0] * 2, 1.0)], "every column and key"),
        ([FINE, released(count(("region",), filters=(Filter("age", Op.GE, 60),)), [1.0] * 3, 1.0)], "same households"),
        ([released(DpQuery("t", "h", Measure.MEAN, 1.0, column="x", lower=0, upper=1), [1.0], 1.0)], "do not|Only counts"),
        ([released(count((), unknown_keys=("village",), delta=1e-6), [1.0], 1.0)], "found in the data"),
        ([Released(FINE.query, FINE.frame.iloc[::-1])], "in order"),
        ([Released(FINE.query, FINE.frame.iloc[:-1])], "one row a cell"),
        ([Released(FINE.query, FINE.frame.assign(value_raw=math.nan))], "value_raw a number"),
        ([Released(FINE.query, FINE.frame.drop(columns="noise_scale"))], "does not hold"),
    ],
)  # fmt: skip
def test_tables_that_do_not_belong_together_are_refused_with_a_sentence(given_, words):
    with pytest.raises(QueryError, match=words):
        consistent(given_)
