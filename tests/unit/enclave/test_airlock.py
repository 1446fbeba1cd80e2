"""The airlock's corners: changes under a checker's eyes, half-failed releases, approvals that no longer count."""

from __future__ import annotations

import dataclasses

import pytest
from houses import a_house, a_project

from enclave.airlock.model import OutputState, Verdict
from enclave.airlock.releasing import RELEASED
from enclave.kernel.actors import service
from enclave.kernel.errors import Conflict, EnclaveError, IllegalMove, Invalid, NotFound, Refused, Unavailable

CONTEXT = "Counts of households by region, for the report on who is reached and who is missed."
WORKER = service("worker")


@pytest.fixture
def house(tmp_path):
    return a_house(tmp_path)


def a_draft(house, content: bytes = b"nice,10", name: str = "table.csv"):
    project = a_project(house)
    house.workspaces.admit("rosa", project)
    (house.outputs(project) / name).write_bytes(content)
    return house.airlock.create(
        house.actor("rosa"),
        project=project,
        title="A table",
        context=CONTEXT,
        controls="None needed.",
        files=(name,),
    )


def submitted(house, **more):
    return house.airlock.submit(house.actor("rosa"), a_draft(house, **more).id)


def test_files_swapped_while_they_are_copied_do_not_reach_the_checkers(house):
    draft = a_draft(house)
    work = house.outputs(draft.project)
    honest = house.airlock.check

    def submit_meanwhile(*arguments):
        house.airlock.submit(house.actor("rosa"), draft.id)
        return honest(*arguments)

    (work / "table.csv").write_bytes(b"SMALL,raw rows of people")
    sly = dataclasses.replace(house.airlock, check=submit_meanwhile)
    with pytest.raises((IllegalMove, Conflict)):
        sly.take_again(house.actor("rosa"), draft.id, ("table.csv",))
    now = house.airlock.read(house.actor("rosa"), draft.id)
    assert [f.sha256 for f in now.files] == [f.sha256 for f in draft.files]


def test_a_verdict_on_files_that_have_changed_since_they_were_seen_is_refused(house):
    output = submitted(house)
    seen = output.digests
    for checker in ("chloe", "chidi"):
        house.airlock.review(
            house.actor(checker), output.id, Verdict.RETURN, "Please name the denominators.", seen=seen
        )
    (house.outputs(output.project) / "table.csv").write_bytes(b"other,20")
    rosa = house.actor("rosa")
    house.airlock.take_again(rosa, output.id, ("table.csv",))
    house.airlock.submit(rosa, output.id)
    with pytest.raises(Conflict, match="Look at them again"):
        house.airlock.review(house.actor("chloe"), output.id, Verdict.APPROVE, "", seen=seen)


@pytest.mark.parametrize("moment", ["draft", "withdrawn", "denied"])
def test_a_checker_reads_only_what_waits_for_a_check(house, moment):
    draft = a_draft(house, content=b"SMALL,3" if moment == "denied" else b"nice,10")
    if moment == "withdrawn":
        house.airlock.submit(house.actor("rosa"), draft.id)
        house.airlock.withdraw(house.actor("rosa"), draft.id)
    with pytest.raises(NotFound):
        house.airlock.preview(house.actor("chloe"), draft.id, "table.csv")


def test_every_look_at_a_file_is_written_down(house):
    output = submitted(house)
    house.airlock.preview(house.actor("chloe"), output.id, "table.csv")
    events = house.audit.events(house.actor("olga"), event="output:preview")
    assert [(e.actor, e.facts["sha256"]) for e in events] == [("chloe", output.files[0].sha256)]


