"""Each shape of question through the service: quoted, charged once, receipted, remade from the ledger, and refused well."""

from __future__ import annotations

import json

import pytest
from askings import CANARY, an_asking_house

from anonymization import dp
from anonymization.dp.accountant import Accounting
from enclave.budget.model import Charge
from enclave.budget.receipts import loss_of_charge
from enclave.client import querying
from enclave.extracts.making import loss_of
from enclave.kernel.errors import Invalid, OverBudget

WEALTHY = [{"column": "welfare", "op": ">=", "value": 30}]
TWO = {"column": "region_code", "first": "R01", "second": "R02"}
SHAPES = [
    {"measure": "count", "group_by": ["region_code"]},
    {"measure": "sum", "column": "welfare", "upper": 100},
    {"measure": "mean", "column": "welfare", "upper": 100},
    {"measure": "quantile", "column": "welfare", "quantile": 0.5},
    {"measure": "histogram", "column": "welfare", "bins": [0, 20, 40, 60]},
    {"measure": "ratio", "numerator": WEALTHY, "group_by": ["region_code"]},
    {"measure": "difference", "of": "count", "between": TWO},
    {"measure": "difference", "of": "ratio", "numerator": WEALTHY, "between": TWO},
    {"measure": "count", "unknown_keys": ["region_code"], "delta": 1e-7},
    {"measure": "count", "per": "row", "weighting": "household"},
]


def names(shape):
    return "-".join(str(shape.get(n, "")) for n in ("measure", "of", "unknown_keys", "weighting"))


def granted(tmp_path, shape):
    """The house with a grant that fits the shape, and what to pay it with."""
    if shape.get("delta"):
        house, project = an_asking_house(tmp_path, 0.0)
        house.budgets.grant(
            house.actor("priya"),
            dataset="households",
            project=project,
            accounting=Accounting.APPROX,
            epsilon=1.0,
            delta=1e-6,
        )
        return house, project
    return an_asking_house(tmp_path)


@pytest.mark.parametrize("shape", SHAPES, ids=names)
def test_each_shape_is_quoted_charged_once_and_receipted(tmp_path, shape):
    house, project = granted(tmp_path, shape)
    asked = {**shape, "epsilon": 0.7}
    quoted = house.querying.quote("rosa", project, asked)
    told = house.querying.query("rosa", project, asked)
    again = house.querying.query("rosa", project, asked)
    assert (told["csv"], told["receipt"]) == (again["csv"], again["receipt"])
    assert quoted["loss"] == told["loss"] == loss_of_charge(house_charge(house))
    assert told["loss"]["epsilon"] == pytest.approx(0.7)
    assert told["receipt"]["query"] == quoted["query"]
    # The audit of the ledger comes to the same price from the stored description alone.
    again_priced = loss_of(house_charge(house).query)
    assert (again_priced.epsilon, again_priced.delta) == (told["loss"]["epsilon"], told["loss"]["delta"])
    table = querying._table(told["rows"], told["csv"].encode())
    assert ",".join(table.columns) == told["csv"].partition("\n")[0]
    assert {"value", "ci_low", "ci_high", "withheld"} <= set(table.columns)
    assert CANARY not in json.dumps(told)


def house_charge(house):
    with house.kit.read() as uow:
        (charge,) = uow.find(Charge)
    return charge


def test_gaussian_noise_is_paid_from_a_grant_in_rho(tmp_path):
    house, project = an_asking_house(tmp_path, 0.0, rho=0.1)
    asked = {"measure": "ratio", "numerator": WEALTHY, "group_by": ["region_code"], "rho": 0.06}
    quoted = house.querying.quote("rosa", project, asked)
    told = house.querying.query("rosa", project, asked)
    assert told["loss"] == quoted["loss"]
    assert (told["loss"]["epsilon"], told["loss"]["rho"]) == (0.0, pytest.approx(0.06))
    assert dp.DpQuery.from_dict(told["receipt"]["query"]).mechanism is dp.Mechanism.GAUSSIAN
    with pytest.raises(OverBudget):
        house.querying.query("rosa", project, {**asked, "rho": 0.05})


def test_keys_that_nobody_found_leave_a_table_with_its_columns():
    assert list(querying._table([], b"village,value,ci_low\n").columns) == ["village", "value", "ci_low"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"measure": "sum", "column": "welfare", "upper": 5_000},
            "go beyond what the data dictionary allows",
        ),
        (
            {"measure": "histogram", "column": "welfare", "bins": [0, 5_000]},
            "go beyond what the data dictionary allows",
        ),
        (
            {"measure": "count", "filters": [{"column": "region_code", "op": "==", "value": CANARY}]},
            "does not list",
        ),
        (
            {"measure": "ratio", "numerator": [{"column": "head_name", "op": "==", "value": CANARY}]},
            "identifies people",
        ),
        ({"measure": "count", "unknown_keys": ["head_name"], "delta": 1e-7}, "identifies people"),
        ({"measure": "difference", "of": "count", "between": {**TWO, "second": "R77"}}, "does not list"),
    ],
)
def test_what_the_dictionary_does_not_allow_is_refused_without_a_charge_and_without_the_value(
    tmp_path, change, sentence
):
    house, project = an_asking_house(tmp_path)
    for call in (house.querying.quote, house.querying.query):
        with pytest.raises(Invalid, match=sentence) as refused:
            call("rosa", project, {**change, "epsilon": 0.2})
        assert CANARY not in str(refused.value)
    with house.kit.read() as uow:
        assert not uow.find(Charge)
