import time

import psycopg
import pytest
from psycopg import sql

from demo.bodies import ministry_of_education

READER = "reader_of_this_test"
PASSWORD = "password-of-this-test"


@pytest.fixture
def empty_database(postgres_server):
    name = "test_ministry_of_education"
    with postgres_server.administrator() as connection:
        connection.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
    url = postgres_server.url("statloom_admin", name).set(drivername="postgresql")
    yield url
    with postgres_server.administrator() as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(READER)))


def text(url):
    return url.render_as_string(hide_password=False)


@pytest.mark.database
def test_totals_are_the_published_ones_in_nation_and_districts(empty_database):
    ministry_of_education.load(text(empty_database))
    with psycopg.connect(text(empty_database)) as connection:
        found = connection.execute(
            """
            select office_level, sum(schools), count(distinct office_id) from schools
            join education_office using (office_id) group by 1 order by 1
            """
        ).fetchall()
        assert found == [("country", 35_601, 1), ("district", 35_601, 75)]
        teachers = connection.execute(
            """
            select teacher_type, sum(teachers) from teachers join teacher_type using (teacher_type_id)
            join education_office using (office_id) where office_level = 'district' group by 1 order by 1
            """
        ).fetchall()
        assert teachers == [("Approved teachers", 109_118), ("Rahat teachers", 38_420)]


@pytest.mark.database
def test_the_reader_reads_and_cannot_write(empty_database):
    ministry_of_education.load(text(empty_database), PASSWORD, reader=READER)
    reader = text(empty_database.set(username=READER, password=PASSWORD))
    with psycopg.connect(reader, autocommit=True) as connection:
        assert connection.execute("select count(*) from schools").fetchone() == (152,)
        for statement in ("delete from schools", "create table mine (x int)"):
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute(statement)
        connection.execute("set default_transaction_read_only = off")
        for statement in (
            "delete from schools",
            "update teachers set teachers = 0",
            "create table mine (x int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


@pytest.mark.database
def test_a_second_load_changes_nothing_and_a_new_password_holds(empty_database):
    assert ministry_of_education.load(text(empty_database), PASSWORD, reader=READER)
    with psycopg.connect(text(empty_database)) as connection:
        before = connection.execute("select xmin, ctid, * from schools order by ctid").fetchall()
    began = time.monotonic()
    assert not ministry_of_education.load(text(empty_database), "another", reader=READER)
    assert time.monotonic() - began < 1
    with psycopg.connect(text(empty_database)) as connection:
        assert connection.execute("select xmin, ctid, * from schools order by ctid").fetchall() == before
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(text(empty_database.set(username=READER, password=PASSWORD)))


@pytest.mark.database
def test_changed_files_are_loaded_again(empty_database, monkeypatch, tmp_path):
    ministry_of_education.load(text(empty_database))
    for file in ministry_of_education.FOLDER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    changed = (tmp_path / "schools.csv").read_text().replace("29035", "29036")
    (tmp_path / "schools.csv").write_text(changed)
    monkeypatch.setattr(ministry_of_education, "FOLDER", tmp_path)
    assert ministry_of_education.load(text(empty_database))
    with psycopg.connect(text(empty_database)) as connection:
        assert connection.execute("select max(schools) from schools").fetchone() == (29_036,)


@pytest.mark.database
def test_a_broken_file_leaves_the_tables_as_they_were(empty_database, monkeypatch, tmp_path):
    ministry_of_education.load(text(empty_database))
    for file in ministry_of_education.FOLDER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "teachers.csv").write_text("school_year_id,office_id,teacher_type_id,teachers\n1,999,1,5\n")
    monkeypatch.setattr(ministry_of_education, "FOLDER", tmp_path)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        ministry_of_education.load(text(empty_database))
    with psycopg.connect(text(empty_database)) as connection:
        assert connection.execute("select count(*) from teachers").fetchone() == (152,)
