"""OSC: every row of both tables, over real sockets, and with liblo's oscdump as a stranger at the other end."""

import errno
import math
import os
import queue
import re
import shutil
import socket
import struct
import subprocess
import threading
import time

import pytest
from pythonosc.osc_packet import OscPacket

from instrument.control import Control
from instrument.features import EVENTS, FEATURES, class_feature
from instrument.learn.teach import legal_name
from instrument.osc import Receiver, Remote, Sender
from instrument.osc.controllers import HAND
from instrument.osc.ear import ALONE, MOST
from instrument.osc.pattern import matcher
from instrument.osc.presses import SAME, STREAM
from instrument.osc.wire import HEADER, PACKET, bundles, encode, padded, returning
from instrument.params import BY_NAME, COMMANDS, DEFAULTS, PARAMS

CLASSES = tuple(f"class_{i}" for i in range(10))
PEER = ("127.0.0.1", 9)
WAIT = 60  # seconds that a real socket may take


class Ear:
    """A plain UDP socket: what any OSC program is to us."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(WAIT)
        self.address = self.socket.getsockname()

    def packet(self):
        return self.socket.recv(65536)

    def messages(self):
        return [(m.message.address, m.message.params) for m in OscPacket(self.packet()).messages]

    def send(self, target, *message):
        self.socket.sendto(encode(*message), target)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()


@pytest.fixture
def ear():
    with Ear() as one:
        yield one


class Seen:
    """A receiver without its thread, and lists of what it handed on."""

    def __init__(self, **options):
        self.features, self.edits, self.commands, self.told, self.now = [], [], [], [], 0.0
        self.receiver = Receiver(0, self.features.append, self.edits.append,
                                 lambda *command: self.commands.append(command), lambda: DEFAULTS,
                                 notice=self.told.append, **options)

    def __call__(self, *message, sender=PEER, now=None):
        """A message that arrives at `now` (s), or 2 s after the last."""
        self.now = self.now + 2.0 if now is None else now
        self.receiver.receive(encode(*message), sender, self.now)
        return self.receiver

    def raw(self, address, tag, data):
        """A message with what our own encoder never sends."""
        self.receiver.receive(encode(address, *[0.0] * (len(data) // 4))[:-len(data)].replace(b",f", b"," + tag) + data,
                              PEER, self.now)
        return self.receiver


@pytest.fixture
def seen():
    one = Seen()
    yield one
    with one.receiver:
        pass


# encoding

def test_encoded_messages_are_what_python_osc_reads():
    message = OscPacket(encode("/a/bc", 1.5, 7, "text", True)).messages[0].message
    assert (message.address, message.params) == ("/a/bc", [1.5, 7, "text", 1])
    assert len(encode("/a")) % 4 == 0


def test_text_of_any_script_comes_through():
    for text in ("/home/jürgen/modèles", "犬", "x" * 7, "ü" * 2):
        packet = encode("/hs/show/model", text)
        assert OscPacket(packet).messages[0].message.params == [text] and len(packet) % 4 == 0
    assert OscPacket(encode("/a", os.fsdecode(b"caf\xe9"))).messages[0].message.params == ["caf?"]  # a file of another encoding


@pytest.mark.parametrize("number, arrives", [(1e300, 0.0), (math.nan, 0.0), (3.2e38, 0.0), (-(2**40), -(2**31)), (2**40, 2**31 - 1)])
def test_a_number_that_does_not_fit_is_sent_as_one_that_does(number, arrives):
    assert OscPacket(encode("/a", number)).messages[0].message.params == [arrives]


def test_bundles_stay_below_the_limit_and_keep_the_order():
    messages = [encode(f"/hs/class/name_{i}", float(i)) for i in range(521)]
    packets = bundles(messages)
    assert all(len(packet) <= PACKET for packet in packets)
    values = [m.message.params[0] for packet in packets for m in OscPacket(packet).messages]
    assert values == list(range(521)) and bundles([]) == []
    small, large = encode("/a", 1), encode("/b", "x" * 2 * PACKET)
    assert [len(OscPacket(packet).messages) for packet in bundles([large, small, large])] == [1, 1, 1]


def test_a_bundle_is_for_now():
    """Who waits for its time would wait for ever."""
    assert bundles([encode("/a")])[0][:16] == b"#bundle\0" + bytes(7) + b"\1"


def test_what_is_sent_to_a_port_of_ours_comes_back():
    targets = [("127.0.0.1", 10001), ("localhost", 10001), ("192.168.0.2", 10001), ("127.0.0.1", 9999), ("192.168.0.5", 10001)]
    assert returning(targets, "0.0.0.0", [10001]) == ["127.0.0.1:10001", "localhost:10001"]
    assert returning(targets, "192.168.0.5", [10001])[-1] == "192.168.0.5:10001"


def own_address():
    """What this machine is called in its network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("198.51.100.1", 9))  # sends nothing
        except OSError:
            pytest.skip("no network here")
        return asking.getsockname()[0]


def test_what_is_sent_to_our_address_in_the_network_comes_back_where_all_is_received():
    assert returning([(own_address(), 10001), ("no.such.host.invalid", 10001), ("a..b", 10001)], "0.0.0.0", [10001]) == [
        f"{own_address()}:10001"]
    assert returning([(own_address(), 10001)], "127.0.0.1", [10001]) == []


def test_what_is_sent_to_many_does_not_count_as_coming_back():
    """Though their address can be bound on Linux."""
    assert returning([("239.0.0.1", 10001), ("255.255.255.255", 10001)], "0.0.0.0", [10001]) == []


def test_a_show_does_not_answer_itself():
    with Receiver(0, submit=lambda edits: None, host="0.0.0.0") as receiver:
        receiver.receive(encode("/hs/query", receiver.port), (own_address(), 50000))
        assert not len(receiver.controllers) and "is the port of this show" in receiver.reason


# sending

def example(row):
    return {"f": 0.25, "i": 3, "s": "siren"}[row.kind]


def published(classes=CLASSES):
    values = {row.name: example(row) for row in FEATURES if not row.event}
    values |= {class_feature(name).name: 0.5 for name in classes}
    return values | {"raw": [0.125] * len(classes)}


