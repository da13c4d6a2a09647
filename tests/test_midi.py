"""What MIDI messages do, and the device profiles; no device takes part."""

import os
import queue
import random
import re
import sys
import threading
from dataclasses import replace

import mido
import pytest

from instrument.control import Control
from instrument.midi import Midi, profiles
from instrument.midi.bindings import RELATIVE, Binding, table_bindings
from instrument.midi.devices import AGAIN, GIVEN_UP, POLL
from instrument.midi.jack import Door
from instrument.midi.learner import Learner, detect
from instrument.midi.mapping import Hand, Mapping
from instrument.midi.moves import FULL, Decoder, Move
from instrument.midi.ports import LATE, MISSED, Ear, Pulse, RtPorts, apart, born, device_name, listed
from instrument.params import BY_NAME, DEFAULTS, PARAMS, SWITCH

ABSOLUTE = [row for row in PARAMS if row.cc is not None]
SHIPPED = profiles.shipped()


class Rig:
    """A mapping on a real Control, with the commands in a list."""

    def __init__(self, *bindings, values=(), presets=lambda: 0):
        self.control, self.commands, self.clock = Control(values), [], []
        self.mapping = Mapping(bindings or table_bindings(), self.control.submit,
                               lambda *command: self.commands.append(command), lambda: self.control.values,
                               lambda *tick: self.clock.append(tick), presets)

    def send(self, kind, now=0.0, **fields):
        self.mapping.receive(mido.Message(kind, **fields), now)
        return self.control.frame()

    def cc(self, number, value, channel=0):
        return self.send("control_change", channel=channel, control=number, value=value)


@pytest.mark.parametrize("row", ABSOLUTE, ids=lambda row: row.name)
def test_every_row_is_reached_end_to_end_by_its_cc(row):
    rig = Rig()
    for value in (0, 60, 127):  # fast, so it skips over the default on its way
        rig.cc(row.cc, value)
    assert rig.control.frame()[row.name] == row.hi
    assert rig.cc(row.cc, 0)[row.name] == row.lo


TWO_SIDED = [row for row in PARAMS if row.lo < 0 < row.hi]


@pytest.mark.parametrize("kind", ("cc", "cc14", "bend"))
@pytest.mark.parametrize("row", TWO_SIDED, ids=lambda row: row.name)
def test_a_row_that_goes_to_both_sides_can_be_brought_to_0(row, kind):
    rig, full = Rig(Binding(kind, None, 0, row=row.name, takeover="jump")), FULL[kind]
    near = row.position(0.0) * full
    places = [round(near) + step for step in range(-4, 5)]
    values = []
    for place in places:
        rig.mapping.act(Move(kind, 1, 0, place), 0.0)
        values.append(rig.control.frame()[row.name])
    beside = [place for place, value in zip(places, values) if value == 0.0]
    assert beside == [place for place in places if abs(place - near) <= 0.5] and beside
    assert values == sorted(values)


def test_both_middles_of_a_knob_are_the_middle():
    rig = Rig(Binding("cc", None, 0, row="zoom.rotate", takeover="jump"))
    assert [rig.cc(0, value)["zoom.rotate"] == 0.0 for value in (62, 63, 64, 65)] == [False, True, True, False]


@pytest.mark.parametrize("start", (0.2, 0.4, 0.77, 1.0))
@pytest.mark.parametrize("row", TWO_SIDED, ids=lambda row: row.name)
def test_an_encoder_finds_0_wherever_it_begins(row, start):
    rig = Rig(Binding("cc", None, 0, row=row.name, mode="signed_bit"), values={row.name: row.at(start)})
    way = 1 if row.at(start) < 0 else 65
    assert 0.0 in [rig.cc(0, way)[row.name] for _ in range(128)]


@pytest.mark.parametrize("row", ABSOLUTE, ids=lambda row: row.name)
def test_a_knob_elsewhere_changes_nothing_until_it_meets_the_row(row):
    hand, value = Hand(row), row.at(1.0)
    assert hand.move(0.0, value, 0.0) is None
    assert hand.wanted(value) == "up"
    assert hand.move(1.0, value, 0.0) == row.hi
    assert hand.wanted(row.hi) == ""


def test_a_fast_knob_skips_over_the_value_and_still_takes_over():
    hand = Hand(BY_NAME["post.hue"])
    assert hand.move(0.2, 0.0, 0.0) is None
    assert hand.move(0.9, 0.0, 0.0) == pytest.approx(144)


def test_a_knob_takes_over_near_the_value_and_not_before():
    hand = Hand(BY_NAME["post.hue"])  # at 0, the middle
    assert [hand.move(place, 0.0, 0.0) for place in (0.4, 0.45, 0.48)] == [None] * 3 and hand.move(0.495, 0.0, 0.0) is not None


def test_a_held_knob_stays_held_while_its_edits_wait_for_the_frame():
    hand, row = Hand(BY_NAME["post.hue"]), BY_NAME["post.hue"]
    assert [hand.move(place, 0.0, 0.0) for place in (0.5, 0.6, 0.7, 0.8)] == [row.at(p) for p in (0.5, 0.6, 0.7, 0.8)]
    assert hand.move(0.9, row.at(0.6), 0.1) == row.at(0.9)


@pytest.mark.parametrize("back", (0.999, 0.6, 1.0))
def test_what_a_flick_passed_on_its_way_is_held_no_more_once_it_has_reached_its_row(back):
    """A fader flicked down within a frame, its row put back by a preset to what it had on the way: a touch moves nothing."""
    rig, row = Rig(), BY_NAME["show.master"]
    for value in (127, *range(126, 9, -1), 10):
        rig.mapping.receive(mido.Message("control_change", control=row.cc, value=value), 0.0)
    assert rig.control.frame()["show.master"] == row.at(10 / 127)
    value = row.at(round(back * 127) / 127)
    rig.control.apply({"show.master": value})
    assert rig.send("control_change", 1.0, control=row.cc, value=9)["show.master"] == value
    assert rig.mapping.hints() == {"show.master": "up"}


def test_an_encoder_goes_on_from_where_its_row_was_put_after_a_flick():
    rig = Rig(Binding("cc", None, 10, row="show.master", mode="signed_bit"))
    for _ in range(100):
        rig.mapping.receive(mido.Message("control_change", control=10, value=65), 0.0)
    rig.control.frame()
    rig.control.apply({"show.master": 1.0})
    assert rig.send("control_change", 1.0, control=10, value=65)["show.master"] > 0.9


def test_a_held_knob_stays_held_however_long_it_rests():
    rig, hue = Rig(), BY_NAME["post.hue"]
    for second, value in enumerate((0, 127, 100, 90, 30)):
        values = rig.send("control_change", float(second), control=hue.cc, value=value)
    assert values["post.hue"] == hue.at(30 / 127)


def test_a_preset_takes_the_row_away_from_the_knob():
    rig = Rig()
    for value in range(64, 120):
        rig.cc(48, value)
    rig.control.apply({"post.hue": -90.0})
    assert rig.cc(48, 121)["post.hue"] == -90.0
    assert rig.mapping.hints() == {"post.hue": "down"}
    assert rig.cc(48, 20)["post.hue"] == pytest.approx(BY_NAME["post.hue"].at(20 / 127))
    assert rig.mapping.hints() == {}


def test_a_hint_goes_with_the_row_that_the_knob_played():
    rig = Rig()
    number = BY_NAME["dream.layer"].cc
    rig.control.submit({"dream.layer": 4.0})
    rig.control.frame()
    rig.cc(number, 10)
    assert rig.mapping.hints() == {"dream.layer": "up"}
    rig.mapping.bind([*table_bindings(), Binding("cc", 1, number, row="post.hue")])  # as `learn` does, for the channel that it came on
    assert "dream.layer" not in rig.mapping.hints()



def test_each_control_remembers_its_own_place():
    rig = Rig(Binding("cc", 1, 10, row="post.hue"), Binding("cc", 2, 10, row="post.hue"))
    rig.cc(10, 5, channel=0)
    rig.cc(10, 120, channel=1)  # another knob: going from 5 to 120 was no crossing
    assert rig.control.frame()["post.hue"] == 0.0


def test_jump_takes_over_at_once():
    rig = Rig(Binding("cc", None, 10, row="post.hue", takeover="jump"))
    assert rig.cc(10, 127)["post.hue"] == 180


