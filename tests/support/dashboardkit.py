"""The demo ministry's figures in a portal: standing tables drawn of several extracts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from portalkit import Portal
from standingkit import DAYS, IBR, Sealer, dictionary, extract_file

from enclave.extracts.aggregating import Aggregating
from enclave.extracts.service import Extracts
from enclave.releases.model import Release


def draw_figures(portal: Portal, root: Path, days: Sequence[date] = DAYS) -> list[Release]:
    """Registers an extract of each day and draws its standing tables."""
    house, steward = portal.enclave, portal.actor("sofia")
    house.catalogue.describe(steward, dictionary())
    house.budgets.grant(portal.actor("petra"), dataset=IBR, project="", epsilon=10.0)
    extracts = Extracts(house.kit, Sealer(), root / "scratch")
    drawing = Aggregating(house.kit, extracts, house.releases, house.budgets)
    made: list[Release] = []
    for day in days:
        taken = extracts.register(
            steward, dataset=IBR, path=extract_file(day), as_of=day, source="the demo registry"
        )
        made += drawing.aggregate(steward, taken.id)
    return made
