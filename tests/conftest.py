"""What every test run shares."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# The same examples on every machine, so that a run says something about the code and not about its luck;
# HYPOTHESIS_PROFILE=deep looks for new ones.
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "deep", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
