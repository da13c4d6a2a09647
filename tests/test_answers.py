"""The ear's last layer, learnt once more: every class and every recording counts the same."""

import numpy as np
import pytest
import torch
from test_learn import RATE, tone, write_plain

from instrument.audio.frontend import FrontEnd
from instrument.learn.answers import HEARD, answer_anew, believed, linear_head
from instrument.learn.augment import Sounds
from instrument.learn.train import Settings, train
from instrument.model.card import load_model, save_model
from instrument.model.net import HearSee

torch.set_num_threads(1)
pytestmark = pytest.mark.usefixtures("brief_training")


def cloud(middle, count, seed=0):
    return (np.random.default_rng(seed).normal(size=(count, 2)) + middle).astype(np.float32)


def answers(head, features):
    return head(torch.from_numpy(features)).argmax(1).numpy()


@pytest.mark.parametrize("classes", (2, 3))
def test_it_tells_what_can_be_told(classes):
    features = np.concatenate([cloud((6 * label, 0), 50, label) for label in range(classes)])
    labels = np.repeat(range(classes), 50)
    head = linear_head(features, labels, classes, 10.0)
    assert (answers(head, features) == labels).mean() > 0.97


def test_a_rare_class_counts_as_much_as_a_frequent_one():
    features, labels = np.concatenate([cloud((0, 0), 1000), cloud((2, 0), 20, 1)]), np.repeat((0, 1), (1000, 20))
    middle = np.array([[1.0, 0.0]], np.float32)
    shares = linear_head(features, labels, 2, 10.0)(torch.from_numpy(middle)).softmax(1)
    assert float(shares[0, 1]) == pytest.approx(0.5, abs=0.1)


def test_a_recording_of_many_clips_counts_no_more_than_one_of_few():
    """Class 1 is one long recording on the left and a short one on the right of class 0: it is expected on both sides."""
    features = np.concatenate([cloud((0, 0), 100), cloud((-4, 0), 300, 1), cloud((0, 4), 3, 2)])
    labels = np.repeat((0, 1), (100, 303))
    weights = np.concatenate([np.ones(100), np.full(300, 1 / 300), np.full(3, 1 / 3)])
    short = cloud((0, 4), 50, 3)
    plain, even = linear_head(features, labels, 2, 10.0), linear_head(features, labels, 2, 10.0, weights)
    assert (answers(even, short) == 1).mean() > (answers(plain, short) == 1).mean() + 0.3


def test_less_evidence_makes_less_sure():
    features, labels = np.concatenate([cloud((0, 0), 50), cloud((3, 0), 50, 1)]), np.repeat((0, 1), 50)
    sure = [float(linear_head(features, labels, 2, much)(torch.from_numpy(features)).softmax(1).amax(1).mean()) for much in (0.1, 100.0)]
    assert sure[0] < sure[1] - 0.1


def test_each_class_may_have_its_own_evidence():
    features = np.concatenate([cloud((6 * label, 6 * (label == 1)), 50, label) for label in range(3)])
    size = [linear_head(features, np.repeat(range(3), 50), 3, (1.0, 1.0, much)).weight[2].norm() for much in (0.01, 100.0)]
    assert size[0] < 0.3 * size[1]


def told(count, classes=2, seed=0):
    """Examples of one recording a class, which are all alike in what does not matter (the second feature), and a teacher's word
    that rises with what does."""
    chance = np.random.default_rng(seed)
    labels = np.repeat(range(classes), count)
    matter = labels + chance.normal(0, 0.7, len(labels))
    return np.stack((matter, 5 * labels + chance.normal(0, 0.1, len(labels))), 1).astype(np.float32), labels, matter


def test_a_teachers_word_counts_where_the_examples_do_not_say_which_feature_matters():
    features, labels, matter = told(40)
    word = np.stack((-matter, matter), 1) * 7 + 3  # of any scale
    strange = np.repeat(np.array([[0, 5], [1, 0]], np.float32), 50, 0)  # what does not matter is the other way round
    right = [(answers(linear_head(features, labels, 2, 0.5, None, prior), strange) == np.repeat((0, 1), 50)).mean()
             for prior in (None, believed(features, labels, word))]
    assert right[0] < 0.2 and right[1] > 0.8


def test_a_word_that_the_examples_contradict_is_not_believed():
    features, labels, matter = told(40)
    assert not believed(features, labels, np.stack((matter, -matter), 1)).any()


def test_where_there_is_no_word_nothing_is_believed():
    features, labels, matter = told(40)
    word = np.stack((np.full(80, np.nan), matter), 1)
    word[::3] = np.nan  # beginnings
    prior = believed(features, labels, word)
    assert not prior[0].any() and prior[1, 0] > abs(prior[1, 1])
    assert not believed(features, labels, np.full((80, 2), np.nan)).any()


