"""Several tables of one synthesis: parameters drawn anew, errors that cover, noisy counts that are paid for once."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from anonymization.schema import FieldType
from anonymization.synth import SynthesisPlan, synthesise
from anonymization.synth.methods import synthesizer
from anonymization.synth.private import PrivateTree, loss_of
from anonymization.synth.protocol import Cancelled, SynthesisError, Watch
from anonymization.synth.public import PublicDomain
from anonymization.synth.several import _fitted, planned, synthesise_several
from anonymization.synth.synthesis import Split

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
PLAN = SynthesisPlan(COLUMNS, "hh", ("region", "size"))
PRIVATE = SynthesisPlan(COLUMNS, "hh", ("region", "size"), method="mst", domains=DOMAINS, epsilon=1.0)


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


def test_three_tables_are_three_files_worth_of_rows_and_one_evidence():
    told = []
    made = synthesise_several(households(600), PLAN, 3, 3, Watch(progress=lambda *at: told.append(at)))
    again = synthesise_several(households(600), PLAN, 3, 3)
    assert [len(t) for t in made.tables] == [600] * 3
    for one, other in zip(made.tables, again.tables, strict=True):
        pd.testing.assert_frame_equal(one, other)
    assert len(set(made.digests)) == 3
    tables = made.evidence["tables"]
    means = [t["quality"]["pairs"]["mean"] for t in tables["each"]]
    assert len(means) == tables["m"] == 3
    assert made.evidence["quality"]["pairs"]["mean"] == max(means)
    assert made.evidence["attacks"]["about"]["rows"]["synthetic"] == 1800, "attackers hold all of them"
    assert made.evidence["rows"]["synthetic"] == 1800
    assert {stage.partition(":")[0] for _, _, stage in told} == {
        *(f"table {i} of 3" for i in range(1, 4)), "measuring fidelity", "measuring disclosure",
    }  # fmt: skip
    for candidate, figure in zip(made.candidates, means, strict=True):
        assert candidate.evidence["quality"]["pairs"]["mean"] == figure
        candidate.parquet()  # raises when it is not the table that was measured


def test_one_table_is_what_one_synthesis_gives():
    made = synthesise_several(households(800), PLAN, 1, 3)
    alone = synthesise(households(800), PLAN, 3)
    pd.testing.assert_frame_equal(made.tables[0], alone.table)
    assert made.digests == (alone.digest,)


def test_it_is_called_off_between_tables_and_nothing_is_kept():
    told = []
    watch = Watch(lambda *at: told.append(at[2]), lambda: any(w.startswith("table 2") for w in told))
    with pytest.raises(Cancelled):
        synthesise_several(households(600), PLAN, 5, 3, watch)
    assert not any(w.startswith("table 3") for w in told)


def test_the_plan_grows_with_the_tables_before_a_row_is_read():
    one, five = planned(PLAN, 20_000, 1), planned(PLAN, 20_000, 5)
    assert five[0].seconds == 5 * one[0].seconds
    assert five[0].megabytes == one[0].megabytes
    assert five[1].seconds > one[1].seconds


def test_tables_differ_by_what_the_sample_left_open_besides_what_drawing_adds():
    """Var(mean) of a drawn table: p(1-p)/n once for the fit and once for the draw; of one fit, once only."""
    n, truth, m = 400, 0.3, 40
    plan = SynthesisPlan({"flag": FieldType.BOOLEAN, "x": FieldType.NUMBER}, min_leaf=20)
    rng = np.random.default_rng(1)
    flag = rng.random(n) < truth
    rows = pd.DataFrame({"flag": flag.astype(object), "x": rng.normal(0, 1, n) + flag})
    parts = Split(rows, rows, rows, rows, rows, n)
    once = flag.mean() * (1 - flag.mean()) / n

    def ratio(*, redrawn):
        means = []
        for i in range(m):
            method, _ = _fitted(synthesizer(plan), parts, plan, i, Watch(), redrawn=redrawn)
            means.append(method.sample(n, 500 + i)["flag"].astype(float).mean())
        return np.var(means, ddof=1) / once

    assert 1.4 < ratio(redrawn=True) < 2.8
    assert 0.6 < ratio(redrawn=False) < 1.4


def test_noisy_counts_are_told_and_taken_and_draw_the_same_rows_for_nothing():
    made, rows = tree(2.0), households(2000)
    made.fit(rows[[*COLUMNS]])
    told = json.loads(json.dumps(made.told()))
    taken = tree(2.0)
    taken.take(told)
    pd.testing.assert_frame_equal(taken.sample(500, 9), made.sample(500, 9))
    assert loss_of(json.loads(json.dumps(made.description))) == made.loss
    with pytest.raises(SynthesisError, match="of other columns"):
        tree(2.0, columns={k: v for k, v in COLUMNS.items() if k != "size"}).take(told)


def test_a_description_of_another_method_is_not_priced():
    with pytest.raises(ValueError, match="no such"):
        loss_of({**tree(1.0).description, "version": "0"})


def test_a_description_that_was_tampered_with_cannot_be_priced_and_breaks_no_audit():
    whole = tree(1.0).description
    for wrong in ({"epsilon": 1e6}, {"delta": 2.0}, {"columns": {}}, {"columns": [1]}):
        with pytest.raises((ValueError, KeyError, TypeError)):
            loss_of({**whole, **wrong})


def test_private_tables_differ_by_what_noise_and_sampling_leave_open():
    made = tree(0.3)
    made.fit(households(2000)[[*COLUMNS]])
    told = made.told()
    several = synthesise_several(households(500), PRIVATE, 2, 5, measured=told)
    again = synthesise_several(households(500), PRIVATE, 2, 5, measured=told)
    assert several.digests == again.digests
    assert several.evidence["differentially_private"] is True
    assert several.evidence["loss"]["epsilon"] <= 1.0
    size = 5_000

    def spread(draws):
        return np.std([(d["region"] == "R3").mean() for d in draws])

    parameters = spread([made.redrawn(i).sample(size, 1) for i in range(30)])
    rows = spread([made.sample(size, i) for i in range(30)])
    expected = np.hypot(np.sqrt(0.1 * 0.9 / 2000), made._measured.deviation[0] / 2000)
    # About 0.6: the region is measured alone and in pairs, and what is told apart from noise is their mean. Thirty draws
    # tell the spread to an eighth; without a new draw of parameters it would be 0.07.
    assert 0.3 < parameters / expected < 1.6
    assert rows < parameters / 1.5
