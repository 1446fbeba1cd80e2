"""What an answer is made like must not depend on who is in the data: shape, order, words, draws, errors."""

from __future__ import annotations

import math

import numpy as np
import opendp.mod
import pandas as pd
import pytest

from anonymization import dp
from anonymization.dp.audit import SHAPES
from anonymization.dp.audit.registry import PROGRAMMES, household

BY_NAME = {shape.name: shape for shape in SHAPES}
COLUMNS = ["household_id", "region", "pay", "age", *PROGRAMMES]


def table(rows):
    return pd.DataFrame({c: pd.Series([r[c] for r in rows], dtype=object) for c in COLUMNS})


def tables(shape):
    """The registry with its worst household, and others that a neighbour, or many, could make of it."""
    pair = shape.pair()
    whole = pair.with_it
    strange = table(
        household("strange", 3, region=np.nan, pay="n/a", age=-math.inf, cash=2, meals="", fees=b"1")
    )
    return {
        "with": whole,
        "without": pair.without,
        "empty": whole.iloc[:0],
        "one household": table(shape.worst),
        "one household, once": table(shape.worst[:1]),
        "nothing known": whole.assign(**dict.fromkeys(COLUMNS[1:], None)),
        "payments missing": whole.assign(pay=None),
        "nobody's rows": whole.assign(household_id=None),
        "strange values": pd.concat([whole, strange], ignore_index=True),
        "huge values": whole.assign(pay=1e308),
        "shuffled": whole.iloc[::-1].set_axis([0] * len(whole)),
    }


@pytest.fixture
def drawn(monkeypatch):
    """How often each measurement was called, and on how many numbers."""
    seen = []
    honest = opendp.mod.Measurement.__call__

    def call(self, arg):
        seen.append(len(arg) if isinstance(arg, list) else type(arg).__name__)
        return honest(self, arg)

    monkeypatch.setattr(opendp.mod.Measurement, "__call__", call)
    return seen


def made_like(query, df, drawn):
    """Everything about an answer that is not a number with noise."""
    drawn.clear()
    answer = dp.answer(query, df)
    frame = answer.frame
    public = {
        "columns": list(frame.columns),
        "types": [str(t) for t in frame.dtypes],
        "loss": answer.loss,
        "words": (answer.mechanism, answer.opendp_version, answer.privacy_unit),
    }
    if (
        query.unknown_keys
    ):  # rows, and so the numbers drawn, are the keys that were found, which delta is paid for
        return public | {"draws": len(drawn), "first": drawn[0], "index": type(frame.index).__name__}
    keys = frame[[*query.dimensions]].astype(str).to_numpy().tolist()
    return public | {
        "rows": len(frame),
        "keys": keys,
        "index": list(frame.index),
        "scales": frame["noise_scale"].tolist(),
        "draws": list(drawn),
    }


@pytest.mark.parametrize("name", BY_NAME)
def test_an_answer_is_made_alike_whoever_is_in_the_data(name, drawn):
    shape = BY_NAME[name]
    made = {how: made_like(shape.query, df, drawn) for how, df in tables(shape).items()}
    types = {how: one.pop("types") for how, one in made.items()}
    for how, one in made.items():
        assert one == made["without"], how
    if not shape.query.unknown_keys:
        assert set(map(tuple, types.values())) == {tuple(types["without"])}
    else:  # with no key found there is no row, and its numbers have types all the same
        assert {len(t) for t in types.values()} == {len(types["without"])}


@pytest.mark.parametrize("name", BY_NAME)
def test_why_a_cell_is_withheld_is_one_sentence_known_beforehand(name):
    shape = BY_NAME[name]
    said = {text for df in tables(shape).values() for text in dp.answer(shape.query, df).frame["withheld"]}
    assert len(said - {""}) <= 1
    assert not any(ch.isdigit() for text in said for ch in text)


@pytest.mark.parametrize("name", BY_NAME)
def test_the_only_error_is_a_missing_column_and_its_words_owe_nothing_to_the_rows(name):
    shape = BY_NAME[name]
    for column in shape.query.columns:
        said = set()
        for df in tables(shape).values():
            with pytest.raises(dp.QueryError) as error:
                dp.answer(shape.query, df.drop(columns=column))
            said.add(str(error.value))
        assert len(said) == 1
        assert column in said.pop()


def test_what_is_priced_and_foretold_is_the_same_before_any_table_is_there():
    for shape in SHAPES:
        assert dp.cost(shape.query) == dp.answer(shape.query, shape.pair().with_it).loss
        assert dp.expected_error(shape.query) == dp.expected_error(shape.query)


def test_draws_are_new_each_time():
    """No seed stands anywhere: of twenty answers about the same table no two are alike."""
    query = dp.DpQuery(
        "t", "household_id", dp.Measure.COUNT, 0.01, group_by={"region": tuple(map(str, range(40)))}
    )
    shown = {tuple(dp.answer(query, table(())).frame["value_raw"]) for _ in range(20)}
    assert len(shown) == 20
