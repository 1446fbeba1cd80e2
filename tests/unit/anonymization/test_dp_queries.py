"""What may be asked, and what is refused before a row is read."""

from __future__ import annotations

import subprocess
import sys

import pytest

from anonymization.dp import DpQuery, Filter, Measure, Op, Per, PublicColumn, PublicTable, QueryError, cost

REGIONS = tuple(f"R0{i}" for i in range(1, 7))
TABLE = PublicTable(
    "households",
    "household_id",
    {
        "region_code": PublicColumn(keys=REGIONS),
        "head_sex": PublicColumn(keys=(1, 2)),
        "enrolled_cct": PublicColumn(boolean=True),
        "enrolled_pension": PublicColumn(boolean=True),
        "welfare_aggregate": PublicColumn(lower=0, upper=2000),
        "poverty_score": PublicColumn(),
        "head_name": PublicColumn(closed=True),
    },
)


def ask(**changes):
    return {"table": "households", "unit_id": "household_id", "measure": "count", "epsilon": 0.5, **changes}


def test_a_query_read_back_from_its_own_form_is_the_same_query():
    query = DpQuery.from_dict(
        ask(
            measure="mean",
            column="welfare_aggregate",
            lower=0,
            upper=2000,
            group_by={"region_code": list(REGIONS), "head_sex": [1, 2]},
            count_by_programme=["enrolled_cct"],
            filters=[
                {"column": "poverty_score", "op": "<=", "value": 40},
                {"column": "head_sex", "op": "in", "value": [1]},
            ],
        )
    )
    again = DpQuery.from_dict(query.to_dict())
    assert again == query
    assert again.canonical() == query.canonical()
    assert again.identity("v3") == query.identity("v3") != query.identity("v4")


def test_the_same_question_has_one_identity_whatever_the_order_it_is_written_in():
    filters = [
        {"column": "poverty_score", "op": "<=", "value": 40},
        {"column": "head_sex", "op": "==", "value": 1},
    ]
    one = DpQuery.from_dict(ask(group_by={"region_code": list(REGIONS), "head_sex": [1, 2]}, filters=filters))
    two = DpQuery.from_dict(
        ask(group_by={"head_sex": [2, 1], "region_code": REGIONS[::-1]}, filters=filters[::-1], epsilon=0.5)
    )
    assert one.identity("v1") == two.identity("v1")
    assert one.identity("v1") != DpQuery.from_dict(ask(epsilon=0.6)).identity("v1")


def test_a_mean_without_bounds_is_refused_in_a_sentence():
    with pytest.raises(
        QueryError,
        match=r"mean of welfare_aggregate needs public bounds .* data dictionary, never from the data",
    ):
        DpQuery.from_dict(ask(measure="mean", column="welfare_aggregate"))


def test_bounds_left_out_come_from_the_data_dictionary_and_not_from_the_data():
    query = TABLE.bounded(
        ask(measure="sum", column="welfare_aggregate", group_by=["region_code", "enrolled_cct"])
    )
    assert (query.lower, query.upper) == (0, 2000)
    assert query.group_by == {"enrolled_cct": (True, False), "region_code": REGIONS}
    with pytest.raises(QueryError, match="needs public bounds"):
        TABLE.bounded(ask(measure="sum", column="poverty_score"))


PAID = {"measure": "sum", "column": "welfare_aggregate"}
TWO = {"column": "region_code", "first": "R01", "second": "R02"}


