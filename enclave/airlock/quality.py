"""How well and how fast outputs are checked: turnaround, agreement, and test outputs caught. Nobody is ranked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from enclave.airlock.model import OutputRequest, OutputState, Review, Verdict
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.kit import Kit

#: Fewer pairs of verdicts than this say nothing about agreement.
FEWEST_PAIRS = 10


@dataclass(frozen=True, slots=True)
class Quality:
    """What the last days of checking came to.

    Args:
        days: how many.
        decided: outputs that two checkers decided, test outputs among them.
        outcomes: verdict of both to number of outputs.
        median_hours, slowest_hours: from being sent in to the second verdict; None where nothing was decided.
        waiting, oldest_hours: what waits now.
        pairs: files with two verdicts; agreement: the share of them on which both said the same.
        kappa: the same beyond chance (Cohen 1960, both checkers' verdicts pooled as in Scott 1955); None where there
            are fewer than `FEWEST_PAIRS` or chance alone would make them agree.
        seeded: test outputs that were decided; caught: those that at least one checker did not approve; caught_by_each:
            the share of single verdicts on them that were not approvals.
        causes: rule of an automatic finding to number of returned or refused outputs that carried it, most first.
    """

    days: int
    decided: int
    outcomes: dict[str, int]
    median_hours: float | None
    slowest_hours: float | None
    waiting: int
    oldest_hours: float | None
    pairs: int
    agreement: float | None
    kappa: float | None
    seeded: int
    caught: int
    caught_by_each: float | None
    causes: tuple[tuple[str, int], ...]


def quality(kit: Kit, actor: Actor, days: int = 90) -> Quality:
    """Looks at everything that was decided in the last `days`; for checkers and those who oversee them."""
    if not any(actor.may(c) for c in (Capability.AIRLOCK_CHECK, Capability.AUDIT_READ)):
        actor.must(Capability.AIRLOCK_OVERSEE)
    now = kit.clock.now()
    with kit.read() as uow:
        outputs = {o.id: o for o in uow.find(OutputRequest)}
        reviews = uow.find(Review)
    rounds: dict[tuple[str, int], list[Review]] = {}
    for review in reviews:
        rounds.setdefault((review.output_id, review.round), []).append(review)
    both = [
        (outputs[id_], pair)
        for (id_, _), pair in rounds.items()
        if len(pair) == 2 and pair[-1].at > now - timedelta(days=days)
    ]
    waits = [
        _hours(o.submitted_at, now)
        for o in outputs.values()
        if o.submitted_at and o.state in (OutputState.SUBMITTED, OutputState.HALF_REVIEWED)
    ]
    # A round that came after a return was sent in later than what is recorded of the first one.
    took = [_hours(o.submitted_at, p[-1].at) for o, p in both if o.submitted_at and o.submitted_at <= p[0].at]
    votes = [_votes(pair) for _, pair in both]
    agreed, kappa = _agreement([vote for pair in votes for vote in pair])
    tests = [(o, pair) for o, pair in both if o.seeded]
    single = [r.verdict is not Verdict.APPROVE for _, pair in tests for r in pair]
    results = Counter(_result(pair).value for _, pair in both)
    found = Counter(
        rule
        for o, pair in both
        if _result(pair) is not Verdict.APPROVE
        for rule in {str(f["rule"]) for file in o.files for f in file.findings}
    )
    return Quality(
        days=days,
        decided=len(both),
        outcomes={v.value: results.get(v.value, 0) for v in Verdict},
        median_hours=median(took) if took else None,
        slowest_hours=max(took, default=None),
        waiting=len(waits),
        oldest_hours=max(waits, default=None),
        pairs=sum(map(len, votes)),
        agreement=agreed,
        kappa=kappa,
        seeded=len(tests),
        caught=sum(any(r.verdict is not Verdict.APPROVE for r in pair) for _, pair in tests),
        caught_by_each=sum(single) / len(single) if single else None,
        causes=tuple(found.most_common(10)),
    )


def _hours(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() / 3600


def _result(pair: Sequence[Review]) -> Verdict:
    given = {r.verdict for r in pair}
    return next(v for v in (Verdict.REFUSE, Verdict.RETURN, Verdict.APPROVE) if v in given)


def _votes(pair: Sequence[Review]) -> list[tuple[str, str]]:
    """Both verdicts on each file; on the whole, where they were given on the whole."""
    first, second = pair
    names = sorted({*first.files, *second.files}) or [""]
    return [
        (first.files.get(n, first.verdict.value), second.files.get(n, second.verdict.value)) for n in names
    ]


def _agreement(votes: Sequence[tuple[str, str]]) -> tuple[float | None, float | None]:
    if not votes:
        return None, None
    same = sum(a == b for a, b in votes) / len(votes)
    pooled = Counter(v for pair in votes for v in pair)
    chance = sum((n / (2 * len(votes))) ** 2 for n in pooled.values())
    kappa = (same - chance) / (1 - chance) if len(votes) >= FEWEST_PAIRS and chance < 1 else None
    return same, kappa
