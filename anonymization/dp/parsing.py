"""From JSON (a form, the API, the ledger) to a query's arguments, with sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from .queries import QUERY_VERSION, Filter, Measure, Op, Per, QueryError

_KEY = (str, int, float, bool)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a name")
    return value


def _real(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("must be a number")  # noqa: TRY004 - every problem of a field is caught as one kind
    return float(value)


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
        if value not in list(kind):
            raise ValueError("must be one of " + ", ".join(k.value for k in kind))
        return kind(str(value))

    return read


def _filters(value: object) -> tuple[Filter, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError("must be a list")  # noqa: TRY004 - as above
    out = []
    for item in value:
        if not isinstance(item, Mapping) or set(item) != {"column", "op", "value"}:
            raise ValueError("must each have column, op and value")
        held = item["value"]
        if isinstance(held, (list, tuple)):
            held = _keys(held)
        elif not isinstance(held, _KEY):
            raise ValueError("must each compare with a code or number")  # noqa: TRY004 - as above
        out.append(Filter(_text(item["column"]), _one_of(Op)(item["op"]), held))
    return tuple(out)


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
}
_OPTIONAL = frozenset({"column", "lower", "upper"})
_NEEDED = ("table", "unit_id", "measure", "epsilon")


def arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `DpQuery`.

    Raises:
        QueryError: one sentence for each field that is unknown, missing or of the wrong kind.
    """
    said, out = [], {}
    if given.get("version", QUERY_VERSION) != QUERY_VERSION:
        said.append(f"This product reads queries of version {QUERY_VERSION}.")
    unknown = sorted(set(given) - set(_READERS) - {"version"})
    said += [f"A query has no field {str(name)[:40]!r}; leave it out." for name in unknown]
    said += [f"A query needs the field {name!r}." for name in _NEEDED if given.get(name) is None]
    for name, read in _READERS.items():
        value = given.get(name)
        if name not in given or (value is None and name in _OPTIONAL) or (value is None and name in _NEEDED):
            continue
        try:
            out[name] = read(value)
        except ValueError as error:
            said.append(f"The field {name!r} {error}.")
    if said:
        raise QueryError(said)
    return out
