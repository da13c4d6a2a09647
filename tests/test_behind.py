"""Work behind the show."""

import os
import sys
import threading
from functools import partial

import pytest

from instrument.behind import behind


def niceness():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_work_behind_the_show_gives_its_result_and_its_mistakes():
    assert behind(lambda: 7) == 7
    with pytest.raises(ValueError, match="no such model"):
        behind(partial(int, "no such model"))


@pytest.mark.skipif(sys.platform != "linux", reason="niceness is a thread's own on Linux only")
def test_work_behind_the_show_comes_after_others_and_the_caller_does_not():
    before = niceness()
    assert behind(niceness) > before == niceness()


def test_where_no_thread_may_step_back_the_work_is_done_all_the_same(monkeypatch):
    def refuse(*_):
        raise PermissionError("not in this container")

    monkeypatch.setattr(os, "setpriority", refuse, raising=False)
    assert behind(lambda: 7) == 7
