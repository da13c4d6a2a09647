"""GLSL from files: includes, the uniforms of the parameter table, errors with file and line, hot reload.

A shader file says `#include "params"` and gets one uniform block with every row of `params.PARAMS`
(`u_post_hue`, ...), the coefficients of the motion (`u_motion_expand`, ...), of the ways of the two newest dreams
until now (`u_newest_expand`, `u_previous_expand`, ...) and what the host tells (`u_time`, `u_level`, ...). The block is
written once a frame for all programs. A program knows by `HAS_GLOW` that the texture `u_glow` is there: software GL
computes both sides of an `if`, so what is not needed must not be compiled in.
"""

import re
from pathlib import Path

import moderngl
import numpy as np

from ..motion import Motion
from ..params import PARAMS, SOURCES
from .software import is_software, waiter

HOST = (
    "width", "height", "aspect",  # of the picture: px, px, width / height
    "field", "field_before",  # width / height of the two newest dreams, as they are carried: the picture may be one stretched
    "line",  # px of one of the 360 lines that looks are made with; at least 1
    "time", "dt",  # s; time starts at 0 with the renderer
    "lap",  # s of the time, from 0 again every 997: for what is thrown anew in each frame, as 32 bits of a week would repeat it
    "fade",  # share of the newest dream beside the previous one
    "keep_echo", "keep_trails",  # share of the last frame that stays in this one
    "gain", "dither",  # brightness after blackout; 1 where the last 8 bits need dither
    "hue_cos", "hue_sin",  # of post.hue
) + SOURCES[1:]
MOTIONS = ("motion", "newest", "previous")  # ways: since the last frame, and since the two newest dreams (motion.py)
_FIELDS = tuple(f"{which}_{field}" for which in MOTIONS for field in Motion._fields)
_UNIFORMS = tuple("u_" + name for name in HOST + _FIELDS) + tuple(row.uniform for row in PARAMS)

BLOCK = "layout(std140) uniform Params {\n" + "".join(f"    float {name};\n" for name in _UNIFORMS) + "};\n"
HEADER = "#version 330 core\n"
TRIANGLE = HEADER + """out vec2 uv;
void main() {
    uv = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0;
    gl_Position = vec4(uv * 2.0 - 1.0, 0.0, 1.0);
}
"""
GRID = 16 * 9 * 6  # vertices of the grid that a .vert file makes from gl_VertexID
_INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"\s*$')
_MEANT = re.compile(r"#\s*include\b")
# What is quoted is none; a line that ends in a backslash goes on in the next.
_COMMENT = re.compile(r'("[^"\n]*")|//(?:\\\n|[^\n])*|/\*.*?\*/', re.DOTALL)
_DECLARED = re.compile(r"\buniform\b[^;{]*;")
_BEGUN = re.compile(r"(\w+)\s*(?:\[[^\]]*\])?\s*=")  # a name that is given a value
# Mesa "0:7(3): error: text", NVIDIA "0(7) : error C1008: text", Apple and Intel "ERROR: 0:7: text".
_FAULT = re.compile(r"(?:ERROR: )?\d+(?::(\d+)(?:\(\d+\))?|\((\d+)\))\s*:\s*(?:error\s*\w*:\s*)?(.+)", re.IGNORECASE)
_FILE = 100_000  # lines of file n are numbered from n * _FILE: not every driver reports #line's second number
SAMPLER_2D = 0x8B5E  # as OpenGL numbers the types of uniforms
END = "// the end: NVIDIA's compiler refuses a #line that nothing follows\n"


