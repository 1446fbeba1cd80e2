"""The same auditor that refutes no claim of ours catches what is broken: each of these is one way to break a claim.

What is broken here is so by far more than the auditor needs to see: a test fails by chance less than once in a million.
"""

from __future__ import annotations


import broken_dp
import pytest

from anonymization import dp
from anonymization.dp.audit import SHAPES, Shape, audit_shape

CONFIDENCE = 1 - 1e-6
BY_NAME = {shape.name: shape for shape in SHAPES}


def found(shape: str | Shape, runs=0, alone=0, release=None):
    one = BY_NAME[shape] if isinstance(shape, str) else shape
    return audit_shape(one, runs=runs, alone=alone, confidence=CONFIDENCE, release=release or dp.answer)


@pytest.mark.parametrize(
    ("broken", "shape", "runs", "alone"),
    [
        (broken_dp.noise_for_one_person, "count of persons, at most 9 of a household", 1000, 0),
        (broken_dp.noise_for_one_person, "count of persons, at most 9 of a household", 0, 200),
        (broken_dp.noise_halved, "count behind a filter that nobody else passes", 12_000, 0),
        (broken_dp.overlap_forgotten, "count by programme, overlapping", 6_000, 0),
        (broken_dp.claim_understated, "mean over persons, at most 2 of a household", 6_000, 0),
        (broken_dp.claim_understated, "sum of household totals by region", 20_000, 0),
        (broken_dp.values_not_clamped, "sum of household totals by region", 1_000, 0),
        (broken_dp.values_not_clamped, "mean of household totals", 2_000, 0),
        (broken_dp.bounds_from_the_data, "sum of household totals by region", 0, 100),
        (broken_dp.rows_not_truncated, "sum over persons, at most 4 of a household", 10_000, 0),
        (broken_dp.floating_point_noise, "count of households by region", 4_000, 0),
        (broken_dp.generator_reseeded, "count of households by region", 0, 100),
        (broken_dp.one_draw_for_all_cells, "count of households by region", 0, 100),
        (broken_dp.no_noise, "count of households by region", 0, 100),
        (broken_dp.an_error_when_nothing_matches, "count behind a filter that nobody else passes", 0, 100),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_what_is_broken_is_caught(monkeypatch, broken, shape, runs, alone):
    broken(monkeypatch)
    result = found(shape, runs, alone)
    assert result.refuted, result
