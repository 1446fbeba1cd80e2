"""The description that comes beside an output: `<name>.sdc.json`, schema `registry-enclave/output/1`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    ValidationError,
    model_validator,
)

from anonymization.errors import AnonymizationError

SCHEMA = "registry-enclave/output/1"
#: What a dimension says in a row of totals, whether a description mentions it or not.
TOTALS = ("total", "totals", "grand total", "all", "overall", "sum", "both", "any", "everyone", "national")


class BadDescription(AnonymizationError):
    """The description beside an output cannot be used; says where and what to do."""


class Dominance(BaseModel):
    """Columns with the share of the largest household, and of the two largest together, in a total.

    Args:
        of: the statistics that the shares belong to; empty means all of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    top1_share: str
    top2_share: str
    of: tuple[str, ...] = ()


class Quantile(BaseModel):
    """A quantile and the count column of the households that it was taken over.

    Args:
        q: 0.5 for a median; strictly between 0 and 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    q: Annotated[float, Field(gt=0, lt=1)]
    count: str


class Fit(BaseModel):
    """What a fitted model rests on.

    Args:
        households: distinct households behind it.
        parameters: how many coefficients were estimated, the intercept and absorbed effects included.
        residual_df: residual degrees of freedom.
        r_squared: share explained, where the model has one.
        largest_leverage: of any one row (the largest diagonal element of the hat matrix), where there is one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    households: StrictInt = Field(ge=1)
    parameters: StrictInt = Field(ge=1)
    residual_df: StrictInt
    r_squared: Annotated[float, Field(le=1)] | None = None
    largest_leverage: Annotated[float, Field(ge=0, le=1.000001)] | None = None


def _as_list(value: object) -> object:
    return [] if value in (None, {}) else [value] if isinstance(value, Mapping) else value


class TableSpec(BaseModel):
    """What each column of a table is. Other keys (`context`, `title` …) are for the people who check.

    Args:
        unit: who is counted; the counts are of distinct households with a value, not of rows.
        counts: columns with the number of contributing households.
        statistics: columns computed from those households; as a mapping, each with its own count column.
        proportions: statistics that are shares of households, so that no household can dominate them.
        dimensions: columns that say what a row is about. Columns of words need not be named.
        parts: count column to the count column that it is a part of (the poor among all households).
        dominance: columns with the shares of the largest contributors.
        total_labels: further words that a dimension says in a row of totals, besides `TOTALS`.
        endpoints: smallest and largest values to the count of the households that share that very value.
        quantiles: medians, quartiles and the like.
        model: for `kind: model`, one row for each coefficient, whose count is its support: the fewest households
            that its column tells apart from the others.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    version: Literal["registry-enclave/output/1"] = Field(alias="schema")
    kind: Literal["table", "model"]
    unit: Literal["household"]
    counts: tuple[str, ...]
    statistics: Mapping[str, str] | tuple[str, ...] = ()
    proportions: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    parts: Mapping[str, str] = {}
    dominance: Annotated[tuple[Dominance, ...], BeforeValidator(_as_list)] = ()
    total_labels: tuple[str, ...] = ()
    endpoints: Mapping[str, str] = {}
    quantiles: Mapping[str, Quantile] = {}
    model: Fit | None = None

    @model_validator(mode="after")
    def _model_says_what_it_rests_on(self) -> TableSpec:
        if (self.kind == "model") != (self.model is not None):
            raise ValueError("model")
        return self

    def columns(self) -> set[str]:
        """Every column that the description mentions."""
        shares = {column for d in self.dominance for column in (d.top1_share, d.top2_share, *d.of)}
        behind = self.statistics.values() if isinstance(self.statistics, Mapping) else ()
        parts = {*self.parts, *self.parts.values(), *self.endpoints, *self.endpoints.values()}
        parts |= {*self.quantiles, *(q.count for q in self.quantiles.values())}
        return {*self.counts, *self.statistics, *behind, *self.proportions, *self.dimensions, *parts, *shares}

    def counts_behind(self, statistic: str) -> tuple[str, ...]:
        """The count columns that must be shown where a statistic is."""
        if isinstance(self.statistics, Mapping) and statistic in self.statistics:
            return (self.statistics[statistic],)
        if statistic in self.endpoints:
            return (self.endpoints[statistic],)
        if statistic in self.quantiles:
            return (self.quantiles[statistic].count,)
        return self.counts

    def without_dominance(self) -> tuple[str, ...]:
        """Statistics for which nothing is said about their largest contributors; shares need none."""
        told = {s for d in self.dominance for s in (d.of or self.statistics)}
        # Coefficients and quantiles are no totals: what they rest on is declared in other words.
        without = {*told, *self.proportions, *self.endpoints, *self.quantiles}
        return () if self.model else tuple(s for s in self.statistics if s not in without)


class FigureSpec(BaseModel):
    """The numbers of households behind each mark (bar, point, line segment) of a figure."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    version: Literal["registry-enclave/output/1"] = Field(alias="schema")
    kind: Literal["figure"]
    unit: Literal["household"]
    counts: tuple[StrictInt, ...] = Field(min_length=1)


def read_spec(description: bytes | Mapping[str, object] | None, kind: str) -> TableSpec | FigureSpec:
    """The description of a csv or json table, or of a png figure.

    Args:
        description: the file's bytes, or its content; None when there is none.
        kind: media type of the output that it describes.

    Raises:
        BadDescription: one sentence for each thing that is wrong, with the name of the key.
    """
    if description is None:
        raise BadDescription(
            "There is no description beside the file. Add one (.sdc.json) that names the columns of counts."
        )
    content: object = description
    if isinstance(description, bytes):
        try:
            content = json.loads(description)
        except (ValueError, RecursionError):
            raise BadDescription("The description beside the file (.sdc.json) is not valid JSON.") from None
    model: type[TableSpec | FigureSpec] = FigureSpec if kind == "png" else TableSpec
    try:
        return model.model_validate(content)
    except ValidationError as error:
        keys = sorted({str(e["loc"][0]) if e["loc"] else "whole" for e in error.errors()})
        raise BadDescription(
            f"The description beside the file (.sdc.json) cannot be used; look at: {', '.join(keys)}. "
            f'It needs "schema": "{SCHEMA}", "kind", "unit": "household" and "counts".'
        ) from None
