"""The synthesis job: planned, watched, called off, killed at any point; one release, one charge, whatever happens."""

from __future__ import annotations

import json
import signal
import threading
import time
from dataclasses import dataclass, replace

import pytest
from synthkit import SLUG, a_house, in_a_process, kill_me, opened

from anonymization.dp import Loss
from anonymization.synth.protocol import Cancelled
from enclave.budget.model import Charge
from enclave.catalogue.model import Dataset
from enclave.extracts import synthesising as module
from enclave.extracts.making import loss_of
from enclave.extracts.model import Extract
from enclave.extracts.recipes import SynthesisRecipe, recipe_of, recipes_of
from enclave.jobs import handlers
from enclave.jobs.worker import LEASE, Worker
from enclave.kernel.errors import IllegalMove, Invalid, NotAllowed, NotFound, OverBudget
from enclave.kernel.tiers import Tier
from enclave.kernel.work import Job
from enclave.releases.manifest import load
from enclave.releases.model import Release

KEPT = {
    "region_code",
    "group_size",
    "head_sex",
    "poverty_score",
    "eligible",
    "welfare_aggregate",
    "enrolled_cct",
}


def recipe(**changes) -> SynthesisRecipe:
    from synthkit import households

    left_out = tuple(c for c in households(2).columns if c not in KEPT)
    return SynthesisRecipe(**{"name": "test", "tables": 2, "min_leaf": 20, "leave_out": left_out, **changes})


PRIVATE = {"method": "mst", "epsilon": 1.0}


@dataclass
class Enclave:
    """What the handlers call."""

    kit: object
    synthesising: object
    orders: object


@pytest.fixture
def use(monkeypatch):
    """Makes every dataset's recipe this one."""

    def used(**changes):
        monkeypatch.setattr(module, "recipe_of", lambda *_: recipe(**changes))

    return used


@pytest.fixture
def light(tmp_path_factory, monkeypatch):
    """Without SDMetrics, an optional part that takes seconds to load, in this process and in those that it starts."""
    folder = tmp_path_factory.mktemp("light")
    (folder / "sdmetrics.py").write_text("raise ImportError('left out')\n")
    monkeypatch.syspath_prepend(folder)


def enclave(house) -> Enclave:
    return Enclave(house.kit, house.synthesising, house.orders)


def work(house) -> bool:
    return Worker(enclave(house), {"synthesise": handlers.synthesise}, {}).once()


def order(house, extract, **more) -> Job:
    return house.extracts.order(
        house.actor("stefan"), "synthesise", {"extract": extract}, key=extract, **more
    )


def synthetic(house) -> list[Release]:
    with house.kit.read() as uow:
        return uow.find(Release, tier=Tier.PUBLIC_USE.value)


def charges(house) -> list[Charge]:
    with house.kit.read() as uow:
        return uow.find(Charge)


def grant(house, epsilon=3.0):
    house.budgets.grant(house.actor("priya"), dataset=SLUG, project="", epsilon=epsilon, delta=1e-6)


def files(house, release) -> dict[str, bytes]:
    return {ref.key.rsplit("/", 1)[-1]: house.objects.read(ref) for ref in release.files}


# What is made


def test_two_tables_are_two_files_of_one_release_with_a_manifest_that_says_which(tmp_path, use, light):
    use()
    house, extract = a_house(tmp_path)
    order(house, extract)
    assert work(house)
    (release,) = synthetic(house)
    made = files(house, release)
    names = [f"{SLUG}-synthetic-1-of-2.csv", f"{SLUG}-synthetic-2-of-2.csv"]
    assert list(made) == [*names, "synthesis.json", "evidence.json"]
    about = json.loads(made["synthesis.json"])
    assert [t["file"] for t in about["tables"]] == names
    assert (about["m"], about["kind"], about["loss"]) == (2, "fully", None)
    assert {f.name for f in load(house.objects, release.manifest).files} == set(made)
    evidence = json.loads(made["evidence.json"])
    assert evidence["tables"]["m"] == 2
    assert made[names[0]] != made[names[1]]
    job = house.extracts.ordered(house.actor("stefan"), "synthesise", key=extract)
    assert job.state == "done"


