"""Decisions: margin, dwell, gate, hold, unknown and temperature, with time fed in by hand."""

from copy import copy
from itertools import pairwise

import numpy as np
import pytest

from instrument.audio.decide import LONGEST, Decider, answers
from instrument.params import BY_NAME, DEFAULTS

CLASSES = ("bark", "siren", "drill")
STEP = 0.05


def row(**changes):
    values = DEFAULTS | {f"hear.{name}": float(value) for name, value in changes.items()}
    assert set(values) == set(DEFAULTS)
    return values


def logits(winner, strength=6.0):
    return np.eye(len(CLASSES) + 1)[CLASSES.index(winner)] * strength  # the last: none of them


def run(decider, sounds, values=DEFAULTS, level=-20.0, start=0.0):
    """Decisions about a list of class names (None: no answer), one every STEP."""
    return [decider.update(None if name is None else logits(name), level, values, start + STEP * i)
            for i, name in enumerate(sounds)]


def test_the_first_answer_after_silence_counts_at_once():
    decider = Decider(CLASSES)
    first = run(decider, ["siren"])[0]
    assert first.top == 1 and first.changed and first.top_prob > 0.9
    run(decider, [None] * 20, start=1)
    again = run(decider, ["drill"], start=2)[0]
    assert again.top == 2 and again.changed


def test_probabilities_are_probabilities():
    for decision in run(Decider(CLASSES), ["bark", "siren", "drill", None, "bark"]):
        for part in (decision.raw, decision.smooth):
            assert part.shape == (3,) and part.sum() == pytest.approx(1) and (part >= 0).all()


def test_a_steady_sound_changes_the_top_once():
    decisions = run(Decider(CLASSES), ["bark"] * 100)
    assert [d.changed for d in decisions] == [True] + [False] * 99


def test_no_flip_without_the_margin():
    decider, values = Decider(CLASSES), row(margin=0.3, attack=1, release=1, dwell=0, doubt=0, unknown=0)
    run(decider, ["bark"] * 5, values)
    close = np.log([0.4, 0.6, 1e-6, 1e-6])  # siren leads by 0.2 only
    assert decider.update(close, -20, values, 1.0).top == 0
    assert decider.update(np.log([0.3, 0.7, 1e-6, 1e-6]), -20, values, 2.0).top == 1


SHARES = {"bark": (0.8, 0.1, 0.1, 0), "siren leads": (0.3, 0.65, 0.05, 0), "siren clear": (0.1, 0.8, 0.1, 0), "rain": (0, 0, 0.1, 0.9),
          "silence": None}


def tops(said, **changes):
    """Names of the top class after each of the SHARES said, one every STEP, without smoothing."""
    decider, values = Decider(CLASSES), row(attack=1, release=1, dwell=0, margin=0.25, unknown=0.5, **changes)
    told = [decider.update(SHARES[one] and np.log(np.maximum(SHARES[one], 1e-6)), -20, values, STEP * i) for i, one in enumerate(said)]
    return [CLASSES[each.top] for each in told]


@pytest.mark.parametrize("doubt", [0, 300, 500, 2000])
def test_a_lead_in_doubt_counts_once_it_has_lasted(doubt):
    heard = tops(["bark"] * 30 + ["siren leads"] * 60, doubt=doubt)
    assert heard.index("siren") == 30 + round(doubt / 1000 / STEP)


@pytest.mark.parametrize("between", ["bark", "rain"])
def test_a_lead_in_doubt_that_breaks_off_begins_anew(between):
    assert set(tops(["bark"] * 30 + (["siren leads"] * 9 + [between]) * 20, doubt=500)) == {"bark"}


def test_a_clear_lead_counts_at_once():
    assert tops(["bark"] * 30 + ["siren clear"], doubt=5000)[-1] == "siren"


def test_a_sound_that_has_just_begun_is_not_doubted():
    assert tops(["bark"] * 10 + ["siren leads"], doubt=5000)[-1] == "siren"
    assert tops(["bark"] * 30 + ["siren leads"], doubt=5000)[-1] == "bark"


def test_of_what_went_to_and_fro_before_a_silence_nothing_is_held_against_the_next_sound():
    before = ["bark"] * 30 + ["siren leads"] * 15 + ["bark"] * 15
    again = tops([*before, *["silence"] * 9, *["bark"] * 30, *["siren leads"] * 60], doubt=500)[len(before) + 9:]
    assert again.index("siren") == 30 + 10


def test_nothing_that_stays_is_doubted_for_more_than_eight_seconds():
    before = ["bark"] * 30 + ["siren leads"] * 90 + ["bark"] * 15  # it has come back: then it is three times four seconds
    assert tops([*before, *["siren leads"] * 300], doubt=4000)[len(before):].index("siren") == round(LONGEST / STEP)


