"""SDMX files, read back by pysdmx and by sdmx1 to the same figures."""

import gzip
import io
import math
import re
import warnings
from pathlib import Path

import pandas as pd
import pytest
import sdmx as sdmx1
from pysdmx.io import read_sdmx, write_sdmx
from pysdmx.io.pd import PandasDataset

from statloom.exports import sdmx
from statloom.exports.model import Text
from statloom.exports.sdmx import structure
from tests.exports import cells

ORDER = [
    "FREQ",
    "REPORTING_TYPE",
    "SERIES",
    "REF_AREA",
    "SEX",
    "AGE",
    "URBANISATION",
    "INCOME_WEALTH_QUANTILE",
    "EDUCATION_LEV",
    "OCCUPATION",
    "CUST_BREAKDOWN",
    "COMPOSITE_BREAKDOWN",
    "DISABILITY_STATUS",
    "ACTIVITY",
    "PRODUCT",
    "TIME_PERIOD",
]
ATTRIBUTES = [
    "OBS_STATUS",
    "UNIT_MULT",
    "UNIT_MEASURE",
    "BASE_PER",
    "NATURE",
    "TIME_DETAIL",
    "COMMENT_OBS",
    "TIME_COVERAGE",
    "UPPER_BOUND",
    "LOWER_BOUND",
    "SOURCE_DETAIL",
    "COMMENT_TS",
    "GEO_INFO_URL",
    "GEO_INFO_TYPE",
    "CUST_BREAKDOWN_LB",
    "DATA_LAST_UPDATE",
]
AREAS = [
    sdmx.Area(place, Text(name, "नेपाल" if parent is None else None), parent)
    for place, name, parent in cells.PLACES
]
EDITIONS = [edition.number for edition in sdmx.EDITIONS]
NUMBERS = ("OBS_VALUE", "UPPER_BOUND", "LOWER_BOUND")


def write(folder: Path, tables: dict, **options) -> Path:
    with sdmx.Writer(folder, cells.ABOUT, cells=options.pop("cells", 20), **options) as writer:
        files = [
            file
            for code, rows in tables.items()
            for file in writer.add(rows, cells.dataset(code, approximation=f'Near "{code}", by far'))
        ]
        files += writer.finish(AREAS)
    assert {file.path for file in files} == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*.*") if path.is_file()
    }
    return folder / "sdmx"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    plain = cells.table(
        [{"series_code": "S2", "value": year + 0.5, "period": str(year)} for year in (2011, 2012)]
    )
    return write(tmp_path_factory.mktemp("release"), {"S1": cells.hard(), "S2": plain})


def expected() -> pd.DataFrame:
    """The figures of ``cells.hard`` as the structure has them, worked out by hand."""
    rows = [
        ("A", "524", "_T", "_T", "2011", 29192480.0, "A", None, "2011-01-01/2011-12-31", None),
        ("A", "524", "F", "_T", "2011", 0.1 + 0.2, "A", None, None, "SE 0.0125; CV 1e-07; n 412"),
        ("A", "524", "M", "_T", "2011", -1e-7, "A", None, None, "DEFF 1.25. a \"quote\", <b> & 'apostrophe'"),
        ("A", "524", "O", "_T", "2011", None, "Q", None, None, "left out: fewer than 5"),
        ("A", "V_district_01", "_T", "_T", "2011", 0.0, "A", None, None, "GEO_SE 0.3. =1+1"),
        ("A", "V_district_01", "_T", "_T", "2014", 1e300, "A", "2071/72", "2014-07-17/2015-07-16", None),
        ("Q", "V_district_01", "_T", "_T", "2014-Q3", 7.0, "A", None, None, "two\nlines\tand\u200dmore"),
        ("M", "V_district_01", "_T", "REL_BON", "2014-07", 8.0, "A", None, None, None),
        ("A", "V_district_01", "_T", "NEW__code", "2014", 9.0, "A", None, None, None),
        ("A", "524", "_T", "_T", "2013", 3.0, "A", None, None, None),
    ]
    names = [
        "FREQ",
        "REF_AREA",
        "SEX",
        "CUST_BREAKDOWN",
        "TIME_PERIOD",
        "OBS_VALUE",
        "OBS_STATUS",
        "TIME_DETAIL",
        "TIME_COVERAGE",
        "COMMENT_OBS",
    ]
    return pd.DataFrame(rows, columns=names)


