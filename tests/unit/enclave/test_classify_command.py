"""`enclave dataset classify`, from a file to a signed classification and a recipe, and what it refuses."""

from __future__ import annotations

import json

import pytest
import yaml
from click.testing import CliRunner
from deid_frames import ibr_frame
from houses import PASSWORD, a_house

from anonymization.recipe import load_recipe
from enclave.audit.model import AuditEvent
from enclave.cli import columns
from enclave.kernel.errors import Invalid, NotAllowed

TABLE = ibr_frame(200)


@pytest.fixture
def enclave(tmp_path, monkeypatch):
    """Runs the command in a house; the steward is signed in unless another is named."""
    house = a_house(tmp_path)
    monkeypatch.setattr(columns, "enclave", lambda: house)
    TABLE.to_parquet(tmp_path / "extract.parquet")

    def command(*arguments: str, as_: str = "stefan", typed: str = ""):
        env = {"REGISTRY_ENCLAVE_AS": as_, "REGISTRY_ENCLAVE_PASSWORD": PASSWORD}
        given = [str(tmp_path / a) if "." in a else a for a in arguments]
        return CliRunner().invoke(columns.classify, given, env=env, input=typed)

    command.house, command.folder = house, tmp_path
    return command


def confirm_all(path):
    told = yaml.safe_load(path.read_text("utf-8"))
    for column in told["columns"]:
        column["confirmed"] = True
    path.write_text(yaml.safe_dump(told, allow_unicode=True, sort_keys=False), encoding="utf-8")


def events(house):
    with house.kit.read() as uow:
        return uow.find(AuditEvent, event="dataset:classify")


def test_from_a_file_to_a_recipe_with_a_name_under_it(enclave):
    shown = enclave("extract.parquet", "--dataset", "households", "--out", "proposal.yaml")
    assert shown.exit_code == 0, shown.output
    assert shown.output.index("head_national_id") < shown.output.index("housing_roof")
    assert not [v for v in TABLE["head_national_id"].dropna() if str(v) in shown.output]
    proposal = enclave.folder / "proposal.yaml"
    refused = enclave(
        "extract.parquet", "--dataset", "households", "--confirm", "proposal.yaml", "--recipe", "recipe.yaml"
    )
    assert isinstance(refused.exception, Invalid)
    assert "not decided yet" in refused.exception.sentence
    assert not (enclave.folder / "recipe.yaml").exists()
    assert not events(enclave.house)
    confirm_all(proposal)
    done = enclave(
        "extract.parquet",
        "--dataset",
        "households",
        "--confirm",
        "proposal.yaml",
        "--out",
        "confirmed.yaml",
        "--recipe",
        "recipe.yaml",
    )
    assert done.exit_code == 0, (done.output, done.exception)
    assert load_recipe(enclave.folder / "recipe.yaml").risk.k == 5  # from the policy in force
    told = yaml.safe_load((enclave.folder / "confirmed.yaml").read_text("utf-8"))
    assert {c["by"] for c in told["columns"]} == {"stefan"}
    (event,) = events(enclave.house)
    assert event.actor == "stefan"
    assert event.facts["columns"] == len(TABLE.columns)
    assert len(str(event.facts["classification"])) == 64


def test_only_who_may_classify_can_sign(enclave):
    enclave("extract.parquet", "--dataset", "households", "--out", "proposal.yaml")
    confirm_all(enclave.folder / "proposal.yaml")
    refused = enclave(
        "extract.parquet",
        "--dataset",
        "households",
        "--confirm",
        "proposal.yaml",
        "--out",
        "confirmed.yaml",
        as_="rosa",
    )
    assert isinstance(refused.exception, NotAllowed)
    assert not (enclave.folder / "confirmed.yaml").exists()


def test_a_new_extract_blocks_until_its_new_column_is_decided(enclave):
    enclave("extract.parquet", "--dataset", "households", "--out", "proposal.yaml")
    confirm_all(enclave.folder / "proposal.yaml")
    enclave(
        "extract.parquet", "--dataset", "households", "--confirm", "proposal.yaml", "--out", "confirmed.yaml"
    )
    same = enclave("extract.parquet", "--against", "confirmed.yaml")
    assert same.exit_code == 0, same.exception
    assert "Nothing is new" in same.output
    TABLE.assign(tracing_no=[f"T{i:06d}" for i in range(len(TABLE))]).to_parquet(
        enclave.folder / "next.parquet"
    )
    later = enclave("next.parquet", "--against", "confirmed.yaml", "--out", "open.yaml")
    assert isinstance(later.exception, Invalid)
    assert "1 columns are undecided: tracing_no" in later.exception.sentence
    asked = enclave(
        "next.parquet",
        "--against",
        "confirmed.yaml",
        "--confirm",
        "open.yaml",
        "--ask",
        "--out",
        "both.yaml",
        as_="stefan",
        typed="c\nregistry_id\nIt is the parcel's tracing number.\n",
    )
    assert asked.exit_code == 0, (asked.output, asked.exception)
    told = {
        c["name"]: c for c in yaml.safe_load((enclave.folder / "both.yaml").read_text("utf-8"))["columns"]
    }
    assert told["tracing_no"]["decided"]["role"] == "direct"
    assert told["tracing_no"]["confirmed"]


def test_json_is_for_programs_and_samples_are_for_a_terminal(enclave):
    told = json.loads(enclave("extract.parquet", "--json").output)
    assert told["format"] == "registry-enclave/classification-1"
    refused = enclave("extract.parquet", "--show-samples")
    assert "for a terminal" in refused.output
    assert refused.exit_code != 0


def test_a_file_that_cannot_be_read_gets_a_sentence(enclave):
    (enclave.folder / "bad.csv").write_bytes(b"a,b\n1\n")
    refused = enclave("bad.csv")
    assert refused.exit_code != 0
    assert refused.output.strip()
    assert "Traceback" not in refused.output
