"""Tables behind the demo's two servers: the health MIS (DHIS2) and the ministry of education's database."""

from __future__ import annotations

import hashlib
import json
import string
from pathlib import Path

import pandas as pd

# DHIS2 on the Nepali calendar names the fiscal year after its fourth month, Shrawan: 2071April is 2071/72 BS.
HMIS_PERIOD = "2071April"
LETTERS = string.ascii_letters
ALPHANUMERIC = string.ascii_letters + string.digits
DATA_SETS = {
    "HMIS_SAFE_MOTHERHOOD": "HMIS: Safe motherhood",
    "HMIS_HEALTH_FACILITIES": "HMIS: Health facilities",
    "HMIS_NUTRITION": "HMIS: Nutrition",
}
COUNTS = [
    # table, column of the category, prefix of the code, wording of the name, data set
    ("childbirthassistance", "delivery_type", "DELIVERY_", "Deliveries: {}", "HMIS_SAFE_MOTHERHOOD"),
    (
        "maternalchildbirthdeaths",
        "maternal_death_in_childbirth",
        "MATERNAL_DEATH_",
        "Maternal deaths: {}",
        "HMIS_SAFE_MOTHERHOOD",
    ),
    ("healthfacilities", "facilitytype", "FACILITY_", "Health facilities: {}", "HMIS_HEALTH_FACILITIES"),
]
PERCENTAGES = [
    # table, column of the value, code, name, data set
    (
        "birthsathealthfacility",
        "percent_deliveries_at_institutions",
        "PERCENT_DELIVERIES_AT_INSTITUTION",
        "Deliveries at an institution (% of expected live births)",
        "HMIS_SAFE_MOTHERHOOD",
    ),
    (
        "birthswithskilledattendant",
        "percent_deliveries_with_sba",
        "PERCENT_DELIVERIES_SBA",
        "Deliveries by a skilled birth attendant (% of expected live births)",
        "HMIS_SAFE_MOTHERHOOD",
    ),
    (
        "birthswithnonsbaattendant",
        "percent_deliveries_with_non_sba_health_worker",
        "PERCENT_DELIVERIES_NON_SBA",
        "Deliveries by a health worker other than a skilled birth attendant (% of expected live births)",
        "HMIS_SAFE_MOTHERHOOD",
    ),
    (
        "childnourishment",
        "percent_malnourished",
        "PERCENT_CHILDREN_MALNOURISHED",
        "Malnourished children (%)",
        "HMIS_NUTRITION",
    ),
]