def tidy(frame: pd.DataFrame) -> list[tuple]:
    """Rows as sets of what they say, without what is empty."""
    found = []
    for row in frame.to_dict("records"):
        said = {}
        for name, value in row.items():
            if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
                continue
            said[name] = float(value) if name in NUMBERS else str(value)
        found.append(tuple(sorted(said.items())))
    return sorted(found)


def by_pysdmx(path: Path) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (dataset,) = read_sdmx(path).data
    return dataset.data


def by_sdmx1(folder: Path, path: Path) -> pd.DataFrame:
    dsd = sdmx1.read_sdmx(folder / "structure.xml").structure["SDG"]
    message = sdmx1.read_sdmx(path, structure=dsd)
    rows = []
    for observation in message.data[0].obs:
        row = {key: value.value for key, value in observation.dimension.values.items()}
        row |= {key: value.value for key, value in observation.attached_attribute.items()}
        row["OBS_VALUE"] = observation.value
        rows.append(row)
    return pd.DataFrame(rows)


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_figure_comes_back_from_sdmx_ml(folder, edition):
    here = folder / edition
    wanted = expected()
    read = by_pysdmx(here / "data" / "S1.xml")
    again = by_sdmx1(here, here / "data" / "S1.xml")
    for found in (read, again):
        assert tidy(found[wanted.columns]) == tidy(wanted)
        rest = found.set_index(pd.to_numeric(found["OBS_VALUE"]))
        assert set(found["SOURCE_DETAIL"]) == {'The bureau\'s census, 2011. The "Bureau"'}
        assert rest.loc[0.1 + 0.2, "LOWER_BOUND"] in ("-0.5", -0.5)
        assert rest.loc[8.0, "CUST_BREAKDOWN_LB"] == 'Bon, the elders\' "way"'
        assert set(found["UNIT_MEASURE"]) == {"PS"}
    assert tidy(read) == tidy(again)


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_figure_comes_back_from_sdmx_csv(folder, edition):
    wanted = expected()
    read = by_pysdmx(folder / edition / "data.csv")
    assert list(read["SERIES"]).count("S2") == 2
    first = read[read["SERIES"] == "S1"]
    # In CSV no spreadsheet finds a formula; only the text that is one by itself is changed.
    assert tidy(first[wanted.columns]) == tidy(wanted)
    from_ml = by_pysdmx(folder / edition / "data" / "S1.xml")
    assert tidy(first[list(from_ml.columns)]) == tidy(from_ml)
    assert len(set(first["COMMENT_TS"])) == 1
    assert first["COMMENT_TS"].iloc[0].startswith("Synthetic:")
    assert first["COMMENT_TS"].iloc[0].endswith('Near "S1", by far')


def test_sdmx_csv_has_the_columns_of_its_edition(folder):
    three, two = (pd.read_csv(folder / edition / "data.csv", dtype=str) for edition in EDITIONS)
    concepts = [*ORDER, "OBS_VALUE", *ATTRIBUTES]
    assert list(three.columns) == ["STRUCTURE", "STRUCTURE_ID", "ACTION", *concepts]
    assert set(zip(three["STRUCTURE"], three["STRUCTURE_ID"], three["ACTION"], strict=True)) == {
        ("dataflow", "NSO:DF_SDG(1.7.0)", "I")
    }
    assert list(two.columns) == ["DATAFLOW", *concepts]
    assert set(two["DATAFLOW"]) == {"NSO:DF_SDG(1.7)"}


