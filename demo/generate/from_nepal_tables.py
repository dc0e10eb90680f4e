"""Make the demo's deliveries from a folder of published tables of Nepal.

    python -m demo.generate.from_nepal_tables FOLDER [--into demo]

FOLDER holds `census_2011/`, `census_2021/`, `mis_health/`, `mis_education/`, `mis_other/` and `places/` as
plain CSV (see demo/README.md for their provenance). No figure is corrected: what is wrong in the tables is
wrong in the deliveries. What is added is form only: formats, headers and totals as in the bodies' own files.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pandas as pd
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font

from demo.generate.bodies import read_table, write_dhis2, write_ministry_of_education
from demo.generate.stable import write_gzip, write_workbook

CENSUS_2011 = {
    "age": "age",
    "caste": "caste",
    "citizenship": "citizenship",
    "cooking_fuel": "cookingfuel",
    "disability": "disability",
    "drinking_water": "drinkingwatersource",
    "education": "educationlevelpassed",
    "foundation": "foundationtype",
    "home_ownership": "homeownership",
    "household_facilities": "householdfacilities",
    "language": "language",
    "lighting": "lightingfuel",
    "literacy": "literacy",
    "outer_wall": "outerwalltype",
    "religion": "religion",
    "roof": "rooftype",
    "school_attendance": "schoolattendance",
    "toilet": "toilettype",
}
DISTRICT_TABLES = {
    "aid": "districtaidamounts",
    "income": "income",
    "land_use": "landuse",
    "life_expectancy": "lifeexpectancy",
    "livestock": "agriculture_livestock",
    "voters": "voters",
}
LEVEL_LABELS = {
    "country": "Country",
    "province": "Province",
    "district": "District",
    "local": "Local unit",
}


def write_census_2011(tables: Path, deliveries: Path) -> None:
    """Copy the 18 census topics byte for byte; only the file names are the demo's."""
    folder = deliveries / "census_2011"
    folder.mkdir(parents=True, exist_ok=True)
    for topic, table in CENSUS_2011.items():
        shutil.copyfile(tables / "census_2011" / f"{table}.csv", folder / f"{topic}.csv")


def write_district_tables(tables: Path, deliveries: Path) -> None:
    """Copy the district tables of other bodies byte for byte, one folder a body's file."""
    for name, table in DISTRICT_TABLES.items():
        folder = deliveries / name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tables / "mis_other" / f"{table}.csv", folder / f"{name}.csv")


def write_companies(tables: Path, deliveries: Path) -> None:
    """Gzip the company register's long table, unchanged inside."""
    folder = deliveries / "companies"
    folder.mkdir(parents=True, exist_ok=True)
    write_gzip(
        folder / "registered_companies.csv.gz",
        (tables / "mis_other" / "registeredcompanies.csv").read_bytes(),
    )


def population_rows(tables: Path) -> pd.DataFrame:
    """Population 2021 in the workbook's order: nation, then each province with its districts and their units.

    Returns columns `code, area, level, total, male, female`; `total` is male and female added up. Codes of
    provinces, districts and local units are numbers (a district's zero is gone), the nation's is text.
    """
    long = read_table(tables / "census_2021" / "population.csv")
    units = read_table(tables / "places" / "federal_units_2021.csv").drop_duplicates(
        ["geo_level", "geo_code"]
    )
    wide = (
        long.assign(total=long["total"].astype("int64"))
        .pivot(index=["geo_level", "geo_code"], columns="sex", values="total")
        .reset_index()
        .merge(
            units[["geo_level", "geo_code", "name", "parent_code"]], on=["geo_level", "geo_code"], how="left"
        )
    )
    # the list of units writes a local unit's district without its leading zero
    wide.loc[wide["geo_level"] == "local", "parent_code"] = wide["parent_code"].str.zfill(2)
    province_of_district = wide.loc[wide["geo_level"] == "district"].set_index("geo_code")["parent_code"]
    level = wide["geo_level"]
    district = wide["geo_code"].where(level == "district", wide["parent_code"].where(level == "local", ""))
    province = wide["geo_code"].where(level == "province", district.map(province_of_district).fillna(""))
    ordered = wide.assign(
        province=province, district=district, depth=level.map(list(LEVEL_LABELS).index)
    ).sort_values(["province", "district", "depth", "geo_code"])
    is_number = ordered["geo_code"].str.isdecimal()
    return pd.DataFrame(
        {
            "code": ordered["geo_code"].where(
                ~is_number, pd.to_numeric(ordered["geo_code"], errors="coerce")
            ),
            "area": ordered["name"],
            "level": ordered["geo_level"].map(LEVEL_LABELS),
            "total": ordered["male"] + ordered["female"],
            "male": ordered["male"],
            "female": ordered["female"],
        }
    ).reset_index(drop=True)


