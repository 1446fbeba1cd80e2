"""Total variation over triples, beside a count by hand."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymization.utility import three_way, two_way

ROW = st.tuples(*[st.sampled_from("ab")] * 2, st.sampled_from("xyz"), st.sampled_from("uv"))
ROWS = st.lists(ROW, min_size=1, max_size=30)


@given(ROWS, ROWS)
def test_it_is_half_the_sum_of_differences_over_every_cell(one, two):
    columns = ["p", "q", "r", "s"]
    before, after = (pd.DataFrame(rows, columns=columns) for rows in (one, two))
    known = {c: set(before[c]) for c in columns}
    shared = [c for c in columns if set(after[c]) & known[c]]
    distances = []
    for triple in combinations(shared, 3):
        places = [columns.index(c) for c in triple]
        counts = [
            Counter(tuple(row[i] if row[i] in known[columns[i]] else "other" for i in places) for row in rows)
            for rows in (one, two)
        ]
        cells = counts[0].keys() | counts[1].keys()
        distances.append(sum(abs(counts[0][c] / len(one) - counts[1][c] / len(two)) for c in cells) / 2)
    found = three_way(before, after, columns)
    assert found["pairs"] == len(distances)
    if distances:
        assert found["mean"] == pytest.approx(sum(distances) / len(distances))


def test_a_relation_of_three_columns_that_no_pair_shows_is_seen():
    bits = [(a, b, a ^ b) for a in (0, 1) for b in (0, 1)] * 50
    free = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)] * 25
    before, after = (pd.DataFrame(r, columns=["a", "b", "c"]) for r in (bits, free))
    assert two_way(before, after, ["a", "b", "c"])["mean"] == 0
    assert three_way(before, after, ["a", "b", "c"])["mean"] == pytest.approx(0.5)
