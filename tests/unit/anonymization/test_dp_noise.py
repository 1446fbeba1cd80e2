"""The noise is what it says: its distribution, its loss, its source; whole numbers in, whole numbers out (promise P6)."""

from __future__ import annotations

import ast
import math
from collections import Counter
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
import opendp.prelude as odp
import pandas as pd
import pytest
from scipy.stats import chi2, norm

from anonymization.dp import DpQuery, Loss, Measure, Mechanism, QueryError, answer, noise, tails
from anonymization.dp.aggregate import Grain

DP = Path(noise.__file__).parent
#: A fair draw falls below this p-value less than once in a hundred million runs.
NEVER = 1e-8


def laplace_pmf(k, scale):
    p = math.exp(-1 / scale)
    return (1 - p) / (1 + p) * p ** abs(k)


@lru_cache
def gaussian_mass(scale):
    far = math.ceil(40 * scale)
    return math.fsum(math.exp(-((i / scale) ** 2) / 2) for i in range(-far, far + 1))


def gaussian_pmf(k, scale):
    return math.exp(-((k / scale) ** 2) / 2) / gaussian_mass(scale)


def p_value(draws, pmf):
    """Chi-square against a pmf on the whole numbers, cells of 50 expected draws or more, both ends in one cell each."""
    n, counts = len(draws), Counter(draws)
    cells = [(counts[0], n * pmf(0))]
    ends, k = (n - cells[0][1]) / 2, 1
    while n * pmf(k) >= 50 and ends - n * pmf(k) >= 50:
        cells += [(counts[s], n * pmf(s)) for s in (k, -k)]
        ends -= n * pmf(k)
        k += 1
    cells += [(sum(c for v, c in counts.items() if v * sign >= k), ends) for sign in (1, -1)]
    return float(chi2.sf(sum((o - e) ** 2 / e for o, e in cells), len(cells) - 1))


@pytest.mark.parametrize(
    ("made", "pmf"),
    [
        (noise.laplace(1, 1.0), laplace_pmf),
        (noise.laplace(3, 0.4), laplace_pmf),
        (noise.laplace(2, 0.1), laplace_pmf),
        (noise.gaussian(1, 0.5), gaussian_pmf),
        (noise.gaussian(3, 0.1), gaussian_pmf),
        (noise.gaussian(2, 0.003), gaussian_pmf),
    ],
    ids=lambda x: f"{x.kind}-{x.scale:.3g}" if isinstance(x, noise.Noise) else "",
)
def test_noise_has_the_distribution_it_claims_and_a_wrong_scale_would_be_seen(made, pmf):
    draws = made.add([0] * 100_000)
    assert p_value(draws, lambda k: pmf(k, made.scale)) > NEVER
    assert p_value(draws, lambda k: pmf(k, made.scale * 1.1)) < NEVER
    assert p_value(draws, lambda k: pmf(k, made.scale / 1.1)) < NEVER


def test_cells_get_noise_of_their_own_and_each_call_draws_anew():
    made = noise.gaussian(1, 1e-6)  # a scale of 707: two draws agree once in 2,500
    first, second = made.add([0] * 200), made.add([0] * 200)
    assert len(set(first)) > 150
    assert sum(a == b for a, b in zip(first, second, strict=True)) < 50
    # Neighbouring cells move independently: a correlation of 0.5 over 5,000 pairs is 35 deviations away.
    many = np.array(made.add([0] * 5_000), dtype=float)
    assert abs(np.corrcoef(many[:-1], many[1:])[0, 1]) < 0.2


@pytest.mark.parametrize("squared", [1, 2, 3, 5, 7, 100, 27_720**2 * 7, 10**16 + 1, 3 * 10**20 + 7])
@pytest.mark.parametrize("rho", [1e-4, 0.1, 1 / 3, 0.5, 1.0, 3.7])
def test_gaussian_noise_costs_no_more_than_asked_and_wastes_nothing(squared, rho):
    made = noise.gaussian(squared, rho)
    assert Fraction(made.loss.rho) <= Fraction(rho)
    assert made.loss.rho > rho * (1 - 1e-12)
    # What the loss really is: the squared distance over twice the squared scale, exact.
    assert Fraction(squared) / (2 * Fraction(made.scale) ** 2) <= Fraction(made.loss.rho)
    assert made.loss == Loss(rho=made.loss.rho)


@pytest.mark.parametrize("squared", [2, 3, 5, 6, 7, 10**15 + 1, 10**16 + 1])
def test_a_distance_is_never_rounded_below_the_root(squared):
    far = noise.distance(squared)
    assert Fraction(far) ** 2 >= squared
    assert Fraction(math.nextafter(far, 0)) ** 2 < squared


