"""An evidence pack as sections of figures. What is nested becomes a path; long lists become their length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from request_portal.present.words import number

_LONGEST_LIST = 12


def flatten(pack: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, Any]]]]:
    """(section, [(name, figure)]) in the order of the pack; plain values at the top come first."""
    top: list[tuple[str, Any]] = []
    sections: list[tuple[str, list[tuple[str, Any]]]] = []
    for name, value in pack.items():
        if isinstance(value, Mapping) and value:
            sections.append((_words(name), list(_figures(value))))
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            rows = [(f"{i}. {k}", v) for i, item in enumerate(value, 1) for k, v in _figures(item)]
            sections.append((_words(name), rows))
        else:
            top.append((_words(name), _short(value)))
    return [("Summary", top), *sections] if top else sections


def _figures(value: Mapping[str, Any], path: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, inner in value.items():
        here = f"{path} › {_words(name)}" if path else _words(name)
        if isinstance(inner, Mapping) and inner:
            rows += _figures(inner, here)
        else:
            rows.append((here, _short(inner)))
    return rows


def _short(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        if len(value) > _LONGEST_LIST or any(isinstance(v, (Mapping, list)) for v in value):
            return f"{len(value)} entries (see the evidence file)"
        return ", ".join(str(number(v)) for v in value) or "none"
    if value is None or value == {}:
        return "none"
    return value


def _words(name: object) -> str:
    words = str(name).replace("_", " ")
    return words[:1].upper() + words[1:]
