import pytest
import requests

from demo.bodies.dhis2_server import Dhis2Server, Fault

PASSWORD = "a password of this test"
TOKEN = "d2pat_5xVA12xyUbWNedQxy4ohH77WlxRGVvZZ1151814092"


@pytest.fixture(scope="module")
def dhis2():
    with Dhis2Server(users={"reader": PASSWORD}, tokens=(TOKEN,)) as server:
        yield server


@pytest.fixture
def faulty(request):
    with Dhis2Server(users={"reader": PASSWORD}, faults=tuple(request.param)) as server:
        yield server


def get(server, path, **options):
    options.setdefault("auth", ("reader", PASSWORD))
    return requests.get(server.url + path, timeout=options.pop("timeout", 5), **options)


def all_values(server, data_set, **parameters):
    answer = get(
        server,
        "/api/dataValueSets.json",
        params={
            "dataSet": data_set,
            "period": "2071April",
            "orgUnit": "NP",
            "children": "true",
            "inputIdScheme": "code",
            "idScheme": "code",
        }
        | parameters,
    )
    answer.raise_for_status()
    return answer.json()["dataValues"]


def test_births_attended_by_skilled_personnel_are_the_published_ones_in_nation_and_districts(dhis2):
    values = all_values(dhis2, "HMIS_SAFE_MOTHERHOOD")
    deliveries = [value for value in values if value["dataElement"].startswith("DELIVERY_")]
    for is_nation in (True, False):
        here = [value for value in deliveries if (value["orgUnit"] == "NP") is is_nation]
        skilled = sum(int(value["value"]) for value in here if "_SBA_" in value["dataElement"])
        assert (skilled, sum(int(value["value"]) for value in here)) == (314_755, 349_179)
    assert {value["period"] for value in values} == {"2071April"}
    assert len({value["orgUnit"] for value in values}) == 76


def test_facilities_and_maternal_deaths(dhis2):
    facilities = all_values(dhis2, "HMIS_HEALTH_FACILITIES")
    assert len(facilities) == 76 * 21
    assert sum(int(value["value"]) for value in facilities if value["orgUnit"] == "NP") == 4_609
    deaths = [
        value
        for value in all_values(dhis2, "HMIS_SAFE_MOTHERHOOD")
        if value["dataElement"].startswith("MATERNAL_DEATH")
    ]
    assert sum(int(value["value"]) for value in deaths if value["orgUnit"] != "NP") == 181


def test_data_values_look_like_those_of_dhis2(dhis2):
    value = all_values(dhis2, "HMIS_NUTRITION", idScheme="uid")[0]
    assert set(value) == {
        "dataElement", "period", "orgUnit", "categoryOptionCombo", "attributeOptionCombo", "value",
        "storedBy", "created", "lastUpdated", "comment", "followup",
    }  # fmt: skip
    assert isinstance(value["value"], str)
    assert len(value["orgUnit"]) == len(value["dataElement"]) == 11


def test_without_children_only_the_unit_itself_answers(dhis2):
    values = all_values(dhis2, "HMIS_SAFE_MOTHERHOOD", children="false")
    assert {value["orgUnit"] for value in values} == {"NP"}
    assert len(values) == 10


def test_organisation_units_are_paged(dhis2):
    units, pages, url = (
        [],
        0,
        f"{dhis2.url}/api/organisationUnits.json?fields=id,code,level,parent[id]&pageSize=20",
    )
    while url:
        answer = requests.get(url, auth=("reader", PASSWORD), timeout=5).json()
        assert answer["pager"] | {"nextPage": 0, "prevPage": 0} == {
            "page": pages + 1, "total": 76, "pageSize": 20, "pageCount": 4, "nextPage": 0, "prevPage": 0,
        }  # fmt: skip
        units += answer["organisationUnits"]
        pages += 1
        url = answer["pager"].get("nextPage")
    assert pages == 4
    assert len({unit["id"] for unit in units}) == 76
    country = next(unit for unit in units if unit["level"] == 1)
    assert country["code"] == "NP" and "parent" not in country
    assert all(unit["parent"] == {"id": country["id"]} for unit in units if unit["level"] == 2)
    assert sorted(unit["code"] for unit in units if unit["level"] == 2) == [f"{n:02d}" for n in range(1, 76)]


def test_paging_can_be_left_out_and_a_page_beyond_the_last_is_empty(dhis2):
    whole = get(dhis2, "/api/organisationUnits?paging=false&level=2").json()
    assert set(whole) == {"organisationUnits"} and len(whole["organisationUnits"]) == 75
    beyond = get(dhis2, "/api/organisationUnits?page=9").json()
    assert beyond["organisationUnits"] == [] and "nextPage" not in beyond["pager"]


def test_filters_and_single_objects(dhis2):
    found = get(dhis2, "/api/40/dataElements?filter=code:ilike:sba_at&fields=id,code").json()["dataElements"]
    assert {element["code"] for element in found} == {"DELIVERY_SBA_AT_FACILITY", "DELIVERY_SBA_AT_HOME"}
    one = get(
        dhis2, f"/api/dataElements/{found[0]['id']}.json?fields=code,dataSetElements[dataSet[id]]"
    ).json()
    assert one == {"code": found[0]["code"], "dataSetElements": [{"dataSet": {"id": "SeZJdZrHsG5"}}]}