def test_a_tick_carries_every_continuous_feature_in_one_packet(ear):
    with Sender([ear.address], CLASSES) as sender:
        sender.send(published(), 0.0)
        packet = ear.packet()
        texts = dict(ear.messages())
    assert len(packet) <= PACKET
    messages = {m.message.address: m.message.params for m in OscPacket(packet).messages}
    for row in FEATURES:
        if row.kind == "s":
            assert texts[row.address] == ["siren"]
        elif not row.event and row.name != "frame":
            assert messages[row.address] == [example(row)]
            assert isinstance(messages[row.address][0], {"f": float, "i": int}[row.kind])
    assert messages["/hs/frame"] == [1] and messages["/hs/raw"] == [0.125] * 10
    assert all(messages[f"/hs/class/{name}"] == [0.5] for name in CLASSES)
    assert set(messages) | set(texts) | {f"/hs/{e.replace('.', '/')}" for e in EVENTS} >= {r.address for r in FEATURES}


@pytest.mark.parametrize("count", [0, 1, 40, 521])
def test_packets_stay_below_the_limit_whatever_the_classes(ear, count):
    names = [f"quite_a_long_class_name_{i}" for i in range(count)]
    with Sender([ear.address], names, wek=True) as sender:
        sender.send(published(names), 0.0)
        sizes, addresses = [], set()
        while "/hs/top/name" not in addresses:
            packet = ear.packet()
            sizes.append(len(packet))
            addresses |= {m.message.address for m in OscPacket(packet).messages}
    assert max(sizes) <= PACKET and all(f"/hs/class/{name}" in addresses for name in names)
    assert ("/wek/outputs" in addresses) == (0 < count < 300)


def test_an_onset_leaves_at_once_as_its_own_packet(ear):
    with Sender([ear.address], CLASSES) as sender:
        sender.publish({"onset": 1, "known": 0.5})
        assert ear.messages() == [("/hs/onset", [1])]


def test_who_is_told_that_the_top_class_has_changed_knows_it_already(ear):
    """A callback on the event reads name and number."""
    with Sender([ear.address], CLASSES) as sender:
        sender.send({"top.name": "bark", "top.index": 1}, 0.0)
        sender.publish({"top.changed": 1, "top.name": "siren", "top.index": 3})
        sender.tick(0.1), sender.tick(0.2), sender.publish({"onset": 1})
        told = []
        while not told or told[-1][0] != "/hs/onset":
            told += ear.messages()
    addresses = [address for address, _ in told]
    assert addresses.count("/hs/top/changed") == 1
    before = dict(told[:addresses.index("/hs/top/changed")])
    assert before["/hs/top/name"] == ["siren"] and before["/hs/top/index"] == [3]


def test_a_text_is_sent_when_it_changes_and_every_second(ear):
    with Sender([ear.address], ()) as sender:
        def names_after(values, now):
            sender.send(values, now)
            sender.publish({"onset": 1})  # a mark behind everything that the tick sent
            found = []
            while (messages := ear.messages())[0][0] != "/hs/onset":
                found += [p[0] for a, p in messages if a == "/hs/top/name"]
            return found

        assert names_after({"top.name": "bark"}, 0.0) == ["bark"]
        assert names_after({"top.name": "bark"}, 0.1) == []
        assert names_after({"top.name": "siren"}, 0.2) == ["siren"]
        assert names_after({}, 1.1) == ["siren"]


def test_values_stay_until_they_change_and_bad_ones_become_zero(ear):
    with Sender([ear.address], CLASSES) as sender:
        ticks = []
        for values in ({"known": 0.5, "audio.level": 0.25}, {"known": math.nan}, {"known": math.inf}, {"ms": 2**40}):
            sender.send(values, 0.0)
            ticks.append(dict(ear.messages()))
            if len(ticks) == 1:
                ear.packet()  # the text
    assert [tick["/hs/known"][0] for tick in ticks] == [0.5, 0.0, 0.0, 0.0]
    assert [tick["/hs/audio/level"][0] for tick in ticks] == [0.25] * 4
    assert ticks[-1]["/hs/ms"] == [2**31 - 1]
    assert [tick["/hs/frame"][0] for tick in ticks] == [1, 2, 3, 4]


def test_before_the_first_decision_there_is_no_top_class(ear):
    with Sender([ear.address]) as sender:
        sender.tick(0.0)
        assert dict(ear.messages())["/hs/top/index"] == [-1]


KNOWN = {"class.bark": 0.25, "class.siren": 0.75, "top.index": 1, "top.prob": 0.75, "known": 1.0, "raw": [0.25, 0.75],
         "audio.level": 0.5, "beat.bpm": 120.0}
TOLD = {f"/hs/{name.replace('.', '/')}": value if name == "raw" else [value] for name, value in KNOWN.items()}


@pytest.mark.parametrize("ticked", [True, False])
@pytest.mark.parametrize("classes, differs", [
    (("bark", "siren", "clap"), {"/hs/raw": [0.25, 0.75, 0.0], "/hs/class/clap": [0.0]}),
    (("clap", "siren", "bark"), {"/hs/raw": [0.0, 0.75, 0.25]}),
    (("siren",), {"/hs/top/index": [0], "/hs/raw": [0.75], "/hs/class/bark": None}),
    (("bark", "clap"), {"/hs/top/index": [-1], "/hs/top/prob": [0.0], "/hs/known": [0.0], "/hs/raw": [0.0, 0.0],
                        "/hs/class/siren": None}),
])
def test_a_lesson_makes_nobody_deaf(ear, classes, differs, ticked):
    """What was heard of the classes that stay stands until the next decision, though these may have other numbers."""
    with Sender([ear.address], ("bark", "siren")) as sender:
        sender.publish(KNOWN)
        if ticked:
            sender.tick(0.0), ear.packet(), ear.packet()
        sender.rename(classes)
        sender.tick(0.1)
        told = dict(ear.messages())
    assert told["/hs/frame"] == [1]
    assert {address: told.get(address) for address in (TOLD | differs)} == TOLD | differs


def test_a_class_that_was_forgotten_and_is_taught_again_begins_at_nothing(ear):
    with Sender([ear.address], ("bark", "siren")) as sender:
        sender.publish(KNOWN)
        sender.rename(("siren",)), sender.rename(("bark", "siren"))
        sender.tick(0.1)
        assert dict(ear.messages())["/hs/class/bark"] == [0.0]


def test_every_target_gets_everything():
    with Ear() as one, Ear() as two, Sender([one.address, two.address], CLASSES) as sender:
        sender.send(published(), 0.0)
        assert one.packet() == two.packet()


def test_an_unknown_host_is_one_line():
    with pytest.raises(OSError, match="no such host") as caught:
        Sender([("no.such.host.invalid", 1)])
    assert "\n" not in str(caught.value)


# receiving

