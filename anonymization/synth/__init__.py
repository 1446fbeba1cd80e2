"""Synthetic data, each table with its evidence, and never called safe by construction.

`protocol` what a synthesizer is and the decisions behind a table; `sdv` the Gaussian copula (the only file
that loads SDV); `cart` sequential trees of our own; `tables` types in and out; `privacy` nearness and copies;
`methods` the table
of methods; `synthesis` the whole. Importing this package loads neither SDV nor scikit-learn.
"""

from __future__ import annotations

from .methods import METHODS, synthesizer
from .privacy import privacy_evidence
from .protocol import Bounds, SynthesisError, SynthesisPlan, Synthesizer
from .synthesis import NOT_PRIVATE, synthesise

__all__ = [
    "METHODS",
    "NOT_PRIVATE",
    "Bounds",
    "SynthesisError",
    "SynthesisPlan",
    "Synthesizer",
    "privacy_evidence",
    "synthesise",
    "synthesizer",
]
