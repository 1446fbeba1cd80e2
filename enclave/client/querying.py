"""Private questions about the full registry, from inside a workspace: answered outside it, with noise, and paid for.

`questions` lists what may be asked, `quote` says what a question would cost, `query` asks it. The answer comes with a
receipt; `Answer.save` writes both so that they leave through the airlock without a human check. The same question of
the same extract is paid for once.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from enclave.client.errors import ClientError
from enclave.client.outputs import checked_name, outputs_folder, write_whole

Question = Mapping[str, Any] | str

_SECONDS = 330.0
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Quote:
    """What a question would cost; nothing was spent.

    Args:
        query: the question in full, with the keys and bounds that the data dictionary added.
        loss: {epsilon, delta, rho} that it would spend.
        left: what the project has left now, as {accounting, epsilon, rho, delta, says, ...}: the largest further
            question of each kind.
        paid: whether the project has paid for it already, so that asking costs nothing.
        expected_error: half-width of the 95% interval of the noise (`count`, `value`; of a quantile, in ranks), the
            number of `cells`, and with unknown keys how many households make sure that a key is found (`found_from`).
        fits: whether it would be answered; `because` says why not.
        left_after: what it would leave.
        error: how far noise moves one cell (`half_width`, `confidence`); none where it depends on the number of
            households behind a cell and `contributions` was not given.
        says: all of it in sentences.
    """

    query: Mapping[str, Any]
    loss: Mapping[str, float]
    left: Mapping[str, Any]
    paid: bool
    expected_error: Mapping[str, Any]
    fits: bool = True
    because: tuple[str, ...] = ()
    left_after: Mapping[str, float] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    says: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A private answer.

    Args:
        table: one row for each cell: the keys, `value`, its interval for the noise alone, why a cell is withheld; the
            columns of each shape are in docs/how-to/write-a-question.md.
        loss: {epsilon, delta, rho} that the project paid for it, once.
        left: what the project has left.
        receipt: what the house signed: question, loss, and the SHA-256 of `csv`.
        csv: the answer's file, to the byte.
    """

    table: pd.DataFrame
    loss: Mapping[str, float]
    left: Mapping[str, Any]
    receipt: Mapping[str, Any]
    csv: bytes = field(repr=False)

    def save(self, name: str) -> Path:
        """Writes outputs/<name>.csv and outputs/<name>.receipt.json; send <name>.csv to the airlock.

        Args:
            name: without ending: small letters, digits, hyphens, underscores. The file leaves under a name of the
                house's own.

        Returns:
            The csv's path.

        Raises:
            ClientError: for an unusable name.
        """
        folder = outputs_folder() / checked_name(name)
        text = json.dumps(self.receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
        write_whole(folder.with_name(f"{name}.receipt.json"), text.encode())
        return write_whole(folder.with_name(f"{name}.csv"), self.csv)


def query(question: Question | None = None, /, **words: Any) -> Answer:
    """Asks a private question of the full registry and pays for it from the project's privacy budget.

    Args:
        question: a mapping, or the same as YAML or JSON text.
        words: the same as keywords (`measure="count", group_by=["region_code"], epsilon=0.5`); they win over
            `question`. Keys and bounds that are left out come from the data dictionary.

    Raises:
        ClientError: the question does not keep to what is public, the budget does not cover it, access has ended, or
            this is no workspace; each in a sentence.
    """
    told = _ask("POST", "/query", _asked(question, words))
    csv = str(told["csv"]).encode()
    receipt = told["receipt"]
    if hashlib.sha256(csv).hexdigest() != receipt["answer_sha256"]:
        raise ClientError("The answer did not arrive as it was given. Ask the same again; it costs nothing.")
    return Answer(_table(told["rows"], csv), told["loss"], told["left"], receipt, csv)


def quote(question: Question | None = None, /, **words: Any) -> Quote:
    """What a question would cost and how wide its noise would be, without asking it. Arguments as `query`.

    With `within` in place of a price (`quote(measure="count", group_by=["region_code"], within=25)`) it says what price
    keeps the noise of each cell inside that, in 19 cases of 20; for a mean or ratio say also how many `contributions`
    lie behind a cell.
    """
    told = _ask("POST", "/quote", _asked(question, words))
    error = {**told["expected_error"], "cells": told["cells"]}
    more = {name: told[name] for name in ("fits", "left_after", "error", "says") if name in told}
    return Quote(
        told["query"],
        told["loss"],
        told["left"],
        told["paid"],
        error,
        because=tuple(told.get("because", ())),
        **more,
    )


def consistent(*answers: Answer) -> list[pd.DataFrame]:
    """Answers about one thing at several groupings, brought to agree: totals add up, nothing is below zero.

    Post-processing: it costs nothing, and over all cells together it is at least as close to the truth. The intervals
    stay those of `value`; sums of many small cells are better taken from `value_raw`.

    Args:
        answers: of `query`, of the same extract, with the same measure, column and filters; one of them is grouped by
            everything that the others are.

    Returns:
        The tables in that order, each with a column `consistent`.

    Raises:
        ClientError: when they are not about one thing, or one is not this project's.
    """
    if not answers or not all(isinstance(answer, Answer) for answer in answers):
        raise ClientError(
            "Give answers of client.query, for example client.consistent(by_region, by_region_and_sex)."
        )
    keys = [str(answer.receipt["key"]) for answer in answers]
    body = {"answers": keys, "table": str(answers[0].receipt["dataset"])}
    told = _ask("POST", "/consistent", json.dumps(body).encode())
    names = [[*answer.table.columns, "consistent"] for answer in answers]
    return [
        pd.DataFrame(table["rows"], columns=columns)
        for table, columns in zip(told["tables"], names, strict=True)
    ]


def describe() -> dict[str, Any]:
    """What this project may ask: its datasets with their public columns, keys and bounds, and what is left."""
    return _ask("GET", "/describe", None)


def questions() -> pd.DataFrame:
    """The same as a table, one row for each column that may be asked about.

    Columns: table, column, description, keys (to group and filter by), lower, upper (bounds of a number),
    epsilon_left and rho_left (what one more question with Laplace or Gaussian noise may cost; none where no budget was
    granted).
    """
    rows = []
    for dataset in describe()["datasets"]:
        budget = dataset.get("budget") or {}
        for column in dataset.get("columns", ()):
            keys = [str(key) for key in column["keys"]]
            rows.append(
                {
                    "table": dataset["table"],
                    "column": column["name"],
                    "description": column["description"],
                    "keys": ", ".join(keys),
                    "lower": column["lower"],
                    "upper": column["upper"],
                    "epsilon_left": budget.get("epsilon"),
                    "rho_left": budget.get("rho"),
                }
            )
    names = ["table", "column", "description", "keys", "lower", "upper", "epsilon_left", "rho_left"]
    return pd.DataFrame(rows, columns=names)


def _asked(question: Question | None, words: Mapping[str, Any]) -> bytes:
    given = _read(question) if isinstance(question, str) else question or {}
    if not isinstance(given, Mapping):
        raise ClientError("Give a question as a mapping: a measure, an epsilon, and what else it needs.")
    try:
        return json.dumps({**given, **words}, allow_nan=False, default=_plain).encode()
    except (TypeError, ValueError):
        raise ClientError("A question is made of texts, numbers, lists and mappings only.") from None


def _plain(value: Any) -> Any:
    """Numbers and lists of numpy and pandas as Python's own."""
    for method in ("item", "tolist"):
        if hasattr(value, method) and not isinstance(value, type):
            return getattr(value, method)()
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        import yaml  # noqa: PLC0415 - only where a question is written in it

        return yaml.safe_load(text)
    except ImportError:
        raise ClientError("Questions in YAML cannot be read here; give a mapping or JSON instead.") from None
    except yaml.YAMLError:
        raise ClientError("The question is neither JSON nor YAML that can be read.") from None


def _table(rows: list[dict[str, Any]], csv: bytes) -> pd.DataFrame:
    """The answer as a table in the order of the file, keys as they are in the data dictionary."""
    header = csv.decode().partition("\n")[0].split(",")
    # Of keys that are looked for none may be found; the columns are there all the same.
    names = header if not rows or set(rows[0]) == set(header) else None
    return pd.DataFrame(rows, columns=names)


class _Connection(http.client.HTTPConnection):
    """HTTP over the socket that the workspace was given."""

    def __init__(self, path: str) -> None:
        super().__init__("questions", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(self._path)


def _ask(method: str, path: str, body: bytes | None) -> dict[str, Any]:
    place = os.environ.get("ENCLAVE_QUESTIONS") or "/run/enclave/questions.sock"
    if not Path(place).exists():
        raise ClientError(
            "Private questions are asked from inside a workspace: open one from your project's page in the portal. "
            "Here there is nobody to answer them."
        )
    connection = _Connection(place)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        reply = connection.getresponse()
        told = json.loads(reply.read(_MOST_BYTES))
    except TimeoutError:
        raise ClientError(
            "The answer takes longer than expected. Ask the same again later: it is paid for once."
        ) from None
    except (OSError, http.client.HTTPException, ValueError):
        raise ClientError(
            "Private questions are not answered at the moment. Try again in a minute."
        ) from None
    finally:
        connection.close()
    if reply.status != http.client.OK:
        raise ClientError(" ".join(map(str, told.get("problems", ()))) or "The question was not answered.")
    return dict(told)
