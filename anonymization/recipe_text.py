"""A recipe's YAML with the line of every key, and what is wrong with it.

Each sentence names the line, the key and what may stand there.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import yaml
from pydantic import BaseModel, ValidationError

from anonymization.errors import RecipeProblem

Path = tuple[str | int, ...]
_MOST = 40  # names that are listed
_TYPES = {
    "int_parsing": "must be a whole number", "int_type": "must be a whole number",
    "int_from_float": "must be a whole number", "float_parsing": "must be a number",
    "float_type": "must be a number", "string_type": "must be text",
    "bool_parsing": "must be true or false", "bool_type": "must be true or false",
    "tuple_type": "must be a list", "list_type": "must be a list", "dict_type": "must be a mapping of keys to values",
    "mapping_type": "must be a mapping of keys to values", "model_type": "must be a mapping of keys to values",
    "dataclass_type": "must be a mapping of keys to values", "too_short": "must not be empty",
    "model_attributes_type": "must be a mapping of keys to values",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lines:
    """Where things stand. Args: of: path of a key or list item to its line, from 1; names: path of a scalar to it."""

    of: Mapping[Path, int] = field(default_factory=dict)
    names: Mapping[Path, str] = field(default_factory=dict)

    def line(self, path: Sequence[str | int]) -> int:
        """The line of the path, or of the nearest thing around it; 0 when there are no lines."""
        here = tuple(path)
        while here and here not in self.of:
            here = here[:-1]
        return self.of.get(here, 0)

    def mention(self, path: Path, name: str) -> int:
        """The line below `path` where `name` is a key or a value; the line of `path` otherwise."""
        under = (p for p in self.of if p[: len(path)] == path and len(p) > len(path))
        found = [self.of[p] for p in under if p[-1] == name or self.names.get(p) == name]
        return min(found, default=self.line(path))

    def at(self, sentence: str, path: Path, name: str = "") -> str:
        """The sentence with its line in front."""
        line = self.mention(path, name) if name else self.line(path)
        return f"Line {line}: {sentence}" if line else sentence


@dataclass(frozen=True, slots=True)
class Document:
    """Args: content: what the YAML says; lines: where; problems: keys that stand twice."""

    content: dict[str, Any]
    lines: Lines
    problems: tuple[str, ...]


def read_document(text: str) -> Document:
    """Reads YAML text.

    Raises:
        RecipeProblem: it is no YAML (with the line and the likeliest cause), or no mapping.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise RecipeProblem([_unreadable(text, error)]) from None
    if not isinstance(node, yaml.MappingNode):
        raise RecipeProblem(["The recipe must be a YAML mapping that starts with its name."])
    lines: dict[Path, int] = {(): 1}
    names: dict[Path, str] = {}
    problems: list[str] = []
    _walk(node, (), lines, names, problems)
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, TypeError, ValueError):
        raise RecipeProblem(
            ["The recipe is not readable YAML: a key or a date in it makes no sense."]
        ) from None
    return Document(content, Lines(lines, names), tuple(problems))


def _unreadable(text: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    number = mark.line + 1 if mark else 0
    rows = text.splitlines()
    near = rows[max(0, number - 2) : number] if number else []
    where = f"Line {number}: " if number else ""
    if any(row[: len(row) - len(row.lstrip())].count("\t") for row in near):
        return f"{where}the recipe is not readable YAML: there is a tab before the text. Indent with spaces."
    said = str(getattr(error, "problem", "") or "").split("\n")[0]
    why = f" ({said})" if said and "'" not in said and '"' not in said else ""
    return (
        f"{where}the recipe is not readable YAML near this line{why}. Check indentation, colons and brackets."
    )


def _walk(
    node: yaml.Node, path: Path, lines: dict[Path, int], names: dict[Path, str], problems: list[str]
) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if name in seen:
                problems.append(
                    f"Line {line}: the key {name} stands here and in line {seen[name]}. Keep one of them."
                )
            seen[name] = line
            lines[(*path, name)] = line
            _walk(value, (*path, name), lines, names, problems)
    elif isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            lines[(*path, i)] = item.start_mark.line + 1
            _walk(item, (*path, i), lines, names, problems)
    elif isinstance(node, yaml.ScalarNode):
        names[path] = node.value


def did_you_mean(name: str, permitted: Iterable[str]) -> str:
    """A hint and the list of what there is, for the end of a sentence."""
    known = [str(p) for p in permitted]
    lower = {p.lower(): p for p in known}
    close = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.6)
    hint = f"Did you mean {lower[close[0]]}? " if close else ""
    more = f" and {len(known) - _MOST} more" if len(known) > _MOST else ""
    return f"{hint}There are: {', '.join(known[:_MOST])}{more}."


