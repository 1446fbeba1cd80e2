"""Defects of OpenDP that the auditor refutes when its plans are built by hand, and that no query of ours can say."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest
from upstream_dp import column_redefined_after_truncation, margin_taken_as_a_sensitivity

import anonymization.dp
from anonymization.dp import DpQuery, QueryError
from anonymization.dp.audit import audit
from anonymization.dp.noise import epsilon_of_rho

CONFIDENCE = 1 - 1e-6
PLAN = {"table": "t", "unit_id": "household_id", "measure": "count", "epsilon": 1.0}


def test_a_margin_taken_as_a_sensitivity_is_refuted():
    plan = margin_taken_as_a_sensitivity()
    assert plan.claimed == pytest.approx(1.0)
    found = audit(
        lambda: plan.draw(plan.one), lambda: plan.draw(plan.other), runs=2_500, confidence=CONFIDENCE
    )
    assert found.refutes(plan.claimed), found


def test_a_column_redefined_after_truncation_is_refuted():
    plan = column_redefined_after_truncation()
    delta = 0.01
    claimed = epsilon_of_rho(plan.claimed, delta)
    found = audit(
        lambda: plan.draw(plan.one),
        lambda: plan.draw(plan.other),
        runs=1_000,
        confidence=CONFIDENCE,
        delta=delta,
    )
    assert found.refutes(claimed), (claimed, found)


@pytest.mark.parametrize(
    "field", ["margins", "max_length", "with_columns", "expression", "plan", "truncate", "select"]
)
def test_a_query_has_no_word_for_a_margin_a_plan_or_a_new_column(field):
    with pytest.raises(QueryError, match="no field"):
        DpQuery.from_dict({**PLAN, field: {"group": "lit(0)"}})


def test_a_column_is_named_and_never_computed():
    """What a query says of columns is compared with the data dictionary's names; nothing in it is evaluated."""
    names = {f.name for f in fields(DpQuery)}
    assert not names & {"margin", "margins", "expression", "expressions", "plan", "with_columns"}


def test_the_product_builds_no_opendp_plan_of_a_table():
    """Both defects live in OpenDP's data frames: only measurements on whole numbers are used, never those.

    (polars itself only reads ids, see `units`.)
    """
    used = set()
    for path in Path(anonymization.dp.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        used |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        used |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
        used |= {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    forbidden = {
        "Context", "Margin", "make_private_lazyframe", "make_stable_lazyframe", "with_margin",
        "lazyframe_domain", "make_private_expr",
    }  # fmt: skip
    assert not used & forbidden
    assert {"make_laplace", "make_gaussian"} <= used  # what is looked for would be seen
