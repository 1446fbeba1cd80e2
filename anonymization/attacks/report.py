"""The three attacks on one table, and what evidence says about them. Names and rates, never values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anonymization.attacks import inference, linkability, singling_out
from anonymization.attacks.intervals import Floats, Scores, measured, upper
from anonymization.attacks.knowledge import Known
from anonymization.attacks.nearest import ties
from anonymization.attacks.profiles import Profiles
from anonymization.attacks.settings import AttackSettings
from anonymization.risk.classes import Ints

SCHEMA = "attacks/1"
#: How an attacker may read a suppressed cell: as any value, or as less like the target than a value that fits.
READINGS = {"any value": 0.0, "half a difference": 0.5}
#: Who attacks: somebody who knows the declared key variables, or every quasi-identifier that is visible.
OUTSIDER, NEIGHBOUR, ANYBODY = "outsider", "neighbour", "anybody"
_LINK = -1


@dataclass(frozen=True, slots=True, order=True)
class Attack:
    """Which attack: its family, who attacks, what is done or guessed, how suppressed cells are read."""

    family: str
    attacker: str
    what: str
    reading: str = ""


def attacked(
    profiles: Profiles,
    known: Known,
    settings: AttackSettings,
    targets: tuple[Ints, Ints],
    seed: int,
    *,
    beyond: bool,
    order: bool,
) -> dict[Attack, Scores]:
    """Every attack on one table.

    Args:
        profiles: the release, what it was made from, and what was held out.
        known: what attackers know.
        targets: which members and which controls are attacked, by number.
        seed: of the choice of targets and predicates.
        beyond: whether numbers are singled out by inequalities, see `singling_out.some_columns`.
        order: whether the place of a row in the release is tried too.
    """
    rng = np.random.default_rng(seed)
    out = _singling_out(profiles, known, settings, rng, beyond=beyond)
    parts = {OUTSIDER: known.keys, NEIGHBOUR: known.quasi}
    if set(known.keys) == set(known.quasi):
        del parts[NEIGHBOUR]
    for attacker, names in parts.items():
        blanks = bool((profiles.released.codes[:, profiles.places(names)] < 0).any())
        for reading, missing in READINGS.items():
            if missing and not blanks:
                continue  # the same attack again
            out |= _nearest(profiles, known, settings, targets, (attacker, names, reading, missing))
    if order:
        out[Attack("linkability", ANYBODY, "the order of the rows")] = linkability.row_order(
            profiles, settings, rng
        )
    return out


def _nearest(
    profiles: Profiles,
    known: Known,
    settings: AttackSettings,
    targets: tuple[Ints, Ints],
    who: tuple[str, tuple[str, ...], str, float],
) -> dict[Attack, Scores]:
    """Linkability and inference by one attacker, who looks for the nearest units once for both."""
    attacker, names, reading, missing = who
    first = profiles.places(names)
    rest = np.setdiff1d(np.arange(len(profiles.columns)), first)
    secrets = profiles.places(known.secrets)
    if not len(first) or not len(rest):
        return {}
    found: list[dict[int, Floats]] = []
    for side, rows in zip((profiles.members, profiles.controls), targets, strict=True):
        chosen = side.take(rows)
        scores = {int(j): np.zeros(len(rows)) for j in (*secrets, _LINK)}
        pairs = zip(
            ties(profiles, chosen, first, missing), ties(profiles, chosen, rest, missing), strict=True
        )
        for (which, near), (_, other) in pairs:
            scores[_LINK][which] = linkability.linked(near, other)
            for j, right in inference.guessed(profiles, chosen, which.start, near, secrets, settings).items():
                scores[j][which] = right
        found.append(scores)
    blind = {
        int(j): inference.blindly(profiles, profiles.members.take(targets[0]), int(j), settings)
        for j in secrets
    }
    blind[_LINK] = np.full(len(targets[0]), 1 / max(1, len(profiles.released)))
    what = {int(j): ("inference", profiles.columns[j]) for j in secrets}
    what[_LINK] = ("linkability", "what the attacker knows with the rest")
    return {
        Attack(family, attacker, name, reading): Scores(
            found[0][j], found[1][j], blind[j], paired=False, guesses=len(targets[0])
        )
        for j, (family, name) in what.items()
    }


def _singling_out(
    profiles: Profiles, known: Known, settings: AttackSettings, rng: np.random.Generator, *, beyond: bool
) -> dict[Attack, Scores]:
    shown = profiles.places([c for c in profiles.columns if c not in known.exact])
    keys, quasi, exact = (profiles.places(n) for n in (known.keys, known.quasi, known.exact))
    out = {
        Attack("singling out", ANYBODY, "one value"): singling_out.one_value(profiles, shown, settings, rng),
    }
    if len(exact):
        one = singling_out.one_value(profiles, exact, settings, rng)
        out[Attack("singling out", ANYBODY, "one value of a column kept exact")] = one
    for attacker, places in ((OUTSIDER, keys), (NEIGHBOUR, quasi)):
        if not len(places) or (attacker == NEIGHBOUR and len(keys) == len(quasi)):
            continue
        some = singling_out.some_columns(profiles, places, settings, rng, beyond=beyond)
        every = singling_out.every_column(profiles, places, settings, rng, beyond=beyond)
        out[Attack("singling out", attacker, "some columns")] = some
        out[Attack("singling out", attacker, "every column")] = every
    return out


def crossed(runs: Sequence[Mapping[Attack, Scores]]) -> dict[Attack, Scores]:
    """Runs in which each fold was once held out, as one.

    Run i holds out fold i and attacks fold i + 1 as members, so a fold's control figures (run i) stand beside the same
    units' figures as members (run i - 1). Predicates are a release's own: their control is from the same run.
    """
    out = {}
    for attack, first in runs[0].items():
        scores = [run[attack] for run in runs]
        behind = scores if first.paired else [*scores[1:], scores[0]]
        out[attack] = Scores(
            np.concatenate([s.attack for s in scores]),
            np.concatenate([s.control for s in behind]),
            np.concatenate([s.baseline for s in scores]),
            paired=True,
            guesses=sum(s.guesses for s in scores),
        )
    return out


def report(
    scores: Mapping[Attack, Scores], known: Known, settings: AttackSettings, about: Mapping[str, object]
) -> dict[str, object]:
    """What goes into the evidence pack.

    Args:
        about: how the tables that were attacked came about.

    Returns:
        dict with every attack's rates and risk, the worst of each family by attacker, and `risks`: the upper
        confidence bounds that policies weigh.
    """
    results = [
        {"family": a.family, "attacker": a.attacker, "what": a.what, "reading": a.reading}
        | measured(s, settings.confidence)
        for a, s in sorted(scores.items())
    ]
    worst: dict[str, dict[str, object]] = {}
    for result in results:
        if result["what"] == "one value of a column kept exact":
            continue
        name = f"{result['family']}, {result['attacker']}"
        if name not in worst or upper(result) > upper(worst[name]):
            worst[name] = result
    return {
        "schema": SCHEMA,
        "says": (
            "Risk is what the release adds to an attacker's success on the units it was made from, over the success "
            "on units that were held out, as a share of what there was to gain."
        ),
        "source": "Giomi et al. (2023), A unified framework for quantifying privacy risk in synthetic data",
        "about": dict(about),
        "settings": settings.to_dict(),
        "attackers": {
            OUTSIDER: {"knows": list(known.keys)},
            NEIGHBOUR: {"knows": list(known.quasi)},
            ANYBODY: {"knows": "any one column, or the order of the rows"},
        },
        "kept_exact": list(known.exact),
        "results": results,
        "worst": worst,
        "risks": {name: upper(result) for name, result in worst.items()},
    }
