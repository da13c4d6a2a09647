"""The show's own parts: what is heard, presets in play, the news that is printed."""

from contextlib import ExitStack

import pytest

from instrument.clock import Clock
from instrument.control import Control
from instrument.deck import Deck
from instrument.heard import Heard
from instrument.lastlook import hindrance
from instrument.params import DEFAULTS
from instrument.presets import Bank, read, save

DOG = {"class.dog": 0.9, "class.horn": 0.1, "known": 1.0, "top.name": "dog", "top.prob": 0.9}
HORN = {"class.dog": 0.1, "class.horn": 0.9, "known": 1.0, "top.name": "horn", "top.prob": 0.9}
SILENCE = {**DOG, "known": 0.0}


def hear(heard, features, seconds, hold=False):
    for _ in range(int(seconds * 30)):
        heard.update(features, 1 / 30, hold)


def test_the_dream_follows_what_is_heard():
    heard = Heard()
    hear(heard, DOG, 2)
    assert heard.weights["dog"] == pytest.approx(0.9, abs=0.01)
    hear(heard, HORN, 2)
    assert heard.weights["horn"] > 0.85 and heard.weights["dog"] < 0.15


def test_classes_keep_their_order_in_every_process():
    names = [f"class.{name}" for name in "jackhammer dog horn siren drill bell rain wind saw cat".split()]
    heard = Heard()
    hear(heard, {"known": 1.0, **{name: 0.1 for name in names}}, 0.2)
    assert [f"class.{name}" for name in heard.weights] == names


def test_a_dream_outlives_its_sound_but_not_for_ever():
    heard = Heard()
    hear(heard, DOG, 2)
    hear(heard, SILENCE, 5)
    assert heard.weights["dog"] > 0.5
    hear(heard, SILENCE, 120)
    assert heard.weights["dog"] < 0.01
    assert set(heard.dreamt(["dog", "horn"], 0.0)) == {"dog"} and set(heard.dreamt(["dog", "horn"], 16.0)) == {"horn"}


def test_what_is_held_is_dreamt_of_whatever_else_sounds():
    """`hear.hold` keeps the top class, while the shares of the classes move on to the new sound."""
    heard, held = Heard(), {**HORN, "top.name": "dog", "top.prob": 0.1}
    hear(heard, DOG, 2)
    for features in (held, {**held, "known": 0.0}, held):
        hear(heard, features, 60, hold=True)
        assert heard.dreamt(["horn", "dog"], 0.0) == {"dog": pytest.approx(1.0, abs=0.1)}
    hear(heard, HORN, 2)
    assert heard.weights["horn"] > 0.85 and heard.weights["dog"] < 0.15


def test_hold_in_a_silence_dreams_of_nothing_new_until_something_sounds():
    heard = Heard()
    hear(heard, SILENCE, 5, hold=True)
    assert heard.dreamt([], 0.0) == {"dog": 0.0}
    hear(heard, DOG, 2, hold=True)
    assert heard.weights["dog"] > 0.9


def test_a_sound_is_news_only_once_its_name_has_come():
    """Numbers and names are messages of their own: a packet may be known before it is named."""
    heard = Heard()
    heard.update({"known": 1.0, "top.name": "", "top.prob": 0.8}, 0.02)
    assert heard.news(0.0) is None and heard.events == []
    heard.update({"known": 1.0, "top.name": "siren", "top.prob": 0.8}, 0.02)
    assert heard.news(0.1) == ("siren", 0.8)


def test_a_class_that_is_about_to_give_way_is_no_news():
    heard = Heard()
    heard.update({"known": 1.0, "top.name": "drill", "top.prob": 0.04, "class.drill": 0.04, "class.fan": 0.9}, 0.05)
    assert heard.news(0.0) is None
    heard.update({"known": 1.0, "top.name": "fan", "top.prob": 0.9, "class.drill": 0.04, "class.fan": 0.9}, 0.05)
    assert heard.news(0.1) == ("fan", 0.9)


def test_the_name_of_the_sound_before_is_no_news():
    """Behind a silence the numbers of a new sound come a packet before its name."""
    heard = Heard()
    for features in (DOG, SILENCE, {**HORN, "top.name": "dog"}):
        heard.update(features, 0.02)
        heard.news(0.0)
    assert [name for _, name, _ in heard.events] == ["dog"]
    heard.update(HORN, 0.02)
    assert heard.news(0.1) == ("horn", 0.9)


