"""The side of `listen` that learns: commands that teach it classes, or give it another model to hear with."""

import queue
from functools import partial

from .behind import behind
from .features import AGAIN, FORGOTTEN, LISTENING, REFUSED
from .hearing import load_network
from .lesson import LESSON, Lesson, meant
from .params import COMMANDS

ASKED = tuple(command for command in COMMANDS if command.name.startswith("teach.") or command.name == "show.model")


class School:
    """Carries out the commands of ASKED on what hears a sound of `rate` Hz. `take(network)` has `listen` hear with another
    `Network`, `say(text)` publishes news; `loudness()` gives the level in dBFS below which nothing is an example.

    `folder`: where what is taught is saved (None: beside the model, in a new one); `device`: of model/ear.py.
    """

    def __init__(self, rate, take, say, loudness, folder=None, device="cpu"):
        self.network, self.lesson = None, Lesson()  # what is heard with, None before there is one; the example that goes on
        self._take, self._say, self._loudness = take, say, loudness
        self._folder, self._device = folder, device
        self._rate, self._jobs = rate, queue.SimpleQueue()
        self._noted = ""

    @property
    def _pupil(self):
        return self.network and self.network.pupil

    def hear(self, block):
        """Take sound (n,), of which an example is made while one goes on."""
        self.lesson.push(block, self._rate)

    def command(self, name, argument):
        """Begin or end an example at once; what takes time is left to `work`. ValueError in one line where it cannot be done."""
        argument = argument if isinstance(argument, str) else ""
        name = meant(name, argument, self.lesson.seconds if self.lesson.goes_on else None)
        if name == "show.model":
            if not argument:
                raise ValueError("takes the name or the folder of a model; got none")
            self._jobs.put(partial(self._change, argument))
        elif self._pupil is None:
            raise ValueError("there is no network yet that could learn: try again in some seconds")
        elif name == "teach.start":
            self.note(self._begun(argument))
        elif name == "teach.stop":
            self._jobs.put(partial(self.learn, *self.lesson.stop(), argument))
        elif name == "teach.new":
            self.note(f"next is {self.lesson.anew(self._pupil.heard()[1])}")
        elif name == "teach.forget":
            self._jobs.put(partial(self.forget, argument or self.lesson.name))

    def _begun(self, name):
        """Begin an example, unless what it is to be of could not be learnt; what is to be said. One of another class that goes on
        is learnt first: whoever taps one pad after the other has made both sounds."""
        try:
            name = self._pupil.check(name or self.lesson.name)
        except ValueError as mistake:
            return f"{REFUSED}{mistake}"
        if self.lesson.goes_on and name != self.lesson.name:
            self._jobs.put(partial(self.learn, *self.lesson.stop(), ""))
        return LISTENING + self.lesson.start(name)

    def work(self):
        """Do what takes time, one thing after the other, until `stop`. A thread of its own."""
        for job in iter(self._jobs.get, None):
            try:
                note = job()
            except (ValueError, OSError) as mistake:
                note = str(mistake)
            self.note(note)

    def stop(self):
        """Have `work` end. Any thread."""
        self._jobs.put(None)

    def note(self, text):
        """Publish news; what was said just before is told from it, so that it is news again."""
        self._noted = text if text != self._noted else text + AGAIN
        self._say(self._noted)

    def _change(self, folder):
        """Hear with another model; the present one goes on until that is there, or for good if it is not."""
        network = behind(partial(self._loaded, folder))
        self._take(network)
        return network.note

    def _loaded(self, folder):
        from .learn.teach import own_folder
        from .model.card import DEFAULT, load_model

        model = load_model(folder or DEFAULT)
        self._folder = self._folder and own_folder(model, beside=self._folder)
        return load_network(model.folder, self._folder, self._device)

    def learn(self, name, samples, picture=""):
        """Learn an example (n,) of a class, whose picture is to be a file, that of another class, or "" for one like it; what is to
        be said."""
        many = self._pupil.add(name, samples, self._rate, self._loudness())
        name, trouble = self._pupil.check(name), self._keep({name: picture} if picture else {})
        cut = f" (of the last only the first {LESSON:g} s: nothing longer is kept)" * (len(samples) >= LESSON * self._rate)
        return f"{name}: {many} example{'s' * (many > 1)}{cut}{trouble}"

    def forget(self, name):
        """Forget a class that was taught; what is to be said."""
        self._pupil.forget(name)
        return f"{name}{FORGOTTEN}{self._keep()}"

    def _keep(self, pictures=()):
        """Save first, so that whoever hears of a class finds its picture; what went wrong, which does not undo the lesson."""
        trouble = self._saved(pictures)
        hear, classes = self._pupil.heard()
        self._take(self.network._replace(hear=hear, classes=classes))
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
