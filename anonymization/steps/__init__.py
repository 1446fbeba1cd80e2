"""The steps of a recipe, one a module, and the one table that names them all."""

from __future__ import annotations

from anonymization.steps.base import Context, GlobalStep, Intent, Step, StepEvidence
from anonymization.steps.coarsen_place import CoarsenPlace
from anonymization.steps.drop import Drop
from anonymization.steps.generalise import Generalise
from anonymization.steps.generalise_to_k import GeneraliseToK
from anonymization.steps.microaggregate import Microaggregate
from anonymization.steps.noise import Noise
from anonymization.steps.pram import Pram
from anonymization.steps.pseudonymise import Pseudonymise
from anonymization.steps.rank_swap import RankSwap
from anonymization.steps.record_swap import RecordSwap
from anonymization.steps.redact_text import RedactText
from anonymization.steps.reweight import Reweight
from anonymization.steps.round import Round
from anonymization.steps.rows import Sample, Shuffle
from anonymization.steps.shift_dates import ShiftDates
from anonymization.steps.suppress import Suppress
from anonymization.steps.tail_mean import TailMean
from anonymization.steps.topcode import Topcode

#: A step's name in a recipe, to what it does. A step that is not here does not exist.
STEPS: dict[str, type[Step]] = {
    "drop": Drop,
    "pseudonymise": Pseudonymise,
    "generalise": Generalise,
    "topcode": Topcode,
    "tail_mean": TailMean,
    "round": Round,
    "redact_text": RedactText,
    "suppress": Suppress,
    "generalise_to_k": GeneraliseToK,
    "shift_dates": ShiftDates,
    "coarsen_place": CoarsenPlace,
    "microaggregate": Microaggregate,
    "noise": Noise,
    "pram": Pram,
    "rank_swap": RankSwap,
    "record_swap": RecordSwap,
    "reweight": Reweight,
    "sample": Sample,
    "shuffle": Shuffle,
}

#: Steps that move whole rows and so treat no column.
ROW_STEPS = frozenset({"shuffle"})

__all__ = ["ROW_STEPS", "STEPS", "Context", "GlobalStep", "Intent", "Step", "StepEvidence"]