def test_the_plan_says_what_it_takes_and_what_the_gate_will_ask_and_reads_no_row(tmp_path, use, monkeypatch):
    use()
    house, extract = a_house(tmp_path)
    monkeypatch.setattr(house.objects.__class__, "read", kill_me)
    todo = house.synthesising.plan(house.actor("stefan"), extract)
    assert (todo.rows, todo.recipe.tables, todo.loss, todo.problems) == (500, 2, None, ())
    assert set(todo.columns) == KEPT
    assert todo.seconds > 0
    assert todo.megabytes > 0
    assert todo.gate[0] == "synthetic-data"
    assert any("At most 1% of the synthetic rows equal a real one" in rule for rule in todo.gate[1])
    with pytest.raises(NotAllowed):
        house.synthesising.plan(house.actor("rosa"), extract)


def test_a_plan_beyond_the_recipes_bounds_is_refused_before_anything_starts(tmp_path, use, monkeypatch):
    use(max_seconds=20.0)
    house, extract = a_house(tmp_path)
    monkeypatch.setattr(module, "run_bounded", kill_me)
    with pytest.raises(Invalid, match="and the recipe allows 20"):
        house.synthesising.synthesise(house.actor("stefan"), extract)


def test_the_bound_that_was_stated_is_the_bound_at_which_the_process_is_ended(tmp_path, use, monkeypatch):
    use()
    house, extract = a_house(tmp_path)
    stefan, given = house.actor("stefan"), []
    monkeypatch.setattr(module, "run_bounded", lambda call, task, **most: given.append(most) or kill())

    def kill():
        raise Cancelled("enough")

    todo = house.synthesising.plan(stefan, extract)
    with pytest.raises(Cancelled):
        house.synthesising.synthesise(stefan, extract)
    (most,) = given
    assert (most["seconds"], most["megabytes"], most["wall"]) == (todo.seconds, todo.megabytes, todo.wall)


def test_the_best_of_two_methods_says_why(tmp_path, use):
    use(method="best", among=("cart", "gaussian_copula"), tables=1)
    house, extract = a_house(tmp_path)
    made = house.synthesising.synthesise(house.actor("stefan"), extract)
    evidence = json.loads(files(house, made)["evidence.json"])
    assert set(evidence["choice"]["candidates"]) == {"cart", "gaussian_copula"}
    assert evidence["choice"]["method"] == evidence["method"]["name"]
    assert evidence["choice"]["says"].endswith(".")
    assert "choice" not in json.dumps(made.summary)


# Orders: progress, calling off


def test_an_order_shows_how_far_it_is_beside_what_the_plan_allows(tmp_path, use, monkeypatch):
    use()
    house, extract = a_house(tmp_path)
    seen = []

    def slow(call, task, *, watch, **most):
        time.sleep(1.1)  # it is noted once a second
        watch.progress(3, 7, "table 1 of 2: trees")
        with house.kit.read() as uow:
            seen.append(uow.find(Job)[0].progress)
        raise Cancelled("enough")

    monkeypatch.setattr(module, "run_bounded", slow)
    order(house, extract)
    work(house)
    (progress,) = seen
    todo = house.synthesising.plan(house.actor("stefan"), extract)
    assert (progress["stage"], progress["done"], progress["of"]) == ("table 1 of 2: trees", 3, 7)
    assert progress["bound_seconds"] == round(todo.seconds)
    assert progress["bound_megabytes"] == round(todo.megabytes)


def test_a_running_order_is_called_off_within_seconds_and_can_be_ordered_again(tmp_path, use):
    use(method="tvae", epochs=100_000, tables=1)
    house, extract = a_house(tmp_path)
    stefan, job = house.actor("stefan"), order(house, extract)
    doing = threading.Thread(target=work, args=(opened(tmp_path, minutes=1),))
    doing.start()
    deadline = time.monotonic() + 120
    while not house.extracts.ordered(stefan, "synthesise", key=extract).progress:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    with pytest.raises(NotAllowed):
        house.orders.cancel(house.actor("rosa"), job.id)
    house.orders.cancel(stefan, job.id)
    doing.join(60)
    assert not doing.is_alive()
    after = house.extracts.ordered(stefan, "synthesise", key=extract)
    assert after.state == "cancelled"
    assert "can be ordered again" in after.error
    assert synthetic(house) == []
    with pytest.raises(IllegalMove, match="is cancelled"):
        house.orders.cancel(stefan, job.id)
    use()
    again = order(house, extract)
    assert (again.state, again.attempts, again.called_off, dict(again.progress)) == ("queued", 0, False, {})
    assert work(house)
    assert len(synthetic(house)) == 1


