"""The row under the player's fingers: every row can be reached and turned by keys alone."""

import pytest

from instrument.cursor import SHOWN, TURNS, Cursor, target, turned
from instrument.params import BY_NAME, DEFAULTS, PARAMS


def press(cursor, *names, values=DEFAULTS, now=0.0):
    """What the last of these keys edits."""
    for name in names:
        edits = cursor.carry_out(name, None, values, now)
    return edits


@pytest.mark.parametrize("key, way", [("row.next", 1), ("row.previous", -1)])
def test_the_first_press_only_shows_where_it_stands(key, way):
    cursor = Cursor()
    assert not cursor.shown(0.0)
    before = cursor.row
    assert press(cursor, key) == {} and cursor.row == before and cursor.shown(0.0)
    press(cursor, key)
    assert cursor.row == PARAMS[PARAMS.index(before) + way]
    assert cursor.shown(SHOWN - 0.1) and not cursor.shown(SHOWN)


@pytest.mark.parametrize("key", ["row.next", "row.previous"])
def test_every_row_is_reached(key):
    cursor = Cursor()
    seen = [press(cursor, key) or cursor.row for _ in range(len(PARAMS))]
    assert {row.name for row in seen} == set(DEFAULTS)


def test_groups_are_jumped_between_and_come_round():
    cursor, seen = Cursor(), []
    press(cursor, "row.group")
    assert cursor.row.group != Cursor().row.group  # the first press goes on already
    for _ in range(9):
        press(cursor, "row.group")
        seen.append(cursor.row.group)
    assert set(seen) == {row.group for row in PARAMS} and cursor.row.name in [row.name for row in PARAMS if row.group == seen[-1]]


@pytest.mark.parametrize("row", PARAMS, ids=lambda row: row.name)
def test_a_row_is_turned_from_end_to_end_and_not_beyond(row):
    for start, way, end in ((row.lo, 1, row.hi), (row.hi, -1, row.lo)):
        value, went = start, [start]
        while value != end and len(went) < 2 * TURNS:
            value = turned(row, value, way, held=True)
            went.append(value)
        assert value == pytest.approx(end) and turned(row, end, way) == end
        assert all((after - before) * way > 0 for before, after in zip(went, went[1:]))


@pytest.mark.parametrize("start", (0.0, 0.2, 0.4, 0.7731, 1.0))
@pytest.mark.parametrize("row", [row for row in PARAMS if row.lo < 0 < row.hi], ids=lambda row: row.name)
def test_a_row_that_goes_to_both_sides_stops_at_0(row, start):
    for value in {row.at(start), row.default} - {0.0}:
        way, went = (-1 if value > 0 else 1), []
        for _ in range(TURNS):
            value = turned(row, value, way)
            went.append(value)
        assert 0.0 in went


@pytest.mark.parametrize("row", [row for row in PARAMS if row.curve == "step"], ids=lambda row: row.name)
def test_every_value_of_a_row_in_steps_can_be_reached(row):
    assert turned(row, row.lo, 1) == row.lo + 1 and turned(row, row.hi, -1) == row.hi - 1


def test_a_key_that_is_held_goes_faster_until_it_is_let_go():
    cursor, values, went = Cursor(), dict(DEFAULTS), []
    cursor.carry_out("row.select", "dream.seed", values, 0.0)
    for now in [1 + number / 30 for number in range(60)] + [4.0]:
        before = values["dream.seed"]
        values |= cursor.carry_out("row.more", None, values, now)
        went.append(values["dream.seed"] - before)
    assert went[:20] == [1] * 20 and went[40:60] == [round(9999 / TURNS)] * 20 and went[60] == 1


def test_a_press_edits_the_row_selected_and_delete_puts_it_back():
    cursor = Cursor()
    cursor.carry_out("row.select", "dream.octaves", DEFAULTS, 0.0)
    assert press(cursor, "row.more", values=DEFAULTS | {"dream.octaves": 3.0}) == {"dream.octaves": 4.0}
    assert press(cursor, "row.less", values=DEFAULTS | {"dream.octaves": 3.0}) == {"dream.octaves": 2.0}
    assert press(cursor, "row.default") == {"dream.octaves": DEFAULTS["dream.octaves"]}


@pytest.mark.parametrize("key, value", [("row.more", 4.0), ("row.default", DEFAULTS["dream.octaves"])])
def test_what_turns_the_row_does_so_though_the_page_is_hidden(key, value):
    cursor = Cursor()
    cursor.carry_out("row.select", "dream.octaves", DEFAULTS, 0.0)
    assert cursor.carry_out(key, None, DEFAULTS | {"dream.octaves": 3.0}, 100.0) == {"dream.octaves": value}


def test_an_unknown_row_is_refused_and_the_selection_stays():
    cursor = Cursor()
    before = cursor.row
    with pytest.raises(ValueError, match="did you mean 'post.hue'"):
        cursor.carry_out("row.select", "post.hu", DEFAULTS, 0.0)
    with pytest.raises(ValueError, match="no parameter"):
        cursor.carry_out("row.select", None, DEFAULTS, 0.0)
    assert cursor.row == before


@pytest.mark.parametrize("argument, wanted", [
    (None, {"row": "post.hue"}), ("", {"row": "post.hue"}), ("zoom.speed", {"row": "zoom.speed"}), ("tap", {"command": "tap"}),
    (3.0, {"preset": 3}), ("12", {"preset": 12}),
])
def test_what_a_control_is_learned_for(argument, wanted):
    assert target(argument, BY_NAME["post.hue"]) == wanted


@pytest.mark.parametrize("argument, words", [("zoom.sped", "did you mean 'zoom.speed'"), (0, "presets count from 1")])
def test_what_nothing_can_be_learned_for(argument, words):
    with pytest.raises(ValueError, match=words):
        target(argument, BY_NAME["post.hue"])


def test_the_first_preset_can_be_learned_by_its_number():
    row = BY_NAME["post.hue"]
    assert target("1", row) == target(1.0, row) == {"preset": 1}
    with pytest.raises(ValueError, match="count from 1"):
        target("0", row)