def unknown_keys(kind: Any, data: Any, path: Path, lines: Lines, what: str) -> list[str]:
    """One sentence for each key of `data` that its type has no field for, however deep.

    Args:
        kind: a pydantic model, a dataclass, or an annotation made of them.
        what: what the outermost thing is called.
    """
    kind = _bare(kind)
    known = _fields(kind)
    out: list[str] = []
    if known is not None and isinstance(data, Mapping):
        for key, value in data.items():
            if key not in known:
                out.append(
                    lines.at(
                        f"{what} has no setting {key}. {did_you_mean(str(key), known)}", (*path, str(key))
                    )
                )
            else:
                out += unknown_keys(known[key], value, (*path, key), lines, f"{what}: {key}")
        return out
    if isinstance(data, Mapping):
        values = get_args(kind)[-1] if get_origin(kind) is not None and len(get_args(kind)) == 2 else Any
        for key, value in data.items():
            out += unknown_keys(values, value, (*path, str(key)), lines, f"{what}: {key}")
    elif isinstance(data, list | tuple) and get_args(kind):
        for i, value in enumerate(data):
            out += unknown_keys(get_args(kind)[0], value, (*path, i), lines, what)
    return out


def _bare(kind: Any) -> Any:
    """Without what surrounds it: Annotated, and None of a union."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, types.UnionType):
        some = [a for a in get_args(kind) if a is not type(None)]
        structured = [a for a in some if _fields(_bare(a)) is not None or get_origin(_bare(a)) is not None]
        return _bare((structured or some)[0])
    return kind


def _fields(kind: Any) -> dict[str, Any] | None:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {name: info.annotation for name, info in kind.model_fields.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        return {f.name: hints[f.name] for f in fields(kind)}
    return None


def sentences(error: ValidationError, path: Path, lines: Lines, what: str, data: Any) -> list[str]:
    """What pydantic found, one sentence each; keys that are not known are left to `unknown_keys`."""
    out = []
    found = error.errors(include_url=False)
    wrong = {_in_data(data, e["loc"]) for e in found if e["type"] != "too_short"}
    for e in found:
        if e["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            continue
        where = _in_data(data, e["loc"])
        if e["type"] == "too_short" and any(w[: len(where)] == where for w in wrong):
            continue  # it is short for want of what is said to be wrong
        names = [str(p) if isinstance(p, str) else f"item {p + 1}" for p in where]
        sentence = f"{what}: {': '.join(names)} {_said(e)}." if names else f"{what} {_said(e)}."
        if e["type"] == "missing":
            sentence = f"{': '.join([what, *names])}: the key {e['loc'][-1]} is missing. Add it."
        out.append(lines.at(sentence, (*path, *where)))
    return list(dict.fromkeys(out))


def _in_data(data: Any, loc: Sequence[str | int]) -> Path:
    """The part of a location that the data has; pydantic puts names of validators and branches between."""
    out: list[str | int] = []
    for part in loc:
        if isinstance(data, Mapping) and part in data:
            data = data[part]
        elif isinstance(data, list | tuple) and isinstance(part, int) and part < len(data):
            data = data[int(part)]
        else:
            continue
        out.append(part)
    return tuple(out)


def _said(e: Any) -> str:
    kind, context = e["type"], e.get("ctx", {})
    if kind in ("literal_error", "enum"):
        given = e.get("input")
        permitted = [p.strip().strip("'") for p in str(context["expected"]).replace(" or ", ", ").split(", ")]
        return f"has a value that is not permitted. {did_you_mean(str(given), permitted)}".rstrip(".")
    if kind in _TYPES:
        return _TYPES[kind]
    bounds = {"greater_than_equal": ("ge", "at least"), "greater_than": ("gt", "above"),
              "less_than_equal": ("le", "at most"), "less_than": ("lt", "below")}  # fmt: skip
    if kind in bounds:
        of, words = bounds[kind]
        return f"must be {words} {context[of]}"
    if kind == "string_pattern_mismatch":
        return (
            "may hold lower-case letters, digits and hyphens only"
            if "a-z" in context["pattern"]
            else "has a wrong form"
        )
    message = str(e["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"- {message}" if kind == "value_error" else message