def test_news_comes_once_for_each_new_sound():
    heard, told = Heard(), []
    for now, features in enumerate([DOG, DOG, HORN, SILENCE, HORN]):
        heard.update(features, 1.0)
        told.append(heard.news(now))
    assert [each and each[0] for each in told] == ["dog", None, "horn", None, "horn"]


def test_nothing_received_is_silence():
    heard = Heard()
    heard.update(None, 0.1)
    assert heard.level == 0 and heard.news(0.0) is None


@pytest.fixture
def deck(tmp_path):
    save(tmp_path / "01-slow.toml", {**DEFAULTS, "zoom.speed": 0.0})
    save(tmp_path / "02-fast.toml", {**DEFAULTS, "zoom.speed": 2.0})
    told = []
    deck = Deck(Bank([tmp_path]), Control(), Clock(), told.append)
    deck.told = told
    yield deck
    deck.close()


def save_now(deck, name, now, values):
    """Save, and wait until the disk has it."""
    deck.ask("preset.save", name, now, values)
    deck._saving[-1][0].exception(60)
    deck.update(now, values)


def values_after(deck, now):
    deck.update(now, deck._control.frame())
    return deck._control.frame()


def test_a_preset_is_there_on_the_next_frame(deck):
    deck.ask("preset.load", 2, 0.0, DEFAULTS)
    assert values_after(deck, 0.0)["zoom.speed"] == 2.0 and deck.name == "fast" and deck.number == 2


def test_a_preset_is_shown_by_its_title(deck, tmp_path):
    (tmp_path / "40-a.toml").write_text('title = "Opener: the sea"\n')
    for key in ("a", "Opener: the sea"):
        deck.ask("preset.load", key, 0.0, DEFAULTS)
        values_after(deck, 0.0)
        assert deck.name == "Opener: the sea" and deck.number == 3
    save_now(deck, "夜の海", 0.0, DEFAULTS)
    assert deck.name == "夜の海"
    deck.ask("preset.load", "fast", 1.0, DEFAULTS)
    deck.update(1.0, DEFAULTS)
    deck.ask("preset.back", None, 1.0, DEFAULTS)
    assert deck.name == "夜の海"


def test_a_preset_glides_in(deck):
    deck.ask("preset.load", "slow", 0.0, DEFAULTS)
    values_after(deck, 0.0)
    deck.ask("preset.morph", "fast", 0.0, {**DEFAULTS, "zoom.speed": 0.0})
    values_after(deck, 0.0)
    assert 0.5 < values_after(deck, 1.0)["zoom.speed"] < 1.5
    assert values_after(deck, 2.5)["zoom.speed"] == 2.0


def test_back_and_forth_in_a_morph_ends_where_it_led(deck):
    deck.ask("preset.load", "slow", 0.0, DEFAULTS)
    values = values_after(deck, 0.0)
    deck.ask("preset.morph", "fast", 1.0, values)
    values_after(deck, 1.0)
    half = values_after(deck, 2.0)
    assert 0.0 < half["zoom.speed"] < 2.0
    for now, wanted in ((2.0, 0.0), (2.1, 2.0), (2.2, 0.0)):
        deck.ask("preset.back", None, now, deck._control.frame())
        assert values_after(deck, now)["zoom.speed"] == wanted


def test_what_is_saved_in_a_morph_stays(deck):
    deck.ask("preset.morph", "fast", 0.0, DEFAULTS)
    values_after(deck, 0.0)
    half = values_after(deck, 1.0)
    save_now(deck, "half", 1.0, half)
    assert values_after(deck, 5.0) == half == {**half, **deck.bank.load("half").values} and deck.name == "half"


def test_a_morph_of_a_pad_that_names_none_goes_to_the_next_preset(deck):
    deck.ask("preset.load", "slow", 0.0, DEFAULTS)
    deck.ask("preset.morph", None, 0.0, values_after(deck, 0.0))
    values_after(deck, 0.0)
    assert deck.name == "fast" and values_after(deck, 9.0)["zoom.speed"] == 2.0


def test_next_and_previous_go_round(deck):
    for name, wanted in (("preset.next", "slow"), ("preset.next", "fast"), ("preset.next", "slow"),
                         ("preset.previous", "fast")):
        deck.ask(name, None, 0.0, DEFAULTS)
        values_after(deck, 0.0)
        assert deck.name == wanted


@pytest.fixture
def show(tmp_path):
    """A function that begins a show, as a deck, in the same home folder as the one before; `told` is what it says."""
    def begin():
        told = []
        deck = Deck(Bank([tmp_path / "presets"], tmp_path / "last.toml"), Control(), Clock(), told.append, keep=True)
        deck.told = told
        return deck

    return begin