def test_pages_come_in_the_order_that_was_asked_for(dhis2):
    names = [
        unit["name"]
        for page in (1, 2)
        for unit in get(
            dhis2, f"/api/organisationUnits?fields=name&order=level:asc,name:desc&pageSize=38&page={page}"
        ).json()["organisationUnits"]
    ]
    assert names[:2] == ["Nepal", "Udayapur"] and names[1:] == sorted(names[1:], reverse=True)
    assert get(dhis2, "/api/organisationUnits?order=name:sideways").status_code == 409


def test_system_and_user(dhis2):
    assert get(dhis2, "/api/system/info").json()["version"].startswith("2.40")
    assert get(dhis2, "/api/me", auth=None, headers={"Authorization": f"ApiToken {TOKEN}"}).ok
    assert len(get(dhis2, "/api/dataSets.json").json()["dataSets"]) == 3


@pytest.mark.parametrize(
    "options",
    [
        {"auth": None},
        {"auth": ("reader", "wrong")},
        {"auth": ("nobody", PASSWORD)},
        {"auth": None, "headers": {"Authorization": "ApiToken d2pat_wrong"}},
        {"auth": None, "headers": {"Authorization": "Basic %%%"}},
        {"auth": None, "headers": {"Authorization": f"Bearer {TOKEN}"}},
    ],
)
def test_wrong_credentials_are_refused_as_dhis2_does(dhis2, options):
    answer = get(dhis2, "/api/organisationUnits", **options)
    assert answer.status_code == 401
    assert answer.json() == {
        "httpStatus": "Unauthorized", "httpStatusCode": 401, "status": "ERROR", "message": "Unauthorized",
    }  # fmt: skip
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("period=2071April&orgUnit=QHRRoazXaS0", 409, "E2001"),
        ("dataSet=AAAAAAAAAAA&period=2071April&orgUnit=QHRRoazXaS0", 409, "E2001"),
        ("dataSet=SeZJdZrHsG5&orgUnit=QHRRoazXaS0", 409, "E2002"),
        ("dataSet=SeZJdZrHsG5&period=2071April", 409, "E2006"),
        ("dataSet=SeZJdZrHsG5&period=2071April&orgUnit=QHRRoazXaS0&limit=-1", 409, "E2009"),
    ],
)
def test_incomplete_queries_are_conflicts(dhis2, query, status, code):
    answer = get(dhis2, f"/api/dataValueSets?{query}")
    assert (answer.status_code, answer.json()["errorCode"], answer.json()["httpStatus"]) == (
        status,
        code,
        "Conflict",
    )


def test_a_period_without_data_is_an_empty_object(dhis2):
    answer = get(
        dhis2, "/api/dataValueSets?dataSet=SeZJdZrHsG5&period=2070April&orgUnit=QHRRoazXaS0&children=true"
    )
    assert answer.status_code == 200 and answer.json() == {}


@pytest.mark.parametrize("path", ["/api/organisationUnits/AAAAAAAAAAA", "/api/nothing", "/other"])
def test_what_is_not_there(dhis2, path):
    answer = get(dhis2, path)
    assert answer.status_code == 404 and answer.json()["httpStatusCode"] == 404


def test_nobody_can_write(dhis2):
    answer = requests.post(f"{dhis2.url}/api/dataValueSets", json={}, auth=("reader", PASSWORD), timeout=5)
    assert answer.status_code == 405


@pytest.mark.parametrize("faulty", [[Fault("error", "dataValueSets", times=1)]], indirect=True)
def test_fault_500_then_well_again(faulty):
    path = "/api/dataValueSets?dataSet=SeZJdZrHsG5&period=2071April&orgUnit=QHRRoazXaS0"
    assert get(faulty, "/api/me").ok
    first = get(faulty, path)
    assert first.status_code == 500 and first.json()["status"] == "ERROR"
    assert get(faulty, path).ok


@pytest.mark.parametrize("faulty", [[Fault("truncate", "organisationUnits", after=1)]], indirect=True)
def test_fault_stops_halfway_through_the_second_page(faulty):
    assert get(faulty, "/api/organisationUnits?page=1").ok
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(faulty, "/api/organisationUnits?page=2")


@pytest.mark.parametrize("faulty", [[Fault("hang")]], indirect=True)
def test_fault_hangs_until_the_reader_gives_up(faulty):
    with pytest.raises(
        (requests.exceptions.Timeout, requests.exceptions.ConnectionError), match=r"(?i)timed out"
    ):
        get(faulty, "/api/system/info", timeout=0.3)


@pytest.mark.parametrize("faulty", [[Fault("reset")]], indirect=True)
def test_fault_cuts_the_connection(faulty):
    with pytest.raises(requests.exceptions.ConnectionError):
        get(faulty, "/api/system/info")


@pytest.mark.parametrize("faulty", [[Fault("html")]], indirect=True)
def test_fault_answers_with_a_page(faulty):
    answer = get(faulty, "/api/system/info")
    assert answer.ok and answer.text.startswith("<!DOCTYPE html>")
