"""Asking for data: what a researcher, a steward and a policy may and may not do."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from houses import ANSWERS, a_house, a_project, a_submitted_request, publish

from enclave.kernel.actors import service
from enclave.kernel.errors import Conflict, IllegalMove, Invalid, NotAllowed, NotFound, Refused
from enclave.requests.model import EntitlementState, RequestState


@pytest.fixture
def house(tmp_path):
    return a_house(tmp_path)


def test_a_request_goes_from_draft_to_an_entitlement_with_exactly_what_was_asked(house):
    project = a_project(house)

    (entitlement,) = house.entitlements.of_project(project)
    assert entitlement.state is EntitlementState.ACTIVE
    cut = pd.read_parquet(io.BytesIO(house.objects.read(entitlement.files[0])))
    assert list(cut.columns) == ["household_id", "region_code", "welfare"]
    assert set(cut.region_code) == {"R01"}
    assert len(cut) == entitlement.rows == 20


def test_two_projects_cannot_join_their_pseudonyms(house):
    first = a_project(house)
    request = a_submitted_request(house, title="Another question")
    second = house.requests.approve(house.actor("stefan"), request.id, "Also in the public interest.").project
    (entitlement,) = house.entitlements.of_project(second)
    house.provisioning.provision(service("worker"), entitlement.id)

    ids = []
    for project in (first, second):
        (entitlement,) = house.entitlements.of_project(project)
        ids.append(set(pd.read_parquet(io.BytesIO(house.objects.read(entitlement.files[0]))).household_id))
    assert len(ids[0]) == len(ids[1]) == 20
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("verb", ["approve", "refuse", "send_back"])
def test_every_decision_says_why(house, verb):
    publish(house)
    request = a_submitted_request(house)
    for nothing in ("", "   ", "ok", " " * 40):
        with pytest.raises(Invalid, match="Say in a sentence why"):
            getattr(house.requests, verb)(house.actor("stefan"), request.id, nothing)
    assert house.requests.read(house.actor("stefan"), request.id).state is RequestState.SUBMITTED


def test_nobody_approves_their_own_request(house):
    publish(house)
    stefan = house.people.by_username("stefan")
    with house.kit.write() as uow:
        uow.put(replace(stefan, roles=(*stefan.roles, "researcher")))
        uow.commit()
    both = house.actor("stefan")
    request = house.requests.create(both, ANSWERS)
    request = house.requests.submit(both, request.id)
    with pytest.raises(Refused) as refused:
        house.requests.approve(both, request.id, "I like it.")
    assert refused.value.decision.cites.startswith("access@1:")
    assert house.requests.read(both, request.id).state is RequestState.SUBMITTED


def test_a_member_may_not_approve(house):
    publish(house)
    request = a_submitted_request(house, members=("stefan",))
    with pytest.raises(Refused, match="member"):
        house.requests.approve(house.actor("stefan"), request.id, "I like it.")


@pytest.mark.parametrize("username", ["rosa", "chloe", "sami", "olga", "pia", "priya"])
def test_only_a_steward_decides(house, username):
    publish(house)
    request = a_submitted_request(house)
    for decide in (house.requests.approve, house.requests.refuse, house.requests.send_back):
        with pytest.raises(NotAllowed, match="steward"):
            decide(house.actor(username), request.id, "A reason that is long enough.")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"variables": ("household_id", "head_name")}, "identifier"),
        ({"variables": ("household_id", "shoe_size")}, "variable"),
        ({"areas": ("R01", "R99")}, "area"),
        ({"purpose": "curiosity"}, "purposes"),
        ({"summary": "Short."}, "summary"),
        ({"duration_days": 5000}, "days"),
        ({"members": ("nobody",)}, "agreement"),
    ],
)
def test_a_request_for_too_much_is_refused_with_the_rule_that_says_so(house, changes, word):
    publish(house)
    rosa = house.actor("rosa")
    request = house.requests.create(rosa, replace(ANSWERS, **changes))
    with pytest.raises(Refused) as refused:
        house.requests.submit(rosa, request.id)
    assert word in str(refused.value)
    assert house.requests.read(rosa, request.id).state is RequestState.DRAFT


def test_a_draft_saves_whatever_it_holds_and_says_everything_that_is_missing_at_once(house):
    rosa = house.actor("rosa")
    request = house.requests.create(rosa, replace(ANSWERS, title="", dataset="", variables=()))
    with pytest.raises(Invalid) as invalid:
        house.requests.submit(rosa, request.id)
    assert set(invalid.value.fields) == {"title", "dataset", "variables"}


def test_lapsed_training_stops_an_approval_that_submission_let_through(house):
    publish(house)
    request = a_submitted_request(house)
    house.clock.move(days=401)
    with pytest.raises(Refused, match="training"):
        house.requests.approve(house.actor("stefan"), request.id, "It is fine.")


def test_returned_answers_come_back_as_a_new_round(house):
    publish(house)
    request = a_submitted_request(house)
    house.requests.send_back(house.actor("stefan"), request.id, "Say which outputs you plan.")
    rosa = house.actor("rosa")
    again = house.requests.read(rosa, request.id)
    assert (again.state, again.round) == (RequestState.DRAFT, 2)
    assert house.requests.submit(rosa, request.id).state is RequestState.SUBMITTED


def test_submitted_answers_do_not_change(house):
    publish(house)
    request = a_submitted_request(house)
    with pytest.raises(NotAllowed, match="do not change"):
        house.requests.edit(house.actor("rosa"), request.id, ANSWERS)


def test_two_editors_do_not_overwrite_each_other(house):
    rosa = house.actor("rosa")
    request = house.requests.create(rosa, ANSWERS)
    house.requests.edit(rosa, request.id, replace(ANSWERS, title="One"), version=request.version)
    with pytest.raises(Conflict, match="first"):
        house.requests.edit(rosa, request.id, replace(ANSWERS, title="Two"), version=request.version)


def test_a_decided_request_cannot_be_decided_again(house):
    publish(house)
    request = a_submitted_request(house)
    house.requests.refuse(house.actor("stefan"), request.id, "The purpose does not fit the data.")
    with pytest.raises(IllegalMove, match="refused"):
        house.requests.approve(house.actor("stefan"), request.id, "On second thoughts.")


def test_a_stranger_cannot_tell_that_a_request_exists(house):
    rosa = house.actor("rosa")
    request = house.requests.create(rosa, ANSWERS)
    with pytest.raises(NotFound) as exists:
        house.requests.read(house.actor("emil"), request.id)
    with pytest.raises(NotFound):
        house.requests.read(house.actor("emil"), "no-such-id")
    assert "yours" in str(exists.value)


def test_access_ends_with_the_shortest_of_entitlement_and_training(house):
    project = a_project(house)
    assert house.workspaces.still_admitted("rosa", project)
    house.clock.move(days=201)
    assert not house.workspaces.still_admitted("rosa", project)


def test_revocation_ends_access_at_once_and_orders_the_session_to_stop(house):
    from enclave.kernel.work import Job

    project = a_project(house)
    (entitlement,) = house.entitlements.of_project(project)
    house.entitlements.revoke(house.actor("priya"), entitlement.id, "The agreement was broken.")
    assert not house.workspaces.still_admitted("rosa", project)
    with pytest.raises(Refused, match="entitlement"):
        house.workspaces.admit("rosa", project)
    with house.kit.read() as uow:
        assert [j.payload["user"] for j in uow.find(Job, kind="stop_session")] == ["rosa"]


def test_admission_mounts_exactly_the_entitled_files(house):
    project = a_project(house)
    admission = house.workspaces.admit("rosa", project)
    data = next(m for m in admission.mounts if m.target == "/data")
    assert not data.writable
    assert sorted(p.name for p in data.source.iterdir()) == ["households.about.json", "households.parquet"]
    assert admission.uid > 60_000
    assert admission.expires_at <= house.clock.now() + timedelta(days=1)


def test_what_is_no_longer_entitled_disappears_from_the_mount(house):
    project = a_project(house)
    admission = house.workspaces.admit("rosa", project)
    data = next(m for m in admission.mounts if m.target == "/data").source
    (data / "leftover.parquet").write_bytes(b"x")
    house.workspaces.admit("rosa", project)
    assert not (data / "leftover.parquet").exists()


@pytest.mark.parametrize("username", ["emil", "stefan", "sami", "nobody"])
def test_nobody_else_is_admitted(house, username):
    project = a_project(house)
    assert not house.workspaces.still_admitted(username, project)
    with pytest.raises((NotFound, NotAllowed)):
        house.workspaces.admit(username, project)
