"""One estimate on the original and on the protected table, side by side, each with its error."""

from __future__ import annotations

import math
from typing import Any

from evaluation import Estimate


def compared(before: Estimate, after: Estimate) -> dict[str, Any]:
    """Both estimates and errors, the change, and the change in errors of the original; None for what is not finite."""
    change = after.estimate - before.estimate
    return {
        "denominator": before.denominator,
        "original": plain(before.estimate),
        "original_se": plain(before.se),
        "protected": plain(after.estimate),
        "protected_se": plain(after.se),
        "change": plain(change),
        "change_in_se": plain(change / before.se) if before.se > 0 else None,
    }


def plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