def test_how_sure_it_was_of_a_sound_does_not_keep_the_next_one_waiting():
    def turns_at(strength):
        decider = Decider(CLASSES)
        for at in range(100):
            decider.update(logits("bark", strength), -20, DEFAULTS, STEP * at)
        return [each.top for each in run(decider, ["siren"] * 100, start=5.0)].index(1)

    assert turns_at(15.0) == turns_at(1500.0) < 40


@pytest.mark.parametrize("dwell", [0, 200, 1000])
def test_a_top_class_stays_for_the_dwell_time(dwell):
    values = row(dwell=dwell, attack=1, release=1)
    sounds = ["bark", "siren"] * 60
    changes = [STEP * i for i, d in enumerate(run(Decider(CLASSES), sounds, values)) if d.changed]
    assert min(np.diff(changes)) >= dwell / 1000 - 1e-9


def test_hold_does_not_bar_the_first_class():
    """Of a show that begins with it, or whose ear was started again."""
    held = run(Decider(CLASSES), ["siren"] * 40, row(hold=1))
    assert held[-1].top == CLASSES.index("siren") and held[-1].top_prob > 0.5


def test_hold_keeps_the_class_while_the_probabilities_move():
    decider = Decider(CLASSES)
    run(decider, ["bark"] * 5)
    held = run(decider, ["siren"] * 40, row(hold=1), start=1)
    assert {d.top for d in held} == {0} and not any(d.changed for d in held)
    assert held[-1].smooth.argmax() == 1 and held[-1].top_prob == held[-1].smooth[0] < 0.1
    assert run(decider, ["siren"], start=4)[0].top == 1


def test_silence_lets_known_fall_to_zero_and_keeps_the_rest():
    decider = Decider(CLASSES)
    before = run(decider, ["bark"] * 40)[-1]
    assert before.known == 1.0
    silence = run(decider, [None] * 100, start=2)
    assert silence[-1].known == 0.0 and silence[-1].top == 0
    assert all(a.known >= b.known for a, b in pairwise(silence))
    np.testing.assert_array_equal(silence[-1].smooth, before.smooth)


UNSURE = np.array([0.0, 0.0, 0.0, 1.5])  # none of them, probably
SURE = np.array([1.7, -9.0, -9.0, 0.0])  # one of them, though not clearly


def heard(decider, answers, levels, start=0.0):
    """Whether each of some answers, one every STEP at these levels, is known."""
    return [decider.update(answer, level, DEFAULTS, start + STEP * at).known > 0.5
            for at, (answer, level) in enumerate(zip(answers, levels, strict=True))]


def test_what_begins_is_known_at_once_and_what_goes_on_unknown_once_it_lasts():
    decider, doubt = Decider(CLASSES), DEFAULTS["hear.doubt"] / 1000
    assert heard(decider, [SURE] * 4, [-40] * 4)[-1]
    decider = Decider(CLASSES)
    hum = [UNSURE] * 60
    blip = [SURE] * round(1.5 * doubt / STEP)
    passed = hum + blip + hum
    assert not any(heard(decider, passed, [-40] * len(passed)))
    assert heard(copy(decider), [logits("bark", 9.0)] * 4, [-40] * 4, start=STEP * len(passed))[-1]  # clearly one
    lasting = heard(decider, [SURE] * 60, [-40] * 60, start=STEP * len(passed))
    assert lasting[-1] and not any(lasting[:round(1.9 * doubt / STEP)])


def turns(*seconds, strength=2.2, knocks=0.0):
    """(how often the top class changes, the share of time in which it is the one that sounds) while two classes take turns, each
    for so many seconds; each second begins so many dB louder than it goes on."""
    decider, sounds = Decider(CLASSES), [at % 2 for at, long in enumerate(seconds) for _ in range(round(long / STEP))]
    decisions = [decider.update(logits(CLASSES[sound], strength), -40 + knocks * (at % round(1 / STEP) < 6), DEFAULTS, STEP * at)
                 for at, sound in enumerate(sounds)]
    return sum(each.changed for each in decisions), np.mean([each.top == sound for each, sound in zip(decisions, sounds, strict=True)])


@pytest.mark.parametrize("knocks", (0.0, 15.0))
def test_what_goes_to_and_fro_is_doubted_the_longer_the_more_often_it_does(knocks):
    assert turns(*[2.0] * 30, knocks=knocks)[0] < 12 and turns(*[2.0] * 3, knocks=knocks)[0] == 3  # of 30


@pytest.mark.parametrize("seconds", (2.0, 3.0, 5.0))
def test_what_is_certain_is_heard_however_often_it_comes_and_goes(seconds):
    assert turns(*[seconds] * 20, strength=8.0)[1] > 0.9


def test_what_stays_is_heard_however_often_it_changed_before():
    assert turns(*[2.0] * 10, 10.0)[0] % 2 == 1  # it ends with the one that stays
    assert turns(*[10.0] * 8)[0] == 8


