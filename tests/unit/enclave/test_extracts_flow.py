"""Extracts from arrival to destruction: no clear row outlives its use, and every step survives a crash."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from houses import TODAY, a_house

from anonymization.dp import Loss, Mechanism
from enclave.demo import load
from enclave.demo.sources import REGISTRY
from enclave.extracts import aggregating as aggregating_module
from enclave.extracts import scratch
from enclave.extracts.aggregating import Aggregating
from enclave.extracts.model import Extract, ExtractState
from enclave.extracts.scratch import clear_folder, sweep
from enclave.extracts.service import Extracts
from enclave.extracts.tables import StandingList, StandingTable
from enclave.jobs import handlers
from enclave.jobs.worker import Worker
from enclave.kernel.actors import service
from enclave.kernel.errors import Invalid, OverBudget
from enclave.kernel.tiers import Tier
from enclave.kernel.work import Job
from enclave.releases.model import Release, ReleaseState
from enclave.releases.service import Product

CANARY = "CANARY-4711-Wanjiru"


class Sealer:
    """Hides nothing: what is tested here is where clear files stand, and for how long."""

    def seal(self, source: Path, to: Path, *, dataset: str, context: str) -> str:
        shutil.copyfile(source, to)
        return "key"

    def unseal(self, source: Path, to: Path, *, dataset: str, wrapped: str, context: str) -> Path:
        shutil.copyfile(source, to)
        return to


@dataclass
class Enclave:
    """What the handlers call."""

    kit: object
    extracts: Extracts
    making: object
    releases: object
    settings: object = None
    catalogue: object = None


@pytest.fixture
def house(tmp_path, monkeypatch):
    memory = tmp_path / "shm"
    memory.mkdir()
    monkeypatch.setattr(scratch.clear_folder.__wrapped__, "__defaults__", (memory,))
    monkeypatch.setattr(scratch.sweep, "__kwdefaults__", {"memory": memory})
    house = a_house(tmp_path)
    house.extracts = Extracts(house.kit, Sealer(), tmp_path / "scratch")
    return house


def an_extract(house, name: str = "one", as_of: date = TODAY, source: str = "a test's file") -> Extract:
    file = house.root / f"{name}.parquet"
    rows = {"household_id": ["H1", "H2"], "head_name": [CANARY, name], "region_code": ["R01", "R02"]}
    pd.DataFrame({**rows, "welfare": [1.0, 2.0]}).to_parquet(file)
    return house.extracts.register(
        house.actor("stefan"), dataset="households", path=file, as_of=as_of, source=source
    )


def product(extract: str, *, held: bool) -> Product:
    facts = {"direct_identifiers_left": 1} if held else None
    return Product(
        dataset="households", extract=extract, tier=Tier.SCIENTIFIC_USE, title="Households",
        files=[("households.parquet", b"x", "application/vnd.apache.parquet")], columns=("welfare",), rows=2,
        evidence={"schema": "test"}, summary={}, recipe="test@1:0",
        gate=("deidentification", facts) if facts else None,
    )  # fmt: skip


def job(house, kind: str) -> Job:
    with house.kit.read() as uow:
        return uow.find(Job, kind=kind)[-1]


# Clear rows


def left(*places: Path) -> list[Path]:
    return [p for place in places for p in place.rglob("*") if p.is_file() and p.name != ".lock"]


def test_a_killed_process_leaves_clear_rows_and_the_next_start_removes_them(house, tmp_path):
    disk, memory = tmp_path / "scratch", tmp_path / "shm"
    code = (
        "import os, signal, sys; from pathlib import Path; from enclave.extracts.scratch import clear_folder\n"
        "with clear_folder(Path(sys.argv[1]), 1, Path(sys.argv[2])) as f:\n"
        "    (f / 'extract.parquet').write_text('CANARY'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    died = subprocess.run([sys.executable, "-c", code, disk, memory], check=False, cwd=Path.cwd())
    assert died.returncode == -signal.SIGKILL
    assert len(left(disk, memory)) == 1
    assert house.extracts.sweep() == 1
    assert left(disk, memory) == []


def test_what_an_older_version_or_an_upload_left_goes_when_nothing_else_runs(house, tmp_path):
    old = tmp_path / "scratch" / "tmpabc"
    old.mkdir(parents=True)
    (old / "extract.parquet").write_text(CANARY)
    assert house.extracts.sweep() == 0, "it may be an upload that is under way"
    assert house.extracts.sweep(alone=True) == 1
    assert left(tmp_path / "scratch") == []


def test_a_living_owners_folder_is_not_swept(house, tmp_path):
    with house.extracts.room(10) as folder:
        (folder / "extract.parquet").write_text(CANARY)
        assert house.extracts.sweep(alone=True) == 0
        assert (folder / "extract.parquet").read_text() == CANARY
        assert tmp_path / "shm" in folder.parents, "in memory while there is room"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()


def test_what_does_not_fit_into_memory_goes_to_the_disk(house, tmp_path):
    with house.extracts.room(2**60) as folder:
        assert folder.parent == tmp_path / "scratch"


def test_somebody_elses_folder_of_our_name_in_memory_is_not_used(tmp_path):
    disk, memory = tmp_path / "scratch", tmp_path / "shm"
    memory.mkdir()
    ours = scratch._ours(disk, memory)
    (tmp_path / "trap").mkdir()
    ours.symlink_to(tmp_path / "trap")
    with clear_folder(disk, 1, memory) as folder:
        assert folder.parent == disk
    sweep(disk, alone=True, memory=memory)
    assert list((tmp_path / "trap").iterdir()) == []
    ours.unlink()
    ours.mkdir(mode=0o755)
    with clear_folder(disk, 1, memory) as folder:
        assert folder.parent == disk


def test_registering_and_reading_leave_no_clear_row_on_the_disk(house, tmp_path):
    extract = an_extract(house)
    _, _, table = house.extracts.table(service("worker"), extract.id)
    assert CANARY in set(table["head_name"])
    assert left(tmp_path / "scratch", tmp_path / "shm") == []
    assert list((tmp_path / "shm").iterdir()) == []


def test_the_house_opens_with_a_closed_state_directory_and_an_empty_scratch(tmp_path, monkeypatch):
    from enclave.cli import house as cli_house
    from enclave.hub import preflight
    from enclave.settings import Settings

    monkeypatch.setattr(cli_house, "services", lambda _: [])
    monkeypatch.setattr(preflight, "preflight", lambda: SimpleNamespace(sentences=[]))
    state = tmp_path / "var"
    state.mkdir(mode=0o755)
    leftover = state / "scratch" / "tmpxyz" / "extract.parquet"
    leftover.parent.mkdir(parents=True)
    leftover.write_text(CANARY)
    settings = Settings(_env_file=None, demo=True, state_dir=state)
    mask = os.umask(0o022)
    try:
        with cli_house.open_house(settings, lambda _: None):
            assert not leftover.exists()
            assert stat.S_IMODE(state.stat().st_mode) == 0o700
            assert {stat.S_IMODE(p.stat().st_mode) for p in state.glob("enclave.sqlite*")} == {0o600}
            leftover.parent.mkdir(parents=True)
            leftover.write_text(CANARY)
            with (
                pytest.raises(Exception, match="already running"),
                cli_house.open_house(settings, lambda _: None),
            ):
                pass
            assert leftover.exists(), "a second start sweeps nothing away under the first"
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(mask)


# Days


@pytest.mark.parametrize(
    ("days", "taken"), [(-20_000, True), (0, True), (1, True), (2, False), (26_000, False)]
)
def test_an_extract_shows_a_day_that_has_been_and_is_numbered_by_the_year_in_which_it_came(
    house, days, taken
):
    as_of = TODAY + timedelta(days=days)
    if taken:
        assert an_extract(house, as_of=as_of).reference == "EX-2026-0001"
        return
    with pytest.raises(Invalid, match="lies in the future"):
        an_extract(house, as_of=as_of)
    assert house.extracts.all(house.actor("stefan")) == []


# The demo's own extract


def test_starting_again_goes_on_with_the_demo_s_own_extract_whatever_people_have_sent_since(
    house, monkeypatch
):
    who, said = house.actor("stefan"), []

    def worker(*_):
        assert job(house, "take_extract").state == "queued"
        an_extract(house, "taken", source=REGISTRY)

    monkeypatch.setattr(load, "wait", worker)
    an_extract(house, "sent before")
    ours = load.take(house, who, "households", said.append)
    an_extract(house, "sent later")
    assert load.take(house, who, "households", said.append) == ours
    assert [e.source for e in house.extracts.all(who) if e.id == ours] == [REGISTRY]
    assert said == ["Taking an extract of households …"]


def test_a_ministry_too_small_to_hide_in_starts_all_the_same_and_says_what_is_held(house, monkeypatch):
    done, said = [], []
    extract = an_extract(house)
    monkeypatch.setattr(load, "build", lambda _: house)
    monkeypatch.setattr(load, "actor", lambda house, _: house.actor("stefan"))
    monkeypatch.setattr(load, "real_slug", lambda _: "households")
    monkeypatch.setattr(load, "take", lambda *_: extract.id)
    monkeypatch.setattr(load, "set_up", lambda *_: None)
    monkeypatch.setattr(load, "fill_registry", lambda *_: None)

    def step(house, who, kind, extract_id, say):
        done.append(kind)
        if kind == "process":
            house.releases.publish(who, product(extract_id, held=held))

    monkeypatch.setattr(load, "step", step)
    for held in (True, False):
        done.clear()
        load.load(None, said.append)
        assert ("synthesise" in done) is not held
    assert "held back" in said[0]
    assert said[0].rstrip().endswith(".")
    assert len(said) == 2  # once for each of the two datasets


# Retention


def test_an_extract_is_destroyed_when_the_policy_says_so_and_not_before(house):
    days = int(str(house.kit.policies.parameter("retention", "quarantine", "days", TODAY)))
    old = an_extract(house)
    house.extracts.processed(service("worker"), old.id)
    house.clock.move(days=days - 1)
    young = an_extract(house, "two")
    enclave = Enclave(house.kit, house.extracts, None, house.releases)
    handlers.retire(enclave)
    with house.kit.read() as uow:
        assert uow.get(Extract, old.id).state is ExtractState.PROCESSED
    house.clock.move(days=1, seconds=1)
    handlers.retire(enclave)
    with house.kit.read() as uow:
        gone, kept = uow.get(Extract, old.id), uow.get(Extract, young.id)
    assert (gone.state, gone.wrapped_key) == (ExtractState.DESTROYED, "")
    assert not house.objects.exists(gone.sealed)
    assert kept.state is ExtractState.QUARANTINED
    assert house.extracts.destroy_due(service("worker")) == 0


# Orders


def test_a_failed_step_is_tried_anew_when_it_is_ordered_again(house):
    stefan = house.actor("stefan")

    def fail(*_):
        raise Invalid(["The registry is away."])

    house.extracts.order(stefan, "process", {"extract": "e1"}, key="e1")
    worker = Worker(Enclave(house.kit, house.extracts, None, None), {"process": fail}, {})
    while job(house, "process").state == "queued":
        worker.once()
        house.clock.move(seconds=400)
    assert house.extracts.ordered(stefan, "process", key="e1").state == "failed"
    again = house.extracts.order(stefan, "process", {"extract": "e1"}, key="e1")
    assert (again.state, again.attempts, again.error) == ("queued", 0, "")
    assert house.extracts.order(stefan, "process", {"extract": "e1"}, key="e1") == again


def test_an_extract_is_taken_once_unless_another_one_is_asked_for(house, monkeypatch):
    stefan = house.actor("stefan")

    def write_source(settings, dataset, path):
        rows = {"household_id": ["H1"], "head_name": ["x"], "region_code": ["R01"], "welfare": [1.0]}
        pd.DataFrame(rows).to_parquet(path)
        return TODAY, "a test"

    monkeypatch.setattr("enclave.demo.sources.write_source", write_source)
    enclave = Enclave(house.kit, house.extracts, None, None, None, house.catalogue)
    worker = Worker(enclave, handlers.HANDLERS, {})

    def order(**more):
        made = house.extracts.order(
            stefan, "take_extract", {"dataset": "households"}, key="households", **more
        )
        house.clock.move(seconds=1)
        while worker.once():
            pass
        return made

    order()
    order()
    assert len(house.extracts.all(stefan)) == 1
    second = order(again=True)
    assert second.key.endswith("#2")
    assert len(house.extracts.all(stefan)) == 2
    handlers.take_extract(enclave, second.payload)  # as after a crash between registering and marking
    assert len(house.extracts.all(stefan)) == 2
    third = order(again=True)
    assert third.key.endswith("#3")
    assert len(house.extracts.all(stefan)) == 3


def processing(house, *, held: bool):
    """A `making` whose product is held, or not; and how often it was asked."""
    runs = []

    def process(actor, extract_id, progress):
        runs.append(extract_id)
        release = house.releases.publish(actor, product(extract_id, held=held))
        house.extracts.processed(actor, extract_id)
        return release

    return SimpleNamespace(process=process, runs=runs)


def test_a_held_release_allows_a_new_run_when_it_is_ordered_again_and_not_otherwise(house):
    stefan, extract = house.actor("stefan"), an_extract(house)
    making = processing(house, held=True)
    enclave = Enclave(house.kit, house.extracts, making, house.releases)
    worker = Worker(enclave, handlers.HANDLERS, {})
    first = house.extracts.order(stefan, "process", {"extract": extract.id}, key=extract.id)
    assert worker.once()
    handlers.process(enclave, first.payload)  # the same order once more, as after a crash
    house.extracts.order(stefan, "process", {"extract": extract.id}, key=extract.id)
    assert not worker.once()
    assert len(making.runs) == 1
    house.extracts.order(stefan, "process", {"extract": extract.id}, key=extract.id, again=True)
    assert worker.once()
    assert len(making.runs) == 2
    enclave.making = published = processing(house, held=False)
    for _ in range(3):
        house.extracts.order(stefan, "process", {"extract": extract.id}, key=extract.id, again=True)
        assert worker.once()
    assert len(published.runs) == 1, "what is published is not made again"
    with house.kit.read() as uow:
        states = [r.state for r in uow.find(Release, extract=extract.id)]
    assert states == [ReleaseState.HELD, ReleaseState.HELD, ReleaseState.PUBLISHED]


def test_a_crash_between_the_release_and_its_mark_is_put_right(house):
    stefan, extract = house.actor("stefan"), an_extract(house)
    order = house.extracts.order(stefan, "process", {"extract": extract.id}, key=extract.id)
    house.releases.publish(stefan, product(extract.id, held=False))
    making = processing(house, held=False)
    handlers.process(Enclave(house.kit, house.extracts, making, house.releases), order.payload)
    with house.kit.read() as uow:
        assert uow.get(Extract, extract.id).state is ExtractState.PROCESSED
    assert making.runs == []


# Standing tables


def standing(name: str) -> StandingTable:
    query = SimpleNamespace(
        name=name, canonical=name.encode, to_dict=lambda: {"n": name}, mechanism=Mechanism.LAPLACE
    )
    return StandingTable(name, name.title(), (query,))


@pytest.fixture
def tables(house, monkeypatch):
    """Three standing tables; `broken` names those whose draw fails."""
    broken: dict[str, Exception] = {}

    def answer(query, table):
        if query.name in broken:
            raise broken[query.name]
        return SimpleNamespace(frame=pd.DataFrame({"region": ["R01"], "value": [3]}), mechanism="test")

    names = ("first", "second", "third")
    listed = StandingList("households", 100.0, 1, "", tuple(map(standing, names)))
    monkeypatch.setattr(aggregating_module, "standing_list", lambda *_: listed)
    monkeypatch.setattr(aggregating_module.dp, "answer", answer)
    monkeypatch.setattr(aggregating_module.dp, "cost", lambda _: Loss(0.2))
    house.aggregating = Aggregating(house.kit, house.extracts, house.releases, house.budgets)
    return broken


def grant(house, epsilon: float) -> None:
    house.budgets.grant(house.actor("priya"), dataset="households", project="", epsilon=epsilon)


def test_one_table_that_fails_does_not_keep_back_the_next_and_costs_once(house, tables):
    grant(house, 0.6)
    stefan, extract = house.actor("stefan"), an_extract(house)
    tables["second"] = RuntimeError(CANARY)
    with pytest.raises(Invalid) as caught:
        house.aggregating.aggregate(stefan, extract.id)
    assert "Second" in caught.value.sentence
    assert "First" not in caught.value.sentence
    assert CANARY not in caught.value.sentence
    assert len(house.releases.published("households", Tier.OPEN)) == 2
    tables.clear()
    assert len(house.aggregating.aggregate(stefan, extract.id)) == 3
    assert len(house.releases.published("households", Tier.OPEN)) == 3
    assert house.budgets.balance("households").spent_epsilon == 0.6


def test_tables_that_the_budget_does_not_cover_are_named(house, tables):
    grant(house, 0.2)
    with pytest.raises(OverBudget, match=r"Second.*Third"):
        house.aggregating.aggregate(house.actor("stefan"), an_extract(house).id)
    assert [r.title.split(",")[0] for r in house.releases.published("households", Tier.OPEN)] == ["First"]


def test_a_withdrawn_table_is_not_published_again_by_a_second_run(house, tables):
    grant(house, 0.6)
    stefan, extract = house.actor("stefan"), an_extract(house)
    made = house.aggregating.aggregate(stefan, extract.id)
    house.releases.withdraw(stefan, made[0].id, "It counts the wrong programme.")
    house.aggregating.aggregate(stefan, extract.id)
    with house.kit.read() as uow:
        assert len(uow.find(Release, tier=Tier.OPEN.value)) == 3
    assert json.loads(json.dumps(made[0].summary))["charge"]
