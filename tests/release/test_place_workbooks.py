"""Workbooks of all places, made from the newest release."""

import openpyxl
import pytest

from statloom.errors import StatloomError
from statloom.release import place_workbooks, prepare
from tests.release.test_release import make

pytestmark = pytest.mark.database


def test_workbooks_of_any_level_come_from_the_newest_release(database, tmp_path):
    with pytest.raises(StatloomError):
        place_workbooks.write(database.engine, tmp_path)
    make(database)
    written = place_workbooks.write(database.engine, tmp_path, "local_unit")
    places = [path for path in written if path.parent.name == "local_unit"]
    assert len(places) == 12 and {path.parent.name for path in written} == {"local_unit", "goals"}
    book = openpyxl.load_workbook(places[0])
    texts = {cell.value for sheet in book for row in sheet.iter_rows() for cell in row}
    assert {"Population", "Households without a toilet (synthetic)"} <= texts
    with pytest.raises(StatloomError, match="village; places have the levels country, district"):
        place_workbooks.write(database.engine, tmp_path, "village")


def test_what_is_prepared_but_not_released_is_not_mixed_in(database, tmp_path, monkeypatch):
    make(database)
    monkeypatch.setenv("STATLOOM_PUBLISHER", "Another office")
    prepare(database.engine, run_id="2")
    with pytest.raises(StatloomError, match="older than what is prepared"):
        place_workbooks.write(database.engine, tmp_path)
