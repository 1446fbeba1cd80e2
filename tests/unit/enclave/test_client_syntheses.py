"""The tables of a synthetic release in a researcher's hands: whole, unchanged, and combined with the right error."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from enclave import client
from enclave.client import ClientError
from evaluation import combine


@pytest.fixture
def folder(tmp_path):
    rng, listed = np.random.default_rng(1), []
    for i in range(1, 6):
        data = pd.DataFrame({"enrolled": rng.random(400) < 0.3 + 0.02 * i}).to_csv(index=False).encode()
        (tmp_path / f"t-{i}.csv").write_bytes(data)
        listed.append({"file": f"t-{i}.csv", "rows": 400, "sha256": hashlib.sha256(data).hexdigest()})
    about = {
        "schema": "registry-enclave/syntheses@1", "dataset": "d", "method": {"name": "cart"}, "m": 5, "kind": "fully",
        "loss": None, "says": "not private", "tables": listed,
    }  # fmt: skip
    (tmp_path / "synthesis.json").write_text(json.dumps(about))
    return tmp_path


def share(table):
    p = table["enrolled"].mean()
    return p, p * (1 - p) / len(table)


def test_five_tables_give_one_estimate_with_the_error_of_the_combining_rule(folder):
    tables = client.syntheses(folder)
    assert [t.attrs["synthesis"]["m"] for t in tables] == [5] * 5
    done = client.combined(tables, share)
    found = [share(t) for t in tables]
    assert done == combine([q for q, _ in found], [u for _, u in found], kind="fully")
    assert done.estimate == pytest.approx(np.mean([q for q, _ in found]))


def test_one_table_has_no_error_that_counts_the_synthesis(folder):
    with pytest.raises(ClientError, match="lower bounds"):
        client.combined(client.syntheses(folder)[:1], share)


def test_a_changed_or_missing_file_is_named_and_nothing_is_loaded(folder):
    (folder / "t-2.csv").write_text("enrolled\nTrue\n")
    with pytest.raises(ClientError, match=r"t-2\.csv is not the file"):
        client.syntheses(folder)
    (folder / "t-2.csv").unlink()
    with pytest.raises(ClientError, match=r"t-2\.csv, which is not here"):
        client.syntheses(folder)
    (folder / "synthesis.json").write_text("{}")
    with pytest.raises(ClientError, match="no synthesis"):
        client.syntheses(folder)