def test_a_release_that_failed_half_way_leaves_nothing_that_can_be_read(house):
    output = submitted(house)
    house.airlock.review(house.actor("chloe"), output.id, Verdict.APPROVE, "")
    put = house.objects.put

    def broken(bucket, *more, **named):
        put(bucket, *more, **named)
        raise Unavailable("The store went away.")

    house.objects.put = broken
    with pytest.raises(Unavailable):
        house.airlock.review(house.actor("chidi"), output.id, Verdict.APPROVE, "")
    house.objects.put = put
    rosa = house.actor("rosa")
    with pytest.raises(NotFound):
        house.airlock.download(rosa, output.id, "table.csv")
    with pytest.raises(NotFound):
        house.airlock.credentials(rosa, output.id)
    done = house.airlock.releasing.finish(WORKER, output.id)
    assert done.state is OutputState.RELEASED
    prefix = house.airlock.credentials(rosa, output.id).prefix
    reachable = [k for b, k, _ in house.objects.blobs if b == RELEASED and k.startswith(prefix)]
    assert reachable == [done.released[0].key]
    assert house.airlock.releasing.finish(WORKER, output.id) == done


@pytest.mark.parametrize("change", ["left", "lost the role", "changed sides"])
def test_an_approval_of_somebody_who_may_no_longer_check_does_not_count(house, change):
    output = submitted(house)
    house.airlock.review(house.actor("chloe"), output.id, Verdict.APPROVE, "")
    chloe = house.people.by_username("chloe")
    changed = {
        "left": dataclasses.replace(chloe, active=False),
        "lost the role": dataclasses.replace(chloe, roles=()),
        "changed sides": dataclasses.replace(chloe, organisation=" UNIVERSITY "),
    }[change]
    with house.kit.write() as uow:
        uow.put(changed)
        uow.commit()
    after = house.airlock.review(house.actor("chidi"), output.id, Verdict.APPROVE, "")
    assert (after.state, after.round) == (OutputState.DRAFT, 2)
    assert not [b for b, *_ in house.objects.blobs if b == RELEASED]


def test_a_checker_whose_organisation_is_not_known_is_not_asked(house):
    output = submitted(house)
    with house.kit.write() as uow:
        uow.put(dataclasses.replace(house.people.by_username("chloe"), organisation=""))
        uow.commit()
    with pytest.raises(Refused):
        house.airlock.review(house.actor("chloe"), output.id, Verdict.APPROVE, "")


def test_nothing_is_sent_in_after_access_has_ended(house):
    draft = a_draft(house)
    (entitlement,) = house.entitlements.of_project(draft.project)
    house.entitlements.revoke(house.actor("priya"), entitlement.id, "The agreement was broken.")
    rosa = house.actor("rosa")
    with pytest.raises(NotFound, match="ended"):
        house.airlock.submit(rosa, draft.id)
    with pytest.raises(NotFound, match="ended"):
        house.airlock.take_again(rosa, draft.id, ("table.csv",))


def test_a_project_without_a_workspace_gets_a_sentence(house):
    project = a_project(house)
    with pytest.raises(Invalid, match="no such plain file"):
        house.airlock.create(
            house.actor("rosa"),
            project=project,
            title="A table",
            context=CONTEXT,
            controls="None needed.",
            files=("a.csv",),
        )


def test_the_evidence_pack_is_not_a_download(house):
    project = a_project(house)
    del project
    release = house.releases.published("households")[0]
    for who in (None, house.actor("pia"), house.actor("rosa")):
        for name in ("evidence.json", "households.parquet", "manifest.json"):
            with pytest.raises(EnclaveError):
                house.releases.download(who, release.id, name)


def test_a_withdrawn_release_is_neither_provisioned_nor_mounted(house):
    project = a_project(house)
    release = house.releases.published("households")[0]
    house.releases.withdraw(house.actor("stefan"), release.id, "A column was classified wrongly.")
    assert not house.workspaces.still_admitted("rosa", project)
    with pytest.raises(Refused):
        house.workspaces.admit("rosa", project)


def test_what_nobody_may_use_any_more_is_removed_from_the_host(house):
    project = a_project(house)
    data = next(m.source for m in house.workspaces.admit("rosa", project).mounts if m.target == "/data")
    assert house.workspaces.clear_ended() == 0
    house.clock.move(days=500)
    assert house.workspaces.clear_ended() == 1
    assert not data.exists()


