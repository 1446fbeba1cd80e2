"""What losses amount to together: never too little, whatever the order, and `fits` says what `total` says."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymization.dp import Accounting, Limit, Loss, compose, fits, total
from anonymization.dp.accountant import CONVERTING, TOLERANCE, Inadmissible, decimal
from anonymization.dp.conversion import composed, epsilon_of_rho, rho_of_epsilon
from anonymization.dp.grants import Room, counts, room, together
from anonymization.errors import AnonymizationError

PURE = Limit(Accounting.PURE, 4.0)
APPROX = Limit(Accounting.APPROX, 2.0, 1e-6)
ZCDP = Limit(Accounting.ZCDP, delta=1e-6, rho=0.5)

MOST = Room(1.0, 0.1)

amounts = st.floats(1e-6, 3.0)
deltas = st.sampled_from([0.0, 1e-9, 3e-8, 1e-7])
pure = st.builds(Loss, amounts)
approximate = st.builds(Loss, amounts, deltas)
in_rho = st.builds(lambda rho, delta: Loss(0.0, delta, rho), amounts, deltas)
many_pure = st.lists(pure, min_size=1, max_size=12)
many = st.lists(approximate | in_rho, min_size=1, max_size=12)


def true_rho(losses: list[Loss]) -> Fraction:
    return sum((decimal(x.rho) if x.rho else decimal(x.epsilon) ** 2 / 2 for x in losses), Fraction(0))


@given(many_pure)
def test_pure_is_the_sum_of_the_decimals_and_no_less(losses):
    exact = sum(decimal(x.epsilon) for x in losses)
    booked = total(losses, PURE)
    assert decimal(booked.epsilon) >= exact
    assert decimal(math.nextafter(booked.epsilon, 0)) < exact
    assert (booked.delta, booked.rho) == (0.0, 0.0)


@given(many)
def test_zcdp_is_the_sum_of_rho_and_half_of_epsilon_squared_and_no_less(losses):
    booked = total(losses, ZCDP)
    assert decimal(booked.rho) >= true_rho(losses)
    assert booked.rho == pytest.approx(float(true_rho(losses)), rel=1e-15)
    assert decimal(booked.delta) >= sum(decimal(x.delta) for x in losses)
    assert booked.epsilon == 0


@settings(max_examples=40)
@given(many)
def test_approx_never_books_less_than_either_sum_proves(losses):
    booked = total(losses, APPROX)
    converted = epsilon_of_rho(float(true_rho(losses)), 5e-7)
    smallest = converted
    if not any(x.rho for x in losses):
        smallest = min(converted, float(sum(decimal(x.epsilon) for x in losses)))
    assert booked.epsilon >= smallest * (1 - 1e-12)
    assert booked.epsilon <= converted * (1 + 1e-12)
    assert decimal(booked.delta) >= sum(decimal(x.delta) for x in losses) + decimal(1e-6) * CONVERTING


@settings(max_examples=40)
@given(many, st.randoms(use_true_random=False), st.sampled_from([APPROX, ZCDP]))
def test_the_order_does_not_matter_and_one_more_loss_never_makes_it_less(losses, random, limit):
    mixed = list(losses)
    random.shuffle(mixed)
    whole = total(losses, limit)
    assert total(mixed, limit) == whole
    fewer = total(losses[:-1], limit)
    assert fewer.within(Loss(whole.epsilon * (1 + 1e-12), whole.delta, whole.rho))


@settings(max_examples=60)
@given(many | many_pure, st.sampled_from(Accounting), amounts, st.sampled_from([1e-7, 1e-6]))
def test_fits_says_what_the_total_says(losses, accounting, amount, delta):
    limit = {
        Accounting.PURE: lambda: Limit(accounting, amount),
        Accounting.APPROX: lambda: Limit(accounting, amount, delta),
        Accounting.ZCDP: lambda: Limit(accounting, 0.0, delta, amount),
    }[accounting]()
    try:
        booked = total(losses, limit)
    except Inadmissible:
        assert accounting is Accounting.PURE
        assert any(x.rho or x.delta for x in losses)
        assert not fits(losses, limit)
    else:
        inside = decimal(booked.epsilon) <= decimal(limit.epsilon) and decimal(booked.rho) <= decimal(
            limit.rho
        )
        assert fits(losses, limit) == (inside and decimal(booked.delta) <= decimal(limit.delta))


@settings(max_examples=40)
@given(st.integers(1, 200), st.integers(1, 1000), st.sampled_from([10, 100, 1000]))
def test_a_budget_of_n_parts_fits_n_parts_and_not_one_more(n, numerator, parts):
    """Binary addition would refuse the last of forty tenths of a budget of four."""
    each = numerator / parts
    whole = float(Fraction(numerator, parts) * n)
    assert fits([Loss(each)] * n, Limit(Accounting.PURE, whole))
    assert not fits([Loss(each)] * (n + 1), Limit(Accounting.PURE, whole))
    assert fits([Loss(rho=each)] * n, Limit(Accounting.ZCDP, rho=whole))
    assert not fits([Loss(rho=each)] * (n + 1), Limit(Accounting.ZCDP, rho=whole))


@given(many_pure)
def test_opendps_composition_is_the_check_and_lies_within_the_stated_tolerance(losses):
    assert composed(losses).epsilon == pytest.approx(total(losses, PURE).epsilon, rel=TOLERANCE)


def test_a_sum_that_opendp_does_not_confirm_decides_nothing(monkeypatch):
    from anonymization.dp import conversion

    monkeypatch.setattr(conversion, "composed", lambda losses: Loss(sum(x.epsilon for x in losses) * 1.01))
    with pytest.raises(ArithmeticError, match="do not agree"):
        total([Loss(0.5), Loss(0.5)], PURE)
    with pytest.raises(ArithmeticError):
        fits([Loss(0.5)], PURE)


def test_many_small_questions_cost_less_in_zcdp_than_added_up():
    small = [Loss(0.02)] * 400
    booked = total(small, APPROX)
    assert compose(small).epsilon > 7.9
    assert booked.epsilon < 2
    assert booked.delta == 5e-7
    assert fits(small, APPROX)
    assert not fits(small, Limit(Accounting.PURE, 2.0))


def test_few_large_questions_cost_less_added_up():
    assert total([Loss(1.0), Loss(0.5)], APPROX) == Loss(1.5, 5e-7)


def test_published_and_measured_figures_of_the_conversion():
    assert epsilon_of_rho(0.1, 1e-6) == pytest.approx(2.14194, abs=1e-4)
    assert rho_of_epsilon(0.1) == pytest.approx(0.005)
    # Never above the closed form of Bun and Steinke, proposition 1.3, and it joins it from below.
    for rho in (0.001, 0.1, 1.0, 50.0, 100.0):
        assert epsilon_of_rho(rho, 1e-6) <= rho + 2 * math.sqrt(rho * math.log(1e6))
    assert epsilon_of_rho(100.0, 1e-6) < epsilon_of_rho(101.0, 1e-6) < epsilon_of_rho(1e6, 1e-6)


def test_gaussian_noise_never_loses_more_than_the_conversion_says():
    """The exact privacy profile of the Gaussian mechanism (Balle and Wang 2018) as an oracle."""

    def delta_of(rho: float, epsilon: float) -> float:
        mu = math.sqrt(2 * rho)
        tail = lambda x: math.erfc(x / math.sqrt(2)) / 2  # noqa: E731
        return tail(epsilon / mu - mu / 2) - math.exp(epsilon) * tail(epsilon / mu + mu / 2)

    for rho in (0.001, 0.01, 0.1, 0.5, 2.0):
        for delta in (1e-8, 1e-6, 1e-4):
            assert delta_of(rho, epsilon_of_rho(rho, delta)) <= delta


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ((Accounting.PURE, 0.0), "epsilon above 0"),
        ((Accounting.PURE, 1.0, 1e-6), "none with pure"),
        ((Accounting.PURE, 1.0, 0.0, 1.0), "without rho"),
        ((Accounting.APPROX, 1.0), "goes with approx"),
        ((Accounting.ZCDP, 1.0), "rho above 0"),
        ((Accounting.ZCDP, 1.0, 0.0, 0.1), "without epsilon"),
        ((Accounting.PURE, math.nan), "finite"),
        ((Accounting.PURE, math.inf), "finite"),
        ((Accounting.ZCDP, 0.0, 1.0, 0.1), "below 1"),
    ],
)
def test_a_limit_whose_numbers_do_not_go_with_its_accounting_is_refused(given_, says):
    with pytest.raises(AnonymizationError, match=says):
        Limit(*given_)


@settings(max_examples=60)
@given(
    many | many_pure,
    st.sampled_from([Limit(Accounting.PURE, 30.0), APPROX, ZCDP, Limit(Accounting.ZCDP, 0, 1e-5, 9.0)]),
)
def test_what_is_said_to_be_left_fits_and_a_little_more_does_not(losses, limit):
    try:
        left = room(losses, limit)
    except Inadmissible:
        assert limit.accounting is Accounting.PURE
        return
    if not fits(losses, limit):
        assert left.epsilon == left.rho == 0 or left.delta == 0
        return
    for name in ("epsilon", "rho", "delta"):
        amount = getattr(left, name)
        assert fits([*losses, Loss(**{name: amount})], limit)
        if name != "rho" or limit.accounting is not Accounting.PURE:
            more = Loss(**{name: amount * (1 + 1e-6) + 1e-12})
            assert not fits([*losses, more], limit)


def test_what_is_left_of_a_fresh_grant():
    assert room([], PURE).epsilon == 4.0
    assert room([Loss(0.1)] * 39, PURE).epsilon == 0.1
    assert room([Loss(0.1)] * 40, PURE).epsilon == 0.0
    assert room([], ZCDP).rho == 0.5
    assert room([], ZCDP).epsilon == 1.0
    assert room([], APPROX).epsilon == 2.0
    assert room([], APPROX).delta == 5e-7
    assert epsilon_of_rho(room([], APPROX).rho, 5e-7) <= 2.0


def test_nothing_costs_nothing():
    for limit in (PURE, APPROX, ZCDP):
        assert total([], limit) == total([Loss()], limit) == Loss()
        assert fits([], limit)


@settings(max_examples=40)
@given(many | many_pure)
def test_everybody_together_is_the_smaller_of_two_proofs(losses):
    """As one in zCDP; or the epsilons added up and what is in rho converted."""
    booked = together(losses, 1e-6)
    rhos = float(sum((decimal(x.rho) for x in losses), Fraction(0)))
    apart = float(sum(decimal(x.epsilon) for x in losses)) + (epsilon_of_rho(rhos, 1e-6) if rhos else 0.0)
    as_one = epsilon_of_rho(float(true_rho(losses)), 1e-6)
    assert booked.epsilon == pytest.approx(min(apart, as_one), rel=1e-12)
    own = float(sum(decimal(x.delta) for x in losses))
    assert booked.delta in (pytest.approx(own), pytest.approx(own + 1e-6))
    assert booked.delta > own or not rhos


@settings(max_examples=40)
@given(
    many | many_pure,
    st.sampled_from([Limit(Accounting.PURE, 30.0), APPROX, ZCDP]),
    st.sampled_from([1, 2, 10]),
)
def test_what_is_said_to_buy_so_many_counts_does(losses, limit, questions):
    try:
        left = room(losses, limit)
    except Inadmissible:
        return
    bought = counts(left, limit, questions, MOST)
    if bought is None:
        assert max(left.epsilon, left.rho) < questions * 1e-5
        return
    assert bought.loss.epsilon <= MOST.epsilon
    assert bought.loss.rho <= MOST.rho
    almost = Loss(bought.loss.epsilon * (1 - 1e-9), 0.0, bought.loss.rho * (1 - 1e-9))
    assert fits([*losses, *[almost] * questions], limit)
    assert bought.within >= 0


def test_counts_that_a_fresh_grant_buys():
    assert counts(room([], Limit(Accounting.PURE, 0.1)), Limit(Accounting.PURE, 0.1), 1, MOST).within == 30
    assert counts(room([], PURE), PURE, 1, MOST).loss == Loss(1.0)
    assert counts(room([], ZCDP), ZCDP, 10, MOST).loss == Loss(rho=0.05)
    assert counts(room([Loss(4.0)], PURE), PURE, 1, MOST) is None
