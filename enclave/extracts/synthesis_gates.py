"""Facts for the gates of several tables: the worst of each figure; and of private ones, only what is public."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anonymization.dp.accountant import Loss
from anonymization.synth.several import Syntheses
from enclave.catalogue.model import ColumnRole, Dataset


def worst_facts(each: Sequence[Mapping[str, object]], least: frozenset[str]) -> dict[str, object]:
    """The worst of each fact over the tables; one that is missing for any table is missing, which denies.

    Args:
        each: the facts of each table.
        least: the facts of which less is worse.
    """
    out: dict[str, object] = {}
    for name in each[0]:
        found = [facts[name] for facts in each]
        if any(v is None for v in found):
            out[name] = None
        elif all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in found):
            figures = [v for v in found if isinstance(v, (int, float))]
            out[name] = min(figures) if name in least else max(figures)
        else:
            out[name] = found[0]
    return out


def private_facts(made: Syntheses, dataset: Dataset, loss: Loss) -> dict[str, object]:
    """Facts for the policy "private-synthesis": nothing here hangs on the rows."""
    roles = {c.name: c.role for c in dataset.columns}
    columns = [str(c) for c in made.tables[0].columns if c != dataset.unit_id]
    return {
        "loss_is_charged": bool(made.evidence.get("charge")),
        "epsilon": loss.epsilon,
        "delta": loss.delta,
        "privacy_unit": "household",
        "cells_are_public": True,
        "free_text_columns": sum(roles.get(c) is ColumnRole.FREE_TEXT for c in columns),
        "direct_identifiers_left": sum(roles.get(c) is ColumnRole.DIRECT for c in columns),
    }