ONE_UP = {"signed_bit": 1, "signed_bit_2": 65, "binary_offset": 65, "twos_complement": 1}
ONE_DOWN = {"signed_bit": 65, "signed_bit_2": 1, "binary_offset": 63, "twos_complement": 127}
FAR_DOWN = {"signed_bit": 127, "signed_bit_2": 63, "binary_offset": 1, "twos_complement": 65}


@pytest.mark.parametrize("mode", RELATIVE)
def test_endless_encoders_count_up_and_down(mode):
    steps = RELATIVE[mode]
    assert steps(ONE_UP[mode]) == 1
    assert steps(ONE_DOWN[mode]) == -1
    assert steps(FAR_DOWN[mode]) == -63


@pytest.mark.parametrize("mode", RELATIVE)
@pytest.mark.parametrize("name", ["post.hue", "dream.octaves", "dream.step", "dream.channel_index"])
def test_an_encoder_reaches_both_ends_and_follows_other_edits(mode, name):
    row, rig = BY_NAME[name], Rig(Binding("cc", None, 10, row=name, mode=mode))
    for _ in range(130):
        rig.cc(10, ONE_UP[mode])
    assert rig.control.frame()[name] == row.hi
    rig.control.submit({name: row.lo})
    rig.control.frame()
    assert rig.cc(10, ONE_DOWN[mode])[name] == row.lo
    for _ in range(130):
        rig.cc(10, ONE_UP[mode])
    assert rig.control.frame()[name] == row.hi


def test_an_encoder_goes_back_at_once_however_far_it_was_turned_beyond_the_end():
    rig = Rig(Binding("cc", None, 10, row="post.hue", mode="signed_bit"))
    for value in [1] * 200 + [65] * 2:
        values = rig.cc(10, value)
    assert values["post.hue"] == pytest.approx(BY_NAME["post.hue"].at(1 - 2 / 128))


def test_an_encoder_takes_three_clicks_from_one_label_to_the_next():
    rig = Rig(Binding("cc", None, 10, row="zoom.mode", mode="signed_bit"))
    seen = [rig.cc(10, 1)["zoom.mode"] for _ in range(18)]
    assert [seen.count(mode) for mode in range(1, 6)] == [3] * 5 and seen[-1] == 6


@pytest.mark.parametrize("mode", RELATIVE)
def test_the_mode_of_an_encoder_is_heard_from_a_slow_turn_to_the_left(mode):
    assert detect([ONE_DOWN[mode]] * 3) == mode


def test_an_absolute_knob_turned_slowly_to_the_left_is_absolute():
    assert all(detect([value, value - 1, value - 2]) == "absolute" for value in range(2, 128))
    assert detect([100] * 3) == "absolute"  # nobody turns an encoder 28 clicks at a time to have it learned


@pytest.mark.parametrize("low, high", [(126, 125), (126, 127), (3, 2), (62, 63)])
def test_a_knob_moved_to_and_fro_is_absolute(low, high):
    assert learned(ccs(9, *[low, high] * 3), row="post.hue").mode == "absolute"


def test_what_plays_a_fine_control_plays_nothing_else():
    """Its halves have rows of their own in the table: 28 the return of the dream, 60 the light of all."""
    rig = Rig(*table_bindings(), Binding("cc14", 1, 28, row="zoom.speed", takeover="jump"))
    for fine in range(0, 16384, 37):
        rig.cc(28, fine >> 7)
        values = rig.cc(60, fine & 127)
    assert values == {**DEFAULTS, "zoom.speed": values["zoom.speed"]} and values["zoom.speed"] > 1.9
    assert rig.cc(60, 0, channel=1) and rig.cc(60, 127, channel=1)["show.master"] == 1.0  # another channel is another control


def fine_knob(rig, number, values):
    """Turn a 14-bit knob."""
    for value in values:
        rig.cc(number, value >> 7)
        rig.cc(number + 32, value & 127)
    return rig.control.frame()


def test_the_fine_half_of_a_knob_that_nobody_learned_plays_no_other_row():
    """46 is the tint: it comes right behind 14, the octaves, and never else."""
    rig = Rig()
    before = fine_knob(rig, 14, range(0, 800, 37))["post.tint"]  # it has run over some times
    values = fine_knob(rig, 14, range(800, 16384, 37))
    assert values["post.tint"] == before and values["dream.octaves"] == 6
    assert "post.tint" not in rig.mapping.hints()
    assert rig.cc(46, 127, channel=1) and rig.cc(46, 0, channel=1) and rig.cc(46, 127, channel=1)["post.tint"] == 1.0


def test_what_was_taken_for_a_fine_half_is_a_knob_once_it_comes_by_itself():
    rig = Rig()
    before = fine_knob(rig, 14, range(8192, 9000, 37))["post.tint"]
    assert {rig.cc(46, value)["post.tint"] for value in (0, 30, 60, 90, 60, 30, 0)} == {before}
    assert rig.cc(46, 127)["post.tint"] == 1.0
    fine_knob(rig, 14, (8192,) * 9)  # and stays one
    assert rig.cc(46, 64)["post.tint"] == pytest.approx(64 / 127)


def test_two_rows_that_something_moves_together_are_no_halves():
    """28 is dream.return, 60 the master: two lanes of a sequencer that fade out at once."""
    rig = Rig()
    for value in range(127, -1, -1):
        rig.cc(28, value)
        values = rig.cc(60, value)
    assert values["show.master"] == 0.0


def test_two_knobs_that_are_flicked_at_once_are_no_halves():
    rig = Rig()
    for value in (0, 127) * 6:
        rig.cc(14, value)
        values = rig.cc(46, value)
    assert values["post.tint"] == 1.0


def test_a_knob_that_was_ever_turned_by_itself_is_no_fine_half():
    rig = Rig()
    rig.cc(46, 0)
    for value in range(0, 128, 8):  # two hands, on two knobs
        rig.cc(14, value)
        values = rig.cc(46, value)
    assert values["post.tint"] == pytest.approx(120 / 127)


def test_what_a_profile_or_the_player_has_bound_is_no_fine_half():
    rig = Rig(Binding("cc", None, 46, row="post.hue", takeover="jump"), Binding("cc", 2, 47, row="post.grain", takeover="jump"))
    for value in (127, 0) * 4 + (70,):  # as a half runs over
        rig.cc(14, 1), rig.cc(15, 1, channel=1)
        values = rig.cc(46, value)
        values = rig.cc(47, value, channel=1)
    assert (values["post.hue"], values["post.grain"]) == (BY_NAME["post.hue"].at(70 / 127), BY_NAME["post.grain"].at(70 / 127))


def test_the_halves_of_a_bank_come_in_either_order():
    rig = Rig(presets=lambda: 300)
    for first, then in ((0, 32), (32, 0)):
        rig.cc(0, 5), rig.cc(32, 5)
        for number in (first, then):
            rig.cc(number, int(number == 32))
        rig.send("program_change", program=2)
    assert rig.commands == [("preset.load", 131)] * 2


def test_a_bank_is_selected_however_often():
    rig = Rig(presets=lambda: 300)
    for bank in (0, 1, 0, 1, 2):
        rig.cc(0, 0), rig.cc(32, bank)
        rig.send("program_change", program=0)
    assert [number for _, number in rig.commands] == [1, 129, 1, 129, 257]


def test_an_endless_encoder_and_what_jumps_need_no_hint():
    rig = Rig(Binding("cc", None, 10, row="post.hue", mode="twos_complement"),
              Binding("cc", None, 11, row="post.gamma", takeover="jump"))
    rig.cc(10, 1), rig.cc(11, 127)
    rig.control.submit({"post.hue": 90.0, "post.gamma": 0.5})
    rig.control.frame()
    assert rig.mapping.hints() == {}


def test_a_pair_of_ccs_is_one_fine_control():
    rig = Rig(Binding("cc14", None, 10, row="post.hue", takeover="jump"))
    assert rig.cc(10, 127)["post.hue"] == 0.0  # waits for its second half
    assert rig.cc(42, 127)["post.hue"] == 180.0
    assert rig.cc(42, 0)["post.hue"] == pytest.approx(BY_NAME["post.hue"].at(127 * 128 / 16383))


