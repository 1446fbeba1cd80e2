from __future__ import annotations

from pathlib import Path

import pytest
from portalkit import Portal, a_portal


@pytest.fixture
def portal(tmp_path: Path) -> Portal:
    return a_portal(tmp_path)
