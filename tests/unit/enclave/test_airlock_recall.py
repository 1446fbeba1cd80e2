"""What was released by mistake is taken back: at once, for good, with a tombstone, and with word to whoever has it."""

from __future__ import annotations

import pytest
from houses import a_house, a_project

from enclave.airlock.model import OutputState, Verdict
from enclave.kernel.errors import IllegalMove, Invalid, NotAllowed, NotFound
from enclave.kernel.work import Message

CONTEXT = "Counts of households by region, for the report on who is reached and who is missed."
REASON = "Two rows show too few households."


@pytest.fixture
def released(tmp_path):
    house = a_house(tmp_path)
    project = a_project(house)
    house.workspaces.admit("rosa", project)
    (house.outputs(project) / "a.csv").write_bytes(b"region,n\nnorth,40\n")
    output = house.airlock.create(
        house.actor("rosa"),
        project=project,
        title="A table",
        context=CONTEXT,
        controls="None needed.",
        files=("a.csv",),
    )
    output = house.airlock.submit(house.actor("rosa"), output.id)
    for checker in ("chloe", "chidi"):
        output = house.airlock.review(house.actor(checker), output.id, Verdict.APPROVE, "")
    return house, output


def test_after_a_recall_nobody_fetches_it_and_the_register_says_why(released):
    house, output = released
    rosa, priya = house.actor("rosa"), house.actor("priya")
    house.airlock.download(rosa, output.id, "a.csv")

    assert house.airlock.recall(priya, output.reference, REASON).state is OutputState.RECALLED

    for fetch in (
        lambda: house.airlock.download(rosa, output.id, "a.csv"),
        lambda: house.airlock.package(rosa, output.id),
        lambda: house.airlock.credentials(rosa, output.id),
    ):
        with pytest.raises(NotFound, match="recalled"):
            fetch()
    [entry] = [e for e in house.register.entries() if e.slug == output.project]
    [told] = entry.outputs
    assert (told.recalled_because, told.recalled_on) == (REASON, house.clock.today())
    assert told.files[0][1] == output.files[0].sha256
    with house.kit.read() as uow:
        messages = [m.sentence for m in uow.find(Message, username="rosa")]
    assert any(REASON in m and "Delete every copy" in m for m in messages)
    # Its author still sees what became of it; strangers learn no more than before.
    assert house.airlock.read(rosa, output.id).state is OutputState.RECALLED
    with pytest.raises(NotFound, match="among yours"):
        house.airlock.download(house.actor("emil"), output.id, "a.csv")


@pytest.mark.parametrize("who", ["rosa", "emil", "stefan", "chloe", "nils", "olga", "sami"])
def test_only_the_privacy_officer_recalls(released, who):
    house, output = released
    with pytest.raises(NotAllowed):
        house.airlock.recall(house.actor(who), output.reference, REASON)
    assert house.airlock.download(house.actor("rosa"), output.id, "a.csv")


def test_a_recall_needs_a_reason_and_something_that_was_released_and_is_for_good(released):
    house, output = released
    priya, rosa = house.actor("priya"), house.actor("rosa")
    with pytest.raises(Invalid, match="why it is recalled"):
        house.airlock.recall(priya, output.reference, "  oops ")
    with pytest.raises(NotFound):
        house.airlock.recall(priya, "OUT-1999-0001", REASON)
    house.airlock.recall(priya, output.reference, REASON)
    with pytest.raises(IllegalMove):
        house.airlock.recall(priya, output.reference, REASON)
    for again in (house.airlock.submit, house.airlock.withdraw):
        with pytest.raises(IllegalMove):
            again(rosa, output.id)
    waiting = house.airlock.create(
        rosa, project=output.project, title="A table", context=CONTEXT, controls="None.", files=("a.csv",)
    )
    with pytest.raises(NotFound):
        house.airlock.recall(priya, waiting.reference, REASON)
