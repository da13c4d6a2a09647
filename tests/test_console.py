"""What the show says: nothing that is said, and no console, may end it."""

import io
import sys

from instrument.console import KEPT, SHOWN, Messages, tell


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
