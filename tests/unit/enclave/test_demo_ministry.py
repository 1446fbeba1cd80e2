"""The demo ministry: the same for a seed whatever the batch, whole, and interesting to evaluate."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.br import cpf
from stdnum.id import nik
from stdnum.pk import cnic
from stdnum.tr import tckimlik

from enclave.demo.country import AS_OF, PROGRAMMES, REGIONS
from enclave.demo.draws import Draws
from enclave.demo.ministry import generate, gold_notes
from enclave.store.registry_schema import SCHEMAS

KEYS = {name: schema.names[0] for name, schema in SCHEMAS.items()}


def whole(households: int, seed: int, batch: int) -> dict[str, pa.Table]:
    parts = list(generate(households, seed, batch))
    return {name: pa.concat_tables(p[name] for p in parts).sort_by(KEYS[name]) for name in SCHEMAS}


@pytest.fixture(scope="module")
def registry():
    return {name: table.to_pandas() for name, table in whole(6000, 11, 2000).items()}


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 60), st.integers(1, 70))
def test_the_size_of_a_batch_changes_nothing(seed, households, batch):
    assert whole(households, seed, batch) == whole(households, seed, 1000)


def test_a_larger_ministry_begins_with_the_same_households():
    small, large = whole(80, 5, 1000), whole(200, 5, 1000)

    for name in SCHEMAS:
        assert large[name].slice(0, 0).schema == SCHEMAS[name]
        assert set(small[name][KEYS[name]].to_pylist()) <= set(large[name][KEYS[name]].to_pylist())
    assert large["persons"].slice(0, small["persons"].num_rows) == small["persons"]


def test_going_on_from_a_household_gives_what_was_left():
    ministry = generate(50, 9, 7)

    rest = pa.concat_tables(batch["persons"] for batch in ministry.since(21))

    everybody = whole(50, 9, 50)["persons"]
    assert rest == everybody.slice(everybody.num_rows - rest.num_rows)


def test_another_seed_is_another_ministry():
    assert whole(40, 1, 40)["persons"] != whole(40, 2, 40)["persons"]


def test_draws_of_different_things_are_uniform_and_unrelated():
    draws = Draws(3, np.arange(40_000))
    table = draws.table("test", 4)

    assert table.min() > 0
    assert table.max() < 1
    assert np.abs(np.histogram(table[:, 0], bins=20, range=(0, 1))[0] - 2000).max() < 250
    assert (
        np.abs(
            np.corrcoef(np.column_stack([table, draws.uniform("other"), np.roll(table[:, 0], 1)]).T)
            - np.eye(6)
        ).max()
        < 0.025
    )
    assert abs(draws.normal("n").std() - 1) < 0.02
    assert abs(draws.poisson("p", np.full(40_000, 2.0), 30).mean() - 2) < 0.04


def test_every_key_is_unique_and_every_reference_is_met(registry):
    for name, key in KEYS.items():
        assert registry[name][key].is_unique, name
    households, people = set(registry["households"].household_id), set(registry["persons"].person_id)
    for name in ("persons", "assessments", "enrolments", "case_notes"):
        assert set(registry[name].household_id) <= households
    assert set(registry["households"].head_person_id) <= people
    assert set(registry["compliance_events"].person_id) <= people
    assert set(registry["payments"].enrolment_id) <= set(registry["enrolments"].enrolment_id)
    assert set(registry["enrolments"].programme_identifier) <= {p["programme_identifier"] for p in PROGRAMMES}
    assert (
        registry["persons"].groupby("household_id").size()
        == registry["households"].set_index("household_id").group_size
    ).all()
    assert (registry["payments"].benefit_date <= AS_OF).all()


def test_every_national_number_in_the_registry_is_valid_in_its_tradition(registry):
    people = registry["persons"].dropna(subset=["national_id"])
    checks = {"CPF": cpf.is_valid, "TCKN": tckimlik.is_valid, "CNIC": cnic.is_valid, "NIK": nik.is_valid}

    assert set(people.identifier_type) == {"CPF", "TCKN", "CNIC", "NIK", "NID", "PCN"}
    for kind, check in checks.items():
        assert people.national_id[people.identifier_type == kind].map(check).all(), kind
    assert people.national_id.duplicated().mean() < 0.001


def test_all_six_regions_and_seven_languages_occur(registry):
    seen = registry["households"].groupby("region_code").country.unique()

    assert {code: list(c) for code, c in seen.items()} == {r.code: [r.country] for r in REGIONS}
    assert set(registry["case_notes"].note_language) == {"en", "sw", "tl", "pt", "ur", "tr", "id"}
    urdu = registry["persons"].given_name.str.contains("[\u0600-\u06ff]")
    assert 0.02 < urdu.mean() < 0.12


def test_the_notes_say_where_their_identifiers_are():
    kinds = set()
    forms = set()
    for _, language, note in gold_notes(800, 4):
        for planted in note.planted:
            word = note.text[planted.start : planted.end]
            assert word.strip() == word
            assert word
            kinds.add((planted.kind, planted.own))
            forms.add((planted.form, language))
    assert {
        ("person", True),
        ("person", False),
        ("place", True),
        ("place", False),
        ("phone", True),
        ("phone", False),
        ("national_id", True),
    } == kinds
    assert {form for form, _ in forms} == {"clean", "misspelt", "recased"}


def test_the_gold_notes_are_the_registrys_notes():
    table = whole(60, 4, 60)["case_notes"]

    assert table["case_note"].to_pylist() == [note.text for _, _, note in gold_notes(60, 4)]


def test_a_clean_own_name_in_a_note_stands_in_the_register_too():
    households = 300
    people = whole(households, 4, households)["persons"].to_pandas()
    names = people.groupby("household_id").given_name.agg(set)
    seen = 0
    for household, _, note in gold_notes(households, 4):
        for planted in note.planted:
            if planted.kind == "person" and planted.own and planted.form == "clean":
                assert any(
                    note.text[planted.start : planted.end].startswith(name) for name in names[household]
                )
                seen += 1
    assert seen > 100


def test_the_economy_gives_an_evaluator_something_to_find(registry):
    first = registry["assessments"][registry["assessments"].assessment_id.str.endswith("A1")].set_index(
        "household_id"
    )
    cct = first.index.isin(registry["enrolments"].query("programme_identifier == 'CCT'").household_id)
    children = registry["persons"].query("relationship_type == 'CHILD'").household_id
    with_children = first.index.isin(children)
    poor = first.welfare_aggregate < first.welfare_aggregate.quantile(0.35)

    log = np.log(first.welfare_aggregate)
    assert abs(((log - log.mean()) ** 3).mean() / log.std() ** 3) < 0.35, "log-normal, near enough"
    assert 0.4 < np.corrcoef(first.poverty_score, log)[0, 1] ** 2 < 0.7, "a proxy means test, not an oracle"
    assert 0.2 < first.eligible.mean() < 0.45
    assert (first.eligible == (first.poverty_score <= first.cutoff_applied)).all()
    assert 0.3 < 1 - cct[poor].mean() < 0.7, "exclusion error"
    assert 0.2 < 1 - poor[cct].mean() < 0.5, "leakage"
    near = (first.poverty_score - first.cutoff_applied).abs() < 3
    jump = (
        cct[near & first.eligible & with_children].mean() - cct[near & ~first.eligible & with_children].mean()
    )
    assert jump > 0.45, "the cut-off moves who is in"
    density = (near & first.eligible).sum() / near.sum()
    assert 0.42 < density < 0.58, "nobody bunches at the cut-off"
    means = first.welfare_aggregate.groupby(
        first.index.map(registry["households"].set_index("household_id").region_code)
    ).mean()
    assert means.max() / means.min() > 1.2
    several = registry["enrolments"].groupby("household_id").size()
    assert (several >= 2).mean() > 0.1
    assert 0.01 < (registry["payments"].payment_status == 2).mean() < 0.15
    assert set(registry["compliance_events"].status) == {
        "complied",
        "not_complied",
        "exempt",
        "not_monitored",
    }


def test_transfers_raise_consumption_where_they_arrive(registry):
    wide = registry["assessments"].assign(wave=lambda d: d.assessment_id.str[-2:])
    wide = wide.pivot_table(index="household_id", columns="wave", values="welfare_aggregate").dropna()
    active = registry["enrolments"].query("programme_identifier == 'CCT' and enrollment_status == 1")
    active = active[active.enrollment_date < AS_OF.replace(year=AS_OF.year - 1)]
    growth = np.log(wide.A2 / wide.A1)
    treated = wide.index.isin(active.household_id)

    assert growth[treated].mean() - growth[~treated].mean() > 0.05
