"""The `listen` that a show keeps running beside it, without starting one."""

import queue

import pytest
from helpers import port_pair

from instrument.ears import HEAR, Ears
from instrument.options import PerformOptions
from instrument.osc import Receiver
from instrument.osc.wire import encode
from instrument.params import BY_NAME, DEFAULTS


def ears(said=None, **options):
    return Ears(PerformOptions(**options), "taught", (said if said is not None else []).append)


def argument(ears, flag):
    argv = ears.child._argv
    return argv[argv.index(flag) + 1] if flag in argv else None


def test_what_is_heard_first_is_heard_again_after_a_restart():
    """Not the demo because the microphone is away, nor what has got its number."""
    found = ears()
    assert argument(found, "--audio") is None
    for spec in (None, "", "mic", "demo"):
        found.settle(spec)
    assert argument(found, "--audio") == "mic"
    chosen = ears(audio="1")
    chosen.settle("Scarlett 2i2 USB, ALSA")
    assert argument(chosen, "--audio") == "Scarlett 2i2 USB, ALSA"


@pytest.mark.parametrize("options, spec", [({"audio": "scarlett"}, "Scarlett 2i2 USB (hw:1,0), ALSA"), ({"audio": "a b.wav"}, "a ?.wav"),
                                           ({"channels": (2,)}, "demo")])
def test_what_was_named_stays_as_named(options, spec):
    """A box comes back with another number in its name; the demo has no channels."""
    found = ears(**options)
    before = list(found.child._argv)
    found.settle(spec)
    assert found.child._argv == before


def test_the_ear_of_a_show_is_steered_by_its_show_alone():
    """The rows of the show are sent again and again: of another they would last a second at most."""
    show, got, said = ears(), queue.SimpleQueue(), []
    with Receiver(0, submit=got.put, rows=[BY_NAME[name] for name in HEAR], notice=said.append,
                  only=int(argument(show, "--steered"))) as ear:
        show.remote._target = ("127.0.0.1", ear.port)
        ear.receive(encode("/hs/hear/gain", 12.0), ("127.0.0.1", 9), 0.0)
        ear.receive(encode("/hs/n/hear/*", 1.0), ("127.0.0.1", 9), 9.0)
        assert got.empty() and len(said) == 2 and all(f"send it to the show (port {ear.port - 1})" in line for line in said)
        show.remote.submit({"hear.gain": 6.0})
        assert got.get(timeout=10) == {"hear.gain": 6.0}
    show.remote.close()


def test_another_model_is_heard_with_after_a_restart_too():
    found = ears(model="one")
    found.hear_with("two", "taught-two")
    assert (argument(found, "--model"), argument(found, "--taught")) == ("two", "taught-two")


@pytest.mark.parametrize("port", [10000, 9999])
def test_it_does_not_send_to_itself(port):
    with pytest.raises(ValueError, match=f"--port {port}.*--target 127.0.0.1:10000.*another"):
        ears(port=port)
    assert ears(port=port, target=[("192.168.0.9", 10000)]).child


def test_a_port_of_the_ear_that_is_taken_is_said_before_anything_starts(monkeypatch):
    started = []
    monkeypatch.setattr("instrument.supervisor.Supervisor.__enter__", started.append)
    port = port_pair()
    with Receiver(port + 1), pytest.raises(OSError, match=f"^the ear of the show: OSC port {port + 1} .*--no-listen"), ears(port=port):
        pass
    assert started == []


def test_a_second_ctrl_c_leaves_nothing_behind(monkeypatch):
    def impatient(*_):
        raise KeyboardInterrupt

    closed = []
    monkeypatch.setattr("instrument.supervisor.Supervisor.__enter__", lambda child: child)
    monkeypatch.setattr("instrument.supervisor.Supervisor.__exit__", impatient)
    monkeypatch.setattr("instrument.ears.forget", lambda name: closed.append(name))
    monkeypatch.setattr("instrument.osc.remote.Remote.close", lambda remote: closed.append("remote"))
    with pytest.raises(KeyboardInterrupt), ears(port=port_pair()) as found:
        pass
    assert closed == ["remote", found.ring_name]


def test_rows_that_cannot_be_turned_from_here_are_told_once():
    said = []
    elsewhere = ears(said, no_listen=True)
    for gain in (0.0, 0.0, 6.0, 12.0):
        elsewhere.tell({**DEFAULTS, "hear.gain": gain}, 0.0)
    assert len(said) == 1 and "port 10002" in said[0]
    assert not (elsewhere.failed or elsewhere.ended or elsewhere.restarts or elsewhere.ring_name)
