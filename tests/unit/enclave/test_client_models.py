"""Regressions and quantiles written inside a workspace pass the airlock's own checks, and say what they rest on."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from anonymization.disclosure import check_file
from enclave import client
from enclave.client import ClientError
from policies import PolicyBook

BOOK, DAY = PolicyBook.packaged(), date(2026, 11, 25)
WORDS = {"title": "Reach of the transfer", "context": "All households of the 2025 extract, one row each."}


@pytest.fixture(autouse=True)
def outputs(tmp_path, monkeypatch):
    monkeypatch.setenv("ENCLAVE_WORKSPACE", str(tmp_path))
    return tmp_path / "outputs"


@pytest.fixture
def people() -> pd.DataFrame:
    """600 persons of 200 households; `rare` is one household's trait."""
    rows = np.arange(600)
    noise = np.sin(rows * 12.9898) * 4
    frame = pd.DataFrame({"household_id": rows // 3, "age": 20 + rows % 50, "rural": (rows // 3) % 2})
    frame["rare"] = (frame.household_id == 7).astype(int)
    frame["pay"] = 10 + 0.2 * frame.age + 3 * frame.rural + 50 * frame.rare + noise
    return frame


def judged(path):
    spec = path.with_name(f"{path.stem}.sdc.json").read_bytes()
    report = check_file(path.name, path.read_bytes(), spec, threshold=10, scan=lambda _text: [])
    return report, BOOK.decide("output-file", report.facts, DAY)


def test_a_regression_is_written_with_the_households_behind_each_coefficient(people):
    # Persons are not contributors: rows are thrice the households, and a tenth of them is missing.
    people.loc[people.index[::10], "age"] = np.nan
    fitted = smf.ols("pay ~ age + rural", people).fit()

    path = client.regression(fitted, "reach", household=people.household_id, **WORDS)

    table = pd.read_csv(path)
    assert table.term.tolist() == ["Intercept", "age", "rural"]
    assert table.estimate.tolist() == pytest.approx(fitted.params.tolist(), rel=1e-5)
    assert table.support.tolist() == [200, 200, 100]
    assert json.loads(path.with_name("reach.sdc.json").read_bytes())["model"]["households"] == 200
    report, decision = judged(path)
    assert report.findings == ()
    assert decision.outcome == "allow"


def test_a_dummy_for_one_household_does_not_leave(people):
    path = client.regression(
        smf.ols("pay ~ age + rural + rare", people).fit(), "rare", household=people.household_id, **WORDS
    )

    report, decision = judged(path)
    assert ("small-count", "rare.csv, row 4, column support") in [(f.rule, f.place) for f in report.findings]
    assert decision.outcome == "deny"


def test_a_model_with_a_row_for_itself_shows_its_leverage(people):
    frame = people.drop_duplicates("household_id").reset_index(drop=True)
    fitted = smf.ols("pay ~ age + rare", frame).fit()
    path = client.regression(fitted, "lever", household=frame.household_id, **WORDS)

    told = json.loads(path.with_name("lever.sdc.json").read_bytes())["model"]["largest_leverage"]
    assert told == pytest.approx(fitted.get_influence().hat_matrix_diag.max(), abs=1e-6)
    assert told == pytest.approx(1.0, abs=1e-6)


def test_a_logit_is_written_too(people):
    people["poor"] = (np.sin(np.arange(600) * 78.233) > 0).astype(int)
    path = client.regression(
        smf.logit("poor ~ age", people).fit(disp=0), "logit", household=people.household_id, **WORDS
    )

    assert judged(path)[1].outcome == "allow"


@pytest.mark.parametrize("households", [pd.Series([1, 2, 3]), [1] * 600, pd.Series([None] * 600)])
def test_households_that_do_not_fit_the_model_are_refused(people, households):
    with pytest.raises(ClientError, match="household"):
        client.regression(smf.ols("pay ~ age", people).fit(), "x", household=households, **WORDS)
    with pytest.raises(ClientError, match="fitted model"):
        client.regression(people, "x", household=people.household_id, **WORDS)


def test_quantiles_are_declared_and_those_on_few_are_blanked():
    table = pd.DataFrame(
        {"region": ["n", "s"], "households": [400, 40], "p90": [9.0, 8.0], "median": [5.0, 4.0]}
    )
    declared = {"p90": (0.9, "households"), "median": (0.5, "households")}
    path = client.output(table, "q", counts=["households"], quantiles=declared, suppress=True, **WORDS)

    assert pd.read_csv(path).p90.isna().tolist() == [False, True]
    assert judged(path)[1].outcome == "allow"
    shown = client.output(table, "r", counts=["households"], quantiles=declared, **WORDS)
    assert judged(shown)[1].outcome == "deny"