def read_table(path: Path) -> pd.DataFrame:
    """Read one published table as text."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def dhis2_uid(kind: str, code: str) -> str:
    """Return an identifier like those of DHIS2: a letter, ten letters or digits; the same for a code."""
    number = int.from_bytes(hashlib.sha256(f"{kind}:{code}".encode()).digest(), "big")
    number, first = divmod(number, len(LETTERS))
    uid = LETTERS[first]
    for _ in range(10):
        number, position = divmod(number, len(ALPHANUMERIC))
        uid += ALPHANUMERIC[position]
    return uid


def _data_values(folder: Path) -> pd.DataFrame:
    parts = []
    for table, column, prefix, wording, data_set in COUNTS:
        frame = read_table(folder / f"{table}.csv")
        wordings = frame[column].str.replace("_", " ").str.lower().map(wording.format)
        parts.append(
            pd.DataFrame(
                {
                    "code": prefix + frame[column],
                    "name": wordings,
                    "place": frame["geo_code"],
                    "value": frame["total"],
                    "data_set": data_set,
                    "value_type": "INTEGER_ZERO_OR_POSITIVE",
                    "aggregation_type": "SUM",
                }
            )
        )
    for table, column, code, name, data_set in PERCENTAGES:
        frame = read_table(folder / f"{table}.csv")
        parts.append(
            pd.DataFrame(
                {
                    "code": code,
                    "name": name,
                    "place": frame["geo_code"],
                    "value": frame[column],
                    "data_set": data_set,
                    "value_type": "PERCENTAGE",
                    "aggregation_type": "NONE",
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def write_dhis2(tables: Path, into: Path) -> None:
    """Write the health MIS as tables of the DHIS2 model: units, data elements, data sets, data values."""
    folder = into / "bodies" / "dhis2"
    folder.mkdir(parents=True, exist_ok=True)
    places = read_table(tables / "places" / "districts_and_vdcs_2011.csv")
    units = places[places["geo_level"].isin(["country", "district"])].sort_values(
        ["geo_level", "geo_code"], ignore_index=True
    )
    unit_uid = {code: dhis2_uid("organisationUnit", code) for code in units["geo_code"]}
    identifiers = units["geo_code"].map(unit_uid)
    is_country = units["geo_level"] == "country"
    root = unit_uid["NP"]
    pd.DataFrame(
        {
            "id": identifiers,
            "code": units["geo_code"],
            "name": units["name"],
            "shortName": units["name"],
            "level": is_country.map({True: 1, False: 2}),
            "parent": is_country.map({True: "", False: root}),
            "path": ("/" + identifiers).where(is_country, "/" + root + "/" + identifiers),
            "openingDate": "1972-04-13T00:00:00.000",
        }
    ).to_csv(folder / "organisation_units.csv", index=False, lineterminator="\n")

    values = _data_values(tables / "mis_health")
    elements = values.drop_duplicates("code")
    element_uid = {code: dhis2_uid("dataElement", code) for code in elements["code"]}
    set_uid = {code: dhis2_uid("dataSet", code) for code in DATA_SETS}
    pd.DataFrame(
        {
            "id": elements["code"].map(element_uid),
            "code": elements["code"],
            "name": elements["name"],
            "shortName": elements["name"].str.slice(0, 50),
            "valueType": elements["value_type"],
            "aggregationType": elements["aggregation_type"],
            "dataSet": elements["data_set"].map(set_uid),
        }
    ).to_csv(folder / "data_elements.csv", index=False, lineterminator="\n")
    pd.DataFrame(
        {
            "id": list(set_uid.values()),
            "code": list(DATA_SETS),
            "name": list(DATA_SETS.values()),
            "periodType": "FinancialApril",
        }
    ).to_csv(folder / "data_sets.csv", index=False, lineterminator="\n")
    pd.DataFrame(
        {
            "dataElement": values["code"].map(element_uid),
            "period": HMIS_PERIOD,
            "orgUnit": values["place"].map(unit_uid),
            "value": values["value"],
        }
    ).to_csv(folder / "data_values.csv", index=False, lineterminator="\n")
    system = {
        "version": "2.40.3",
        "systemName": "Health Management Information System",
        "calendar": "nepali",
        "dateFormat": "yyyy-mm-dd",
        "organisationUnitRoot": root,
        "dataValue": {
            "categoryOptionCombo": "HllvX50cXC0",
            "attributeOptionCombo": "HllvX50cXC0",
            "storedBy": "hmis",
            "created": "2015-10-12T09:00:00.000+0000",
            "lastUpdated": "2015-10-12T09:00:00.000+0000",
            "comment": "",
            "followup": False,
        },
    }
    (folder / "system.json").write_text(json.dumps(system, indent=2) + "\n", encoding="utf-8")


def write_ministry_of_education(tables: Path, into: Path) -> None:
    """Write the tables of the ministry's database as CSV: its own district ids, school and teacher counts."""
    folder = into / "bodies" / "ministry_of_education"
    folder.mkdir(parents=True, exist_ok=True)
    places = read_table(tables / "places" / "districts_and_vdcs_2011.csv")
    # the ministry numbers its districts by name, from 101 on; the national row is an office of its own
    units = places[places["geo_level"].isin(["country", "district"])].sort_values(
        ["geo_level", "name"], ignore_index=True
    )
    office_id = pd.Series(range(100, 100 + len(units)), index=units["geo_code"])
    pd.DataFrame(
        {
            "office_id": office_id.to_numpy(),
            "office_level": units["geo_level"],
            "office_name": units["name"],
            "census_code": units["geo_code"],
        }
    ).to_csv(folder / "education_office.csv", index=False, lineterminator="\n")
    pd.DataFrame({"school_year_id": [1], "label_bs": ["2074"], "begins_on": ["2017-04-14"]}).to_csv(
        folder / "school_year.csv", index=False, lineterminator="\n"
    )
    for table, column, name, measure in (
        ("highersecondarylevel_schools", "school_type", "school_type", "schools"),
        ("secondarylevel_teachers", "teacher_type", "teacher_type", "teachers"),
    ):
        frame = read_table(tables / "mis_education" / f"{table}.csv")
        kinds = sorted(frame[column].unique())
        kind_id = {kind: number for number, kind in enumerate(kinds, start=1)}
        pd.DataFrame({f"{name}_id": list(kind_id.values()), name: kinds}).to_csv(
            folder / f"{name}.csv", index=False, lineterminator="\n"
        )
        pd.DataFrame(
            {
                "school_year_id": 1,
                "office_id": frame["geo_code"].map(office_id),
                f"{name}_id": frame[column].map(kind_id),
                measure: frame["total"],
            }
        ).sort_values(["office_id", f"{name}_id"]).to_csv(
            folder / f"{measure}.csv", index=False, lineterminator="\n"
        )
