"""The one place where values change."""

import threading

import pytest

from instrument.control import Control
from instrument.params import DEFAULTS, FOLLOWING, PARAMS


def test_it_begins_with_the_defaults_or_what_is_given():
    assert Control().frame() == DEFAULTS
    assert Control({"post.hue": 999}).frame() == {**DEFAULTS, "post.hue": 180.0}


@pytest.mark.parametrize("row", PARAMS, ids=lambda row: row.name)
def test_every_row_can_be_submitted_and_is_made_legal(row):
    control = Control()
    control.submit({row.name: row.hi + 1})
    assert control.frame() == {**DEFAULTS, row.name: row.hi}
    control.submit({row.name: row.lo - 1})
    assert control.frame()[row.name] == row.lo


def test_the_last_edit_wins_and_a_frame_takes_them_all():
    control = Control()
    for value in range(100):
        control.submit({"post.hue": value})
    assert control.frame()["post.hue"] == 99


def test_what_steps_on_goes_from_the_value_of_its_turn():
    control = Control({"zoom.mode": 1.0})
    for edits in ({"zoom.mode": FOLLOWING}, {"zoom.mode": FOLLOWING, "post.hue": 3.0}, {"show.blackout": FOLLOWING}):
        control.submit(edits)
    values = control.frame()
    assert (values["zoom.mode"], values["post.hue"], values["show.blackout"]) == (3.0, 3.0, 1.0)
    control.submit({"show.blackout": FOLLOWING})
    assert control.frame()["show.blackout"] == 0.0


def test_a_snapshot_never_changes():
    control = Control()
    before = control.frame()
    control.submit({"post.hue": 7})
    assert before["post.hue"] == 0 and control.frame()["post.hue"] == 7
    with pytest.raises(TypeError):
        before["post.hue"] = 3


def test_no_edit_no_new_snapshot():
    control = Control()
    assert control.frame() is control.frame()


@pytest.mark.parametrize("edits", [{"post.hue": 1, "post.hoe": 2}, {"post.hue": 1, "zoom.speed": "fast"},
                                   {"post.hue": float("nan")}])
def test_an_illegal_edit_applies_nothing(edits):
    control = Control()
    with pytest.raises(ValueError) as error:
        control.submit(edits)
    assert "\n" not in str(error.value)
    assert control.frame() == DEFAULTS


def test_commands_come_once_and_in_order():
    control = Control()
    asked = []
    control.command("tap")
    control.command("preset.load", 3)
    for _ in range(2):
        control.frame(lambda *command: asked.append(command))
    assert asked == [("tap", None), ("preset.load", 3)]


@pytest.mark.parametrize("behind, hue", ((False, 20.0), (True, 90.0)))
def test_what_comes_behind_a_command_changes_what_that_has_done(behind, hue):
    """One packet of a DAW may hold a preset and a value that differs from it."""
    control = Control()
    steps = [lambda: control.submit({"post.hue": 90.0}), lambda: control.command("preset.load", 2)]
    for step in steps[::-1] if behind else steps:
        step()
    values = control.frame(lambda *_: control.apply({"post.hue": 20.0, "post.gamma": 2.0}))
    assert (values["post.hue"], values["post.gamma"]) == (hue, 2.0)


def test_many_commands_are_spread_over_frames_with_what_came_between_them():
    control, seen = Control(), []
    for number in range(12):
        control.command("preset.load", number)
        control.submit({"post.hue": float(number)})
    frames = []
    for _ in range(3):
        before = len(seen)
        control.frame(lambda name, number: seen.append((number, control.values["post.hue"])))
        frames.append(len(seen) - before)
    assert frames == [8, 4, 0] and seen[1:] == [(number, number - 1.0) for number in range(1, 12)]


def test_of_too_many_commands_the_last_are_passed_over_until_there_is_room_again():
    control = Control()
    assert [control.command("tap") for _ in range(70)] == [True] * 64 + [False] * 6
    control.frame()
    assert [control.command("tap") for _ in range(9)] == [True] * 8 + [False]


def test_what_a_command_asks_for_comes_with_the_next_frame():
    """Or one that asks for more each time would hold the frame for ever."""
    control, seen = Control(), []
    control.command("preset.next")

    def again(name, argument):
        seen.append(name)
        control.submit({"post.hue": float(len(seen))})
        control.command(name)

    assert [control.frame(again)["post.hue"] for _ in range(3)] == [0.0, 1.0, 2.0] and len(seen) == 3


def test_whose_row_was_touched_is_told_once_also_where_it_has_that_value_already():
    control = Control()
    control.submit({"post.hue": 7.0})
    control.submit({"post.gamma": DEFAULTS["post.gamma"]})
    assert control.touched() == set()  # it has not come yet
    control.frame()
    control.apply({"post.bloom": 0.5})  # what a command does is nobody's hand
    assert control.touched() == {"post.hue", "post.gamma"} and control.touched() == set()


def test_what_is_applied_at_once_is_made_legal_too():
    control = Control()
    control.apply({"post.hue": 999.0})
    assert control.values["post.hue"] == 180.0
    with pytest.raises(ValueError, match="post.hoe"):
        control.apply({"post.hoe": 1.0})


def test_threads_lose_no_edit():
    control, rows = Control(), [row for row in PARAMS if row.curve != "step"][:8]

    def turn(row):
        for step in range(200):
            control.submit({row.name: row.at(step / 199)})

    threads = [threading.Thread(target=turn, args=(row,)) for row in rows]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        control.frame()
    assert [control.frame()[row.name] for row in rows] == [row.hi for row in rows]
