"""What the README and docs/ say is what the code does."""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from instrument import docs
from instrument.features import FEATURES
from instrument.params import COMMANDS, PARAMS

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "CREDITS.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
NOT_OURS = {".git", ".venv", ".cache", ".pytest_cache", ".ruff_cache", "__pycache__", "out", "runs"}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", docs.FILES)
def test_tables_are_those_of_the_code(name):
    assert docs.fill(read(name)) == read(name), f"{name} is out of date: run `make docs`"


@pytest.mark.parametrize("name", docs.FILES)
def test_filling_twice_changes_nothing(name):
    once = docs.fill(read(name))
    assert docs.fill(once) == once


def test_every_block_stands_somewhere():
    text = "".join(map(read, docs.FILES))
    assert set(docs.BLOCKS) == {match[1] for match in docs.MARK.findall(text)}


def test_an_unknown_block_is_explained():
    with pytest.raises(ValueError, match="nonsense.*parameters"):
        docs.fill("<!-- made by instrument/docs.py: nonsense -->\n<!-- end -->")


@pytest.mark.parametrize("row", PARAMS, ids=lambda row: row.name)
def test_every_parameter_is_documented(row):
    assert f"`{row.address}`" in read("docs/osc.md")
    if not row.name.startswith("mod."):
        assert f"`{row.name}`" in read("README.md")
    if row.cc is not None:
        assert f"| {row.cc} | `{row.name}` |" in read("docs/midi.md")


def test_every_feature_and_command_is_documented():
    page = read("docs/osc.md")
    assert [row.name for row in (*FEATURES, *COMMANDS) if f"`{row.address}`" not in page] == []


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    links = re.findall(r"\]\(([^)#:]*)(#[^):]+)?\)", read(name))
    pages = [((ROOT / name).parent / link if link else ROOT / name, place) for link, place in links]
    assert [page for page, _ in pages if not page.exists()] == []
    assert [(page, place) for page, place in pages if place and place[1:] not in headings(page)] == []


def headings(page):
    """What the headings of a page are called in a link."""
    found = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_no_file_names_the_shared_folder():
    forbidden = [top + "/shared" for top in ("..", "/work")]
    guilty = [str(path) for path in our_files() if any(name in text(path) for name in forbidden)]
    assert guilty == []


def our_files():
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS and not name.endswith(".egg-info")]
        yield from (Path(folder, name) for name in names)


def text(path):
    return path.read_bytes().decode("utf-8", errors="ignore")


# Commands


def commands(name):
    """Every command line of a page, inline or in a block, that starts one of our programs."""
    lines = re.findall(r"`([^`\n]+)`|^    (\S.*)$", read(name), re.MULTILINE)
    lines = [inline or block for inline, block in lines]
    return [line for line in lines if re.match(r"(hearsee|make|ARGS=|py(thon3)? bootstrap\.py|python3? -m instrument)( |$|\")", line)]


def words(line):
    """The program's command and the flags on the line, `make ... ARGS=` unwrapped."""
    flags = re.findall(r"--[a-z][a-z0-9-]*", line)
    plain = re.sub(r'ARGS="[^"]*"', "", line).split()
    command = next((word for word in plain[1:] if not word.startswith("-") and word != "bootstrap.py"), "")
    return plain[0], command, flags


LINES = list(dict.fromkeys((name, line) for name in PAGES for line in commands(name)))


def test_the_readme_has_commands():
    assert len([line for name, line in LINES if name == "README.md"]) >= 8


@pytest.mark.parametrize(("name", "line"), LINES, ids=lambda value: value)
def test_commands_exist(name, line):
    program, command, flags = words(line if not line.startswith("ARGS=") else f"make run {line}")
    if program == "make":
        assert re.search(rf"^{command}:", read("Makefile"), re.MULTILINE)
    if program in ("py", "python3") and "bootstrap.py" in line:
        assert set(command.split("|")) <= {"run", "test", "setup"}
    if program == "hearsee" and command == "":
        return
    if program == "hearsee" or flags:
        known = help_of("perform" if program != "hearsee" else command)
        assert [flag for flag in flags if not re.search(rf"{flag}(?![a-z0-9-])", known)] == []


@cache
def help_of(command):
    """What `hearsee COMMAND --help` prints."""
    done = subprocess.run([sys.executable, "-m", "instrument", command, "--help"], cwd=ROOT,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"hearsee {command} --help: {done.stderr[-300:]}"
    return done.stdout