def only(column, op, value):
    return {"filters": [{"column": column, "op": op, "value": value}]}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"group_by": {"region_code": ["R01", "R99"]}}, "one that the data dictionary does not list"),
        ({"group_by": {"poverty_score": [1, 2]}}, "lists no keys for poverty_score"),
        ({"group_by": {"village": ["A"]}}, "has no column 'village'"),
        ({"group_by": {"head_name": ["A"]}}, "identifies people directly"),
        (
            {"filters": [{"column": "household_id", "op": "==", "value": "h1"}]},
            "names households and cannot be asked about",
        ),
        ({"count_by_programme": ["region_code"]}, "does not hold true and false"),
        ({"table": "persons"}, "describes the table households"),
        ({"unit_id": "person_id"}, "privacy unit of households is named by household_id"),
        ({"per": "row", "max_rows": 9}, "At most 1 rows of a household count"),
        (
            {"measure": "sum", "column": "poverty_score", "lower": 0, "upper": 9},
            "gives no bounds for poverty_score",
        ),
        ({**PAID, "lower": 0, "upper": 2001}, "bounds of welfare_aggregate go beyond .* 0 to 2000"),
        ({**PAID, "lower": -1, "upper": 2000}, "bounds of welfare_aggregate go beyond"),
        ({**PAID, "measure": "quantile", "quantile": 0.5, "lower": 0, "upper": 1e6}, "go beyond"),
        (
            {"measure": "histogram", "column": "welfare_aggregate", "bins": [0, 2500]},
            "bins of welfare_aggregate go beyond",
        ),
        (only("region_code", "==", "R99"), "a value that the data dictionary does not list"),
        (only("enrolled_cct", "in", [True, 7]), "a value that the data dictionary does not list"),
        (only("region_code", ">=", 3), "holds no numbers"),
        (only("welfare_aggregate", ">=", 5e9), "within the bounds"),
        (only("welfare_aggregate", "==", "x"), "within the bounds"),
        (only("poverty_score", "<=", 40), "neither keys nor bounds for poverty_score"),
        ({"measure": "ratio", "numerator": only("region_code", "==", "R99")["filters"]}, "does not list"),
        ({"measure": "ratio", "numerator": only("household_id", "==", "h")["filters"]}, "names households"),
        ({"measure": "difference", "of": "count", "between": TWO | {"second": "R99"}}, "does not list"),
        (
            {"measure": "difference", "of": "count", "between": TWO | {"column": "head_name"}},
            "identifies people",
        ),
        ({"unknown_keys": ["head_name"], "delta": 1e-6}, "identifies people"),
        ({"unknown_keys": ["household_id"], "delta": 1e-6}, "names households"),
    ],
)
def test_what_the_data_dictionary_does_not_allow_is_refused(changes, sentence):
    with pytest.raises(QueryError, match=sentence):
        TABLE.complete(DpQuery.from_dict(ask(**changes)))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"epsilon": 0}, "Epsilon must be a number above zero"),
        ({"epsilon": float("nan")}, "Epsilon must be a number above zero"),
        ({"epsilon": "1"}, "'epsilon' must be a number"),
        ({"measure": "median"}, "must be one of count, mean, sum, quantile, histogram, ratio, difference"),
        ({"measure": ["count"]}, "must be one of count, mean, sum, quantile, histogram, ratio, difference"),
        ({"expression": "pl.len()"}, "has no field 'expression'"),
        ({"table": None}, "needs the field 'table'"),
        ({"column": "welfare_aggregate"}, "A count takes no column"),
        ({"measure": "sum", "column": "w", "lower": 5, "upper": 5}, "the lower below the upper"),
        ({"group_by": {"region_code": []}}, "needs the list of its keys"),
        ({"filters": [{"column": "a", "op": "~", "value": 1}]}, "must be one of"),
        ({"filters": [{"column": "a", "op": "in", "value": 1}]}, "must give a list with 'in'"),
        ({"filters": [{"column": "a", "op": "==", "value": [1]}]}, "one value otherwise"),
        ({"filters": [{"column": "a", "op": ">=", "value": "x"}]}, "needs a number"),
        ({"filters": [{"column": "a", "op": "==", "value": float("inf")}]}, "ordinary numbers"),
        ({"max_rows": 3}, "Rows per household must be 1"),
        (
            {"count_by_programme": ["a", "b"], "max_programmes": 3},
            "between 0 \\(all\\) and the number listed",
        ),
        ({"count_by_programme": ["a", "a"]}, "listed once"),
        ({"version": 9}, "queries of version 1 and 2"),
    ],
)
def test_a_query_that_cannot_be_read_gets_a_sentence(changes, sentence):
    with pytest.raises(QueryError, match=sentence):
        DpQuery.from_dict(ask(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {**PAID, "lower": 0, "upper": 500},
        {**PAID, "measure": "quantile", "quantile": 0.25},
        {"measure": "difference", "of": "mean", "column": "welfare_aggregate", "between": TWO},
        {
            "measure": "ratio",
            "numerator": "enrolled_cct",
            "denominator": only("welfare_aggregate", "<=", 300)["filters"],
        },
        {"measure": "histogram", "column": "welfare_aggregate"},
        {"measure": "histogram", "column": "welfare_aggregate", "bins": 4},
        {"unknown_keys": ["poverty_score"], "delta": 1e-6},
        {"epsilon": None, "rho": 0.1, "group_by": ["region_code"]},
        only("head_sex", ">=", 2),
        only("enrolled_cct", "!=", True),
    ],
)
def test_each_shape_keeps_to_the_data_dictionary_and_is_filled_from_it(changes):
    query = TABLE.bounded(ask(**changes))
    assert DpQuery.from_dict(query.to_dict()) == query
    if query.base in (Measure.MEAN, Measure.QUANTILE):
        assert (query.lower, query.upper) == (0, 2000)
    if changes.get("measure") == "histogram":
        assert query.bins == tuple(
            2000 * i / (changes.get("bins", 10)) for i in range(changes.get("bins", 10) + 1)
        )


