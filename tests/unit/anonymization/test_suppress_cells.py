"""Local suppression against sdcMicro's published figures, hard tables, and both readings of a missing value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonymization.errors import Unusable
from anonymization.risk.classes import key_codes, sizes_of_codes
from anonymization.suppress import Effort, suppressed_cells

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
TESTDATA, TESTDATA2 = DATA / "sdcmicro_testdata.csv", DATA / "sdcmicro_testdata2.csv"
SEVEN = ["urbrur", "roof", "walls", "water", "electcon", "relat", "sex"]
needs_data = pytest.mark.skipif(not TESTDATA.exists(), reason="the public household survey is not here")


def smallest(codes: np.ndarray, blank: np.ndarray, missing: str = "wildcard") -> int:
    after = np.where(blank, -1, codes)
    return int(sizes_of_codes(after, np.ones(len(after)), missing=missing).fk.min())


@needs_data
@pytest.mark.parametrize(("k", "most"), [(2, 157), (3, 293), (5, 500)])
def test_testdata_needs_no_more_cells_than_sdcmicro(k, most):
    codes = key_codes(pd.read_csv(TESTDATA), SEVEN)
    blank = suppressed_cells(codes, k, [1] * 7)
    assert smallest(codes, blank) >= k
    assert blank.sum() <= most
    fewest = suppressed_cells(codes, k, [1] * 7, own_blank=False)
    assert smallest(codes, fewest) >= k
    assert fewest.sum() < 0.75 * most


@needs_data
@pytest.mark.parametrize(("strata", "most"), [(False, 97), (True, 109)])
def test_testdata2_needs_no_more_cells_than_sdcmicro_in_and_without_strata(strata, most):
    table = pd.read_csv(TESTDATA2)
    codes = key_codes(table, SEVEN)
    groups = pd.factorize(pd.cut(table["age"], 5))[0] if strata else None
    blank = suppressed_cells(codes, 2, [1] * 7, strata=groups)
    assert blank.sum() <= most
    for stratum in np.unique(groups) if strata else [0]:
        inside = groups == stratum if strata else np.ones(len(codes), dtype=bool)
        assert smallest(codes[inside], blank[inside]) >= 2


def test_a_record_at_risk_keeps_a_blank_of_its_own_unless_the_fewest_cells_are_asked_for():
    codes = np.array([[0, 0], [0, 1]], dtype=np.int64)
    assert suppressed_cells(codes, 2, [1, 1]).any(axis=1).all()
    assert suppressed_cells(codes, 2, [1, 1], own_blank=False).sum() == 1


def test_important_keys_are_spared():
    rng = np.random.default_rng(1)
    codes = np.column_stack([rng.integers(0, 3, 400), rng.integers(0, 9, 400), rng.integers(0, 9, 400)])
    blank = suppressed_cells(codes, 4, [100, 1, 1])
    assert smallest(codes, blank) >= 4
    assert blank[:, 0].sum() == 0
    assert blank.any()


@pytest.mark.parametrize("missing", ["wildcard", "category"])
def test_fewer_records_than_k_are_refused(missing):
    with pytest.raises(Unusable, match="only 3 records, fewer than the 5"):
        suppressed_cells(np.zeros((3, 2), dtype=np.int64), 5, [1, 1], missing=missing)
    strata = np.array([0, 0, 0, 1, 1])
    with pytest.raises(Unusable, match="1 strata have fewer than the 3"):
        suppressed_cells(np.zeros((5, 2), dtype=np.int64), 3, [1, 1], strata=strata, missing=missing)


@pytest.mark.parametrize("missing", ["wildcard", "category"])
def test_records_that_share_nothing_with_anybody_all_lose_everything_or_enough(missing):
    codes = np.tile(np.arange(60), (7, 1)).T.astype(np.int64)
    blank = suppressed_cells(codes, 5, [1] * 7, missing=missing)
    assert smallest(codes, blank, missing) >= 5


def test_bounded_effort_blanks_more_but_never_leaves_a_record_below_k():
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 9, (600, 6)).astype(np.int64)
    for own in (True, False):
        usual = suppressed_cells(codes, 4, [1] * 6, own_blank=own)
        never = suppressed_cells(codes, 4, [1] * 6, own_blank=own, effort=Effort(pairs=0))
        assert smallest(codes, usual) >= 4
        assert smallest(codes, never) >= 4
        assert never.sum() > usual.sum()
        for effort in (Effort(0, 1, 0, 1), Effort(0, 200, 2_000, 8), Effort(10, 50, 10_000_000, 3)):
            assert smallest(codes, suppressed_cells(codes, 4, [1] * 6, own_blank=own, effort=effort)) >= 4


def test_many_keys_are_tried_in_bounded_time():
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 3, (200, 24)).astype(np.int64)
    blank = suppressed_cells(codes, 3, list(range(1, 25)))
    assert smallest(codes, blank) >= 3


def test_as_a_category_spare_records_of_large_classes_are_added_to_those_that_are_left():
    codes = np.array([[0, 0]] * 9 + [[1, 1]], dtype=np.int64)
    blank = suppressed_cells(codes, 3, [1, 1], missing="category")
    assert smallest(codes, blank, "category") >= 3
    assert blank.any(axis=1).sum() == 3
    assert not suppressed_cells(codes[:9], 3, [1, 1], missing="category").any()