def test_nrpn_coarse_fine_and_counting():
    rig = Rig(Binding("nrpn14", None, 3 << 7 | 5, row="post.hue", takeover="jump"),
              Binding("nrpn", None, 1, row="zoom.speed", takeover="jump"))
    rig.cc(99, 3), rig.cc(98, 5), rig.cc(6, 127)
    assert rig.cc(38, 127)["post.hue"] == 180.0
    assert rig.cc(97, 0)["post.hue"] < 180.0
    rig.cc(99, 0), rig.cc(98, 1)
    assert rig.cc(6, 127)["zoom.speed"] == 2.0


def test_an_nrpn_counts_from_where_its_row_is_coarse_or_fine():
    rig = Rig(Binding("nrpn", None, 1, row="zoom.mode"), Binding("nrpn14", None, 2, row="dream.octaves"))
    for number, row in ((1, "zoom.mode"), (2, "dream.octaves")):
        rig.cc(99, 0), rig.cc(98, number)
        before = rig.control.values[row]
        assert [rig.cc(way, 0)[row] for way in (96, 96, 96, 97, 97, 97)][2::3] == [before + 1, before]


def test_an_rpn_is_no_nrpn():
    """A keyboard sets the range of its bender: what comes then is not for the parameter selected before."""
    decoder, said = Decoder(), []
    for number, value in ((99, 1), (98, 1), (101, 0), (100, 0), (6, 2)):
        said += decoder.moves(mido.Message("control_change", control=number, value=value))
    assert said == [Move("cc", 1, 6, 2)]


def test_a_fine_half_goes_with_the_coarse_one_of_its_own_parameter():
    decoder, said = Decoder(), []
    for number, value in ((99, 1), (98, 1), (6, 100), (38, 5), (99, 1), (98, 2), (38, 7), (98, 1), (38, 6)):
        said += decoder.moves(mido.Message("control_change", control=number, value=value))
    assert [move[2:] for move in said if move.kind == "nrpn14"] == [(129, 100 << 7 | 5), (130, 7), (129, 100 << 7 | 6)]


def test_without_a_selected_nrpn_cc_6_is_a_plain_control():
    rig = Rig(Binding("cc", None, 6, row="post.hue", takeover="jump"))
    assert rig.cc(6, 127)["post.hue"] == 180.0
    rig.cc(99, 127), rig.cc(98, 127)  # the null parameter
    assert rig.cc(6, 0)["post.hue"] == -180.0


def test_pitch_bend_is_a_fine_control():
    rig = Rig(Binding("bend", 1, 0, row="show.master", takeover="jump"))
    assert rig.send("pitchwheel", pitch=-8192)["show.master"] == 0.0
    assert rig.send("pitchwheel", pitch=8191)["show.master"] == 1.0


@pytest.mark.parametrize("coarse, fine", ((121, 0), (87, 3), (63, 0), (0, 5), (0, 1)))
@pytest.mark.parametrize("presets", (12, 130))
def test_a_bank_that_has_no_such_preset_leaves_the_program_its_number(coarse, fine, presets):
    """Keyboards and DAWs select a bank of their own sounds before each program."""
    rig = Rig(presets=lambda: presets)
    rig.cc(0, coarse), rig.cc(32, fine)
    for program in (0, 5, 127):
        rig.send("program_change", program=program)
    assert [number for _, number in rig.commands] == [129 if (coarse, fine) == (0, 1) and presets == 130 else 1, 6, 128]


def test_how_many_presets_there_are_is_asked_only_where_a_bank_is_selected():
    rig = Rig(presets=None)
    for program in (0, 127):
        rig.send("program_change", program=program)
    assert rig.commands == [("preset.load", 1), ("preset.load", 128)]


def test_a_box_recalls_in_the_banks_that_the_show_has():
    midi, ports, _, commands, _ = bench(presets=lambda: 200)
    ports.there = ["keyboard"]
    midi.plug()
    ports.play(midi, [0xB0, 0, 121], [0xB0, 32, 0], [0xC0, 2], [0xB0, 0, 0], [0xB0, 32, 1], [0xC0, 2])
    assert commands == [("preset.load", 3), ("preset.load", 131)]


def test_program_change_recalls_in_its_bank():
    rig = Rig(presets=lambda: 131)
    rig.send("program_change", program=0)
    rig.cc(32, 1)
    rig.send("program_change", program=2)
    assert rig.commands == [("preset.load", 1), ("preset.load", 131)]


@pytest.mark.parametrize("number", [120, 123])
def test_all_off_is_a_panic_that_nobody_pressed(number):
    rig = Rig()
    rig.cc(number, 0)
    assert rig.commands == [("show.calm", None)]


def test_a_note_fires_once_and_velocity_zero_is_a_release():
    rig = Rig(Binding("note", None, 40, command="tap"), Binding("note", None, 41, preset=7),
              Binding("note", None, 42, row="show.freeze", mode="hold"))
    for velocity in (100, 0):
        rig.send("note_on", note=40, velocity=velocity)
        rig.send("note_on", note=41, velocity=velocity)
    assert rig.commands == [("tap", None), ("preset.load", 7)]
    assert rig.send("note_on", note=42, velocity=1)["show.freeze"] == 1
    assert rig.send("note_off", note=42)["show.freeze"] == 0


@pytest.mark.parametrize("kind", ("note", "cc"))
def test_a_pad_that_teaches_tells_when_it_is_let_go(kind):
    rig = Rig(Binding(kind, None, 40, command="teach.start"), Binding(kind, None, 41, command="tap"))
    for value in (100, 0, 0):
        for number in (40, 41):
            rig.mapping.act(Move(kind, 1, number, value), 0.0)
    assert rig.commands == [("teach.start", None), ("tap", None), ("teach.release", None)]


HOLD = Binding("note", None, 60, row="zoom.speed", mode="hold")


def pad(rig, *velocities, note=60):
    for velocity in velocities:
        values = rig.send("note_on", note=note, velocity=velocity)
    return values["zoom.speed"]


def test_a_row_that_is_held_goes_back_to_where_it_was():
    rig = Rig(HOLD, values={"zoom.speed": -0.5})
    assert pad(rig, 100) == BY_NAME["zoom.speed"].hi and pad(rig, 0) == -0.5
    assert pad(rig, 100, 90, 0) == -0.5  # hit again before it was let go
    for velocity in (100, 0):  # both within a frame
        rig.mapping.receive(mido.Message("note_on", note=60, velocity=velocity), 0.0)
    assert rig.control.frame()["zoom.speed"] == -0.5


def test_a_pad_that_bounces_within_a_frame_holds_no_row_for_good():
    rig = Rig(HOLD, values={"zoom.speed": -0.5})
    pad(rig, 100)
    for velocity in (0, 100):
        rig.mapping.receive(mido.Message("note_on", note=60, velocity=velocity), 0.0)
    assert rig.control.frame()["zoom.speed"] == BY_NAME["zoom.speed"].hi and pad(rig, 0) == -0.5


def test_what_was_changed_while_it_was_held_stays_changed():
    rig = Rig(HOLD)
    pad(rig, 100)
    rig.control.apply({"zoom.speed": 1.25})
    assert pad(rig, 0) == 1.25


@pytest.mark.parametrize("first, second", [(60, 61), (61, 60)])
def test_two_pads_that_hold_a_row_leave_it_where_it_was(first, second):
    rig = Rig(HOLD, replace(HOLD, number=61))
    pad(rig, 100), pad(rig, 100, note=61)
    pad(rig, 0, note=first)
    assert pad(rig, 0, note=second) == DEFAULTS["zoom.speed"]


def test_a_pad_that_is_hit_again_while_something_is_learned_is_not_let_go():
    rig = Rig(Binding("note", None, 40, command="teach.start"))
    rig.send("note_on", note=40, velocity=100)
    rig.mapping.overhear(Move("note", 1, 40, 90), 1.0)
    assert rig.commands == [("teach.start", None)]
    rig.mapping.overhear(Move("note", 1, 40, 0), 1.0)
    assert rig.commands == [("teach.start", None), ("teach.release", None)]


@pytest.mark.parametrize("target", [{"row": "show.blackout"}, {"command": "tap", "mode": "press"}])
def test_a_fine_control_as_a_button_is_pressed_beyond_its_middle(target):
    rig = Rig(Binding("bend", 1, 0, **target))
    for pitch, pressed in ((-8192, False), (-4000, False), (4000, True), (-8192, False)):
        before = len(rig.commands)
        values = rig.send("pitchwheel", pitch=pitch)
        assert (values["show.blackout"] == 1.0 or len(rig.commands) > before) == pressed


