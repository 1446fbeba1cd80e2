"""Proposals become decisions by a steward's hand, and only then a recipe; a new extract is looked at again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import yaml
from deid_frames import ibr_frame

from anonymization.columns import Classification, ClassificationProblem, classify, load_classification
from anonymization.columns.comparing import compare
from anonymization.columns.confirming import accept, change, confirmed_by
from anonymization.columns.drafting import choice_of, draft_recipe, schema_of
from anonymization.columns.lexicon import hint, kinds, words_of
from anonymization.columns.masking import mask, masked_samples
from anonymization.errors import RecipeProblem
from anonymization.keys import KeyRing
from anonymization.pipeline import plan, run
from anonymization.recipe import load_recipe

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
ROOT = Path(__file__).resolve().parents[3]
DAY = date(2026, 6, 1)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return ibr_frame(400)


@pytest.fixture(scope="module")
def proposal(table) -> Classification:
    return classify(table, dataset="ibr-households")


def all_accepted(proposal: Classification) -> Classification:
    return proposal.model_copy(update={"columns": tuple(map(accept, proposal.columns))})


def edited(proposal: Classification, name: str, column) -> Classification:
    return proposal.model_copy(
        update={"columns": tuple(column if c.name == name else c for c in proposal.columns)}
    )


def truth(slug: str) -> dict[str, str]:
    told = yaml.safe_load((ROOT / "enclave/demo/dictionaries" / f"{slug}.yaml").read_text("utf-8"))
    return {c["name"]: c["role"] for c in told["columns"]}


def test_the_registrys_columns_are_what_its_dictionary_says(table, proposal):
    roles = {k: v for k, v in truth("ibr-households").items() if k in table}
    wrong = {n for n, role in roles.items() if proposal.column(n).proposed.role != role}
    assert wrong <= {"note_language"}  # to us a special category: it tells a community
    order = [c.proposed.role.value for c in proposal.columns]
    assert order == sorted(order, key=["direct", "free_text", "quasi", "sensitive", "plain"].index)


def test_without_their_names_no_direct_identifier_is_missed(table):
    roles = truth("ibr-households")
    # A handful of village names without a heading look like names of regions: a stated limit (84 of them do not).
    names = [n for n in table.columns if n in roles and n != "locality"]
    blind = table[names].set_axis([f"v{i:02d}" for i in range(len(names))], axis=1)
    found = classify(blind)
    for i, name in enumerate(names):
        role = found.column(f"v{i:02d}").proposed.role.value
        assert roles[name] != "direct" or role == "direct", name
        assert roles[name] != "free_text" or role == "free_text", name


@pytest.mark.skipif(
    not (DATA / "progresa.parquet").exists(), reason="the public data are not beside the project"
)
@pytest.mark.parametrize(
    ("file", "direct"),
    [
        ("progresa.parquet", {"hogid", "iid", "villid"}),
        ("nist_national2019.csv", set()),
        ("sdcmicro_testdata.csv", {"ori_hid"}),
        ("acro_charity.parquet", {"charity"}),
    ],
)
def test_real_tables_with_and_without_names_lose_no_direct_identifier(file, direct):
    path = DATA / file
    rows = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    for names in (list(rows.columns), [f"v{i:02d}" for i in range(len(rows.columns))]):
        found = classify(rows.set_axis(names, axis=1))
        for old, new in zip(rows.columns, names, strict=True):
            if old in direct:
                assert found.column(new).proposed.role == "direct", (old, new)
    named = classify(rows)
    assert {c.name for c in named.columns if c.proposed.role == "direct"} <= direct | {"index"}


def test_a_proposal_decides_nothing_and_is_no_recipe(proposal):
    assert proposal.undecided == tuple(c.name for c in proposal.columns)
    with pytest.raises(ClassificationProblem, match="not decided yet, so there is no recipe"):
        draft_recipe(proposal, name="x", k=5, share=0.05)
    with pytest.raises(RecipeProblem):
        load_recipe(proposal.to_yaml())
    one_left = edited(all_accepted(proposal), "case_note", proposal.column("case_note"))
    with pytest.raises(ClassificationProblem) as caught:
        draft_recipe(one_left, name="x", k=5, share=0.05)
    assert len(caught.value.problems) == 1


def test_a_confirmed_classification_becomes_a_recipe_that_runs(table, proposal, tmp_path):
    done = confirmed_by(all_accepted(proposal), proposal, by="stefan", on=DAY)
    text = draft_recipe(done, name="ibr-draft", k=3, share=0.2)
    recipe = load_recipe(text)
    schema = schema_of(done, [str(c) for c in table.columns])
    assert set(plan(recipe, schema).schema.names) == set(table.columns)
    made = run(
        recipe, table, KeyRing(b"a master key of the tests"), scope="s", reference_date=DAY, schema=schema
    )
    assert len(made.table) == len(table)
    direct = {
        c.name
        for c in done.columns
        if c.decided.role == "direct" and "pseudonymise" not in c.decided.treatment
    }
    assert not direct & set(made.table.columns)
    released = made.table.to_csv()
    for name in ("head_national_id", "phone_number", "household_id"):
        assert not [v for v in table[name].dropna() if str(v) in released]


def test_it_survives_its_own_yaml_and_stamps_who_and_when(proposal, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(all_accepted(proposal).to_yaml(), encoding="utf-8")
    back = load_classification(path)
    done = confirmed_by(back, proposal, by="stefan", on=DAY)
    assert {(c.by, c.on, c.confirmed) for c in done.columns} == {("stefan", "2026-06-01", True)}
    assert done.digest != proposal.digest
    assert back == all_accepted(proposal)


def test_a_change_needs_a_reason_and_the_proposal_stays_as_it_was(proposal):
    column = proposal.column("locality")
    laxer = choice_of("region", column)
    with pytest.raises(ClassificationProblem, match="Say why"):
        change(column, laxer, "fine")
    for sneaky, said in (
        (column.model_copy(update={"decided": laxer, "confirmed": True}), "decided differently"),
        (
            column.model_copy(update={"decided": laxer, "proposed": laxer, "confirmed": True}),
            "what was proposed",
        ),
    ):
        with pytest.raises(ClassificationProblem, match=said):
            confirmed_by(edited(all_accepted(proposal), "locality", sneaky), proposal, by="stefan", on=DAY)
    said = change(column, laxer, "Every locality here has more than 20,000 people.")
    done = confirmed_by(edited(all_accepted(proposal), "locality", said), proposal, by="stefan", on=DAY)
    assert done.column("locality").why.startswith("Every locality")
    assert done.column("locality").proposed == column.proposed


def test_columns_that_come_or_go_are_named(proposal):
    without = proposal.model_copy(update={"columns": proposal.columns[1:]})
    with pytest.raises(ClassificationProblem, match="is not in the classification"):
        confirmed_by(all_accepted(without), proposal, by="stefan", on=DAY)
    with pytest.raises(ClassificationProblem, match="not in the table"):
        confirmed_by(all_accepted(proposal), without, by="stefan", on=DAY)


def test_a_like_extract_needs_nobody_and_keeps_its_stamps(table, proposal):
    done = confirmed_by(all_accepted(proposal), proposal, by="stefan", on=DAY)
    later = compare(classify(table.sample(frac=0.9, random_state=1)), done)
    assert (later.new, later.changed, later.gone) == ((), (), ())
    assert not later.classification.undecided
    again = confirmed_by(
        later.classification, later.classification, by="somebody else", on=date(2027, 1, 1), before=done
    )
    assert {c.by for c in again.columns} == {"stefan"}


def test_what_is_new_or_different_waits_for_somebody(table, proposal):
    done = confirmed_by(all_accepted(proposal), proposal, by="stefan", on=DAY)
    changed = table.drop(columns=["email"]).assign(
        tracing_no=[f"T{i:06d}" for i in range(len(table))],
        housing_wall=table["head_national_id"],
        payments_12m=table["payments_12m"].where(table.index % 2 == 0),
    )
    later = compare(classify(changed, dataset="ibr-households"), done)
    assert later.new == ("tracing_no",)
    assert later.gone == ("email",)
    assert set(later.changed) == {"housing_wall", "payments_12m"}
    assert set(later.classification.undecided) == {"tracing_no", "housing_wall", "payments_12m"}
    assert "riskier" in later.classification.column("housing_wall").news
    with pytest.raises(ClassificationProblem):
        draft_recipe(later.classification, name="x", k=5, share=0.05)
    forged = later.classification.column("housing_wall").model_copy(
        update={"confirmed": True, "by": "stefan", "on": "2026-06-01"}
    )
    again = confirmed_by(
        all_accepted(edited(later.classification, "housing_wall", forged)),
        later.classification,
        by="uma",
        on=DAY,
        before=done,
    )
    assert {c.name for c in again.columns if c.by == "uma"} == {"tracing_no", "housing_wall", "payments_12m"}


def test_one_identifier_in_a_thousand_is_news(table, proposal):
    done = confirmed_by(all_accepted(proposal), proposal, by="stefan", on=DAY)
    walls = table["head_marital_status"].astype(object).copy()
    walls.iloc[7] = walls.iloc[99] = walls.iloc[200] = "31101-1234567-1"
    later = compare(classify(table.assign(head_marital_status=walls)), done)
    assert later.changed == ("head_marital_status",)


def test_a_data_dictionary_is_heard_and_never_makes_an_identifier_harmless(table):
    told = classify(
        table, known={"head_national_id": "plain", "housing_roof": "sensitive", "head_sex": "direct"}
    )
    assert told.column("head_national_id").proposed.role == "direct"
    assert "dictionary says only plain" in told.column("head_national_id").reason
    assert told.column("head_sex").proposed.role == "direct"
    assert told.column("head_sex").proposed.treatment == ("drop",)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("DTA_NASC_PESSOA", "birth_date"), ("dataNascimento", "birth_date"), ("headDOB", "birth_date"), ("dogum_tarihi", "birth_date"),
        ("tgl_lahir", "birth_date"), ("fechaNacimiento", "birth_date"), ("tarehe ya kuzaliwa", "birth_date"), ("dob_day", "birth_part"),
        ("NUM_CPF_PESSOA", "national_id"), ("no_ktp", "national_id"), ("TC Kimlik No", "national_id"), ("kitambulisho", "national_id"),
        ("cnic_no", "national_id"), ("head_national_id", "national_id"), ("nomor_hp", "phone"), ("simu", "phone"), ("Nama Kepala", "person_name"),
        ("jina", "person_name"), ("apelyido", "person_name"), ("adi_soyadi", "person_name"), ("waldiyat", "person_name"), ("NOM_PESSOA", "person_name"),
        ("NUM_CEP_LOGRADOURO_FAM", "address"), ("barangay", "place_name"), ("kelurahan", "place_name"), ("gps_lat", "coordinate"),
        ("geo_location", "coordinate"), ("COD_FAMILIAR_FAM", "registry_id"), ("QTD_PESSOAS_DOMIC_FAM", "household_size"), ("umri", "age"),
        ("jenis_kelamin", "sex"), ("COD_PARENTESCO_RF_PESSOA", "relationship"), ("COD_RACA_COR_PESSOA", "ethnicity"), ("VLR_RENDA_MEDIA_FAM", "welfare"),
        ("medeni_hal", "marital"), ("pendidikan", "education"), ("aciklama", "free_text"), ("grievance", "free_text"),
    ],
)  # fmt: skip
def test_names_are_understood_in_the_registries_languages(name, kind):
    assert hint(name).kind == kind


@pytest.mark.parametrize("name", ["v07", "x", "col_3", "Unnamed: 0", "", "__", "12"])
def test_names_that_say_nothing_suggest_nothing(name):
    assert hint(name) is None


def test_a_statement_about_a_thing_is_not_the_thing():
    rows = pd.DataFrame(
        {
            "has_phone": [True, False] * 50,
            "id_type": ["NID", "PCN"] * 50,
            "phone": ["0712345678", "0722345678"] * 50,
        }
    )
    found = classify(rows)
    assert found.column("has_phone").proposed.role != "direct"
    assert found.column("id_type").proposed.role != "direct"


def test_no_phrase_belongs_to_two_kinds_of_different_risk():
    seen: dict[tuple[str, ...], str] = {}
    for kind in kinds().values():
        for phrase in kind.phrases:
            other = seen.setdefault(phrase, kind.name)
            assert kinds()[other].rank <= kind.rank
    assert words_of("head_dob") == words_of("headDOB") == words_of("Head DOB")


def test_masks_leave_first_letters_only():
    assert mask("Njoroge Kamau") == "N****** K****"
    assert mask("0712 345 678") == "0*** *** ***"
    assert mask("Li") == "**"
    assert masked_samples(pd.Series(["Amina Juma", None])) == ("A**** J***",)


@pytest.mark.parametrize(
    "text",
    ["", "- a", "format: other", "a: [", "format: registry-enclave/classification-1\nrows: SECRETVALUE\n"],
)
def test_a_file_that_is_no_classification_gets_a_sentence(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ClassificationProblem) as caught:
        load_classification(path)
    assert "SECRETVALUE" not in str(caught.value)


def test_a_new_sort_of_identifier_in_notes_is_news_though_notes_stay_notes(table, proposal):
    done = confirmed_by(all_accepted(proposal), proposal, by="stefan", on=DAY)
    notes = table["case_note"].fillna("").astype(object) + " 6GCRPR6C+2V"
    later = compare(classify(table.assign(case_note=notes)), done)
    assert later.changed == ("case_note",)
    assert "detector 'coordinate'" in later.classification.column("case_note").news
