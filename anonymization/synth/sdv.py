"""SDV, behind our protocol. The only file that imports sdv, sdmetrics, ctgan or torch (BUSL-1.1, see NOTICE)."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import pickle
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from anonymization.schema import FieldType

from .bounded import run_bounded
from .constraints import InOrder, Rule
from .protocol import UNWATCHED, Bounds, SynthesisError, Watch, bounds
from .related import RelatedTable
from .tables import finished, plain

_KINDS = {
    FieldType.STRING: {"sdtype": "categorical"},
    FieldType.BOOLEAN: {"sdtype": "boolean"},
    FieldType.INTEGER: {"sdtype": "numerical"},
    FieldType.NUMBER: {"sdtype": "numerical"},
    FieldType.DATE: {"sdtype": "datetime", "datetime_format": "%Y-%m-%d"},
}
_LOGGERS = ("SingleTableSynthesizer", "Metadata", "SingleTableMetadata", "sdv", "rdt", "copulas", "sdmetrics")
_TABLE = "table"
#: With 1,100 to 14,000 rows SDV's constraint was 5 to 15 times nearer to the real distances than mending (Kolmogorov's
#: distance); with 800 its fit of the distances failed and mending was nearer.
_FEWEST_ORDERED = 1_000


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """No prints, progress bars, warnings or log lines, and nothing kept in the user's home."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.level for logger in loggers]
    home = os.environ.get("XDG_DATA_HOME")
    with (
        tempfile.TemporaryDirectory() as scratch,
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        os.environ["XDG_DATA_HOME"] = scratch  # SDV writes a logging configuration there when it is imported
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)
            if home is None:
                os.environ.pop("XDG_DATA_HOME", None)
            else:
                os.environ["XDG_DATA_HOME"] = home


def _metadata(columns: Mapping[str, FieldType]) -> dict[str, Any]:
    """SDV's metadata, from the data dictionary and not guessed from values."""
    table = {"columns": {name: dict(_KINDS[kind]) for name, kind in columns.items()}}
    return {"METADATA_SPEC_VERSION": "V2", "tables": {_TABLE: table}, "relationships": []}


class GaussianCopula:
    """SDV's Gaussian copula: fast, keeps marginals, blurs relations between columns.

    Args:
        columns: name to type of what is synthesised.
        rules: of these, orders of two columns that the table keeps are learnt as SDV's own constraint: the copula then
            learns the distance between the two, where mending afterwards would exchange them.
    """

    name = "gaussian_copula"

    def __init__(self, columns: Mapping[str, FieldType], rules: Sequence[Rule] = ()) -> None:
        self._columns, self._rules = dict(columns), tuple(rules)
        self._model: Any = None
        self._learnt = pd.DataFrame()

    @property
    def version(self) -> str:
        return f"sdv {version('sdv')}"

    def plan(self, schema: Mapping[str, FieldType], rows: int) -> Bounds:
        basis = "Upper line above measured fits of 10 columns: 14,000 rows took 5 s and 0.5 GB."
        return bounds(rows, len(schema), start=10, each=40, basis=basis)

    def fit(self, df: pd.DataFrame, watch: Watch = UNWATCHED) -> None:
        watch.step(0, 1, "copula")
        with _silence():
            from sdv.cag import Inequality  # noqa: PLC0415 - seconds of imports
            from sdv.metadata import Metadata  # noqa: PLC0415 - as above
            from sdv.single_table import GaussianCopulaSynthesizer  # noqa: PLC0415

            metadata = Metadata.load_from_dict(_metadata(self._columns))
            self._model = GaussianCopulaSynthesizer(metadata)
            orders = _orders(self._rules, df)
            try:
                if orders:
                    self._model.add_constraints(
                        [Inequality(rule.first, rule.second, table_name=_TABLE) for rule in orders]
                    )
                self._model.fit({_TABLE: df[list(self._columns)]})
            except Exception:  # noqa: BLE001 - its messages may quote values
                raise SynthesisError(
                    "SDV could not learn from this table; check each column's type in the data dictionary."
                ) from None
        self._learnt = df

    def sample(self, n: int, seed: int) -> pd.DataFrame:
        if self._model is None:
            raise SynthesisError("The synthesizer must be fitted before it is sampled.")
        with _silence():
            self._model.reset_sampling()
            # Without this every installation of SDV draws from one fixed seed.
            self._model._set_random_state(seed)  # noqa: SLF001 - no public way
            drawn = self._model.sample(n)[_TABLE]
        return finished(drawn, self._learnt, self._columns)