@pytest.mark.parametrize("row", PARAMS, ids=lambda row: row.name)
def test_every_row_has_its_address_and_its_twin(seen, row):
    seen(row.address, float(row.hi))
    seen(row.address, row.hi + 1000.0)
    seen(row.address, row.lo - 1000)
    seen(row.unit_address, 0.0)
    seen(row.unit_address, 1)
    seen(row.unit_address, 7.0)
    assert [edit[row.name] for edit in seen.edits] == pytest.approx([row.hi, row.hi, row.lo, row.lo, row.hi, row.hi])
    assert seen.receiver.refused == 0


LABELLED = [row for row in PARAMS if row.labels]


@pytest.mark.parametrize("row", LABELLED, ids=lambda row: row.name)
def test_a_row_with_labels_takes_them_as_text(seen, row):
    for label in row.labels:
        seen(row.address, label)
        seen(row.address, label.upper())
    assert [row.text(edit[row.name]) for edit in seen.edits] == [label for label in row.labels for _ in "aA"]
    assert seen.receiver.refused == 0


@pytest.mark.parametrize("row", LABELLED, ids=lambda row: row.name)
@pytest.mark.parametrize("arguments", [("nonsense " * 200,), (), ("off", "on")])
def test_a_wrong_label_is_refused_with_all_that_are_legal(seen, row, arguments):
    reason = seen(row.address, *arguments).reason
    assert seen.edits == [] and seen.told == [reason]
    assert row.address in reason and ", ".join(row.labels) in reason and "\n" not in reason


@pytest.mark.parametrize("arguments", [(), ("text",), (1.0, 2.0), (math.nan,), (math.inf,)])
@pytest.mark.parametrize("address", ["/hs/post/hue", "/hs/n/post/hue"])
def test_what_is_not_one_number_is_refused_with_its_reason(seen, address, arguments):
    packet = encode(address, *arguments)
    if arguments and arguments[0] in (math.nan, math.inf):  # which our own encoder never sends
        packet = packet[:-4] + struct.pack(">f", arguments[0])
    seen.receiver.receive(packet, PEER)
    if address.startswith("/hs/n") and arguments == (math.inf,):
        assert seen.edits == [{"post.hue": BY_NAME["post.hue"].hi}]
    else:
        assert seen.edits == [] and seen.receiver.refused == 1
        assert address in seen.receiver.reason and "number" in seen.receiver.reason


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_commands_fire_on_anything_but_zero(seen, command):
    for arguments in ((), (1.0,), (0.0,), (0,), (5,), ("text",), (0,), (1, 2, 3)):
        seen(command.address, *arguments)
    fired = [argument for name, argument in seen.commands if name != command.released]
    assert {name for name, _ in seen.commands} == {command.name, command.released} - {""}
    number = command.name in ("preset.load", "preset.morph")  # elsewhere it is no name
    wanted = [None, 1.0, 5, "text", 1] if number else [None, None, None, "text", None] if command.named else [None] * 5
    assert fired == wanted


@pytest.mark.parametrize("name", ["preset.save", "preset.load", "show.record", "tap", "teach.start"])
@pytest.mark.parametrize("gap", [1 / 60, 0.09])
def test_a_held_button_is_one_press(seen, name, gap):
    address = next(command.address for command in COMMANDS if command.name == name)
    for frame in range(200):
        seen(address, 1.0, now=gap * frame)
    seen(address, 1.0, now=seen.now + 0.9 * STREAM)  # a hitch of whoever sends
    assert len(seen.commands) == 1
    seen(address, 1.0, now=seen.now + 1.1 * STREAM)
    seen(address, 0.0, now=seen.now + gap)
    seen(address, 1.0, now=seen.now + gap)
    assert [pressed for pressed, _ in seen.commands if pressed == name] == 3 * [name]


def test_who_opens_a_socket_for_each_message_lets_go_too(seen):
    for number, port in ((1.0, 5), (0.0, 6), (1.0, 7), (0.0, 8)):
        seen("/hs/teach/start", number, now=float(port), sender=("10.0.0.9", port))
    assert [name for name, _ in seen.commands] == 2 * ["teach.start", "teach.release"]


@pytest.mark.parametrize("gap", [0.02, 0.3])
def test_a_button_that_sends_how_hard_it_is_held_is_held(seen, gap):
    for _ in range(2):
        for number in (0.2, 0.5, 1.0, 0.7, 0.0):
            seen("/hs/teach/start", number, now=seen.now + gap)
    assert [name for name, _ in seen.commands] == 2 * ["teach.start", "teach.release"]


def test_to_let_go_of_a_button_is_told_once_where_it_counts_how_long_it_is_held(seen):
    for now, number in enumerate((1.0, 1.0, 0.0, 0.0, 0.5, 0.0)):
        seen("/hs/teach/start", number, now=now * SAME / 2)
        seen("/hs/tap", number, now=now * SAME / 2)
    assert [name for name, _ in seen.commands if name != "tap"] == 2 * ["teach.start", "teach.release"]


@pytest.mark.parametrize("gap", [1.01 * SAME, 0.5])
def test_whoever_presses_again_on_purpose_is_obeyed(seen, gap):
    for press in range(20):
        seen("/hs/tap", 1.0, now=press * gap)
    assert len(seen.commands) == 20


def test_other_numbers_other_presets_but_not_other_presses(seen):
    for frame, number in enumerate((1, 1, 2, 2, 1)):
        seen("/hs/preset/load", number, now=frame / 60)
    for frame in range(5):
        seen("/hs/preset/next", 0.2 + frame / 10, now=1 + frame / 60)  # a pad under a finger
        seen("/hs/preset/next", 1.0, now=1 + frame / 60, sender=("127.0.0.1", 10))
    assert seen.commands == [("preset.load", 1), ("preset.load", 2), ("preset.load", 1)] + [("preset.next", None)] * 2


def test_more_commands_than_can_wait_are_refused_and_said():
    control, told = Control(), []
    with Receiver(0, command=control.command, notice=told.append) as receiver:
        for number in range(2000):
            receiver.receive(encode("/hs/preset/load", number + 1), PEER, number / 2000)
    assert "too many commands" in told[0]
    frames, seen = [], []
    for _ in range(20):
        control.frame(lambda *command: seen.append(command))
        frames.append(len(seen) - sum(frames))
    assert max(frames) == 8 and sum(frames) == 64  # as docs/osc.md says


@pytest.mark.parametrize("packet", [b"", b"abc", b"\0" * 64, b"#bundle\0", b"/hs\0,f\0\0", bytes(range(256)) * 9,
                                    b"#bundle\0" + b"\0" * 8 + b"\xff\xff\xff\xff" * 3])
def test_garbage_is_counted_and_harms_nobody(seen, packet):
    seen.receiver.receive(packet, PEER)
    seen("/hs/post/hue", 5.0)
    assert seen.receiver.refused == 1 and seen.edits == [{"post.hue": 5.0}]