def test_what_is_louder_at_once_than_the_room_begins_there():
    decider = Decider(CLASSES)
    assert not any(heard(decider, [UNSURE] * 60, [-50, -53] * 30))
    softly = copy(decider)
    assert heard(decider, [SURE] * 20, [-40] * 20, start=3.0)[-1] and not any(heard(softly, [SURE] * 20, [-48] * 20, start=3.0))


@pytest.mark.parametrize("meanwhile, known", [([UNSURE] * 20, False), ([UNSURE] * 500, True), ([None] * 20, True)])
def test_a_bang_is_forgotten_after_a_while_and_after_a_silence(meanwhile, known):
    """What is softer than it does not begin right behind it."""
    decider, hum = Decider(CLASSES), [UNSURE] * 20
    heard(decider, [*hum, *meanwhile], [-10] * 20 + [-50] * len(meanwhile))
    assert heard(decider, [SURE] * 15, [-40] * 15, start=STEP * (20 + len(meanwhile)))[-1] == known


def test_what_is_known_stays_so_while_it_goes_on():
    decider, values = Decider(CLASSES), row(doubt=5000)
    assert min([decider.update(SURE, -40, values, STEP * at).known for at in range(100)][4:]) > 0.5


def test_an_unsure_answer_is_unknown_and_moves_nothing():
    decider, values = Decider(CLASSES), row(unknown=0.6)
    for i in range(100):
        unsure = decider.update(np.array([0.2, 0.1, 0.0, 1.5]), -20, values, STEP * i)
    assert unsure.known == 0.0 and unsure.top == -1 and unsure.top_prob == 0.0


def test_the_answers_are_shares_of_the_classes_and_a_chance_that_it_is_any():
    shares, chance = answers(np.log([[0.1, 0.3, 0.6], [0.45, 0.45, 0.1]]))
    assert np.allclose(shares, [[0.25, 0.75], [0.5, 0.5]]) and np.allclose(chance, [0.4, 0.9])


def test_a_slower_attack_rises_later_and_a_slower_release_falls_later():
    def rise(values):
        decider = Decider(CLASSES)
        run(decider, ["bark"] * 5, values)
        return run(decider, ["siren"] * 4, values, start=0.25)[-1].smooth[1]

    assert rise(row(attack=20, release=50)) > rise(row(attack=500, release=50)) > rise(row(attack=500, release=2000))


@pytest.mark.parametrize("temperature", (0.25, 1.0, 8.0))
@pytest.mark.parametrize("classes", (1, 10))
def test_however_soft_the_answers_are_a_sound_is_known_or_unknown_as_before(temperature, classes):
    for none, sure in ((3.0, 0.0), (-3.0, 1.0)):
        logits = np.append(np.linspace(0.0, 1.0, classes), none + np.log(classes))
        decider, values = Decider([str(each) for each in range(classes)]), row(temperature=temperature)
        for now in range(50):
            decision = decider.update(logits, -10.0, values, now / 20)
        assert decision.known == pytest.approx(sure, abs=0.01)


def test_temperature_softens():
    hot, cold = (run(Decider(CLASSES), ["bark"], row(temperature=t))[0].raw[0] for t in (4, 0.5))
    assert hot < cold


def test_time_that_stands_still_or_goes_back_does_no_harm():
    decider = Decider(CLASSES)
    for now in (5.0, 5.0, 4.0, 6.0):
        decision = decider.update(logits("bark"), -20, DEFAULTS, now)
        assert 0 <= decision.known <= 1 and np.isfinite(decision.smooth).all()


def test_every_hear_row_is_taken_at_both_ends():
    for param in [p for p in BY_NAME.values() if p.group == "hear"]:
        for value in (param.lo, param.hi):
            for decision in run(Decider(CLASSES), ["bark", "siren", None], DEFAULTS | {param.name: value}):
                assert np.isfinite(decision.smooth).all() and 0 <= decision.known <= 1


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_an_answer_that_is_no_number_is_none(broken):
    decider = Decider(CLASSES)
    run(decider, ["siren"] * 20)
    decider.update(np.full(4, broken), -20.0, DEFAULTS, 1.0)
    again = run(decider, ["siren"] * 40, start=1.05)[-1]
    assert again.top == 1 and again.top_prob > 0.9 and again.known == 1.0


@pytest.mark.parametrize("hold", (0, 1))
def test_a_class_taught_or_forgotten_meanwhile_leaves_the_decision(hold):
    values, before = row(hold=hold), Decider(CLASSES)
    last = run(before, ["siren"] * 40)[-1]
    run(before, [], values)
    for classes in (("bark", "siren", "drill", "clap"), ("siren", "drill")):
        after = Decider(classes, before)
        first = after.update(None, -20.0, values, 40 * STEP)
        assert classes[first.top] == "siren" and not first.changed
        assert first.known == pytest.approx(last.known, abs=0.2) and first.smooth.sum() == pytest.approx(1)
    assert Decider(("clap",), before).update(None, -20.0, values, 2.0).top == -1
