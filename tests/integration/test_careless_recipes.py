"""A recipe that a careless steward wrote, run on a file as CSV: what the gate and the evidence say of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from enclave.cli.anonymize import anonymize

ROWS = 300


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    numbers = [f"320{rng.integers(100, 999)}{d:02d}0{d % 9 + 1}7{d % 10}{d:04d}" for d in range(1, 29)] * 11
    table = pd.DataFrame(
        {
            "v01": numbers[:ROWS],
            "v02": [f"reach{i}@example.org" for i in range(ROWS)],
            "sex": rng.choice(["M", "F"], ROWS),
            "score": np.round(rng.normal(50, 9, ROWS), 3),
        }
    )
    table.to_csv(tmp_path / "in.csv", index=False)
    return table


def run(place: Path, exact: list[str], protect: dict[str, object]) -> tuple[int, str, dict[str, object]]:
    columns = {
        c: {"role": "sensitive", "treatment": "keep", "note": "x"} for c in ("v01", "v02", "sex", "score")
    }
    recipe = {
        "name": "careless", "version": 1, "dataset": "x", "unit": "person", "tier": "scientific use",
        "columns": columns, "steps": [{"shuffle": {}}], "risk": {"keys": ["sex"], "k": 5},
        "exact": exact, "protect": protect,
    }  # fmt: skip
    (place / "r.yaml").write_text(yaml.safe_dump(recipe))
    to = place / "out"
    done = CliRunner().invoke(
        anonymize,
        ["--recipe", str(place / "r.yaml"), "--in", str(place / "in.csv"), "--out", str(to), "--gate",
         "--processes", "1", "--type", "v01=string"],
    )  # fmt: skip
    evidence = json.loads((to / "evidence.json").read_text()) if (to / "evidence.json").exists() else {}
    return done.exit_code, done.output, evidence


def test_identifiers_that_a_recipe_calls_sensitive_are_denied_by_name_and_without_a_value(tmp_path, table):
    code, output, evidence = run(tmp_path, ["score"], {"cutoffs": {"score": 50}})
    assert code == 1
    assert evidence["columns_that_identify"] == {"v01": "national_id", "v02": "email"}
    assert "deny: This rule is not kept: No column with a direct identifier is left." in output
    told = (tmp_path / "out" / "evidence.md").read_text() + json.dumps(evidence) + output
    assert "The column v01, whatever its role" in told
    assert not any(value in told for value in [*table["v01"], *table["v02"]])


def test_a_recipe_cannot_keep_a_whole_file_exact(tmp_path, table):
    everything = list(table.columns)
    code, output, evidence = run(tmp_path, everything, {"together": [everything]})
    assert code == 2
    assert evidence == {}
    assert "The column v01 is kept exact" in output
    assert "The column score is kept exact" not in output
