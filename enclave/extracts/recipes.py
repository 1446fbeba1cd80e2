"""How a dataset's synthetic releases are made: recipes, as data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from typing import Any

import yaml

from anonymization.synth import METHODS
from enclave.kernel.errors import Invalid, NotFound

BEST, PRIVATE, RELATED = "best", "mst", "related"
#: Five and more are advised for combining; each costs a fit, and gives attackers another draw.
_MOST_TABLES = 20


@dataclass(frozen=True, slots=True)
class RelatedPart:
    """One of several related tables.

    Args:
        name: of the table in the release; dataset: the slug that it is learnt from.
        parent: the name of the table that its rows belong to, "" for the household's own; parent_key: the column that
            names the parent's row.
        most: rows of one parent.
    """

    name: str
    dataset: str
    parent: str = ""
    parent_key: str = ""
    most: int = 20


@dataclass(frozen=True, slots=True)
class SynthesisRecipe:
    """One way to a synthetic release.

    Args:
        name: how it is ordered; title: for people; version: raised with every change.
        method: a name of `anonymization.synth.METHODS`; "best": whichever of `among` stands best against the policy;
            "related": the tables of `related` together.
        among: what "best" chooses from.
        tables: how many tables one release holds, each with parameters drawn anew.
        seed: of the split and the draws; public.
        leave_out: columns that are not synthesised.
        edges: of a private method, cut-offs that no cell of a number may straddle.
        in_order: pairs of dates or numbers of which the first is never after the second.
        epsilon, delta: the price of a private method.
        related: of the method "related", the household's table first; programmes: the table and column whose codes are
            programmes.
        epochs: of a network; min_leaf: of trees.
        max_seconds: of processor time, max_megabytes: of memory, for all of it; a plan beyond them is refused.

    Raises:
        Invalid: when the decisions do not fit together.
    """

    name: str = "public-use"
    version: int = 1
    title: str = "synthetic public-use table"
    method: str = "cart"
    among: tuple[str, ...] = ()
    tables: int = 5
    seed: int = 1
    leave_out: tuple[str, ...] = ()
    edges: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    in_order: tuple[tuple[str, str], ...] = ()
    epsilon: float = 0.0
    delta: float = 1e-9
    related: tuple[RelatedPart, ...] = ()
    programmes: tuple[str, str] = ("", "")
    epochs: int = 100
    min_leaf: int = 50
    max_seconds: float = 7_200.0
    max_megabytes: int = 6_000

    def __post_init__(self) -> None:
        said = []
        if self.method not in {*METHODS, BEST, RELATED}:
            said.append(
                f"The method must be best, related or one of {', '.join(METHODS)}; correct the recipe {self.name}."
            )
        if not 1 <= self.tables <= _MOST_TABLES:
            said.append(f"A release holds from 1 to {_MOST_TABLES} tables; correct the recipe {self.name}.")
        if (self.method == BEST) != bool(self.among):
            said.append(
                f"Name what to choose among with the method best alone; correct the recipe {self.name}."
            )
        if (self.method == RELATED) != (len(self.related) > 1) or (self.related and self.tables != 1):
            said.append(
                f"Related tables are two or more, with the method related alone and tables: 1; correct the recipe "
                f"{self.name}."
            )
        if PRIVATE in self.among:
            said.append(
                f"A differentially private method is never chosen by what real rows say; give {PRIVATE} its own recipe."
            )
        if (self.method == PRIVATE) != (self.epsilon > 0):
            said.append(
                f"An epsilon goes with the method {PRIVATE} and with no other; correct the recipe {self.name}."
            )
        if said:
            raise Invalid(said)

    @property
    def digest(self) -> str:
        """SHA-256 of the decisions."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def private(self) -> bool:
        return self.method == PRIVATE


def recipes_of(slug: str) -> tuple[SynthesisRecipe, ...]:
    """A dataset's recipes, the usual one first."""
    place = files("enclave.extracts") / "synthesis" / f"{slug}.yaml"
    if not place.is_file():
        return (SynthesisRecipe(),)
    read: list[dict[str, Any]] = yaml.safe_load(place.read_text(encoding="utf-8"))["recipes"]
    return tuple(_recipe(one) for one in read)


def recipe_of(slug: str, name: str = "") -> SynthesisRecipe:
    """The recipe of that name, or with "" the usual one.

    Raises:
        NotFound: there is none of that name.
    """
    every = recipes_of(slug)
    found = next((r for r in every if r.name == name), None) if name else every[0]
    if found is None:
        raise NotFound(f"There is no such recipe for {slug}. There are: {', '.join(r.name for r in every)}.")
    return found


def _recipe(read: dict[str, Any]) -> SynthesisRecipe:
    listed: dict[str, Any] = {k: tuple(read[k]) for k in ("among", "leave_out") if k in read}
    listed["in_order"] = tuple((str(first), str(second)) for first, second in read.get("in_order", ()))
    listed["edges"] = {column: tuple(cuts) for column, cuts in read.get("edges", {}).items()}
    listed["related"] = tuple(RelatedPart(**part) for part in read.get("related", ()))
    if "programmes" in read:
        listed["programmes"] = (str(read["programmes"]["table"]), str(read["programmes"]["column"]))
    return SynthesisRecipe(**{**read, **listed})
