"""The search of the whole lattice against an oracle that generalises every raw row for every node."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import product
from math import floor, prod

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from anonymization.errors import Unusable
from anonymization.lattice import Criteria, Hierarchy, Metric, Use, cells, search
from anonymization.lattice.reading import sensitive_of

QUICK = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def hierarchies(draw, name):
    """Numbers from 0, each level joining neighbours or others of the level below, `*` last or not."""
    leaves = draw(st.integers(1, 6))
    levels = [list(range(leaves))]
    for _ in range(draw(st.integers(0, 2))):
        below = sorted(set(levels[-1]))
        join = {v: draw(st.integers(0, len(below) - 1)) for v in below}
        levels.append([join[v] for v in levels[-1]])
    rows = [
        [str(levels[0][i]), *(f"{level}/{levels[level][i]}" for level in range(1, len(levels)))]
        for i in range(leaves)
    ]
    if draw(st.booleans()):
        rows = [[*row, "*"] for row in rows]
    return name, draw(st.permutations(rows))


@st.composite
def problems(draw):
    trees = [draw(hierarchies(name)) for name in "abc"[: draw(st.integers(1, 3))]]
    row = st.tuples(
        *(st.sampled_from([r[0] for r in rows]) for _, rows in trees), st.sampled_from(["", "1", "2", "10"])
    )
    data = draw(st.lists(row, min_size=2, max_size=30))
    criteria = Criteria(
        draw(st.integers(2, 4)),
        draw(st.sampled_from([1, 1, 2, 3])),
        draw(st.sampled_from([1.0, 1.0, 0.5, 0.2])),
        draw(st.sampled_from(["equal", "ordered"])),
    )
    metric = Metric(
        draw(st.sampled_from(["loss", "loss", "loss", "average_class_size", "discernibility", "precision"])),
        {"a": draw(st.sampled_from([1.0, 4.0]))},
        draw(st.sampled_from([0.5, 0.1, 0.8])),
    )
    use = Use({"a": draw(st.sampled_from([(), (), (2.0,)]))}, draw(st.sampled_from([(), (("a", "b"),)])))
    return trees, data, criteria, draw(st.sampled_from([0.0, 0.3, 0.5, 0.9])), metric, use


def fails(values: list[str], everybody: list[str], criteria: Criteria) -> bool:
    if len(values) < criteria.k or (criteria.l > 1 and len({v for v in values if v}) < criteria.l):
        return True
    if criteria.t >= 1:
        return False
    order = sorted({v for v in everybody if v}, key=float) + ([""] if "" in everybody else [])
    gaps = [values.count(v) / len(values) - everybody.count(v) / len(everybody) for v in order]
    if criteria.distance == "equal":
        far = sum(abs(g) for g in gaps) / 2
    else:
        far = sum(abs(sum(gaps[: i + 1])) for i in range(len(gaps))) / max(len(gaps) - 1, 1)
    return far > criteria.t + 1e-12


def oracle(trees, data, criteria, limit, metric, use):
    n, everybody = len(data), [row[-1] for row in data]
    of = {name: {row[0]: row for row in rows} for name, rows in trees}
    heights = [len(rows[0]) for _, rows in trees]
    weights = [metric.weights.get(name, 1.0) for name, _ in trees]
    g, s = min(1.0, 2 - 2 * metric.balance), min(1.0, 2 * metric.balance)
    found, admissible = {}, 0
    for node in product(*(range(h) for h in heights)):
        tied = [
            level
            for (name, _), level in zip(trees, node, strict=True)
            if any(name in g for g in use.together)
        ]
        if len(set(tied)) > 1:
            continue
        sides = defaultdict(set)
        for row in trees[0][1]:
            sides[row[node[0]]].add(float(row[0]) >= 2.0)
        if use.cutoffs["a"] and any(len(side) > 1 for side in sides.values()):
            continue
        admissible += 1
        classes = defaultdict(list)
        for row in data:
            classes[
                tuple(of[name][v][level] for (name, _), v, level in zip(trees, row, node, strict=False))
            ].append(row)
        gone = {key for key, rows in classes.items() if fails([r[-1] for r in rows], everybody, criteria)}
        lost = sum(len(classes[key]) for key in gone)
        if lost > floor(limit * n + 1e-9) or lost == n:
            continue
        kept = [len(rows) for key, rows in classes.items() if key not in gone]
        if metric.name == "discernibility":
            loss = sum(c * c for c in kept) + n * lost
        elif metric.name == "average_class_size":
            loss = n / (len(kept) + (lost > 0))
        else:
            parts = []
            for j, (_, rows) in enumerate(trees):
                held = Counter(row[node[j]] for row in rows)
                total = 0.0
                for key, members in classes.items():
                    share = held[key[j]] / len(rows)
                    total += len(members) * (share + s * (1 - share) if key in gone else g * share)
                least = g * n / len(rows)
                loss_j = max(0.0, (total - least) / (n - least)) if n > least else 0.0
                if metric.name == "precision":
                    loss_j = ((n - lost) * node[j] / max(heights[j] - 1, 1) + lost) / n
                parts.append(loss_j)
            if metric.name == "precision":
                loss = sum(p * w for p, w in zip(parts, weights, strict=True)) / sum(weights)
            else:
                loss = prod((1 + p) ** (w / sum(weights)) for p, w in zip(parts, weights, strict=True)) - 1
        found[node] = (loss, lost, len(kept), min(kept))
    return found, admissible


@pytest.mark.parametrize("sparse", [False, True])
@given(problem=problems())
@QUICK
def test_the_optimum_and_every_count_are_those_of_brute_force(problem, sparse):
    trees, data, criteria, limit, metric, use = problem
    expected, admissible = oracle(*problem)
    made = [Hierarchy.of(name, rows) for name, rows in trees]
    texts = sorted({row[-1] for row in data if row[-1]})
    sensitive, values = sensitive_of(texts, np.array([texts.index(r[-1]) if r[-1] else -1 for r in data]))
    columns = [[h.labels[0].index(row[j]) for row in data] for j, h in enumerate(made)]
    table = np.column_stack([*columns, values] if criteria.sensitive else columns).astype(np.int64)
    codes, counts = np.unique(table, axis=0, return_counts=True)

    def run():
        return search(
            codes, counts, made, criteria, limit=limit, metric=metric, use=use,
            sensitive=sensitive if criteria.sensitive else None, runners_up=3,
        )  # fmt: skip

    with pytest.MonkeyPatch.context() as patch:
        if sparse:
            patch.setattr(cells, "_CELLS", 0)
        if len(data) < criteria.k or not expected:
            with pytest.raises(Unusable):
                run()
            return
        found = run()
    best = min(loss for loss, *_ in expected.values())
    node = tuple(found.optimum.levels[name] for name, _ in trees)
    assert found.optimum.loss == pytest.approx(best, rel=1e-9, abs=1e-12)
    assert (found.optimum.suppressed, found.optimum.classes, found.optimum.smallest) == expected[node][1:]
    assert expected[node][0] == pytest.approx(best, rel=1e-9, abs=1e-12)
    assert found.admissible == admissible
    assert found.anonymous == len(expected)
    assert found.whole == sum(lost == 0 for _, lost, *_ in expected.values())
    runners = [found.optimum.loss, *(n.loss for n in found.runners_up)]
    assert runners == pytest.approx(
        sorted(loss for loss, *_ in expected.values())[: len(runners)], rel=1e-9, abs=1e-12
    )


@given(problems())
@QUICK
def test_coarser_never_suppresses_more_for_k_alone(problem):
    trees, data, criteria, *_ = problem
    plain = Criteria(criteria.k)
    assume(len(data) >= plain.k)
    lost = {}
    for node in product(*(range(len(rows[0])) for _, rows in trees)):
        of = [{row[0]: row[level] for row in rows} for (_, rows), level in zip(trees, node, strict=True)]
        classes = Counter(tuple(m[v] for m, v in zip(of, row, strict=False)) for row in data)
        lost[node] = sum(c for c in classes.values() if c < plain.k)
    made = [Hierarchy.of(name, rows) for name, rows in trees]
    table = np.column_stack([[h.labels[0].index(row[j]) for row in data] for j, h in enumerate(made)])
    codes, counts = np.unique(table.astype(np.int64), axis=0, return_counts=True)
    for node, gone in lost.items():
        for j in range(len(node)):
            above = (*node[:j], node[j] + 1, *node[j + 1 :])
            assert lost.get(above, 0) <= gone
    limit = min(lost.values()) / len(data)
    if min(lost.values()) < len(data):
        assert search(codes, counts, made, plain, limit=limit).anonymous == sum(
            gone <= floor(limit * len(data) + 1e-9) for gone in lost.values()
        )