def typed(address, tags, data=b""):
    return padded(address) + padded("," + tags) + data


@pytest.mark.parametrize("tags", ["c", "fc", "S", "\x80", "i]c"])
def test_a_type_that_is_not_read_is_said_with_its_address_and_a_cure(seen, caplog, tags):
    """Not by python-osc, which warns at each, names nobody and reads what follows from its bytes."""
    for number in range(120):
        seen.receiver.receive(typed("/hs/post/hue", tags, b"\0\0\0A" * 4), PEER, number / 60)
    assert seen.edits == [] and seen.receiver.refused == 120 and caplog.records == []
    assert seen.receiver.reason.startswith("/hs/post/hue: type '") and seen.receiver.reason.endswith("send a number")
    assert len(seen.told) == 1


@pytest.mark.parametrize("strange", [typed("/mode", "S", b"abc\0"), typed("/hs/post/hue", "b", b"\0\0\1\0"), b"tap\0,\0\0\0", b""])
def test_what_cannot_be_read_in_a_bundle_costs_nothing_else_of_it(seen, strange):
    """It may be for somebody else."""
    parts = (encode("/hs/post/hue", 5.0), strange, encode("/hs/post/trails", 0.5))
    seen.receiver.receive(HEADER + b"".join(len(part).to_bytes(4, "big") + part for part in parts), PEER)
    assert seen.edits == [{"post.hue": 5.0}, {"post.trails": 0.5}] and seen.receiver.refused == 1


def test_what_is_no_message_in_a_bundle_is_said_without_a_warning(seen, caplog):
    seen.receiver.receive(HEADER + (8).to_bytes(4, "big") + b"tap\0,\0\0\0", PEER)
    assert seen.receiver.refused == 1 and caplog.records == []


def test_an_impulse_is_a_press_and_no_number(seen):
    seen.receiver.receive(typed("/hs/tap", "I"), PEER)
    assert seen.commands == [("tap", None)]
    seen.receiver.receive(typed("/hs/dream/octaves", "I"), PEER)
    assert seen.edits == [] and "takes one number" in seen.receiver.reason


@pytest.mark.parametrize("size", [-4, -8, -(2**31), 5, 2**31 - 1])
def test_a_bundle_that_does_not_hold_what_it_says_is_refused(seen, size):
    """python-osc would read some of these for ever."""
    packet = HEADER + size.to_bytes(4, "big", signed=True)
    seen.receiver.receive(packet, PEER)
    assert seen.receiver.refused == 1
    seen("/hs/post/hue", 5.0)
    assert seen.edits == [{"post.hue": 5.0}]


def test_bundles_in_bundles_are_opened_but_not_for_ever(seen):
    packet = encode("/hs/post/hue", 5.0)
    for depth in range(1, 30):
        packet = HEADER + len(packet).to_bytes(4, "big") + packet
        if depth in (1, 3, 29):
            seen.receiver.receive(packet, PEER)
    assert seen.edits == [{"post.hue": 5.0}] * 2 and seen.receiver.refused == 1


def test_who_asks_again_and_again_is_one_controller():
    """Or the faders that asked before would be forgotten."""
    with Receiver(0, submit=lambda edits: None) as receiver:
        remote = Remote(("127.0.0.1", receiver.port))
        assert all(remote.answers(20) for _ in range(5)) and len(receiver.controllers) == 1
        remote.close()



@pytest.mark.parametrize("kind", [ValueError, OSError])
def test_unknown_addresses_and_refusing_owners_are_explained(seen, kind):
    assert "/hs/nope: no such address" in seen("/hs/nope", 1.0).reason

    def refuse(edits):
        raise kind("not now")

    with Receiver(0, submit=refuse) as receiver:
        receiver.receive(encode("/hs/post/hue", 1.0), PEER)
    assert receiver.reason == "/hs/post/hue: not now" and receiver.refused == 1


def test_only_the_rows_listed_are_taken():
    hear = [row for row in PARAMS if row.group == "hear"]
    only = Seen(rows=hear, commands=())
    for row in PARAMS:
        only(row.address, row.default)
    only("/hs/show/panic", 1)
    assert [next(iter(edit)) for edit in only.edits] == [row.name for row in hear]
    assert only.receiver.refused == len(PARAMS) - len(hear) + 1
    with only.receiver:
        pass


def test_a_time_tag_in_the_far_future_is_not_waited_for(seen):
    message = encode("/hs/post/hue", 5.0)
    far = b"#bundle\0" + struct.pack(">Q", 2**64 - 1) + struct.pack(">i", len(message)) + message
    seen.receiver.receive(far, PEER)
    assert seen.edits == [{"post.hue": 5.0}]


@pytest.mark.parametrize("pattern, address, match", [
    ("/hs/post/*", "/hs/post/hue", True), ("/hs/*", "/hs/post/hue", False), ("/hs/*/hue", "/hs/post/hue", True),
    ("/hs/post/h?e", "/hs/post/hue", True), ("/hs/post/{hue,gamma}", "/hs/post/gamma", True),
    ("/hs/post/[gh]ue", "/hs/post/hue", True), ("/hs/post/[!gh]ue", "/hs/post/hue", False),
    ("/hs/mod/[1-3]/depth", "/hs/mod/2/depth", True), ("/hs/mod/[1-3]/depth", "/hs/mod/4/depth", False),
    ("//hue", "/hs/post/hue", True), ("/hs//hue", "/hs/n/post/hue", True), ("//h.e", "/hs/post/hue", False),
    ("/hs//hue", "/hs/hue", True), ("/hs//post", "/hs/post/hue", False), ("/hs/post/h*e", "/hs/post/hue", True),
    ("/hs/p*/{,x}h{ue,ue}", "/hs/post/hue", True), ("/hs/post/*e*", "/hs/post/gamma", False), ("//", "/hs", False),
])
def test_patterns(pattern, address, match):
    assert bool(matcher(pattern)(address)) == match


def test_a_pattern_sets_all_that_match(seen):
    seen("/hs/mod/*/depth", 0.5)
    assert {name for edit in seen.edits for name in edit} == {f"mod.{i}.depth" for i in range(1, 9)}
    assert "matches no address" in seen("/hs/*/nope", 1.0).reason
    assert "pattern" in seen("/hs/[z-a]", 1.0).reason and "pattern" in seen("/" + "*" * 9, 1.0).reason


@pytest.mark.parametrize("pattern", ["/hs/" + "{,}" * 40 + "x", "/hs/*/" + "*{,a,e,n,an,nn}" * 14 + "x"])
def test_a_pattern_with_too_many_choices_is_refused_and_said(seen, pattern):
    began = time.thread_time()
    assert "at most 255 characters, and 8 of" in seen(pattern, 1.0).reason and len(seen.told) == 1
    assert time.thread_time() - began < 1