def test_when_a_row_was_last_moved_is_known():
    rig = Rig()
    rig.send("control_change", 3.5, control=BY_NAME["show.blackout"].cc, value=127)
    assert rig.mapping.touched == {"show.blackout": 3.5}


def test_a_pad_that_teaches_is_let_go_when_its_box_is_unplugged():
    rig = Rig(Binding("note", None, 40, command="teach.start"))
    rig.send("note_on", note=40, velocity=100)
    rig.mapping.let_all_go(1.0)
    assert rig.commands == [("teach.start", None), ("teach.release", None)]


def test_a_pressed_row_steps_on_and_wraps():
    rig = Rig(Binding("note", None, 40, row="zoom.mode", mode="press"))
    seen = [rig.send("note_on", note=40, velocity=100)["zoom.mode"] for _ in range(7)]
    assert seen == [1, 2, 3, 4, 5, 6, 0]


def test_pressed_twice_within_a_frame_a_row_steps_on_twice():
    rig = Rig(Binding("note", None, 40, row="zoom.mode", mode="press"))
    for velocity in (100, 0, 90):
        rig.mapping.receive(mido.Message("note_on", note=40, velocity=velocity), 0.0)
    assert rig.control.frame()["zoom.mode"] == 2.0


def test_every_hit_of_a_pad_that_never_says_it_was_released_counts():
    rig = Rig(Binding("note", None, 40, preset=2))
    for velocity in (100, 87, 93, 93, 70):
        rig.send("note_on", note=40, velocity=velocity)
    assert rig.commands == [("preset.load", 2)] * 5


def test_what_was_learned_for_a_channel_plays_beside_a_fine_control_for_all():
    fine, coarse = Binding("cc14", None, 20, row="post.hue", takeover="jump"), Binding("cc", None, 20, row="post.grain", takeover="jump")
    rig = Rig(fine, coarse, replace(coarse, channel=1, row="post.bloom"))
    assert rig.cc(20, 127)["post.bloom"] == BY_NAME["post.bloom"].hi
    rig.cc(20, 127, channel=1)
    values = rig.cc(52, 127, channel=1)
    assert values["post.hue"] == BY_NAME["post.hue"].hi and values["post.grain"] == DEFAULTS["post.grain"]


def test_a_fine_control_silences_a_coarse_one_of_its_channel():
    rig = Rig(Binding("cc", 1, 5, row="post.hue", takeover="jump"), Binding("cc14", 1, 5, row="post.bloom", takeover="jump"))
    rig.cc(5, 127)
    values = rig.cc(37, 127)
    assert values["post.hue"] == DEFAULTS["post.hue"] and values["post.bloom"] == BY_NAME["post.bloom"].hi


def test_a_cc_button_fires_at_half_once_per_press():
    rig = Rig(Binding("cc", None, 20, command="tap", mode="press"))
    for value in (10, 63, 64, 90, 127, 0, 127, 127):  # a sweep, a press, a pad that never says it was released
        rig.cc(20, value)
    assert len(rig.commands) == 3


def test_default_puts_a_row_back():
    rig = Rig(Binding("note", None, 1, row="post.hue", mode="default"), values={"post.hue": 90})
    assert rig.send("note_on", note=1, velocity=9)["post.hue"] == 0


def test_clock_messages_are_handed_on():
    rig = Rig()
    for kind in ("start", "clock", "stop"):
        rig.send(kind)
    rig.send("songpos", pos=16)
    assert [(kind, place) for kind, _, place in rig.clock] == [("start", 0), ("clock", 0), ("stop", 0), ("songpos", 16)]


def test_unbound_controls_do_nothing():
    rig = Rig()
    for number in set(range(32, 120)) - {row.cc for row in PARAMS}:
        rig.cc(number, 100)
    rig.send("note_on", note=3), rig.send("aftertouch"), rig.send("polytouch")
    rig.send("sysex", data=[1, 2]), rig.send("active_sensing"), rig.send("reset")
    assert (rig.control.frame(), rig.commands) == (DEFAULTS, [])


# Learning

def learned(messages, **target):
    learner, decoder = Learner(**target), Decoder()
    for kind, fields in messages:
        for move in decoder.moves(mido.Message(kind, **fields)):
            if binding := learner.hear(move):
                return binding
    return None


def ccs(number, *values):
    return [("control_change", {"control": number, "value": value}) for value in values]


def test_learning_a_knob_an_encoder_a_pair_a_note_and_a_button():
    assert learned(ccs(3, 60, 59, 58), row="post.hue") == Binding("cc", 1, 3, row="post.hue")
    assert learned(ccs(3, 127, 127, 127), row="post.hue").mode == "twos_complement"
    pair = [message for value in (3, 2, 1) for message in ccs(5, value) + ccs(37, 9 * value)]
    assert learned(pair, row="post.hue") == Binding("cc14", 1, 5, row="post.hue")
    note = [("note_on", {"note": 50, "velocity": velocity}) for velocity in (9, 0)]
    assert learned(note, preset=3) == Binding("note", 1, 50, preset=3, mode="press")
    assert learned(ccs(9, 127), command="tap") == Binding("cc", 1, 9, command="tap", mode="press")
    assert learned(ccs(9, 10, 30, 63), command="tap") is None  # not pressed yet
    assert learned(note, row="post.hue") == Binding("note", 1, 50, row="post.hue", mode="default")
    assert learned([("pitchwheel", {"pitch": 9})], row="post.hue") == Binding("bend", 1, 0, row="post.hue")
    assert learned(ccs(9, 127), row="show.blackout").mode == "press"
    assert learned(ccs(9, 127, 0), row="dream.octaves").mode == "press"
    select = ccs(99, 1) + ccs(98, 2)
    assert learned(select + ccs(6, 5, 6, 7), row="post.hue") == Binding("nrpn", 1, 130, row="post.hue")


def notes(number, *velocities):
    return [("note_on", {"note": number, "velocity": velocity}) for velocity in velocities]


def bends(*pitches):
    return [("pitchwheel", {"pitch": pitch}) for pitch in pitches]


@pytest.mark.parametrize("moved, control", [
    (bends(-192), Binding("bend", 1, 0)), (ccs(71, 60, 61, 62), Binding("cc", 1, 71)),
    (ccs(99, 1) + ccs(98, 2) + ccs(6, 5, 6, 7), Binding("nrpn", 1, 130)),
])
def test_the_touch_of_a_fader_is_no_button(moved, control):
    assert learned(notes(104, 127) + moved + notes(104, 0), row="post.hue") == replace(control, row="post.hue")


def test_a_touch_with_a_move_too_short_to_be_understood_is_nothing_yet():
    said = notes(104, 127) + ccs(71, 30) + notes(104, 0, 127)
    assert learned(said, row="post.hue") is None
    assert learned(said + ccs(71, 31, 32), row="post.hue") == Binding("cc", 1, 71, row="post.hue")


@pytest.mark.parametrize("velocities", [(9, 0), (9, 80)])
def test_a_pad_is_a_button_when_it_is_let_go_or_hit_again(velocities):
    assert learned(notes(50, velocities[0]), row="post.hue") is None
    assert learned(notes(50, *velocities), row="post.hue") == Binding("note", 1, 50, row="post.hue", mode="default")


@pytest.mark.parametrize("target", [{"command": "tap"}, {"preset": 3}, {"row": "show.blackout"}])
def test_where_only_a_button_can_be_meant_a_pad_answers_at_once(target):
    assert learned(notes(50, 9), **target) == Binding("note", 1, 50, **target, mode="press")


def test_two_boxes_that_send_the_same_are_not_mixed():
    midi, ports, *_ = bench()
    ports.there = ["a", "b"]
    midi.plug()
    midi.learn(row="post.hue")
    for value, device in ((70, "a"), (69, "b"), (68, "a")):
        midi._receive(midi._devices[device], [0xB0, 3, value], 0.0)
    assert midi.learning


def fine_ccs(number, values):
    """A 14-bit knob that sends its coarse half only when that changes."""
    last, said = None, []
    for value in values:
        said += ccs(number, value >> 7) * (value >> 7 != last) + ccs(number + 32, value & 127)
        last = value >> 7
    return said