def sounds():
    low = [tone(220 + 5 * number, 1.5) for number in range(3)]
    high = [tone(2200 + 50 * number, 1.5) for number in range(3)]
    hiss = [np.random.default_rng(number).normal(size=RATE).astype(np.float32) / 9 for number in range(3)]
    return Sounds(low + high + hiss, [0] * 3 + [1] * 3 + [2] * 3, 2)


def test_beginnings_are_what_the_stage_hears_of_a_sound_that_is_new():
    front, late = FrontEnd(), np.concatenate([np.zeros(RATE, np.float32), tone(440, 2.0)])
    clips = Sounds([late], [0], 1)
    frames = clips.beginnings(0, HEARD)
    part = late[RATE:2 * RATE]
    out_of_silence = np.concatenate([np.zeros(front.n_fft // 2, np.float32), part / np.sqrt(np.mean(part**2))])[:RATE]
    whole = clips.mel(torch.from_numpy(out_of_silence.astype(np.float32))[None])[0]
    assert frames.shape == (len(HEARD), *whole.shape)
    for heard, count in zip(frames, map(front.begun, HEARD), strict=True):
        # The lowest band has next to nothing of a tone, and that turns with each sample it begins later.
        assert torch.allclose(heard[1:], whole[1:, torch.arange(whole.shape[1]) % count], atol=0.3)


def test_of_a_clip_that_is_mostly_silent_only_what_sounds_is_learnt():
    bark = np.concatenate([np.zeros(2 * RATE, np.float32), tone(440, 0.5), np.zeros(3 * RATE, np.float32)])
    clips = Sounds([bark], [0], 1)
    assert len(clips.windows(0, 1.0)) == 10 and len(clips.windows(0, 1.0, 60)) in (2, 3)


def test_a_silent_clip_teaches_nothing():
    torch.manual_seed(0)
    net, clips = HearSee(2).eval(), sounds()
    answer_anew(net, clips)
    before = net.heads["sound"].weight.clone()
    answer_anew(net, Sounds([*clips.samples, np.zeros(RATE, np.float32)], [*clips.labels, 1], 2))
    assert torch.allclose(net.heads["sound"].weight, before, atol=1e-3)


def test_a_class_without_examples_is_explained():
    with pytest.raises(ValueError, match="of 3 classes only 2 have examples"):
        linear_head(cloud((0, 0), 10), np.repeat((0, 1), 5), 3, 1.0)


def test_of_a_long_clip_windows_are_taken_all_over_it():
    clip = np.repeat(np.arange(1, 101), RATE // 10).astype(np.float32)  # ten seconds, ever louder
    clips = Sounds([clip], [0], 1)
    every, few = clips.windows(0, 1.0), clips.windows(0, 1.0, 5)
    assert len(every) == 19 and len(few) == 5 and torch.equal(few, every[::4])


def test_even_a_network_that_has_learnt_nothing_answers_right_on_its_features():
    torch.manual_seed(0)
    net, clips = HearSee(2).eval(), sounds()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    answer_anew(net, clips)
    changed = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {"heads.sound.weight", "heads.sound.bias"}
    with torch.no_grad():
        heard = [net(net.shown(clips.mel(clips.windows(index, 1.0)))).argmax(1) for index in range(9)]
    assert [int(one[0]) for one in heard] == [0] * 3 + [1] * 3 + [2] * 3


def test_windows_are_believed_to_be_what_a_teacher_says_and_beginnings_are_not_asked_about():
    torch.manual_seed(0)
    net, clips = HearSee(2).eval(), sounds()
    asked = {}

    def say(index, numbers):
        asked[index] = list(numbers)
        high = float(clips.labels[index] == 1)
        return np.array([[1 - high, high, np.nan]] * len(asked[index]), np.float32)

    answer_anew(net, clips, say=say)
    assert asked == {index: list(clips.numbers(index, 1.0, 60)) for index in range(9)}
    with torch.no_grad():
        heard = [net(net.shown(clips.mel(clips.windows(index, 1.0)))).argmax(1) for index in range(9)]
    assert [int(one[0]) for one in heard] == [0] * 3 + [1] * 3 + [2] * 3


def test_without_a_step_only_the_answers_are_learnt(tmp_path):
    """A model of one's own in the time that it takes to listen to the clips."""
    torch.manual_seed(0)
    save_model(tmp_path / "base", HearSee(2), {"classes": ["hum", "whistle"]})
    (tmp_path / "base" / "pictures").mkdir(exist_ok=True)
    for name in ("hum", "whistle"):
        (tmp_path / "base" / "pictures" / f"{name}.jpg").write_bytes(b"a picture")
    data = write_plain(tmp_path / "data")
    made = load_model(train(Settings(str(data), str(tmp_path / "base"), steps=0), tmp_path / "m", tmp_path / "runs" / "m"))
    old, new = (one.net.state_dict() for one in (load_model(tmp_path / "base"), made))
    changed = {name for name in old if not torch.equal(old[name], new[name]) and "num_batches" not in name}
    assert changed and all("heads.sound" in name or ".sound.running" in name for name in changed)