@pytest.mark.parametrize("l1", [1, 2, 3, 9 * 27_720, 10**10])
@pytest.mark.parametrize("epsilon", [0.01, 0.1, 1 / 3, 1.0, 5.0])
def test_laplace_noise_costs_no_more_than_asked_and_wastes_nothing(l1, epsilon):
    made = noise.laplace(l1, epsilon)
    assert epsilon * (1 - 1e-12) < made.loss.epsilon == made.epsilon <= epsilon
    assert Fraction(l1) / Fraction(made.scale) <= Fraction(made.loss.epsilon)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: noise.laplace(1, 1e-40),
        lambda: noise.laplace(2**60, 1.0),
        lambda: noise.laplace(2**49, 0.01),
        lambda: noise.laplace(0, 1.0),
        lambda: noise.laplace(1, math.nan),
        lambda: noise.laplace(1, -1.0),
        lambda: noise.gaussian(1, 1e-40),
        lambda: noise.gaussian(2**110, 1.0),
        lambda: noise.gaussian(0, 1.0),
        lambda: noise.gaussian(1, math.inf),
        lambda: noise.quantile([1, 2, 2], 0.5, 1, epsilon=1.0),
        lambda: noise.quantile([1], 0.5, 1, epsilon=1.0),
        lambda: noise.quantile([1, 2], 0.00001, 1, epsilon=1.0),
        lambda: noise.quantile([1, 2], 1.0, 1, epsilon=1.0),
        lambda: noise.quantile([1, 2], 0.5, 1, epsilon=1.0, rho=1.0),
        lambda: noise.quantile([1, 2], 0.5, 0, epsilon=1.0),
    ],
)
def test_what_could_run_into_the_ends_of_64_bits_or_is_no_price_is_refused_with_a_sentence(ask):
    with pytest.raises(QueryError) as refused:
        ask()
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("scale", [0.3, 0.7, 1.0, 2.5, 30.0, 999.0])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_half_widths_are_the_smallest_that_hold(scale, confidence):
    for width, pmf in ((tails.laplace_half_width, laplace_pmf), (tails.gaussian_half_width, gaussian_pmf)):
        t = width(scale, confidence)
        assert math.fsum(pmf_many(pmf, scale, range(-t, t + 1))) >= confidence - 1e-9
        if t:
            assert math.fsum(pmf_many(pmf, scale, range(-t + 1, t))) < confidence + 1e-9


def pmf_many(pmf, scale, reach):
    if pmf is laplace_pmf:
        return [pmf(k, scale) for k in reach]
    zero = pmf(0, scale)
    return [zero * math.exp(-((k / scale) ** 2) / 2) for k in reach]


def test_wide_gaussian_half_widths_hold_and_waste_one_at_most():
    for scale in (1_001.0, 54_321.5, 1e9):
        t = tails.gaussian_half_width(scale, 0.95)
        continuous = norm.ppf(0.975) * scale
        assert continuous - 1 <= t <= continuous + 1


def test_variance_is_that_of_the_noise():
    for made, pmf in ((noise.laplace(3, 1.0), laplace_pmf), (noise.gaussian(3, 0.3), gaussian_pmf)):
        exact = math.fsum(
            k * k * w
            for k, w in zip(range(-400, 401), pmf_many(pmf, made.scale, range(-400, 401)), strict=True)
        )
        assert made.variance == pytest.approx(exact, rel=1e-3)
        assert made.variance >= exact * (1 - 1e-12)


