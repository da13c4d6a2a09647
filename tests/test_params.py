"""Every row of the tables, by looping over them: a new row needs no new test."""

import re

import pytest

from instrument import features, params
from instrument.modulation import WAVES
from instrument.params import BY_NAME, COMMANDS, DEFAULTS, PARAMS, SOURCES, TARGETS, checked

ROWS = pytest.mark.parametrize("row", PARAMS, ids=lambda row: row.name)
NAME = re.compile(r"[a-z]+(\.[a-z0-9_]+)*")


@ROWS
def test_a_row_is_well_formed(row):
    assert NAME.fullmatch(row.name)
    assert row.lo < row.hi and row.lo <= row.default <= row.hi
    assert row.curve in ("lin", "exp", "step", "circle")
    assert row.lo > 0 or row.curve != "exp"
    assert row.doc.endswith(".") and "\n" not in row.doc
    assert row.cc is None or 0 <= row.cc < 120
    assert not row.labels or (row.curve == "step" and len(row.labels) == row.hi - row.lo + 1)
    assert not row.key or row.curve == "step"


@ROWS
def test_position_and_value_are_inverse(row):
    for place in range(11):
        value = row.at(place / 10)
        assert row.lo <= value <= row.hi
        assert row.at(row.position(value)) == pytest.approx(value, rel=1e-9, abs=1e-12)
        if row.curve != "step":
            assert row.position(value) == pytest.approx(place / 10, abs=1e-9)
    assert (row.at(0), row.at(1)) == (row.lo, row.hi)
    assert (row.at(-3), row.at(3)) == (row.lo, row.hi)


@ROWS
def test_clamp_is_legal_and_stays(row):
    for value in (row.lo - 1e6, row.lo, row.default, row.hi, row.hi + 1e6, "0.7"):
        legal = row.clamp(value)
        assert isinstance(legal, float) and row.lo <= legal <= row.hi
        assert row.clamp(legal) == legal
        assert row.curve != "step" or legal == int(legal)


@ROWS
@pytest.mark.parametrize("odd", [float("nan"), float("inf"), "x", None, [], {}])
def test_what_is_no_number_is_refused_with_name_and_range(row, odd):
    with pytest.raises(ValueError) as error:
        row.clamp(odd)
    assert row.name in str(error.value) and row.range_text() in str(error.value)


@ROWS
def test_text_and_parse_belong_together(row):
    for value in (row.lo, row.default, row.hi):
        text = row.text(row.clamp(value))
        assert text and "\n" not in text
        if row.labels:
            assert row.parse(text) == value
    assert row.parse(str(row.default)) == row.default or row.labels
    with pytest.raises(ValueError, match=re.escape(row.range_text())):
        row.parse(str(row.hi + 1000))


SPELLINGS = ["name", "address", "unit_address", "flag", "uniform"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings_are_unique_and_come_from_the_name(spelling):
    spelled = [getattr(row, spelling) for row in PARAMS]
    assert len(set(spelled)) == len(PARAMS)
    assert all(re.fullmatch(r"[a-z0-9_./-]+", text) for text in spelled)


def test_spellings_of_one_row():
    row = BY_NAME["dream.octave_scale"]
    assert [row.address, row.unit_address, row.flag, row.uniform] == [
        "/hs/dream/octave_scale", "/hs/n/dream/octave_scale", "--dream-octave-scale", "u_dream_octave_scale"]


def test_controllers_and_keys_are_unique():
    ccs = [row.cc for row in PARAMS if row.cc is not None]
    keys = [row.key for row in (*PARAMS, *COMMANDS) if row.key]
    assert len(set(ccs)) == len(ccs)
    assert len(set(keys)) == len(keys)


def test_no_row_sits_on_a_controller_with_a_meaning_of_its_own():
    # Bank select, data entry, increment and decrement, NRPN and RPN, channel mode.
    assert not {row.cc for row in PARAMS} & {0, 6, 32, 38, *range(96, 102), *range(120, 128)}


def test_addresses_of_rows_commands_and_features_do_not_meet():
    addresses = [row.address for row in (*PARAMS, *COMMANDS, *features.FEATURES)]
    assert len(set(addresses)) == len(addresses)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_command_is_well_formed(command):
    assert NAME.fullmatch(command.name) and command.doc.endswith(".")


def test_defaults_are_legal_as_they_are():
    assert checked(DEFAULTS) == DEFAULTS
    assert list(DEFAULTS) == [row.name for row in PARAMS]


def test_an_unknown_name_is_explained():
    with pytest.raises(ValueError, match="did you mean 'post.hue'"):
        checked({"post.hux": 1})
    with pytest.raises(ValueError, match="hearsee params"):
        checked({"qqqq": 1})


def test_old_names_lead_to_rows():
    assert all(new in BY_NAME and old not in BY_NAME for old, new in params.OLD_NAMES.items())


def test_slots_move_what_goes_smoothly():
    assert all(BY_NAME[name].curve != "step" for name in TARGETS)


def test_a_target_keeps_its_number_when_others_come():
    """Patches of TouchDesigner and scripts send numbers."""
    numbers = {"dream.octave_scale": 0, "dream.layer": 1, "dream.wander": 13, "zoom.speed": 14, "post.hue": 19, "post.tint_hue": 31,
               "dream.colour": 32}
    assert {name: TARGETS.index(name) for name in numbers} == numbers
    assert set(SOURCES) == {"off", *features.SOURCE_FEATURES, *WAVES}
    assert set(features.SOURCE_FEATURES.values()) <= set(features.BY_NAME)


@pytest.mark.parametrize("feature", features.FEATURES, ids=lambda feature: feature.name)
def test_a_feature_is_well_formed(feature):
    assert NAME.fullmatch(feature.name) and feature.kind in "fis" and feature.doc.endswith(".")


@pytest.mark.parametrize("given, seconds", [(0.5, "0.5"), (1, "1"), (4.0, "4"), ("2", "2"), ("4.0", "4")])
def test_a_number_is_the_label_that_says_so_where_labels_are_numbers(given, seconds):
    row = BY_NAME["hear.window"]
    assert row.text(row.parse(given)) == f"{seconds} {row.unit}".rstrip()


@pytest.mark.parametrize("given", [3, 0, "3", 0.7, None, 10**400])
def test_a_number_that_is_no_label_is_refused_there(given):
    with pytest.raises(ValueError, match="hear.window: .*legal is 0.5, 1, 2, 4"):
        BY_NAME["hear.window"].parse(given)


def test_large_values_are_read_without_powers_of_ten():
    assert BY_NAME["hear.dwell"].text(1234.4) == "1234 ms" and BY_NAME["hear.dwell"].text(12.34) == "12.3 ms"
