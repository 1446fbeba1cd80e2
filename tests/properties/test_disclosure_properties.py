"""Attacks on suppressed tables and on the checks themselves."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linprog

from anonymization.disclosure import OUTPUT_SCHEMA, check_file
from anonymization.disclosure.counts import contributors
from anonymization.disclosure.dominance import concentration
from anonymization.disclosure.suppress import Suppressed, suppress

THRESHOLD = 10
TABLES = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.int64, shape, elements=st.one_of(st.integers(0, 12), st.integers(0, 60)))
)
SPEC = {
    "schema": OUTPUT_SCHEMA,
    "kind": "table",
    "unit": "household",
    "counts": ["n"],
    "dimensions": ["row", "column"],
}


def attack(shown: list[list[int | None]]) -> dict[tuple[int, int], float]:
    """An attacker's own programme, over the inner cells only: how uncertain each hidden cell of the table stays."""
    rows, columns = len(shown) - 1, len(shown[0]) - 1
    inner = list(itertools.product(range(rows), range(columns)))

    def line(row: int, column: int) -> np.ndarray:
        return np.array([(row in (r, rows)) and (column in (c, columns)) for r, c in inner], dtype=float)

    known = [
        (line(r, c), shown[r][c])
        for r in range(rows + 1)
        for c in range(columns + 1)
        if shown[r][c] is not None
    ]
    equal = (
        {"A_eq": np.array([k for k, _ in known]), "b_eq": np.array([v for _, v in known])} if known else {}
    )
    widths = {}
    for r, c in itertools.product(range(rows + 1), range(columns + 1)):
        if shown[r][c] is None:
            ends = [linprog(sign * line(r, c), **equal, bounds=(0, None), method="highs") for sign in (1, -1)]
            low, high = (e.fun * s if e.status == 0 else np.inf for e, s in zip(ends, (1, -1), strict=True))
            widths[r, c] = high - low
    return widths


def as_csv(result: Suppressed) -> bytes:
    shown = result.shown()
    names = [[str(i) for i in range(n - 1)] + ["total"] for n in (len(shown), len(shown[0]))]
    cells = itertools.product(range(len(shown)), range(len(shown[0])))
    lines = [f"r{names[0][r]},c{names[1][c]},{'' if shown[r][c] is None else shown[r][c]}" for r, c in cells]
    return "\n".join(["row,column,n", *lines]).replace("rtotal", "total").replace("ctotal", "total").encode()


@given(counts=TABLES)
@settings(max_examples=40, deadline=None)
def test_no_attacker_gets_closer_to_a_suppressed_count_than_the_threshold(counts):
    result = suppress(counts, threshold=THRESHOLD)

    small = (result.counts > 0) & (result.counts < THRESHOLD)
    assert (result.hidden & small).sum() == small.sum()
    for place, width in attack(result.shown()).items():
        assert width >= THRESHOLD - 1e-4, place


@given(counts=TABLES)
@settings(max_examples=30, deadline=None)
def test_a_table_that_was_suppressed_passes_its_own_check(counts):
    report = check_file(
        "t.csv", as_csv(suppress(counts, threshold=THRESHOLD)), SPEC, threshold=THRESHOLD, scan=None
    )

    assert report.facts["recoverable_cells"] == 0
    assert report.facts.get("smallest_count", THRESHOLD) >= THRESHOLD or report.facts["smallest_count"] == 0


@given(counts=TABLES, data=st.data())
@settings(max_examples=40, deadline=None)
def test_one_cell_hidden_alone_is_always_found(counts, data):
    table = suppress(counts + THRESHOLD, threshold=THRESHOLD)
    row, column = data.draw(st.integers(0, counts.shape[0])), data.draw(st.integers(0, counts.shape[1]))
    alone = np.zeros_like(table.primary)
    alone[row, column] = True

    report = check_file(
        "t.csv",
        as_csv(Suppressed(table.counts, alone, ~alone & False, table.widths)),
        SPEC,
        threshold=THRESHOLD,
        scan=None,
    )

    assert report.facts["recoverable_cells"] == 1


CELLS = st.one_of(
    st.integers(100_000, 999_999).map(str),
    st.text("QZXÑ", min_size=6, max_size=9),
    st.just(""),
    st.floats(100_000.5, 1e6).map(repr),
)


