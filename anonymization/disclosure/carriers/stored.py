"""Pickles, models, archives and tables as bytes: what is in them is the data, not a result. Never loaded."""

from __future__ import annotations

import io
import pickletools
import zipfile
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from anonymization.disclosure.carriers.bounded import Archive, TooMuch

if TYPE_CHECKING:
    from anonymization.disclosure.carriers import Carried

_TABLES = frozenset(
    {"parquet", "arrow", "hdf5", "sqlite", "duckdb", "stata", "spss", "sas", "avro", "numpy", "rdata"}
)
_SENTENCES = {
    "pickle": "A pickle can hold rows and run code when it is opened. Send in coefficients or checked tables as csv.",
    "model": "A model can hold the rows that it learnt from. Send in coefficients or checked tables as csv.",
    "office": "An old office file carries more than is seen. Send in each table as csv.",
    "program": "A program is not a result. Leave it out.",
    "jsonl": "Lines of records are rows. Send in a summary as csv.",
}
#: Classes that keep what they were fitted on (sacroml's structural attacks name the same families).
_KEEP_ROWS = (
    ("KNeighbors", "A nearest-neighbour model keeps every row that it was fitted on."),
    ("RadiusNeighbors", "A nearest-neighbour model keeps every row that it was fitted on."),
    ("SVC", "A support vector machine keeps rows as its support vectors."),
    ("SVR", "A support vector machine keeps rows as its support vectors."),
    ("GaussianProcess", "A Gaussian process keeps every row that it was fitted on."),
    ("KernelDensity", "A kernel density keeps every row that it was fitted on."),
    ("DecisionTree", "A tree can have leaves with one household."),
    ("RandomForest", "Trees can have leaves with one household."),
    ("ExtraTrees", "Trees can have leaves with one household."),
    ("DataFrame", "It holds a whole table."),
    ("ndarray", "It holds whole columns of numbers."),
    ("_reconstruct", "It holds whole columns of numbers."),
    ("ResultsWrapper", "A fitted statsmodels result keeps the rows that it was fitted on."),
)


def carried(data: bytes, kind: str) -> Iterator[Carried]:
    """Why a file of this kind stays inside; for pickles and archives, what is in it."""
    if kind in _TABLES:
        yield "closed-format", "", "A file of rows is data and no result. Send in a summary as csv."
    elif kind in _SENTENCES:
        yield "closed-format", "", _SENTENCES[kind]
    elif kind in ("zip", "compressed", "archive"):
        yield "closed-format", "", "An archive cannot be checked as one. Send in each file by itself."
    elif kind == "unknown":
        yield (
            "closed-format",
            "",
            "Nobody can say what is in this file. Save tables as csv and figures as png.",
        )
    if kind == "pickle":
        yield from _named(data)
    elif kind in ("zip", "model", "numpy"):
        yield from _inside(data)


def _named(data: bytes) -> Iterator[Carried]:
    """Sentences about the classes that a pickle names, read from its opcodes."""
    said: set[str] = set()
    for name in _globals(data):
        for mark, sentence in _KEEP_ROWS:
            if mark in name and sentence not in said:
                said.add(sentence)
                yield "keeps-rows", "", sentence


def _globals(data: bytes) -> Iterator[str]:
    """Names of classes and functions; from protocol 4 on they stand as texts before STACK_GLOBAL."""
    try:
        for opcode, argument, _ in pickletools.genops(io.BytesIO(data)):
            if isinstance(argument, str) and (opcode.name == "GLOBAL" or argument.isidentifier()):
                yield argument
    except Exception:  # noqa: BLE001 - whatever is wrong with it, what was read so far is what can be said
        return


def _inside(data: bytes) -> Iterator[Carried]:
    try:
        archive = Archive(data)
        for position, name in enumerate(archive.names, start=1):
            if name.endswith((".pkl", ".pickle")):
                yield "pickle-inside", f"part {position}", _SENTENCES["pickle"]
                yield from _named(archive.read(name))
            elif name.endswith((".zip", ".gz", ".xz", ".7z", ".tar")):
                yield (
                    "archive-inside",
                    f"part {position}",
                    "An archive is inside. Send in each file by itself.",
                )
    except (zipfile.BadZipFile, zlib.error):
        return
    except TooMuch as problem:
        yield "too-much", "", problem.sentence
