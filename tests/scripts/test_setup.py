"""The set-up from nothing: its script and the lock file that it installs."""

import os
import re
import shutil
import subprocess
import tomllib

import pytest

from statloom.settings import PROJECT

LOCKS = ("requirements.lock", "requirements-spark.lock", "scripts/uv.lock")
BASH = shutil.which("bash")


def pinned(lock):
    """The packages of a lock file: ``{name: number of hashes}``."""
    found, name = {}, None
    for line in (PROJECT / lock).read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)(\[[^\]]*\])?==[^ ]+", line):
            name = match[1].lower()
            found[name] = 0
        elif "--hash=sha256:" in line:
            found[name] += 1
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_pins_everything_by_hash_and_names_no_address(lock):
    packages = pinned(lock)
    assert packages
    assert not [name for name, hashes in packages.items() if hashes == 0]
    assert "://" not in (PROJECT / lock).read_text()
    assert "--index" not in (PROJECT / lock).read_text()


def test_lock_has_all_that_the_project_asks_for():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    names = {re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower() for requirement in wanted}
    assert names <= set(pinned("requirements.lock"))


def test_lock_of_spark_adds_what_its_extra_asks_for_and_repeats_nothing():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    wanted = project["optional-dependencies"]["spark"]
    names = {re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower() for requirement in wanted}
    added = set(pinned("requirements-spark.lock"))
    assert names <= added
    # Two locks that name one package could ask for two versions of it in the one environment.
    assert not added & set(pinned("requirements.lock"))


@pytest.fixture
def copy(tmp_path):
    for name in ("requirements.lock", "pyproject.toml", "scripts/bootstrap", "scripts/uv.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    return tmp_path


def bootstrap(folder, path, *words):
    path.mkdir(exist_ok=True)
    for name in ("dirname", "cat", "cksum"):
        if not (path / name).exists():
            (path / name).symlink_to(shutil.which(name))
    return subprocess.run(
        [BASH, folder / "scripts" / "bootstrap", *words],
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_word_that_it_does_not_know_is_refused(copy):
    done = bootstrap(copy, copy / "programs", "sparks")
    assert done.returncode == 1
    assert done.stderr == "statloom: unknown: sparks (known: spark)\n"
    assert not (copy / ".venv").exists()


def test_without_python_3_11_it_says_what_is_needed(copy):
    programs = copy / "programs"
    # An older Python answers the question for its version with no.
    program(programs / "python3", "exit 1")
    done = bootstrap(copy, programs)
    assert done.returncode == 1
    assert done.stderr.startswith("statloom: Python 3.11 is needed and was not found")
    assert not (copy / ".venv").exists()


def test_without_the_module_venv_it_says_what_to_install(copy):
    programs = copy / "programs"
    program(programs / "python3.11", 'case "$2" in *ensurepip*) exit 1;; esac')
    done = bootstrap(copy, programs)
    assert done.returncode == 1
    assert "python3.11-venv" in done.stderr


def test_done_once_it_does_nothing_until_the_lock_changes(copy):
    programs = copy / "programs"
    # An interpreter that writes down what it is asked, and makes what it would make.
    log = copy / "log"
    program(
        programs / "python3.11",
        f'echo "$@" >>{log}\n'
        f'if [ "$2" = venv ]; then mkdir -p .venv/bin; cp "$0" .venv/bin/python; fi\n'
        'case "$*" in *editable*) cp "$0" .venv/bin/statloom;; esac',
    )
    for name in ("mkdir", "cp"):
        (programs / name).symlink_to(shutil.which(name))
    (programs / "rm").symlink_to(shutil.which("rm"))

    assert bootstrap(copy, programs).returncode == 0
    installed = log.read_text()
    assert "--require-hashes --requirement requirements.lock" in installed
    assert "--no-deps --no-build-isolation --editable ." in installed
    again = bootstrap(copy, programs)
    assert (again.returncode, again.stderr) == (0, "")
    assert log.read_text() == installed

    with (copy / "requirements.lock").open("a") as lock:
        lock.write("\n")
    assert bootstrap(copy, programs).returncode == 0
    assert len(log.read_text()) > len(installed)


def test_every_script_can_be_run():
    for name in ("scripts/bootstrap", ".ci/run"):
        assert os.access(PROJECT / name, os.X_OK), name
