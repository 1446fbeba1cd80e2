"""Full search of a lattice of generalisations for the k-anonymous table that loses least.

`python -m anonymization.lattice` does it for a file; the step `generalise_to_k` does it in a recipe.
"""

from __future__ import annotations

from anonymization.lattice.criteria import Criteria, Sensitive
from anonymization.lattice.hierarchy import Hierarchy
from anonymization.lattice.metrics import Metric
from anonymization.lattice.search import Node, Solution, Use, search

__all__ = ["Criteria", "Hierarchy", "Metric", "Node", "Sensitive", "Solution", "Use", "search"]
