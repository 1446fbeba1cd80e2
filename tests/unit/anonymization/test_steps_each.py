"""Each step: what it says, what it does, and what it refuses."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

from anonymization.errors import RecipeProblem, Unusable
from anonymization.keys import KeyRing
from anonymization.schema import FieldType, Schema
from anonymization.steps import STEPS, Context
from anonymization.steps.drop import Drop
from anonymization.steps.generalise import Coarser, Generalise
from anonymization.steps.pseudonymise import Pseudonymise
from anonymization.steps.round import Round
from anonymization.steps.rows import Sample, Shuffle
from anonymization.steps.suppress import Suppress
from anonymization.steps.topcode import Caps, Topcode

CONTEXT = Context(KeyRing(b"a master key of the tests"), "scope", date(2026, 6, 30))


def done(step, table):
    intent = step.plan(Schema.infer(table, {}))
    before = table.copy(deep=True)
    out, evidence = step.apply(table, CONTEXT)
    pd.testing.assert_frame_equal(table, before)  # no step edits what it was given
    assert tuple(out.columns) == intent.result.names
    json.dumps(evidence)
    return out, evidence


def test_the_registry_names_every_step_by_its_own_kind():
    assert {kind: cls.kind for kind, cls in STEPS.items()} == {kind: kind for kind in STEPS}


def test_dropping_a_column_that_is_gone_is_a_sentence():
    with pytest.raises(RecipeProblem, match="not in the table at that point"):
        Drop(("b",)).plan(Schema.infer(pd.DataFrame({"a": [1]}), {}))


def test_pseudonymise_keeps_missing_missing():
    out, evidence = done(Pseudonymise(("hh",), "household"), pd.DataFrame({"hh": [7, 7, None]}))
    assert out["hh"][0] == out["hh"][1] == CONTEXT.keys.token("scope", "household", 7)
    assert pd.isna(out["hh"][2])
    assert evidence["missing:hh"] == 1


def test_bands_take_in_their_lower_edge():
    out, _ = done(Generalise({"x": Coarser(edges=(10, 20))}), pd.DataFrame({"x": [9, 10, 19, 20]}))
    assert out["x"].tolist() == ["under 10", "10-19", "10-19", "20 and over"]


def test_bands_of_decimals_say_from_to_under():
    out, _ = done(Generalise({"x": Coarser(edges=(0.5, 1.5))}), pd.DataFrame({"x": [0.4, 0.5, np.nan, 1.5]}))
    assert out["x"].tolist() == ["under 0.5", "0.5 to under 1.5", None, "1.5 and over"]


def test_bands_of_one_width_without_an_end_are_refused_and_not_two_bands():
    table = pd.DataFrame({"x": [1, 25, 60]})
    with pytest.raises(RecipeProblem, match=r"no band between its lower \(0\) and upper end \(0\). Say both"):
        Generalise({"x": Coarser(width=10)}).plan(Schema.infer(table, {}))


def test_bands_aligned_to_a_cut_off_never_mix_its_two_sides():
    rule = Coarser(width=10, lower=0, upper=100, align_to=42.5)
    scores = np.round(np.random.default_rng(0).uniform(0, 100, 500), 2)
    out, _ = done(Generalise({"x": rule}), pd.DataFrame({"x": scores}))
    sides = pd.DataFrame({"band": out["x"], "below": scores < 42.5}).groupby("band")["below"].nunique()
    assert (sides == 1).all()


def test_edges_without_the_cut_off_are_refused():
    table = pd.DataFrame({"x": [1.0]})
    with pytest.raises(RecipeProblem, match="cut-off 5 among its edges"):
        Generalise({"x": Coarser(edges=(4, 6), align_to=5)}).plan(Schema.infer(table, {}))


def test_a_rule_must_say_exactly_one_thing():
    with pytest.raises(RecipeProblem, match="exactly one"):
        Generalise({"x": Coarser(edges=(1,), period="year")}).plan(Schema.infer(pd.DataFrame({"x": [1]}), {}))


def test_code_groups_read_numbers_as_the_code_list_writes_them():
    rule = Coarser(groups={"low": (0, 1), "high": ("2",)}, other="rest")
    out, _ = done(Generalise({"x": rule}), pd.DataFrame({"x": [0.0, 1.0, 2.0, 9.0, np.nan]}))
    assert out["x"].tolist() == ["low", "low", "high", "rest", None]


def test_an_unknown_code_becomes_missing_and_is_counted_without_a_rest():
    out, evidence = done(
        Generalise({"x": Coarser(groups={"low": ("a",)})}), pd.DataFrame({"x": ["a", "zzz"]})
    )
    assert out["x"].tolist() == ["low", None]
    assert evidence["x"]["unreadable"] == 1
    assert "zzz" not in json.dumps(evidence)


@pytest.mark.parametrize(
    ("period", "expected"), [("month", "2024-05"), ("quarter", "2024Q2"), ("year", "2024")]
)
def test_dates_to_periods(period, expected):
    table = pd.DataFrame({"d": pd.Series(["2024-05-17", None, "not a date"], dtype=object)})
    out, evidence = done(Generalise({"d": Coarser(period=period)}), table)
    assert out["d"].tolist() == [expected, None, None]
    assert evidence["d"]["unreadable"] == 1


def test_dates_may_be_date_objects():
    out, _ = done(Generalise({"d": Coarser(period="year")}), pd.DataFrame({"d": [date(2020, 2, 29), None]}))
    assert out["d"].tolist() == ["2020", None]


def test_age_is_completed_years_at_the_reference_date():
    born = ["1996-06-30", "1996-07-01", "2026-07-01", "1900-01-01"]
    out, evidence = done(Generalise({"b": Coarser(edges=(30, 65), age=True)}), pd.DataFrame({"b": born}))
    assert out["b"].tolist() == ["30-64", "under 30", None, "65 and over"]
    assert evidence["b"]["unreadable"] == 1


def test_topcode_keeps_whole_numbers_whole():
    out, evidence = done(Topcode({"n": Caps(top=8, bottom=2)}), pd.DataFrame({"n": [1, 8, 15]}))
    assert out["n"].tolist() == [2, 8, 8]
    assert out["n"].dtype == np.int64
    assert evidence["n"] == {"capped_above": 1, "capped_below": 1}


def test_topcode_and_round_refuse_text():
    schema = Schema.infer(pd.DataFrame({"t": ["a"]}), {})
    for step in (Topcode({"t": Caps(top=1)}), Round({"t": 10})):
        with pytest.raises(RecipeProblem, match="does not hold numbers"):
            step.plan(schema)


def test_round_to_a_base():
    out, _ = done(Round({"x": 10}), pd.DataFrame({"x": [14.9, 15.1, np.nan]}))
    assert out["x"].tolist()[:2] == [10, 20]
    assert np.isnan(out["x"][2])


def _people(n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "region": rng.integers(1, 4, n).astype(str),
            "size": rng.integers(1, 9, n),
            "flag": rng.random(n) < 0.5,
            "hh": rng.integers(0, 60, n),
        }
    )


def test_suppress_blanks_cells_keeps_every_record_and_its_types():
    table = _people()
    out, evidence = done(Suppress(("region", "size", "flag"), 5, {"region": 50.0}), table)
    assert len(out) == len(table)
    assert evidence["global"]["smallest_class"] >= 5
    assert evidence["cells"]["region"] == 0
    for key in ("region", "size", "flag"):
        kept = out[key].notna()
        assert (out[key][kept] == table[key][kept]).all()
        assert evidence["cells"][key] == int((~kept).sum())
    assert str(out["size"].dtype) in ("Int64", "int64")


def test_suppress_by_household_blanks_all_of_a_households_rows_or_none():
    table = _people()
    out, evidence = done(Suppress(("region", "size"), 3, unit="hh"), table)
    gone = out["size"].isna().groupby(table["hh"]).agg(["all", "any"])
    assert (gone["all"] == gone["any"]).all()
    assert evidence["global"]["counted"] == "households"


def test_a_row_without_a_household_is_refused_by_count_only():
    table = _people().astype({"hh": float})
    table.loc[3, "hh"] = np.nan
    with pytest.raises(Unusable, match="1 rows have no hh"):
        Suppress(("region",), 3, unit="hh").apply(table, CONTEXT)


def test_an_importance_for_something_else_is_refused():
    with pytest.raises(RecipeProblem, match="not one of the keys"):
        Suppress(("region",), 3, {"size": 2.0}).plan(Schema.infer(_people(), {}))


def test_shuffle_keeps_rows_together_and_repeats_with_the_key_only():
    table = _people()
    one, _ = done(Shuffle(), table)
    again, _ = done(Shuffle(), table)
    other, _ = Shuffle().apply(
        table, Context(KeyRing(b"another key of the tests"), "scope", CONTEXT.reference_date)
    )
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(other)
    assert sorted(map(tuple, one.to_numpy().tolist())) == sorted(map(tuple, table.to_numpy().tolist()))


def test_a_sample_takes_whole_households():
    table = _people()
    out, evidence = done(Sample(0.5, "hh"), table)
    assert evidence["units_after"] == round(0.5 * table["hh"].nunique())
    assert out.groupby("hh").size().equals(table[table["hh"].isin(out["hh"])].groupby("hh").size())


def test_redact_text_says_what_it_reads():
    cls = STEPS["redact_text"]
    schema = Schema.infer(pd.DataFrame({"note": ["x"], "name": ["y"], "n": [1]}), {})
    intent = cls(columns=("note",), linked={"name": "name"}).plan(schema)
    assert set(intent.reads) == {"note", "name"}
    assert intent.result.get("note").type is FieldType.STRING
    with pytest.raises(RecipeProblem, match="does not hold text"):
        cls(columns=("n",)).plan(schema)
