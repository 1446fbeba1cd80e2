"""Draws hang on the key and on whom they are for, and look like draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from anonymization.draws import normals, order, uniforms, unit_numbers_of
from anonymization.keys import KeyRing

KEYS = KeyRing(b"k" * 32)
ROWS = np.arange(50_000, dtype=np.int64)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=50), st.randoms())
def test_a_draw_depends_on_the_number_and_on_nothing_beside_it(numbers, random):
    together = dict(zip(numbers, uniforms(KEYS, "s", "p", np.array(numbers, dtype=np.int64)), strict=True))
    random.shuffle(numbers)
    for number in numbers:
        [alone] = uniforms(KEYS, "s", "p", np.array([number], dtype=np.int64))
        assert alone == together[number]
        assert 0 < alone < 1


def test_keys_scopes_purposes_and_streams_have_nothing_to_do_with_each_other():
    base = uniforms(KEYS, "s", "p", ROWS)
    others = [
        uniforms(KeyRing(b"l" * 32), "s", "p", ROWS),
        uniforms(KEYS, "t", "p", ROWS),
        uniforms(KEYS, "s", "q", ROWS),
        uniforms(KEYS, "s", "p", ROWS, stream=1),
    ]
    for other in others:
        assert abs(np.corrcoef(base, other)[0, 1]) < 0.03
        assert not (base == other).any()


def test_draws_are_uniform_and_normal():
    # Fixed key: these are the same numbers in every run.
    assert stats.kstest(uniforms(KEYS, "s", "p", ROWS), "uniform").pvalue > 1e-3
    assert stats.kstest(normals(KEYS, "s", "p", ROWS), "norm").pvalue > 1e-3
    assert (
        abs(np.corrcoef(uniforms(KEYS, "s", "p", ROWS)[:-1], uniforms(KEYS, "s", "p", ROWS)[1:])[0, 1]) < 0.03
    )


def test_an_order_is_a_permutation_and_no_neighbourhood_survives():
    found = order(KEYS, "s", "p", ROWS)
    assert sorted(found) == ROWS.tolist()
    assert abs(np.corrcoef(found, ROWS)[0, 1]) < 0.03


def test_a_unit_keeps_its_number_in_every_partition():
    units = pd.Series(["h2", "h1", "h2", "h3"], index=[7, 7, 1, 0])
    whole = unit_numbers_of(KEYS, "s", units)
    assert whole[0] == whole[2]
    assert len(set(whole)) == 3
    assert unit_numbers_of(KEYS, "s", units.iloc[1:3]).tolist() == whole[1:3].tolist()
    assert unit_numbers_of(KEYS, "other", units).tolist() != whole.tolist()
    assert len(unit_numbers_of(KEYS, "s", units.iloc[:0])) == 0
