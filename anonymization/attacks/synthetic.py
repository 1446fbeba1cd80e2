"""Attacks on a synthetic table, beside the rows that its synthesizer never saw.

No row of such a table is a real one, so nothing is to be told from the order of rows, and numbers are singled out by
inequalities, as Giomi et al. (2023) have it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from anonymization.attacks.knowledge import Known
from anonymization.attacks.profiles import profiles
from anonymization.attacks.report import attacked, report
from anonymization.attacks.settings import AttackSettings


def attack_synthetic(
    synthetic: pd.DataFrame,
    training: pd.DataFrame,
    holdout: pd.DataFrame,
    quasi_identifiers: Sequence[str],
    sensitive: Sequence[str],
    seed: int,
    settings: AttackSettings | None = None,
) -> dict[str, object]:
    """What the three attacks make of a synthetic table.

    Args:
        synthetic: what was drawn; training: what was learnt from; holdout: what was not. The same columns.
        quasi_identifiers: what an attacker may know; sensitive: what is guessed, every other column when none is named.
        seed: of the choice of targets and predicates.
        settings: how hard to attack. No table is cut down to `most_units`: in a part of a synthetic table a copied row
            would be missed. The hold-out's successes are brought to the size of the training (see `singling_out`).
    """
    chosen = settings or AttackSettings()
    columns = tuple(map(str, training.columns))
    known_columns = tuple(c for c in columns if c in quasi_identifiers)
    others = tuple(c for c in columns if c not in known_columns)
    secrets = tuple(c for c in others if c in sensitive) or others
    known = Known(known_columns, known_columns, others, secrets)
    rng = np.random.default_rng(seed)
    coded = profiles(synthetic, training, holdout, columns)
    targets = tuple(
        np.sort(rng.permutation(len(df))[: chosen.attacks]).astype(np.int64) for df in (training, holdout)
    )  # fmt: skip
    scores = attacked(
        coded, known, chosen, (targets[0], targets[1]), seed + 1, beyond=True, order=False
    )  # fmt: skip
    about = {
        "design": "rows that the synthesizer never saw are the hold-out",
        "unit": "row",
        "rows": {"synthetic": len(synthetic), "training": len(training), "holdout": len(holdout)},
    }
    return report(scores, known, chosen, about)
