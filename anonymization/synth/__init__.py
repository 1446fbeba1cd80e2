"""Synthetic data, each table with its evidence, and never called safe by construction.

`protocol` what a synthesizer is and the decisions behind a table; `methods` their names; `cart` sequential trees
of our own; `sdv` copula, networks and HMA (the only file that loads SDV); `bounded` and `worker` the process that
networks learn in; `private` and `public` noisy marginals over the data dictionary's cells; `related` several tables;
`constraints` what every row keeps; `tables` types in and out; `privacy` nearness and copies; `synthesis` the whole;
`choosing` the best of several methods by measurement.
Importing this package loads neither SDV nor scikit-learn nor OpenDP.
"""

from __future__ import annotations

from .choosing import Choice, Judge, Verdict, choose
from .methods import METHODS, synthesizer
from .privacy import privacy_evidence
from .protocol import Bounds, SynthesisError, SynthesisPlan, Synthesizer
from .synthesis import NOT_PRIVATE, synthesise

__all__ = [
    "METHODS",
    "NOT_PRIVATE",
    "Bounds",
    "Choice",
    "Judge",
    "SynthesisError",
    "SynthesisPlan",
    "Synthesizer",
    "Verdict",
    "choose",
    "privacy_evidence",
    "synthesise",
    "synthesizer",
]
