"""Presets: a look as a TOML file. Read whole or not at all, saved atomically, recalled by name or number, glided to.

A file says what it wants to say; recalling it puts the rest of the look back to its default, but for the seed, which starts
another dream. What is saved names all of the look, so that it stays what it is when a default changes.
What belongs to the room or the machine (`hear.`, `show.`, size and rate of the dream) stays as it is
unless the file names it, and is not saved.
"""

import math
import re
import time
import tomllib
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import count
from pathlib import Path

from .features import in_ascii
from .files import ROOT, held, part_of, write_whole
from .params import BY_NAME, PARAMS, SLOTS, SWITCH, found

LOOK = tuple(row for row in PARAMS
             if row.group in ("dream", "zoom", "post", "mod") and row.name not in ("dream.size", "dream.rate"))


# Of these what a file does not name is at its default. Its seed it need not name: another one is a dream that begins anew.
_PLAIN = {row.name: row.default for row in LOOK if row.name != "dream.seed"}
OWN, LAST = Path(".hearsee") / "presets", Path(".hearsee") / "last.toml"  # in the home folder
PATIENCE = 0.5  # s that a preset waits until another show has saved one; a recall may wait for it
OLD = 60.0  # s; nothing takes so long to be written
LONGEST = 60  # letters of a file name
NUMBERED = re.compile(r"look \d+")  # a title that S wrote when none was shown: the file may well have another name by now


@dataclass(frozen=True)
class Preset:
    """A preset as read from `path`."""

    path: Path
    title: str
    note: str
    values: dict = field(hash=False)  # {name: value}: all rows of the look (the seed if named), and whatever else the file names


def read(path):
    """The preset in a file. ValueError or OSError in one line, nothing half-read."""
    path = Path(path)
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows may begin a text with a mark
        title, note = _title(tree.pop("title", "")) or label(path), tree.pop("note", "")
        rows = list(_flat(tree))
    except FileNotFoundError:
        raise FileNotFoundError(f"no preset file {path}") from None
    except (ValueError, RecursionError) as error:  # TOML syntax or encoding; tables in tables in tables
        raise ValueError(f"{path}: not a TOML file: {error}") from None
    try:
        named = dict(_parsed(name, value) for name, value in rows)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Preset(path, title, str(note), {**_PLAIN, **named})


def _title(written):
    """A title as it is shown, on one line; "" where nobody gave one."""
    title = " ".join(str(written).split())
    return "" if NUMBERED.fullmatch(title) else title


def _titled(path):
    """The title of the preset in a file, or where that cannot be read the file's name."""
    try:
        return read(path).title
    except (ValueError, OSError):
        return label(path)


def _fault(path):
    try:
        read(path)
    except (ValueError, OSError) as error:
        return str(error)
    return ""


def _flat(tree, prefix=""):
    """(name, value) of nested tables: {"mod": {"1": {"depth": 0}}} -> ("mod.1.depth", 0)."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _parsed(name, value):
    row = found(name)
    if isinstance(value, bool):
        value = SWITCH[value] if row.labels == SWITCH else str(value).lower()
    return row.name, float(row.parse(value))


def save(path, values, title="", note=""):
    """Write the look among `values` to `path`, atomically; what was there before is replaced."""
    import tomlkit

    document = tomlkit.document()
    for key, text in (("title", title), ("note", note)):
        if text:
            document[key] = text
    for row in LOOK:
        value = row.clamp(values.get(row.name, row.default))
        if value != row.default or row.name in _PLAIN:
            _place(document, row.name.split("."), _plain(row, value))
    write_whole(path, tomlkit.dumps(document))


def _place(table, keys, value):
    import tomlkit

    for key in keys[:-1]:
        if key not in table:
            table[key] = tomlkit.table()
        table = table[key]
    table[keys[-1]] = value


def _plain(row, value):
    """A value as a person writes it: a label, a whole number or a number."""
    if row.labels:
        return row.text(value)
    return int(value) if row.curve == "step" else value


def label(path):
    """"12-red-tunnel.toml" -> "red tunnel". Always text: a file's name may be bytes of another encoding."""
    name = re.sub(r"^\d+[-_ ]", "", Path(path).stem).replace("-", " ")
    return name.encode("utf-8", "replace").decode()


