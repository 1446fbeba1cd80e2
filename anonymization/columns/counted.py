"""What numbers and codes give away by how they are spread: unique, running, repeated, an age, a year, a coordinate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from anonymization.columns.findings import Finding, percent
from anonymization.columns.sampling import Sample


def counted_in(sample: Sample) -> Iterator[Finding]:
    """Findings from counts; what nothing else explains is a category or a measure."""
    if sample.type == "empty":
        return
    if sample.distinct <= 1:
        yield Finding("constant", 0.9, "all values are the same", detector="constant")
        return
    numeric = sample.type in ("whole number", "number")
    if numeric:
        known = sample.numbers[~np.isnan(sample.numbers)]
        if sample.type == "number":
            yield from _decimals(sample, known)
        else:
            yield from _whole(sample, known)
    elif sample.type == "text":
        yield from _codes(sample)
    yield _otherwise(sample)


def _otherwise(sample: Sample) -> Finding:
    if sample.type == "number" and sample.distinct > 30:
        return Finding(
            "measure", 0.4, f"{sample.distinct:,} different numbers with decimals", detector="measure"
        )
    if sample.type == "whole number" and sample.distinct > 60:
        return Finding("measure", 0.4, f"{sample.distinct:,} different whole numbers", detector="measure")
    return Finding("category", 0.3, f"{sample.distinct:,} different values", detector="category")


def _decimals(sample: Sample, known: npt.NDArray[np.float64]) -> Iterator[Finding]:
    if sample.distinct < 12 or not len(known) or np.abs(known).max() > 180:
        return
    places = np.array([len(v.rpartition(".")[2]) if "." in v else 0 for v in sample.texts])
    # A device gives four to eight places to every reading; a quotient has all that the type has room for.
    full = float(((places >= 4) & (places <= 8)).mean())
    if full >= 0.85 and np.abs(known).max() > 1.5:
        says = f"numbers of degrees with {int(np.median(places))} decimals, which is within {_metres(places)}"
        yield Finding("coordinate", 0.62, says, full, "decimals")


def _metres(places: npt.NDArray[np.int64]) -> str:
    return {4: "ten metres", 5: "a metre"}.get(int(np.median(places)), "less than a metre")


def _whole(sample: Sample, known: npt.NDArray[np.float64]) -> Iterator[Finding]:
    if numbered := _numbered(sample, known):
        yield numbered
    if meant := _of_a_range(sample, known):
        yield meant


def _numbered(sample: Sample, known: npt.NDArray[np.float64]) -> Finding | None:
    """Numbers that somebody was given: unique, without gaps, of one length, or each a few times."""
    lengths = np.array([len(v.lstrip("+-")) for v in sample.texts])
    one_length = lengths.min() >= 7 and np.ptp(lengths) <= 1
    # Amounts heap at round numbers; what a register counts up does not.
    heaped = float((known % 10 == 0).mean())
    if one_length and np.ptp(lengths) == 0 and heaped < 0.2 and sample.distinct >= 60:
        says = f"{sample.distinct:,} different numbers of exactly {lengths.max()} digits, none of them round"
        return Finding("registry_id", 0.75, says, detector="number of one length")
    if sample.rows >= 20 and sample.distinct_share >= 0.98 and known.max() > 20:
        says = f"nearly every row has a value of its own ({sample.distinct:,})"
        return Finding("registry_id", 0.55 if heaped > 0.2 else 0.7, says, detector="unique")
    if sample.distinct >= 125 and np.ptp(known) + 1 <= 1.15 * sample.distinct:
        says = f"{sample.distinct:,} numbers without a gap, as a register counts"
        return Finding("registry_id", 0.75, says, detector="running")
    return _repeated(sample, known, lengths if one_length else None, heaped)


def _repeated(
    sample: Sample, known: npt.NDArray[np.float64], lengths: npt.NDArray[np.int64] | None, heaped: float
) -> Finding | None:
    """Numbers that stand in several rows each, as those of a household do. `lengths`: where all have nearly one."""
    if lengths is not None and sample.distinct >= (60 if sample.stored == "text" else 300):
        says = f"{sample.distinct:,} different numbers of {lengths.max()} digits, repeated"
        return Finding("registry_id", 0.7, says, detector="long number")
    if sample.distinct >= 60 and sample.most * sample.distinct <= 1.3 and known.max() > 122:
        says = f"{sample.distinct:,} numbers, each equally often, as those of a panel"
        return Finding("registry_id", 0.65, says, detector="panel")
    if sample.distinct >= 300 and sample.most <= 20 / sample.distinct and heaped < 0.15:
        says = f"{sample.distinct:,} different numbers, each a few times and none of them round"
        return Finding("registry_id", 0.62, says, detector="repeated")
    return None


def _of_a_range(sample: Sample, known: npt.NDArray[np.float64]) -> Finding | None:
    """Numbers that are years, ages or days because they lie where those lie."""
    low, high = float(known.min()), float(known.max())
    if low >= 1900 and high <= 2030:
        if sample.distinct >= 25:
            return Finding(
                "birth_part", 0.7, f"{sample.distinct} years, as years of birth are", detector="year"
            )
        return Finding("programme", 0.45, f"{sample.distinct} years", detector="year")
    if low >= 0 and high <= 122 and sample.distinct >= 35:
        return Finding("age", 0.6, "whole numbers up to about a hundred, as ages are", detector="age")
    inside = np.percentile(known, 2) >= 5_000 and np.percentile(known, 98) <= 47_500
    heaped = float((known % 10 == 0).mean())
    if inside and sample.distinct >= 500 and 0.07 < heaped < 0.13:
        return Finding(
            "birth_date", 0.62, "numbers that could be days counted by a spreadsheet", detector="day count"
        )
    if low >= 0 and high <= 20 and 4 <= sample.distinct <= 21:
        says = f"{sample.distinct} small whole numbers, a code or a count of people"
        return Finding("category", 0.35, says, detector="small number")
    return None


def _codes(sample: Sample) -> Iterator[Finding]:
    forms = sample.form_counts()
    spaced = sum(" " in v for v in sample.texts) / len(sample.texts)
    digits = sum(any(c.isdigit() for c in v) for v in sample.texts) / len(sample.texts)
    common = sum(n for _, n in forms.most_common(3)) / len(sample.texts)
    length = float(np.median([len(v) for v in sample.texts]))
    if sample.rows >= 20 and sample.distinct_share >= 0.95:
        sure = 0.9 if digits > 0.9 and spaced < 0.1 else 0.66
        yield Finding(
            "registry_id",
            sure,
            f"nearly every row has a value of its own ({sample.distinct:,})",
            detector="unique",
        )
    elif digits > 0.9 and spaced < 0.1 and length >= 6 and sample.distinct >= 60 and common > 0.8:
        says = f"{sample.distinct:,} different codes of {int(length)} characters, each some times"
        yield Finding("registry_id", 0.72, says, detector="code")
    rare = [f for f in sample.forms if f.count("9") >= 7]
    if len(rare) < len(sample.texts) and rare:
        share = len(rare) / len(sample.texts)
        yield Finding(
            "registry_id",
            0.75,
            f"{percent(share)} of the values looked at are long numbers among other values",
            share,
            "hidden number",
        )