@pytest.mark.parametrize("pattern", ["/hs/" + "{,}" * 8 + "x", "//" + "*{" + "".join(f",{a}{b}" for a in "chanelo" for b in "chane"),
                                     "/hs/dream/" + "{,c,h,a,n,e,l,ch,ha,an}" * 8 + "x", "*/" * 8, "/" * 250,
                                     "/hs/dream/" + "*?" * 8 + "x"])
def test_no_pattern_takes_long(seen, pattern):
    began = time.thread_time()
    seen(pattern, 1.0)
    assert time.thread_time() - began < 1  # 5 ms as a rule


# features come back whole

def test_what_is_sent_is_what_arrives():
    got = queue.SimpleQueue()
    with Receiver(0, on_features=got.put) as receiver, Sender([("127.0.0.1", receiver.port)], CLASSES) as sender:
        sender.send(published() | {"onset": 1.0}, 0.0)
        while "top.name" not in (features := got.get(timeout=WAIT)):
            pass
    assert features == published() | {"onset": 1, "frame": 1}
    assert receiver.refused == 0


def test_events_are_counted_so_that_a_mailbox_of_one_loses_none(seen):
    for _ in range(3):
        seen("/hs/onset", 1.0)
    seen("/hs/known", 0.5)
    assert seen.features[-1] == {"onset": 3, "known": 0.5}
    assert seen.features[0] == {"onset": 1}  # what was handed over is never written again


def test_a_restarted_listen_with_other_classes_leaves_none_behind(seen):
    for message in (("/hs/frame", 50), ("/hs/class/bark", 0.5), ("/hs/frame", 1), ("/hs/class/rain", 0.5)):
        seen(*message)
    assert seen.features[-1] == {"frame": 1, "class.rain": 0.5}


def test_what_is_heard_may_share_a_packet_with_what_is_turned(seen):
    for packet in bundles([encode("/hs/known", 0.5), encode("/hs/post/hue", 5.0)]):
        seen.receiver.receive(packet, PEER)
    assert seen.features == [{"known": 0.5}] and seen.edits == [{"post.hue": 5.0}]


def test_what_is_for_wekinator_is_passed_over(seen):
    assert seen("/wek/outputs", 0.5, 0.5).refused == 0 and not seen.features


def test_a_feature_of_the_wrong_kind_is_refused(seen):
    assert "takes one number" in seen("/hs/known", "loud").reason
    assert "takes one text" in seen("/hs/top/name", 1.0).reason
    assert seen.features == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 3.1e38])
@pytest.mark.parametrize("address", ["/hs/known", "/hs/beat/phase", "/hs/class/bark", "/hs/raw", "/hs/frame", "/hs/onset"])
def test_numbers_that_would_stay_for_ever_are_refused_and_said(seen, address, value):
    reason = seen.raw(address, b"f", struct.pack(">f", value)).reason
    assert seen.features == [] and "finite" in reason and seen.told == [reason]
    seen.raw(address, b"f", struct.pack(">f", value))
    assert seen.told == [reason]


def test_shares_stay_shares(seen):
    for value in (-5.0, 7.0):
        seen("/hs/audio/level", value)
    assert [features["audio.level"] for features in seen.features] == [0, 1]


@pytest.mark.parametrize("name", ["", "*", "/x", "**x", "../x", "a/b", "x.png", "a?", "[a]", "{a,b}", " a", "x" * 65])
def test_what_cannot_name_a_class_is_refused_and_said(seen, name):
    reason = seen("/hs/class/" + name, 0.5).reason
    assert seen.features == [] and "is no class name" in reason and seen.told == [reason]


@pytest.mark.parametrize("name", ["dog_bark", "Dog Bark", "001 - Rain", "a", "x" * 64, legal_name("Clock  Tick!")])
def test_names_of_taught_and_of_trained_classes_are_taken(seen, name):
    seen("/hs/class/" + name, 0.5)
    assert seen.features == [{class_feature(name).name: 0.5}]


def test_no_number_of_classes_slows_the_show(seen):
    for number in range(2 * MOST):
        seen(f"/hs/class/c{number}", 0.5, now=number / 2000)
    assert MOST <= len(seen.features[-1]) < MOST + 100 and "more than 600 classes" in seen.receiver.reason
    seen("/hs/known", 1.0)
    seen("/hs/class/c1", 1.0)
    assert seen.features[-1]["class.c1"] == seen.features[-1]["known"] == 1


ONE, TWO = ("127.0.0.1", 5001), ("127.0.0.1", 5002)


def test_of_two_that_hear_the_first_is_listened_to_and_both_are_named(seen):
    for tick in range(60):
        seen("/hs/audio/level", 0.25, sender=ONE, now=tick / 60)
        seen("/hs/audio/level", 0.75, sender=TWO, now=tick / 60 + 0.001)
    assert {features["audio.level"] for features in seen.features} == {0.25}
    assert len(seen.told) == 1 and "127.0.0.1:5001" in seen.told[0] and "127.0.0.1:5002" in seen.told[0]


def test_when_the_first_has_ended_the_other_is_listened_to_in_silence(seen):
    seen("/hs/frame", 50, sender=ONE, now=1.0)
    seen("/hs/class/bark", 0.5, sender=ONE, now=1.0)
    for tick in range(60, 120):
        seen("/hs/frame", tick, sender=TWO, now=1.01 + (tick - 60) / 60)
        seen("/hs/class/rain", 0.5, sender=TWO, now=1.01 + (tick - 60) / 60)
    assert seen.features[-1] == {"frame": 119, "class.rain": 0.5} and seen.told == []
    taken = next(features["frame"] for features in seen.features if features["frame"] != 50)
    assert (taken - 60) / 60 == pytest.approx(ALONE, abs=0.05)


def test_a_refusal_is_said_once_and_a_flood_of_them_once_a_second(seen):
    for frame in range(120):
        seen("/hs/nope", 1.0, now=frame / 60)
    assert len(seen.told) == 1 and "no such address" in seen.told[0]
    for frame in range(120, 240):
        seen(f"/hs/nope{frame}", 1.0, now=frame / 60)
    assert len(seen.told) == 3 and seen.receiver.refused == 240


def test_the_same_mistake_is_news_again_after_five_seconds(seen):
    for now in (0.0, 4.0, 5.1, 6.0):
        seen("/hs/nope", 1.0, now=now)
    assert len(seen.told) == 2