class Bank:
    """The presets of several folders, the user's last,
    counted from 1 in the order of the numbers that file names begin with.

    Of the same number the user's comes first: a file that begins with 01 is on the first key.
    `last`: the file with the look as it last was, "last" where no preset has that name; None: there is none.
    """

    def __init__(self, folders, last=None):
        self.last = last
        self._titles = {}  # path -> (when it was saved, title)
        folders = {Path(folder).resolve(): Path(folder) for folder in reversed(folders)}  # one given twice is the user's
        self.folders = list(folders.values())[::-1]

    def paths(self):
        return sorted((path for folder in self.folders[::-1] for path in sorted(_files(folder))), key=_order)

    def names(self):
        """Names in the order of their numbers, without the number in the file name."""
        return [label(path) for path in self.paths()]

    def title(self, path):
        """What a preset is called on stage: by its title or, where another has that for title or name, by its file's name."""
        title, name = self._title(path), label(path)
        others = {_slug(text) for other in self.paths() if other != path for text in (self._title(other), label(other))}
        return name if _slug(title) in others and _slug(name) else title

    def _title(self, path):
        """Its title; a file is read once, until it is saved again."""
        try:
            saved = path.stat().st_mtime_ns
        except OSError:
            return label(path)
        if self._titles.get(path, (None,))[0] != saved:
            self._titles[path] = saved, _titled(path)
        return self._titles[path][1]

    def find(self, key):
        """Path of a preset by number (from 1), or by name or title, which may be a number that none has; ValueError says what there
        is. What no file is called may be a title: only then the files are read."""
        number = _number(key)
        named = number is None or number > len(self.paths()) and self.called(str(key))
        return self._named(str(key)) if named else self._numbered(number)

    def load(self, key):
        """The preset of a number or name."""
        return read(self.find(key))

    def faults(self):
        """{path: what is wrong with it, in one line} of the presets that cannot be recalled."""
        return {path: fault for path in self.paths() if (fault := _fault(path))}

    def number(self, path):
        """Number of a preset, 0 if it is not in the bank."""
        paths = self.paths()
        return paths.index(path) + 1 if path in paths else 0

    def beside(self, path, step):
        """Path of the preset `step` places on, wrapping round; before any was recalled, the first or last."""
        paths = self.paths()
        if not paths:
            raise ValueError(f"no presets in {self._where()}")
        start = self.number(path) - 1 if path in paths else (-1 if step > 0 else 0)
        return paths[(start + step) % len(paths)]

    def save(self, values, name=""):
        """Save as a new file of the user's folder under a free number and name; the path. Nothing is overwritten.

        Of two shows that save into one folder at once the second waits for the first. OSError in one line where it cannot be
        written.
        """
        folder = self.folders[-1]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with held(folder / ".saving", PATIENCE):
                return self._save(folder, values, name)
        except OSError as error:
            raise OSError(f"{folder}: preset not saved ({error.strerror or error}); choose a folder that can be written by "
                          "--presets") from None

    def _save(self, folder, values, name):
        _clear_parts(folder)
        path, title = self._claimed(folder, name)
        save(path, values, title)
        return path

    def _claimed(self, folder, name):
        """(a path that no file has, its title), of which the part is made: on a disk without locks another show may take the same
        name a moment before, and nobody is to see a preset that is not filled yet."""
        used = [number for number in map(_order, self.paths()) if number < math.inf]
        for number in count(max(used, default=0) + 1):
            plain = _slug(name) or f"look-{number}"
            again = self._again(plain)
            path = folder / f"{number:02d}-{plain}{again.replace(' ', '-')}.toml"
            with suppress(FileExistsError):
                open(part_of(path), "x").close()
                if not path.exists():
                    return path, name and name + again
                part_of(path).unlink()

    def _again(self, name):
        """What makes a file's name one that no other has: "" or " 2", " 3" and so on."""
        taken = {_slug(other) for other in self.names()}
        tries = ["", *(f" {count}" for count in range(2, len(taken) + 3))]
        return next(again for again in tries if name + again.replace(" ", "-") not in taken)

    def _numbered(self, number):
        paths = self.paths()
        if not 1 <= number <= len(paths):
            there = f"there are 1 to {len(paths)}" if paths else f"no presets in {self._where()}"
            raise ValueError(f"no preset {number}: {there}")
        return paths[number - 1]

    def _named(self, name):
        if path := self.called(name):
            return path
        names = [_slug(known) for known in self.names()]
        near = get_close_matches(_slug(name), names, 3, 0.5)
        cure = f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(names) or 'none'}"
        raise ValueError(f"no preset {name!r} in {self._where()}: {cure}")

    def called(self, name):
        """Path of the preset of a name, else the look as it last was, else the preset of a title; or None."""
        paths = [path for folder in self.folders for path in sorted(sorted(_files(folder)), key=_order)[::-1]]
        for texts in ((label, _stem), (self._title,)):
            named = [(text(path), path) for text in texts for path in paths]  # of one name the user's own, and of those the first
            for spell in (_as_typed, _slug):
                if spell(name) and (path := {spell(text): path for text, path in named}.get(spell(name))):
                    return path
            if self.last and _slug(name) == LAST.stem and self.last.exists():
                return self.last
        return None

    def lacks_last(self, name):
        """Whether a name is that of the look as it last was, and none has been kept yet."""
        return bool(self.last) and _slug(name) == LAST.stem and not self.called(name)

    def _where(self):
        return ", ".join(map(str, self.folders))


