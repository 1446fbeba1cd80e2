"""Perturbative methods against published figures, brute force and their own promises."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymization.perturb.leaves import Leaves
from anonymization.perturb.mdav import group_means, loss, lost, mdav, standardised
from anonymization.perturb.noise import additive, correlated, multiplicative
from anonymization.perturb.pram import exchange, invariant_matrix, invariant_with_diagonal, retention_matrix
from anonymization.perturb.rake import NoWeights, rake
from anonymization.perturb.shell import Shell
from anonymization.perturb.swap import rank_swap, record_swap
from anonymization.perturb.univariate import optimal_groups

CASC = Path(__file__).resolve().parents[4] / "shared/data/sdcmicro_CASCrefmicrodata.csv"


def naive_mdav(values, g):
    """The published algorithm, every distance computed every time."""
    x = standardised(values)
    left, groups, label = list(range(len(x))), np.full(len(x), -1), 0

    def far(point):
        return max(left, key=lambda i: (((x[i] - point) ** 2).sum(), -i))

    def form(i):
        nonlocal label
        for j in sorted(left, key=lambda j: (((x[j] - x[i]) ** 2).sum(), j))[:g]:
            groups[j] = label
            left.remove(j)
        label += 1

    while len(left) >= 3 * g:
        r = far(x[left].mean(axis=0))
        form(r)
        form(far(x[r]))
    if len(left) >= 2 * g:
        form(far(x[left].mean(axis=0)))
    groups[left] = label
    return groups


def brute_univariate(values, g):
    x = np.sort(values)
    best = [0.0] + [np.inf] * len(x)
    for i in range(1, len(x) + 1):
        for size in range(g, i + 1):
            part = x[i - size : i]
            best[i] = min(best[i], best[i - size] + ((part - part.mean()) ** 2).sum())
    return best[-1]


def test_mdav_gives_the_published_losses_on_the_census_reference_file():
    # Information losses printed for MDAV on "Census" (1,080 x 13), e.g. Chang, Li and Huang (2007), TFRP.
    if not CASC.exists():
        pytest.skip("the CASC reference file is not there")
    values = pd.read_csv(CASC).to_numpy(dtype=float)
    assert values.shape == (1080, 13)
    published = {3: 5.692186279, 4: 7.494699833, 5: 9.088435498, 10: 14.15593043}
    for g, figure in published.items():
        assert 100 * loss(values, mdav(values, g)) == pytest.approx(figure, abs=5e-9)


@pytest.mark.parametrize("seed", range(6))
def test_mdav_is_the_published_algorithm_record_for_record(seed):
    rng = np.random.default_rng(seed)
    n, d, g = int(rng.integers(20, 400)), int(rng.integers(1, 5)), int(rng.integers(2, 7))
    values = np.exp(rng.normal(size=(n, d)))
    assert mdav(values, g).tolist() == naive_mdav(values, g).tolist()


@given(st.integers(1, 120), st.integers(1, 7), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=60)
def test_groups_are_large_enough_and_means_keep_totals_and_ranges(n, g, seed, ties):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 3, (n, 2)).astype(float) if ties else rng.normal(1e6, 1, (n, 2))
    if g > n:
        with pytest.raises(ValueError, match="cannot be formed"):
            mdav(values, g)
        return
    for groups in (mdav(values, g), optimal_groups(values[:, 0], g)):
        sizes = np.bincount(groups)
        assert sizes.min() >= g
        assert sizes.max() <= 2 * g - 1
        means = group_means(values, groups)
        assert np.allclose(means.sum(axis=0), values.sum(axis=0), rtol=1e-12)
        for label in range(len(sizes)):
            here = values[groups == label]
            assert (means[groups == label] >= here.min(axis=0)).all()
            assert (means[groups == label] <= here.max(axis=0)).all()


def test_a_constant_column_and_no_rows_are_no_problem():
    assert mdav(np.ones((7, 2)), 3).max() == 1
    assert len(mdav(np.zeros((0, 2)), 3)) == len(optimal_groups(np.zeros(0), 3)) == 0
    assert group_means(np.zeros((0, 2)), np.zeros(0, dtype=int)).shape == (0, 2)
    assert lost(np.ones((4, 1)), np.ones((4, 1))) == 0


@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_univariate_groups_are_the_best_there_are(g, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(g, 40))
    for x in (rng.normal(size=n), rng.integers(0, 4, n).astype(float), 1e9 + rng.normal(size=n)):
        groups = optimal_groups(x, g)
        found = sum(((x[groups == k] - x[groups == k].mean()) ** 2).sum() for k in range(groups.max() + 1))
        assert found == pytest.approx(brute_univariate(x, g), rel=1e-6, abs=1e-9)
        # Consecutive on the line.
        assert (np.diff(groups[np.argsort(x, kind="stable")]) >= 0).all()


def test_univariate_groups_over_several_slabs_lose_no_more_than_a_shift_would_save():
    rng = np.random.default_rng(5)
    x = np.exp(rng.normal(size=40_000))  # more than one slab of costs
    groups = optimal_groups(x, 3)
    assert np.bincount(groups).min() >= 3
    order = np.sort(x)
    fixed = np.minimum(np.arange(len(x)) // 3, len(x) // 3 - 1)
    assert loss(x[:, None], groups) < loss(order[:, None], fixed)
    head = order[:600]
    part = optimal_groups(head, 3)
    within = sum(((head[part == k] - head[part == k].mean()) ** 2).sum() for k in range(part.max() + 1))
    assert within == pytest.approx(brute_univariate(head[:600], 3), rel=1e-9)


def test_neighbours_among_what_is_left_are_exact():
    rng = np.random.default_rng(3)
    points = np.round(rng.normal(size=(900, 3)), 1)  # ties on purpose
    leaves, free = Leaves(points), np.ones(len(points), dtype=bool)
    shell = Shell(points, free, points.mean(axis=0))
    for _ in range(120):
        q = rng.normal(size=3)
        squares = np.where(free, ((points - q) ** 2).sum(axis=1), -1)
        assert squares[leaves.farthest(q)[0]] == pytest.approx(squares.max())
        assert squares[shell.farthest(q)] == pytest.approx(squares.max())
        k = int(rng.integers(1, 8))
        numbers, held = leaves.take_nearest(q, k)
        assert free[numbers].all()
        assert np.allclose(points[numbers], held)
        assert np.allclose(np.sort(squares[numbers]), np.sort(squares[free])[:k])
        free[numbers] = False
    rest, numbers = leaves.rest()
    assert numbers.tolist() == np.flatnonzero(free).tolist()
    assert np.array_equal(rest, points[free])


def test_ties_go_to_the_lower_number_wherever_it_stands():
    rng = np.random.default_rng(8)
    points = rng.integers(0, 3, (700, 2)).astype(float)  # whole numbers: distances are exact
    leaves, free = Leaves(points), np.ones(len(points), dtype=bool)
    shell = Shell(points, free, np.array([1.0, 1.0]))
    for _ in range(60):
        q = rng.integers(0, 3, 2).astype(float)
        squares = ((points - q) ** 2).sum(axis=1)
        far = int(np.flatnonzero(free & (squares == squares[free].max()))[0])
        assert leaves.farthest(q)[0] == shell.farthest(q) == far
        wanted = [i for i in np.lexsort((np.arange(len(points)), squares)) if free[i]][:5]
        numbers, _ = leaves.take_nearest(q, 5)
        assert numbers.tolist() == wanted
        free[numbers] = False


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=12), st.floats(0.05, 0.99))
def test_an_invariant_matrix_keeps_the_counts_and_the_least_that_stays(counts, stay):
    t = np.array(counts)
    for matrix in (
        invariant_with_diagonal(t, stay),
        invariant_matrix(retention_matrix(t, stay), t),
        invariant_matrix(np.random.default_rng(len(t)).dirichlet(np.ones(len(t)), len(t)), t),
    ):
        assert np.allclose(matrix.sum(axis=1), 1)
        assert (matrix >= 0).all()
        assert np.allclose(t @ matrix, t)
    assert np.diag(invariant_with_diagonal(t, stay)).min() >= stay - 1e-9
    assert np.allclose(retention_matrix(t, stay).sum(axis=1), 1)


def test_an_exchange_follows_its_matrix_and_leaves_what_is_missing():
    matrix = np.array([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]])
    codes = np.repeat([0, 1, 2, -1], 20_000)
    new = exchange(codes, matrix, np.random.default_rng(0).random(len(codes)))
    assert (new[codes == -1] == -1).all()
    for code in range(3):
        shares = np.bincount(new[codes == code], minlength=3) / 20_000
        assert np.abs(shares - matrix[code]).max() < 6 * 0.5 / np.sqrt(20_000)
        assert (shares[matrix[code] == 0] == 0).all()


def test_noise_keeps_what_it_says_it_keeps():
    rng = np.random.default_rng(11)
    n, share = 200_000, 0.5
    base = rng.normal(size=(n, 2)) @ np.array([[3.0, 1.0], [0.0, 2.0]]) + [100, -7]
    e = rng.normal(size=(n, 2))
    spread = base.std(axis=0)
    added = additive(base, share, e, spread)
    assert np.allclose(added.mean(axis=0), base.mean(axis=0), atol=6 * spread * share / np.sqrt(n))
    assert np.allclose(added.var(axis=0) / base.var(axis=0), 1 + share**2, rtol=0.02)
    kim = correlated(base, share, e, np.cov(base, rowvar=False), base.mean(axis=0))
    assert np.allclose(kim.var(axis=0), base.var(axis=0), rtol=0.02)
    assert np.corrcoef(kim.T)[0, 1] == pytest.approx(np.corrcoef(base.T)[0, 1], abs=0.01)
    money = np.exp(rng.normal(size=(n, 1))) * rng.choice([-1, 0, 1], (n, 1))
    times = multiplicative(money, share, e[:, :1])
    assert (np.sign(times) == np.sign(money)).all()
    factor = times[money != 0] / money[money != 0]
    assert factor.mean() == pytest.approx(1, abs=6 * share / np.sqrt(len(factor)))
    assert factor.std() == pytest.approx(share, rel=0.03)


@given(st.integers(0, 200), st.integers(1, 60), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_rank_swaps_stay_in_their_window_and_keep_the_distribution(n, window, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 30, n).astype(float)
    draws = rng.random((n, 4))
    partner = rank_swap(x, window, draws)
    assert (partner[partner] == np.arange(n)).all()
    ranks = np.empty(n, dtype=int)
    ranks[np.lexsort((draws[:, 0], x))] = np.arange(n)
    assert (np.abs(ranks - ranks[partner]) <= window).all()
    alone = partner == np.arange(n)
    # Nobody stays alone who had a free record in reach.
    lonely = np.sort(ranks[alone])
    assert (np.diff(lonely) > window).all()


def test_record_swaps_keep_every_profile_in_every_place():
    rng = np.random.default_rng(9)
    n = 3000
    places, alike, targets = rng.integers(0, 7, n), rng.integers(0, 40, n), rng.random(n) < 0.2
    partner = record_swap(places, alike, targets, rng.random(n))
    assert (partner[partner] == np.arange(n)).all()
    moved = partner != np.arange(n)
    assert (places[partner] != places)[moved].all()
    assert (alike[partner] == alike).all()
    assert moved[targets].all()
    assert moved.sum() <= 2 * targets.sum()
    assert np.array_equal(np.bincount(places[partner] * 40 + alike), np.bincount(places * 40 + alike))
    alone = record_swap(np.zeros(5, dtype=int), np.zeros(5, dtype=int), np.ones(5, dtype=bool), rng.random(5))
    assert alone.tolist() == [0, 1, 2, 3, 4]


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
@settings(max_examples=40)
def test_raked_weights_have_exactly_the_totals(seed, m):
    rng = np.random.default_rng(seed)
    levels = [int(rng.integers(1, 4)) for _ in range(m)]
    cells = np.array(list(itertools.product(*map(range, levels))))
    every = rng.uniform(1, 50, len(cells))
    now = every * rng.uniform(0.2, 1, len(cells))
    wanted = [np.bincount(cells[:, j], weights=every) for j in range(m)]
    factors = rake(cells, now, wanted)
    assert (factors > 0).all()
    for j in range(m):
        assert np.allclose(np.bincount(cells[:, j], weights=now * factors), wanted[j], rtol=1e-9)


def test_totals_that_nothing_can_reach_name_their_margin():
    cells = np.array([[0, 0], [0, 1], [1, 0]])
    with pytest.raises(NoWeights) as found:
        rake(cells, np.array([1.0, 0.0, 1.0]), [np.array([2.0, 1.0]), np.array([2.0, 1.0])])
    assert found.value.margin == 1
