"""From JSON, YAML or Python (a form, the API, the ledger) to a query's arguments, with sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import yaml

from .queries import READABLE_VERSIONS, SINCE_VERSION_2
from .terms import Between, Filter, Measure, Mechanism, Op, Per, QueryError, Weighting

_KEY = (str, int, float, bool)
_POWER = re.compile(r"[+-]?\d{1,17}(\.\d{0,17})?[eE][+-]?\d{1,3}", re.ASCII)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a name")
    return value


def _real(value: object) -> float:
    if isinstance(value, str) and _POWER.fullmatch(value):
        return float(value)  # YAML reads 1e-6 as text, and 1.0e-6 as a number
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("must be a number")  # noqa: TRY004 - every problem of a field is caught as one kind
    try:
        return float(value)
    except OverflowError:
        raise ValueError("must be an ordinary number") from None


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")  # noqa: TRY004 - as above
    return value


def _keys(value: object) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, _KEY) for v in value):
        raise ValueError("must be a list of codes, numbers or true and false")
    return tuple(value)


def _names(value: object) -> tuple[str, ...]:
    return tuple(_text(v) for v in _keys(value))


def _groups(value: object) -> dict[str, tuple[Any, ...]]:
    if not isinstance(value, Mapping):
        raise ValueError("must give for each column the list of its keys")  # noqa: TRY004 - as above
    return {_text(c): _keys(keys) for c, keys in value.items()}


def _one_of(kind: type[StrEnum]) -> Callable[[object], Any]:
    def read(value: object) -> StrEnum:
        if not isinstance(value, str) or value not in {k.value for k in kind}:
            raise ValueError("must be one of " + ", ".join(k.value for k in kind))
        return kind(value)

    return read


def _filters(value: object) -> tuple[Filter, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError("must be a list")  # noqa: TRY004 - as above
    return tuple(_filter(item) for item in value)


def _filter(item: object) -> Filter:
    if not isinstance(item, Mapping) or set(item) != {"column", "op", "value"}:
        raise ValueError("must each have column, op and value")
    held = item["value"]
    if isinstance(held, (list, tuple)):
        held = _keys(held)
    elif not isinstance(held, _KEY):
        raise ValueError("must each compare with a code or number")  # noqa: TRY004 - as above
    return Filter(_text(item["column"]), _one_of(Op)(item["op"]), held)


def _some(value: object) -> tuple[Filter, ...]:
    """A side of a ratio: a column of true and false, one filter, or several."""
    if isinstance(value, str):
        return (Filter(_text(value), Op.EQ, value=True),)
    return (_filter(value),) if isinstance(value, Mapping) else _filters(value)


def _edges(value: object) -> tuple[float, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError("must be the list of the edges")  # noqa: TRY004 - as above
    return tuple(_real(v) for v in value)


def _between(value: object) -> Between:
    if not isinstance(value, Mapping) or set(value) != {"column", "first", "second"}:
        raise ValueError("must have column, first and second")
    first, second = _keys([value["first"], value["second"]])
    return Between(_text(value["column"]), first, second)


_READERS: dict[str, Callable[[object], Any]] = {
    "table": _text,
    "unit_id": _text,
    "measure": _one_of(Measure),
    "epsilon": _real,
    "column": _text,
    "lower": _real,
    "upper": _real,
    "group_by": _groups,
    "count_by_programme": _names,
    "max_programmes": _whole,
    "filters": _filters,
    "per": _one_of(Per),
    "max_rows": _whole,
    "min_count": _whole,
    "mechanism": _one_of(Mechanism),
    "rho": _real,
    "delta": _real,
    "quantile": _real,
    "bins": _edges,
    "numerator": _some,
    "denominator": _some,
    "of": _one_of(Measure),
    "between": _between,
    "unknown_keys": _names,
    "weighting": _one_of(Weighting),
}
#: Left out and empty are the same for these.
_OPTIONAL = frozenset({"column", "lower", "upper", "epsilon", "rho", "quantile", "of", "between"})
_NEEDED = ("table", "unit_id", "measure")
_LONGEST = 20_000


def read(text: str) -> dict[str, Any]:
    """A query written as YAML or JSON, as the mapping that `DpQuery.from_dict` and `PublicTable.bounded` take.

    Raises:
        QueryError: when it is neither, or too long to be a query.
    """
    if len(text) > _LONGEST:
        raise QueryError([f"A query is at most {_LONGEST} characters long."])
    try:
        # An alias stands for what was written elsewhere; a few of them can stand for gigabytes.
        aliased = any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader))
        given = None if aliased else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        given = None
    if not isinstance(given, dict):
        raise QueryError(["A query is written in YAML or JSON as fields with values, without anchors."])
    return given


def arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `DpQuery`.

    Raises:
        QueryError: one sentence for each field that is unknown, missing or of the wrong kind.
    """
    if not isinstance(given, Mapping):
        raise QueryError(["A query is given as fields with values."])
    said, out = _strange(given), {}
    said += [f"A query needs the field {name!r}." for name in _NEEDED if given.get(name) is None]
    if given.get("epsilon") is None and given.get("rho") is None:
        said.append("A query needs the field 'epsilon', or 'rho' for Gaussian noise.")
    for name, read_as in _READERS.items():
        value = given.get(name)
        if name not in given or (value is None and (name in _OPTIONAL or name in _NEEDED)):
            continue
        try:
            out[name] = read_as(value)
        except ValueError as error:
            said.append(f"The field {name!r} {error}.")
    if said:
        raise QueryError(said)
    if "mechanism" not in out and out.get("rho"):
        out["mechanism"] = Mechanism.GAUSSIAN
    return out


def _strange(given: Mapping[str, Any]) -> list[str]:
    """Sentences about a version that is not read, and fields that the version given does not have."""
    said, version = [], given.get("version", READABLE_VERSIONS[-1])
    if isinstance(version, bool) or not isinstance(version, int) or version not in READABLE_VERSIONS:
        said.append("This product reads queries of version 1 and 2.")
    known = set(_READERS) - (SINCE_VERSION_2 if version == 1 else frozenset())
    unknown = sorted({str(name)[:40] for name in given if name not in known and name != "version"})
    return [*said, *(f"A query has no field {name!r}; leave it out." for name in unknown)]