def test_a_household_s_total_may_reach_the_bounds_of_all_its_rows_and_no_farther():
    payments = PublicTable(
        "payments", "household_id", {"amount": PublicColumn(lower=0, upper=50)}, max_rows=12
    )
    given = ask(table="payments", measure="sum", column="amount")
    assert payments.bounded(given).upper == 50
    assert payments.bounded({**given, "upper": 600}).upper == 600
    with pytest.raises(QueryError, match="0 to 600"):
        payments.bounded({**given, "upper": 601})
    with pytest.raises(QueryError, match="0 to 50"):
        payments.bounded({**given, "upper": 51, "per": "row", "max_rows": 3})


@pytest.mark.parametrize(
    ("column", "shape"),
    [
        *((c, {"measure": "count"}) for c in ("value", "n", "withheld", "ci_low", "noise_scale")),
        ("bin", {"measure": "histogram", "column": "w", "bins": [0, 1]}),
        ("numerator", {"measure": "ratio", "numerator": "cct"}),
        ("first", {"measure": "difference", "of": "count", "between": TWO}),
    ],
)
def test_a_group_cannot_take_the_name_of_one_of_the_answer_s_own_columns(column, shape):
    with pytest.raises(QueryError, match=f"has a column {column} of its own"):
        DpQuery.from_dict(ask(group_by={column: [1]}, **shape))


@pytest.mark.parametrize("keys", [["R01", "R01"], [1, "1"], [True, 1], [1, 1.0], ["true", True]])
def test_one_key_in_two_spellings_is_refused_because_it_would_count_a_household_twice(keys):
    with pytest.raises(QueryError, match="must be given once each"):
        DpQuery.from_dict(ask(group_by={"region_code": keys}))


def test_contributions_multiply_rows_and_programmes():
    query = DpQuery(
        "p",
        "h",
        Measure.COUNT,
        1.0,
        per=Per.ROW,
        max_rows=9,
        count_by_programme=("a", "b", "c"),
        filters=(Filter("a", Op.EQ, True),),
    )
    assert query.contributions == 27
    assert (
        DpQuery(
            "p", "h", Measure.COUNT, 1.0, count_by_programme=("a", "b", "c"), max_programmes=2
        ).contributions
        == 2
    )


def test_importing_the_package_does_not_load_opendp():
    code = "import sys, anonymization.dp; print('opendp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


#: Descriptions as ledgers hold them from before version 2, with the identities that they had then.
OF_VERSION_1 = [
    (
        "ee8ee4b9774d791ac5880081797f9b41952b8e771748421a4ae776c6935fb920",
        {"measure": "count"},
    ),
    (
        "98fc1ac17afea8989ef916a1ec8a0b56673513446b1ffbf76285d186a8d0baf3",
        {
            "measure": "mean",
            "column": "welfare_aggregate",
            "lower": 0.0,
            "upper": 2000.0,
            "group_by": {"head_sex": [1, 2], "region_code": ["R01", "R02"]},
            "count_by_programme": ["enrolled_cct", "enrolled_pension"],
            "max_programmes": 1,
            "filters": [{"column": "poverty_score", "op": "<=", "value": 40}],
            "min_count": 30,
        },
    ),
    (
        "d3c299ace25ec07def48fa8e5bcf8f42c86117c536b63b1e78a7e0a2adda0ace",
        {
            "measure": "sum",
            "column": "age",
            "lower": 0.0,
            "upper": 110.0,
            "per": "row",
            "max_rows": 9,
        },
    ),
]


@pytest.mark.parametrize(("identity", "parts"), OF_VERSION_1)
def test_a_question_that_was_paid_for_under_version_1_keeps_its_identity(identity, parts):
    plain = {
        "version": 1,
        "table": "households",
        "unit_id": "household_id",
        "epsilon": 0.5,
        "column": None,
        "lower": None,
        "upper": None,
        "group_by": {},
        "count_by_programme": [],
        "max_programmes": 0,
        "filters": [],
        "per": "household",
        "max_rows": 1,
        "min_count": 10,
    }
    stored = plain | parts
    assert DpQuery.from_dict(stored).identity("v1") == identity
    # The same asked today, in version 2, is the same question: it is not paid for twice.
    asked = {k: v for k, v in stored.items() if k != "version"}
    assert DpQuery.from_dict(asked).identity("v1") == identity
    spent = cost(DpQuery.from_dict(stored))
    assert (spent.epsilon, spent.delta, spent.rho) == (pytest.approx(0.5, rel=1e-12), 0.0, 0.0)