@pytest.mark.parametrize("alpha", [0.001, 0.1, 0.25, 1 / 3, 0.5, 0.9, 0.999, 0.123456])
def test_scores_of_a_quantile_are_those_of_opendp(alpha):
    candidates = list(range(0, 50, 5))
    made = noise.quantile(candidates, alpha, 1, epsilon=1.0)
    space = odp.vector_domain(odp.atom_domain(T="i64")), odp.symmetric_distance()
    theirs = odp.t.make_quantile_score_candidates(*space, candidates, alpha)
    rng = np.random.default_rng(7)
    for size in (0, 1, 2, 37, 400):
        values = rng.choice(candidates, size=size)
        assert made.scores(np.bincount(values // 5, minlength=10).tolist()) == list(theirs(values.tolist()))


@pytest.mark.parametrize("alpha", [0.1, 1 / 3, 0.5])
@pytest.mark.parametrize("rows", [1, 4, 27_720])
@pytest.mark.parametrize("price", [{"epsilon": 0.3}, {"rho": 1 / 3}])
def test_a_quantile_costs_no_more_than_asked_and_one_household_moves_scores_by_what_was_priced(
    alpha, rows, price
):
    made = noise.quantile(range(11), alpha, rows, **price)
    asked = next(iter(price.values()))
    assert asked * (1 - 1e-9) < made.loss.epsilon + made.loss.rho <= asked
    # The worst household: all its rows at one end.
    counts = [5] * 11
    for at in (0, 5, 10):
        more = [c + rows * (i == at) for i, c in enumerate(counts)]
        moved = [abs(a - b) for a, b in zip(made.scores(counts), made.scores(more), strict=True)]
        reach = rows * max(made.below, made.above)
        assert max(moved) <= reach
        # 2 reach / scale is the exponential mechanism's loss; in zCDP its square over eight (Rogers and Steinke 2021).
        pure = 2 * Fraction(reach) / Fraction(made.scale)
        assert (pure if "epsilon" in price else pure**2 / 8) <= Fraction(asked) * (1 + Fraction(1, 10**15))


def test_a_quantile_keeps_to_its_rank_error():
    made = noise.quantile(range(1001), 0.5, 1, epsilon=0.5)
    wide = made.rank_error(1 - 1e-9)
    counts = [10] * 1001
    for _ in range(200):
        below = 10 * made.choose(counts)
        assert abs(below - 5005) <= wide + 10


def test_a_quantile_of_nothing_is_any_candidate():
    made = noise.quantile(range(5), 0.5, 1, epsilon=1.0)
    drawn = Counter(made.choose([0] * 5) for _ in range(2_000))
    assert set(drawn) == set(range(5))
    assert float(chi2.sf(sum((c - 400) ** 2 / 400 for c in drawn.values()), 4)) > NEVER


@pytest.mark.parametrize("made", [noise.laplace(1, 1.0), noise.gaussian(1, 0.5)])
def test_only_whole_numbers_pass_through_the_mechanism(made):
    assert str(made.measurement.input_domain) == "VectorDomain(AtomDomain(T=i64))"
    with pytest.raises((TypeError, odp.OpenDPException)):
        made.measurement([0.5])
    assert all(type(v) is int for v in made.add(np.array([1, 2, 3])))


@pytest.mark.parametrize("mechanism", [{"epsilon": 1.0}, {"mechanism": Mechanism.GAUSSIAN, "rho": 0.5}])
def test_no_low_bit_of_a_value_shows_in_an_answer(mechanism):
    """Every sum that leaves lies on the public grid of ticks, whatever the low bits of the values are."""
    query = DpQuery("t", "h", Measure.SUM, column="pay", lower=0.0, upper=100.0, **mechanism)
    tick = Grain.of(query).tick
    odd = [math.pi * 7, math.e, 1 / 3, math.nextafter(50.0, 51.0), 0.1 + 0.2]
    df = pd.DataFrame({"h": [f"h{i}" for i in range(len(odd))], "pay": odd})
    for _ in range(50):
        released = answer(query, df).frame["value_raw"].iloc[0]
        assert released == round(released / tick) * tick


def draws_by_itself(source: str) -> list[str]:
    """What in a module could draw, or seed, a number that OpenDP did not."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [
                a.name
                for a in node.names
                if a.name.split(".")[0] in ("random", "secrets", "uuid") or "random" in a.name
            ]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(a.name for a in node.names)]
            found += [n for n in names if n.split(".")[0] in ("random", "secrets", "uuid") or "random" in n]
        elif isinstance(node, ast.Attribute) and node.attr in (
            "random", "default_rng", "seed", "sample", "shuffle", "permutation", "urandom", "rvs", "RandomState",
        ):  # fmt: skip
            found.append(node.attr)
        elif isinstance(node, ast.arg) and node.arg in ("seed", "rng", "random_state"):
            found.append(node.arg)
    return found


def test_nothing_in_the_package_draws_or_takes_a_seed_but_opendp():
    modules = sorted(DP.glob("*.py"))
    assert len(modules) > 10
    assert {p.name: found for p in modules if (found := draws_by_itself(p.read_text()))} == {}
    assert not [name for name in dir(odp) if "seed" in name.lower()]


@pytest.mark.parametrize(
    "careless",
    [
        "import random",
        "from numpy.random import default_rng",
        "import numpy as np\nnp.random.laplace(0, 1)",
        "from scipy.stats import laplace\nlaplace.rvs(1)",
        "def noise(scale, seed=1): ...",
        "import os\nos.urandom(8)",
    ],
)
def test_a_careless_draw_would_be_seen(careless):
    assert draws_by_itself(careless)
