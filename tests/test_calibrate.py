"""How sure a network may be: recordings kept back, and the temperature that suits them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from instrument.audio.frontend import FrontEnd
from instrument.cli.learning import _kept_back as kept_back_line
from instrument.learn.calibrate import EVERY, calibrate, fit_temperature, keep_back
from instrument.learn.dataset import Clip, marks


def clips(label, recordings, takes=3):
    return [Clip(Path(f"{label}/{one}-{take}.wav"), label, 0, f"{label} {one}") for one in range(recordings) for take in range(takes)]


def test_a_recording_is_learnt_or_kept_back_but_never_both():
    learnt, back = keep_back(clips("clap", 10) + clips("bell", 5))
    assert {clip.recording for clip in learnt}.isdisjoint(clip.recording for clip in back)
    assert len(learnt) + len(back) == 45
    for label, recordings in (("clap", 10), ("bell", 5)):
        assert 1 <= len({clip.recording for clip in back if clip.label == label}) <= recordings / 2


@pytest.mark.parametrize("more", [1, 3, 20])
@pytest.mark.parametrize("classes", (("clap", "bell"), ("clap",)))
def test_what_was_kept_back_once_is_kept_back_again_when_there_are_more(classes, more, tmp_path):
    def recorded(many):
        return [clip for label in classes for clip in written(tmp_path, label, many)]

    for count in range(EVERY, 40):
        learnt, before = keep_back(recorded(count))
        after = keep_back(recorded(count + more), marked(learnt), marked(before))[1]
        assert set(before) <= set(after) and not set(after) & set(learnt)


def written(folder, label, many):
    """Clips of that label, a recording each, with something in them."""
    (folder / label).mkdir(exist_ok=True)
    paths = [folder / label / f"{number}.wav" for number in range(many)]
    for path in paths:
        path.write_text(str(path))
    return [Clip(path, label, 0, f"{label} {path.stem}") for path in paths]


def marked(clips):
    return frozenset(mark for clip in clips for mark in marks(clip))


def test_a_fifth_is_kept_back():
    assert 0.15 < len(keep_back(clips("clap", 400, 1))[1]) / 400 < 0.25


def test_a_recording_of_two_classes_is_kept_back_with_both_or_with_none():
    both = [Clip(Path(f"{label}/{one}.wav"), label, 0, str(one)) for one in range(20) for label in ("speech", "dog")[:1 + (one < 17)]]
    learnt, back = keep_back(both)
    assert {clip.label for clip in back} == {"speech", "dog"}
    assert {clip.recording for clip in learnt}.isdisjoint(clip.recording for clip in back)


def test_a_class_of_few_recordings_lends_none_to_another():
    rare = [Clip(Path(f"rare/{one}.wav"), "rare", 0, f"clap {one}") for one in range(EVERY - 1)]
    assert {clip.label for clip in keep_back(clips("clap", 20, 1) + rare)[1]} == {"clap"}
    assert not {clip.recording for clip in keep_back(clips("clap", 20, 1) + rare)[1]} & {clip.recording for clip in rare}


def test_a_class_of_few_recordings_keeps_none_back():
    learnt, back = keep_back(clips("clap", EVERY - 1) + clips("bell", EVERY))
    assert {clip.label for clip in back} == {"bell"} and len([clip for clip in learnt if clip.label == "clap"]) == 3 * (EVERY - 1)


def test_files_without_a_recording_stand_for_themselves():
    alone = [Clip(Path(f"clap/{one}.wav"), "clap") for one in range(5)]
    assert len(keep_back(alone)[1]) == 1


@pytest.mark.parametrize("wrong", (0.3, 1.0, 3.0))
def test_the_temperature_undoes_what_was_too_sure_or_too_shy(wrong):
    """Answers drawn from the softened logits themselves: the right temperature is known."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (4000, 4))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = np.array([random.choice(4, p=row) for row in shares])
    assert fit_temperature(logits * wrong, truth, 4000) == pytest.approx(wrong, rel=0.12)