@pytest.mark.parametrize("step", (7, -7, 16, 100, -300))
@pytest.mark.parametrize("before", (0, 1, 5))
def test_a_fine_knob_that_spares_its_coarse_half_is_learned_as_one(step, before):
    """Also where the coarse half was sent before the learning began."""
    said = fine_ccs(20, range(8000, max(8000 + 60 * step, 0), step))
    decoder, learner = Decoder(), Learner(row="post.hue")
    moves = [decoder.moves(mido.Message(kind, **fields)) for kind, fields in said]
    found = filter(None, (learner.hear(move) for heard in moves[before:] for move in heard))
    assert next(found) == Binding("cc14", 1, 20, row="post.hue")


def test_a_knob_32_above_one_that_was_turned_before_is_learned_as_itself():
    decoder, learner = Decoder(), Learner(row="post.hue")
    decoder.moves(mido.Message("control_change", control=20, value=5))
    moves = (move for value in range(100) for move in decoder.moves(mido.Message("control_change", control=52, value=value)))
    assert next(filter(None, map(learner.hear, moves))) == Binding("cc", 1, 52, row="post.hue")


def test_a_fine_half_that_goes_from_the_top_to_the_bottom_is_no_button():
    assert learned(ccs(20, 64) + ccs(52, 127) + ccs(20, 65) + ccs(52, 0, 1, 2, 3), row="post.hue").kind == "cc14"


@pytest.mark.parametrize("row", [row for row in PARAMS if row.labels and row.labels != SWITCH], ids=lambda row: row.name)
def test_a_pad_that_says_only_127_steps_through_the_labels(row):
    binding = learned(ccs(9, 127, 127, 127), row=row.name)
    assert binding == Binding("cc", 1, 9, row=row.name, mode="press")
    rig = Rig(binding)
    seen = [rig.cc(9, 127)[row.name] for _ in row.labels]
    assert seen == [row.lo + (row.default - row.lo + step) % len(row.labels) for step in range(1, len(row.labels) + 1)]


def test_an_encoder_is_no_pad():
    """Where there are no labels to step through, or where it says more than one thing."""
    assert learned(ccs(9, 127, 127, 127), row="dream.octaves").mode == "twos_complement"
    assert learned(ccs(9, 127, 126, 127, 127), row="zoom.mode").mode == "twos_complement"
    assert learned(ccs(9, 65, 65, 65), row="zoom.mode").mode == "signed_bit"


def test_learning_an_unknown_row_is_refused():
    with pytest.raises(ValueError, match="post.hoe"):
        Learner(row="post.hoe")


# Devices that come and go

class Bench:
    """Ports of a machine that exists only here."""

    def __init__(self):
        self.there, self.played, self.sent = [], [], []
        self.held = "broken"  # part of the names that do not open

    def names(self):
        return list(self.there)

    def listen(self, name):
        if self.held in name:
            raise OSError(f"MIDI: cannot open {name}")
        return self

    def read(self, now):
        heard, self.played = [(data, now) for data in self.played], []
        return heard

    def play(self, midi, *messages):
        self.played += messages
        midi.hear()

    def speak(self, matches, port):
        return self

    def send(self, data):
        self.sent.append(tuple(data))

    def close(self):
        pass


def bench(**options):
    control, commands, notices, ports = Control(), [], [], Bench()
    midi = Midi(control.submit, lambda *command: commands.append(command), control.frame, ports=ports,
                notice=notices.append, now=lambda: 0.0, **options)
    return midi, ports, control, commands, notices


def test_a_device_is_opened_lost_and_found_again():
    midi, ports, _, _, notices = bench()
    for _ in range(2):
        ports.there = ["nanoKONTROL2:nanoKONTROL2 MIDI 1 24:0"]
        midi.plug()
        midi.plug()
        assert [name for _, name in midi.devices()] == ["Korg nanoKONTROL2"]
        ports.play(midi, [0xB0, 7, 127])
        ports.there = []
        midi.plug()
        assert midi.devices() == []
    assert len(notices) == 4 and "gone" in notices[1]


def test_a_device_plugged_out_and_in_between_two_looks_is_opened_anew(monkeypatch):
    midi, ports, _, _, notices = bench()
    ports.there, birth = ["nanoKONTROL2:nanoKONTROL2 MIDI 1 24:0"], [7]
    monkeypatch.setattr("instrument.midi.devices.born", lambda port: birth[0])
    midi.plug(), midi.plug()
    birth[0] = 8
    midi.plug(), midi.plug()
    assert len(midi.devices()) == 1 and ["gone" in notice for notice in notices] == [False, True, False]


def test_a_card_tells_when_its_box_was_plugged_in(monkeypatch, tmp_path):
    (tmp_path / "card2").mkdir()
    monkeypatch.setattr("instrument.midi.ports.CARD", str(tmp_path / "card{}"))
    first = born("nanoKONTROL2:nanoKONTROL2 MIDI 1 24:0")
    assert first is not None and first == born("nanoKONTROL2:nanoKONTROL2 MIDI 2 24:1")
    assert born("FLUID Synth:port 128:0") is born("nanoKONTROL2 1") is None



def test_a_port_that_does_not_open_is_said_once_and_tried_when_it_returns():
    midi, ports, _, _, notices = bench()
    ports.there = ["broken"]
    midi.plug(), midi.plug()
    assert notices == ["MIDI: cannot open broken"]
    ports.there = []
    midi.plug()
    ports.there = ["broken"]
    midi.plug()
    assert len(notices) == 2


def test_a_port_that_another_program_held_is_opened_once_it_is_free():
    """Windows lends a MIDI port to one program only: that one may end during the show."""
    ports, notices, time = Bench(), [], [0.0]
    midi = Midi(lambda edits: None, lambda *command: None, lambda: DEFAULTS, ports=ports, notice=notices.append, now=lambda: time[0])
    ports.there, ports.held = ["box"], "box"
    for time[0] in (0.0, 2.0, 2.0 + AGAIN):
        midi.plug()
    assert len(notices) == 1 and not midi.devices()
    ports.held = "nothing"
    time[0] += 1.0
    midi.plug()
    assert not midi.devices()
    time[0] += AGAIN
    midi.plug()
    assert len(midi.devices()) == 1 and len(notices) == 2


def test_malformed_messages_are_survived():
    midi, ports, *_ = bench()
    ports.there = ["x"]
    midi.plug()
    ports.play(midi, [0xB0, 7], [0xB0, 7, 1])
    assert midi.malformed == 1


class Driver:
    """An open port of rtmidi with messages that wait, each with the seconds since the one before."""

    def __init__(self, *after):
        self._waiting = [([0xF8], seconds) for seconds in after]

    def get_message(self):
        return self._waiting.pop(0) if self._waiting else None


def test_messages_that_waited_keep_the_distances_of_their_driver():
    ear = Ear(Driver(0.0, 0.004, 0.005))
    assert [when for _, when in ear.read(10.0)] == pytest.approx([9.99, 9.994, 9.999])
    assert ear.read(10.002) == []


@pytest.mark.parametrize("seed", range(20))
def test_no_message_is_from_the_future_or_long_ago(seed):
    chance = random.Random(seed)
    now, after = chance.uniform(0, 1e5), [chance.expovariate(100) for _ in range(20)]
    times = [when for _, when in Ear(Driver(*after)).read(now)]
    assert times == sorted(times) and all(now - LATE <= when <= now for when in times)


class Changing:
    """A list of ports from which one goes while it is read."""

    def __init__(self, failures):
        self.failures = failures

    def get_ports(self):
        import rtmidi

        self.failures -= 1
        if self.failures >= 0:
            raise rtmidi.InvalidPortError("gone")
        return ["box"]


def test_a_port_that_goes_while_they_are_listed_takes_no_other_with_it():
    rtmidi = pytest.importorskip("rtmidi")
    assert listed(Changing(3)) == ["box"]
    with pytest.raises(rtmidi.InvalidPortError):
        listed(Changing(99))


def teach_hue(midi, ports, port="box"):
    """Plug a box in and let its CC 3 be learned for the hue."""
    ports.there = [port]
    midi.plug()
    midi.learn(row="post.hue")
    ports.play(midi, *([0xB0, 3, value] for value in (70, 69, 68)))


@pytest.mark.parametrize("system, ports", (("linux", ("APC MINI:APC MINI MIDI 1 20:0", "APC MINI:APC MINI MIDI 1 32:0")),
                                           ("win32", ("APC MINI 0", "2- APC MINI 3")), ("darwin", ("APC MINI", "APC MINI"))))
