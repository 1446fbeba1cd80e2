"""A generated extract with the columns of ibr-households, for the tests of de-identification."""

from __future__ import annotations

import numpy as np
import pandas as pd

from anonymization.schema import Field, FieldType, Schema, VariableRole

_GIVEN = [
    "Wanjiku",
    "Otieno",
    "Achieng",
    "Kiptoo",
    "Maria",
    "Joselito",
    "Ana",
    "João",
    "Ayşe",
    "İbrahim",
    "Siti",
    "Bilal",
]
_SURNAMES = [
    "Mwangi",
    "Odhiambo",
    "Dela Cruz",
    "Santos",
    "Ferreira",
    "Yıldız",
    "Wijaya",
    "Chaudhry",
    "Ng'ang'a",
    "Reyes",
]
_PLACES = ["Kariobangi", "Barangay Malinis", "Vila Esperança", "Gülpınar", "Sukamaju", "Chak Jhumra"]
_NOTES = [
    "Visited {given} {surname} in {place}. Call {phone} before the next visit.",
    "{GIVEN} alisema malipo hayakufika; kitambulisho {nid}.",
    "The neighbour Bi. {other} says {given} moved from {place}; mail {email}.",
    "Roof leaks, one room for everybody, water from the river.",
    "nilimtembelea {low} leo; gps {lat}, {lon}, alizaliwa {born}",
]
_TYPES = {
    "latitude": "number", "longitude": "number", "urban_rural": "integer", "registration_date": "date",
    "group_size": "integer", "children": "integer", "head_birth_date": "date", "head_education_level": "integer",
    "head_employment_status": "integer", "has_disabled_member": "boolean", "housing_wall": "integer",
    "housing_roof": "integer", "housing_water": "integer", "poverty_score": "number", "cutoff_applied": "number",
    "eligible": "boolean", "welfare_aggregate": "number", "enrolled_cct": "boolean", "enrolled_pension": "boolean",
    "enrolled_school_meals": "boolean", "benefit_total_12m": "number", "payments_12m": "integer",
    "compliance_rate": "number",
}  # fmt: skip


def ibr_frame(n: int, seed: int = 0) -> pd.DataFrame:
    """`n` households; the same ones for a seed."""
    rng = np.random.default_rng(seed)
    pick = lambda values: [values[i] for i in rng.integers(0, len(values), n)]  # noqa: E731
    region = rng.integers(0, 6, n)
    score = rng.uniform(0, 100, n).round(2)
    frame = pd.DataFrame(
        {
            "household_id": [f"H{i:09d}" for i in range(n)],
            "head_person_id": [f"H{i:09d}-01" for i in range(n)],
            "head_given_name": pick(_GIVEN),
            "head_surname": pick(_SURNAMES),
            "head_national_id": [f"{x}" for x in rng.integers(10**12, 10**13, n)],
            "phone_number": [f"0{x}" for x in rng.integers(700_000_000, 799_999_999, n)],
            "email": [f"head{i}@post.example" if i % 5 == 0 else None for i in range(n)],
            "address_line_1": [f"{i} Mlango {chr(65 + i % 26)}" for i in range(n)],
            "locality": pick(_PLACES),
            "latitude": rng.uniform(-4, 4, n).round(5),
            "longitude": rng.uniform(34, 41, n).round(5),
            "country": [("KE", "PH", "BR", "PK", "TR", "ID")[r] for r in region],
            "region_code": [f"R{r + 1:02d}" for r in region],
            "sub_region_code": [
                f"R{r + 1:02d}-{s:02d}" for r, s in zip(region, rng.integers(1, 9, n), strict=True)
            ],
            "urban_rural": rng.integers(1, 3, n),
            "registration_date": pd.to_datetime("2019-01-01")
            + pd.to_timedelta(rng.integers(0, 2000, n), "D"),
            "group_size": np.minimum(1 + rng.poisson(3, n), 14),
            "children": rng.integers(0, 5, n),
            "head_sex": pick(["male", "female"]),
            "head_birth_date": pd.to_datetime("1935-01-01")
            + pd.to_timedelta(rng.integers(0, 25_000, n), "D"),
            "head_marital_status": pick(list("SMWD")),
            "head_education_level": rng.integers(0, 9, n),
            "head_employment_status": rng.integers(1, 9, n),
            "has_disabled_member": rng.random(n) < 0.1,
            "housing_wall": rng.integers(1, 5, n),
            "housing_roof": rng.integers(1, 5, n),
            "housing_water": rng.integers(1, 5, n),
            "poverty_score": score,
            "cutoff_applied": 45.0,
            "eligible": score <= 45,
            "welfare_aggregate": rng.lognormal(5, 0.6, n).round(2),
            "enrolled_cct": rng.random(n) < 0.4,
            "enrolled_pension": rng.random(n) < 0.2,
            "enrolled_school_meals": rng.random(n) < 0.3,
            "benefit_total_12m": rng.uniform(0, 900, n).round(2),
            "payments_12m": rng.integers(0, 13, n),
            "compliance_rate": np.where(rng.random(n) < 0.4, np.nan, rng.random(n).round(3)),
            "note_language": pick(["en", "sw", "tl", "pt", "tr", "id"]),
        }
    )
    for name in ("registration_date", "head_birth_date"):
        frame[name] = frame[name].dt.strftime("%Y-%m-%d")
    others = pick(_GIVEN)
    frame["case_note"] = [
        _NOTES[i % len(_NOTES)].format(
            given=r.head_given_name, GIVEN=r.head_given_name.upper(), low=r.head_given_name.lower(),
            surname=r.head_surname, place=r.locality, phone=r.phone_number, nid=r.head_national_id,
            email=r.email or "nobody", lat=r.latitude, lon=r.longitude, born=r.head_birth_date, other=others[i],
        )
        for i, r in enumerate(frame.itertuples(index=False))
    ]  # fmt: skip
    return frame


def ibr_schema(frame: pd.DataFrame, roles: dict[str, str]) -> Schema:
    """The frame's schema with the types that a data dictionary would give."""
    return Schema(
        tuple(
            Field(c, VariableRole(roles[c]), FieldType(_TYPES.get(c, "string")))
            for c in frame.columns
            if c in roles
        )
    )
