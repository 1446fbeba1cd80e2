"""The tables of a registry: social registry, IBR and payment files side by side. Names and codes follow DCI.

Persons belong to households; payments hang on enrolments, compliance events on persons. Assessments, payments
and compliance events have no object in DCI and keep the names of our canonical model.
"""

from __future__ import annotations

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import Boolean, Column, Date, Float, ForeignKey, Index, Integer, String, Table, Text

METADATA = sa.MetaData()
_ID = String(24)

programmes = Table(
    "programmes",
    METADATA,
    Column("programme_identifier", String(16), primary_key=True),
    Column("programme_name", Text, nullable=False),
    Column("programme_description", Text),
    Column("implementing_institution", Text),
    Column("institution_type", Integer),
    Column("legal_status", Integer),
    Column("contribution_type", Integer),
    Column("programme_type", Integer),
    Column("benefit_type", Integer),
    Column("benefit_frequency", Text),
    Column("score_type", Text),
    Column("eligibility_cutoff", Float),
    Column("cutoff_valid_from", Date),
    Column("annual_budget", Float),
    Column("admin_cost", Float),
)

households = Table(
    "households",
    METADATA,
    Column("household_id", _ID, primary_key=True),
    Column("group_type", Integer, nullable=False),
    Column("group_size", Integer, nullable=False),
    Column("head_person_id", _ID, nullable=False),
    Column("country", String(2), nullable=False),
    Column("region_code", String(16), nullable=False),
    Column("sub_region_code", String(16)),
    Column("locality", Text),
    Column("address_line_1", Text),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("urban_rural", Integer),
    Column("housing_wall", Integer),
    Column("housing_roof", Integer),
    Column("housing_water", Integer),
    Column("registration_date", Date, nullable=False),
)

persons = Table(
    "persons",
    METADATA,
    Column("person_id", _ID, primary_key=True),
    Column("household_id", _ID, ForeignKey("households.household_id"), nullable=False),
    Column("relationship_type", String(16)),
    Column("given_name", Text),
    Column("surname", Text),
    Column("identifier_type", String(16)),
    Column("national_id", Text),
    Column("phone_number", Text),
    Column("email", Text),
    Column("birth_date", Date),
    Column("sex", String(8)),
    Column("marital_status", String(1)),
    Column("education_level", Integer),
    Column("employment_status", Integer),
    Column("is_disabled", Boolean),
    Index("ix_persons_household", "household_id"),
)

assessments = Table(
    "assessments",
    METADATA,
    Column("assessment_id", _ID, primary_key=True),
    Column("household_id", _ID, ForeignKey("households.household_id"), nullable=False),
    Column("assessment_date", Date, nullable=False),
    Column("model_version", Text),
    Column("poverty_score", Float),
    Column("poverty_score_type", Text),
    Column("cutoff_applied", Float),
    Column("eligible", Boolean),
    Column("welfare_aggregate", Float),
    Column("welfare_type", Text),
    Index("ix_assessments_household", "household_id", "assessment_date"),
)

enrolments = Table(
    "enrolments",
    METADATA,
    Column("enrolment_id", _ID, primary_key=True),
    Column("household_id", _ID, ForeignKey("households.household_id"), nullable=False),
    Column("assistance_unit", Integer),
    Column("programme_identifier", String(16), ForeignKey("programmes.programme_identifier"), nullable=False),
    Column("enrollment_date", Date, nullable=False),
    Column("enrollment_status", Integer, nullable=False),
    Column("exit_date", Date),
    Index("ix_enrolments_household", "household_id", "programme_identifier"),
)

payments = Table(
    "payments",
    METADATA,
    Column("payment_id", _ID, primary_key=True),
    Column("enrolment_id", _ID, ForeignKey("enrolments.enrolment_id"), nullable=False),
    Column("programme_identifier", String(16), nullable=False),
    Column("benefit_type", Integer),
    Column("benefit_date", Date, nullable=False),
    Column("benefit_value", Float, nullable=False),
    Column("currency_code", String(3)),
    Column("payment_status", Integer, nullable=False),
    Index("ix_payments_enrolment", "enrolment_id", "benefit_date"),
)

compliance_events = Table(
    "compliance_events",
    METADATA,
    Column("event_id", _ID, primary_key=True),
    Column("person_id", _ID, ForeignKey("persons.person_id"), nullable=False),
    Column("programme_identifier", String(16), nullable=False),
    Column("domain", String(16)),
    Column("condition_code", Text),
    Column("period", Date, nullable=False),
    Column("status", String(16), nullable=False),
    Column("measure", Float),
    Column("consequence", String(16)),
    Index("ix_compliance_person", "person_id", "period"),
)

case_notes = Table(
    "case_notes",
    METADATA,
    Column("note_id", _ID, primary_key=True),
    Column("household_id", _ID, ForeignKey("households.household_id"), nullable=False),
    Column("note_date", Date, nullable=False),
    Column("note_language", String(8)),
    Column("case_note", Text),
    Index("ix_case_notes_household", "household_id", "note_date"),
)

#: How far a load has come. A registry with this table and `written` short of `households` is not to be read.
LOAD = sa.MetaData()
registry_load = Table(
    "registry_load",
    LOAD,
    Column("id", Integer, primary_key=True),
    Column("seed", sa.BigInteger, nullable=False),
    Column("households", sa.BigInteger, nullable=False),
    Column("written", sa.BigInteger, nullable=False),
)

_ARROW: dict[type, pa.DataType] = {
    Boolean: pa.bool_(),
    Date: pa.date32(),
    Float: pa.float64(),
    Integer: pa.int64(),
    String: pa.string(),
    Text: pa.string(),
}

#: The same tables as Arrow schemas, by name, in the order in which rows must be written.
SCHEMAS: dict[str, pa.Schema] = {
    table.name: pa.schema([(column.name, _ARROW[type(column.type)]) for column in table.columns])
    for table in (
        programmes,
        households,
        persons,
        assessments,
        enrolments,
        payments,
        compliance_events,
        case_notes,
    )
}