def test_a_mistake_right_behind_another_is_said_when_that_has_been_read(seen):
    seen("/hs/nope", 1.0, now=0.0)
    seen("/hs/post/hue", "much", now=0.5)
    assert len(seen.told) == 1
    seen("/hs/post/hue", 5.0, now=1.1)  # a good one
    assert len(seen.told) == 2 and "takes one number" in seen.told[1]
    seen("/hs/post/hue", 6.0, now=9.0)
    assert len(seen.told) == 2


def test_a_mistake_is_said_though_nothing_comes_behind_it(ear):
    told = []
    with Receiver(0, submit=[].append, notice=told.append) as receiver:
        for address in ("/hs/nope", "/hs/nor/this"):
            ear.send(("127.0.0.1", receiver.port), address)
        until = time.monotonic() + WAIT
        while len(told) < 2 and time.monotonic() < until:
            time.sleep(0.05)
    assert ["/hs/nope" in told[0], "/hs/nor/this" in told[1]] == [True, True]


def test_an_ear_says_who_takes_what_it_does_not():
    told = []
    with Receiver(0, submit=[].append, rows=[BY_NAME["hear.gain"]], notice=told.append) as receiver:
        receiver.receive(encode("/hs/dream/octaves", 2.0), PEER, 1.0)
    assert "`hearsee perform` takes it (port 10001)" in told[0]


def test_whatever_is_refused_is_told_in_one_short_line(seen):
    seen("/hs/post/hue\n" + "x" * 9000, 1.0)
    seen("/hs/post/hue", *["a\nb"] * 2000)
    assert len(seen.told) == 2 and all(len(text) <= 240 and "\n" not in text for text in seen.told)
    assert "no such address" in seen.told[0] and "takes one number" in seen.told[1]


# answers

def test_ping_is_answered_with_pong(ear):
    with Receiver(0) as receiver:
        ear.send(("127.0.0.1", receiver.port), "/hs/ping")
        assert ear.messages() == [("/hs/pong", [1])]


def test_a_remote_knows_whether_anybody_is_there(ear):
    silent = Remote(ear.address)  # somebody, but none of ours
    with Receiver(0) as receiver:
        remote = Remote(("127.0.0.1", receiver.port))
        assert remote.answers() and not silent.answers(0.05)
    assert not remote.answers()  # at once: the port is closed


def test_a_remote_outlives_a_listener_that_was_away(ear):
    """Windows tells with the next packet that the one before met a closed port, and leaves that next one out."""

    class Reset:
        def __init__(self, real):
            self._real, self._met = real, False

        def sendto(self, packet, target):
            self._met = not self._met
            if self._met:
                raise ConnectionResetError(10054, "forcibly closed")
            self._real.sendto(packet, target)

        def close(self):
            self._real.close()

    remote = Remote(ear.address)
    remote._socket = Reset(remote._socket)
    remote.command("tap")
    assert ear.messages() == [("/hs/tap", [])]
    remote.close()


def test_query_sends_every_value_within_the_packet_limit(ear):
    with Receiver(0, submit=dict, values=lambda: DEFAULTS) as receiver:
        ear.send(("127.0.0.1", receiver.port), "/hs/query")
        values = {}
        while len(values) < 2 * len(PARAMS):
            packet = ear.packet()
            assert len(packet) <= PACKET
            values |= {m.message.address: m.message.params[0] for m in OscPacket(packet).messages}
    for row in PARAMS:
        assert values[row.address] == pytest.approx(DEFAULTS[row.name])
        assert values[row.unit_address] == pytest.approx(row.position(row.default), abs=1e-6)


def test_a_controller_may_listen_on_another_port(ear):
    with Receiver(0) as receiver, Ear() as other:
        other.send(("127.0.0.1", receiver.port), "/hs/ping", ear.address[1])
        assert ear.messages() == [("/hs/pong", [1])]


@pytest.mark.parametrize("asked, port", [(9001, 9001), (70000, 9), (-1, 9), ("x", 9)])
def test_answers_go_to_the_port_asked_for_on_the_machine_that_asks(seen, asked, port):
    seen("/hs/ping", asked, sender=("127.0.0.2", 9))
    assert seen.receiver.controllers.peers() == [("127.0.0.2", port)]


def test_who_asked_for_all_values_is_told_what_changes_from_then_on(seen):
    seen("/hs/query", now=0.0)
    assert seen.receiver.controllers.news(DEFAULTS | {"post.hue": 40.0}, 1.0) == [(PEER, {"post.hue": 40.0})]


def test_edits_are_echoed_to_everyone_but_their_maker():
    control = Control()
    with Receiver(0, submit=control.submit, values=control.frame) as receiver, Ear() as maker, Ear() as other:
        here = ("127.0.0.1", receiver.port)
        for one in (maker, other):
            one.send(here, "/hs/ping")
            one.packet()
        receiver.echo(control.frame(), 0.0)
        maker.send(here, "/hs/post/hue", 20.0)
        maker.send(here, "/hs/post/gamma", 99.0)  # comes back corrected
        maker.send(here, "/hs/ping")
        maker.packet()
        receiver.echo(control.frame(), 0.01)  # too early: held back, not lost
        receiver.echo(control.frame(), 0.1)
        assert dict(other.messages())["/hs/post/hue"] == [20.0]
        receiver.echo(control.frame(), 0.1 + 1.1 * HAND)
        answer = dict(maker.messages())
        assert answer["/hs/post/gamma"] == [2.5] and "/hs/post/hue" not in answer
        control.submit({"post.hue": 40.0})  # by MIDI, say
        receiver.echo(control.frame(), 1.0)
        assert dict(maker.messages())["/hs/post/hue"] == dict(other.messages())["/hs/post/hue"] == [40.0]


def test_who_is_answered_at_two_ports_is_told_its_own_edit_at_neither(seen):
    for port in (9001, 9002):
        seen("/hs/ping", port, now=0.0)
    seen.receiver.echo(dict(DEFAULTS), 0.0)
    seen("/hs/post/hue", 20.0, now=1.0)
    news = seen.receiver.controllers.news(DEFAULTS | {"post.hue": 20.0}, 1.0 + 1.1 * HAND)
    assert [values for _, values in news] == [{}, {}]


def test_a_value_that_returns_to_what_a_controller_once_sent_is_told():
    control = Control()
    with Receiver(0, submit=control.submit, values=control.frame) as receiver, Ear() as tablet:
        here = ("127.0.0.1", receiver.port)
        tablet.send(here, "/hs/show/blackout", 1.0)
        tablet.send(here, "/hs/ping")
        tablet.packet()
        for now, dark in enumerate((1.0, 0.0, 1.0)):  # by a key
            control.submit({"show.blackout": dark})
            receiver.echo(control.frame(), float(now))
            assert not now or dict(tablet.messages())["/hs/show/blackout"] == [dark]


