"""The registry on SQLite and on a real PostgreSQL: filled once however often it is interrupted, read without a trace."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import threading
import tracemalloc
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa
from postgres import start_postgres

from enclave.demo.country import AS_OF
from enclave.demo.ministry import generate
from enclave.demo.real_data import dictionary
from enclave.extracts.reading import read_extract, write_extract
from enclave.kernel.errors import Conflict, Invalid, Unavailable
from enclave.store.registry import HOUSEHOLDS, read_households, write_registry
from enclave.store.registry_schema import LOAD, METADATA, SCHEMAS

pytestmark = pytest.mark.real
SEED = 77
N = 900


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with start_postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path):
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'a folder' / 'registry.sqlite'}"
        return
    url = request.getfixturevalue("server")
    yield url
    engine = sa.create_engine(url)
    METADATA.drop_all(engine)
    LOAD.drop_all(engine)
    engine.dispose()


@pytest.fixture
def filled(empty):
    write_registry(empty, generate(N, SEED, 250))
    return empty


@pytest.fixture(scope="module")
def tables():
    return {name: table.to_pandas() for name, table in next(generate(N, SEED, N)).items()}


def counts(url: str) -> dict[str, int]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = {
            n: connection.execute(sa.select(sa.func.count()).select_from(METADATA.tables[n])).scalar_one()
            for n in SCHEMAS
        }
    engine.dispose()
    return found


def read(url: str, as_of: date = AS_OF, batch: int = 400) -> pd.DataFrame:
    return pa.Table.from_batches(list(read_households(url, as_of=as_of, batch=batch)), HOUSEHOLDS).to_pandas()


def by_hand(tables: dict[str, pd.DataFrame], as_of: date) -> pd.DataFrame:
    """The same extract, computed with pandas from the generated tables."""
    day = 28 if (as_of.month, as_of.day) == (2, 29) else as_of.day
    year_ago, adult = (as_of.replace(year=as_of.year - years, day=day) for years in (1, 18))
    homes = tables["households"].query("registration_date <= @as_of").set_index("household_id").sort_index()
    people = tables["persons"]
    heads = people.set_index("person_id").loc[homes.head_person_id].set_index(homes.index)
    newest = (
        tables["assessments"]
        .query("assessment_date <= @as_of")
        .sort_values("assessment_date")
        .groupby("household_id")
        .last()
    )
    notes = tables["case_notes"].set_index("household_id")
    inside = tables["enrolments"]
    inside = inside[
        (inside.enrollment_date <= as_of) & (inside.exit_date.isna() | (inside.exit_date > as_of))
    ]
    paid = tables["payments"].merge(tables["enrolments"][["enrolment_id", "household_id"]], on="enrolment_id")
    paid = paid[
        (paid.payment_status == 1) & (paid.benefit_date > year_ago) & (paid.benefit_date <= as_of)
    ].groupby("household_id")
    kept = tables["compliance_events"].merge(people[["person_id", "household_id"]], on="person_id")
    kept = kept[
        kept.status.isin(["complied", "not_complied"]) & (kept.period > year_ago) & (kept.period <= as_of)
    ]
    children = (
        people[(people.birth_date > adult) & (people.birth_date <= as_of)].groupby("household_id").size()
    )
    disabled = people[people.is_disabled].household_id
    columns = homes.join(newest.drop(columns=["assessment_id"])).join(notes[["note_language", "case_note"]])
    columns = columns.assign(
        head_given_name=heads.given_name, head_surname=heads.surname, head_national_id=heads.national_id,
        phone_number=heads.phone_number, email=heads.email, head_sex=heads.sex, head_birth_date=heads.birth_date,
        head_marital_status=heads.marital_status, head_education_level=heads.education_level,
        head_employment_status=heads.employment_status,
        children=children.reindex(homes.index, fill_value=0), has_disabled_member=homes.index.isin(disabled),
        **{f"enrolled_{name}": homes.index.isin(inside[inside.programme_identifier == code].household_id)
           for name, code in (("cct", "CCT"), ("pension", "PENSION"), ("school_meals", "MEALS"))},
        benefit_total_12m=paid.benefit_value.sum().reindex(homes.index, fill_value=0.0),
        payments_12m=paid.size().reindex(homes.index, fill_value=0),
        compliance_rate=(kept.status == "complied").groupby(kept.household_id).mean().reindex(homes.index).round(4),
    )  # fmt: skip
    return columns.reset_index()[HOUSEHOLDS.names]


@pytest.mark.parametrize("as_of", [AS_OF, date(2025, 12, 31), date(2024, 2, 29), date(2020, 1, 1)])
def test_the_extract_is_what_a_join_by_hand_gives(filled, tables, as_of):
    got, expected = read(filled, as_of), by_hand(tables, as_of)

    assert 0 < len(got) <= N
    pd.testing.assert_frame_equal(got, expected, check_dtype=False, rtol=1e-9)


def test_every_batch_has_the_contract_and_its_size_changes_nothing(filled):
    batches = list(read_households(filled, as_of=AS_OF, batch=170))

    assert all(batch.schema == HOUSEHOLDS for batch in batches)
    assert max(batch.num_rows for batch in batches) == 170
    pd.testing.assert_frame_equal(pa.Table.from_batches(batches).to_pandas(), read(filled, batch=10_000))


def test_only_email_and_compliance_are_ever_missing(filled):
    got = read(filled)

    assert set(got.columns[got.isna().any()]) == {"email", "compliance_rate"}
    assert got.email.isna().mean() > 0.5


def test_the_extract_passes_its_own_dictionary(filled, tmp_path):
    written = write_extract(
        read_households(filled, as_of=AS_OF), tmp_path / "ibr.parquet", dictionary("ibr-households")
    )

    got = read_extract(tmp_path / "ibr.parquet", dictionary("ibr-households"))
    assert got.rows == written.rows == len(read(filled))
    got.table.to_pandas().to_csv(tmp_path / "ibr.csv", index=False)
    assert read_extract(tmp_path / "ibr.csv", dictionary("ibr-households")).table == got.table


def test_filling_twice_fills_once_and_a_larger_number_adds_the_difference(filled, tables):
    before = counts(filled)

    assert write_registry(filled, generate(N, SEED, 91)) == 0
    assert counts(filled) == before == {name: len(t) for name, t in tables.items()}
    seen: list[int] = []
    assert write_registry(filled, generate(N + 60, SEED, 40), seen.append) == 60
    assert seen == [N + 40, N + 60]
    assert counts(filled) == {name: t.num_rows for name, t in next(generate(N + 60, SEED, 2000)).items()}


def test_a_registry_holds_one_ministry_and_another_is_refused(filled):
    before = counts(filled)

    for other in (generate(N, SEED + 1), generate(N - 1, SEED)):
        with pytest.raises(Conflict, match="another demo ministry"):
            write_registry(filled, other)
    assert counts(filled) == before


def test_somebody_elses_registry_is_never_written_to(empty):
    if empty.startswith("sqlite"):
        Path(empty.removeprefix("sqlite:///")).parent.mkdir()
    engine = sa.create_engine(empty)
    METADATA.create_all(engine)
    engine.dispose()

    with pytest.raises(Conflict, match="not the demo's"):
        write_registry(empty, generate(10, SEED))
    assert counts(empty)["households"] == 0
    assert list(read_households(empty, as_of=AS_OF)) == []


def test_an_interrupted_load_cannot_be_read_and_goes_on_where_it_stopped(empty, tables):
    def stop(done: int) -> None:
        if done >= 300:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_registry(empty, generate(N, SEED, 150), stop)
    assert counts(empty)["households"] == 300
    with pytest.raises(Invalid, match="partly loaded"):
        next(read_households(empty, as_of=AS_OF))

    assert write_registry(empty, generate(N, SEED, 400)) == N - 300
    assert counts(empty) == {name: len(t) for name, t in tables.items()}
    pd.testing.assert_frame_equal(read(empty), by_hand(tables, AS_OF), check_dtype=False)


def test_a_load_that_is_killed_at_any_moment_is_neither_halved_nor_doubled(empty, tables):
    program = (
        "import sys; from enclave.demo.ministry import generate; from enclave.store.registry import write_registry\n"
        f"write_registry(sys.argv[1], generate({N}, {SEED}, 50), lambda done: print(done, flush=True))"
    )
    for lines in (1, 4):
        with subprocess.Popen(
            [sys.executable, "-c", program, empty], stdout=subprocess.PIPE, text=True
        ) as load:
            for _ in range(lines):
                assert load.stdout.readline()
            load.send_signal(signal.SIGKILL)
        assert counts(empty)["households"] % 50 == 0

    write_registry(empty, generate(N, SEED, 300))

    assert counts(empty) == {name: len(t) for name, t in tables.items()}
    pd.testing.assert_frame_equal(read(empty), by_hand(tables, AS_OF), check_dtype=False)


def test_two_loads_at_once_never_double_a_row(empty, tables):
    write_registry(empty, generate(10, SEED))
    problems: list[Exception] = []

    def fill() -> None:
        try:
            write_registry(empty, generate(N, SEED, 60))
        except (Conflict, Unavailable) as problem:
            problems.append(problem)

    threads = [threading.Thread(target=fill) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    write_registry(empty, generate(N, SEED, 60))

    assert counts(empty) == {name: len(t) for name, t in tables.items()}
    assert len(problems) <= 3


def test_reading_leaves_a_sqlite_registry_as_it_was(tmp_path):
    file = tmp_path / "r #1 100%.sqlite"
    write_registry(f"sqlite:///{file}", generate(50, SEED))
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    file.chmod(0o400)

    assert sum(batch.num_rows for batch in read_households(f"sqlite:///{file}", as_of=AS_OF)) == 50

    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
    assert [p.name for p in tmp_path.iterdir()] == [file.name]


def test_an_address_that_leads_nowhere_gets_a_sentence_without_its_password(tmp_path):
    secret = "hunter2-canary"
    for url, problem in (
        (f"postgresql+psycopg://user:{secret}@127.0.0.1:1/nothing", Unavailable),
        (f"nosuchdb://user:{secret}@host/db", Unavailable),
        (f"no url {secret}", Invalid),
        (f"sqlite:///{tmp_path / 'absent.sqlite'}", Unavailable),
    ):
        with pytest.raises(problem) as caught:
            next(read_households(url, as_of=AS_OF))
        assert secret not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    sa.create_engine(f"sqlite:///{tmp_path / 'bare.sqlite'}").connect().close()
    with pytest.raises(Invalid, match="has no table"):
        next(read_households(f"sqlite:///{tmp_path / 'bare.sqlite'}", as_of=AS_OF))


def test_memory_does_not_grow_with_the_registry(tmp_path):
    peaks = []
    for households in (600, 3000):
        url = f"sqlite:///{tmp_path / f'{households}.sqlite'}"
        write_registry(url, generate(households, SEED, 500))
        for batch in read_households(url, as_of=AS_OF, batch=100):
            del batch
        tracemalloc.start()
        for batch in read_households(url, as_of=AS_OF, batch=100):
            del batch
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 1.5 * peaks[0]
