"""Waiting for a picture that the processor draws: the rest of the program goes on."""

import threading

import pytest
from helpers import screen_of

from instrument.render import software
from instrument.render.software import is_software, waiter

screen = screen_of((256, 256))

LONG = """#version 330 core
out vec4 colour;
void main() {
    float x = gl_FragCoord.x;
    for (int i = 0; i < %d; i++) x = sin(x) + 0.01;
    colour = vec4(x);
}
"""
TRIANGLE = """#version 330 core
void main() { gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0); }
"""


class Context:
    finish = None

    def __init__(self, renderer):
        self.info = {"GL_RENDERER": renderer}


@pytest.mark.parametrize("name, expected", (
    ("llvmpipe (LLVM 15.0.6, 256 bits)", True), ("Microsoft Basic Render Driver", True), ("SwiftShader Device", True),
    ("NVIDIA H100/PCIe/SSE2", False), ("Apple M2", False), ("Mesa Intel(R) Iris(R) Xe Graphics", False)))
def test_what_draws_is_told_by_its_name(name, expected):
    assert is_software(Context(name)) is expected


def test_other_threads_run_while_a_picture_is_waited_for(screen):
    if not is_software(screen.ctx):
        pytest.skip("a GPU draws here")
    program = screen.ctx.program(vertex_shader=TRIANGLE, fragment_shader=LONG % 4000)
    picture = screen.ctx.vertex_array(program, [])
    ended, turns = threading.Event(), []
    other = threading.Thread(target=lambda: [turns.append(1) for _ in iter(lambda: ended.wait(0.001), True)])
    wait = waiter(screen.ctx)
    screen.begin()
    picture.render(vertices=3)  # queued, not drawn
    other.start()
    before = len(turns)
    wait()
    during = len(turns) - before
    ended.set()
    other.join()
    assert during > 5


def test_a_gpu_is_waited_for_as_patiently(monkeypatch):
    monkeypatch.setattr(software, "_patient", lambda: print)
    assert waiter(Context("NVIDIA H100/PCIe/SSE2")) == print


def test_an_error_that_nobody_asked_for_is_passed_over(screen):
    screen.ctx.enable_direct(0xDEAD)
    waiter(screen.ctx)()
    screen.present()
    assert screen.ctx.error == "GL_INVALID_ENUM"


def test_without_the_library_the_context_waits_itself(screen, monkeypatch):
    monkeypatch.setattr(software, "_patient", lambda: None)
    assert waiter(screen.ctx) == screen.ctx.finish
