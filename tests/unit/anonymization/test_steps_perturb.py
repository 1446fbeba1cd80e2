"""Perturbing steps: one release over any partitions, household values whole, cut-offs never crossed, sentences."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymization.errors import RecipeProblem, Unusable
from anonymization.keys import KeyRing
from anonymization.schema import FieldType, Schema
from anonymization.steps import Context, GlobalStep
from anonymization.steps.generalise import Coarser, Generalise
from anonymization.steps.microaggregate import Microaggregate
from anonymization.steps.noise import Noise
from anonymization.steps.pram import Pram
from anonymization.steps.rank_swap import RankSwap
from anonymization.steps.record_swap import RecordSwap
from anonymization.steps.reweight import Reweight
from anonymization.steps.round import Round
from anonymization.steps.rows import Sample, Shuffle
from anonymization.steps.tail_mean import TailMean
from anonymization.steps.topcode import Caps, Topcode

CONTEXT = Context(KeyRing(b"a master key of the tests"), "scope", date(2026, 6, 30))
LINE = 320.0


def people(households=120, seed=2):
    """Persons in households: household variables constant inside, some missing."""
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 6, households)
    home = pd.DataFrame(
        {
            "hh": [f"H{i}" for i in range(households)],
            "welfare": np.exp(rng.normal(5.8, 0.6, households)).round(2),
            "land": rng.exponential(3, households),
            "size": size,
            "region": rng.choice(["north", "south", "east"], households),
            "eligible": rng.random(households) < 0.4,
            "w": rng.uniform(1, 30, households),
        }
    )
    home.loc[rng.random(households) < 0.1, "land"] = np.nan
    home.loc[rng.random(households) < 0.1, "region"] = None
    table = home.loc[np.repeat(np.arange(households), size)].reset_index(drop=True)
    table["age"] = rng.integers(0, 90, len(table))
    table["sex"] = rng.choice(["1", "2"], len(table))
    return table


STEPS = [
    Microaggregate(("welfare", "land"), 3),
    Microaggregate(("welfare", "land"), 3, unit="hh", cutoffs={"welfare": (LINE,)}),
    Microaggregate(("welfare", "age"), 4, method="univariate"),
    Noise(("welfare", "age"), 0.1),
    Noise(("welfare", "land"), 0.2, "correlated", "hh"),
    Noise(("welfare",), 0.2, "multiplicative", "hh"),
    Pram(("region",), 0.8, unit="hh"),
    Pram(("sex", "region", "eligible"), 0.7, invariant=False),
    RankSwap(("welfare", "size"), 0.05, "hh", {"welfare": (LINE,)}),
    RankSwap(("age",), 0.1),
    RecordSwap(("region",), ("size",), ("eligible",), 4, 0.1, "hh"),
    TailMean({"welfare": Caps(top=600, bottom=120)}, 3, "hh"),
    Round({"welfare": 10, "age": 5}, random=True),
    Round({"welfare": 10}, random=True, unit="hh", cutoffs={"welfare": (LINE,)}),
    Sample(0.4, "hh"),
    Sample(0.4, "hh", weight="w", margins=("eligible",)),
    Sample(0.5, into="new", margins=("sex", ("eligible",))),
    Reweight(("region", "land"), ("eligible", "sex"), weight="w", into="cw"),
    Reweight(("region",), (("eligible", "size"),), weight="w", unit="hh"),
]


def in_parts(step, table, part_of_row):
    """The step over partitions, results put back in the order of the row numbers."""
    tables = [table[part_of_row == p] for p in np.unique(part_of_row)]
    contexts = [replace(CONTEXT, part=i) for i in range(len(tables))]
    if not isinstance(step, GlobalStep):
        return pd.concat([step.apply(t, c)[0] for t, c in zip(tables, contexts, strict=True)]).sort_index()
    scans = [pickle.loads(pickle.dumps(step.scan(t, c))) for t, c in zip(tables, contexts, strict=True)]
    decision = pickle.loads(pickle.dumps(step.decide(scans, CONTEXT)))
    out = [step.carry_out(t, decision, c)[0] for t, c in zip(tables, contexts, strict=True)]
    return pd.concat(out).sort_index()


def done(step, table):
    intent = step.plan(Schema.infer(table, {}))
    before = table.copy(deep=True)
    out, evidence = step.apply(table, CONTEXT)
    pd.testing.assert_frame_equal(table, before)
    assert tuple(out.columns) == intent.result.names
    assert out.index.isin(table.index).all()
    for name in table.columns:
        if name not in intent.changes and intent.rows == "kept":
            pd.testing.assert_series_equal(out[name], table[name])
        field = intent.result.get(name)
        assert field is not None
        if field.type is FieldType.INTEGER:
            assert pd.api.types.is_integer_dtype(out[name].dtype), name
    text = json.dumps(evidence)
    assert "H1" not in text
    return out, evidence


@pytest.mark.parametrize("step", STEPS, ids=lambda s: f"{s.kind}-{STEPS.index(s)}")
def test_a_step_does_what_it_says_and_every_partitioning_gives_the_same_release(step):
    table = people()
    whole, _ = done(step, table)
    unit = step.unit if hasattr(step, "unit") else ""
    rng = np.random.default_rng(1)
    for parts in (1, 2, 7):
        at = rng.integers(0, parts, len(table))
        if unit:
            at = rng.integers(0, parts, 1000)[pd.factorize(table["hh"])[0]]
        pd.testing.assert_frame_equal(in_parts(step, table, at), whole.sort_index())


@pytest.mark.parametrize("step", STEPS, ids=lambda s: f"{s.kind}-{STEPS.index(s)}")
def test_household_values_stay_whole_and_missing_stays_missing(step):
    table = people()
    out, _ = done(step, table)
    intent = step.plan(Schema.infer(table, {}))
    if getattr(step, "unit", ""):
        for name in intent.changes:
            assert out.groupby("hh")[name].agg("nunique").max() <= 1, name
    if step.kind in ("noise", "pram", "rank_swap", "microaggregate", "tail_mean", "round"):
        for name in intent.changes:
            assert out[name][table[name].isna()].isna().all()
            if step.kind != "microaggregate":
                assert out[name][table[name].notna()].notna().all()


@pytest.mark.parametrize("step", [s for s in STEPS if getattr(s, "cutoffs", None)], ids=lambda s: s.kind)
@given(seed=st.integers(0, 2**32 - 1), at=st.floats(150, 700))
@settings(max_examples=15, deadline=None)
def test_no_value_ever_changes_sides(step, seed, at):
    rng = np.random.default_rng(seed)
    table = people(60)
    home = pd.factorize(table["hh"])[0]
    # Values exactly at the cut-off and next to it on either side.
    near = rng.choice([at, np.nextafter(at, -np.inf), np.nextafter(at, np.inf)], 60)
    table["welfare"] = np.where(rng.random(60) < 0.2, near, rng.uniform(1, 900, 60))[home]
    step = replace(step, cutoffs={"welfare": (at,)})
    out, _ = done(step, table)
    kept = out["welfare"].notna()
    assert ((out["welfare"] < at) == (table["welfare"] < at))[kept].all()


def test_microaggregation_keeps_totals_and_leaves_groups_of_households():
    table = people()
    out, evidence = done(Microaggregate(("welfare", "land"), 3, unit="hh"), table)
    homes, before = out.groupby("hh").first(), table.groupby("hh").first()
    assert homes["welfare"].sum() == pytest.approx(before["welfare"].sum())
    assert homes["land"].sum() == pytest.approx(before["land"].sum())
    assert homes.groupby(["welfare", "land"], dropna=False).size().min() >= 3
    assert evidence["global"]["smallest_group"] >= 3
    assert evidence["global"]["counted"] == "households"
    assert 0 < evidence["global"]["information_loss"] < 0.2


def test_too_few_on_one_side_of_a_cut_off_are_blanked_and_counted():
    table = pd.DataFrame({"x": [1.0, 2, 3, 4, 5, 100, 101]})
    out, evidence = done(Microaggregate(("x",), 3, cutoffs={"x": (50,)}), table)
    assert out["x"].isna().tolist() == [False] * 5 + [True] * 2
    assert evidence["global"]["blanked"] == 2


def test_a_variable_that_differs_inside_a_household_is_refused_by_count():
    table = people()
    for step in (
        Microaggregate(("age",), 3, unit="hh"),
        Pram(("sex",), 0.8, unit="hh"),
        Round({"age": 5}, random=True, unit="hh"),
        Sample(0.5, "hh", into="n", margins=("sex",)),
        Reweight(("region",), ("sex",), into="n", unit="hh"),
        RecordSwap(("region",), ("sex",), ("size",), 3, 0.1, "hh"),
    ):
        with pytest.raises(Unusable, match=r"differs between the rows of one hh in \d+ of them"):
            step.apply(table, CONTEXT)


def test_rows_without_numbers_and_households_in_two_partitions_are_refused():
    table = people()
    twice = pd.concat([table, table])
    with pytest.raises(Unusable, match="row numbers"):
        Noise(("age",), 0.1).apply(twice, CONTEXT)
    with pytest.raises(Unusable, match="row numbers"):
        Shuffle().apply(table.set_index("hh"), CONTEXT)
    step = Microaggregate(("welfare",), 3, unit="hh")
    with pytest.raises(Unusable, match="two partitions"):
        in_parts(step, table, np.arange(len(table)) % 2)


def test_pram_counts_stay_in_expectation_and_the_evidence_holds_the_diagonal_only():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"c": rng.choice(["CANARY-A", "CANARY-B", "CANARY-C"], 30_000, p=[0.7, 0.25, 0.05])})
    out, evidence = done(Pram(("c",), 0.6), table)
    before, after = table["c"].value_counts(), out["c"].value_counts()
    # Each count is a sum of 30,000 draws: six standard errors.
    assert (np.abs(after - before) < 6 * np.sqrt(30_000 * 0.25)).all()
    assert evidence["c"]["global"]["diagonal"][0] == pytest.approx(0.6, abs=1e-5)
    assert 0.1 * 30_000 < evidence["c"]["changed"] < 0.4 * 30_000
    assert "CANARY" not in json.dumps(evidence)
    with pytest.raises(Unusable, match="30000 categories"):
        Pram(("n",), 0.5).apply(pd.DataFrame({"n": np.arange(30_000)}), CONTEXT)


def test_tail_means_keep_the_total_and_a_small_tail_gets_the_cap():
    table = pd.DataFrame({"x": [1.0, 5, 6, 7, 50, 60, 70]})
    out, evidence = done(TailMean({"x": Caps(top=10, bottom=3)}, 3), table)
    assert out["x"].tolist() == [3.0, 5, 6, 7, 60, 60, 60]
    assert evidence["x"] == {"replaced_below": 1, "replaced_above": 3}


def test_random_rounding_is_right_on_average():
    table = pd.DataFrame({"x": np.full(40_000, 13)})
    out, _ = done(Round({"x": 10}, random=True), table)
    assert set(out["x"]) == {10, 20}
    assert out["x"].mean() == pytest.approx(13, abs=6 * 5 / 200)


def test_a_weighted_sample_has_the_totals_of_the_whole():
    table = people(400)
    step = Sample(0.3, "hh", weight="w", into="nw", margins=("eligible", "region"))
    out, evidence = done(step, table)
    assert evidence["units_after"] == round(0.3 * table["hh"].nunique())
    for margin in ("eligible", "region"):
        before = table.groupby(margin, dropna=False)["w"].sum()
        after = out.groupby(margin, dropna=False)["nw"].sum()
        assert np.allclose(after.to_numpy(), before.to_numpy(), rtol=1e-7)
    assert evidence["global"]["design_effect"] >= 1
    plain, _ = done(Sample(0.3, into="n"), table)
    assert plain["n"].sum() == pytest.approx(len(table))


def test_complete_records_take_the_weight_of_all():
    table = people(400)
    out, evidence = done(
        Reweight(("region", "land"), ("eligible", ("sex", "size")), weight="w", into="cw"), table
    )
    whole = table[["region", "land"]].notna().all(axis=1)
    assert (out["cw"][~whole] == 0).all()
    assert (out["cw"][whole] > 0).all()
    for margin in (["eligible"], ["sex", "size"]):
        before, after = table.groupby(margin)["w"].sum(), out.groupby(margin)["cw"].sum()
        assert np.allclose(after.to_numpy(), before.to_numpy(), rtol=1e-7)
    assert evidence["rows_that_count"] == whole.sum()
    lone = table.assign(land=table["land"].where(~table["eligible"]))
    with pytest.raises(Unusable, match="totals of eligible"):
        Reweight(("land",), ("eligible",), into="cw").apply(lone, CONTEXT)


def test_record_swapping_moves_whole_households_and_keeps_what_it_promises():
    table = people(300)
    step = RecordSwap(("region",), ("size",), ("eligible",), 5, 0.2, "hh")
    out, evidence = done(step, table)
    count = ["region", "size"]
    before = table.groupby("hh").first(min_count=0).groupby(count, dropna=False).size()
    after = out.groupby("hh").first(min_count=0).groupby(count, dropna=False).size()
    assert before.sort_index().equals(after.sort_index())
    moved = (out["region"].fillna("") != table["region"].fillna("")).groupby(table["hh"]).any().sum()
    assert moved == evidence["global"]["moved"] > 0


@pytest.mark.parametrize(
    ("step", "sentences"),
    [
        (
            Microaggregate(("hh", "age", "age"), 1),
            ["age is named twice", "hh does not hold numbers", "g must be"],
        ),
        (Microaggregate(("age",), 3, unit="age"), ["names the household"]),
        (
            Microaggregate(("age",), 3, cutoffs={"land": (1,)}),
            ["land has cut-offs but is not one of the columns"],
        ),
        (Microaggregate(("nope",), 3, unit="gone"), ["column nope", "column gone"]),
        (Noise(("age",), 2.0, "correlated"), ["share must be", "at least two columns"]),
        (Noise((), 0.1), ["name the columns"]),
        (Pram(("sex",), 1.0, most=1), ["stay must lie", "most must be"]),
        (RankSwap(("age",), 0.0), ["window must be"]),
        (RecordSwap(("region",), (), ("sex",), 1, 1.0), ["name places", "k must be", "share must be"]),
        (TailMean({"age": Caps()}, 1), ["neither a top nor a bottom", "least must be"]),
        (Topcode({"age": Caps(top=1, bottom=2)}), ["not above its bottom"]),
        (Round({"age": 5}, unit="hh"), ["only with random"]),
        (Round({"age": 10}, cutoffs={"age": (11, 12)}), ["no multiple of its base"]),
        (Sample(1.5, "gone"), ["fraction must lie", "column gone"]),
        (Sample(0.5, margins=("sex",)), ["name the weight column"]),
        (Reweight((), (), into="age"), ["complete", "at least one margin", "already a column age"]),
        (Reweight(("sex",), ("sex",), weight="w"), ["both a margin and a column with blanks"]),
    ],
    ids=lambda v: v.kind if hasattr(v, "kind") else "",
)
def test_wrong_settings_get_one_sentence_each(step, sentences):
    with pytest.raises(RecipeProblem) as found:
        step.plan(Schema.infer(people(), {}))
    assert len(found.value.problems) == len(sentences)
    for problem, words in zip(found.value.problems, sentences, strict=True):
        assert words in problem
        assert problem.startswith(("The step", f"{step.kind}:"))


def test_bands_take_several_cut_offs():
    rule = Coarser(width=50, lower=0, upper=300, align_to=(120, 137.5))
    table = pd.DataFrame({"x": np.linspace(0, 299, 400)})
    out, _ = done(Generalise({"x": rule}), table)
    for cutoff in (120, 137.5):
        assert out.assign(below=table["x"] < cutoff).groupby("x")["below"].agg("nunique").max() == 1
    with pytest.raises(RecipeProblem, match="cut-off 7, 9 among"):
        Generalise({"x": Coarser(edges=(5,), align_to=(5, 7, 9))}).plan(Schema.infer(table, {}))


HIERARCHY = {"1": ("low", "*"), "2": ("low", "*"), "3": ("high", "*")}


def test_a_hierarchy_in_the_recipe_or_in_a_file_gives_the_same(tmp_path):
    import hashlib

    table = pd.DataFrame({"c": [1, 2, 3, 9, None]})
    inline, _ = done(Generalise({"c": Coarser(hierarchy=HIERARCHY, level=1)}), table)
    assert inline["c"].tolist() == ["low", "low", "high", None, None]
    file = tmp_path / "c.csv"
    file.write_text("".join(f"{v};{';'.join(labels)}\n" for v, labels in HIERARCHY.items()))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    rule = Coarser(hierarchy_file=str(file), hierarchy_sha256=digest, level=1)
    read, _ = done(Generalise({"c": rule}), table)
    pd.testing.assert_frame_equal(read, inline)
    top, _ = done(Generalise({"c": replace(rule, level=2, other="rest")}), table)
    assert top["c"].tolist() == [None, None, None, "rest", None]
    for wrong, words in [
        (replace(rule, level=3), "levels 1 to 2"),
        (replace(rule, hierarchy_sha256="0" * 64), "not the one whose SHA-256"),
        (replace(rule, hierarchy_file=str(tmp_path / "no.csv")), "cannot be read"),
        (Coarser(hierarchy={"a": ("x", "y"), "b": ("x", "z")}, level=1), "lies in two groups"),
        (Coarser(hierarchy={"a": ("x",), "b": ()}, level=1), "same number of levels"),
        (replace(rule, edges=(1,)), "exactly one"),
    ]:
        with pytest.raises(RecipeProblem, match=words):
            Generalise({"c": wrong}).plan(Schema.infer(table, {}))
