"""Pseudonym keys in the house: apart from the data, rotated and destroyed with an event, gone with their project."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from houses import a_house, a_project

from anonymization.custody import KeyDestroyed
from anonymization.keys import KeyRing
from enclave.audit.model import AuditEvent
from enclave.jobs import handlers
from enclave.kernel.actors import service
from enclave.kernel.errors import IllegalMove, Invalid, NotAllowed, NotFound
from enclave.kernel.work import Job
from enclave.projects.model import Project, ProjectState
from enclave.requests.model import EntitlementState

WHY = "The study is finished and archived."
MASTER = b"a master key for tests only"


@pytest.fixture
def house(tmp_path):
    return a_house(tmp_path)


def the_cut(house, project: str) -> pd.DataFrame:
    (entitlement,) = house.entitlements.of_project(project)
    return pd.read_parquet(io.BytesIO(house.objects.read(entitlement.files[0])))


def events(house, name: str) -> list[AuditEvent]:
    with house.kit.read() as uow:
        return uow.find(AuditEvent, event=name)


def test_closing_a_project_ends_access_and_destroys_its_key_for_good(house):
    project = a_project(house)
    tokens = set(the_cut(house, project)["household_id"])
    assert tokens
    house.closing.close(house.actor("stefan"), project, WHY)
    assert {e.state for e in house.entitlements.of_project(project)} == {EntitlementState.REVOKED}
    with house.kit.read() as uow:
        (job,) = uow.find(Job, kind="destroy_keys")
    handlers.HANDLERS[job.kind](house, job.payload)
    scope = f"project:{project}"
    with pytest.raises(IllegalMove, match="closed"):
        house.keys.open(scope)
    with pytest.raises(KeyDestroyed):  # nor by whoever goes past the house
        house.keys.custody.open(scope)
    (event,) = events(house, "key:destroy")
    assert (event.subject, event.facts["version"]) == (f"key:{scope}", "all")
    assert events(house, "project:close")[0].facts["entitlements_ended"] == 1
    # Releases of the dataset keep their pseudonyms; nothing that is left leads from them to the project's.
    release = pd.Series(
        house.keys.open("dataset:households").tokens("dataset:households", "household", pd.Series(["H1"]))
    )
    for secret in (
        MASTER,
        *(
            p.read_bytes()
            for p in house.keys.custody.directory.rglob("*")
            if p.is_file() and p.stat().st_size > 15
        ),
    ):
        assert not tokens & set(KeyRing(secret).tokens(scope, "household_id", release))


def test_destroying_is_said_once_even_when_a_crash_came_before_the_event(house):
    project = a_project(house)
    house.closing.close(house.actor("stefan"), project, WHY)
    house.keys.custody.destroy(f"project:{project}", by="service:worker", reason="The project is closed.")
    assert not events(house, "key:destroy")
    for _ in range(3):
        handlers.forget(house)
    assert len(events(house, "key:destroy")) == 1
    assert house.audit.verify(with_anchors=False) == []


def test_a_key_of_a_closed_project_that_comes_back_from_a_backup_goes_again(house):
    project = a_project(house)
    folder = house.keys.custody.directory
    kept = {p: p.read_bytes() for p in folder.rglob("*.key")}
    house.closing.close(house.actor("stefan"), project, WHY)
    handlers.forget(house)
    for stone in folder.rglob("*.gone"):  # a whole directory from before the destruction
        stone.unlink()
    for path, content in kept.items():
        path.write_bytes(content)
    with pytest.raises(IllegalMove, match="closed"):
        house.keys.open(f"project:{project}")
    handlers.forget(house)
    assert not [p for p in folder.rglob("*.key") if "project" in p.parent.name]


def test_a_rotation_changes_the_next_cut_and_not_the_dataset(house):
    project = a_project(house)
    before = set(the_cut(house, project)["household_id"])
    assert house.keys.rotate(house.actor("priya"), f"project:{project}", "A key was copied to a laptop.") == 2
    (entitlement,) = house.entitlements.of_project(project)
    dataset = house.catalogue.dataset("households")
    release = pd.DataFrame(
        {
            "household_id": house.keys.open("dataset:households").tokens(
                "dataset:households", "household", pd.Series(["H1"])
            ),
            "region_code": "R01",
            "welfare": 1.0,
        }
    )
    again = house.provisioning.cut(release, dataset, entitlement)
    assert not set(again["household_id"]) & before
    (event,) = events(house, "key:rotate")
    assert event.facts == {"version": 2, "reason": "A key was copied to a laptop."}


def test_the_key_of_an_active_project_cannot_be_destroyed_from_under_it(house):
    project = a_project(house)
    with pytest.raises(IllegalMove, match="enclave project close"):
        house.keys.destroy(house.actor("priya"), f"project:{project}", WHY)
    house.keys.rotate(house.actor("priya"), f"project:{project}", WHY)
    assert house.keys.destroy(house.actor("priya"), f"project:{project}", WHY, version=1)
    house.keys.open(f"project:{project}")


def test_who_may_do_what_with_keys(house):
    project = a_project(house)
    scope = f"project:{project}"
    for name in ("rosa", "stefan", "sami", "olga"):
        with pytest.raises(NotAllowed):
            house.keys.rotate(house.actor(name), scope, WHY)
        with pytest.raises(NotAllowed):
            house.keys.destroy(house.actor(name), scope, WHY)
    for name in ("rosa", "sami"):
        with pytest.raises(NotAllowed):
            house.closing.close(house.actor(name), project, WHY)
        with pytest.raises(NotAllowed):
            house.keys.held(house.actor(name))
    assert {h.key.scope for h in house.keys.held(house.actor("olga"))} == {scope}


def test_mistakes_get_a_sentence_and_change_nothing(house):
    project = a_project(house)
    priya, stefan = house.actor("priya"), house.actor("stefan")
    with pytest.raises(Invalid, match="keys list"):
        house.keys.rotate(priya, "project:nobody", WHY)
    with pytest.raises(Invalid, match="why"):
        house.keys.rotate(priya, f"project:{project}", "x")
    with pytest.raises(NotFound):
        house.closing.close(stefan, "nobody", WHY)
    with pytest.raises(Invalid, match="why"):
        house.closing.close(stefan, project, " ")
    house.closing.close(stefan, project, WHY)
    with pytest.raises(IllegalMove):
        house.closing.close(stefan, project, WHY)
    with house.kit.read() as uow:
        assert uow.first(Project, slug=project).state is ProjectState.CLOSED


def test_a_key_that_outlives_its_project_is_named(house):
    project = a_project(house)
    assert [h.overdue for h in house.keys.held(house.actor("olga"))] == [False]
    house.clock.move(days=201)
    assert [h.overdue for h in house.keys.held(house.actor("olga"))] == [True]
    assert project


def test_a_granted_entitlement_of_a_closed_project_is_never_cut(house):
    project = a_project(house)
    (entitlement,) = house.entitlements.of_project(project)
    house.closing.close(house.actor("stefan"), project, WHY)
    with pytest.raises(IllegalMove, match="closed"):
        house.provisioning.cut(
            pd.DataFrame({"household_id": ["0" * 20], "region_code": "R01"}),
            house.catalogue.dataset("households"),
            entitlement,
        )
    assert house.provisioning.provision(service("worker"), entitlement.id).state is EntitlementState.REVOKED
