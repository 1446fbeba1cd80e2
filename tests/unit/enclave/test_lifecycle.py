"""A workspace is suspended, resumed and destroyed; what is said to be gone is gone, and the certificate says what is not."""

from __future__ import annotations

import os

import pytest
from houses import a_house, a_project

from enclave.custody.service import project_scope
from enclave.kernel.actors import service
from enclave.kernel.errors import Conflict, IllegalMove, Invalid, NotAllowed, NotFound, Refused
from enclave.kernel.signing import HouseSigner, signature_holds
from enclave.kernel.work import Job
from enclave.workspaces.lifecycle import Lifecycle

REASON = "A laptop of the project was stolen."


@pytest.fixture
def house(tmp_path):
    house = a_house(tmp_path)
    house.clock.move(days=179)  # to a day on which version 2 of the policy holds
    signer = HouseSigner.of("a master key for tests only")
    house.lifecycle = Lifecycle(house.kit, house.staging, signer, house.keys.project_key_destroyed, 1)
    return house


@pytest.fixture
def project(house):
    slug = a_project(house)
    house.workspaces.admit("rosa", slug)
    return slug


def test_a_suspended_workspace_ends_its_sessions_and_opens_none_until_it_is_resumed(house, project):
    stefan = house.actor("stefan")
    assert house.workspaces.still_admitted("rosa", project)
    (house.outputs(project) / "kept.txt").write_text("work")

    house.lifecycle.suspend(stefan, project, REASON)

    assert not house.workspaces.still_admitted("rosa", project)  # what the hub asks of a running session
    with pytest.raises(Refused, match="resume"):
        house.workspaces.admit("rosa", project)
    with house.kit.read() as uow:
        stops = [j.payload for j in uow.find(Job, kind="stop_session")]
    assert {"user": "rosa", "project": project} in stops
    house.lifecycle.resume(stefan, project)
    assert house.workspaces.admit("rosa", project)
    assert (house.outputs(project) / "kept.txt").read_text() == "work"
    with pytest.raises(IllegalMove):
        house.lifecycle.resume(stefan, project)


@pytest.mark.parametrize("who", ["rosa", "chloe", "sami", "olga"])
def test_who_decides_on_access_suspends_and_nobody_else(house, project, who):
    with pytest.raises(NotAllowed):
        house.lifecycle.suspend(house.actor(who), project, REASON)
    with pytest.raises(NotAllowed):
        house.lifecycle.destroy(house.actor(who), project)


def test_a_reason_is_needed_and_a_workspace(house, project):
    with pytest.raises(Invalid):
        house.lifecycle.suspend(house.actor("stefan"), project, "why")
    with pytest.raises(NotFound):
        house.lifecycle.suspend(house.actor("stefan"), "p9-nothing", REASON)


def closed(house, project):
    house.closing.close(house.actor("stefan"), project, "The study has ended, its report is out.")
    house.keys.destroy_closed(service("worker"))


def test_destruction_takes_files_objects_and_key_and_signs_for_it(house, project):
    (house.outputs(project) / "t.csv").write_text("x" * 100)
    cuts = next(e.files for e in house.entitlements.of_project(project))
    assert cuts
    with pytest.raises(IllegalMove, match="Close it first"):
        house.lifecycle.destroy(house.actor("stefan"), project)
    closed(house, project)
    house.objects.locks.clear()  # as when their retention has ended

    told = house.lifecycle.destroy(house.actor("stefan"), project)

    assert not house.staging.work_dir(project).exists()
    assert not house.staging.data_dir(project).exists()
    assert told["workspace"]["bytes"] >= 100
    gone = {(o["bucket"], o["key"], o["version"]) for o in told["objects_deleted"]}
    assert {(r.bucket, r.key, r.version_id) for r in cuts} <= gone
    assert not gone & set(house.objects.blobs)
    assert told["objects_kept_under_lock"] == []
    assert house.keys.project_key_destroyed(project)
    assert signature_holds(told, HouseSigner.of("a master key for tests only").public_key)
    assert not signature_holds(told | {"objects_deleted": []}, told["signed_with"])
    with pytest.raises(IllegalMove):
        house.lifecycle.destroy(house.actor("stefan"), project)
    events = house.audit.events(house.actor("olga"), event="workspace:destroy")
    assert [e.facts["kept"] for e in events] == [0]


def test_what_the_store_keeps_under_lock_is_said_to_be_kept(house, project):
    closed(house, project)
    told = house.lifecycle.destroy(house.actor("stefan"), project)

    kept = {(o["bucket"], o["key"], o["version"]) for o in told["objects_kept_under_lock"]}
    assert kept
    assert kept <= set(house.objects.blobs)


def test_without_the_keys_end_there_is_no_certificate(house, project):
    house.closing.close(house.actor("stefan"), project, "The study has ended, its report is out.")
    assert any(k.scope == project_scope(project) for k in house.keys.custody.states())
    with pytest.raises(Conflict, match="key"):
        house.lifecycle.destroy(house.actor("stefan"), project)
    assert house.staging.work_dir(project).exists()


def test_usage_counts_what_is_there_and_follows_no_link(house, project):
    work = house.outputs(project)
    (work / "a.bin").write_bytes(b"x" * 1000)
    os.symlink("/usr", work / "elsewhere")
    os.symlink("/etc/passwd", work / "passwd")
    [before] = [u for u in house.lifecycle.usage(house.actor("sami")) if u.project == project]
    (work / "b.bin").write_bytes(b"x" * 500)
    [after] = [u for u in house.lifecycle.usage(house.actor("stefan")) if u.project == project]

    assert (after.files - before.files, after.work_bytes - before.work_bytes) == (1, 500)
    assert before.work_bytes < 10_000_000
    with pytest.raises(NotAllowed):
        house.lifecycle.usage(house.actor("rosa"))