@pytest.mark.parametrize("edition", EDITIONS)
def test_structures_are_those_of_the_sdg_in_both_languages(folder, edition):
    path = folder / edition / "structure.xml"
    read = read_sdmx(path, validate=True)  # against the standard's own schemas
    (dsd,) = read.get_data_structure_definitions()
    assert [c.id for c in dsd.components.dimensions] == ORDER
    assert [c.id for c in dsd.components.measures] == ["OBS_VALUE"]
    assert [c.id for c in dsd.components.attributes] == ATTRIBUTES
    again = sdmx1.read_sdmx(path)
    found = again.structure["SDG"]
    assert [c.id for c in found.dimensions.components] == ORDER
    assert [c.id for c in found.attributes.components] == ATTRIBUTES
    sex = again.codelist["CL_SEX"]
    assert list(sex.items) == ["_T", "F", "M", "O"]
    assert sex["F"].name.localizations == {"en": "Female", "ne": "महिला"}
    assert again.concept_scheme["CS_SDG"]["OBS_VALUE"].name.localizations == {"en": "Value", "ne": "मान"}
    area = again.codelist["CL_AREA"]
    assert area["524"].name.localizations == {"en": "Nepal", "ne": "नेपाल"}
    assert str(area["V_district_01"].name) == "King's & Queen's"
    assert str(area["V_district_01"].description) == "V:district:01"
    series = again.codelist["CL_SERIES"]["S1"]
    assert series.name.localizations == {"en": "Series' S1", "ne": "शृङ्खला"}
    assert str(again.dataflow["DF_SDG"].name.localizations["en"]) == "Women's open data"
    assert str(again.organisation_scheme["AGENCIES"]["NSO"].name.localizations["ne"]) == "तथ्याङ्क कार्यालय"


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_code_that_a_figure_has_is_listed(folder, edition):
    lists = {
        component.id: {code.id for code in component.enumeration}
        for component in read_sdmx(folder / edition / "structure.xml")
        .get_data_structure_definitions()[0]
        .components
        if component.enumeration
    }
    read = by_pysdmx(folder / edition / "data.csv")
    assert {"FREQ", "REF_AREA", "SERIES", "OBS_STATUS", "NATURE", "UNIT_MULT"} <= lists.keys()
    for concept, codes in lists.items():
        assert set(read[concept]) - {""} <= codes, concept
    assert "NEW__code" in lists["CUST_BREAKDOWN"]


@pytest.mark.parametrize("edition", sdmx.EDITIONS, ids=EDITIONS)
def test_the_lines_are_those_that_pysdmx_writes(folder, edition):
    """Where texts have nothing that pysdmx gets wrong, the bytes are its own."""
    path = folder / edition.number / "data" / "S2.xml"
    read = by_pysdmx(path).drop(columns=["COMMENT_TS", "SOURCE_DETAIL"])
    columns = [part for part in [*ORDER, "OBS_VALUE", *ATTRIBUTES] if part in read]
    dataset = PandasDataset(structure=structure.schema(cells.ABOUT, edition), data=read[columns])
    theirs = write_sdmx(dataset, edition.figures, header=structure.header(cells.ABOUT))
    ours = re.sub(r'(?:COMMENT_TS|SOURCE_DETAIL)="[^"]*" ', "", path.read_text())
    assert theirs == ours


def test_formulas_are_neutralised_in_csv_alone(tmp_path):
    rows = cells.table(
        [{"value": 1.0, "comment": "=1+1", "time_detail": "@x"}, {"value": 2.0, "sex": "F", "comment": "-5"}]
    )
    here = write(tmp_path, {"S1": rows})
    read = pd.read_csv(here / "3.0" / "data.csv", dtype=str, keep_default_na=False)
    assert list(read["COMMENT_OBS"]) == ["'=1+1", "-5"]
    assert list(read["TIME_DETAIL"]) == ["'@x", ""]
    assert sorted(by_pysdmx(here / "3.0" / "data" / "S1.xml")["COMMENT_OBS"]) == ["-5", "=1+1"]


def test_large_files_are_packed_and_the_same_each_time(tmp_path):
    rows = cells.table(
        [{"value": n / 7, "period": str(1900 + n % 90), "place_id": f"V:unit:{n}"} for n in range(2500)]
    )
    first = write(tmp_path / "one", {"S1": rows}, cells=2500, gzip_above=1000)
    second = write(tmp_path / "two", {"S1": rows}, cells=2500, gzip_above=1000)
    for path in first.rglob("*.*"):
        if path.is_file():
            assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()
    unpacked = gzip.decompress((first / "3.0" / "data.csv.gz").read_bytes())
    read = pd.read_csv(io.BytesIO(unpacked))
    assert read["OBS_VALUE"].tolist() == [n / 7 for n in range(2500)]
    element = gzip.decompress((first / "2.1" / "data" / "S1.xml.gz").read_bytes())
    assert element.count(b"<Obs ") == 2500


def test_a_series_without_figures_is_in_the_structure_alone(tmp_path):
    here = write(tmp_path, {"S1": cells.table([]), "S2": cells.table([{"series_code": "S2", "value": 1.0}])})
    assert [path.name for path in (here / "3.0" / "data").iterdir()] == ["S2.xml"]
    assert {"S1", "S2"} == set(sdmx1.read_sdmx(here / "3.0" / "structure.xml").codelist["CL_SERIES"].items)