def test_a_box_is_the_same_wherever_it_comes_in_the_list(monkeypatch, system, ports):
    """RtMidi puts the place in the list behind each name on Windows: another box must not cost what was learned for this."""
    monkeypatch.setattr(sys, "platform", system)
    assert len({device_name(port) for port in ports}) == 1


def test_ports_of_one_name_are_told_apart_and_are_the_same_box():
    names = apart(["box", "other", "box", "box"])
    assert names == ["box", "other", "box #2", "box #3"]
    assert {device_name(name) for name in names} == {"box", "other"}


def test_the_clock_says_by_which_port_it_came():
    heard = []
    midi, ports, *_ = bench(clock=lambda *tick: heard.append(tick))
    ports.there = ["box"]
    midi.plug()
    ports.play(midi, [0xFA], [0xF2, 8, 0])
    assert [(kind, port, place) for kind, _, port, place in heard] == [("start", "box", 0), ("songpos", "box", 8)]


def test_a_hand_written_change_of_the_file_is_kept_and_acts_with_what_is_learned_next(tmp_path):
    own = tmp_path / "midi.toml"
    midi, ports, control, *_ = bench(own=own)
    teach_hue(midi, ports)
    changed_later(own, own.read_text().replace('"absolute"', '"twos_complement"'))
    midi.learn(row="post.gamma")
    ports.play(midi, *([0xB0, 4, value] for value in (70, 69, 68)))
    assert {binding.row: binding.mode for binding in profiles.Own(own).of("box")} == {
        "post.hue": "twos_complement", "post.gamma": "absolute"}
    ports.play(midi, [0xB0, 3, 1])
    assert control.frame()["post.hue"] > 0


def test_what_was_written_meanwhile_is_counted_when_it_is_forgotten(tmp_path):
    own = tmp_path / "midi.toml"
    midi, ports, _, _, notices = bench(own=own)
    teach_hue(midi, ports)
    changed_later(own, own.read_text() + own.read_text().replace("number = 3", "number = 5"))
    midi.forget("post.hue")
    midi.hear()
    assert notices[-1] == "MIDI: forgot 2 controls of post.hue"


def test_a_file_damaged_meanwhile_stays_as_it_is_and_what_is_learned_acts(tmp_path):
    own = tmp_path / "midi.toml"
    midi, ports, control, _, notices = bench(own=own)
    teach_hue(midi, ports)
    changed_later(own, "[[binding")
    midi.learn(row="post.gamma")
    ports.play(midi, *([0xB0, 4, value] for value in (70, 69, 68, 0, 127)))
    assert own.read_text() == "[[binding" and any("not kept for next time" in notice for notice in notices)
    assert control.frame()["post.gamma"] == BY_NAME["post.gamma"].hi


def changed_later(path, text):
    path.write_text(text)
    later = path.stat().st_mtime + 10  # as a person would: file systems may count in whole seconds
    os.utime(path, (later, later))


def test_a_fine_control_and_its_halves_are_one(tmp_path):
    own = profiles.Own()
    for binding in (Binding("cc", 1, 60, row="post.hue"), Binding("cc14", 1, 28, row="zoom.speed"),
                    Binding("cc", 2, 60, row="post.gamma")):
        own.add("box", binding)
    assert [binding.row for binding in own.of("box")] == ["zoom.speed", "post.gamma"]


def test_what_is_learned_acts_at_once_and_is_kept_in_a_file(tmp_path):
    own = tmp_path / "midi.toml"
    midi, ports, control, _, _ = bench(own=own)
    teach_hue(midi, ports, "box 20:0")
    assert not midi.learning and control.frame()["post.hue"] == 0.0
    again, ports, control, _, _ = bench(own=own)
    ports.there = ["box 28:0"]  # another number after plugging in again
    again.plug()
    ports.play(again, *([0xB0, 3, value] for value in (64, 127)))
    assert control.frame()["post.hue"] == 180.0


def test_what_was_learned_can_be_forgotten_and_the_numbers_of_the_box_stay(tmp_path):
    own = tmp_path / "midi.toml"
    midi, ports, control, _, notices = bench(own=own)
    teach_hue(midi, ports)
    assert notices[-1] == "MIDI: CC 3, channel 1 plays post.hue now (absolute)"
    assert midi.controls("post.hue") == ["CC 48", "CC 3, channel 1"]
    midi.forget("post.hue")
    ports.play(midi, [0xB0, 3, 64], [0xB0, 3, 127])
    assert notices[-1] == "MIDI: forgot 1 control of post.hue" and control.frame()["post.hue"] == DEFAULTS["post.hue"]
    assert midi.controls("post.hue") == ["CC 48"] and profiles.Own(own).of("box") == []
    midi.forget("post.hue")
    midi.hear()
    assert "nothing was learned" in notices[-1]


def test_a_knob_that_was_forgotten_or_taken_for_another_row_gives_no_hint():
    midi, ports, _, _, _ = bench()
    ports.there = ["box"]
    midi.plug()
    midi.learn(row="post.hue")
    ports.play(midi, *([0xB0, 3, value] for value in (70, 69, 68)), [0xB0, 3, 10], [0xB0, 15, 0])
    others = {row: way for row, way in midi.hints().items() if row != "post.hue"}
    assert midi.hints()["post.hue"] == "up" and others
    midi.forget("post.hue")
    midi.hear()
    assert midi.hints() == others


def test_what_waits_for_a_control_gives_up_by_itself():
    midi, ports, control, _, notices = bench()
    ports.there = ["box"]
    midi.round()
    midi.learn(row="post.hue")
    for now, waits in ((GIVEN_UP - 0.1, True), (GIVEN_UP, False), (GIVEN_UP + 1, False)):
        midi._now = lambda now=now: now
        midi.round()
        assert midi.learning == waits
    assert len([notice for notice in notices if "gave up learning" in notice]) == 1
    ports.play(midi, [0xB0, 48, 64], [0xB0, 48, 127])
    assert control.frame()["post.hue"] == 180.0


def test_a_program_change_plays_while_something_is_learned():
    midi, ports, _, commands, _ = bench(presets=lambda: 200)
    ports.there = ["box"]
    midi.plug()
    midi.learn(row="post.hue")
    ports.play(midi, [0xC0, 4], [0xB0, 0, 0], [0xB0, 32, 1], [0xC0, 4])
    assert commands == [("preset.load", 5), ("preset.load", 133)] and midi.learning


@pytest.mark.parametrize("meanwhile", ("learning", "unplugged"))
def test_a_pad_that_is_held_is_let_go_whatever_happens_meanwhile(tmp_path, meanwhile):
    own = tmp_path / "midi.toml"
    profiles.Own(own).add("box", Binding("note", None, 42, row="show.blackout", mode="hold"))
    midi, ports, control, _, _ = bench(own=own)
    ports.there = ["box"]
    midi.plug()
    ports.play(midi, [0x90, 42, 100])
    assert control.frame()["show.blackout"] == 1.0
    if meanwhile == "learning":
        midi.learn(row="post.hue")
        ports.play(midi, [0x80, 42, 0])
        assert midi.learning
    else:
        ports.there = []
        midi.plug()
    assert control.frame()["show.blackout"] == 0.0


def test_a_driver_that_fails_is_said_once_and_the_devices_play_on():
    midi, ports, control, _, notices = bench()
    ports.there = ["box"]
    midi.round()
    ports.names = lambda: 1 / 0
    for _ in range(3):
        midi._looked = -POLL
        midi.round()
    assert notices[1:] == ["MIDI: division by zero; plays on"]
    ports.played = [[0xB0, 48, 64], [0xB0, 48, 127]]
    midi.round()
    assert control.frame()["post.hue"] == 180.0


def test_a_driver_that_does_not_answer_does_not_hold_up_the_end(monkeypatch):
    monkeypatch.setattr("instrument.midi.devices.PATIENCE", 0.01)
    midi, ports, *_ = bench()
    asked, gate = threading.Event(), threading.Event()
    ports.names = lambda: asked.set() or gate.wait() and []
    with midi:
        asked.wait()
    gate.set()


def test_what_is_to_be_forgotten_is_answered_without_midi_too(monkeypatch):
    def none(api):
        raise OSError("no MIDI")

    monkeypatch.setattr("instrument.midi.devices.RtPorts", none)
    notices = []
    midi = Midi(None, None, None, notice=notices.append)
    midi.forget("post.hue")
    assert midi.reason and len(notices) == 1 and "nothing was learned for post.hue" in notices[0]


