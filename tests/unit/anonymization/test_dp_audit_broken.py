"""The same auditor that refutes no claim of ours catches what is broken: each of these is one way to break a claim.

What is broken here is so by far more than the auditor needs to see: a test fails by chance less than once in a million.
"""

from __future__ import annotations

from dataclasses import replace

import broken_dp
import pytest

from anonymization import dp
from anonymization.dp.audit import SHAPES, Shape, audit_shape
from anonymization.dp.audit.registry import household, households

CONFIDENCE = 1 - 1e-6
BY_NAME = {shape.name: shape for shape in SHAPES}


def found(shape: str | Shape, runs=0, alone=0, release=None):
    one = BY_NAME[shape] if isinstance(shape, str) else shape
    return audit_shape(one, runs=runs, alone=alone, confidence=CONFIDENCE, release=release or dp.answer)


#: Half of them at each bound: every value between is as good a median, and one household alone has one.
BETWEEN = replace(
    BY_NAME["quantile of household totals"],
    others=(*households(30, pay=0.0), *({**row, "household_id": f"{i}"} for i, row in enumerate(households(30, pay=100.0)))),
    worst=tuple(household("worst", pay=98.7)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("broken", "shape", "runs", "alone"),
    [
        (broken_dp.noise_for_one_person, "count of persons, at most 9 of a household", 1000, 0),
        (broken_dp.noise_for_one_person, "count of persons, at most 9 of a household", 0, 200),
        (broken_dp.noise_halved, "count behind a filter that nobody else passes", 12_000, 0),
        (broken_dp.overlap_forgotten, "count by programme, overlapping", 6_000, 0),
        (broken_dp.claim_understated, "mean over persons, at most 2 of a household", 6_000, 0),
        (broken_dp.claim_understated, "sum of household totals by region", 12_000, 0),
        (broken_dp.values_not_clamped, "sum of household totals by region", 1_000, 0),
        (broken_dp.values_not_clamped, "mean of household totals", 2_000, 0),
        (broken_dp.bounds_from_the_data, "sum of household totals by region", 1_000, 0),
        (broken_dp.rows_not_truncated, "sum over persons, at most 4 of a household", 10_000, 0),
        (broken_dp.floating_point_noise, "count of households by region", 4_000, 0),
        (broken_dp.generator_reseeded, "count of households by region", 0, 200),
        (broken_dp.one_draw_for_all_cells, "count of households by region", 0, 200),
        (broken_dp.no_noise, "count of households by region", 0, 200),
        (broken_dp.gaussian_noise_halved, "count, Gaussian", 16_000, 0),
        (broken_dp.overlap_forgotten, "count by programme, overlapping, Gaussian", 16_000, 0),
        (broken_dp.weights_forgotten, "count of persons, weighted", 1_000, 0),
        (broken_dp.a_household_in_both_parts_of_a_ratio, "coverage, a ratio", 10_000, 0),
        (broken_dp.every_key_named, "count by keys found in the data, one household there", 1_000, 0),
        (broken_dp.threshold_without_noise, "count by keys found in the data, at the threshold", 1_000, 0),
        (broken_dp.an_error_when_nothing_matches, "count behind a filter that nobody else passes", 0, 200),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_what_is_broken_is_caught(monkeypatch, broken, shape, runs, alone):
    broken(monkeypatch)
    result = found(shape, runs, alone)
    assert result.refuted, result
    assert not result.errors or broken is broken_dp.an_error_when_nothing_matches


def test_a_quantile_among_the_values_that_there_are_is_caught(monkeypatch):
    broken_dp.candidates_from_the_data(monkeypatch)
    assert found(BETWEEN, 1_000).refuted


#: Each draw of a quantile is dear, and the three differ in how rows are bounded, which others try with the same code.
DEAR = {"quantile over persons, at most 2 of a household", "quantile over persons, weighted"}


@pytest.mark.parametrize("name", [name for name in BY_NAME if name not in DEAR])
def test_the_audit_of_every_shape_sees_noise_that_is_far_too_small(monkeypatch, name):
    """No audit is blind: eight times the loss that is claimed (of a quantile, 32 times) shows in each."""
    broken_dp.noise_far_too_small(monkeypatch, 32 if "quantile" in name else 8)
    epsilon = dp.cost(BY_NAME[name].query).epsilon
    result = found(name, 1_000 if epsilon < 4 else 2_500)
    assert result.refuted, result
