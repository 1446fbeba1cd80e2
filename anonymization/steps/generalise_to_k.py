"""The best generalisation of the keys together: every combination of levels is tried, over all partitions at once.

Records of classes that stay too small lose single cells (local suppression), no record is dropped. With a sensitive
column, records of classes that do not meet its criteria lose all keys.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from anonymization.errors import BrokenIntent
from anonymization.lattice import Criteria, Hierarchy, Metric, Node, Sensitive, Use, search
from anonymization.lattice.cells import Cells
from anonymization.lattice.criteria import judge
from anonymization.lattice.metrics import Name
from anonymization.lattice.reading import sensitive_of
from anonymization.lattice.search import NODES
from anonymization.risk.classes import Ints, Missing
from anonymization.schema import FieldType, Schema
from anonymization.steps.base import Context, Intent, StepEvidence, in_one_piece, intent, listed
from anonymization.steps.gather import Entries
from anonymization.steps.generalise import code_of
from anonymization.steps.key_patterns import KeyScan, Patterns, merge, plain_of, same, scan_keys
from anonymization.steps.ladders import Labels, Ladder, built
from anonymization.steps.suppress import Blanked, Suppress
from anonymization.steps.wrong import refuse, wrong_unit


@dataclass(frozen=True, slots=True)
class Generalised:
    """What was decided.

    Args:
        labels: for each column the label of each value at the chosen level; None for a column that stays exact.
        blanked: records that lose cells afterwards.
        failing: texts of whole rows (labels of the columns in order) whose class fails the sensitive criteria.
    """

    labels: dict[str, dict[object, str | None] | None]
    blanked: Blanked
    failing: frozenset[tuple[str | None, ...]]
    evidence: StepEvidence


@dataclass(frozen=True, slots=True)
class GeneraliseToK:
    """Chooses for every column one level of its ladder, so that the least is lost.

    Args:
        columns: the columns (key variables) and their ladders; one without levels and without a top stays exact.
        k: the smallest class allowed.
        limit: the highest share of records in classes that stay too small; they are treated cell by cell.
        metric, weights, balance: what is made smallest (`anonymization.lattice.metrics`).
        cutoffs: column to the values that no label may span (a poverty line, an eligibility cut-off).
        together: groups of columns that stand at the same level, as a score and the flag that follows from it.
        exact: columns that are not generalised.
        sensitive, l, t, distance: further criteria of a class (`anonymization.lattice.criteria`).
        importance, missing, own_blank: of the local suppression, see the step suppress.
        unit: the households' column: classes count households by their whole profile.
        most_nodes: larger lattices are refused.
    """

    kind: ClassVar[str] = "generalise_to_k"
    columns: Mapping[str, Ladder]
    k: int
    limit: float = 0.0
    metric: Name = "loss"
    weights: Mapping[str, float] = field(default_factory=dict)
    balance: float = 0.5
    cutoffs: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    together: tuple[tuple[str, ...], ...] = ()
    exact: tuple[str, ...] = ()
    sensitive: str = ""
    l: int = 1  # noqa: E741 - the field's own letter
    t: float = 1.0
    distance: Literal["equal", "ordered"] = "equal"
    importance: Mapping[str, float] = field(default_factory=dict)
    missing: Missing = "wildcard"
    own_blank: bool = True
    unit: str = ""
    most_nodes: int = NODES

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)

    def plan(self, schema: Schema) -> Intent:
        kind = self.kind
        problems = [p for name, ladder in self.columns.items() for p in ladder.problems(kind, name)]
        problems += wrong_unit(kind, self.unit, self.names, schema)
        if not self.columns:
            problems.append(f"{kind}: name the columns.")
        if self.k < 2:
            problems.append(f"{kind}: k must be at least 2, or nothing is protected.")
        if not 0 <= self.limit <= 1 or not 0 <= self.balance <= 1 or not 0 <= self.t <= 1:
            problems.append(f"{kind}: limit, balance and t are numbers from 0 to 1.")
        if (self.l > 1 or self.t < 1) != bool(self.sensitive):
            problems.append(f"{kind}: sensitive goes with l or t, and they with it.")
        if self.sensitive and (self.unit or self.missing == "category" or self.sensitive in self.columns):
            problems.append(
                f"{kind}: with a sensitive column, which is none of the columns, leave out unit and read missing "
                "values as wildcards."
            )
        strange = {
            *self.weights,
            *self.importance,
            *self.cutoffs,
            *self.exact,
            *(n for g in self.together for n in g),
        }
        problems += [
            f"{kind}: {name} is named but is not one of the columns. Add it or remove it."
            for name in sorted(strange - set(self.columns))
        ]
        problems += [
            f"{kind}: weights and importance are numbers above zero."
            for number in (*self.weights.values(), *self.importance.values())
            if not 0 < number < math.inf
        ][:1]
        refuse(problems)
        types = {n: None if n in self.exact else FieldType.STRING for n in self.names}
        counted = f"households ({self.unit})" if self.unit else "rows"
        says = (
            f"Generalises {listed(self.names)} as little as possible until at least {self.k} {counted} look alike, "
            f"and blanks single cells of at most {self.limit:.1%} of them."
        )
        also = tuple(name for name in (self.unit, self.sensitive) if name)
        return intent(self, schema, types, says, also_reads=also)

    def crossing(self, protected: Mapping[str, tuple[float, ...]]) -> list[str]:
        """Protected cut-offs that the choice of levels does not keep."""
        return [
            f"{self.kind}: {name} must keep its cut-off {c:g}. Add it to the step's cutoffs for {name}."
            for name, wanted in protected.items()
            for c in wanted
            if name not in self.exact and c not in self.cutoffs.get(name, ())
        ]

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        return in_one_piece(self, table, context)

    def scan(self, table: pd.DataFrame, context: Context) -> KeyScan:
        return scan_keys(
            table,
            self.names,
            context,
            unit=self.unit,
            strata=self.sensitive,
            below=2 * self.k if self.missing == "category" else self.k + 1,  # as for suppress
            every=self.missing == "category",
        )

    def decide(self, scans: Sequence[KeyScan], context: Context) -> Generalised:
        patterns = merge(scans)
        if not len(patterns.codes):
            return Generalised(dict.fromkeys(self.names), Blanked.nothing(len(self.names)), frozenset(), {})
        labels, trees, leaves = self._ladders(patterns, context)
        sensitive, codes = None, leaves
        if self.sensitive:
            shown = [code_of(plain_of(v)) for v in patterns.stands_for[-1]]
            held = np.repeat(patterns.codes[:, -1], patterns.counts)
            sensitive, _ = sensitive_of(shown, held)
            _, own = sensitive_of(shown, patterns.codes[:, -1])
            codes = np.column_stack([leaves, own])
        merged_codes = patterns.joined(codes)
        found = search(
            merged_codes.codes,
            merged_codes.counts,
            trees,
            Criteria(self.k, self.l, self.t, self.distance),
            limit=self.limit,
            metric=Metric(self.metric, self.weights, self.balance),
            sensitive=sensitive,
            use=Use(self.cutoffs, self.together, self.exact),
            most_nodes=self.most_nodes,
        )
        levels = [found.optimum.levels[name] for name in self.names]
        chosen = {
            name: None if name in self.exact else {v: row[level] for v, row in labels[name].items()}
            for name, level in zip(self.names, levels, strict=True)
        }
        general = np.asfortranarray(
            np.column_stack(
                [h.codes[level][leaves[:, j]] for j, (h, level) in enumerate(zip(trees, levels, strict=True))]
            )
        )
        failing = self._failing(general, codes, patterns, trees, levels, chosen, sensitive)
        blanked = Blanked.nothing(len(self.names))
        evidence: StepEvidence = {}
        if not self.sensitive:
            for j, (h, level) in enumerate(zip(trees, levels, strict=True)):
                gone = (
                    np.array([not text for text in h.labels[level]])
                    if level
                    else self._absent(h, patterns, j)
                )
                general[:, j] = np.where(gone[general[:, j]], -1, general[:, j])
            blanked = self._suppression().decide_on(patterns.joined(general))
            evidence = {
                f"after_{key}": blanked.evidence[key]
                for key in ("smallest_class", "share", "untried", "claim")
            }
        evidence = {
            "k": self.k,
            "limit": self.limit,
            "counted": "households" if self.unit else "rows",
            "metric": self.metric,
            "nodes": found.nodes,
            "nodes_admissible": found.admissible,
            "nodes_k_anonymous": found.anonymous,
            "nodes_without_suppression": found.whole,
            **_told(found.optimum),
            "runners_up": [_told(node) for node in found.runners_up],
            **evidence,
        }
        return Generalised(chosen, blanked, failing, evidence)

    def carry_out(
        self, table: pd.DataFrame, decision: Generalised, context: Context
    ) -> tuple[pd.DataFrame, StepEvidence]:
        out = table.copy(deep=False)
        for name, label in decision.labels.items():
            if label is not None:
                out[name] = _relabelled(table[name], label)
        if decision.failing:
            rows = list(zip(*(_texts(out[name]) for name in self.names), strict=True))
            gone = np.fromiter((row in decision.failing for row in rows), dtype=bool, count=len(rows))
            blanked = Blanked(
                np.sort(Entries.of(table, "", context).numbers[gone]),
                np.ones((int(gone.sum()), len(self.names)), dtype=bool),
                {},
            )
        else:
            blanked = decision.blanked
        out, evidence = self._suppression().carry_out(out, blanked, context)
        return out, {**evidence, "global": decision.evidence}

    def as_shown(self, table: pd.DataFrame, decision: Generalised) -> pd.DataFrame:
        """True values at the levels that were chosen, nothing blanked: what somebody who knows them compares with.

        A value that the extract did not have has no label and becomes missing.
        """
        out = table.copy(deep=False)
        for name, label in decision.labels.items():
            if label is not None:
                out[name] = _relabelled(table[name], label, others=True)
        return out

    def _suppression(self) -> Suppress:
        return Suppress(
            self.names,
            self.k,
            self.importance,
            unit=self.unit,
            missing=self.missing,
            own_blank=self.own_blank,
        )

    def _ladders(
        self, patterns: Patterns, context: Context
    ) -> tuple[dict[str, Labels], list[Hierarchy], Ints]:
        """Labels of single values, hierarchies over what patterns show, and the patterns' leaves in them."""
        labels: dict[str, Labels] = {}
        trees: list[Hierarchy] = []
        leaves = np.empty((len(patterns.codes), len(self.names)), dtype=np.int64, order="F")
        for j, (name, ladder) in enumerate(self.columns.items()):
            shown = patterns.stands_for[j]
            single = {v for s in shown for v in (s if isinstance(s, frozenset) else (s,))}
            values = sorted(single, key=lambda v: (str(type(v)), str(v)))
            rule = Ladder(top=False) if name in self.exact else ladder
            rows = rule.labels([plain_of(v) for v in values], name, context.reference_date)
            labels[name] = dict(zip(values, rows, strict=True))
            codes = patterns.codes[:, j]
            known = [*shown, None] if (codes < 0).any() else shown
            tree = built(name, rule, known, labels[name])
            place = np.empty(len(known), dtype=np.int64)
            place[[int(text) for text in tree.labels[0]]] = np.arange(tree.leaves)
            leaves[:, j] = place[np.where(codes < 0, len(shown), codes)]
            trees.append(tree)
        return labels, trees, leaves

    def _absent(self, tree: Hierarchy, patterns: Patterns, j: int) -> np.ndarray:
        """Which exact leaves are a missing value."""
        return np.array([int(text) >= len(patterns.stands_for[j]) for text in tree.labels[0]])

    def _failing(
        self,
        general: Ints,
        codes: Ints,
        patterns: Patterns,
        trees: Sequence[Hierarchy],
        levels: Sequence[int],
        chosen: Mapping[str, Mapping[object, str | None] | None],
        sensitive: Sensitive | None,
    ) -> frozenset[tuple[str | None, ...]]:
        """Texts of the rows of classes that fail the sensitive criteria."""
        if sensitive is None:
            return frozenset()
        joined = patterns.joined(np.column_stack([general, codes[:, -1]]))
        shape = (*(h.size(level) for h, level in zip(trees, levels, strict=True)), len(sensitive.overall))
        judged = judge(
            Cells(shape, None, joined.codes, joined.counts),
            Criteria(self.k, self.l, self.t, self.distance),
            sensitive,
        )
        out = set()
        for row in judged.cells.codes[judged.failing]:
            at = np.flatnonzero((general == row).all(axis=1))
            for pattern in patterns.codes[at]:
                out.add(
                    tuple(
                        self._text(name, chosen, patterns, j, int(pattern[j]))
                        for j, name in enumerate(self.names)
                    )
                )
        return frozenset(out)

    def _text(
        self,
        name: str,
        chosen: Mapping[str, Mapping[object, str | None] | None],
        patterns: Patterns,
        j: int,
        code: int,
    ) -> str | None:
        if code < 0:
            return None
        value = patterns.stands_for[j][code]
        label = chosen[name]
        return code_of(plain_of(value)) if label is None else label[value]


def _told(node: Node) -> dict[str, object]:
    out = asdict(node)
    return {
        "levels": out["levels"],
        "loss": out["loss"],
        "losses": out["losses"],
        "suppressed": out["suppressed"],
        "classes": out["classes"],
        "smallest_class": out["smallest"],
    }


def _relabelled(values: pd.Series, label: Mapping[object, str | None], *, others: bool = False) -> pd.Series:
    """Each value's label; missing stays missing, and with `others` so does a value that has none."""
    known = values.notna().to_numpy()
    out = np.empty(len(values), dtype=object)
    out[:] = None
    shown = values.to_numpy(dtype=object)
    first: dict[object, str | None] = {}
    for i in np.flatnonzero(known):
        key = same(shown[i])
        if key not in first:
            if key not in label and not others:
                raise BrokenIntent(
                    "A value came that the scan had not seen. This is a defect; nothing was released."
                )
            first[key] = label.get(key)
        out[i] = first[key]
    return pd.Series(out, index=values.index, name=values.name, dtype=object)


def _texts(values: pd.Series) -> list[str | None]:
    return [None if pd.isna(v) else code_of(v) for v in values.tolist()]