def test_what_came_before_the_first_frame_is_kept_too(show):
    deck = show()
    deck.begin(None, DEFAULTS)
    deck.update(0.0, {**DEFAULTS, "post.hue": 77.0})
    deck._control.apply({"post.hue": 77.0})
    deck.close()
    assert show().left.values["post.hue"] == 77.0


def turn(deck, values, seconds):
    """Turn knobs at the first of these seconds; the disk keeps up."""
    for now in seconds:
        values_after(deck, now)
        deck._control.submit(values)
        deck._writer.submit(int).result()  # behind all that is being saved
        values = {}


TURNED = {"post.hue": 77.0, "post.mirror": 5.0, "zoom.speed": -0.4}


def test_what_was_turned_is_there_after_a_crash(show):
    turn(show(), TURNED, range(30))  # and it is gone without another word
    after = show()
    assert after.left.values.items() >= TURNED.items()
    after.ask("preset.load", "last", 0.0, DEFAULTS)
    assert values_after(after, 0.0).items() >= TURNED.items() and after.name == "last" and after.number == 0


def test_a_crash_costs_the_last_seconds_only_and_the_end_nothing(show):
    deck = show()
    turn(deck, TURNED, range(30))
    turn(deck, {"post.hue": 78.0}, range(30, 32))
    assert read(deck.bank.last).values["post.hue"] == 77.0
    deck.close()
    assert read(deck.bank.last).values["post.hue"] == 78.0 and deck.told == []


def test_a_show_that_is_only_begun_leaves_the_look_of_the_last_one(show):
    first = show()
    turn(first, TURNED, range(30))
    first.close()
    begun = show()
    turn(begun, {}, range(100))
    begun.close()
    assert show().left.values.items() >= TURNED.items()


def test_the_last_look_is_that_of_the_show_before_as_long_as_this_one_lasts(show):
    turn(show(), TURNED, range(30))
    now = show()
    turn(now, {"post.hue": -20.0}, range(30))
    now.ask("preset.load", "last", 40.0, now._control.values)
    assert values_after(now, 40.0)["post.hue"] == 77.0


def test_of_two_shows_at_once_one_keeps_its_look(tmp_path):
    bank = Bank([tmp_path / "presets"], tmp_path / ".hearsee" / "last.toml")
    with ExitStack() as first, ExitStack() as second:
        assert hindrance(bank, first) == ""
        assert "another show" in hindrance(bank, second)
        first.close()
        assert hindrance(bank, second) == ""
    assert not list((tmp_path / ".hearsee").iterdir())


def test_a_preset_called_last_is_in_the_way_of_the_last_look_and_a_title_is_not(tmp_path):
    bank = Bank([tmp_path / "presets"], tmp_path / "last.toml")
    save(tmp_path / "presets" / "01-sea.toml", DEFAULTS, "Last")
    with ExitStack() as stack:
        assert hindrance(bank, stack) == ""
    save(bank.last, TURNED)
    with ExitStack() as stack:
        assert hindrance(bank, stack) == "" and bank.find("last") == bank.last
    save(tmp_path / "presets" / "02-last.toml", DEFAULTS)
    with ExitStack() as stack:
        assert "rename it" in hindrance(bank, stack) and bank.find("last") == tmp_path / "presets" / "02-last.toml"


def test_a_preset_may_be_called_last(show):
    turn(show(), TURNED, range(30))
    deck = show()
    path = deck.bank.save({**DEFAULTS, "post.hue": 11.0}, "last")
    assert deck.bank.find("last") == path


def test_a_look_that_cannot_be_kept_is_said_once_and_is_kept_when_there_is_room(show, tmp_path):
    deck = show()
    (tmp_path / "last.toml.part").mkdir()  # as a disk that takes nothing
    turn(deck, TURNED, range(100))
    assert len(deck.told) == 1 and "last.toml: the look is not kept" in deck.told[0] and "\n" not in deck.told[0]
    (tmp_path / "last.toml.part").rmdir()
    turn(deck, {}, range(100, 120))
    assert show().left.values.items() >= TURNED.items() and len(deck.told) == 1


def test_a_broken_last_look_is_none(show, tmp_path):
    (tmp_path / "last.toml").write_text("[dream")
    assert show().left is None
    with pytest.raises(ValueError, match="last.toml"):
        show().ask("preset.load", "last", 0.0, DEFAULTS)


