"""What a release still shows that identifies by itself, whatever a recipe or a dictionary calls it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from anonymization.columns.classifying import classify
from anonymization.schema import VariableRole

#: Kinds whose values alone lead to a person.
_TELLING = frozenset({"national_id", "phone", "email", "person_name", "coordinate", "birth_date"})
_SURE = 0.85
_NAMES = 50  # fewer different names could be those of regions
ROWS = 50_000  # of a release that are looked at; its rows are in no order


def identifiers_left(release: pd.DataFrame, roles: Mapping[str, str]) -> dict[str, str]:
    """Columns whose values are those of a direct identifier or a full date of birth, to the kind of it.

    A role is what somebody wrote down; this looks at the values themselves, so a column that was declared plain by
    mistake does not pass for one.

    Args:
        release: what is about to be released; its first rows are looked at.
        roles: column to role. Direct ones (they are pseudonyms by now) and free text (redacted) are left out.
    """
    done = (VariableRole.DIRECT, VariableRole.FREE_TEXT)
    look_at = [at for at, name in enumerate(release.columns) if roles.get(str(name)) not in done]
    if not look_at or release.empty:
        return {}
    seen = classify(release.iloc[:ROWS, look_at])
    return {
        c.name: c.proposed.kind
        for c in seen.columns
        if c.proposed.kind in _TELLING
        and c.confidence >= _SURE
        and (c.proposed.kind != "person_name" or c.profile.distinct >= _NAMES)
    }
