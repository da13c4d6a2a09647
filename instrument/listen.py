"""`hearsee listen`: sound in, OSC out, in a process of its own.

Owns the threads of the hearing process. The sound and the fast path start before torch is imported,
so that a restarted `listen` is back with levels within a second and with decisions soon after.
"""

import json
import queue
import signal
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .audio.engine import DECISION, Engine, amplified
from .audio.frontend import FrontEnd, log_mel
from .audio.ring import forget_own
from .audio.source import Paced, open_source
from .behind import behind
from .console import aside, complain, tell
from .control import Control
from .errors import ear_taken
from .features import AGAIN, CLASS, FORGOTTEN, LISTENING, REFUSED
from .files import brought_back
from .lesson import LESSON, Lesson, meant
from .osc import Receiver, Sender
from .osc.wire import returning
from .params import COMMANDS, EAR, PARAMS, SHOW, TOUCHDESIGNER
from .parent import Parent
from .signals import ENDS, as_before
from .supervisor import ENDING
from .ticks import fine_ticks

TICK = 1 / 60  # seconds between two bundles
TAIL = 0.1  # seconds of the silence behind a file that are still analysed
PATIENCE = 0.5  # seconds between two looks at the parent
BACK = 30.0  # s; macOS accepts what it sends to a host that is off for some 5 s of every 25
STUCK = 2.0  # seconds without a look at the sound after which whoever gives it hangs
WAITING = 1000  # lines that wait for a reader; more are left out
HAIR = 0.1  # s by which the clock of a file system may be behind
STOPPED = 128 + signal.SIGTERM  # exit status of one that was told to end from outside, as a shell gives it
HEAR = tuple(row for row in PARAMS if row.group == "hear")
ASKED = tuple(command for command in COMMANDS if command.name.startswith("teach.") or command.name == "show.model")


@dataclass(frozen=True)
class ListenOptions:
    """What `hearsee listen` was asked for; the flags are those of cli/playing.py."""

    audio: str | None = None
    channels: tuple = ()  # of the input device or file that are heard; all
    loop: bool = False
    mute: bool = False
    model: str | None = None
    device: str = "auto"  # to hear on
    scene_seed: int = 1
    target: list = field(default_factory=lambda: [("127.0.0.1", TOUCHDESIGNER), ("127.0.0.1", SHOW)])
    host: str = "127.0.0.1"
    port: int = EAR
    json: bool = False
    wek: bool = False
    ring: str | None = None
    parent: int | None = None
    steered: int | None = None  # the port from which the show sends, whose ear it is
    eager: bool = False  # do not let a file wait for the network
    taught: str | None = None  # folder for classes taught here; where it is there already, it goes on from it
    values: dict = field(default_factory=dict)


def run(options):
    """Listen until the file ends, the parent vanishes or somebody stops it; the exit status, 0 only if it ended itself.

    Ctrl-C ends it in order where there is no parent: a child of the show is never meant by it.
    """
    if back := returning(options.target, options.host, [options.port]):
        raise ValueError(f"--port {options.port} is where it receives, --target {back[0]} where it sends: give one of them another port")
    load = lambda: load_network(options.model, options.taught, options.device)
    with aside(), as_before(), fine_ticks():
        heeded = [number for number in ENDS if signal.getsignal(number) == signal.SIG_DFL]
        _on(heeded, lambda: sys.exit(STOPPED))  # while it opens: what is open already is closed
        with Listener(options, load, _reporter(options)) as listener:
            _on(heeded, lambda: listener.stop(STOPPED))
            try:
                listener.wait()
            except KeyboardInterrupt:
                listener.stop(STOPPED if options.parent else 0)
    return listener.status


def _on(signals, act):
    for number in signals if threading.current_thread() is threading.main_thread() else ():
        signal.signal(number, lambda *_: act())


class Network(NamedTuple):
    """What `load` gives: `hear` answers windows with logits of `classes`; a `pupil` learns more classes.

    `every()`: seconds from one decision to the next. `note`: with which weights it hears, and where, if there was a choice.
    `front_end` makes its windows.
    """

    hear: object
    classes: tuple
    pupil: object = None
    every: object = lambda: DECISION
    note: str = ""
    front_end: FrontEnd = FrontEnd()


