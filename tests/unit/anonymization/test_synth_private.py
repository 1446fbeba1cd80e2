"""The private synthesizer: its claim, its cells, what it refuses; and the rules that every method keeps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymization.dp.audit import audit
from anonymization.dp.marginals import TreeOfMarginals
from anonymization.errors import RecipeProblem
from anonymization.schema import FieldType
from anonymization.synth import SynthesisError, SynthesisPlan, synthesise
from anonymization.synth.constraints import Between, CannotKeepRules, Implies, InOrder, OneOf, Only, kept
from anonymization.synth.private import PrivateTree, _one_each
from anonymization.synth.public import PublicDomain, cells_of

COLUMNS = {
    "region": FieldType.STRING,
    "eligible": FieldType.BOOLEAN,
    "score": FieldType.NUMBER,
    "benefit": FieldType.NUMBER,
    "size": FieldType.INTEGER,
    "seen": FieldType.DATE,
}
DOMAINS = {
    "eligible": PublicDomain(missing=False),
    "region": PublicDomain(codes=("R1", "R2", "R3")),
    "score": PublicDomain(lower=0, upper=100, edges=(45.0,), decimals=1, missing=False),
    "benefit": PublicDomain(lower=0, upper=1000, decimals=0, missing=False),
    "size": PublicDomain(lower=1, upper=12, missing=False),
    "seen": PublicDomain(lower=19_723, upper=20_088, missing=False),
}
RULES = (
    Implies("eligible", "score", 45.0, exactly=True),
    Only("eligible", "benefit"),
    Between("size", 1, 12),
    OneOf("region", ("R1", "R2", "R3")),
)


def households(n=4000, seed=2):
    rng = np.random.default_rng(seed)
    score = np.clip(rng.normal(50, 15, n), 0, 100).round(1)
    return pd.DataFrame(
        {
            "hh": [f"REAL{i}" for i in range(n)],
            "region": rng.choice(["R1", "R2", "R3"], n, p=[0.6, 0.3, 0.1]),
            "eligible": score < 45,
            "score": score,
            "benefit": np.where(score < 45, rng.integers(100, 400, n), 0).astype(float),
            "size": rng.integers(1, 10, n),
            "seen": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D"),
        }
    )


def tree(epsilon=1.0, **changes):
    return PrivateTree(
        **{"columns": COLUMNS, "domains": DOMAINS, "epsilon": epsilon, "delta": 1e-9, **changes}
    )


def test_types_rules_and_relations_come_back_and_row_keys_are_made_anew():
    plan = SynthesisPlan(
        COLUMNS, "hh", ("region", "size"), method="mst", domains=DOMAINS, epsilon=2.0, rules=RULES
    )
    made = synthesise(households(), plan, 7)
    table, evidence = made.table, made.evidence
    assert table["eligible"].dtype == bool
    assert table["size"].dtype == "int64"
    assert table["seen"].between("2024-01-01", "2024-12-31").all()
    assert not any(rule.broken(table).any() for rule in RULES)
    assert "REAL" not in table.to_csv()
    assert table["hh"].is_unique
    assert evidence["differentially_private"] is True
    assert 1.9 < evidence["loss"]["epsilon"] <= 2.0
    assert evidence["constraints"]["rows_kept"] == len(table)
    assert evidence["quality"]["pairs"]["mean"] < 0.15  # independent columns: 0.2 and more
    assert evidence["cost"]["fit_cpu_seconds"] < evidence["cost"]["planned_seconds"]


def test_the_loss_is_known_without_data_is_kept_and_spent_once():
    made = tree(0.7)
    assert 0.69 < made.loss.epsilon <= 0.7
    made.fit(households(500))
    with pytest.raises(SynthesisError, match="spent its loss"):
        made.fit(households(500))
    pd.testing.assert_frame_equal(made.sample(50, 3), made.sample(50, 3))
    assert not made.sample(50, 3).equals(made.sample(50, 4))


def _statistic(codes, epsilon=1.0, broken=1):
    """One number of a whole release: what the measured 1-way and 2-way counts say of the planted cells."""
    made = TreeOfMarginals.of((3, 3, 3), epsilon, 1e-6)

    def once():
        got = made.measure(np.repeat(codes, broken, axis=0) if broken > 1 else codes)
        ones = sum(float(v[2]) / got.deviation[0] ** 2 for v in got.one)
        return ones + sum(float(v[2, 2]) / got.deviation[1] ** 2 for v in got.two.values())

    return once


def test_an_audit_cannot_disprove_the_claim_and_does_when_a_household_counts_six_times():
    with_it = np.array([[0, 0, 0]] * 40 + [[2, 2, 2]])
    without = with_it[:-1]
    honest = audit(_statistic(with_it), _statistic(without), runs=3000, confidence=1 - 1e-7, delta=1e-6)
    assert not honest.refutes(1.0)
    six = np.array([[0, 0, 0]] * 40 + [[2, 2, 2]] * 6)
    broken = audit(_statistic(six), _statistic(without), runs=3000, confidence=0.999, delta=1e-6)
    assert broken.refutes(1.0)


def test_of_a_households_rows_one_counts_whatever_their_order():
    codes = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    unit = pd.Series(["a", "a", "b", None])
    one = _one_each(codes, unit)
    other = _one_each(codes[::-1], unit[::-1])
    assert one.tolist() == other.tolist() == [[1, 0], [1, 1]]


@given(st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9), st.text(max_size=3)), min_size=1, max_size=20))
def test_a_households_cell_owes_nothing_to_its_neighbours(values):
    cells = cells_of({"score": FieldType.NUMBER}, DOMAINS)["score"]
    together = cells.places(pd.Series(values, dtype=object))
    alone = [cells.places(pd.Series([v], dtype=object))[0] for v in values]
    assert together.tolist() == alone
    assert (together < cells.size).all()


@pytest.mark.parametrize("name", list(COLUMNS))
def test_a_value_drawn_from_a_cell_belongs_to_that_cell(name):
    cells = cells_of(COLUMNS, DOMAINS)[name]
    places = np.repeat(np.arange(cells.size), 200)
    assert (cells.places(cells.values(places, np.random.default_rng(1))) == places).all()


def test_an_edge_is_never_inside_a_cell():
    cells = cells_of(COLUMNS, DOMAINS)["score"]
    under, at = cells.places(pd.Series([44.9, 45.0]))
    assert under < at


def test_a_column_without_public_cells_is_refused_before_data_are_read():
    with pytest.raises(RecipeProblem, match="no codes for region"):
        tree(domains={})


def test_rules_mend_what_is_plain_and_draw_the_rest_again_and_count_it():
    def draw(n, seed):
        rng = np.random.default_rng(seed)
        return pd.DataFrame(
            {
                "a": rng.choice(["x", "y", "z"], n),
                "low": rng.integers(0, 10, n),
                "high": rng.integers(0, 10, n),
                "flag": rng.random(n) < 0.5,
            }
        )

    rules = (OneOf("a", ("x", "y")), InOrder("low", "high"), Implies("flag", "low", 5))
    table, done = kept(draw, 300, 1, rules)
    again, _ = kept(draw, 300, 1, rules)
    pd.testing.assert_frame_equal(table, again)
    assert len(table) == done["rows_kept"] == 300
    assert set(table["a"]) == {"x", "y"}
    assert (table["low"] <= table["high"]).all()
    assert not (table["flag"] & (table["low"] >= 5)).any()
    assert done["rows_drawn"] > 300
    assert done["rows_mended"] > 0
    assert min(done["rules"].values()) > 0
    with pytest.raises(CannotKeepRules):
        kept(draw, 10, 1, (OneOf("a", ("nowhere",)),))


def test_codes_of_a_column_of_numbers_come_back_as_numbers():
    columns = {"area": FieldType.INTEGER, "cutoff": FieldType.NUMBER, "gap": FieldType.INTEGER}
    domains = {
        "area": PublicDomain(codes=(1, 2), missing=False),
        "cutoff": PublicDomain(codes=(41.0, 44.0), missing=False),
        "gap": PublicDomain(codes=(3, 6, 9)),
    }
    rng = np.random.default_rng(4)
    for name, cell in cells_of(columns, domains).items():
        drawn = cell.values(rng.integers(0, cell.size - (name != "gap"), 50), rng)
        assert pd.api.types.is_numeric_dtype(drawn)
        assert set(drawn.dropna()) <= set(domains[name].codes)
        assert drawn.isna().any() == (name == "gap")
