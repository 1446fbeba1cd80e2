"""What the commands of this library share (`python -m anonymization.risk` and its neighbours).

Exit codes: 0 done; 1 the data cannot be used; 2 the command was not understood (also: no such column). A refusal is
one sentence on standard error; nothing else is printed then.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from anonymization.errors import AnonymizationError
from anonymization.files import NoSuchColumn

DONE, UNUSABLE, USAGE = 0, 1, 2


class Misused(AnonymizationError):
    """The command line asks for something that does not fit together."""


def names(text: str) -> list[str]:
    """`a,b,c` as a list; a name that holds a comma stands in double quotes. For argparse's `type=`.

    Raises:
        argparse.ArgumentTypeError: no name, or one of them twice.
    """
    found = [name.strip() for name in next(csv.reader([text], skipinitialspace=True), [])]
    if not found or not all(found) or len(set(found)) < len(found):
        message = "name columns once each, with commas between them"
        raise argparse.ArgumentTypeError(message)
    return found


def whole(least: int) -> Callable[[str], int]:
    """A whole number of at least `least`, for argparse's `type=`."""

    def read(text: str) -> int:
        if not text.strip().lstrip("-").isdecimal() or int(text) < least:
            message = f"must be a whole number, at least {least}"
            raise argparse.ArgumentTypeError(message)
        return int(text)

    return read


def share(text: str) -> float:
    """A number from 0 to 1, for argparse's `type=`."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        message = "must be a number from 0 to 1"
        raise argparse.ArgumentTypeError(message)
    return value


def as_json(result: object) -> str:
    """JSON with numpy's numbers as plain ones and what is not finite as null."""
    return json.dumps(_plain(result), indent=2, ensure_ascii=False, allow_nan=False)


def run(main: Callable[[Sequence[str]], None], arguments: Sequence[str] | None = None) -> int:
    """Runs a command and turns what can go wrong into one sentence and an exit code."""
    try:
        main(sys.argv[1:] if arguments is None else arguments)
    except AnonymizationError as error:
        sys.stderr.write(f"{error.sentence}\n")
        return USAGE if isinstance(error, NoSuchColumn | Misused) else UNUSABLE
    except BrokenPipeError:  # `... | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