def _orders(rules: Sequence[Rule], df: pd.DataFrame) -> list[InOrder]:
    """Orders that the table keeps, no column in two of them: SDV refuses others."""
    if len(df) < _FEWEST_ORDERED:
        return []
    out: list[InOrder] = []
    taken: set[str] = set()
    for rule in rules:
        if isinstance(rule, InOrder) and not taken & set(rule.columns) and not rule.broken(df).any():
            out.append(rule)
            taken |= set(rule.columns)
    return out


class Neural:
    """SDV's CTGAN or TVAE: networks, learnt in a process of their own (`bounded`), because they take minutes.

    Args:
        name: `ctgan` or `tvae`.
        columns: name to type.
        epochs: passes over the table.
        seconds, megabytes: where the process is ended.
        seed: of the networks' first weights and batches; never taken from data.
    """

    def __init__(
        self,
        name: str,
        columns: Mapping[str, FieldType],
        *,
        epochs: int,
        seconds: float,
        megabytes: int,
        seed: int = 0,
    ) -> None:
        self.name = name
        self._columns, self._epochs, self._seed = dict(columns), epochs, seed
        self._most = (seconds, megabytes)
        self._model: Any = None
        self._learnt = pd.DataFrame()

    @property
    def version(self) -> str:
        return f"sdv {version('sdv')}, ctgan {version('ctgan')}, {self._epochs} epochs"

    def plan(self, schema: Mapping[str, FieldType], rows: int) -> Bounds:  # noqa: ARG002 - as the protocol asks
        """The bounds at which the process is ended: they hold whatever the table."""
        basis = "The process that learns is ended at these bounds."
        return Bounds(self._most[0], self._most[1], basis)

    def fit(self, df: pd.DataFrame, watch: Watch = UNWATCHED) -> None:
        seconds, megabytes = self._most
        self._model = None
        task = {
            "name": self.name,
            "columns": self._columns,
            "df": df[list(self._columns)],
            "epochs": self._epochs,
            "seed": self._seed,
        }
        made = run_bounded(fitted_neural, task, seconds=seconds, megabytes=megabytes, watch=watch)
        with _silence():
            self._model = pickle.loads(made)  # noqa: S301 - what our own process made of our own rows
        self._learnt = df

    def sample(self, n: int, seed: int) -> pd.DataFrame:
        if self._model is None:
            raise SynthesisError("The synthesizer must be fitted before it is sampled.")
        with _silence():
            self._model.reset_sampling()
            self._model._set_random_state(seed)  # noqa: SLF001 - as in GaussianCopula
            drawn = self._model.sample(n)[_TABLE]
        return finished(drawn, self._learnt, self._columns)


