"""What only several columns together show: a birth date in three parts, a pair of coordinates, whose rows are whose."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from anonymization.columns.judging import Judgement
from anonymization.columns.sampling import Sample
from anonymization.columns.treatments import domain_of
from anonymization.schema import VariableRole

Judgements = dict[str, Judgement]


def across(samples: Mapping[str, Sample], judged: Judgements) -> Judgements:
    """The judgements, stricter where the table says so."""
    out = dict(judged)
    _parts_of_birth(samples, out)
    _coordinate_pairs(samples, out)
    return out


def household_column(samples: Mapping[str, Sample], judged: Judgements) -> str:
    """The column that names the household where rows share one; "" where none does.

    It repeats, and all of a table's households together make no more than its rows.
    """
    candidates = [
        s
        for name, s in samples.items()
        if judged[name].kind.name == "registry_id" and 1.05 <= s.present / max(s.distinct, 1) <= 30
    ]
    named = [s for s in candidates if domain_of(s.name) == "household"]
    # Of several (a person over waves, their household, their village) the coarsest of a household's size.
    return min(named or candidates, key=lambda s: s.distinct).name if candidates else ""


def _parts_of_birth(samples: Mapping[str, Sample], out: Judgements) -> None:
    """Year, month and day apart: each is harmless, together they are the date of birth."""
    whole = {n: s for n, s in samples.items() if s.type == "whole number" and s.present >= 30}
    years = [n for n, s in whole.items() if _within(s, 1900, 2030) and s.distinct >= 8]
    months = [n for n, s in whole.items() if _spread_over(s, 12)]
    days = [n for n, s in whole.items() if _spread_over(s, 31)]
    short = [n for n, s in whole.items() if _within(s, 0, 99) and s.distinct >= 40 and not _named_age(out[n])]
    for trio in ((years or short), months, days):
        if not trio:
            return
    year = (years or short)[0]
    says = f"with {year}, {months[0]} and {days[0]} together a full date can be put together"
    for name in (year, months[0], days[0]):
        if out[name].kind.role is not VariableRole.DIRECT:
            out[name] = out[name].stricter("birth_part", 0.75, says)


def _named_age(judged: Judgement) -> bool:
    return judged.kind.name == "age" and judged.confidence >= 0.8


def _within(sample: Sample, low: float, high: float) -> bool:
    known = sample.numbers[~np.isnan(sample.numbers)]
    return bool(len(known) and low <= known.min() and known.max() <= high)


def _spread_over(sample: Sample, most: int) -> bool:
    """Every number from 1 to `most`, each about as often as another: months, or days of a month."""
    if not _within(sample, 1, most) or sample.distinct < most - (most > 12):
        return False
    return sample.most <= 3 / most


def _coordinate_pairs(samples: Mapping[str, Sample], out: Judgements) -> None:
    """Two columns of degrees that go with each other are surer than one; a pair of small measures is less so."""
    # Also such as carry all decimals that the type has room for, which alone could be quotients.
    like = [n for n, s in samples.items() if s.type == "number" and out[n].kind.name == "coordinate"]
    if len(like) >= 2:
        for name in like:
            if out[name].confidence < 0.85:
                out[name] = out[name].stricter(
                    "coordinate", 0.85, f"{len(like)} columns of degrees stand side by side"
                )
        return
    pairs = _degrees(samples, out)
    for name in pairs:
        out[name] = out[name].stricter(
            "coordinate", 0.6, "two columns could be degrees of latitude and longitude"
        )


def _degrees(samples: Mapping[str, Sample], out: Judgements) -> tuple[str, ...]:
    """Neighbouring columns of fine decimals, both within a country's width, one of them tight around its middle.

    Quotients, scores and amounts spread about as widely as they are large; degrees of one country do not.
    """
    for one, two in itertools.pairwise(samples):
        both = (samples[one], samples[two])
        unexplained = all(out[s.name].kind.name in ("measure", "category") for s in both)
        if unexplained and all(map(_fine, both)) and any(map(_tight, both)):
            return one, two
    return ()


def _fine(sample: Sample) -> bool:
    known = sample.numbers[~np.isnan(sample.numbers)]
    if sample.type != "number" or sample.distinct_share < 0.5 or not len(known):
        return False
    places = np.median([len(v.rpartition(".")[2]) if "." in v else 0 for v in sample.texts])
    return bool(places >= 4 and np.abs(known).max() <= 180 and 0.01 < np.ptp(known) < 60)


def _tight(sample: Sample) -> bool:
    known = sample.numbers[~np.isnan(sample.numbers)]
    return bool(abs(known.mean()) > 4 and known.std() < 0.35 * abs(known.mean()))