def test_a_preset_waits_for_the_beat(deck):
    deck._clock.tap(0.0)
    deck._clock.tap(0.5)
    deck.ask("preset.load", "fast", 0.6, {**DEFAULTS, "show.quantise": 1.0})
    assert values_after(deck, 0.9)["zoom.speed"] == DEFAULTS["zoom.speed"]
    assert values_after(deck, 1.01)["zoom.speed"] == 2.0


def test_a_broken_preset_changes_nothing(deck, tmp_path):
    (tmp_path / "03-broken.toml").write_text("[zoom]\nspeed = 99\n")
    with pytest.raises(ValueError, match="zoom.speed"):
        deck.ask("preset.load", "broken", 0.0, DEFAULTS)
    assert values_after(deck, 0.0) == DEFAULTS


def test_a_broken_preset_does_not_bar_the_way(deck, tmp_path):
    (tmp_path / "02a-broken.toml").write_text("[zoom")
    for name, wanted in (("preset.load", "fast"), ("preset.next", "slow"), ("preset.previous", "fast")):
        deck.ask(name, "fast", 0.0, DEFAULTS)
        values_after(deck, 0.0)
        assert deck.name == wanted
        assert ("passed over" in deck.message and "02a-broken.toml" in deck.message) == (name != "preset.load")


def test_where_no_preset_can_be_read_that_is_said(tmp_path):
    (tmp_path / "1-broken.toml").write_text("[zoom")
    with pytest.raises(ValueError, match="1-broken.toml"):
        Deck(Bank([tmp_path]), Control(), Clock()).ask("preset.next", None, 0.0, DEFAULTS)


def test_panic_brings_the_defaults_back(deck):
    deck.ask("preset.load", 2, 0.0, DEFAULTS)
    values_after(deck, 0.0)
    deck.panic(deck._control.frame())
    assert values_after(deck, 1.0) == DEFAULTS and deck.name == ""


def test_panic_leaves_the_room_and_a_dark_stage_as_they_are(deck):
    room = {"hear.gain": 12.0, "hear.gate": -40.0, "dream.size": 512.0, "dream.rate": 24.0, "show.blackout": 1.0}
    deck._control.submit({**room, "zoom.speed": 2.0, "show.freeze": 1.0, "show.master": 0.0})
    deck.panic(deck._control.frame())
    assert deck._control.frame() == {**DEFAULTS, **room}


def test_a_panic_that_nobody_pressed_leaves_a_stage_that_was_faded_out_dark(deck):
    deck._control.submit({"zoom.speed": 2.0, "show.freeze": 1.0, "show.master": 0.0})
    deck.panic(deck._control.frame(), pressed=False)
    assert deck._control.frame() == {**DEFAULTS, "show.freeze": 1.0, "show.master": 0.0}


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("pressed, hue", [(True, DEFAULTS["post.hue"]), (True, 33.0), (False, 33.0)])
@pytest.mark.parametrize("preset", ["", "slow"])
def test_all_rows_are_as_before_when_a_panic_is_taken_back(deck, times, pressed, hue, preset):
    if preset:
        press(deck, preset, 0.0)
    deck._control.submit({"post.hue": hue, "show.master": 0.0, "show.freeze": 1.0})
    mine, name = deck._control.frame(), deck.name
    for _ in range(times):
        deck.panic(deck._control.frame(), pressed)
    deck.ask("preset.back", None, 1.0, deck._control.frame())
    assert values_after(deck, 1.0) == mine and deck.name == name


def test_a_second_panic_brings_the_look_before_the_first_back_with_the_stage_before_the_second(deck):
    deck._control.submit({"post.hue": 33.0, "show.master": 0.25})
    mine = deck._control.frame()
    press(deck, "panic", 0.0)
    deck._control.submit({"show.freeze": 1.0})
    press(deck, "panic", 1.0)
    deck.ask("preset.back", None, 2.0, deck._control.frame())
    assert values_after(deck, 2.0) == {**mine, "show.freeze": 1.0}


def test_the_look_before_a_recall_or_a_panic_comes_back(deck):
    deck._control.submit({"post.hue": 33.0})
    mine = deck._control.frame()
    deck.ask("preset.load", "fast", 0.0, mine)
    recalled = values_after(deck, 0.0)
    deck.ask("preset.back", None, 1.0, recalled)
    assert values_after(deck, 1.0) == mine and deck.name == ""
    deck.ask("preset.back", None, 2.0, mine)
    assert values_after(deck, 2.0) == recalled and deck.name == "fast"
    deck.panic(recalled)
    deck.ask("preset.back", None, 3.0, values_after(deck, 3.0))
    assert values_after(deck, 3.0) == recalled


