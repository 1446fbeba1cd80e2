"""A careless recipe calls identifiers plain, or keeps everything exact; neither gets a raw table through."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from anonymization.columns.left import identifiers_left
from anonymization.errors import RecipeProblem
from anonymization.planning import plan
from anonymization.recipe import Recipe
from anonymization.schema import Schema

RNG = np.random.default_rng(8)
ROWS = 400


def _birth_coded_number(row: int) -> str:
    day, month, year = RNG.integers(1, 29), RNG.integers(1, 13), RNG.integers(50, 99)
    return f"3201{RNG.integers(1, 30):02d}{day:02d}{month:02d}{year:02d}{row % 90 + 1:04d}"


def raw() -> pd.DataFrame:
    days = pd.to_datetime(RNG.integers(-9_000, 13_000, ROWS), unit="D")
    return pd.DataFrame(
        {
            "v01": [_birth_coded_number(i) for i in range(ROWS)],
            "v02": days.strftime("%Y-%m-%d"),
            "v03": [f"reach{i}@example.org" for i in range(ROWS)],
            "sex": RNG.choice(["M", "F"], ROWS),
            "region": RNG.choice(list("ABCD"), ROWS),
            "size": RNG.integers(1, 12, ROWS),
            "welfare": np.round(RNG.lognormal(8, 0.6, ROWS), 2),
        },
        index=np.zeros(ROWS, dtype=int),
    )


def recipe(exact: list[str], protect: dict[str, object]) -> Recipe:
    decided = {
        c: {"role": "sensitive", "treatment": "keep", "note": "evaluators need it"} for c in raw().columns
    }
    return Recipe.model_validate(
        {
            "name": "careless", "version": 1, "dataset": "x", "unit": "person", "tier": "scientific use",
            "columns": decided, "steps": [{"shuffle": {}}], "risk": {"keys": ["sex"], "k": 5},
            "exact": exact, "protect": protect,
        }
    )  # fmt: skip


@pytest.mark.parametrize("role", ["plain", "sensitive", "quasi"])
def test_identifiers_under_another_role_are_seen_by_their_values(role):
    table = raw()
    found = identifiers_left(table, dict.fromkeys(table.columns, role))
    assert found == {"v01": "national_id", "v02": "birth_date", "v03": "email"}


def test_pseudonyms_and_redacted_text_are_left_out_and_so_are_harmless_columns():
    table = raw()
    roles = {"v01": "direct", "v02": "direct", "v03": "free_text"}
    assert identifiers_left(table, {**dict.fromkeys(table.columns, "plain"), **roles}) == {}
    assert identifiers_left(table.iloc[:0], {}) == {}
    assert identifiers_left(table[[]], {}) == {}


def test_what_is_found_holds_no_value_of_the_table():
    table = raw()
    said = str(identifiers_left(table, {}))
    assert not any(str(v) in said for v in table["v01"])


def test_a_recipe_cannot_keep_everything_exact():
    table = raw()
    columns = list(table.columns)
    careless = recipe(columns, {})
    with pytest.raises(RecipeProblem, match="running variable") as caught:
        plan(careless, Schema.infer(table, careless.roles))
    assert len(caught.value.problems) == len(columns)


def test_texts_and_dates_stay_exact_for_no_design():
    careless = recipe(["v01", "v02", "welfare"], {"together": [["welfare", "v01", "v02"]]})
    with pytest.raises(RecipeProblem) as caught:
        plan(careless, Schema.infer(raw(), careless.roles))
    assert [p for p in caught.value.problems if "welfare is kept" in p] == []
    assert len(caught.value.problems) == 2


def test_a_running_variable_that_is_protected_stays_exact():
    careful = recipe(["welfare"], {"cutoffs": {"welfare": 3500}})
    assert plan(careful, Schema.infer(raw(), careful.roles)).result.get("welfare") is not None