def test_a_finger_is_left_alone_and_told_the_truth_afterwards():
    control = Control()
    with Receiver(0, submit=control.submit, values=control.frame) as receiver, Ear() as tablet:
        here = ("127.0.0.1", receiver.port)
        tablet.send(here, "/hs/ping")
        tablet.packet()
        receiver.echo(control.frame(), 0.0)
        tablet.send(here, "/hs/post/hue", 20.0)
        tablet.send(here, "/hs/dream/octaves", 99.0)
        tablet.send(here, "/hs/ping")
        tablet.packet()
        old = {**control.frame(), "post.hue": 0.0}  # as long as the frame has not come, or because a preset came between
        for now in (1.0, 1.0 + HAND / 2, 1.0 + 1.1 * HAND):
            receiver.echo(old, now)
        told = dict(tablet.messages())
        assert told["/hs/post/hue"] == [0.0] and told["/hs/dream/octaves"] == [BY_NAME["dream.octaves"].hi]


@pytest.mark.parametrize("address", ("/hs/post/gamma", "/hs/n/post/gamma"))
def test_a_fader_that_sends_what_it_is_set_to_moves_nothing(seen, address):
    seen("/hs/ping", now=0.0)
    seen.receiver.echo(dict(DEFAULTS), 0.0)
    gliding = 1.234567
    seen.receiver.echo(DEFAULTS | {"post.gamma": gliding}, 1.0)
    given = {"/hs/post/gamma": gliding, "/hs/n/post/gamma": BY_NAME["post.gamma"].position(gliding)}[address]
    there = (PEER[0], PEER[1] + 1)  # and it may send from another socket than it asked from
    seen(address, given, now=1.1)
    seen(address, given, sender=there, now=1.2)
    assert not seen.edits
    seen(address, given, now=1.0 + 0.3)  # a hand, later
    seen(address, given * 0.9, now=1.4)  # a hand
    assert len(seen.edits) == 2


def test_a_fader_that_is_slow_to_send_what_it_was_set_to_moves_nothing(seen):
    seen("/hs/ping", now=0.0)
    for now, gamma in ((0.0, 1.0), (1.0, 1.2), (1.1, 1.4), (1.2, 1.6)):
        seen.receiver.echo(DEFAULTS | {"post.gamma": gamma}, now)
    seen("/hs/post/gamma", 1.4, now=1.22)
    assert not seen.edits


def test_of_another_machine_the_same_value_is_a_hand(seen):
    seen("/hs/ping", now=0.0)
    for now, gamma in ((0.0, 1.0), (1.0, 1.5)):
        seen.receiver.echo(DEFAULTS | {"post.gamma": gamma}, now)
    seen("/hs/post/gamma", 1.5, sender=("192.168.0.7", 9), now=1.1)
    assert seen.edits == [{"post.gamma": 1.5}]


def test_controllers_are_told_at_most_twenty_times_a_second(seen):
    seen("/hs/ping", now=0.0)
    told = [bool(seen.receiver.controllers.news(DEFAULTS | {"post.hue": float(frame)}, 1.0 + frame / 60)) for frame in range(60)]
    assert 15 <= sum(told) <= 20


def test_an_edit_from_a_host_of_two_controllers_might_be_of_neither_and_both_are_told(seen):
    for port in (11, 12):
        seen("/hs/ping", sender=("127.0.0.1", port), now=0.0)
    seen.receiver.echo(dict(DEFAULTS), 0.0)
    seen("/hs/post/hue", 20.0, sender=("127.0.0.1", 13), now=1.0)
    news = seen.receiver.controllers.news(DEFAULTS | {"post.hue": 20.0}, 1.0)
    assert [values for _, values in news] == [{"post.hue": 20.0}] * 2


def test_a_controller_that_made_room_meanwhile_is_no_trouble(seen):
    seen.receiver.controllers.sent(("127.0.0.1", 99), {"/hs/post/hue": 1.0}, 0.0)
    seen.receiver.controllers.missed(("127.0.0.1", 99), ["post.hue"])
    assert len(seen.receiver.controllers) == 0


def test_a_cue_is_meant_whatever_was_told(seen):
    seen("/hs/ping", now=0.0)
    for now, gamma in ((0.0, 1.0), (0.1, 1.5)):
        seen.receiver.echo(DEFAULTS | {"post.gamma": gamma}, now)
    for packet in bundles([encode("/hs/preset/load", 2), encode("/hs/post/gamma", 1.5)]):
        seen.receiver.receive(packet, PEER, 0.15)
    assert seen.edits == [{"post.gamma": 1.5}]


def test_a_switch_that_is_thrown_is_no_value_that_comes_back(seen):
    seen("/hs/ping", now=0.0)
    for now, dark in enumerate((0.0, 1.0, 0.0)):
        seen.receiver.echo(DEFAULTS | {"show.blackout": dark}, now / 10)
    seen("/hs/show/blackout", 0.0, now=0.2)  # as it is told: what a patch sends back
    assert not seen.edits
    seen("/hs/show/blackout", 1.0, now=0.21)
    assert seen.edits == [{"show.blackout": 1.0}]


def test_a_hand_that_puts_back_what_it_was_told_is_a_hand(seen):
    for port in (9, 10):  # two programs of one machine
        seen("/hs/ping", sender=("127.0.0.1", port), now=0.0)
    for now, gamma in ((0.0, 1.2), (0.1, 1.0)):
        seen.receiver.echo(DEFAULTS | {"post.gamma": gamma}, now)
    for now, told, moved, back in ((0.15, 1.0, 2.0, "/hs/post/gamma"), (0.2, 1.0, 2.0, "/hs/n/post/gamma")):
        seen("/hs/post/gamma", moved, now=now)
        seen(back, told if back == "/hs/post/gamma" else BY_NAME["post.gamma"].position(told), now=now + 0.04)
    assert [edit["post.gamma"] for edit in seen.edits] == pytest.approx([2.0, 1.0, 2.0, 1.0])


def test_the_show_is_no_controller_of_itself(seen):
    receiver = seen("/hs/query", seen.receiver.port, sender=("127.0.0.1", 9), now=0.0)
    assert "is the port of this show" in receiver.reason and not len(receiver.controllers)