ROOM = {"hear.gain": 12.0, "dream.size": 1024.0, "show.master": 0.25, "show.quantise": 2.0}


@pytest.fixture
def room(deck, tmp_path):
    """A preset that sets the room too, another that sets nothing else, and the values before them."""
    rows = "".join(f'"{name}" = {value}\n' for name, value in ROOM.items() if name != "show.quantise") + '"show.quantise" = "bar"\n'
    (tmp_path / "05-room.toml").write_text(rows + '"zoom.speed" = 1.5\n')
    (tmp_path / "06-only-room.toml").write_text(rows)
    deck._control.submit({"hear.gain": 3.0, "post.hue": 33.0})
    return deck._control.frame()


@pytest.mark.parametrize("glide", [0.0, 4.0])
@pytest.mark.parametrize("until", [0.0, 2.0, 9.0])
def test_what_a_preset_has_set_beyond_the_look_goes_back_and_forth_with_it(deck, room, glide, until):
    deck._control.submit({"show.morph": glide})
    before = deck._control.frame()
    press(deck, "room", 0.0)
    values_after(deck, until)
    preset = {**ROOM, "zoom.speed": 1.5}
    for now, wanted in ((10.0, before), (11.0, preset), (12.0, before)):
        deck.ask("preset.back", None, now, deck._control.frame())
        values = values_after(deck, now)
        assert {name: values[name] for name in preset} == {name: wanted[name] for name in preset}
    assert deck.name == ""


def test_a_preset_that_sets_the_room_alone_can_be_left(deck, room):
    deck._control.apply(deck.bank.load("only room").values | {name: room[name] for name in ROOM})
    before = press(deck, "only room", 0.0)
    assert before["hear.gain"] == 12.0
    deck.ask("preset.back", None, 1.0, before)
    assert {name: values_after(deck, 1.0)[name] for name in ROOM} == {name: room[name] for name in ROOM}


def test_what_the_next_preset_leaves_alone_stays_on_the_way_back(deck, room):
    press(deck, "room", 0.0)
    deck._control.submit({"show.quantise": 0.0})
    press(deck, "fast", 1.0)
    deck._control.submit({"hear.gain": 7.0})  # by hand: no preset's business
    deck.ask("preset.back", None, 2.0, deck._control.frame())
    values = values_after(deck, 2.0)
    assert (values["hear.gain"], values["zoom.speed"], deck.name) == (7.0, 1.5, "room")


def test_a_preset_pressed_again_for_its_room_still_knows_the_look_before_it(deck, room):
    press(deck, "room", 0.0)
    deck._control.submit({"hear.gain": 5.0})
    assert press(deck, "room", 1.0)["hear.gain"] == 12.0
    deck.ask("preset.back", None, 2.0, deck._control.frame())
    values = values_after(deck, 2.0)
    assert values == room and deck.name == ""


def test_what_a_player_has_set_in_the_room_meanwhile_stays_on_the_way_back(deck, room):
    press(deck, "room", 0.0)
    deck._control.submit({"hear.gain": -4.0})
    deck.ask("preset.back", None, 1.0, deck._control.frame())
    assert values_after(deck, 1.0) == {**room, "hear.gain": -4.0}


def test_of_two_presets_in_one_frame_both_are_left(deck, room):
    for name in ("fast", "room"):
        deck._begin(deck.bank.load(name), 0.0, 0.0, room)
    deck.ask("preset.back", None, 1.0, deck._control.frame())
    values = values_after(deck, 1.0)
    assert values == room and deck.name == ""


def press(deck, what, now):
    if what == "panic":
        deck.panic(deck._control.frame())
    else:
        deck.ask("preset.load", what, now, deck._control.frame())
    return values_after(deck, now)


@pytest.mark.parametrize("what", ["panic", "fast"])
@pytest.mark.parametrize("glide", [0.0, 4.0])
def test_pressed_twice_it_still_knows_the_look_before_the_first(deck, what, glide):
    deck._control.submit({"post.hue": 33.0, "show.morph": glide})
    mine = deck._control.frame()
    for now in (0.0, 0.3, 0.6):
        press(deck, what, now)
    deck.ask("preset.back", None, 1.0, deck._control.frame())
    assert values_after(deck, 1.0)["post.hue"] == mine["post.hue"]


