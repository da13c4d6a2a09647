"""What the show says: nothing that is said, and no console, may end it."""

import io
import logging
import sys
import threading

from instrument.console import KEPT, SHOWN, WAITING, Messages, aside, complain, tell


def test_a_console_that_fails_is_passed_over(monkeypatch):
    class Broken(io.StringIO):
        def write(self, text):
            raise BrokenPipeError("gone")

    monkeypatch.setattr(sys, "stdout", Broken())
    tell("one")
    tell("two")  # and the last flush, at exit, does not fail either
    sys.stdout.flush()


def test_a_console_without_these_letters_says_what_it_can(monkeypatch):
    said = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(said, "cp1252"))
    tell("preset 夜")
    assert said.getvalue().startswith(b"preset \\u591c")


def test_a_line_is_seen_for_a_while_and_printed_once(capsys):
    messages = Messages()
    for now in (0.0, 0.1, 0.2):
        messages.say("lost", now)
    assert messages.fresh(SHOWN) == ["lost"] and messages.fresh(SHOWN + 0.3) == []
    messages.say("lost", 2 * SHOWN)
    assert capsys.readouterr().out == "lost\n" * 2


def test_a_name_of_another_encoding_is_text_on_the_hud():
    messages = Messages()
    messages.say("saved caf\udce9.mp4", 0.0)
    assert messages.fresh(0.0) == ["saved caf?.mp4"]


def test_a_flood_of_lines_is_forgotten():
    messages = Messages()
    for number in range(10 * KEPT):
        messages.say(f"no preset {number}", 0.0)
    assert len(messages.fresh(0.0)) == KEPT and messages.fresh(0.0)[-1] == f"no preset {10 * KEPT - 1}"


class Held(io.StringIO):
    """A terminal in which somebody has marked a line: it takes nothing until it is let go."""

    def __init__(self):
        super().__init__()
        self.free = threading.Event()

    def write(self, text):
        self.free.wait(20)
        return super().write(text)


def test_a_terminal_that_is_held_holds_nobody_up(monkeypatch):
    held = Held()
    monkeypatch.setattr(sys, "stdout", held)
    with aside():
        for number in range(3 * WAITING):
            tell(f"line {number}")
        assert held.getvalue() == ""  # and yet we are here
        held.free.set()
    said = held.getvalue().splitlines()
    assert WAITING <= len(said) <= WAITING + 2 and said[:3] == ["line 0", "line 1", "line 2"]
    tell("at once")
    assert held.getvalue().endswith("at once\n")


def test_what_is_logged_goes_the_same_way(capsys):
    with aside():
        logging.getLogger("instrument.test").warning("a step %s", "failed")
        complain("a mistake")
    assert capsys.readouterr().err == "a step failed\na mistake\n"
