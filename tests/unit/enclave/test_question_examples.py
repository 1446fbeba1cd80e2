"""The page of questions, executed: each shape's YAML, JSON and Python ask the same, and the demo's dictionary allows it."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from standingkit import dictionary

from anonymization import dp
from enclave.client import querying
from enclave.extracts.tables import public_table
from request_portal.api import private

PAGE = Path(__file__).resolve().parents[3] / "docs/how-to/write-a-question.md"
BLOCK = re.compile(r"^```(yaml|json|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@cache
def shapes():
    """Heading of each section with examples, and its blocks."""
    sections = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]
    found = {s.partition("\n")[0]: BLOCK.findall(s) for s in sections}
    return {name: blocks for name, blocks in found.items() if blocks}


def three():
    return [name for name, blocks in shapes().items() if len(blocks) == 3]


@cache
def table():
    return public_table(dictionary())


def asked(given, **words):
    """The question as the service sees it: what the client sends, by the demo's dictionary."""
    sent = json.loads(querying._asked(given, words))
    dataset = dictionary()
    return table().bounded({"unit_id": dataset.unit_id, **sent, "table": dataset.slug})


def households(n=3_000):
    """Rows with every column of the dictionary, at random within it."""
    rng = np.random.default_rng(5)
    made = {"household_id": [f"h{i}" for i in range(n)]}
    for name, column in table().columns.items():
        if column.listed:
            made[name] = rng.choice(np.array(column.listed, dtype=object), n)
        elif column.lower is not None:
            made[name] = np.round(rng.uniform(column.lower, column.upper, n))
    made["registration_date"] = rng.choice(pd.to_datetime(["2024-01-02", "2025-03-04"]), n)
    return pd.DataFrame(made)


class Client:
    """`enclave.client`, as far as an example calls it: keeps the question."""

    @staticmethod
    def query(question=None, /, **words):
        return asked(question, **words)


def test_the_page_shows_every_measure_and_every_noise():
    queries = [asked(yaml.safe_load(shapes()[name][0][1])) for name in three()]
    assert {q.measure for q in queries} == set(dp.Measure)
    assert {q.mechanism for q in queries} == set(dp.Mechanism)
    assert any(q.unknown_keys for q in queries)
    assert any(q.count_by_programme for q in queries)


@pytest.mark.parametrize("name", three())
def test_yaml_json_and_python_ask_the_same_and_are_answered(name):
    (_, in_yaml), (_, in_json), (_, in_python) = shapes()[name]
    one = asked(in_yaml)
    assert asked(in_json) == one == asked(dp.read_query(in_yaml))
    assert eval(in_python, {"client": Client}) == one
    df = households()
    released = dp.answer(one, df)
    assert released.loss == dp.cost(one)
    frame = released.frame
    assert len(frame) == len(one.cells) * (2 if one.unknown_keys else 1)
    assert (frame["withheld"] == "").any()
    said = PAGE.read_text("utf-8")
    own = set(frame.columns) - set(one.group_by) - set(one.unknown_keys)
    assert all(f"`{column}`" in said for column in own)


@pytest.mark.parametrize("name", three())
def test_the_portal_s_api_passes_each_shape_on_as_it_was_sent(name):
    (_, _), (_, in_json), (_, _) = shapes()[name]
    sent = {}

    def ask(actor, dataset, wanted):
        sent.update(json.loads(json.dumps(wanted)))
        return {"epsilon": 0, "delta": 0, "rho": 0, "key": "", "rows": [], "mechanism": ""}

    body = private.QuestionBody.model_validate_json(
        json.dumps({**json.loads(in_json), "dataset": dictionary().slug})
    )
    private.ask(SimpleNamespace(asking=SimpleNamespace(ask=ask)), None, body)
    assert asked(sent) == asked(in_json)


def test_the_two_ways_to_bound_rows_are_read_as_the_page_says():
    (_, truncated), (_, weighted) = shapes()["Tables of persons or payments"]
    plain = {"table": "persons", "unit_id": "household_id"}
    first = dp.DpQuery.from_dict({**plain, **yaml.safe_load(truncated)})
    second = dp.DpQuery.from_dict({**plain, **yaml.safe_load(weighted)})
    noise = [
        dp.answer(q, pd.DataFrame({"household_id": ["a"] * 9})).frame["noise_scale"][0]
        for q in (first, second)
    ]
    assert noise[0] == pytest.approx(4 * noise[1])


@pytest.mark.parametrize(
    "given",
    [
        {"measure": "sum", "epsilon": 0.5, "column": "benefit_total_12m", "upper": 60_001},
        {"measure": "sum", "epsilon": 0.5, "column": "registration_date"},
        {
            "measure": "count",
            "epsilon": 0.5,
            "filters": [{"column": "region_code", "op": "==", "value": "R99"}],
        },
        {"measure": "quantile", "rho": 0.5, "column": "poverty_score", "quantile": 0.5},
        {
            "measure": "histogram",
            "epsilon": 0.5,
            "column": "poverty_score",
            "count_by_programme": ["enrolled_cct"],
        },
        {"measure": "count", "epsilon": 0.5, "expression": "pl.len()"},
    ],
)
def test_what_the_page_says_is_refused_is_refused(given):
    with pytest.raises(dp.QueryError):
        asked(given)