def write_population(tables: Path, deliveries: Path) -> None:
    """Write the 2021 population as a census workbook: titles, a note, a two-row merged header, footnotes."""
    folder = deliveries / "census_2021"
    folder.mkdir(parents=True, exist_ok=True)
    rows = population_rows(tables)
    workbook = Workbook()
    workbook.properties.creator = "Central Bureau of Statistics"
    workbook.properties.created = pd.Timestamp("2022-01-26").to_pydatetime()
    sheet = workbook.active
    sheet.title = "Table 1"
    titles = [
        "National Population and Housing Census 2021: preliminary results",
        "Table 1. Population by sex: Nepal, provinces, districts and local units",
        "Note: figures are persons. Local units are named as in the list of federal units.",
    ]
    for number, title in enumerate(titles, start=1):
        sheet.cell(number, 1, title).font = Font(bold=number < 3, italic=number == 3)
        sheet.merge_cells(start_row=number, end_row=number, start_column=1, end_column=6)
    for column, label in enumerate(["Code", "Area", "Level"], start=1):
        sheet.cell(4, column, label)
        sheet.merge_cells(start_row=4, end_row=5, start_column=column, end_column=column)
    sheet.cell(4, 4, "Population").alignment = Alignment(horizontal="center")
    sheet.merge_cells("D4:F4")
    for column, label in enumerate(["Total", "Male", "Female"], start=4):
        sheet.cell(5, column, label)
    sheet.freeze_panes = "A6"
    for row in rows.astype(object).itertuples(index=False, name=None):
        sheet.append(row)
    sheet.append([])
    sheet.append(["Source: Central Bureau of Statistics, National Population and Housing Census 2021."])
    sheet.append(
        ["Preliminary figures; districts and local units may not add up to the provinces and the nation."]
    )
    for letter, width in zip("ABCDEF", (9, 38, 12, 14, 14, 14), strict=True):
        sheet.column_dimensions[letter].width = width
    write_workbook(folder / "population.xlsx", workbook)


def district_names(tables: Path) -> pd.Series:
    """Names that bodies write beside their codes: the bureau's own spelling, by code of the 2011 tables.

    The two lists number the districts differently, so they are joined by name; three are spelt differently.
    """
    listed = read_table(tables / "places" / "districts_and_vdcs_2011.csv")
    listed = listed[listed["geo_level"] == "district"]
    bureau = read_table(tables / "places" / "districts_75_en_ne.csv")["district_name_english"]
    spelt_in_2011_list = {"Terhathum": "Tehrathum", "Tanahun": "Tanahu", "Kapilvastu": "Kapilbastu"}
    by_name = pd.Series(bureau.to_numpy(), index=bureau.replace(spelt_in_2011_list))
    names = pd.Series(listed["name"].map(by_name).to_numpy(), index=listed["geo_code"])
    if names.isna().any() or names.duplicated().any():
        raise ValueError(f"districts without one name: {sorted(names[names.isna()].index)}")
    return pd.concat([pd.Series({"NP": "Nepal"}), names.sort_index()])


def _decimal_comma(share: pd.Series) -> pd.Series:
    return share.round(2).map("{:.2f}".format).str.replace(".", ",", regex=False)


def _write_semicolon_csv(path: Path, frame: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, sep=";", index=False, encoding="utf-8-sig", lineterminator="\r\n")


def write_poverty(tables: Path, deliveries: Path) -> None:
    """Write the poverty headcounts as a spreadsheet exports them: codes are numbers, `01` has become `1`."""
    long = read_table(tables / "mis_other" / "poverty.csv")
    long["total"] = long["total"].astype("int64")
    wide = long.pivot(index="geo_code", columns="poverty", values="total")
    wide = wide.reindex(["NP", *sorted(wide.index.drop("NP"))])
    rate = 100 * wide["IN_POVERTY"] / (wide["IN_POVERTY"] + wide["NOT_IN_POVERTY"])
    _write_semicolon_csv(
        deliveries / "poverty" / "poverty.csv",
        pd.DataFrame(
            {
                "district_code": wide.index.str.replace(r"^0", "", regex=True),
                "district": wide.index.map(district_names(tables)),
                "poor": wide["IN_POVERTY"],
                "not_poor": wide["NOT_IN_POVERTY"],
                "poverty_rate": _decimal_comma(rate),
            }
        ),
    )


def write_safe_water(tables: Path, deliveries: Path) -> None:
    """Write the population with and without safe water: two-digit codes, a share with a decimal comma."""
    long = read_table(tables / "mis_other" / "safewater.csv")
    long["total"] = long["total"].astype("int64")
    wide = long.pivot(index="geo_code", columns="safe_water", values="total")
    wide = wide.reindex(["NP", *sorted(wide.index.drop("NP"))])
    rate = 100 * wide["YES"] / (wide["YES"] + wide["NO"])
    _write_semicolon_csv(
        deliveries / "safe_water" / "safe_water.csv",
        pd.DataFrame(
            {
                "district_code": wide.index,
                "district": wide.index.map(district_names(tables)),
                "safe_water": wide["YES"],
                "no_safe_water": wide["NO"],
                "safe_water_rate": _decimal_comma(rate),
            }
        ),
    )


def main(arguments: list[str] | None = None) -> None:
    """Write every delivery and every body's table that comes from published tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the folder of published tables")
    parser.add_argument("--into", type=Path, default=Path(__file__).resolve().parents[1])
    options = parser.parse_args(arguments)
    deliveries = options.into / "deliveries"
    for write in (
        write_census_2011,
        write_district_tables,
        write_companies,
        write_population,
        write_poverty,
        write_safe_water,
    ):
        write(options.folder, deliveries)
    write_dhis2(options.folder, options.into)
    write_ministry_of_education(options.folder, options.into)


if __name__ == "__main__":
    main()
