"""Train on synthetic, test on real: what a model learnt from the synthetic table is worth on real rows that nobody saw.

Source: Esteban, Hyland and Raetsch (2017), Real-valued medical time series generation with recurrent conditional GANs,
which proposed it; beside it always the same model learnt from real rows. Gradient-boosted trees of scikit-learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from evaluation import EvaluationError

from .models import Levels, ModelQuestion, levels_of, usable
from .trees import MISSING, Floats, area_under_curve, boosted

#: Rows that are learnt from at most: beyond, the scores hardly move and minutes pass.
_ROWS = 20_000
_FEWEST = 50


def compare_predictions(
    training: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, questions: Sequence[ModelQuestion]
) -> dict[str, dict[str, Any]]:
    """For each question the score on the hold-out of a model learnt from real and from synthetic rows.

    The score is R squared for numbers (of their logarithm where the question says so; 0 is worth nothing) and the area
    under the ROC curve for yes and no (0.5 is worth nothing). `loss` is the real one's minus the synthetic one's: None
    where the real side gives none, and all that the real side has over nothing where the synthetic one gives none.
    """
    return {q.name: _one(training, holdout, synthetic, q) for q in questions}


def _one(
    training: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, question: ModelQuestion
) -> dict[str, Any]:
    flag = question.kind == "logistic"
    out: dict[str, Any] = {"score": "area under the ROC curve" if flag else "R squared", "why": ""}
    nothing = {"real": None, "synthetic": None, "loss": None}
    try:
        levels = levels_of(training, question)
        test = usable(holdout, question, levels)
        real = _score(usable(training, question, levels), test, question, levels)
    except ImportError:
        return {**out, **nothing, "why": MISSING}
    except KeyError:
        return {**out, **nothing, "why": "real: A column of the model is not in the table."}
    except EvaluationError as error:
        return {**out, **nothing, "why": f"real: {error}"}
    try:
        made = _score(usable(synthetic, question, levels), test, question, levels)
    except EvaluationError as error:
        lost = max(real - (0.5 if flag else 0.0), 0.0)
        return {**out, "why": f"synthetic: {error}", "real": real, "synthetic": None, "loss": lost}
    return {**out, "real": real, "synthetic": made, "loss": real - made}


def _score(learnt: pd.DataFrame, test: pd.DataFrame, question: ModelQuestion, levels: Levels) -> float:
    flag, learnt = question.kind == "logistic", learnt.head(_ROWS)
    y, truth = _outcome(learnt, question), _outcome(test, question)
    for part in (y, truth):
        if len(part) < _FEWEST or float(part.std()) == 0:
            raise EvaluationError(
                "Too few rows have all the values that are needed, or the outcome does not vary."
            )
    found = boosted(_matrix(learnt, question, levels), y, _matrix(test, question, levels), flag=flag)
    if flag:
        return area_under_curve(truth, found)
    return 1 - float(((truth - found) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())


def _outcome(df: pd.DataFrame, question: ModelQuestion) -> Floats:
    values = df[question.outcome].to_numpy(dtype=np.float64)
    if question.kind == "logistic":
        return np.asarray(values != 0, dtype=np.float64)
    return np.log(values) if question.log else values


def _matrix(df: pd.DataFrame, question: ModelQuestion, levels: Levels) -> Floats:
    parts: list[Floats] = []
    for name in question.on:
        if name in levels:
            words = df[name].to_numpy()
            parts += [np.asarray(words == level, dtype=np.float64) for level in levels[name]]
        else:
            parts.append(df[name].to_numpy(dtype=np.float64))
    return np.column_stack(parts)
