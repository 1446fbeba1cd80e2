"""Bench of the column classifier: roles right, direct identifiers missed, CPU seconds; as JSON.

`make bench-columns` runs it. Every table is classified twice: with its own column names, and with v00, v01, … in
their place. Truth: the data dictionaries of the demo, and for the other public tables the lists below, written from
their codebooks. Public tables are looked for beside the project (../shared/data) and left out when absent.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import yaml

from anonymization.columns import classify
from enclave.demo.country import AS_OF
from enclave.demo.ministry import generate
from enclave.store.registry import read_households, write_registry

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
HOUSEHOLDS = 20_000

_QUASI, _SENSITIVE, _PLAIN, _DIRECT = "quasi", "sensitive", "plain", "direct"
NIST = (
    dict.fromkeys(
        [
            "PUMA",
            "AGEP",
            "SEX",
            "MSP",
            "NOC",
            "NPF",
            "HOUSING_TYPE",
            "OWN_RENT",
            "DENSITY",
            "INDP",
            "INDP_CAT",
            "EDU",
        ],
        _QUASI,
    )
    | dict.fromkeys(
        ["HISP", "RAC1P", "PINCP", "PINCP_DECILE", "POVPIP", "DVET", "DREM", "DPHY", "DEYE", "DEAR"],
        _SENSITIVE,
    )
    | dict.fromkeys(["PWGTP", "WGTP"], _PLAIN)
)
TESTDATA = (
    dict.fromkeys(["urbrur", "roof", "walls", "water", "electcon", "relat", "sex", "age", "hhcivil"], _QUASI)
    | dict.fromkeys(["expend", "income", "savings"], _SENSITIVE)
    | dict.fromkeys(["sampling_weight", "household_weights"], _PLAIN)
    | {"ori_hid": _DIRECT}
)
PERSONS = {
    "person_id": _DIRECT, "household_id": _DIRECT, "given_name": _DIRECT, "surname": _DIRECT,
    "identifier_type": _PLAIN, "national_id": _DIRECT, "phone_number": _DIRECT, "email": _DIRECT,
    "birth_date": _QUASI, "sex": _QUASI, "relationship_type": _QUASI, "marital_status": _QUASI,
    "education_level": _QUASI, "employment_status": _QUASI, "is_disabled": _SENSITIVE,
}  # fmt: skip


def main() -> None:
    tables = dict(_tables())
    out = {name: _measured(rows, truth) for name, (rows, truth) in tables.items()}
    big = pd.concat([tables["ibr-households"][0]] * 5, ignore_index=True).iloc[:, :25]
    big["household_id"] = [f"H{i:09d}" for i in range(len(big))]
    began = time.process_time()
    classify(big)
    speed = {"rows": len(big), "columns": big.shape[1], "cpu_seconds": round(time.process_time() - began, 2)}
    print(json.dumps({"tables": out, "speed": speed}, indent=2))


def _measured(rows: pd.DataFrame, truth: dict[str, str]) -> dict[str, object]:
    rows = rows[[c for c in rows.columns if c in truth]]
    blind = {f"v{i:02d}": name for i, name in enumerate(rows.columns)}
    return {
        "rows": len(rows),
        "columns": rows.shape[1],
        "named": _score(rows, {name: name for name in rows.columns}, truth),
        "unnamed": _score(rows.set_axis(list(blind), axis=1), blind, truth),
    }


def _score(rows: pd.DataFrame, name_of: dict[str, str], truth: dict[str, str]) -> dict[str, object]:
    began = time.process_time()
    found = classify(rows)
    spent = time.process_time() - began
    said = {name_of[c.name]: c.proposed.role.value for c in found.columns}
    protected = {_DIRECT, "free_text"}
    return {
        "roles_right": sum(said[n] == truth[n] for n in said),
        "direct_missed": [n for n in said if truth[n] == _DIRECT and said[n] not in protected],
        "free_text_missed": [n for n in said if truth[n] == "free_text" and said[n] not in protected],
        "taken_for_direct": [n for n in said if truth[n] not in protected and said[n] == _DIRECT],
        "cpu_seconds": round(spent, 2),
    }


def _tables() -> list[tuple[str, tuple[pd.DataFrame, dict[str, str]]]]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/registry.sqlite"
        write_registry(url, generate(HOUSEHOLDS, 7))
        flat = pa.Table.from_batches(list(read_households(url, as_of=AS_OF))).to_pandas()
    persons = next(iter(generate(4_000, 7)))["persons"].to_pandas()
    out = [("ibr-households", (flat, _dictionary("ibr-households"))), ("persons", (persons, PERSONS))]
    if (DATA / "progresa.parquet").exists():
        acro = pd.read_parquet(DATA / "acro_charity.parquet")
        out += [
            ("progresa", (pd.read_parquet(DATA / "progresa.parquet"), _dictionary("progresa"))),
            ("nist", (pd.read_csv(DATA / "nist_national2019.csv"), NIST)),
            ("testdata", (pd.read_csv(DATA / "sdcmicro_testdata.csv"), TESTDATA)),
            ("charity", (acro, _charity(acro))),
        ]
    return out


def _dictionary(slug: str) -> dict[str, str]:
    told = yaml.safe_load((ROOT / "enclave/demo/dictionaries" / f"{slug}.yaml").read_text("utf-8"))
    return {c["name"]: c["role"] for c in told["columns"]}


def _charity(table: pd.DataFrame) -> dict[str, str]:
    plain = dict.fromkeys(["grant_type", "year", "status", "survivor", "wgt"], _PLAIN)
    money = {c: _SENSITIVE for c in table.columns if c not in plain}
    return money | plain | {"charity": _DIRECT, "index": _DIRECT}


if __name__ == "__main__":
    main()
