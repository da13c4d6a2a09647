"""`hearsee listen`: sound in, OSC out, in a process of its own; and the supervisor that keeps it alive.

Owns the threads of the hearing process. The sound and the fast path start before torch is imported,
so that a restarted `listen` is back with levels within a second and with decisions soon after.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .audio.engine import DECISION, Engine, amplified
from .audio.frontend import FrontEnd, log_mel
from .audio.source import Paced, open_source
from .behind import behind
from .console import aside, complain, tell
from .control import Control
from .features import AGAIN, CLASS, LISTENING, REFUSED
from .files import brought_back
from .osc import Receiver, Sender
from .params import COMMANDS, EAR, HELD, PARAMS, SHOW, TOUCHDESIGNER
from .signals import ENDS, as_before
from .ticks import fine_ticks

TICK = 1 / 60  # seconds between two bundles
TAIL = 0.1  # seconds of the silence behind a file that are still analysed
PATIENCE = 0.5  # seconds between two looks at the parent
ENDING = 4.0  # seconds in which a child ends by itself: it may be saving a lesson, or loading its network
STUCK = 2.0  # seconds without a look at the sound after which whoever gives it hangs
WAITING = 1000  # lines that wait for a reader; more are left out
STEADY = 5.0  # seconds after which a child counts as well started
PAUSES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)  # before the first, second ... restart of a child that keeps dying
MISTAKE = 2  # exit status of a user's mistake, such as a missing file
STOPPED = 128 + signal.SIGTERM  # exit status of one that was told to end from outside, as a shell gives it
HEAR = tuple(row for row in PARAMS if row.group == "hear")
ASKED = tuple(command for command in COMMANDS if command.name.startswith("teach.") or command.name == "show.model")
LESSON = 30.0  # seconds of an example that are kept
UNNAMED = "new_class"  # a class taught before any was named


@dataclass(frozen=True)
class ListenOptions:
    """What `hearsee listen` was asked for; the flags of cli.py."""

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
    eager: bool = False  # do not let a file wait for the network
    taught: str | None = None  # folder for classes taught here; where it is there already, it goes on from it
    values: dict = field(default_factory=dict)


def run(options):
    """Listen until the file ends, the parent vanishes or somebody stops it; the exit status, 0 only if it ended itself.

    Ctrl-C ends it in order where there is no parent: a child of the show is never meant by it.
    """
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
        self.source = open_source(options.audio, loop=options.loop, aloud=not options.mute,
                                  ring_name=options.ring, seed=options.scene_seed, channels=options.channels)
        stack.callback(self.source.ring.close)  # also when what follows fails
        self.engine = Engine(self.source.rate, None, (), self._publish, self._control.frame())
        self.receiver = stack.enter_context(Receiver(
            options.port, submit=self._control.submit, values=lambda: self.engine.values, rows=HEAR,
            command=self._command, commands=ASKED, host=options.host, notice=self._note))
        if isinstance(self.source, Paced) and not options.eager:
            self._load = _given(self._load())  # a file can wait until all of it can be heard
        stack.enter_context(self.source)
        # What asks a reader, or a sound server, may wait for ever: then the process ends without it.
        self._start(stack, self._tell, lambda: self._lines.put(None), ENDING)
        for work in (self._hear, self._decide, self._tick, self._bring_network, self._work):
            self._start(stack, work, self.stop, ENDING if work == self._hear else None)

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
            self.sender.publish({"audio.source": told})

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
        due, told, still = time.perf_counter(), set(), Still(STUCK / TICK)
        while not self._done.wait(max(due - time.perf_counter(), 0.0)):
            now = time.perf_counter()
            hangs = still.at(self._rounds)
            if still.news:
                self._note(f"{self.source.name} does not answer: start the sound server anew, or plug the device in once more")
            if still.news or not hangs:  # deaf: whoever counts the ticks must see it
                self.sender.tick(now)
                self._tell_lost(told)
            self.receiver.echo(self.engine.values, now)
            due = max(due + TICK, now)  # a late tick is not made up for
        self.sender.tick(time.perf_counter())

    def _tell_lost(self, told):
        """Say once of each target of OSC that nothing reaches it."""
        new = {target: why for target, why in list(self.sender.lost.items()) if target not in told}  # other threads send, too
        if new:
            told.update(new)
            lost = ", ".join(f"{host}:{port} ({why})" for (host, port), why in new.items())
            self._note(f"OSC does not reach {lost}: see to the network, or give another --target")

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
        if name == "teach.start" and not argument and self._lesson.goes_on:  # once more
            name = "teach.stop"
        if name == "show.model":
            if not argument:
                raise ValueError("takes the name or the folder of a model; got none")
            self._jobs.put(partial(self._change, argument))
        elif self._pupil is None:
            raise ValueError("there is no network yet that could learn: try again in some seconds")
        elif name == "teach.start":
            self._note(self._begun(argument))
        elif name == "teach.stop" or name == "teach.release" and self._lesson.seconds >= HELD:
            self._jobs.put(partial(self._learn, *self._lesson.stop(), argument))
        elif name == "teach.new":
            self._note(f"next is {self._lesson.anew(self._pupil.heard()[1])}")
        elif name == "teach.forget":
            self._jobs.put(partial(self._forget, argument or self._lesson.name))

    def _begun(self, name):
        """Begin an example, unless what it is to be of could not be learnt; what is to be said."""
        try:
            self._pupil.check(name or self._lesson.name)
        except ValueError as mistake:
            return f"{REFUSED}{mistake}"
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
        if not self.options.parent:  # which says what is published
            complain(self._noted)
        if self.receiver:
            self.receiver.news(self._noted)

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
        self._keep({name: picture} if picture else {})
        cut = f" (of the last only the first {LESSON:g} s: nothing longer is kept)" * (len(samples) >= LESSON * self.source.rate)
        return f"{name}: {many} example{'s' * (many > 1)}{cut}"

    def _forget(self, name):
        self._pupil.forget(name)
        self._keep()
        return f"{name} is forgotten"

    def _keep(self, pictures=()):
        """Save first, so that whoever hears of a class finds its picture; a full disk does not undo the lesson, and a picture
        that is none does not keep it from being saved."""
        try:
            self._pupil.save(pictures)
        except ValueError:
            self._pupil.save()
            raise
        finally:
            hear, classes = self._pupil.heard()
            self._take(self._network._replace(hear=hear, classes=classes))

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


class Lesson:
    """The example that is going on: keeps the sound between `start` and `stop`, at most LESSON seconds."""

    def __init__(self):
        self.name = UNNAMED  # of the class taught last
        self._blocks = None
        self.seconds = 0.0  # of sound in it
        self._given = set()  # names of the examples so far, learnt or not yet

    @property
    def goes_on(self):
        """Whether an example has begun."""
        return self._blocks is not None

    def start(self, name=""):
        """Begin an example of a class, or of the one before; its name."""
        self.name, self._blocks, self.seconds = name or self.name, [], 0.0
        return self.name

    def push(self, block, rate):
        """Take sound at `rate` Hz."""
        blocks = self._blocks
        if blocks is not None and self.seconds < LESSON:
            blocks.append(block)
            self.seconds += len(block) / rate

    def stop(self):
        """End it: (name, samples)."""
        if self._blocks is None:
            raise ValueError("no example has begun: first comes /hs/teach/start with the name of the class")
        blocks, self._blocks, self.seconds = self._blocks, None, 0.0
        self._given.add(self.name)
        return self.name, np.concatenate([np.zeros(0, np.float32), *blocks])

    def anew(self, classes):
        """From the next example on another class, none of `classes`; its name."""
        if self._blocks is not None:
            raise ValueError("an example is going on: end it first")
        numbered = (f"{UNNAMED}_{number}" for number in count(2))
        self.name = next(name for name in chain([UNNAMED], numbered) if name not in {*classes, *self._given})
        return self.name


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


class Parent:
    """The process that we must not outlive; None for no such process."""

    def __init__(self, pid):
        self._pid = pid
        self._ours = sys.platform != "win32" and os.getppid() == pid

    def gone(self):
        """True once it has ended."""
        if self._pid is None:
            return False
        if self._ours:  # an orphan gets another parent at once, even while the dead one is unburied
            return os.getppid() != self._pid
        return not (_windows_alive if sys.platform == "win32" else _posix_alive)(self._pid)


def _posix_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _windows_alive(pid):  # os.kill would end it there
    import ctypes

    synchronize, timed_out = 0x00100000, 0x102
    handle = ctypes.windll.kernel32.OpenProcess(synchronize, False, pid)
    if not handle:
        return False
    alive = ctypes.windll.kernel32.WaitForSingleObject(handle, 0) == timed_out
    ctypes.windll.kernel32.CloseHandle(handle)
    return alive


class Supervisor:
    """Keeps `listen` running as a child process with these command-line arguments: `with Supervisor(...)`.

    A child that dies is started again, at once the first time and then ever later. `restarts` counts,
    `reason` says why the last one ended. `ended`: it ended by itself with status 0, as at the end of a
    file. `failed`: it never came up because of a user's mistake, told in `reason`.
    """

    def __init__(self, arguments, program=(sys.executable, "-m", "instrument", "listen")):
        self._argv = [*program, *arguments]
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._child = None
        self.restarts, self.reason = 0, ""
        self.ended = self.failed = False
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    @property
    def pid(self):
        """Process id of the present child; None when it is not running."""
        child = self._child
        return child.pid if child and child.poll() is None else None

    def kill(self):
        """End a child that has gone silent at once, to be started again; whether there was one."""
        running = self.pid is not None
        self._child.kill()  # the only signal that a stopped process obeys
        return running

    def amend(self, flag, value):
        """Give the child this value of a flag from its next start on."""
        if flag in self._argv:
            self._argv[self._argv.index(flag) + 1] = value
        else:
            self._argv += [flag, value]

    def __enter__(self):
        self._start()
        self._thread.start()
        return self

    def __exit__(self, *error):
        with self._lock:  # after this no other child is started
            self._stop.set()
        self._ask_to_end()
        try:
            self._child.wait(ENDING)
        except subprocess.TimeoutExpired:
            self._child.kill()
        self._thread.join()

    def _ask_to_end(self):
        if sys.platform == "win32":  # to "terminate" is to kill there, and it may be saving a lesson
            with suppress(OSError):
                return self._child.send_signal(signal.CTRL_BREAK_EVENT)
        self._child.terminate()

    def _start(self):
        # In a group of its own, so that Ctrl-C in the terminal reaches us alone and we end it in order.
        group = ({"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if sys.platform == "win32"
                 else {"start_new_session": True})
        with self._lock:
            if not self._stop.is_set():
                self._child = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                               text=True, errors="replace", **group)

    def _run(self):
        quick = 0  # children in a row that died soon
        while not self._stop.is_set():
            began = time.perf_counter()
            said = self._last_words()
            status = self._child.wait()
            if self._stop.is_set() or self._final(status, said):
                return
            quick = 0 if time.perf_counter() - began > STEADY else quick + 1
            self.restarts += 1
            self.reason = said or f"exit status {status}"
            self._stop.wait(PAUSES[min(max(quick - 1, 0), len(PAUSES) - 1)])
            self._argv += ["--eager"] * ("--eager" not in self._argv)  # the show is on: levels first
            self._start_again()

    def _start_again(self):
        """Start it, as soon as the system has memory and a process for it."""
        while not self._stop.is_set():
            try:
                return self._start()
            except OSError as error:
                self._say_once(f"`listen` cannot be started again: {error}")
                self._stop.wait(PAUSES[-1])

    def _say_once(self, reason):
        if reason != self.reason:
            complain(reason)
        self.reason = reason

    def _last_words(self):
        """Pass on what the child says until it ends; the last line of it."""
        last = ""
        with self._child.stderr as lines:
            for line in lines:
                complain(line.rstrip("\n"))
                last = line.strip() or last
        return last

    def _final(self, status, said):
        self.ended = status == 0
        self.failed = status == MISTAKE and self.restarts == 0
        if self.failed:
            self.reason = said
        return self.ended or self.failed
