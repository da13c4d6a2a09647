"""Files get their names on Windows too, where what a virus scanner looks at cannot be renamed for a moment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from instrument import files
from instrument.files import PAUSES, put, sole, write_whole


@pytest.fixture
def scanner(monkeypatch):
    """Windows, with a scanner that has the file open for the next `looks` tries."""
    real = os.replace

    class Scanner:
        looks, waited = 0, 0.0

        def replace(self, source, target):
            if self.looks:
                self.looks -= 1
                raise PermissionError(13, "in use", str(source))
            real(source, target)

        def sleep(self, seconds):
            self.waited += seconds

    scanner = Scanner()
    monkeypatch.setattr(files.sys, "platform", "win32")
    monkeypatch.setattr(files.os, "replace", scanner.replace)
    monkeypatch.setattr(files.time, "sleep", scanner.sleep)
    return scanner


def test_a_file_that_is_looked_at_for_a_moment_gets_its_name(scanner, tmp_path):
    (tmp_path / "a.toml").write_text("old")
    scanner.looks = 2
    write_whole(tmp_path / "a.toml", "new")
    assert (tmp_path / "a.toml").read_text() == "new" and os.listdir(tmp_path) == ["a.toml"]


def test_one_that_stays_in_use_is_an_error_soon_and_the_old_one_stays(scanner, tmp_path):
    (tmp_path / "a.toml").write_text("old")
    scanner.looks = 99
    with pytest.raises(PermissionError):
        write_whole(tmp_path / "a.toml", "new")
    assert (tmp_path / "a.toml").read_text() == "old" and os.listdir(tmp_path) == ["a.toml"]
    assert 0 < scanner.waited <= sum(PAUSES) + 1e-9 and scanner.waited < 1


def test_elsewhere_nobody_waits(scanner, monkeypatch, tmp_path):
    monkeypatch.setattr(files.sys, "platform", "linux")
    (tmp_path / "a").write_text("a")
    scanner.looks = 1
    with pytest.raises(PermissionError):
        put(tmp_path / "a", tmp_path / "b")
    assert scanner.waited == 0


HOLD = """
import sys, time
from instrument.files import sole
with sole(sys.argv[1]):
    print("mine", flush=True)
    time.sleep(60)
"""


def test_a_folder_is_for_one_process_until_it_ends_or_dies(tmp_path):
    with sole(tmp_path / "run"):
        with pytest.raises(ValueError, match="run: another process is at work there; wait for its end, or choose") as caught, \
                sole(tmp_path / "run"):
            pass
        assert "\n" not in str(caught.value)
    assert list((tmp_path / "run").iterdir()) == []
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True,
                             cwd=Path(__file__).parents[1])
    assert other.stdout.readline() == "mine\n"
    with pytest.raises(ValueError, match="another process"), sole(tmp_path / "run"):
        pass
    other.kill()
    other.communicate()
    with sole(tmp_path / "run"):  # nobody has tidied up
        pass
    assert list((tmp_path / "run").iterdir()) == []