def test_what_cannot_be_kept_plays_all_the_same_and_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    midi, ports, control, _, notices = bench(own=tmp_path / "file" / "midi.toml")
    ports.there = ["box"]
    midi.plug()
    midi.learn(row="post.hue")
    ports.play(midi, *([0xB0, 3, value] for value in (70, 69, 68)), [0xB0, 3, 64], [0xB0, 3, 127])
    assert any("not kept for next time" in notice for notice in notices) and control.frame()["post.hue"] == 180.0


def test_a_damaged_file_of_own_bindings_does_not_end_the_show_and_stays_as_it_is(tmp_path):
    own = tmp_path / "midi.toml"
    own.write_text("[[binding]\n")
    midi, ports, control, _, notices = bench(own=own)
    assert len(notices) == 1 and "midi.toml" in notices[0] and "plays on" in notices[0]
    teach_hue(midi, ports)
    assert midi.controls("post.hue") and own.read_text() == "[[binding]\n"


def test_learning_again_moves_the_binding():
    own = profiles.Own()
    own.add("box", Binding("cc", 1, 3, row="post.hue"))
    own.add("box", Binding("cc", 1, 4, row="post.hue"))
    own.add("box", Binding("cc", 1, 4, row="zoom.speed"))
    own.add("other", Binding("cc", 1, 4, preset=2, mode="press"))
    assert own.of("box") == [Binding("cc", 1, 4, row="zoom.speed")]


@pytest.mark.parametrize("entry, words", (
    ('port = "x"\nkind = "cc"\nnumber = "7"\nrow = "post.hue"', "binding 2: number '7' is no whole number"),
    ('port = "x"\nkind = "cc"\nnumber = 7.5\nrow = "post.hue"', "binding 2: number 7.5 is no whole number"),
    ('port = "x"\nkind = "cc"\nnumber = 7\nchannel = "1"\nrow = "post.hue"', "binding 2: channel '1' is no whole number"),
    ('port = "x"\nnumber = 7\nrow = "post.hue"', "binding 2: kind is missing"),
    ('port = 5\nkind = "cc"\nnumber = 7\nrow = "post.hue"', "binding 2: port 5 is no text")))
def test_a_binding_that_is_wrong_is_named_by_its_number(tmp_path, entry, words):
    own = tmp_path / "midi.toml"
    own.write_text(f'[[binding]]\nport = "x"\nkind = "cc"\nnumber = 2\nrow = "post.hue"\n\n[[binding]]\n{entry}\n')
    with pytest.raises(ValueError, match="midi.toml.*" + re.escape(words)):
        profiles.Own(own)


def test_what_a_player_has_written_beside_bindings_stays_when_another_is_learned(tmp_path):
    path = tmp_path / "midi.toml"
    path.write_text('# my box\n[[binding]]  # the big one\nport = "box"\nkind = "cc"\nnumber = 2\nrow = "post.hue"\n\n'
                    '# never in the dark\n[[binding]]\nport = "box"\nkind = "cc"\nnumber = 3\nrow = "post.gamma"\n')
    own = profiles.Own(path)
    own.add("box", Binding("cc", 1, 9, row="post.gamma"))
    text = path.read_text()
    assert "# my box" in text and "# the big one" in text and "number = 3" not in text
    assert [binding.number for binding in profiles.Own(path).of("box")] == [2, 9]


@pytest.mark.parametrize("text", ("", "binding = []\n", 'binding = [{port = "box", kind = "cc", number = 2, row = "post.hue"}]\n'))
def test_whatever_way_a_player_writes_them_what_is_learned_can_be_read_again(tmp_path, text):
    path = tmp_path / "midi.toml"
    path.write_text(text)
    for number, row in ((9, "post.gamma"), (11, "zoom.speed")):
        profiles.Own(path).add("box", Binding("cc", 1, number, row=row))
    assert [binding.number for binding in profiles.Own(path).of("box")] == [2] * ("port" in text) + [9, 11]


def test_a_damaged_file_of_own_bindings_is_explained(tmp_path):
    own = tmp_path / "midi.toml"
    for text in ("[[binding]\n", '[[binding]]\nport = "x"\nkind = "cc"\nnumber = 200\nrow = "post.hue"\n',
                 '[[binding]]\nkind = "cc"\nnumber = 2\n', '[[binding]]\nport = "x"\nknob = 1\n'):
        own.write_text(text)
        with pytest.raises(ValueError, match="midi.toml"):
            profiles.Own(own)


def test_the_thread_hears_what_a_device_sends():
    edits, notices, ports, control = queue.SimpleQueue(), queue.SimpleQueue(), Bench(), Control()
    ports.there = ["box"]
    with Midi(edits.put, print, control.frame, ports=ports, notice=notices.put):
        notices.get(timeout=60)
        ports.played = [[0xB0, 45, 127], [0xB0, 45, 0]]
        assert edits.get(timeout=60) == {"zoom.echo": 0.0}


# Profiles

@pytest.mark.parametrize("profile", SHIPPED, ids=lambda profile: profile.name)
def test_a_shipped_profile_binds_what_exists(profile):
    assert all(binding.check() for binding in profile.bindings)
    rows = {binding.row for binding in profile.bindings}
    assert rows & {"dream.octaves"} and rows & {"dream.layer"} and rows & {"show.blackout"}
    assert {binding.preset for binding in profile.bindings} >= set(range(1, 9))


@pytest.mark.parametrize("profile", SHIPPED, ids=lambda profile: profile.name)
def test_a_pad_of_each_box_that_has_one_left_teaches_while_it_is_held(profile):
    pads = [binding for binding in profile.bindings if binding.command == "teach.start"]
    assert len(pads) == (bool(profile.ports) and "MIDImix" not in profile.name)  # any other box might be a keyboard
    rig = Rig(*profile.bindings)
    for pad in pads:
        for value in (127, 0):
            rig.mapping.act(Move(pad.kind, pad.channel or 1, pad.number, value), 0.0)
        assert rig.commands == [("teach.start", None), ("teach.release", None)]


@pytest.mark.parametrize("profile", SHIPPED, ids=lambda profile: profile.name)
def test_lamps_say_everything_once_then_only_what_changes(profile):
    sent = []
    lamps = profiles.Lights(profile.lights, sent.append)
    lamps.show(DEFAULTS, 1)
    assert len(sent) == len({(status, number) for status, number, _ in sent}) == len(profile.lights)
    assert all(0x90 <= status <= 0xBF and 0 <= number < 128 and 0 <= level < 128 for status, number, level in sent)
    del sent[:]
    lamps.show(DEFAULTS, 1)
    assert sent == []
    lamps.show(DEFAULTS, 2)
    assert len(sent) == (2 if profile.lights else 0)


def test_a_ring_is_left_alone_while_a_finger_turns_it():
    profile = next(profile for profile in SHIPPED if "X-Touch" in profile.name)
    sent = []
    lamps = profiles.Lights(profile.lights, sent.append)
    lamps.show(DEFAULTS)
    del sent[:]
    turned = {**DEFAULTS, "dream.octaves": 6.0}
    lamps.show(turned, busy=["dream.octaves"])
    assert sent == []
    lamps.show(turned)
    assert sent == [(0xBA, 1, 127)]


def test_a_lamp_is_lit_again_when_its_pad_is_let_go():
    """An X-Touch Mini puts it out then."""
    midi, ports, *_ = bench()
    ports.there = ["X-TOUCH MINI"]
    midi.plug()
    midi.preset = 1
    midi.show()
    lamp = (0x90, 0, 1)
    assert lamp in ports.sent
    for said in ([0x9A, 8, 127], [0x8A, 8, 0]):
        ports.sent.clear()
        ports.play(midi, said)
        midi.show()
    assert ports.sent == [lamp]


def test_a_button_that_latches_switches_with_each_press_where_it_is_bound_as_absolute():
    rig = Rig(Binding("cc", None, 20, row="show.blackout"))
    assert [rig.cc(20, value)["show.blackout"] for value in (127, 0, 127, 0)] == [1.0, 0.0] * 2