class Uniforms:
    """The uniform block: one buffer, written once a frame, read by all programs."""

    def __init__(self, ctx):
        self._data = np.zeros((len(_UNIFORMS) + 3) // 4 * 4, "f4")  # std140 pads a block to 16 bytes
        self._buffer = ctx.buffer(self._data.tobytes())

    def put(self, host, motions, values):
        """`host` {name: number} and `motions` {one of MOTIONS: Motion} (missing ones are 0),
        values of all parameters."""
        numbers = [host.get(name, 0.0) for name in HOST]
        numbers += [part for which in MOTIONS for part in motions.get(which, Motion())]
        numbers += [values[row.name] for row in PARAMS]
        self._data[: len(numbers)] = numbers
        self._buffer.write(self._data)
        self._buffer.bind_to_uniform_block(0)

    def release(self):
        self._buffer.release()


class Shaders:
    """The programs made from the files of one folder, `NAME.frag` over one triangle or over `NAME.vert`'s vertices."""

    def __init__(self, ctx, folder):
        self._ctx, self._folder = ctx, Path(folder)
        self._programs = {}  # (name, *texture keys) -> (program, vertex array, vertices)
        self._seen = {}  # name -> {file: mtime}, of the oldest of its programs
        self._faults = {}  # name -> one line
        self._next_check = 0.0
        self._wait = waiter(ctx) if is_software(ctx) else None
        self.faults = 0  # reloads that failed since start

    def load(self, name, *keys):
        """Compile a program for these textures; ValueError with file and line if it has a fault."""
        seen = {}
        made = self._make(name, keys, seen)
        self._release(self._programs.get((name, *keys)))
        self._programs[name, *keys] = made
        self._seen[name] = {**seen, **self._seen.get(name, {})}

    def _make(self, name, keys, seen):
        """(program, vertex array, vertices) from the files as they are; `seen` {file: mtime} takes in what was read."""
        files = []  # index -> (path, mtime), as lines are numbered
        try:
            program, begun = self._compile(name, keys, files)
        except moderngl.Error as error:
            raise ValueError(_explain(str(error), files, self._folder / f"{name}.frag")) from None
        finally:
            for file, saved in files:
                if file != "params":
                    seen.setdefault(self._folder / file, saved)
        return self._connect(program, begun, name, keys)

    def _connect(self, program, begun, name, keys):
        """Tell a program which of its textures is where; ValueError if it reads what nobody fills, nor is `begun` with a value."""
        fault = _unfilled(program, begun, keys)
        if fault:
            program.release()
            raise ValueError(f"{self._folder / name}.frag: {fault}")
        for unit, key in enumerate(keys):
            if "u_" + key in program:
                program["u_" + key].value = unit
        vertices = GRID if (self._folder / f"{name}.vert").exists() else 3
        return program, self._ctx.vertex_array(program, []), vertices

    def check(self, now):
        """Once a second, compile again what was saved since; a fault keeps the last good program. The names that changed."""
        if now < self._next_check:
            return []
        self._next_check = now + 1.0
        saved = [name for name, seen in self._seen.items() if any(_saved(path) != mtime for path, mtime in seen.items())]
        return [name for name in saved if self._reload(name)]

    def run(self, name, target, **textures):
        """Draw `name` into the framebuffer `target`, with textures as `u_<keyword>`."""
        which = (name, *textures)
        if which not in self._programs:
            self.load(*which)
        target.use()
        for unit, texture in enumerate(textures.values()):
            texture.use(unit)
        _, array, vertices = self._programs[which]
        array.render(moderngl.TRIANGLES, vertices=vertices)
        self.wait()

    def wait(self):
        """Where the processor draws: until all is drawn. The next call would wait for that too, but hold up the dream."""
        if self._wait:
            self._wait()

    @property
    def messages(self):
        """What is wrong with files saved since the start, in one line however many there are; empty when all is well."""
        faults = list(dict.fromkeys(self._faults.values()))
        more = f" and {len(faults) - 1} more" if faults[1:] else ""
        return [f"{first} (fault {self.faults}, last good one drawn){more}" for first in faults[:1]]

    def release(self):
        for made in self._programs.values():
            self._release(made)

    @staticmethod
    def _release(made):
        """Drop a program and its vertex array, if there is one."""
        for part in made[:2] if made else ():
            part.release()

    def _reload(self, name):
        """Compile all programs of a name anew; whether they were replaced: all or none, else each dream that fades in would
        change the shader."""
        made, seen = {}, {}
        try:
            for which in [each for each in self._programs if each[0] == name]:
                made[which] = self._make(name, which[1:], seen)
        except ValueError as fault:
            dropped = made.values()
            self._refuse(name, str(fault), seen)
        else:
            dropped = [self._programs[which] for which in made]
            self._programs.update(made)
            self._seen[name] = seen
            self._faults.pop(name, None)
        for each in dropped:
            self._release(each)
        return name not in self._faults

    def _refuse(self, name, fault, seen):
        """Note a fault; the next try comes when a file is saved again, also one that the fault kept from being read."""
        self.faults += fault not in self._faults.values()  # two names may share the faulty file
        self._faults[name] = fault
        self._seen[name] = {path: _saved(path) for path in self._seen[name]} | seen

    def _compile(self, name, keys, files):
        start = HEADER + "".join(f"#define HAS_{key.upper()}\n" for key in keys)
        vertex, mesh, given = TRIANGLE, f"{name}.vert", "in vec2 uv;\n"
        if (self._folder / mesh).exists():
            vertex, given = start + _expand(self._folder, mesh, files, set()) + END, ""
        fragment = start + given + "out vec4 colour;\n" + _expand(self._folder, f"{name}.frag", files, set()) + END
        program = self._ctx.program(vertex_shader=vertex, fragment_shader=fragment)
        if "Params" in program:
            program["Params"].binding = 0
        return program, _begun(vertex) | _begun(fragment)


def _begun(text):
    """Names of the uniforms that begin with a value of their own, as in `uniform float mine = 0.0;`."""
    return {name for declared in _DECLARED.findall(text) for name in _BEGUN.findall(declared)}


def _unfilled(program, begun, keys):
    """What is wrong with the uniforms of a program that is passed textures `keys`, in one line; "" if nothing. `begun` have a value.

    What nobody fills would be 0 without a word, and a texture that nobody passes another one.
    """
    pictures = ["u_" + key for key in keys]
    for name, uniform in _uniforms(program).items():
        sampler = uniform.gl_type == SAMPLER_2D
        if name in pictures and not (sampler and uniform.array_length == 1):
            return f"{name} must be a sampler2D: it is the picture to read"
        if name not in pictures and sampler:
            return f"no picture is passed as {name}; read {' or '.join(pictures) or 'none'}, or it inside #ifdef HAS_{name[2:].upper()}"
        own = re.split(r"[.\[]", name)[0] in begun or any(uniform.read())  # a struct has its value by the name of the whole
        if name not in pictures and not own:
            return f'nothing fills {name}; #include "params" has all rows and the sound'
    return ""


def _uniforms(program):
    """{name: uniform} of a program, without blocks; some drivers list their own too, and an array by its first."""
    return {name.removesuffix("[0]"): program[name] for name in program
            if isinstance(program[name], moderngl.Uniform) and not name.startswith("gl_")}


def _expand(folder, file, files, seen):
    """The text of `file` with its includes (each once); lines are numbered by the index in `files`."""
    files.append((file, _saved(folder / file)))  # before it is read: what is saved from now on is to be read once more
    seen.add(file)
    index = len(files) - 1
    if file == "params":
        return f"#line {index * _FILE + 1}\n{BLOCK}"
    lines = [f"#line {index * _FILE + 1}"]
    for number, line in enumerate(_code(_read(folder / file)), 1):
        include = _INCLUDE.match(line)
        if not include and _MEANT.search(line):
            raise ValueError(f'{folder / file}, line {number}: an #include has a line of its own: #include "FILE"')
        if not include:
            lines.append(line)
            continue
        if include[1] not in seen:
            lines.append(_expand(folder, include[1], files, seen))
        lines.append(f"#line {index * _FILE + number + 1}")
    return "\n".join(lines) + "\n"


def _code(text):
    """The lines of a text, empty where there were comments: moderngl would look for an #include in them too."""
    return _COMMENT.sub(lambda found: found[1] or " " + "\n" * found[0].count("\n"), text).split("\n")


def _read(path):
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: shader cannot be read ({getattr(error, 'strerror', None) or error}); "
                         "put the file there or correct the #include") from None


def _explain(text, files, path):
    """The first error of a compiler log, or else whatever it says first, as one line: file, line, text."""
    found = sorted(filter(None, map(_FAULT.match, text.splitlines())), key=lambda match: "error" not in match[0].lower())
    if found:
        index, line = divmod(int(found[0][1] or found[0][2]), _FILE)
        return f"{Path(path).parent / files[index][0]}, line {line}: {found[0][3].strip()}"
    lines = [line.strip() for line in text.splitlines() if line.strip("= ")]
    return f"{path}: {lines[-1] if lines else 'does not compile'}"


def _saved(path):
    """When a file was saved last; 0 while an editor has it away."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
