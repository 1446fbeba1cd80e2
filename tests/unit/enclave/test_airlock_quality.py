"""Test outputs look like others, are decided like others and never leave; what the page says is what happened."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from houses import a_house, a_project

from enclave.airlock.checks import check_output
from enclave.airlock.model import OutputRequest, OutputState, Verdict
from enclave.airlock.releasing import RELEASED
from enclave.airlock.seeding import seeds
from enclave.kernel.actors import service
from enclave.kernel.errors import EnclaveError, NotAllowed, NotFound, Refused
from enclave.kernel.work import Message

CONTEXT = "Counts of households by region, for the report on who is reached and who is missed."


@pytest.fixture
def house(tmp_path):
    return a_house(tmp_path)


@pytest.fixture
def project(house):
    slug = a_project(house)
    house.workspaces.admit("rosa", slug)
    return slug


def vote(house, output, first, second):
    for checker, verdict in (("chloe", first), ("chidi", second)):
        house.clock.move(hours=1)
        words = "The column is a count of persons."
        output = house.airlock.review(house.actor(checker), output.id, verdict, words)
    return output


def an_output(house, project, name="t.csv"):
    (house.outputs(project) / name).write_bytes(b"region,n\nnorth,40\n")
    draft = house.airlock.create(
        house.actor("rosa"),
        project=project,
        title="A table",
        context=CONTEXT,
        controls="None.",
        files=(name,),
    )
    return house.airlock.submit(house.actor("rosa"), draft.id)


@pytest.mark.parametrize("name", sorted(seeds()))
def test_the_packaged_ones_pass_the_real_checks_so_that_people_decide(house, project, name):
    """Were one caught by software already, it would say nothing about people."""
    house.clock.move(days=179)
    airlock = dataclasses.replace(house.airlock, check=check_output)

    assert airlock.seed(house.actor("priya"), name).state is OutputState.SUBMITTED


@pytest.mark.parametrize("verdicts", list(itertools.product(Verdict, Verdict)))
def test_it_never_leaves_whatever_the_verdicts(house, project, verdicts):
    planted = house.airlock.seed(house.actor("priya"), "counts-called-a-dimension")
    assert planted.id in [o.id for o in house.airlock.queue(house.actor("chloe"))]

    done = vote(house, planted, *verdicts)

    assert done.state is OutputState.REFUSED
    house.airlock.releasing.finish(service("worker"), planted.id)
    assert not [key for (bucket, key, _) in house.objects.blobs if bucket == RELEASED]
    assert not [o for e in house.register.entries() for o in e.outputs]
    with house.kit.read() as uow:
        told = {m.username: m.sentence for m in uow.find(Message) if "was a test" in m.sentence}
    assert set(told) == {"chloe", "chidi"}
    for checker, verdict in zip(("chloe", "chidi"), verdicts, strict=True):
        assert ("You let it pass" in told[checker]) == (verdict is Verdict.APPROVE)


def test_its_supposed_author_never_meets_it(house, project):
    planted = house.airlock.seed(house.actor("priya"), "counts-called-a-dimension")
    rosa = house.actor("rosa")

    assert planted.author == "rosa"
    assert house.airlock.of_project(rosa, project) == []
    for touch in (house.airlock.read, house.airlock.submit, house.airlock.withdraw, house.airlock.reviews):
        with pytest.raises(EnclaveError):
            touch(rosa, planted.id)
    vote(house, planted, Verdict.APPROVE, Verdict.APPROVE)
    with house.kit.read() as uow:
        assert not [m for m in uow.find(Message, username="rosa") if planted.reference in m.sentence]


@pytest.mark.parametrize("who", ["rosa", "chloe", "stefan", "olga", "sami"])
def test_only_the_privacy_officer_plants_one(house, project, who):
    with pytest.raises(NotAllowed):
        house.airlock.seed(house.actor(who), "counts-called-a-dimension")
    with pytest.raises(NotFound, match="counts-called-a-dimension"):
        house.airlock.seed(house.actor("priya"), "nonsense")


def test_one_that_software_would_refuse_is_not_planted(house, project):
    def refuses(name, data, sidecar, threshold, earlier=(), own=None):
        result = house.airlock.check(name, data, sidecar, threshold, earlier, own)
        return dataclasses.replace(result, facts=result.facts | {"identifiers_found": 1})

    with pytest.raises(Refused):
        dataclasses.replace(house.airlock, check=refuses).seed(
            house.actor("priya"), "counts-called-a-dimension"
        )
    with house.kit.read() as uow:
        assert uow.find(OutputRequest) == []


def test_the_page_says_what_happened(house, project):
    priya = house.actor("priya")
    vote(house, an_output(house, project, "a.csv"), Verdict.APPROVE, Verdict.APPROVE)
    vote(house, an_output(house, project, "b.csv"), Verdict.APPROVE, Verdict.RETURN)
    vote(house, house.airlock.seed(priya, "counts-called-a-dimension"), Verdict.APPROVE, Verdict.REFUSE)
    vote(house, house.airlock.seed(priya, "one-household-in-words"), Verdict.APPROVE, Verdict.APPROVE)
    an_output(house, project, "c.csv")
    house.clock.move(hours=5)

    found = house.airlock.quality(priya)

    assert (found.decided, found.outcomes) == (4, {"approve": 2, "return": 1, "refuse": 1})
    assert (found.seeded, found.caught, found.caught_by_each) == (2, 1, 0.25)
    assert (found.pairs, found.agreement, found.kappa) == (4, 0.5, None)
    assert found.median_hours == pytest.approx(2, abs=0.01)
    assert (found.waiting, round(found.oldest_hours)) == (1, 5)
    house.clock.move(days=91)
    assert house.airlock.quality(priya).decided == 0
    with pytest.raises(NotAllowed):
        house.airlock.quality(house.actor("rosa"))


def test_kappa_is_agreement_beyond_chance():
    """Scott (1955): ten files, eight agreed; nine of twenty verdicts each way but for two returns."""
    from enclave.airlock.quality import _agreement

    votes = [("approve", "approve")] * 7 + [("return", "return")] + [("approve", "return")] * 2
    same, kappa = _agreement(votes)
    chance = (16 / 20) ** 2 + (4 / 20) ** 2
    assert (same, kappa) == (0.8, pytest.approx((0.8 - chance) / (1 - chance)))
    assert _agreement([("approve", "approve")] * 20) == (1.0, None)