class Box:
    """A box whose endless knobs stand where they were turned or sent."""

    def __init__(self, name):
        self.profile = next(profile for profile in SHIPPED if name in profile.name)
        self.rig, self.places = Rig(*self.profile.bindings), {}
        self.lamps = profiles.Lights(self.profile.lights, self.hear, self.rig.mapping.put)
        self.rings = [light for light in self.profile.lights if light.ring]

    def hear(self, message):
        status, number, level = message
        self.places[status, number] = level

    def show(self, busy=()):
        self.lamps.show(self.rig.control.frame(), busy=busy)

    def turn(self, light, clicks):
        place = self.places[light.status, light.number] = self.places[light.status, light.number] + clicks
        return self.rig.cc(light.number, place, channel=light.status & 15)[light.binding.row]

    def stands(self, light):
        return self.places[light.status, light.number] / 127


@pytest.mark.parametrize("name", ("APC40", "X-Touch"))
def test_a_knob_that_we_have_moved_goes_on_from_there(name):
    box = Box(name)
    assert box.rings and all(light.moves for light in box.rings)
    for share, clicks in ((0.2, 10), (0.8, -9), (0.2, 10)):  # back to where it was shown before
        for light in box.rings:
            row = BY_NAME[light.binding.row]
            box.rig.control.apply({row.name: row.at(share)})
            box.show()
            assert row.at(box.stands(light)) == pytest.approx(row.at(share), abs=(row.hi - row.lo) / 127)
            assert box.rig.mapping.hints() == {}
            new = box.turn(light, clicks)
            assert new == pytest.approx(row.at(box.stands(light)), abs=(row.hi - row.lo) / 100)
            box.show(busy=[row.name])


def test_a_knob_of_a_row_in_steps_gets_on_however_slowly_it_is_turned():
    box = Box("APC40")
    box.show()
    light = next(light for light in box.rings if light.binding.row == "dream.octaves")
    for _ in range(127 - box.places[light.status, light.number]):
        octaves = box.turn(light, 1)
        box.show()
    assert octaves == 6.0 and box.stands(light) == 1.0


def test_a_knob_that_was_learned_for_another_row_is_not_moved_with_its_first_one():
    box = Box("APC40")
    light = next(light for light in box.rings if light.binding.row == "dream.octaves")
    box.rig.mapping.bind([*box.profile.bindings, Binding("cc", 1, light.number, row="post.grain")])
    box.show()
    assert (light.status, light.number) not in box.places


@pytest.mark.parametrize("profile", SHIPPED, ids=lambda profile: profile.name)
def test_a_lamp_beside_its_control_is_no_other_control(profile):
    """What is sent there would turn that one."""
    for light in profile.lights:
        kind, channel = ("note" if light.status < 0xA0 else "cc"), light.status % 16 + 1
        there = [binding for binding in profile.bindings
                 if binding.channel in (None, channel) and binding.shares(Binding(kind, binding.channel, light.number))]
        assert there in ([], [light.binding])


@pytest.mark.parametrize("port, name", [
    ("Launch Control XL:Launch Control XL MIDI 1 24:0", "Novation Launch Control XL"),
    ("Launch Control XL 3 MIDI", "Any controller"),
    ("MIDI Mix", "Akai MIDImix"),
    ("nanoKONTROL2 SLIDER/KNOB", "Korg nanoKONTROL2"),
    ("X-TOUCH MINI", "Behringer X-Touch Mini"),
    ("APC40 mkII", "Akai APC40 mk2"),
    ("APC mini mk2 Control", "Akai APC mini mk2"),
    ("APC mini mk2 Notes", "Any controller"),
    ("APC mini mk2 0", "Akai APC mini mk2"),  # on Windows, where the second port of a box is called so:
    ("MIDIIN2 (APC mini mk2) 1", "Any controller"),
    ("MIDIIN2 (Launch Control XL) 1", "Any controller"),
    ("a2j:something else", "Any controller"),
])
def test_profiles_are_found_by_port_name(port, name):
    assert profiles.choose(port, SHIPPED).name == name


@pytest.mark.parametrize("text, said", [
    ('name = "x"\n[[control]]\nnumbers = [1]\nrows = ["post.hoe"]', "post.hoe"),
    ('name = "x"\n[[control]]\nnumbers = [1]\ncommands = ["show.boom"]', "show.boom"),
    ('name = "x"\n[[control]]\nnumbers = [1, 2]\nrows = ["post.hue"]', "different lengths"),
    ('name = "x"\n[[control]]\nnumbers = [1, 1]\nrows = ["post.hue", "zoom.speed"]', "bound twice"),
    ('name = "x"\n[[control]]\nnumbers = [200]\nrows = ["post.hue"]', "0 to 127"),
    ('name = "x"\n[[control]]\nnumbers = [1]\nchannels = 17\nrows = ["post.hue"]', "1 to 16"),
    ('name = "x"\n[[control]]\nnumbers = [1]\nmode = "wobble"\nrows = ["post.hue"]', "wobble"),
    ('name = "x"\n[[control]]\nkind = "note"\nnumbers = [1]\nrows = ["post.hue"]', "steps"),
    ('name = "x"\n[[control]]\nnumbers = [1]', "rows, commands or presets"),
    ('name = "x"\ncolour = "red"', "colour"),
    ('ports = []', "name"),
    ('name = ', "x.toml"),
])
def test_a_wrong_profile_is_explained_in_one_line_with_its_file(tmp_path, text, said):
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(ValueError) as error:
        profiles.read(path)
    assert said in str(error.value) and "x.toml" in str(error.value) and "\n" not in str(error.value)


def test_moves_are_known_by_their_control():
    assert Move("cc", 1, 2, 3).key == ("cc", 1, 2)


def test_without_the_driver_package_one_line_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    with pytest.raises(OSError, match="no MIDI: python-rtmidi is not installed.*plays on"):
        RtPorts()


def test_a_missing_library_of_the_system_costs_midi_and_not_the_show(monkeypatch, tmp_path):
    (tmp_path / "rtmidi.py").write_text("raise ImportError('libasound.so.2: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "rtmidi", raising=False)
    with pytest.raises(OSError, match="no MIDI: libasound.so.2: .*apt-get install libasound2.*plays on"):
        RtPorts()


def test_a_button_on_a_switch_works_with_its_first_press():
    rig, cc = Rig(), BY_NAME["show.blackout"].cc
    assert [rig.cc(cc, value)["show.blackout"] for value in (127, 0, 127, 63, 64)] == [1, 0, 1, 0, 1]


class StuckLibrary:
    """A JACK library whose server takes a call and answers only when told to."""

    def __init__(self):
        self.answer, self.calls, self.closed = threading.Event(), 0, []

    def jack_client_open(self, *_):
        self.calls += 1
        self.answer.wait()
        return 7

    def jack_client_close(self, client):
        self.closed.append(client)


def test_a_jack_server_that_is_stuck_is_told_from_one_that_answers():
    library = StuckLibrary()
    door = Door(library)
    assert not door.answers(0) and not door.answers(0)
    assert library.calls == 1  # nobody queues up before it
    library.answer.set()
    assert door.answers() and library.closed == [7]
    assert door.answers() and library.closed == [7, 7]
    assert Door(None).answers()


class LateJack:
    """Both listing clients of rtmidi on a server that lists a new port a moment after it was made, as PipeWire does."""

    def __init__(self):
        self.listed, self.made, self.joined, self.sent = [], [], None, []

    def ignore_types(self, **_):
        pass

    def open_virtual_port(self, name):
        self.made.append(f"hearsee-44:{name}")

    def get_ports(self):
        return self.listed

    def open_port(self, place, name):
        assert self.joined is None
        self.joined = self.listed[place]

    def send_message(self, data):
        if self.joined:
            self.sent.append(data)

    def get_message(self):
        return self.sent.pop() if self.sent else None


def test_a_pulse_is_felt_though_its_port_is_listed_late():
    pytest.importorskip("rtmidi")
    jack = LateJack()
    pulse = Pulse(jack, jack)
    assert pulse.beats() and jack.joined is None
    jack.listed = ["another program:out", *jack.made]
    for _ in range(2 * MISSED):
        assert pulse.beats()
    assert jack.joined == jack.made[0]
    jack.joined = None  # the server ends
    assert [pulse.beats() for _ in range(MISSED + 1)] == [True] * MISSED + [False]


def test_an_unknown_kind_of_control_is_refused():
    with pytest.raises(ValueError, match="unknown kind 'knob'; legal is cc"):
        Binding("knob", None, 1, row="post.hue").check()