def load_network(folder=None, taught=None, device="cpu"):
    """The Network of a model folder, warmed up; ValueError in one line when it or the device is missing or damaged.

    `taught`: where its pupil saves; a model that is already there is gone on with. `device`: of model/ear.py.
    """
    import torch

    torch.set_num_threads(1)  # hearing needs no more, and the dream wants the other cores
    from .learn.teach import Pupil, own_folder
    from .model.card import DEFAULT, load_model

    folder = folder or DEFAULT
    if taught and (brought_back(Path(taught)) / "card.json").exists():
        folder = taught
    model = load_model(folder)
    note = "; ".join(filter(None, (f"hears with {model.label}", model.open_ear(device))))
    model.hear(log_mel(np.zeros(model.front_end.rate), model.front_end))
    pupil = Pupil(model, Path(taught) if taught else own_folder(model))
    every = lambda: DECISION if model.device == "cpu" else DECISION / 2  # also after a GPU has failed
    return Network(*pupil.heard(), pupil, every, note, model.front_end)


class Listener:
    """Everything that is open while listening: `with Listener(options, load, report)`.

    `load()` gives a `Network` and runs in a thread of its own; `report(line)` gets one dict per
    decision. A fault in any thread ends the listener, and `wait` raises it.
    """

    def __init__(self, options, load, report=lambda line: None):
        self.options = options
        self._load, self._report = load, report
        self._stack = ExitStack()
        self._done, self._due = threading.Event(), threading.Event()
        self._error = None
        self._control = Control(options.values)
        self._lesson, self._jobs = Lesson(), queue.SimpleQueue()
        self._lines = queue.SimpleQueue()  # to report: whoever reads them may be slow
        self._network, self._taking = None, threading.Lock()
        self._pupil, self._taught = None, options.taught
        self._noted = self._told = ""
        self._rounds = 0  # looks at the sound
        self.receiver = None
        self.status = 0  # to exit with

    def __enter__(self):
        with self._stack as stack:
            self._open(stack)
            self._stack = stack.pop_all()
        return self

    def _open(self, stack):
        options = self.options
        self.sender = stack.enter_context(Sender(options.target, wek=options.wek))
        if options.ring:
            stack.callback(forget_own, options.ring, time.time() - HAIR)
        self.source = open_source(options.audio, loop=options.loop, aloud=not options.mute,
                                  ring_name=options.ring, seed=options.scene_seed, channels=options.channels)
        stack.callback(self.source.ring.close)  # also when what follows fails
        self.engine = Engine(self.source.rate, None, (), self._publish, self._control.frame())
        self.receiver = stack.enter_context(self._open_port())
        if isinstance(self.source, Paced) and not options.eager:
            self._load = _given(self._load())  # a file can wait until all of it can be heard
        stack.enter_context(self.source)
        # What asks a reader, or a sound server, may wait for ever: then the process ends without it.
        self._start(stack, self._tell, lambda: self._lines.put(None), ENDING)
        for work in (self._hear, self._decide, self._tick, self._bring_network, self._work):
            self._start(stack, work, self.stop, ENDING if work == self._hear else None)

    def _open_port(self):
        """The Receiver; OSError where its port is taken, for an ear of the show with what that may mean."""
        options = self.options
        try:
            return Receiver(options.port, submit=self._control.submit, values=lambda: self.engine.values, rows=HEAR,
                            command=self._command, commands=ASKED, host=options.host, notice=self._note, only=options.steered)
        except OSError as problem:
            if not options.parent:
                raise
            raise ear_taken(problem) from None

    def _start(self, stack, work, end, patience):
        """Do `work` in a thread; on the way out, however early that is, `end()` it and wait."""
        thread = threading.Thread(target=self._guard, args=(work,), name=f"listen{work.__name__}", daemon=True)
        thread.start()
        stack.callback(thread.join, patience)
        stack.callback(end)

    def __exit__(self, *error):
        self._stack.close()

    def stop(self, status=0):
        """Ask all threads to end, because of a signal with its `status`. Any thread."""
        self.status = self.status or status
        self._done.set()
        self._due.set()
        self._jobs.put(None)

    def wait(self):
        """Until the sound ends or `stop`; raises what went wrong in a thread."""
        parent = Parent(self.options.parent)
        while not self._done.wait(PATIENCE):
            if parent.gone():
                self.stop()
        if self._error:
            raise self._error

    def _guard(self, work):
        try:
            work()
        except BrokenPipeError:  # whoever read our lines has left
            self.stop()
        except Exception as error:  # shown by `wait`
            self._error = self._error or _blame(work, error)
            self.stop()

    def _hear(self):
        left = TAIL
        while not self._done.is_set() and left > 0:
            self._rounds += 1
            ended = self.source.ended
            block = self.source.read()
            if len(block):
                self._analyse(block)
            self._tell_source()
            left -= len(block) / self.source.rate if ended else 0.0
        self.stop()

    def _tell_source(self):
        """Publish what is listened to, when that or what is wrong with it has changed."""
        told = f"listening to {': '.join(part for part in (self.source.description, self.source.note) if part)}"
        if told != self._told:
            self._told = told
            self.sender.publish({"audio.source": told, "audio.spec": self.source.spec})
            self._complain(told)

    def _analyse(self, block):
        self.engine.values = values = self._control.frame()
        self._lesson.push(amplified(block, values["hear.gain"]), self.source.rate)  # what is learnt is what is heard
        self.engine.overflows = self.source.overflows
        if self.engine.analyse(block, time.perf_counter()):
            self._due.set()

    def _decide(self):
        while not self._done.is_set():
            self._due.wait()
            self._due.clear()
            self.engine.decide()

    def _tick(self):
        due, reach, still = time.perf_counter(), Reach(), Still(STUCK / TICK)
        while not self._done.wait(max(due - time.perf_counter(), 0.0)):
            now = time.perf_counter()
            hangs = still.at(self._rounds)
            if still.news:
                self._note(f"{self.source.name} does not answer: start the sound server anew, or plug the device in once more")
            if still.news or not hangs:  # deaf: whoever counts the ticks must see it
                self.sender.tick(now)
                for line in reach.news(dict(self.sender.lost), now):
                    self._note(line)
            self.receiver.echo(self.engine.values, now)
            due = max(due + TICK, now)  # a late tick is not made up for
        self.sender.tick(time.perf_counter())

    def _bring_network(self):
        self._take(network := Network(*self._load()))
        if network.note:
            self._note(network.note)

    def _take(self, network):
        with self._taking:
            self.sender.rename(network.classes)
            self.engine.attach(network.hear, network.classes, network.front_end, network.every)
            self._network, self._pupil = network, network.pupil

    def _command(self, name, argument):
        """Begin or end an example at once; what takes time is left to the working thread."""
        argument = argument if isinstance(argument, str) else ""
        name = meant(name, argument, self._lesson.seconds if self._lesson.goes_on else None)
        if name == "show.model":
            if not argument:
                raise ValueError("takes the name or the folder of a model; got none")
            self._jobs.put(partial(self._change, argument))
        elif self._pupil is None:
            raise ValueError("there is no network yet that could learn: try again in some seconds")
        elif name == "teach.start":
            self._note(self._begun(argument))
        elif name == "teach.stop":
            self._jobs.put(partial(self._learn, *self._lesson.stop(), argument))
        elif name == "teach.new":
            self._note(f"next is {self._lesson.anew(self._pupil.heard()[1])}")
        elif name == "teach.forget":
            self._jobs.put(partial(self._forget, argument or self._lesson.name))

    def _begun(self, name):
        """Begin an example, unless what it is to be of could not be learnt; what is to be said. One of another class that goes on
        is learnt first: whoever taps one pad after the other has made both sounds."""
        try:
            name = self._pupil.check(name or self._lesson.name)
        except ValueError as mistake:
            return f"{REFUSED}{mistake}"
        if self._lesson.goes_on and name != self._lesson.name:
            self._jobs.put(partial(self._learn, *self._lesson.stop(), ""))
        return LISTENING + self._lesson.start(name)

    def _work(self):
        for job in iter(self._jobs.get, None):
            try:
                note = job()
            except (ValueError, OSError) as mistake:
                note = str(mistake)
            self._note(note)

    def _note(self, text):
        """Publish news of teaching; what was said just before is told from it, so that it is news again."""
        self._noted = text if text != self._noted else text + AGAIN
        self.sender.publish({"teach.note": self._noted})
        self._complain(self._noted)
        if self.receiver:
            self.receiver.news(self._noted)

    def _complain(self, text):
        """Tell the terminal, if there is no parent: a show says itself what is published."""
        if not self.options.parent:
            complain(text)

    def _change(self, folder):
        """Hear with another model; the present one goes on until that is there, or for good if it is not."""
        network = behind(partial(self._loaded, folder))
        self._take(network)
        return network.note

    def _loaded(self, folder):
        from .learn.teach import own_folder
        from .model.card import DEFAULT, load_model

        model = load_model(folder or DEFAULT)
        self._taught = self._taught and own_folder(model, beside=self._taught)
        return load_network(model.folder, self._taught, self.options.device)

    def _learn(self, name, samples, picture):
        many = self._pupil.add(name, samples, self.source.rate, self.engine.values["hear.gate"])
        name, trouble = self._pupil.check(name), self._keep({name: picture} if picture else {})
        cut = f" (of the last only the first {LESSON:g} s: nothing longer is kept)" * (len(samples) >= LESSON * self.source.rate)
        return f"{name}: {many} example{'s' * (many > 1)}{cut}{trouble}"

    def _forget(self, name):
        self._pupil.forget(name)
        return f"{name}{FORGOTTEN}{self._keep()}"

    def _keep(self, pictures=()):
        """Save first, so that whoever hears of a class finds its picture; what went wrong, which does not undo the lesson."""
        trouble = self._saved(pictures)
        hear, classes = self._pupil.heard()
        self._take(self._network._replace(hear=hear, classes=classes))
        return trouble

    def _saved(self, pictures):
        """Save; "", or what went wrong: without a picture that is none, and for this show only where there is no room."""
        try:
            self._pupil.save(pictures)
        except ValueError as mistake:
            return f", with the picture of the class most like it: {mistake}" + self._saved(())
        except OSError as problem:
            return (f", for this show only: {self._pupil.folder} cannot be written ({problem.strerror or problem}); make room, or that "
                    "folder writable, and teach once more")
        return ""

    def _publish(self, values):
        self.sender.publish(values)
        if "known" in values and self._lines.qsize() < WAITING:
            self._lines.put(self._line(values))

    def _tell(self):
        for line in iter(self._lines.get, None):
            self._report(line)

    def _line(self, values):
        return {
            "time": round(self.engine.analysed / self.source.rate, 3),
            "top": values["top.name"],
            "prob": round(values["top.prob"], 4),
            "known": round(values["known"], 4),
            "changed": bool(values.get("top.changed")),
            "latency_ms": round(values["stat.latency_ms"], 1),
            "probabilities": {name.removeprefix(CLASS): round(value, 4)
                              for name, value in values.items() if name.startswith(CLASS)},
        }


