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

from .audio.engine import Engine, amplified
from .audio.ring import forget_own
from .audio.source import Paced, open_source
from .console import aside, complain, tell
from .control import Control
from .errors import ear_taken, show_taken
from .features import CLASS
from .hearing import Network, load_network
from .osc import Receiver, Sender
from .osc.wire import returning
from .params import PARAMS
from .parent import Parent
from .reach import Reach, Still
from .school import ASKED, School
from .signals import ENDS, as_before
from .supervisor import ENDING
from .ticks import fine_ticks

TICK = 1 / 60  # seconds between two bundles
TAIL = 0.1  # seconds of the silence behind a file that are still analysed
PATIENCE = 0.5  # seconds between two looks at the parent
STUCK = 2.0  # seconds without a look at the sound after which whoever gives it hangs
WAITING = 1000  # lines that wait for a reader; more are left out
HAIR = 0.1  # s by which the clock of a file system may be behind
STOPPED = 128 + signal.SIGTERM  # exit status of one that was told to end from outside, as a shell gives it
HEAR = tuple(row for row in PARAMS if row.group == "hear")


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
        self._lines = queue.SimpleQueue()  # to report: whoever reads them may be slow
        self._taking = threading.Lock()
        self._told = ""
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
        self._school = School(self.source.rate, self._take, self._tell_news, lambda: self.engine.values["hear.gate"], options.taught,
                              options.device)
        self.receiver = stack.enter_context(self._open_port())
        if isinstance(self.source, Paced) and not options.eager:
            self._load = _given(self._load())  # a file can wait until all of it can be heard
        stack.enter_context(self.source)
        # What asks a reader, or a sound server, may wait for ever: then the process ends without it.
        self._start(stack, self._tell, lambda: self._lines.put(None), ENDING)
        for work in (self._hear, self._decide, self._tick, self._bring_network, self._learn):
            self._start(stack, work, self.stop, ENDING if work == self._hear else None)

    def _open_port(self):
        """The Receiver; OSError where its port is taken, for an ear of the show with what that may mean."""
        options = self.options
        try:
            return Receiver(options.port, submit=self._control.submit, values=lambda: self.engine.values, rows=HEAR,
                            command=self._school.command, commands=ASKED, host=options.host, notice=self._school.note, only=options.steered)
        except OSError as problem:
            raise (ear_taken if options.parent else show_taken)(problem) from None

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
        self._school.stop()

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
        self._school.hear(amplified(block, values["hear.gain"]))  # what is learnt is what is heard
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
                self._school.note(f"{self.source.name} does not answer: start the sound server anew, or plug the device in once more")
            if still.news or not hangs:  # deaf: whoever counts the ticks must see it
                self.sender.tick(now)
                for line in reach.news(dict(self.sender.lost), now):
                    self._school.note(line)
            self.receiver.echo(self.engine.values, now)
            due = max(due + TICK, now)  # a late tick is not made up for
        self.sender.tick(time.perf_counter())

    def _bring_network(self):
        self._take(network := Network(*self._load()))
        if network.note:
            self._school.note(network.note)

    def _take(self, network):
        with self._taking:
            self.sender.rename(network.classes)
            self.engine.attach(network.hear, network.classes, network.front_end, network.every)
            self._school.network = network

    def _learn(self):
        self._school.work()

    def _tell_news(self, text):
        """Publish news of teaching."""
        self.sender.publish({"teach.note": text})
        self._complain(text)
        if self.receiver:
            self.receiver.news(text)

    def _complain(self, text):
        """Tell the terminal, if there is no parent: a show says itself what is published."""
        if not self.options.parent:
            complain(text)

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