@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6), spare=CELLS)
@settings(deadline=None)
def test_no_sentence_or_place_repeats_what_is_in_a_cell(rows, spare):
    frame = pd.DataFrame(rows, columns=["region", "n", "mean"])
    data = frame.to_csv(index=False).encode() + (f"x,1,2,{spare}\n".encode() if spare else b"")
    spec = {
        "schema": OUTPUT_SCHEMA,
        "kind": "table",
        "unit": "household",
        "counts": ["n"],
        "statistics": ["mean"],
    }

    report = check_file("t.csv", data, spec, threshold=2_000_000, scan=lambda text: text.split())

    said = " ".join(f"{f.sentence} {f.place} {f.rule}" for f in report.findings)
    assert report.findings
    for cell in {c for row in rows for c in row if c} | ({spare} if spare else set()):
        assert cell not in said


@given(
    data=st.binary(max_size=300),
    name=st.sampled_from(["a.csv", "a.json", "a.png", "a.md", "a"]),
    head=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"[{", b"a,b\n", b"PK\x03\x04", b"\x80\x04"]),
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_whatever_get_a_report_and_never_an_accident(data, name, head):
    report = check_file(name, head + data, SPEC, threshold=THRESHOLD, scan=lambda _: [])

    assert report.facts["file_bytes"] == len(head + data)
    assert report.media_type == report.facts["media_type"]


NAMES = st.sampled_from(["region", "n", "mean", "share"] * 4 + ["absent"])
LISTS = st.lists(NAMES, max_size=3)
SHARES = st.fixed_dictionaries({"top1_share": NAMES, "top2_share": NAMES}, optional={"of": LISTS})
JUNK = st.one_of(st.none(), st.booleans(), st.integers(), LISTS, st.dictionaries(NAMES, NAMES, max_size=2))
SIDECARS = st.fixed_dictionaries(
    {"counts": st.one_of(st.just(["n"]), LISTS)},
    optional={
        "statistics": st.one_of(LISTS, st.dictionaries(NAMES, NAMES, max_size=3)),
        "proportions": LISTS,
        "dimensions": LISTS,
        "parts": st.dictionaries(NAMES, NAMES, max_size=2),
        "dominance": st.one_of(SHARES, st.lists(SHARES, max_size=2)),
        "total_labels": LISTS,
        "context": JUNK,
    },
)


@given(sidecar=SIDECARS, cell=st.sampled_from(["40", "3", "", "0", "x", "1.5"]))
@settings(max_examples=300, deadline=None)
def test_any_description_whatever_gets_a_report_and_none_that_counts_hides_a_small_count(sidecar, cell):
    data = f"region,n,mean,share\nnorth,40,1.5,0.4\nsouth,{cell},2.5,0.6\ntotal,80,2,0.5\n".encode()

    report = check_file("t.csv", data, SPEC | sidecar, threshold=THRESHOLD, scan=lambda _: [])

    if report.facts["counts_declared"] and "n" in sidecar["counts"] and cell == "3":
        assert "small-count" in {f.rule for f in report.findings}
        assert report.facts["smallest_count"] == 3


@given(
    rows=st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.one_of(st.none(), st.integers(-50, 50))),
        min_size=1,
        max_size=40,
    ),
    order=st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_contributors_and_shares_equal_a_count_by_hand_whatever_the_order_and_index(rows, order):
    shuffled = list(rows)
    order.shuffle(shuffled)
    frame = pd.DataFrame(shuffled, columns=["cell", "household", "value"], index=[0] * len(rows)).astype(
        {"value": "float64"}
    )

    counts = contributors(frame, ["cell"], "household", "value").to_dict()
    shares = concentration(frame, ["cell"], "household", "value")

    for cell in {c for c, _, v in rows if v is not None}:
        totals: dict[int, int] = {}
        for c, household, value in rows:
            if c == cell and value is not None:
                totals[household] = totals.get(household, 0) + value
        sizes = sorted((abs(v) for v in totals.values()), reverse=True)
        assert counts[cell] == len(totals) == shares.loc[cell, "households"]
        if sum(sizes):
            assert abs(shares.loc[cell, "topn_share"] - sum(sizes[:2]) / sum(sizes)) < 1e-9
            assert abs(shares.loc[cell, "p_ratio"] - sum(sizes[2:]) / sizes[0]) < 1e-9


def test_the_attack_of_this_module_finds_a_cell_that_is_given_away():
    assert attack([[None, 20, 24], [30, 40, 70], [34, 60, 94]]) == {(0, 0): 0.0}
    assert io.BytesIO(as_csv(suppress(np.array([[3]]), threshold=2))).read().startswith(b"row,column,n")