def test_a_queued_order_is_called_off_at_once_and_a_dead_workers_too(tmp_path, use, light):
    use()
    house, extract = a_house(tmp_path)
    stefan, job = house.actor("stefan"), order(house, extract)
    assert house.orders.cancel(stefan, job.id).state == "cancelled"
    assert not work(house)
    order(house, extract)
    with house.kit.write() as uow:  # a worker took it and died
        now = uow.get(Job, job.id)
        uow.put(replace(now, attempts=1, leased_until=house.clock.now() + LEASE))
        uow.commit()
    assert house.orders.cancel(stefan, job.id).state == "queued"
    house.clock.move(seconds=LEASE.total_seconds() + 1)
    assert work(house)
    assert house.extracts.ordered(stefan, "synthesise", key=extract).state == "cancelled"
    assert synthetic(house) == []


def test_only_what_can_be_ordered_can_be_called_off(tmp_path):
    house, _ = a_house(tmp_path)
    with house.kit.write() as uow:
        uow.later("provision", {}, key="provision:1")
        uow.commit()
    with house.kit.read() as uow:
        other = uow.find(Job, kind="provision")[0]
    with pytest.raises(NotFound, match="no such order"):
        house.orders.cancel(house.actor("stefan"), other.id)


# Killed


def at(monkeypatch, place, name, when):
    """Kills the process just before or just after something is called."""
    real = getattr(place, name)

    def dying(*args, **kwargs):
        if when == "before":
            kill_me()
        done = real(*args, **kwargs)
        kill_me()
        return done

    monkeypatch.setattr(place, name, dying)


POINTS = {
    "before it is learnt": (lambda: (module, "run_bounded", "before"), 0, 1),
    "after it was learnt": (lambda: (module, "run_bounded", "after"), 0, 1),
    "before it is published": (
        lambda: (__import__("enclave.releases.service").releases.service, "manifest_bytes", "after"),
        0,
        1,
    ),
    "after it was published": (lambda: (Worker, "_mark", "before"), 1, 1),
}


@pytest.mark.parametrize(
    ("point", "private"), [*((p, True) for p in POINTS), ("before it is published", False)]
)
def test_killed_at_any_point_there_is_one_release_and_one_charge(tmp_path, use, light, point, private):
    use(**(PRIVATE if private else {}), tables=1)
    house, extract = a_house(tmp_path, 300)
    grant(house)
    order(house, extract)
    place, name, when = POINTS[point][0]()

    def doomed():
        with pytest.MonkeyPatch.context() as patch:
            at(patch, place, name, when)
            work(opened(tmp_path, minutes=1))

    assert in_a_process(doomed) == -signal.SIGKILL
    assert len(synthetic(house)) == POINTS[point][1], "nothing half made is a release"
    if private:
        assert len(charges(house)) == 1
    counts = charges(house)[0].answer if private else None
    house.clock.move(minutes=5)
    assert work(house)
    assert len(synthetic(house)) == 1
    assert house.extracts.ordered(house.actor("stefan"), "synthesise", key=extract).state == "done"
    assert len(charges(house)) == int(private)
    if counts is not None:
        assert charges(house)[0].answer == counts, "what was drawn and stored is never drawn again"
    assert not work(house)
    assert house.budgets.audit(house.actor("olga"), loss_of) == []


def test_two_workers_with_one_order_publish_once(tmp_path, use, light, monkeypatch):
    use(tables=1)
    house, extract = a_house(tmp_path, 300)
    stefan, real, other = house.actor("stefan"), module.run_bounded, opened(tmp_path, minutes=1)
    since = house.clock.now()

    def overtaken(*args, **kwargs):
        done = real(*args, **kwargs)
        monkeypatch.setattr(module, "run_bounded", real)
        first.append(other.synthesising.synthesise(stefan, extract, since=since))
        return done

    first = []
    monkeypatch.setattr(module, "run_bounded", overtaken)
    second = house.synthesising.synthesise(stefan, extract, since=since)
    assert [first[0].id] == [second.id] == [r.id for r in synthetic(house)]


# Private