def test_a_panic_on_all_channels_at_once_loses_neither_look_nor_preset(deck):
    deck._control.submit({"post.hue": 33.0})
    mine = press(deck, "fast", 0.0)
    for _ in range(16):  # within a frame
        deck.panic(mine)
    deck.ask("preset.back", None, 1.0, deck._control.frame())
    assert values_after(deck, 1.0) == mine and deck.name == "fast"


def test_to_go_back_while_a_recall_waits_calls_it_off(deck):
    deck._clock.tap(0.0)
    deck._clock.tap(0.5)
    deck._control.submit({"show.quantise": 2.0, "post.hue": 33.0})
    mine = deck._control.frame()
    deck.ask("preset.load", "fast", 0.6, mine)
    deck.ask("preset.back", None, 0.8, mine)
    assert deck.message == "fast called off"
    assert [values_after(deck, now) for now in (0.8, 2.0, 9.0)] == [mine] * 3 and deck.name == ""


def test_without_a_recall_there_is_nothing_to_go_back_to(deck):
    with pytest.raises(ValueError, match="nothing to go back to"):
        deck.ask("preset.back", None, 0.0, DEFAULTS)


def test_a_preset_that_waits_for_the_beat_is_there_though_its_file_has_gone(deck, tmp_path):
    deck._clock.tap(0.0)
    deck._clock.tap(0.5)
    deck.ask("preset.load", "fast", 0.6, {**DEFAULTS, "show.quantise": 1.0})
    (tmp_path / "02-fast.toml").write_text("[zoom")
    assert values_after(deck, 1.01)["zoom.speed"] == 2.0


def test_a_preset_that_waits_for_the_bar_is_said_to(deck):
    for tap in range(5):
        deck._clock.tap(tap / 2)
    deck.ask("preset.load", "fast", 2.1, {**DEFAULTS, "show.quantise": 2.0})
    assert deck.message.startswith("fast comes with the bar, in ")
    deck.ask("preset.load", "fast", 2.1, DEFAULTS)
    assert deck.message == ""


def test_a_number_is_no_name_to_save_under_and_is_said_once(deck):
    save_now(deck, 1.0, 0.0, DEFAULTS)
    assert deck.path.name == "03-look-3.toml" and deck.told == [f"saved {deck.path}"]
    deck.ask("preset.load", "fast", 0.0, DEFAULTS)
    deck.update(0.0, DEFAULTS)
    assert deck.message == "" and len(deck.told) == 1


def test_presets_saved_one_upon_the_other_each_have_a_name_and_what_is_recalled_meanwhile_stays_in_play(deck):
    for _ in range(3):
        deck.ask("preset.save", "look", 0.0, DEFAULTS)
    deck.ask("preset.load", "fast", 0.0, DEFAULTS)
    deck.update(0.0, DEFAULTS)
    deck.close()
    assert deck.name == "fast" and deck.bank.names()[-3:] == ["look", "look 2", "look 3"]
    assert [text.split()[0] for text in deck.told] == ["saved"] * 3


def test_of_two_presets_saved_at_once_the_later_is_in_play_and_each_can_be_recalled_at_once(deck):
    deck.ask("preset.save", "one", 0.0, DEFAULTS)
    deck.ask("preset.save", "two", 0.0, {**DEFAULTS, "post.hue": 33.0})
    deck.ask("preset.load", "one", 0.0, DEFAULTS)  # in the same packet
    deck.ask("preset.back", None, 0.0, DEFAULTS)
    assert deck.name == "two" and deck.bank.load("one") and deck.bank.load("two").values["post.hue"] == 33.0


def test_a_preset_that_cannot_be_saved_is_said_and_the_one_in_play_stays(deck, tmp_path):
    deck.ask("preset.load", "fast", 0.0, DEFAULTS)
    deck.update(0.0, DEFAULTS)
    deck.bank.folders = (tmp_path / "01-slow.toml",)  # no folder
    save_now(deck, "look", 0.0, DEFAULTS)
    assert "preset not saved" in deck.told[-1] and deck.name == "fast"


def test_a_morph_goes_where_it_is_told_and_a_load_must_be_told(deck):
    deck.ask("preset.load", "slow", 0.0, DEFAULTS)
    deck.ask("preset.morph", "slow", 0.0, values_after(deck, 0.0))
    values_after(deck, 0.0)
    assert deck.name == "slow"  # and not the next one
    with pytest.raises(ValueError, match="preset.load needs a preset's number or name"):
        deck.ask("preset.load", None, 0.0, DEFAULTS)
