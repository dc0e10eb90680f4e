"""The catalogue under pyshacl with our shapes of DCAT-AP 3, and the Turtle under rdflib."""

import dataclasses
import json
from pathlib import Path

import pytest
from pyshacl import validate
from rdflib import RDF, Graph, Literal, Namespace, URIRef
from rdflib.compare import isomorphic

from statloom.exports import catalogue
from statloom.exports.model import File, Text
from tests.exports import sample

DCAT, DCT = Namespace("http://www.w3.org/ns/dcat#"), Namespace("http://purl.org/dc/terms/")
SH = Namespace("http://www.w3.org/ns/shacl#")
SHAPES = Graph().parse(Path(__file__).parent / "dcat_ap_3.ttl")
REQUIRED = [
    (target, path)
    for shape, target in sorted(SHAPES.subject_objects(SH.targetClass))
    for node in SHAPES.objects(shape, SH.property)
    if (node, SH.minCount, None) in SHAPES
    for path in SHAPES.objects(node, SH.path)
    if isinstance(path, URIRef)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    here = tmp_path_factory.mktemp("release")
    tables = sample.release(here, gzip_above=0)
    whole = File(
        "sdmx/3.0/data.csv", "application/vnd.sdmx.data+csv;version=2.0.0", 7, "ab", title=Text("All")
    )
    about = dataclasses.replace(
        sample.ABOUT,
        title='The "open" data',
        base_url="https://data.example.org/",
        country="https://www.geonames.org/1282988",
        title_ne="खुला तथ्याङ्क",
        description_ne="तथ्याङ्क",
    )
    catalogue.write(here, about, tables, [whole])
    return here


@pytest.fixture(scope="module")
def graph(folder):
    return Graph().parse(folder / catalogue.NAME, format="json-ld")


def faults(graph: Graph) -> str:
    conforms, _, text = validate(graph, shacl_graph=SHAPES)
    return "" if conforms else text


def test_the_catalogue_has_what_dcat_ap_requires_and_recommends(graph):
    assert faults(graph) == ""
    assert {str(kind).rpartition("#")[2] for kind in graph.objects(None, RDF.type)} >= {
        "Catalog", "Dataset", "DatasetSeries", "Distribution", "Checksum", "Organization",
    }  # fmt: skip


def test_each_property_that_is_missing_is_found(graph):
    less = Graph() + graph
    removed = set()
    for kind, path in REQUIRED:
        subject = next(s for s in sorted(less.subjects(RDF.type, kind)) if (s, path, None) in less)
        less.remove((subject, path, None))
        removed.add((subject, path))
    assert len(removed) == len(REQUIRED) > 40
    _, report, _ = validate(less, shacl_graph=SHAPES)
    found = {
        (report.value(result, SH.focusNode), report.value(result, SH.resultPath))
        for result in report.subjects(RDF.type, SH.ValidationResult)
    }
    assert removed - found == set()


def test_a_value_of_the_wrong_kind_is_found(graph):
    wrong = Graph() + graph
    file = next(iter(wrong.subjects(RDF.type, DCAT.Distribution)))
    wrong.set((file, DCAT.byteSize, Literal("large")))
    assert "byteSize" in faults(wrong)


def test_turtle_and_json_ld_are_the_same_graph(folder, graph):
    again = Graph().parse(folder / catalogue.TURTLE, format="turtle")
    assert len(again) == len(graph) > 100
    assert isomorphic(again, graph)


def test_titles_are_in_both_languages_and_files_as_they_are(folder, graph):
    dataset = URIRef("https://data.example.org/7/data/NP_POP")
    assert {(str(t), t.language) for t in graph.objects(dataset, DCT.title)} == {
        ("Population", "en"),
        ("जनसंख्या", "ne"),
    }
    assert graph.value(dataset, DCAT.inSeries) == URIRef("https://data.example.org/7/goal/17")
    for file in graph.objects(dataset, DCAT.distribution):
        path = folder / str(file).removeprefix("https://data.example.org/7/")
        assert int(graph.value(file, DCAT.byteSize)) == path.stat().st_size
    names = {str(name) for name in graph.objects(None, DCT.title) if name.language is None}
    assert "CC-BY-4.0; Terms of the ministry" in names  # two licences: one document that names both


def test_writing_again_gives_the_same_bytes(folder, tmp_path):
    tables = sample.release(tmp_path, gzip_above=0)
    catalogue.write(tmp_path, sample.ABOUT, tables)
    first = [(tmp_path / name).read_bytes() for name in (catalogue.NAME, catalogue.TURTLE)]
    catalogue.write(tmp_path, sample.ABOUT, tables)
    assert first == [(tmp_path / name).read_bytes() for name in (catalogue.NAME, catalogue.TURTLE)]
    assert json.loads(first[0])["@type"] == "dcat:Catalog"