def test_a_private_synthesis_is_charged_first_once_and_its_release_tells_nothing_that_was_measured(
    tmp_path, use, light
):
    use(**PRIVATE)
    house, extract = a_house(tmp_path)
    stefan = house.actor("stefan")
    todo = house.synthesising.plan(stefan, extract)
    assert "no privacy budget" in todo.problems[0]
    with pytest.raises(OverBudget, match="no privacy budget"):
        house.synthesising.synthesise(stefan, extract)
    grant(house)
    todo = house.synthesising.plan(stefan, extract)
    assert (todo.problems, todo.paid, todo.gate[0]) == ((), False, "private-synthesis")
    assert 0.9 < todo.loss.epsilon <= 1.0
    made = house.synthesising.synthesise(stefan, extract)
    assert made.state.value == "published"
    (charge,) = charges(house)
    assert (charge.epsilon, charge.delta) == (todo.loss.epsilon, todo.loss.delta)
    assert charge.answer["counts"]["one"]
    assert house.synthesising.plan(stefan, extract).paid
    assert house.budgets.audit(house.actor("olga"), loss_of) == []
    about = json.loads(files(house, made)["synthesis.json"])
    assert about["loss"]["epsilon"] == charge.epsilon
    assert about["charge"] == charge.key
    told = json.dumps(made.summary) + json.dumps(about)
    for measured in ("targeting", "pairs", "closest", "attacks", "copies", "utility"):
        assert measured not in told
    evidence = json.loads(files(house, made)["evidence.json"])
    assert evidence["attacks"]
    assert evidence["quality"]


def test_a_ledger_that_records_too_little_for_a_synthesis_is_found_out(tmp_path, use):
    use(**PRIVATE)
    house, extract = a_house(tmp_path, 300)
    question = asked(house, extract)
    assert loss_of(json.loads(json.dumps(question.query))) == question.loss
    assert loss_of({**question.query, "epsilon": 2.0}).epsilon > question.epsilon
    grant(house)
    cheap = replace(question, loss=Loss(0.1, question.delta))
    house.budgets.ask(house.actor("stefan"), cheap, "", lambda: {"counts": {}})
    (fault,) = house.budgets.audit(house.actor("olga"), loss_of)
    assert "less" in fault


def asked(house, extract):
    with house.kit.read() as uow:
        dataset, taken = uow.first(Dataset, slug=SLUG), uow.get(Extract, extract)
    return house.synthesising._question(dataset, taken, recipe(**PRIVATE))


def test_nothing_that_is_planned_or_charged_for_a_private_table_hangs_on_the_rows(tmp_path, use):
    use(**PRIVATE)
    plans = []
    for name, rows in (("one", 300), ("two", 900)):
        (tmp_path / name).mkdir()
        house, extract = a_house(tmp_path / name, rows)
        plans.append(asked(house, extract))
    assert plans[0].query == plans[1].query
    assert plans[0].loss == plans[1].loss


# Recipes


def test_the_recipes_of_the_demo_can_be_used_and_a_wrong_one_says_what_is_wrong():
    assert [r.name for r in recipes_of(SLUG)] == ["public-use", "best", "private"]
    assert recipe_of("anything-else").method == "cart"
    with pytest.raises(NotFound, match="There are: public-use, best, private"):
        recipe_of(SLUG, "none")
    for wrong, said in (
        ({"method": "magic"}, "must be best, related or one of"),
        ({"tables": 0}, "from 1 to 20 tables"),
        ({"method": "mst"}, "An epsilon goes with"),
        ({"method": "best", "among": ("mst", "cart")}, "never chosen by what real rows say"),
        ({"among": ("cart",)}, "what to choose among"),
    ):
        with pytest.raises(Invalid, match=said):
            SynthesisRecipe(**wrong)
    assert recipe().digest != recipe(seed=2).digest


def test_a_held_release_is_made_again_when_it_is_ordered_again_and_a_standing_one_is_not(
    tmp_path, use, light, monkeypatch
):
    use(tables=1)
    house, extract = a_house(tmp_path, 300)
    monkeypatch.setattr(module, "worst_facts", lambda *_: {"direct_identifiers_left": 1})
    order(house, extract)
    assert work(house)
    assert [r.state.value for r in synthetic(house)] == ["held"]
    order(house, extract)
    assert not work(house)
    house.clock.move(seconds=5)
    order(house, extract, again=True)
    assert work(house)
    assert [r.state.value for r in synthetic(house)] == ["held", "held"]