class Still:
    """Whether a number has been the same for more than `most` looks in a row: looks and no time, of which importing torch
    takes some from all threads."""

    def __init__(self, most):
        self._most, self._number, self._looks = most, None, 0
        self.news = False  # whether it has just become so

    def at(self, number):
        """Another look."""
        self._looks = self._looks + 1 if number == self._number else 0
        self._number = number
        self.news = self._most < self._looks <= self._most + 1
        return self._looks > self._most


class Reach:
    """Which targets OSC does not reach; time is passed in (s). A network that comes and goes is not news each time: what was lost
    is back when it has been for BACK seconds."""

    def __init__(self):
        self._lost = {}  # target -> when it was out of reach last

    def news(self, lost, now):
        """Lines to say, of {(host, port): why} that are out of reach now."""
        new = [f"{host}:{port} ({why})" for (host, port), why in lost.items() if (host, port) not in self._lost]
        self._lost |= dict.fromkeys(lost, now)
        back = [target for target, then in self._lost.items() if now - then >= BACK]
        for target in back:
            del self._lost[target]
        lines = [f"OSC does not reach {', '.join(new)}: see to the network, or give another --target"] * bool(new)
        return lines + [f"OSC reaches {', '.join(f'{host}:{port}' for host, port in back)} again"] * bool(back)


def _blame(work, error):
    """The error to end with: a fault of ours must not look like a mistake of the user, which is never retried."""
    if isinstance(error, OSError) or work.__name__ == "_bring_network":
        return error
    fault = RuntimeError(f"{work.__name__}: {error}")
    fault.__cause__ = error
    return fault


def _given(value):
    return lambda: value


def _reporter(options):
    """What is printed for each decision: a line of JSON, or news for a person, or nothing for `perform`."""
    if options.json:
        return lambda line: print(json.dumps(line), flush=True)
    if options.parent:
        return lambda line: None
    return _print_news


def _print_news(line):
    if line["changed"]:
        tell(f"{line['time']:7.1f} s  {line['top']} ({line['prob']:.2f})")
