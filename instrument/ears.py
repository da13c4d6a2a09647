"""The `hearsee listen` that a show hears with: kept running beside it, or another program's (`--no-listen`)."""

import os
from contextlib import ExitStack

from .audio.ring import forget
from .errors import ear_taken
from .osc import Remote
from .osc.wire import bind, returning
from .params import EAR, PARAMS
from .supervisor import Supervisor

HEAR = tuple(row.name for row in PARAMS if row.group == "hear")
REPEAT = 1.0  # s between two sendings of the `hear.` rows to `listen`, which may have been restarted


class Ears:
    """Starts `listen` as `PerformOptions` ask and passes on to it what is turned; `with Ears(...)`.

    `taught` is the folder in which it saves what it is taught, `say(text)` tells the player. Of a `listen` that runs elsewhere
    `child`, `remote` and `ring_name` are None.
    """

    def __init__(self, options, taught, say):
        self._say, self._sent, self._due = say, None, 0.0
        self._deaf = False  # whether it was said that the `hear.` rows turn nothing here
        self._open = options.audio in (None, "auto") or str(options.audio).isdigit()  # what is heard might be another next time
        self._channels = options.channels
        self.child = self.remote = self.ring_name = None
        if not options.no_listen:
            _check_ports(options)
            self.ring_name = f"hearsee-{os.getpid()}"
            self._port = _port(options)
            self.remote = Remote(("127.0.0.1", self._port))
            self.child = Supervisor([*_arguments(options, self.ring_name, taught), "--steered", str(self.remote.bind())])

    def __enter__(self):
        with ExitStack() as stack:  # an impatient second Ctrl-C ends the wait for `listen`, and nothing is left behind all the same
            if self.child:
                stack.callback(forget, self.ring_name)  # a `listen` that had to be killed leaves it
                stack.callback(self.remote.close)
                _try_port(self._port)
                stack.enter_context(self.child)
            self._close = stack.pop_all().close
        return self

    def __exit__(self, *error):
        self._close()

    @property
    def failed(self):
        """Whether `listen` could not begin because of a user's mistake, which it has told."""
        return bool(self.child and self.child.failed)

    @property
    def ended(self):
        """Whether what was heard has ended, and `listen` with it."""
        return bool(self.child and self.child.ended)

    @property
    def restarts(self):
        return self.child.restarts if self.child else 0

    def tell(self, values, now):
        """Pass the `hear.` rows on when they change, and now and then in case `listen` was restarted."""
        wanted = {name: values[name] for name in HEAR}
        if self.child is None:
            self._cannot_tell(wanted)
        elif wanted != self._sent or now >= self._due:
            self.remote.submit(wanted)
            self._due = now + REPEAT
        self._sent = wanted

    def _cannot_tell(self, wanted):
        """Say once that turning these rows changes nothing."""
        if not self._deaf and wanted != (self._sent or wanted):
            self._deaf = True
            self._say(f"the sound is heard elsewhere: send /hs/hear/... to that `hearsee listen` (port {EAR})")

    def settle(self, spec):
        """From the first word of it on, hear what this `--audio` names: a `listen` that is started again shall not take the demo
        because the microphone is away, nor the device that has got its number. What the player named stays as named."""
        if self.child and spec and self._open:
            self._open = False
            if spec != "demo" or not self._channels:  # which that has not; asked for by name it would be a mistake
                self.child.amend("--audio", spec)

    def hear_with(self, folder, taught):
        """Hear with another model, now and whenever `listen` is started again."""
        if self.child:
            self.remote.command("show.model", str(folder))
            self.child.amend("--model", str(folder))
            self.child.amend("--taught", str(taught))


def _port(options):
    """Where our own `listen` is told what is turned."""
    return options.port + 1


def _check_ports(options):
    """ValueError where it would send to itself."""
    if back := returning(options.target, options.host, (options.port, _port(options))):
        raise ValueError(f"--port {options.port}: the show receives there and its `listen` on {_port(options)}, so neither can be "
                         f"where it sends (--target {back[0]}); give another --port or --target")


def _try_port(port):
    """OSError where somebody has the port already: found now, before anything is drawn, and not once `listen` has loaded."""
    try:
        bind("127.0.0.1", port).close()
    except OSError as problem:
        raise ear_taken(problem) from None


def _arguments(options, ring_name, taught):
    """What `listen` is started with."""
    arguments = ["--port", str(_port(options)), "--ring", ring_name, "--parent", str(os.getpid()),
                 "--scene-seed", str(options.scene_seed), "--device", options.device]
    own = "127.0.0.1" if options.host == "0.0.0.0" else options.host
    for host, port in [(own, options.port), *options.target]:
        arguments += ["--target", f"{host}:{port}"]
    given = {"--audio": options.audio, "--channels": ",".join(map(str, options.channels)), "--model": options.model,
             "--taught": str(taught)}
    for flag, value in given.items():
        arguments += [flag, value] if value else []
    endless = options.loop or options.audio in (None, "demo")
    return arguments + ["--loop"] * endless + ["--mute"] * (options.mute or options.headless)
