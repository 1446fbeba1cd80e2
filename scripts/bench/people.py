"""A seeded table of persons in households, as large as asked: what benches and tests of disclosure control run on.

The six usual key variables are district (64), age (0-97), sex (2), marital (5), educ (7) and hhsize (12);
region (8) holds eight districts each. Weights are those of a stratified sample (equal inside a district).
Nobody in it exists.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

KEYS = ("district", "age", "sex", "marital", "educ", "hhsize")
#: The poverty line on `expenditure` (per head and month).
LINE = 180.0
_SIZES = np.array([8, 11, 13, 15, 14, 12, 8, 6, 4, 3, 2, 1], dtype=np.float64)


def people(n: int, seed: int = 1) -> pd.DataFrame:
    """`n` persons in households (the last household may be cut short).

    Args:
        n: rows.
        seed: the same n and seed give the same table.

    Returns:
        One row a person, 13 columns: household and person (ids), region, district, age, sex, marital, educ,
        hhsize (all int64), weight (float64, persons represented), income (float64, of the household, 0 where
        none), expenditure (float64, per head) and poor (bool, expenditure below `LINE`).
    """
    rng = np.random.default_rng(seed)
    sizes = rng.choice(np.arange(1, 13), size=n, p=_SIZES / _SIZES.sum())
    households = int(np.searchsorted(np.cumsum(sizes), n)) + 1 if n else 0
    sizes = sizes[:households]
    household = np.repeat(np.arange(households), sizes)[:n]
    place = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)[:n]  # 0 is the head

    share = rng.dirichlet(np.full(64, 12.0))
    district = rng.choice(64, size=households, p=share)
    head = np.clip(rng.normal(47, 15, households), 18, 97)
    partner = (place == 1) & (rng.random(n) < 0.75)
    elder = (place >= 2) & (rng.random(n) < 0.08)
    child = rng.gamma(2.0, 7.5, n)
    age = np.where(
        place == 0, head[household], np.where(partner, head[household] + rng.normal(-3, 5, n), child)
    )
    age = np.where(elder, rng.normal(70, 9, n), age)
    age = np.clip(age, 0, 97).astype(np.int64)
    head_sex = rng.random(households) < 0.34
    sex = np.where(place == 0, head_sex[household], rng.random(n) < 0.52)
    sex = np.where(partner, ~head_sex[household], sex).astype(np.int64) + 1

    draw = rng.random(n)
    marital = np.where(age < 16, 1, np.digitize(draw, [0.28, 0.75, 0.86, 0.94]) + 1)
    marital = np.where(partner, 2, marital)
    ability = rng.normal(0, 1, households)
    school = np.clip(np.rint(2.6 + 0.9 * ability[household] + rng.normal(0, 1.2, n)), 1, 7)
    educ = np.minimum(school, np.clip((age - 3) // 3, 1, 7)).astype(np.int64)

    level = rng.normal(5.3, 0.45, households) + 0.28 * ability - 0.05 * sizes
    expenditure = np.round(np.exp(level), 2)[household]
    income = np.exp(level + rng.normal(0.05, 0.35, households)) * sizes
    income = np.round(np.where(rng.random(households) < 0.06, 0.0, income), 2)[household]
    weight = np.round(rng.uniform(8, 90, 64), 1)[district][household]
    return pd.DataFrame(
        {
            "household": household + 1,
            "person": np.arange(1, n + 1),
            "region": district[household] // 8 + 1,
            "district": district[household] + 1,
            "age": age,
            "sex": sex,
            "marital": marital.astype(np.int64),
            "educ": educ,
            "hhsize": sizes[household],
            "weight": weight,
            "income": income,
            "expenditure": expenditure,
            "poor": expenditure < LINE,
        }
    )


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: python scripts/bench/people.py ROWS FILE.parquet [SEED]")
    people(int(sys.argv[1]), int(sys.argv[3]) if len(sys.argv) == 4 else 1).to_parquet(sys.argv[2])
