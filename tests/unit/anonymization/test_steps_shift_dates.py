"""Dates shifted by household: intervals stay, true dates go, and what would give the shift away is refused."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from anonymization.errors import RecipeProblem, Unusable
from anonymization.keys import KeyRing
from anonymization.schema import Schema
from anonymization.steps import Context
from anonymization.steps.shift_dates import ShiftDates

CONTEXT = Context(KeyRing(b"a master key of the tests"), "scope", date(2026, 6, 30))
STEP = ShiftDates(("born", "seen"), "hh", 365)


def visits(households: int = 400, each: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    hh = np.repeat(np.arange(households), each)
    born = pd.Timestamp("2001-01-01") + pd.to_timedelta(rng.integers(0, 9000, len(hh)), unit="D")
    seen = born + pd.to_timedelta(rng.integers(1, 500, len(hh)), unit="D")
    return pd.DataFrame({"hh": [f"H{i}" for i in hh], "born": born, "seen": seen, "x": 1})


def test_all_dates_of_a_household_move_together_and_none_stays():
    table = visits()
    out, evidence = STEP.apply(table, CONTEXT)
    by = (out["born"] - table["born"]).dt.days
    assert ((out["seen"] - table["seen"]).dt.days == by).all()
    assert by.groupby(table["hh"]).nunique().eq(1).all()
    assert by.ne(0).all()
    assert by.abs().le(365).all()
    assert (by > 0).any()
    assert (by < 0).any()
    assert by.groupby(table["hh"]).first().nunique() > 200  # 400 households, 730 shifts
    assert out["x"].equals(table["x"])
    assert evidence["born"]["shifted"] == len(table)
    assert evidence["units"] == 400


def test_every_shift_comes_up_about_as_often_as_another():
    step = ShiftDates(("d",), "hh", 8)
    table = pd.DataFrame(
        {"hh": range(16_000), "d": pd.Timestamp("2020-01-01") + pd.to_timedelta(range(16_000), unit="D")}
    )
    out, _ = step.apply(table, CONTEXT)
    counts = (out["d"] - table["d"]).dt.days.value_counts()
    assert set(counts.index) == {*range(-8, 0), *range(1, 9)}
    assert counts.between(800, 1200).all()  # 1000 expected, standard deviation 31; the key is fixed


def test_the_shift_hangs_on_household_key_and_scope_and_not_on_the_rows_around_it():
    table = visits()
    whole = STEP.apply(table, CONTEXT)[0]["born"]
    part = STEP.apply(table.iloc[600:].set_axis([7] * 600), CONTEXT)[0]["born"]
    assert part.tolist() == whole.iloc[600:].tolist()
    for other in (
        Context(KeyRing(b"another key of the tests"), "scope", CONTEXT.reference_date),
        Context(CONTEXT.keys, "elsewhere", CONTEXT.reference_date),
    ):
        assert (STEP.apply(table, other)[0]["born"] != whole).mean() > 0.9


def test_a_public_calendar_is_refused_because_the_shift_can_be_slid_along_it():
    cycles = pd.to_datetime(
        [
            f"2025-{m:02d}-{d:02d}"
            for m, d in zip(range(1, 13), (3, 7, 5, 2, 9, 4, 8, 1, 6, 3, 5, 2), strict=True)
        ]
    )
    table = pd.DataFrame({"hh": np.repeat(np.arange(300), 12), "paid": np.tile(cycles, 300)})
    with pytest.raises(Unusable, match=r"100% of the households share.*Generalise"):
        ShiftDates(("paid",), "hh", 365).apply(table, CONTEXT)
    # The attack that the refusal rests on: a constant shift of those dates is the one offset that fits the list.
    secret = 137
    seen = set((cycles + pd.Timedelta(days=secret)).date)
    fits = [s for s in range(-365, 366) if {d.date() for d in cycles + pd.Timedelta(days=s)} == seen]
    assert fits == [secret]


def test_whole_weeks_are_refused_and_the_refusal_says_why():
    schema = Schema.infer(visits(), {})
    with pytest.raises(RecipeProblem, match=r"weekday.*payment dates"):
        ShiftDates(("born",), "hh", 364, whole_weeks=True).plan(schema)
    with pytest.raises(RecipeProblem, match="at least 8"):
        ShiftDates(("born",), "hh", 3).plan(schema)
    with pytest.raises(RecipeProblem, match="does not hold dates"):
        ShiftDates(("x",), "hh", 100).plan(schema)
    with pytest.raises(RecipeProblem, match="shift_dates needs the column nobody"):
        ShiftDates(("born",), "nobody", 100).plan(schema)


@pytest.mark.parametrize("form", ["date", "text", "timestamp"])
def test_dates_come_back_in_the_form_in_which_they_came_and_missing_stays_missing(form):
    days = [date(2020, 1, 31), None, date(2020, 3, 1)]
    given = {"date": days, "text": ["2020-01-31", None, "2020-03-01"], "timestamp": pd.to_datetime(days)}[
        form
    ]
    table = pd.DataFrame({"hh": [1, 1, 1], "d": given})
    out, _ = ShiftDates(("d",), "hh", 100).apply(table, CONTEXT)
    assert out["d"].notna().tolist() == [True, False, True]
    assert type(out["d"].iloc[0]) is type(table["d"].iloc[0])
    assert (pd.Timestamp(out["d"].iloc[2]) - pd.Timestamp(out["d"].iloc[0])).days == 30


def test_a_date_that_cannot_be_read_goes_and_is_counted_and_a_row_without_household_is_refused():
    table = pd.DataFrame({"hh": [1, 2], "d": ["31/31/2020", "2020-03-01"]})
    out, evidence = ShiftDates(("d",), "hh", 100).apply(table, CONTEXT)
    assert out["d"].isna().tolist() == [True, False]
    assert evidence["d"]["unreadable"] == 1
    with pytest.raises(Unusable, match="no hh"):
        ShiftDates(("d",), "hh", 100).apply(table.assign(hh=[1, None]), CONTEXT)