def test_who_has_made_no_mistake_yet_is_not_sure_for_ever():
    few, many, more = (fit_temperature(np.tile([[2.0, 0.0, 0.0]], (5 * clips, 1)), np.zeros(5 * clips, int), clips)
                       for clips in (4, 40, 400))
    assert 0.25 < more < many < 0.6 < few < 2.0


def test_a_few_clips_hardly_move_the_temperature_and_hundreds_decide_it():
    """Of ten windows each: surely right as from clips that were easy, and half as sure as they might be."""
    for clips, sure, least, most in ((1, 12.0, 0.95, 1.05), (2, 12.0, 0.95, 1.05), (10, 12.0, 0.95, 1.05)):
        assert least <= fit_temperature(np.tile([[sure, 0.0, 0.0]], (10 * clips, 1)), np.zeros(10 * clips, int), clips) <= most
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (4000, 4))
    truth = (logits + random.gumbel(size=logits.shape)).argmax(1)  # drawn as those logits say
    found = {clips: fit_temperature(logits[:10 * clips] / 2, truth[:10 * clips], clips) for clips in (2, 400)}
    assert found[2] > 0.85 and found[400] == pytest.approx(0.5, abs=0.03)


class Pitch:
    """Hears whether the lower or the upper bands are louder: a model of two classes, as far as `calibrate` asks of one."""

    classes, front_end = ("hum", "whistle"), FrontEnd()

    def hear(self, window):
        low, high = (float(half.mean()) for half in np.split(window, 2))
        return np.array([low - high, high - low, -50.0])


def recorded(folder, hertz):
    """A Clip of a second of a tone, of silence at 0 Hz."""
    label = "whistle" if hertz > 1000 else "hum"
    path = folder / f"{label}-{hertz}.wav"
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hertz * np.arange(22050) / 22050), 22050)
    return Clip(path, label)


def test_what_was_kept_back_says_how_good_and_how_sure_a_model_is(tmp_path):
    found = calibrate(Pitch(), [recorded(tmp_path, hertz) for hertz in (110, 150, 200, 2500, 3500, 5000, 0)])
    assert found["clips"] == 6 and found["classes"] == 2  # silence says nothing
    assert found["macro_f1"] == 1.0 and 0 <= found["ece"] < 0.5 and 0.25 <= found["temperature"] <= 8


def test_a_figure_of_some_classes_only_says_so(tmp_path):
    found = calibrate(Pitch(), [recorded(tmp_path, hertz) for hertz in (110, 150)])
    assert found["classes"] == 1
    card = {"classes": ["hum", "whistle"], "temperature": found.pop("temperature")}
    assert "macro F1 of 1 of 2 classes 1.00 on" in kept_back_line({**card, "kept_back": found})
    assert "macro F1 1.00 on" in kept_back_line({**card, "kept_back": {**found, "classes": 2}})


def test_what_the_start_had_learnt_is_kept_back_last_and_says_nothing_of_how_sure_a_model_is(tmp_path):
    tones = [recorded(tmp_path, hertz) for hertz in (110, 120, 130, 140, 150, 160, 2500, 2600, 2700, 2800, 2900, 3000)]
    known = frozenset().union(*(marks(clip) for clip in tones[:5] + tones[6:]))  # of one class all but one, of the other all
    back = keep_back(tones, known)[1]
    assert [clip for clip in back if clip.label == "hum"] == [tones[5]] and len(back) > 1
    wrong = [clip if clip == tones[5] else replace(clip, label="hum") for clip in back]
    found = calibrate(Pitch(), wrong, known)
    assert found["learnt"] == found["clips"] - 1 > 0
    assert found["temperature"] == calibrate(Pitch(), [tones[5]])["temperature"] < calibrate(Pitch(), wrong)["temperature"]
    assert calibrate(Pitch(), wrong[1:], known)["temperature"] == 1  # nobody has said otherwise
    card = {"classes": ["hum", "whistle"], "temperature": found.pop("temperature"), "kept_back": found}
    assert f"({found['learnt']} of {found['clips']} had been learnt by the start" in kept_back_line(card)


def test_silence_says_nothing_of_a_model(tmp_path):
    assert calibrate(Pitch(), [recorded(tmp_path, 0)]) == {} == calibrate(Pitch(), [])
