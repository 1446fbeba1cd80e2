"""Evidence from rows, differences between releases, suppression: against published figures and worked examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonymization.disclosure import ReleasedTable, differences
from anonymization.disclosure.audit import CannotAudit, Equation, feasible_intervals
from anonymization.disclosure.counts import contributors
from anonymization.disclosure.dominance import ACRO_K, ACRO_P, concentration, dominated
from anonymization.disclosure.suppress import suppress
from anonymization.errors import Unusable

CHARITY = Path(__file__).parents[4] / "shared" / "data" / "acro_charity.parquet"


def test_twelve_people_of_one_household_are_one_contributor():
    people = pd.DataFrame({"region": "north", "household": "h1", "wage": np.arange(12.0)})

    assert contributors(people, ["region"], "household", "wage").to_dict() == {"north": 1}


def test_a_household_without_a_value_contributes_nothing():
    """Twenty rows, one value: a mean over them is that household's value."""
    frame = pd.DataFrame(
        {"region": "north", "household": [f"h{i}" for i in range(20)], "wage": [np.nan] * 19 + [5000.0]}
    )

    assert contributors(frame, ["region"], "household")["north"] == 20
    assert contributors(frame, ["region"], "household", "wage")["north"] == 1


def test_rows_are_told_apart_by_position_and_not_by_index():
    frame = pd.DataFrame({"region": ["n", "n", "s"], "wage": [1.0, 2.0, 3.0]}, index=[0, 0, 0])
    household = pd.Series(["a", "b", None], index=[7, 8, 9])

    assert contributors(frame, ["region"], household).to_dict() == {"n": 2}


def test_shares_are_of_household_totals_and_losses_count_as_large():
    frame = pd.DataFrame(
        {"region": "n", "household": ["a", "a", "b", "c", "d"], "value": [30.0, 30.0, -30.0, 6.0, 4.0]}
    )

    cell = concentration(frame, ["region"], "household", "value").loc["n"]

    assert (cell["households"], cell["top1_share"], cell["topn_share"], cell["p_ratio"]) == (
        4,
        0.6,
        0.9,
        pytest.approx(10 / 60),
    )


def test_the_inline_example_fails_as_the_rules_say():
    frame = pd.DataFrame(
        {
            "cell": ["even"] * 12 + ["two"] * 4 + ["one"] * 3 + ["zero"] * 5,
            "household": range(24),
            "value": [10.0] * 12 + [50.0, 45.0, 3.0, 2.0] + [96.0, 2.0, 2.0] + [0.0] * 5,
        }
    )

    found = dominated(concentration(frame, ["cell"], "household", "value"))

    assert found.loc["even"].to_dict() == {"nk": False, "p_ratio": False}
    assert found.loc["two"].to_dict() == {"nk": True, "p_ratio": False}  # 95%; (100 - 95) / 50 is a tenth
    assert found.loc["one"].to_dict() == {"nk": True, "p_ratio": True}
    assert found.loc["zero"].to_dict() == {"nk": False, "p_ratio": True}


@pytest.mark.parametrize("present", [CHARITY.exists()])
def test_the_figures_that_acro_publishes_come_out(present):
    """ACRO's charity example: year by grant type; falls back on its one telling cell where the data is absent."""
    if not present:
        total = pd.DataFrame({"cell": "R/G", "household": range(4), "value": [787.32, 173.448, 20.0, 19.232]})
        cell = concentration(total, ["cell"], "household", "value").loc["R/G"]
        assert (round(cell["topn_share"], 4), round(cell["p_ratio"], 4)) == (0.9608, 0.0498)
        return
    charity = pd.read_parquet(CHARITY).assign(unit=lambda f: np.arange(len(f)))

    counts = contributors(charity, ["year", "grant_type"], "unit")
    cells = concentration(charity, ["year", "grant_type"], "unit", "inc_grants")
    found = dominated(cells, k=ACRO_K, p=ACRO_P)

    assert (int(counts.sum()), int((counts < 10).sum()), set(counts[counts < 10])) == (918, 6, {8})
    assert found.index[found["nk"]].tolist() == [(2010, "R/G")]
    assert found.index[found["p_ratio"]].tolist() == [(2010, "N"), (2010, "R/G")]
    assert round(cells.loc[(2010, "R/G"), "topn_share"], 4) == 0.9608
    assert round(cells.loc[(2010, "R/G"), "p_ratio"], 4) == 0.0498