def test_a_finger_that_sends_from_another_socket_is_left_alone_and_told_the_truth_afterwards(ear):
    control, there = Control(), ("127.0.0.1", 9)
    receiver = Receiver(0, submit=control.submit, values=control.frame)
    with receiver:
        receiver.receive(encode("/hs/ping", ear.address[1]), there, 0.0)
        ear.packet()
        receiver.echo(control.frame(), 0.0)
        receiver.receive(encode("/hs/post/hue", 20.0), ("127.0.0.1", 10), 1.0)
        for now in (1.0, 1.0 + HAND / 2):
            receiver.echo(control.frame(), now)
        ear.send(("127.0.0.1", receiver.port), "/hs/ping")
        assert ear.messages() == [("/hs/pong", [1])]
        receiver.echo(control.frame(), 1.0 + 1.1 * HAND)
        assert dict(ear.messages())["/hs/post/hue"] == [20.0]


class Narrow:
    """A socket that has room for so many packets and never waits, as beside a telephone that has left the Wi-Fi."""

    def __init__(self, sock, room, why):
        self._socket, self.room, self.why = sock, room, why

    def sendto(self, packet, target):
        if not self.room:
            raise OSError(self.why, "would have to wait")
        self.room -= 1
        self._socket.sendto(packet, target)

    def close(self):
        self._socket.close()


@pytest.mark.parametrize("why", [errno.EAGAIN, errno.ENOBUFS], ids=["linux", "mac"])
def test_answers_never_wait_and_what_found_no_room_is_told_by_the_next_echo(why):
    control = Control()
    with Receiver(0, submit=control.submit, values=control.frame) as receiver, Ear() as tablet:
        tablet.send(("127.0.0.1", receiver.port), "/hs/ping")
        tablet.packet()
        assert receiver._answers.gettimeout() == 0.0
        receiver.echo(control.frame(), 0.0)
        receiver._answers = Narrow(receiver._answers, 0, why)
        control.submit({"post.hue": 40.0})
        receiver.echo(control.frame(), 1.0)
        receiver._answers.room = 100
        receiver.echo(control.frame(), 2.0)
        assert dict(tablet.messages())["/hs/post/hue"] == [40.0] and not receiver.refused


def test_a_controller_that_has_gone_is_said_and_the_others_are_told():
    control = Control()
    with Receiver(0, submit=control.submit, values=control.frame) as receiver, Ear() as tablet:
        tablet.send(("127.0.0.1", receiver.port), "/hs/ping")
        tablet.packet()
        receiver.echo(control.frame(), 0.0)
        receiver._answers = Narrow(receiver._answers, 0, errno.ENETUNREACH)
        control.submit({"post.hue": 40.0})
        receiver.echo(control.frame(), 1.0)
        assert receiver.refused and "127.0.0.1" in receiver.reason


def test_controllers_are_told_what_becomes_of_a_lesson():
    with Receiver(0) as receiver, Ear() as tablet:
        tablet.send(("127.0.0.1", receiver.port), "/hs/ping")
        tablet.packet()
        receiver.news("clap: 3 examples")
        assert tablet.messages() == [("/hs/teach/note", ["clap: 3 examples"])]


@pytest.mark.parametrize("host", ("192.168.1..20", "x" * 64 + ".local"))
def test_an_address_that_cannot_be_one_is_one_line(host):
    with pytest.raises(OSError, match=f"OSC target {re.escape(host)}:10000: no such host"):
        Sender([(host, 10000)])


def test_no_number_of_controllers_fills_the_memory(seen):
    for port in range(20000, 20100):
        seen("/hs/ping", sender=("127.0.0.1", port))
    assert seen.receiver.controllers.peers() == [("127.0.0.1", port) for port in range(20084, 20100)]  # the oldest have made room


def test_whoever_plays_is_not_the_one_to_make_room(seen):
    tablet = ("192.168.0.7", 9000)
    seen("/hs/ping", sender=tablet)
    for port in range(20000, 20040):
        seen("/hs/ping", sender=("127.0.0.1", port))
        seen("/hs/tap", sender=tablet)
    assert tablet in seen.receiver.controllers.peers()


def test_a_port_in_use_is_one_line_with_the_cure():
    with Receiver(0) as receiver:
        with pytest.raises(OSError, match=f"{receiver.port}.*choose another port") as caught:
            Receiver(receiver.port)
    assert "\n" not in str(caught.value)


def test_a_remote_sets_the_rows_of_another_program():
    got = queue.SimpleQueue()
    with Receiver(0, submit=got.put) as receiver:
        remote = Remote(("127.0.0.1", receiver.port))
        remote.submit({"hear.hold": 1, "hear.gain": 6.0})
        assert [got.get(timeout=WAIT), got.get(timeout=WAIT)] == [{"hear.hold": 1.0}, {"hear.gain": 6.0}]
        remote.close()


# a stranger: liblo

@pytest.fixture
def oscdump():
    """(port, lines) of a real liblo oscdump, ended by its own id."""
    if not shutil.which("oscdump") or not shutil.which("stdbuf"):
        pytest.skip("needs oscdump and stdbuf (Debian: liblo-tools)")
    with Ear() as ear:
        port = ear.address[1]
    process = subprocess.Popen(["stdbuf", "-oL", "oscdump", str(port)], stdout=subprocess.PIPE, text=True)
    yield port, process
    process.terminate()
    process.wait()
    process.stdout.close()


def lines_until(process, sender, end):
    """Lines that oscdump prints up to one with `end`, ticking until it listens."""
    lines = []
    reader = queue.SimpleQueue()
    threading.Thread(target=lambda: [reader.put(line) for line in process.stdout], daemon=True).start()
    for now in range(600):
        sender.send(published(), float(now))
        try:
            lines.append(reader.get(timeout=0.05))
        except queue.Empty:
            continue
        while end not in lines[-1]:
            lines.append(reader.get(timeout=WAIT))
        return lines
    pytest.fail("oscdump printed nothing")


def test_oscdump_prints_every_feature(oscdump):
    port, process = oscdump
    with Sender([("127.0.0.1", port)], CLASSES) as sender:
        last = [row.address for row in FEATURES if row.kind == "s"][-1]
        text = "".join(lines_until(process, sender, last))
    for row in [row for row in FEATURES if not row.event] + [class_feature(name) for name in CLASSES]:
        assert re.search(rf"{row.address} {row.kind} ", text), row.address
    assert "/hs/raw " + "f" * 10 + " 0.125" in text


def test_oscsend_turns_a_knob():
    if not shutil.which("oscsend"):
        pytest.skip("needs oscsend (Debian: liblo-tools)")
    got = queue.SimpleQueue()
    with Receiver(0, submit=got.put) as receiver:
        subprocess.run(["oscsend", "127.0.0.1", str(receiver.port), "/hs/dream/octaves", "f", "4"], check=True)
        assert got.get(timeout=WAIT) == {"dream.octaves": 4.0}
