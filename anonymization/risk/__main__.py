"""Starts `python -m anonymization.risk`; see `anonymization.risk.command`."""

from __future__ import annotations

import sys

from anonymization.commands import run
from anonymization.risk.command import main

if __name__ == "__main__":
    sys.exit(run(main))