FIRST = ReleasedTable(
    "OUT-1", ("region", "sex"), {("n", "f"): 40, ("n", "m"): 50, ("s", "f"): 60, ("s", "m"): 70}
)


def test_the_same_table_but_for_a_few_households_is_found():
    second = ReleasedTable("new.csv", ("region", "sex"), FIRST.cells | {("s", "f"): 59})

    [finding] = differences(second, [FIRST], threshold=10)

    assert (finding.rule, finding.place) == ("differencing", "new.csv, cell 3 by region and sex")
    assert "OUT-1" in finding.sentence
    assert "59" not in str(finding)
    assert "60" not in str(finding)


@pytest.mark.parametrize(("count", "found"), [(60, 0), (51, 1), (50, 0), (69, 1), (70, 0)])
def test_no_difference_and_a_large_one_tell_nothing(count, found):
    second = ReleasedTable("new.csv", ("region", "sex"), {("s", "f"): count})

    assert len(differences(second, [FIRST], threshold=10)) == found


def test_a_coarser_table_is_compared_with_the_sum_of_a_finer_one():
    coarse = ReleasedTable("new.csv", ("region",), {("n",): 91, ("s",): 130})

    assert [f.place for f in differences(coarse, [FIRST], threshold=10)] == ["new.csv, cell 1 by region"]
    fine = ReleasedTable(
        "fine.csv", ("sex", "region"), {(sex, region): n for (region, sex), n in FIRST.cells.items()}
    )
    assert [f.place for f in differences(fine, [coarse], threshold=10)] == ["fine.csv, cell 1 by region"]


def test_tables_about_other_things_are_not_compared():
    other = ReleasedTable("new.csv", ("region", "age"), {("n", "old"): 41})

    assert differences(other, [FIRST], threshold=10) == ()


def test_what_totals_give_away_is_worked_out_exactly():
    """Two unknowns in a row of 10, one of them in a column of 4."""
    intervals = feasible_intervals([Equation({0: 1, 1: 1}, 10), Equation({0: 1, 2: 1}, 4)], [0, 1, 2, 3])

    assert intervals[0] == (0, 4)
    assert intervals[1] == (6, 10)
    assert intervals[3] == (0, float("inf"))


def test_totals_that_contradict_each_other_cannot_be_audited():
    with pytest.raises(CannotAudit, match="do not add up"):
        feasible_intervals([Equation({0: 1}, 10), Equation({0: 1}, 4)], [0])


def test_a_table_without_small_counts_is_left_alone():
    result = suppress(np.full((3, 4), 20), threshold=10)

    assert not result.hidden.any()
    assert result.shown()[-1] == [60, 60, 60, 60, 240]


def test_one_small_count_takes_a_rectangle_with_it():
    counts = np.array([[30, 4, 50], [40, 60, 70], [45, 65, 75]])

    result = suppress(counts, threshold=10)

    assert result.primary.sum() == 1
    assert (result.hidden.sum(axis=0)[:3].max(), result.hidden.sum(axis=1)[:3].max()) == (2, 2)
    assert result.shown()[0][1] is None
    assert result.widths[result.hidden].min() >= 10


def test_a_small_total_is_a_small_count():
    result = suppress(np.array([[2, 3], [40, 50]]), threshold=10)

    assert result.shown()[0] == [None, None, None]


@pytest.mark.parametrize("counts", [np.array([1, 2]), np.array([[-1, 2]]), np.zeros((0, 3), dtype=int)])
def test_what_is_not_a_table_of_counts_is_refused(counts):
    with pytest.raises(Unusable, match="rows and columns of counts"):
        suppress(counts, threshold=10)
