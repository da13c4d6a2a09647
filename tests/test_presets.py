"""Presets: files there and back, whole or not at all, banks, and gliding."""

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import permutations
from pathlib import Path

import pytest
from helpers import full_disk

from instrument import files
from instrument.modulation import modulate
from instrument.params import BY_NAME, DEFAULTS, MODES, OLD_NAMES, PARAMS, TARGETS
from instrument.presets import LOOK, Bank, Glide, label, morph, open_bank, read, save

SHIPPED = Path(__file__).parent.parent / "presets"


def chance(seed):
    """Values anywhere in their ranges."""
    draw = random.Random(seed)
    return {row.name: row.at(draw.random()) for row in PARAMS}


def look(values):
    return {row.name: values[row.name] for row in LOOK}


@pytest.mark.parametrize("values", [DEFAULTS, *map(chance, range(8))], ids=range(9))
def test_what_is_saved_is_what_is_loaded(tmp_path, values):
    save(tmp_path / "a.toml", values)
    loaded = read(tmp_path / "a.toml").values
    assert loaded == {name: value for name, value in look(values).items() if name in loaded}
    assert set(look(values)) - set(loaded) <= {"dream.seed"}


@pytest.mark.parametrize("row", LOOK, ids=lambda row: row.name)
def test_every_row_survives_at_both_ends(tmp_path, row):
    for value in (row.lo, row.hi):
        save(tmp_path / "a.toml", {**DEFAULTS, row.name: value})
        assert read(tmp_path / "a.toml").values.get(row.name, row.default) == value


def test_a_saved_look_stays_what_it_is_when_a_default_changes(tmp_path, monkeypatch):
    save(tmp_path / "a.toml", DEFAULTS)
    before = read(tmp_path / "a.toml").values
    monkeypatch.setattr("instrument.presets._PLAIN", {name: BY_NAME[name].hi for name in before})
    assert read(tmp_path / "a.toml").values == before


def test_what_cannot_be_recalled_is_known_before_it_is_called_for(tmp_path):
    for name, text in (("01-good", "[dream]\noctaves = 3"), ("02-far", "[dream]\noctaves = 77"), ("03-torn", "[dream"),
                       ("04-deep", "a." * 1500 + "a = 1")):
        (tmp_path / f"{name}.toml").write_text(text)
    faults = Bank([SHIPPED, tmp_path]).faults()
    assert [path.stem for path in faults] == ["02-far", "03-torn", "04-deep"]
    assert "legal is 1 to 6" in faults[tmp_path / "02-far.toml"] and "not a TOML file" in faults[tmp_path / "03-torn.toml"]


def test_labels_are_words_and_the_room_is_no_part_of_a_look(tmp_path):
    save(tmp_path / "02-my-look.toml", {**DEFAULTS, "zoom.mode": MODES.index("spiral"), "hear.gain": 12.0})
    text = (tmp_path / "02-my-look.toml").read_text()
    assert "title" not in text and '[zoom]\n' in text and 'mode = "spiral"\n' in text
    assert "gain" not in text and "seed" not in text


def test_title_and_note_are_kept(tmp_path):
    save(tmp_path / "a.toml", DEFAULTS, "Red", "for the encore")
    assert (read(tmp_path / "a.toml").title, read(tmp_path / "a.toml").note) == ("Red", "for the encore")


def test_what_has_no_title_is_called_as_its_file_is_wherever_that_is_moved(tmp_path):
    path = Bank([tmp_path]).save(DEFAULTS)
    assert read(path).title == "look 1"
    assert read(path.rename(tmp_path / "01-opener.toml")).title == "opener"
    for written in ("look 13", "", " "):  # the first is what S wrote once
        (tmp_path / "02-encore.toml").write_text(f'title = "{written}"\n')
        assert read(tmp_path / "02-encore.toml").title == "encore"


def test_a_title_is_one_line(tmp_path):
    (tmp_path / "a.toml").write_text('title = """Opener:\n  the sea"""\n')
    assert read(tmp_path / "a.toml").title == "Opener: the sea"