def two_files(house, *, partial: bool):
    project = a_project(house)
    house.workspaces.admit("rosa", project)
    for name in ("good.csv", "odd.csv"):
        (house.outputs(project) / name).write_bytes(f"{name},10".encode())
    draft = house.airlock.create(
        house.actor("rosa"),
        project=project,
        title="Two tables",
        context=CONTEXT,
        controls="None needed.",
        files=("good.csv", "odd.csv"),
        partial=partial,
    )
    return house.airlock.submit(house.actor("rosa"), draft.id)


def vote(house, checker, output, odd, notes=""):
    files = {"good.csv": Verdict.APPROVE, "odd.csv": odd}
    return house.airlock.review(
        house.actor(checker),
        output.id,
        Verdict.APPROVE,
        "The odd one needs labels.",
        files=files,
        notes=notes,
    )


@pytest.mark.parametrize("odd", [(Verdict.RETURN, Verdict.APPROVE), (Verdict.APPROVE, Verdict.REFUSE)])
def test_what_both_approve_leaves_before_the_rest_where_its_author_said_so(house, odd):
    output = two_files(house, partial=True)
    vote(house, "chloe", output, odd[0])
    done = vote(house, "chidi", output, odd[1])

    assert done.state is OutputState.RELEASED
    assert [r.key.rsplit("/", 1)[-1] for r in done.released] == ["good.csv"]
    rosa = house.actor("rosa")
    with pytest.raises(NotFound):
        house.airlock.download(rosa, output.id, "odd.csv")
    [rest] = [o for o in house.airlock.of_project(rosa, output.project) if o.split_from]
    assert (rest.split_from, [f.name for f in rest.files]) == (output.reference, ["odd.csv"])
    if Verdict.REFUSE in odd:
        assert rest.state is OutputState.REFUSED
        with pytest.raises(IllegalMove):
            house.airlock.submit(rosa, rest.id)
    else:
        # The votes of the first request do not count for it.
        again = house.airlock.submit(rosa, rest.id)
        assert again.state is OutputState.SUBMITTED
        assert house.airlock.releasing.finish(WORKER, rest.id).state is OutputState.SUBMITTED


def test_files_that_only_make_sense_together_stay_together(house):
    output = two_files(house, partial=False)
    vote(house, "chloe", output, Verdict.RETURN)
    back = vote(house, "chidi", output, Verdict.APPROVE)

    assert (back.state, back.round, len(back.files)) == (OutputState.DRAFT, 2, 2)
    with pytest.raises(NotFound):
        house.airlock.download(house.actor("rosa"), output.id, "good.csv")


def test_each_file_needs_both_approvals_not_two_approvals_of_something(house):
    output = two_files(house, partial=True)
    house.airlock.review(
        house.actor("chloe"),
        output.id,
        Verdict.APPROVE,
        "The odd one needs labels.",
        files={"good.csv": Verdict.APPROVE, "odd.csv": Verdict.RETURN},
    )
    back = house.airlock.review(
        house.actor("chidi"),
        output.id,
        Verdict.APPROVE,
        "The good one is not so good.",
        files={"good.csv": Verdict.RETURN, "odd.csv": Verdict.APPROVE},
    )

    assert back.state is OutputState.DRAFT
    assert not [key for (bucket, key, _) in house.objects.blobs if bucket == RELEASED]


@pytest.mark.parametrize("files", [{"good.csv": Verdict.APPROVE}, {"other.csv": Verdict.APPROVE}])
def test_a_verdict_is_on_each_file_or_on_none(house, files):
    output = two_files(house, partial=True)
    with pytest.raises(Invalid, match="each of the files"):
        house.airlock.review(house.actor("chloe"), output.id, Verdict.APPROVE, "", files=files)


def test_notes_are_for_checkers_and_only_when_both_verdicts_are_in(house):
    output = two_files(house, partial=False)
    vote(house, "chloe", output, Verdict.RETURN, notes="Looks like the table of last week.")
    assert house.airlock.reviews(house.actor("chidi"), output.id) == []
    vote(house, "chidi", output, Verdict.RETURN)

    for who, seen in (("rosa", ["", ""]), ("chidi", ["Looks like the table of last week.", ""])):
        if who == "chidi":
            house.airlock.submit(house.actor("rosa"), output.id)
        assert [r.notes for r in house.airlock.reviews(house.actor(who), output.id)] == seen
