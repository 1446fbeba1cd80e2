"""What a researcher finds under /data, and only that."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from enclave import client

ROOT = Path(__file__).resolve().parents[3]


def mount(
    folder: Path, dataset: str = "ibr-households", *, about_name: str = "about.json", **more: object
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{dataset}.parquet"
    pd.DataFrame({"household_id": ["a", "b"], "region_code": ["01", "02"]}).to_parquet(path)
    body = {
        "dataset": dataset,
        "tier": "scientific_use",
        "variables": ["household_id", "region_code"],
        "areas": ["01", "02"],
        "rows": 2,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "expires": "2027-01-31",
    }
    (folder / about_name).write_text(json.dumps(body | more))
    return path


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("ENCLAVE_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("below", ["", "extract-1", "project/extract-1"])
def test_a_mounted_table_is_listed_with_its_manifest_and_loads(data, below):
    mount(data / below)

    listed = client.data()

    assert listed.to_dict("records") == [
        {
            "name": "ibr-households",
            "dataset": "ibr-households",
            "tier": "scientific_use",
            "rows": 2,
            "variables": 2,
            "areas": "01, 02",
            "expires": "2027-01-31",
        }
    ]
    assert client.about("ibr-households")["expires"] == "2027-01-31"
    assert list(client.load("ibr-households")["household_id"]) == ["a", "b"]


def test_two_tables_in_one_folder_each_have_their_own_manifest(data):
    mount(data, "ibr-households", about_name="ibr-households.about.json")
    mount(data, "ibr-payments", about_name="ibr-payments.about.json", tier="secure")

    assert list(client.data()["tier"]) == ["scientific_use", "secure"]


def test_a_manifest_of_another_table_is_not_believed(data):
    mount(data, "ibr-households")
    mount(data, "ibr-payments")

    assert client.about("ibr-households") == {}
    assert client.about("ibr-payments")["rows"] == 2


def test_the_same_dataset_twice_is_told_apart_by_its_place(data):
    mount(data / "wave-1")
    mount(data / "wave-2")

    assert list(client.data()["name"]) == ["wave-1/ibr-households", "wave-2/ibr-households"]
    assert len(client.load("wave-2/ibr-households")) == 2


def test_bytes_that_were_not_approved_are_not_loaded(data):
    path = mount(data)
    pd.DataFrame({"household_id": ["x"]}).to_parquet(path)

    with pytest.raises(client.ClientError, match="not the one that was approved"):
        client.load("ibr-households")


def test_an_unknown_name_lists_what_there_is(data):
    mount(data)

    with pytest.raises(client.ClientError, match="This project has: ibr-households"):
        client.load("../../etc/passwd")


def test_nothing_mounted_is_said(data):
    with pytest.raises(client.ClientError, match="access request"):
        client.data()


def test_the_client_and_the_evaluation_library_load_nothing_of_the_platform():
    watch = (
        "import sys; from enclave import client; import evaluation; "
        "print(sorted(m for m in sys.modules if m.split('.')[0] in "
        "{'sqlalchemy','pydantic','fastapi','minio','jupyterhub','opendp','sdv','policies','anonymization','torch'}"
        " or m.startswith('enclave.') and not m.startswith('enclave.client')))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", watch], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert shown.stdout.strip() == "[]"