@pytest.mark.parametrize("name", ["12-red-tunnel", "12_red tunnel", "12 red-tunnel", "red-tunnel"])
def test_the_number_in_a_file_name_is_no_part_of_its_name(name):
    assert label(f"{name}.toml") == "red tunnel"


def test_the_room_and_the_machine_stay_unless_named(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("")
    assert not {"hear.gain", "show.blackout", "dream.size"} & set(read(path).values)
    path.write_text("[hear]\ngain = 6\n")
    assert read(path).values["hear.gain"] == 6


def test_flat_names_tables_labels_numbers_and_switches(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('"zoom.mode" = "spiral"\n"post.mirror" = 4\n[hear]\nhold = true\n[mod.5]\nsource = "low"\n')
    values = read(path).values
    assert values["zoom.mode"] == MODES.index("spiral")
    assert (values["post.mirror"], values["hear.hold"], values["mod.5.source"]) == (4, 1, 2)


def test_a_dream_goes_on_through_a_recall_unless_the_look_names_a_seed(tmp_path):
    save(tmp_path / "one.toml", {**DEFAULTS, "dream.seed": 7.0})
    save(tmp_path / "any.toml", DEFAULTS)
    assert read(tmp_path / "one.toml").values["dream.seed"] == 7.0 and "dream.seed" not in read(tmp_path / "any.toml").values


def test_old_names_are_read(tmp_path, monkeypatch):
    monkeypatch.setitem(OLD_NAMES, "post.colour", "post.hue")
    (tmp_path / "a.toml").write_text("[post]\ncolour = 30\n")
    assert read(tmp_path / "a.toml").values["post.hue"] == 30


@pytest.mark.parametrize("text, said", [
    ("[post]\nhoe = 1\n", "did you mean 'post.hue'?"),
    ("[post]\nhue = 500\n", "-180 to 180 deg"),
    ("[post]\nhue = nan\n", "finite"),
    ("[post]\nhue = [1]\n", "not a number"),
    ("[post]\nhue = true\n", "not a number"),
    ("[post]\nhue = 1979-05-27\n", "not a number"),
    ('[zoom]\nmode = "spirl"\n', "spiral"),
    ("[post\n", "not a TOML file"),
    ("[post]\nhue = 1\nhue = 2\n", "not a TOML file"),
    ("[[post]]\nhue = 1\n", "'post'"),
])
def test_a_wrong_file_is_explained_in_one_line(tmp_path, text, said):
    path = tmp_path / "odd.toml"
    path.write_text("[dream]\noctaves = 5\n" + text)
    with pytest.raises(ValueError) as error:
        read(path).values
    assert said in str(error.value) and "odd.toml" in str(error.value) and "\n" not in str(error.value)


def test_bytes_that_are_no_text_and_a_missing_file(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="a.toml"):
        read(tmp_path / "a.toml").values
    with pytest.raises(OSError, match="no preset file"):
        read(tmp_path / "b.toml").values


def test_an_error_midway_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.toml"
    save(path, chance(1))
    monkeypatch.setattr(files.os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save(path, chance(2))
    assert read(path).values == look(chance(1))
    assert os.listdir(tmp_path) == ["a.toml"]


# Banks

@pytest.fixture
def bank(tmp_path):
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    for number, name in enumerate(("red", "green tea", "blue"), 1):
        save(shipped / f"0{number}-{name.replace(' ', '-')}.toml", chance(number))
    return Bank([shipped, own])


def test_recall_by_number_and_name(bank):
    assert bank.names() == ["red", "green tea", "blue"]
    for key in (2, 2.0, "2", "green tea", "Green-Tea", "02-green-tea"):
        assert bank.find(key).stem == "02-green-tea"
    assert bank.load(2).values == look(chance(2))


def test_a_name_may_be_a_number_that_no_preset_has(bank):
    path = bank.save(chance(4), "808")
    assert bank.find("808") == bank.find(808) == bank.find(4) == path
    bank.save(chance(5), "6"), bank.save(chance(6), "seven")
    assert bank.find(6).stem == "06-seven"  # a number that one has is that one


@pytest.mark.parametrize("key, said", [(0, "1 to 3"), (4, "1 to 3"), (-1, "1 to 3"), ("geen tea", "green-tea"),
                                       ("xyzzy", "red, green-tea, blue"), (None, "red"), (float("inf"), "red")])
def test_what_is_not_there_is_explained_in_one_line(bank, key, said):
    with pytest.raises(ValueError) as error:
        bank.find(key)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_saving_never_overwrites(bank):
    paths = [bank.save(chance(9), "Red"), bank.save(chance(8), "red"), bank.save(chance(7)), bank.save(chance(7))]
    assert [path.name for path in paths] == ["04-red-2.toml", "05-red-3.toml", "06-look-6.toml", "07-look-7.toml"]
    assert len(set(bank.paths())) == 7
    assert bank.load("red").values == look(chance(1))
    assert bank.number(paths[0]) == 4


def test_shows_that_save_into_one_folder_at_once_take_neither_number_nor_name_of_each_other(bank):
    banks = [bank, Bank(bank.folders)]
    with ThreadPoolExecutor(2) as shows:
        saved = [path for paths in shows.map(lambda each: [each.save(chance(1), "look") for _ in range(12)], banks) for path in paths]
    numbers, names = zip(*(path.stem.split("-", 1) for path in saved))
    assert len(set(numbers)) == len(set(names)) == 24 == len({read(path).title for path in saved})
    assert not list(bank.folders[-1].glob(".*"))


def test_on_a_disk_without_locks_no_show_overwrites_what_another_saves_meanwhile(bank, monkeypatch):
    """The other one saves after this one has chosen its number and name."""
    monkeypatch.setattr("instrument.presets.held", lambda *_: nullcontext(True))
    other, chosen, paths = Bank(bank.folders), bank._again, []

    def again(name):
        found = chosen(name)
        if not paths:
            paths.append(other.save({**DEFAULTS, "post.hue": 7.0}, "look"))
        return found

    bank._again = again
    mine = bank.save({**DEFAULTS, "post.hue": 8.0}, "look")
    assert read(paths[0]).values["post.hue"] == 7.0 and read(mine).values["post.hue"] == 8.0
    assert [path.name for path in (*paths, mine)] == ["04-look.toml", "05-look-2.toml"]


def test_nobody_sees_a_preset_that_is_not_filled_yet(bank, monkeypatch):
    there, seen = bank.paths(), []
    monkeypatch.setattr("instrument.presets.save", lambda *_: seen.append(bank.paths()))
    bank.save(DEFAULTS, "look")
    assert seen == [there]


def test_a_preset_that_cannot_be_written_leaves_no_file(bank):
    with full_disk(100), pytest.raises(OSError, match="preset not saved"):
        bank.save(chance(1), "look")
    assert not list(bank.folders[-1].iterdir())


def test_what_is_saved_comes_behind_the_highest_number(bank):
    save(bank.folders[-1] / "40-late.toml", chance(1))
    assert bank.save(chance(2), "latest").name == "41-latest.toml"


def test_a_folder_that_is_none_is_said_at_the_start(tmp_path):
    (tmp_path / "file").touch()
    for folder, new, said in (("none", False, "no such folder"), ("file", False, "not a folder"), ("file/none", True, "no such folder")):
        with pytest.raises(OSError, match=said):
            open_bank(tmp_path / folder, new)
    assert open_bank(tmp_path / "none", new=True).folders[-1] == tmp_path / "none"


def test_a_name_cannot_leave_the_folder(bank):
    assert bank.save(chance(1), "../../etc/passwd").parent == bank.folders[-1]


@pytest.mark.parametrize("names", [("bär", "bör"), ("夜", "海"), ("ёлка", "елка"), ("Red", "rot")])
def test_names_of_all_scripts_are_told_apart(tmp_path, names):
    for name in names:
        (tmp_path / f"{name}.toml").write_text(f'title = "{name}"', encoding="utf-8")
    bank = Bank([tmp_path])
    for name in names:
        assert bank.load(name).title == bank.load(name.upper()).title == name
    with pytest.raises(ValueError, match="no preset"):
        bank.find("夜の海")


def test_a_name_of_another_script_is_kept_as_the_title(bank):
    path = bank.save(DEFAULTS, "夜の海")
    assert path.name.isascii() and read(path).title == "夜の海" and bank.find("夜の海") == path


def test_a_title_recalls_its_preset_unless_a_file_has_that_name(tmp_path):
    for stem, title in (("40-a", "Opener: the sea"), ("41-b", "c"), ("42-c", "2026")):
        (tmp_path / f"{stem}.toml").write_text(f'title = "{title}"\n')
    (tmp_path / "43-broken.toml").write_text("[dream")
    bank = Bank([SHIPPED, tmp_path])
    for key, stem in (("Opener: the sea", "40-a"), ("opener the SEA", "40-a"), ("a", "40-a"), ("c", "42-c"), ("2026", "42-c"),
                      ("broken", "43-broken"), ("Kaleidoscope", "02-kaleidoscope")):
        assert bank.find(key).stem == stem
    with pytest.raises(ValueError, match="no preset"):
        bank.find("the river")


def test_of_several_presets_with_one_title_each_is_shown_by_its_file(tmp_path):
    """Such as a copy, or what was saved twice under a name."""
    for stem, title in (("02-kaleidoscope", "Kaleidoscope"), ("20-mine", "Kaleidoscope"), ("30-red", "red"), ("31-red-2", "red"),
                        ("40-sea", "The Sea")):
        (tmp_path / f"{stem}.toml").write_text(f'title = "{title}"\n')
    bank = Bank([tmp_path])
    assert [bank.title(path) for path in bank.paths()] == ["kaleidoscope", "mine", "red", "red 2", "The Sea"]
    (tmp_path / "20-mine.toml").write_text('title = "Mirrors"\n')
    os.utime(tmp_path / "20-mine.toml", (1, 1))
    assert [bank.title(path) for path in bank.paths()][:2] == ["Kaleidoscope", "Mirrors"]


def test_what_a_crash_has_left_half_written_keeps_no_number(bank):
    for age, left in ((0, True), (3600, False)):
        part = bank.folders[-1] / "04-look.toml.part"
        bank.folders[-1].mkdir(exist_ok=True)
        part.touch()
        os.utime(part, (time.time() - age,) * 2)
        path = bank.save(DEFAULTS, "look")
        assert part.exists() == left and path.name.startswith("05" if left else "04")
        path.unlink()


def test_what_is_saved_under_a_name_in_use_has_its_number_in_the_title_too(bank):
    assert [read(bank.save(DEFAULTS, "夜 の海")).title for _ in range(3)] == ["夜 の海", "夜 の海 2", "夜 の海 3"]
    assert bank.find("夜 の海 2") == bank.paths()[4]


def test_a_folder_given_twice_is_one(tmp_path):
    (tmp_path / "1-one.toml").write_text("")
    (tmp_path / "2-two.toml").write_text("")
    bank = Bank([tmp_path, tmp_path / ".." / tmp_path.name])
    assert bank.names() == ["one", "two"] and bank.beside(bank.find("one"), 1) == bank.find("two")


def test_what_other_systems_put_into_files_and_beside_them_is_passed_over(tmp_path):
    (tmp_path / "01-red.toml").write_text("[post]\nhue = 20.0", encoding="utf-8-sig")
    (tmp_path / "._01-red.toml").write_bytes(b"\0\5\x16\7")
    bank = Bank([tmp_path])
    assert bank.names() == ["red"] and bank.load("01-red").values["post.hue"] == 20.0


def test_stepping_through_wraps(bank):
    first, last = bank.find(1), bank.find(3)
    assert bank.beside(last, 1) == first and bank.beside(first, -1) == last
    assert bank.beside(None, 1) == first and bank.beside(None, -1) == last


def test_an_empty_bank_says_where_it_looked(tmp_path):
    for ask in (lambda bank: bank.find(1), lambda bank: bank.find("x"), lambda bank: bank.beside(None, 1)):
        with pytest.raises(ValueError, match="nowhere"):
            ask(Bank([tmp_path / "nowhere"]))


# Gliding

@pytest.mark.parametrize("row", PARAMS, ids=lambda row: row.name)
def test_a_morph_has_its_ends_and_its_middle(row):
    start, end = {row.name: row.lo}, {row.name: row.hi}
    assert morph(start, end, 0) == start and morph(start, end, 1) == end
    middle = morph(start, end, 0.5)[row.name]
    assert middle == {"step": row.hi, "circle": row.lo}.get(row.curve, row.at(0.5))  # a circle's ends are the same
    assert all(row.lo <= morph(start, end, share / 7)[row.name] <= row.hi for share in range(-2, 10))


def test_a_glide_ends_exactly_and_leaves_alone_what_a_hand_takes():
    values, end = dict(DEFAULTS), look(chance(3))
    glide = Glide(values, end, 10.0, 2.0)
    for now in (10.0, 10.5, 11.0):
        values |= glide.step(now, values)
    assert not glide.done(11.0)
    values["post.hue"] = 12.5
    for now in (11.5, 12.0):
        values |= glide.step(now, values)
    assert glide.done(12.0)
    assert look(values) == {**end, "post.hue": 12.5}


def test_a_hand_that_says_what_is_there_already_keeps_it():
    glide = Glide(DEFAULTS, DEFAULTS | {"post.gamma": 2.0, "post.bloom": 0.9}, 0.0, 1.0)
    glide.leave({"post.gamma"})
    assert glide.step(1.0, DEFAULTS) == {"post.bloom": 0.9} and glide.end == {"post.bloom": 0.9}


def test_a_glide_of_which_hands_have_taken_all_is_over():
    glide = Glide(DEFAULTS, DEFAULTS | {"post.gamma": 2.0}, 0.0, 60.0)
    assert not glide.done(1.0)
    glide.leave({"post.gamma"})
    assert glide.done(1.0)


def test_a_circle_is_gone_round_the_shorter_way():
    way = [morph({"post.hue": 170.0}, {"post.hue": -170.0}, share)["post.hue"] for share in (0.0, 0.25, 0.75, 1.0)]
    assert way == pytest.approx([170.0, 175.0, -175.0, -170.0])


def test_a_modulation_that_is_led_elsewhere_fades_out_and_in_and_jumps_nowhere():
    heard = {"audio.level": 0.6, "audio.low": 0.6, "audio.high": 0.6, "audio.pulse": 0.6, "top.prob": 0.8, "clock.beats": 2.3}
    looks = [read(path).values for path in sorted(SHIPPED.glob("*.toml"))]
    for start, end in permutations(looks, 2):
        before, after = (modulate({**DEFAULTS, **start, **morph(start, end, 0.5 + aside)}, heard) for aside in (-1e-4, 1e-4))
        apart = {name: abs(BY_NAME[name].position(after[name]) - BY_NAME[name].position(before[name])) for name in TARGETS}
        assert not {name: far for name, far in apart.items() if 0.01 < far < 0.99}  # a circle's ends are the same


def test_a_glide_whose_modulation_a_hand_takes_goes_on_where_it_is():
    values, end = dict(DEFAULTS), DEFAULTS | {"mod.1.target": float(TARGETS.index("post.hue"))}
    glide, depth = Glide(values, end, 0.0, 1.0), DEFAULTS["mod.1.depth"]
    values |= glide.step(0.25, values)
    assert values["mod.1.depth"] == pytest.approx(depth / 2)
    values["mod.1.target"] = float(TARGETS.index("post.gamma"))
    values |= glide.step(0.26, values)
    assert values["mod.1.depth"] == pytest.approx(depth * 0.48)
    values |= glide.step(1.0, values)
    assert values["mod.1.depth"] == depth


def test_a_glide_of_no_time_is_a_cut():
    values = dict(DEFAULTS)
    glide = Glide(values, look(chance(3)), 1.0, 0.0)
    assert {**values, **glide.step(1.0, values)} == {**values, **look(chance(3))}
    assert glide.done(1.0)


# The presets that ship

def test_at_least_ten_ship_and_all_are_read():
    bank = Bank([SHIPPED])
    assert len(bank.paths()) >= 10
    assert [bank.number(path) for path in bank.paths()] == list(range(1, len(bank.paths()) + 1))
    for path in bank.paths():
        assert read(path).note


def test_shipped_files_say_only_what_differs():
    import tomllib

    for path in SHIPPED.glob("*.toml"):
        values = read(path).values
        named = {f"{group}.{row}" for group, rows in tomllib.loads(path.read_text()).items()
                 if isinstance(rows, dict) and group != "mod" for row in rows}
        assert not {name for name in named if values[name] == DEFAULTS[name]}, path.name


def test_shipped_looks_differ_in_many_rows():
    looks = [read(path).values for path in sorted(SHIPPED.glob("*.toml"))]
    for one in looks:
        for other in looks:
            differing = [name for name in one if one[name] != other[name] and BY_NAME[name].group != "mod"]
            assert one is other or len(differing) >= 4


def test_a_player_puts_looks_on_the_first_keys_by_their_numbers(bank):
    """What is saved comes last; a file renamed to begin with 02 stands before the shipped second one."""
    path = bank.save(chance(9), "mine")
    assert bank.names()[-1] == "mine"
    path.rename(path.with_name("02-mine.toml"))
    assert bank.names() == ["red", "mine", "green tea", "blue"] and bank.find(2).name == "02-mine.toml"


@pytest.mark.parametrize("number", ["01", "02", "09"])
def test_of_one_name_the_players_own_is_meant_wherever_it_stands(bank, number):
    save(bank.folders[-1] / f"{number}-green-tea.toml", chance(7))
    assert bank.load("green tea").values == look(chance(7)) == bank.load(f"{number}-green-tea").values
    save(bank.folders[-1] / "10-green-tea.toml", chance(8))
    assert bank.load("green tea").values == look(chance(7))  # of one's own the first



def test_presets_are_in_the_order_of_their_numbers(tmp_path):
    for name in ("100-late", "13-early", "2-first", "unnumbered"):
        save(tmp_path / f"{name}.toml", DEFAULTS)
    assert Bank([tmp_path]).names() == ["first", "early", "late", "unnumbered"]


def test_the_longest_name_is_a_file_all_the_same(tmp_path):
    path = Bank([tmp_path]).save(DEFAULTS, "x" * 300)
    assert path.exists() and len(path.stem) <= 64


@pytest.mark.parametrize("text", ("[zoom]\nspeed = 1" + "0" * 400, "a = " + "[" * 5000 + "]" * 5000), ids=("digits", "brackets"))
def test_an_absurd_file_is_refused_in_one_line(tmp_path, text):
    (tmp_path / "1-odd.toml").write_text(text)
    with pytest.raises(ValueError) as refused:
        read(tmp_path / "1-odd.toml")
    assert "1-odd.toml" in str(refused.value) and "\n" not in str(refused.value) and len(str(refused.value)) < 300


def test_a_file_name_of_another_encoding_has_a_name_that_can_be_shown(tmp_path):
    path = os.fsencode(tmp_path) + b"/1-caf\xe9.toml"
    try:
        with open(path, "w") as file:
            file.write("[zoom]\nspeed = 1.0\n")
    except OSError:
        pytest.skip("this file system takes no such name")
    bank = Bank([tmp_path])
    assert bank.names()[0].encode() and bank.load(1).title.encode()


def test_a_folder_that_may_not_be_read_has_no_presets(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError("not yours")

    monkeypatch.setattr(Path, "glob", refuse)
    assert Bank([tmp_path]).names() == []


def test_where_nothing_can_be_saved_that_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"file.*preset not saved \(.*; choose a folder that can be written"):
        Bank([tmp_path / "file"]).save(DEFAULTS)


@pytest.mark.parametrize("name", ["dream.step", "dream.rate", "post.gamma", "post.contrast"])
def test_a_morph_ends_at_the_very_values(name):
    row = BY_NAME[name]
    for step in range(98):
        value = row.lo + step / 97 * (row.hi - row.lo)
        assert morph({name: row.lo}, {name: value}, 1.0) == {name: value}
