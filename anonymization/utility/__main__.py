"""Starts `python -m anonymization.utility`; see `anonymization.utility.command`."""

from __future__ import annotations

import sys

from anonymization.commands import run
from anonymization.utility.command import main

if __name__ == "__main__":
    sys.exit(run(main))
