"""Local suppression: blanks single cells of the key variables until every record looks like k, and keeps every record.

`python -m anonymization.suppress` does it to a file; the step `suppress` does it in a recipe.
"""

from __future__ import annotations

from anonymization.suppress.cells import suppressed_cells
from anonymization.suppress.undo import Effort
from anonymization.suppress.wildcard import Blanks, blanks

__all__ = ["Blanks", "Effort", "blanks", "suppressed_cells"]
