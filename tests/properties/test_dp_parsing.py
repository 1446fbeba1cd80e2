"""Anything that JSON can say is a query that can be priced, or a sentence; never a traceback, never a different query."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from anonymization.dp import DpQuery, Loss, PublicColumn, PublicTable, QueryError, cost, read_query

TABLE = PublicTable(
    "households",
    "household_id",
    {
        "region": PublicColumn(keys=("R01", "R02", "R03")),
        "head_sex": PublicColumn(keys=(1, 2)),
        "cct": PublicColumn(boolean=True),
        "pension": PublicColumn(boolean=True),
        "paid": PublicColumn(lower=0, upper=2000),
        "note": PublicColumn(closed=True),
        "free": PublicColumn(),
    },
    max_rows=6,
)
NAMES = [
    "household_id",
    "region",
    "head_sex",
    "cct",
    "pension",
    "paid",
    "note",
    "free",
    "nowhere",
    "value",
    "",
]
PLAIN = {"table": "households", "unit_id": "household_id", "measure": "count", "epsilon": 0.5}
VALID = [
    PLAIN,
    PLAIN | {"measure": "mean", "column": "paid", "group_by": ["region"]},
    PLAIN | {"measure": "sum", "column": "paid", "lower": 0, "upper": 100, "per": "row", "max_rows": 3},
    PLAIN | {"measure": "quantile", "column": "paid", "quantile": 0.5},
    PLAIN | {"measure": "histogram", "column": "paid", "bins": [0, 1, 2000]},
    PLAIN
    | {"measure": "ratio", "numerator": "cct", "denominator": [{"column": "paid", "op": "<=", "value": 9}]},
    PLAIN
    | {
        "measure": "difference",
        "of": "ratio",
        "numerator": "cct",
        "between": {"column": "head_sex", "first": 1, "second": 2},
    },
    PLAIN | {"unknown_keys": ["free"], "delta": 1e-6},
    PLAIN | {"epsilon": None, "rho": 0.1, "count_by_programme": ["cct", "pension"], "max_programmes": 1},
    PLAIN
    | {
        "per": "row",
        "weighting": "household",
        "filters": [{"column": "region", "op": "in", "value": ["R01"]}],
    },
]
FIELDS = sorted({*DpQuery.from_dict(PLAIN).to_dict(), "version"})

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(
        [0, 1, -1, 2**63, -(2**63), 10**400, 0.0, -0.0, 1e-320, 1e308, math.inf, -math.inf, math.nan]
    ),
    st.floats(),
    st.sampled_from(
        [*NAMES, "count", "row", "household", "==", "in", "laplace", "gaussian", "\x00", "\ud800", "é"]
    ),
    st.text(max_size=8),
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=5)), inner, max_size=4),
    ),
    max_leaves=8,
)
filters = st.fixed_dictionaries(
    {
        "column": st.sampled_from(NAMES),
        "op": st.sampled_from(["==", "!=", ">=", "<=", "in"]),
        "value": anything,
    }
)
shaped = st.one_of(
    anything,
    filters,
    st.lists(filters, max_size=3),
    st.lists(st.sampled_from(NAMES), max_size=3),
    st.dictionaries(st.sampled_from(NAMES), st.lists(scalars, max_size=3), max_size=2),
    st.fixed_dictionaries({"column": st.sampled_from(NAMES), "first": scalars, "second": scalars}),
)
changes = st.dictionaries(st.sampled_from(FIELDS), shaped, max_size=3)


def told(make, given):
    """What became of it: a query, or the sentences."""
    try:
        return make(given)
    except QueryError as error:
        assert error.problems
        assert all(said.strip().endswith((".", "dictionary")) and len(said) < 400 for said in error.problems)
        assert not any(word in str(error) for word in ("Traceback", "Error:", "<class", "object at 0x"))
        return None


def kept(query):
    """A query is the same after a trip through the ledger, has a price, and was not silently another one."""
    stored = json.loads(json.dumps(query.to_dict(), allow_nan=False))
    again = DpQuery.from_dict(stored)
    assert again.canonical() == query.canonical()
    try:
        spent = cost(query)
    except QueryError as error:
        assert error.problems
        return
    assert isinstance(spent, Loss)
    assert spent.epsilon <= query.epsilon
    assert spent.delta <= query.delta
    assert spent.rho <= query.rho


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(VALID), changes)
@example(PLAIN, {"group_by": [["region"]]})
@example(PLAIN, {"column": ["paid"], "measure": "sum"})
@example(PLAIN, {"measure": {"a": 1}})
@example(PLAIN, {"filters": [{"column": "paid", "op": "<=", "value": 10**400}]})
@example(PLAIN, {"measure": "histogram", "column": "paid", "bins": 10**9})
@example(PLAIN, {"measure": "quantile", "column": "paid", "quantile": 1e-320})
@example(PLAIN, {"epsilon": 5e-324})
@example(PLAIN, {"epsilon": 1e308})
@example(PLAIN, {"epsilon": None, "rho": 5e-324})
@example(PLAIN, {"unknown_keys": ["free"], "delta": 5e-324})
@example(PLAIN, {"group_by": {"region": ["R01", "\ud800"]}})
def test_a_changed_question_is_a_question_or_a_sentence(valid, change):
    asked = {**valid, **change}
    for make in (TABLE.bounded, DpQuery.from_dict):
        query = told(make, asked)
        if query is not None:
            kept(query)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(anything)
def test_anything_at_all_is_a_question_or_a_sentence(given_):
    for make in (TABLE.bounded, DpQuery.from_dict):
        assert told(make, given_) is None or isinstance(given_, dict)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.text(max_size=60), st.sampled_from(VALID).map(json.dumps), anything.map(repr)))
@example("a: &a [*a]")
@example("!!python/object/apply:os.system ['true']")
@example("{" * 5_000)
@example("- " * 4_000)
@example("x: 2026-02-30")
@example("? [1, 2]\n: 3")
def test_any_text_is_a_mapping_or_a_sentence(text):
    given_ = told(read_query, text)
    if given_ is not None:
        assert isinstance(given_, dict)
        told(TABLE.bounded, given_)


@pytest.mark.parametrize("valid", VALID)
def test_each_valid_question_is_kept_as_it_was_asked(valid):
    kept(TABLE.bounded(valid))
    assert TABLE.bounded(read_query(json.dumps(valid))) == TABLE.bounded(valid)


def test_a_small_number_in_yaml_is_a_number_with_and_without_a_point():
    for written in ("1e-6", "1.0e-6", "0.000001", "1E-6"):
        text = f"table: households\nunit_id: household_id\nmeasure: count\nepsilon: 1\nunknown_keys: [free]\ndelta: {written}"
        assert TABLE.bounded(read_query(text)).delta == 1e-6
