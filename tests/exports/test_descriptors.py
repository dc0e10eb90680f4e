"""The Data Package under frictionless, the catalogue and the pages."""

import json
import re
from html.parser import HTMLParser

import pyarrow as pa
import pytest
from frictionless import Package

from statloom.exports import catalogue, data_package, licences, pages
from tests.exports import sample


def faults(folder) -> list[str]:
    """What frictionless has against the package in ``folder``, by kind of error."""
    report = Package.from_descriptor(str(folder / data_package.NAME)).validate()
    found = [*report.errors, *(error for task in report.tasks for error in task.errors)]
    return sorted({error.type for error in found})


def packaged(folder, tables=None, **options):
    tables = tables or sample.release(folder, **options)
    data_package.write(folder, sample.ABOUT, tables)
    return folder


def test_frictionless_accepts_the_package(tmp_path):
    assert faults(packaged(tmp_path / "plain")) == []
    assert faults(packaged(tmp_path / "packed", gzip_above=0)) == []


def test_the_package_says_what_is_in_it(tmp_path):
    packaged(tmp_path)
    package = json.loads((tmp_path / data_package.NAME).read_text())
    assert package["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    assert package["version"] == "7.0.0"
    assert package["created"] == "2026-11-05T00:00:00Z"
    places, population, columnar = package["resources"]
    assert population["licenses"] == [
        {"name": "CC-BY-4.0", "path": "https://spdx.org/licenses/CC-BY-4.0.html"},
        {"name": "other", "title": "Terms of the ministry"},
    ]
    assert population["sources"] == [{"title": "The bureau's tables"}, {"title": "A survey, Ministry"}]
    kinds = {field["name"]: field["type"] for field in population["schema"]["fields"]}
    assert kinds == {
        "observation_key": "string",
        "series_code": "string",
        "place_id": "string",
        "period": "string",
        "day": "date",
        "value": "number",
        "n": "integer",
        "preferred": "boolean",
        "comment": "string",
    }
    assert population["schema"]["primaryKey"] == ["observation_key"]
    assert population["schema"]["foreignKeys"][0]["reference"] == {
        "resource": "places",
        "fields": ["place_id"],
    }
    assert places["schema"]["foreignKeys"][0]["reference"]["resource"] == ""
    assert columnar["path"] == "data/NP_POP.parquet"


@pytest.mark.parametrize(
    ("column", "values", "fault"),
    [
        ("observation_key", ["a", "a", "c", "d", "e", "f"], "primary-key"),
        ("place_id", ["P1", "P9", "P1", "P2", "P1", "P2"], "foreign-key"),
        ("place_id", ["P1", None, "P1", "P2", "P1", "P2"], "constraint-error"),
    ],
)
def test_planted_faults_are_found(tmp_path, column, values, fault):
    rows = sample.frame()
    rows = rows.set_column(rows.schema.get_field_index(column), column, pa.array(values, pa.string()))
    assert fault in faults(packaged(tmp_path, rows=rows))


def test_a_changed_file_is_found(tmp_path):
    packaged(tmp_path)
    path = tmp_path / "data" / "NP_POP.csv"
    path.write_text(path.read_text().replace("2069812", "2069813"))
    assert "hash-count" in faults(tmp_path)
    path.write_text(path.read_text().replace("2069813", "many"))
    assert "type-error" in faults(tmp_path)


class Links(HTMLParser):
    """What a page refers to, and the elements that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.found = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.found += [value for name, value in attributes if name in ("href", "src")]


def test_pages_link_to_files_that_are_there_and_escape_what_they_show(tmp_path):
    tables = sample.release(tmp_path)
    about = sample.About(7, 3, sample.ABOUT.issued, "<img src=x onerror=alert(1)>", "D & E", "P")
    data_package.write(tmp_path, about, tables)
    catalogue.write(tmp_path, about, tables)
    for name in ("series.csv", "SHA256SUMS"):
        (tmp_path / name).write_text("")
    pages.write(tmp_path, about, tables)
    readme = (tmp_path / "README.md").read_text()
    assert "data/NP_POP.parquet" in readme
    links = re.findall(r"\]\(([^)]+)\)", readme)
    assert [link for link in links if not (tmp_path / link).exists()] == []
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.html"))
    assert written == [
        "datasets/NP_POP.html", "datasets/NP_POP.ne.html", "index.html", "index.ne.html",
    ]  # fmt: skip
    for name in written:
        page = Links((tmp_path / name).read_text())
        assert "img" not in page.tags
        local = [link for link in page.found if not link.startswith(("#", "https://spdx.org/", "data:"))]
        assert local
        assert [link for link in local if not ((tmp_path / name).parent / link).exists()] == []


def test_licences_that_spdx_knows_have_a_page():
    assert licences.licence("mit") == {"name": "MIT", "path": "https://spdx.org/licenses/MIT.html"}
    assert licences.licence("Ours") == {"name": "other", "title": "Ours"}