class Hierarchical:
    """SDV's HMA for related tables, for small ones only: sampling 1,000 households took a minute and more.

    Args:
        tables: as `RelatedTables` takes; rules are not kept by SDV, check them afterwards.
        most: the most rows of all tables together.
    """

    name = "hma"

    def __init__(self, tables: Mapping[str, RelatedTable], most: int = 6_000) -> None:
        self._tables, self._most = dict(tables), most
        self._model: Any = None
        self._learnt: dict[str, pd.DataFrame] = {}

    def fit(self, frames: Mapping[str, pd.DataFrame]) -> None:
        """Learns all tables.

        Raises:
            SynthesisError: for tables that are too large or that do not hang together.
        """
        rows = sum(len(frames[n]) for n in self._tables)
        if rows > self._most:
            raise SynthesisError(
                f"HMA is for {self._most} rows or fewer in all tables together: its sampling takes minutes beyond; "
                "use RelatedTables, which learns large ones too."
            )
        kept = {n: frames[n][self._keys(n) + list(t.columns)] for n, t in self._tables.items()}
        held = {
            n: f.assign(**{c: plain(f[c], kind, 0.005) for c, kind in self._tables[n].columns.items()})
            for n, f in kept.items()
        }
        with _silence():
            from sdv.metadata import Metadata  # noqa: PLC0415 - seconds of imports
            from sdv.multi_table import HMASynthesizer  # noqa: PLC0415 - as above

            model = HMASynthesizer(Metadata.load_from_dict(self._metadata()), verbose=False)
            try:
                model.fit(held)
            except Exception:  # noqa: BLE001 - its messages may quote values
                raise SynthesisError(
                    "SDV could not learn from these tables; check keys and types in the data dictionary."
                ) from None
        self._model, self._learnt = model, held

    def sample(self, households: int, seed: int) -> dict[str, pd.DataFrame]:
        """New tables for so many rows of the root."""
        if self._model is None:
            raise SynthesisError("The synthesizer must be fitted before it is sampled.")
        with _silence():
            self._model.reset_sampling()
            np.random.seed(seed)  # noqa: NPY002 - SDV draws from the global generator
            for part in self._model._table_synthesizers.values():  # noqa: SLF001 - no public way
                part._set_random_state(seed)  # noqa: SLF001 - as above
            drawn = self._model.sample(households, main_table_name=next(iter(self._tables)))
        return {
            n: pd.concat(
                [
                    drawn[n][self._keys(n)].astype(str).reset_index(drop=True),
                    finished(drawn[n], self._learnt[n], t.columns),
                ],
                axis=1,
            )
            for n, t in self._tables.items()
        }

    def _keys(self, name: str) -> list[str]:
        return [k for k in (self._tables[name].key, self._tables[name].parent_key) if k]

    def _metadata(self) -> dict[str, Any]:
        tables, links = {}, []
        for name, table in self._tables.items():
            columns: dict[str, Any] = {c: dict(_KINDS[kind]) for c, kind in table.columns.items()}
            columns |= {k: {"sdtype": "id"} for k in self._keys(name)}
            tables[name] = {"columns": columns, **({"primary_key": table.key} if table.key else {})}
            if table.parent:
                links.append(
                    {
                        "parent_table_name": table.parent,
                        "child_table_name": name,
                        "parent_primary_key": self._tables[table.parent].key,
                        "child_foreign_key": table.parent_key,
                    }
                )
        return {"METADATA_SPEC_VERSION": "V2", "tables": tables, "relationships": links}


def fitted_neural(
    name: str,
    columns: Mapping[str, FieldType],
    df: pd.DataFrame,
    epochs: int,
    seed: int,
    watch: Watch,
) -> bytes:
    """A fitted model's pickle; called in `worker`.

    Raises:
        SynthesisError: when SDV cannot learn from the table.
    """
    with _silence():
        import torch  # noqa: PLC0415 - seconds of imports
        from ctgan.synthesizers import ctgan, tvae  # noqa: PLC0415 - as above
        from sdv.metadata import Metadata  # noqa: PLC0415 - as above
        from sdv.single_table import CTGANSynthesizer, TVAESynthesizer  # noqa: PLC0415 - as above

        def epoch(every: Any, **_: Any) -> Any:
            return _Epochs(every, watch.progress)

        ctgan.tqdm = tvae.tqdm = epoch
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - SDV draws from the global generator
        made = {"ctgan": CTGANSynthesizer, "tvae": TVAESynthesizer}[name]
        model = made(
            Metadata.load_from_dict(_metadata(columns)), epochs=epochs, enable_gpu=False, verbose=False
        )
        try:
            model.fit({_TABLE: df})
        except Exception:  # noqa: BLE001 - its messages may quote values
            raise SynthesisError(
                "SDV could not learn from this table; check each column's type in the data dictionary."
            ) from None
        return pickle.dumps(model)


class _Epochs:
    """What SDV takes for its progress bar."""

    def __init__(self, every: Any, progress: Callable[[int, int, str], None]) -> None:
        self._every, self._progress = list(every), progress

    def __iter__(self) -> Iterator[Any]:
        for at in self._every:
            self._progress(at, len(self._every), "epochs")
            yield at

    def set_description(self, *_: Any, **__: Any) -> None:
        """Nothing is shown."""


def quality_score(
    real: pd.DataFrame, synthetic: pd.DataFrame, columns: Mapping[str, FieldType]
) -> dict[str, Any]:
    """SDMetrics' quality report: overall score and its two parts, 0 to 1."""
    with _silence():
        from sdmetrics.reports import QualityReport  # noqa: PLC0415 - as above

        report = QualityReport()
        report.generate({_TABLE: real}, {_TABLE: synthetic}, _metadata(columns), verbose=False)
        parts = report.get_properties().set_index("Property")["Score"]
        return {
            "version": version("sdmetrics"),
            "overall": float(report.get_score()),
            **{name.lower().replace(" ", "_"): float(score) for name, score in parts.dropna().items()},
        }