def open_bank(folder=None, new=False):
    """The shipped presets and the player's own: in `folder`, or in .hearsee/presets of the home folder.

    OSError in one line where `folder` is none; a `new` one need not be there: the first preset that is saved makes it.
    """
    own = Path(folder) if folder else Path.home() / OWN
    # A drive of Windows that is not plugged in has nothing that exists.
    there = next((path for path in (own, *own.absolute().parents) if path.exists()), None)
    if folder and not (there and there.is_dir() and (new or there == own)):
        raise OSError(f"--presets {folder}: {'not a' if there == own else 'no such'} folder; give one of preset files "
                      "(*.toml), such as `hearsee perform` makes when you press S")
    return Bank([ROOT / "presets", own], Path.home() / LAST)


def _clear_parts(folder):
    """Away with what crashes have left half written, which would keep its number."""
    for part in folder.glob("*.toml.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > OLD:
                part.unlink()


def _files(folder):
    """The preset files of a folder; none of one that is not there or may not be read."""
    try:
        return [path for path in folder.glob("*.toml") if not path.name.startswith(".")]  # macOS leaves such beside each file
    except OSError:
        return []


def _stem(path):
    return path.stem


def _order(path):
    """By number, so that 13 comes before 100; what has none comes last."""
    number = re.match(r"\d+", path.name)
    return int(number[0]) if number else math.inf


def _number(key):
    """A preset number from 3, 3.0 or "3"; None for a name."""
    try:
        number = float(key)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else None


def _slug(name):
    """A name as a file name: lower-case ASCII letters and digits, joined by "-", at most LONGEST of them; letters of other
    scripts by their number."""
    return re.sub(r"[^a-z0-9]+", "-", in_ascii(str(name)).lower())[:LONGEST].strip("-")


def _as_typed(name):
    """A name without regard to case and to how its accents are stored."""
    return unicodedata.normalize("NFC", str(name)).casefold()


def morph(start, end, share):
    """The values of `end`'s rows between start (share 0) and end (1): straight in knob position, circles the shorter way
    round, steps at half. A modulation that is led elsewhere fades out until then, and in from there."""
    return _morph(start, end, share, _led_elsewhere(start, end))


def _morph(start, end, share, faded):
    return {name: (_faded if name in faded else _between)(BY_NAME[name], start.get(name, value), value, share)
            for name, value in end.items()}


def _led_elsewhere(start, end):
    """The depths of the slots whose source or target is another one at the end."""
    changed = {name for name, value in end.items() if start.get(name, value) != value}
    return {f"{slot}.depth" for slot in SLOTS if not changed.isdisjoint((f"{slot}.source", f"{slot}.target"))}


def _between(row, start, end, share):
    if start == end or share >= 1:
        return end
    if share <= 0 or row.curve == "step":
        return start if share < 0.5 else end
    first, last = row.position(start), row.position(end)
    if row.curve == "circle":
        return row.at((first + ((last - first + 0.5) % 1 - 0.5) * share) % 1)
    return row.at(first + (last - first) * share)


def _faded(row, start, end, share):
    share = min(max(share, 0.0), 1.0)
    return row.clamp(start * (1 - 2 * share) if share < 0.5 else end * (2 * share - 1))


class Glide:
    """A morph on its way. A row that somebody else moves meanwhile is theirs."""

    def __init__(self, start, end, began, seconds):
        self._faded = _led_elsewhere(start, end)
        moving = [name for name, value in end.items() if start[name] != value or value and name in self._faded]
        self._start = {name: start[name] for name in moving}
        self._end = {name: end[name] for name in moving}
        self._given = dict(self._start)
        self._began, self._seconds = began, seconds

    def leave(self, names):
        """These rows are somebody else's from now on."""
        self._end = {name: end for name, end in self._end.items() if name not in names}

    def step(self, now, values):
        """The edits of this frame, given the values of the last: {name: value}."""
        self._end = {name: end for name, end in self._end.items() if values[name] == self._given[name]}
        self._given = _morph(self._start, self._end, self.share(now), self._faded)
        return self._given

    @property
    def end(self):
        """Where it leads: {name: value} of the rows that it still moves."""
        return dict(self._end)

    def share(self, now):
        return min(1.0, (now - self._began) / self._seconds) if self._seconds > 0 else 1.0

    def done(self, now):
        return self.share(now) >= 1.0 or not self._end
