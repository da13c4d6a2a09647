"""Shaders from files: includes, uniforms of the table, faults with file and line, hot reload."""

import os
import re
import shutil
from pathlib import Path

import moderngl
import numpy as np
import pytest
from helpers import screen_of

from instrument.motion import Motion
from instrument.params import PARAMS
from instrument.render.shader import SAMPLER_2D, Shaders, Uniforms, _unfilled

ROOT = Path(__file__).parents[1] / "shaders"
RED = "#include \"params\"\nvoid main() {\n    colour = vec4(1.0, 0.0, 0.0, 1.0);\n}\n"
GREEN = RED.replace("1.0, 0.0, 0.0", "0.0, 1.0, 0.0")


screen = screen_of((8, 8))


def save(path, text, when):
    path.write_text(text)
    os.utime(path, (when, when))


def drawn(screen, shaders, name="a", **textures):
    shaders.run(name, screen.framebuffer, **textures)
    return tuple(screen.framebuffer.read(components=3)[:3])


def test_every_row_is_a_uniform_with_its_value(screen, tmp_path):
    """One pixel per row, so a row that is missing, doubled or shifted shows."""
    values = {row.name: row.lo + 0.37 * (row.hi - row.lo) for row in PARAMS}
    all_rows = ", ".join(row.uniform for row in PARAMS)
    save(tmp_path / "a.frag", f"""#include "params"
void main() {{
    float rows[{len(PARAMS)}] = float[]({all_rows});
    colour = vec4(rows[int(gl_FragCoord.x)], u_level, u_motion_spiral, 1.0);
}}""", 1)
    target = screen.ctx.framebuffer([screen.ctx.texture((len(PARAMS), 1), 4, dtype="f4")])
    Uniforms(screen.ctx).put({"level": 0.25}, {"motion": Motion(spiral=3.0)}, values)
    Shaders(screen.ctx, tmp_path).run("a", target)
    seen = np.frombuffer(target.read(components=3, dtype="f4"), "f4").reshape(-1, 3)
    assert seen[:, 0] == pytest.approx(list(values.values()), rel=1e-6)
    assert (seen[:, 1:] == (0.25, 3.0)).all()


def test_no_shader_ends_in_a_directive(screen, monkeypatch):
    """NVIDIA's compiler refuses a #line that nothing follows, such as the one behind an #include in the last line."""
    texts = []

    class Compiler:
        def program(self, **sources):
            texts.extend(sources.values())
            return screen.ctx.program(**sources)

    for path in sorted(ROOT.glob("*.frag")):
        shaders = Shaders(screen.ctx, ROOT)
        monkeypatch.setattr(shaders, "_ctx", Compiler())
        shaders._compile(path.stem, ("picture",), [])
    assert any('#include "lib/blur.glsl"' in path.read_text().splitlines()[-1] for path in ROOT.glob("*.frag"))
    assert len(texts) >= 20 and not any(text.rstrip().splitlines()[-1].startswith("#") for text in texts)


def test_no_function_has_the_name_of_one_of_glsl():
    """The compiler of macOS takes it for that one, of whatever types: gtk-demo's `noise2` did not compile there."""
    built_in = {f"noise{number}" for number in (1, 2, 3, 4)} | set(
        "sin cos tan pow exp log sqrt abs sign floor trunc round ceil fract mod min max clamp mix step smoothstep length "
        "distance dot cross normalize reflect refract transpose inverse texture any all not equal".split())
    texts = [path.read_text(encoding="utf-8") for path in ROOT.rglob("*.*")]
    named = {name for text in texts for name in re.findall(r"^(?:float|u?int|bool|[iu]?vec\d|mat\d) (\w+)\(", text, re.MULTILINE)}
    assert {"noise", "carried"} <= named and not named & built_in


def test_a_fault_names_file_and_line(screen, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "good.glsl").write_text("float one() {\n    return 1.0;\n}\n")
    (tmp_path / "lib" / "bad.glsl").write_text("// fine\nfloat two() { return oops; }\n")
    start = '// a comment\n#include "params"\n#include "lib/good.glsl"\n'
    save(tmp_path / "a.frag", start + "\nvoid main() { colour = vec4(u_nope); }\n", 1)
    save(tmp_path / "b.frag", start + '#include "lib/bad.glsl"\nvoid main() { colour = vec4(one()); }\n', 1)
    save(tmp_path / "c.frag", '#include "lib/none.glsl"\nvoid main() {}\n', 1)
    shaders = Shaders(screen.ctx, tmp_path)
    for name, words in (("a", ("a.frag", "line 5", "u_nope")), ("b", ("bad.glsl", "line 2", "oops")),
                        ("c", ("none.glsl", "cannot be read"))):
        with pytest.raises(ValueError) as caught:
            shaders.load(name)
        text = str(caught.value)
        assert [word for word in words if word not in text] == [] and "\n" not in text, text


@pytest.mark.parametrize("line", [
    '#include "params"  // of the table', '# include "params" /* of */ // the table', '/* rows */ #include "params"',
    '/*\n*/ #include "params"', '\ufeff#include "params"'])
def test_an_include_may_have_comments_beside_it(screen, tmp_path, line):
    (tmp_path / "a.frag").write_text(RED.replace('#include "params"', line).replace("1.0, 0.0", "1.0, 0.0 * u_level") + "// the end",
                                     encoding="utf-8")
    assert drawn(screen, Shaders(screen.ctx, tmp_path)) == (255, 0, 0)


@pytest.mark.parametrize("line", [
    '// #include "none.glsl"', 'float one;  // #include "none.glsl"', '/* #include "none.glsl" */ float one;',
    '/*\n#include "none.glsl"\n*/', '/* a // b\n#include "none.glsl"\n*/ float one;', '/* #include "none.glsl"\n#include "none.glsl" */',
    '/*/ #include "none.glsl"\n/* #include "none.glsl" */', '// "quoted #include "none.glsl"', "// don't /* #include"])
def test_an_include_in_a_comment_is_none(screen, tmp_path, line):
    """To take a stage out is the most natural edit; what stands around it counts, and lines keep their numbers."""
    save(tmp_path / "a.frag", line + "\n" + GREEN, 1)
    shaders = Shaders(screen.ctx, tmp_path)
    assert drawn(screen, shaders) == (0, 255, 0)
    save(tmp_path / "a.frag", line + "\n" + GREEN.replace("1.0, 0.0", "oops"), 2)
    shaders.check(1.0)
    assert f"a.frag, line {line.count(chr(10)) + 4}:" in shaders.messages[0]


@pytest.mark.parametrize("line", ['#include "params" and more', "#include <params>", "#include params", 'float a; #include "params"'])
def test_an_include_that_is_none_is_a_fault_with_its_line(screen, tmp_path, line):
    save(tmp_path / "a.frag", f"// a comment\n{line}\nvoid main() {{}}\n", 1)
    with pytest.raises(ValueError, match=r'a.frag, line 2: an #include has a line of its own: #include "FILE"$'):
        Shaders(screen.ctx, tmp_path).load("a")


@pytest.mark.parametrize("stage", ["vignette", "grain", "bloom"])
def test_a_stage_of_the_finish_is_taken_out_by_two_slashes(screen, tmp_path, stage):
    shutil.copytree(ROOT, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "finish.frag"
    text = re.sub(rf"^(.*{stage}.*)$", r"// \1", file.read_text(), flags=re.MULTILINE)
    save(file, text, 1)
    assert text.count("\n// #include") + text.count("\n//     c =") == 2
    Shaders(screen.ctx, tmp_path).load("finish", "picture", "glow")


def test_an_error_is_named_before_a_warning_above_it(screen, tmp_path):
    save(tmp_path / "a.frag", "void main() {\n    float lost;\n    colour = vec4(lost);\n    colour += nothing;\n}\n", 1)
    with pytest.raises(ValueError, match="line 4.*nothing"):
        Shaders(screen.ctx, tmp_path).load("a")


def test_a_saved_file_is_seen_and_a_fault_keeps_the_last_good_one(screen, tmp_path):
    file = tmp_path / "a.frag"
    save(file, RED, 1)
    shaders = Shaders(screen.ctx, tmp_path)
    shaders.load("a")
    shaders.check(0.0)
    assert drawn(screen, shaders) == (255, 0, 0)
    save(file, GREEN, 2)
    shaders.check(0.5)
    assert drawn(screen, shaders) == (255, 0, 0)  # once a second, not every frame
    shaders.check(1.0)
    assert drawn(screen, shaders) == (0, 255, 0)
    save(file, RED.replace("1.0, 0.0", "oops"), 3)
    shaders.check(2.0)
    assert drawn(screen, shaders) == (0, 255, 0)
    assert shaders.faults == 1 and "a.frag, line 3" in shaders.messages[0]
    shaders.check(3.0)
    assert shaders.faults == 1  # the same fault counts once
    file.unlink()
    shaders.check(4.0)
    assert drawn(screen, shaders) == (0, 255, 0) and shaders.faults == 2
    save(file, RED, 5)
    shaders.check(5.0)
    assert drawn(screen, shaders) == (255, 0, 0) and not shaders.messages


BRANCHED = RED.replace("}", "#ifdef HAS_GLOW\n    colour.b = 1.0;\n#endif\n}")


@pytest.mark.parametrize("first", [(), ("glow",)])
def test_programs_of_one_name_change_together_or_not_at_all(screen, tmp_path, first):
    """Whether a texture is passed changes with every dream: two shaders in turn would flash."""
    glow = screen.ctx.texture((1, 1), 4, bytes(4))
    save(tmp_path / "a.frag", BRANCHED, 1)
    shaders = Shaders(screen.ctx, tmp_path)
    for keys in (first, () if first else ("glow",)):
        shaders.load("a", *keys)

    def both():
        return drawn(screen, shaders), drawn(screen, shaders, glow=glow)

    assert both() == ((255, 0, 0), (255, 0, 255))
    green = BRANCHED.replace("1.0, 0.0, 0.0", "0.0, 1.0, 0.0")
    save(tmp_path / "a.frag", green.replace("colour.b", "color.b"), 2)
    for now in (1.0, 2.0):
        shaders.check(now)
        assert both() == ((255, 0, 0), (255, 0, 255))
    assert shaders.faults == 1 and len(shaders.messages) == 1 and "line 5" in shaders.messages[0]
    save(tmp_path / "a.frag", green, 3)
    shaders.check(3.0)
    assert both() == ((0, 255, 0), (0, 255, 255)) and not shaders.messages


def test_a_fault_is_compiled_once_until_something_is_saved_again(screen, tmp_path, monkeypatch):
    """Also where it kept files from being read that have changed too: each try holds a frame up."""
    lines = '#include "one.glsl"\n#include "two.glsl"\n'
    save(tmp_path / "a.frag", lines + RED, 1)
    save(tmp_path / "one.glsl", "", 1)
    save(tmp_path / "two.glsl", "", 1)
    shaders, tries = Shaders(screen.ctx, tmp_path), []
    shaders.load("a")
    compiled = shaders._compile
    monkeypatch.setattr(shaders, "_compile", lambda *given: (tries.append(1), compiled(*given))[1])
    save(tmp_path / "two.glsl", "// changed\n", 2)
    (tmp_path / "one.glsl").unlink()
    for now in range(1, 5):
        shaders.check(float(now))
    assert len(tries) == 1 and "one.glsl" in shaders.messages[0]
    save(tmp_path / "one.glsl", "", 1)  # as it was
    shaders.check(5.0)
    assert len(tries) == 2 and not shaders.messages


def test_many_faults_are_one_line(screen, tmp_path):
    """Such as all files of a folder that was on a stick: the HUD has room for three."""
    names = [f"a{number}" for number in range(10)]
    shaders = Shaders(screen.ctx, tmp_path)
    for name in names:
        save(tmp_path / f"{name}.frag", RED, 1)
        shaders.load(name)
    for number, left in enumerate((10, 2, 1, 0), 1):
        for name in names:
            (tmp_path / f"{name}.frag").unlink(missing_ok=True)
        for name in names[left:]:
            save(tmp_path / f"{name}.frag", RED, number)
        shaders.check(2.0 * number)
        shown, more = shaders.messages, f" and {left - 1} more"
        assert len(shown) == (left > 0)
        assert not shown or ("a0.frag" in shown[0] and shown[0].endswith(more) == (left > 1))


def test_a_program_that_was_replaced_is_released(screen, tmp_path):
    """However often a file is saved in a night, one program of it is there, and none at the end."""
    shaders, made = Shaders(screen.ctx, tmp_path), []
    compiled = shaders._compile
    shaders._compile = lambda *given: made.append(compiled(*given)) or made[-1]

    def kept():
        return [not isinstance(program.mglo, moderngl.InvalidObject) for program, _ in made]

    for time in range(1, 6):
        save(tmp_path / "a.frag", (RED, GREEN)[time % 2], time)
        shaders.check(2.0 * time)
        assert drawn(screen, shaders) == ((255, 0, 0), (0, 255, 0))[time % 2]
    assert kept() == [False] * 4 + [True]
    shaders.release()
    assert not any(kept())


def test_what_is_saved_while_it_is_compiled_is_compiled_next(screen, tmp_path, monkeypatch):
    file = tmp_path / "a.frag"
    save(file, RED, 1)
    shaders = Shaders(screen.ctx, tmp_path)
    compiled, read = shaders._compile, []
    monkeypatch.setattr(shaders, "_compile", lambda *given: (compiled(*given), read or save(file, GREEN, 2), read.append(1))[0])
    shaders.load("a")
    assert drawn(screen, shaders) == (255, 0, 0)
    shaders.check(1.0)
    assert drawn(screen, shaders) == (0, 255, 0)


def test_a_texture_that_is_passed_is_known_to_the_program(screen, tmp_path):
    save(tmp_path / "a.frag", "uniform sampler2D u_glow;\nvoid main() {\n#ifdef HAS_GLOW\n"
         "colour = texture(u_glow, uv);\n#else\ncolour = vec4(1.0, 0.0, 0.0, 1.0);\n#endif\n}\n", 1)
    shaders = Shaders(screen.ctx, tmp_path)
    glow = screen.ctx.texture((1, 1), 4, bytes([0, 0, 255, 255]))
    assert drawn(screen, shaders) == (255, 0, 0)
    assert drawn(screen, shaders, glow=glow) == (0, 0, 255)


PICTURED = """#include "params"
uniform sampler2D u_picture;

void main() { colour = texture(u_picture, uv); }
"""


@pytest.mark.parametrize("declared, drawn_with, words", [
    ("uniform float u_post_chroma_mix;", "u_post_chroma_mix", 'nothing fills u_post_chroma_mix; #include "params" has all rows'),
    ("uniform vec3 u_mine[2];", "u_mine[1].x", "nothing fills u_mine"),
    ("uniform sampler2D u_previous;", "texture(u_previous, uv).r", "read u_picture, or it inside #ifdef HAS_PREVIOUS")])
def test_what_nobody_fills_keeps_the_last_good_shader(screen, tmp_path, declared, drawn_with, words):
    """It would be black, or another picture, without a word; what is declared and not used is none of our business."""
    picture = screen.ctx.texture((1, 1), 4, bytes((255, 0, 0, 255)))
    save(tmp_path / "a.frag", PICTURED.replace("\n\n", f"\n{declared}\n\n"), 1)
    shaders = Shaders(screen.ctx, tmp_path)
    assert drawn(screen, shaders, picture=picture) == (255, 0, 0)
    save(tmp_path / "a.frag", PICTURED.replace("\n\n", f"\n{declared}\n\n").replace("colour =", f"colour = {drawn_with} *"), 2)
    shaders.check(1.0)
    assert drawn(screen, shaders, picture=picture) == (255, 0, 0)
    assert f"{tmp_path / 'a.frag'}: " in shaders.messages[0] and words in shaders.messages[0]


@pytest.mark.parametrize("declared", ["uniform vec2 mine = vec2(0.0, 1.0);",
                                      "uniform float a = 0.0;\nuniform vec2 b = vec2(0.0, 1.0);\n#define mine (a + b)",
                                      "uniform float off = 0.0, on[2] = float[2](0.0, 1.0);\n#define mine vec2(off, on[1])",
                                      "struct S { float a, b; };\nuniform S s = S(0.0, 1.0);\n#define mine vec2(s.a, s.b)"])
def test_a_uniform_with_a_value_of_its_own_is_a_constant(screen, tmp_path, declared):
    """Also one of 0: a switch in a shader of one's own, to be set in the file."""
    save(tmp_path / "a.frag", f"{declared}\nvoid main() {{ colour = vec4(mine, mine); }}\n", 1)
    assert drawn(screen, Shaders(screen.ctx, tmp_path)) == (0, 255, 0)


def test_a_comment_goes_on_behind_a_backslash(screen, tmp_path):
    save(tmp_path / "a.frag", "// a hill: /\\\nthis is none of the code, nor is\n".replace("nor is", "// that \\\nthis") + GREEN, 1)
    assert drawn(screen, Shaders(screen.ctx, tmp_path)) == (0, 255, 0)


def test_what_a_driver_lists_of_its_own_is_no_fault():
    def uniform(kind):
        each = object.__new__(type("Nought", (moderngl.Uniform,), {"read": lambda self: bytes(4)}))
        each.gl_type, each.array_length = kind, 1
        return each

    assert _unfilled({"gl_DepthRange.near": uniform(0x1406), "u_picture[0]": uniform(SAMPLER_2D), "uv": object()}, set(), ["picture"]) == ""
    assert "u_nope" in _unfilled({"u_picture": uniform(SAMPLER_2D), "u_nope[0]": uniform(0x1406)}, {"u_yes"}, ["picture"])


@pytest.mark.parametrize("kind", ["isampler2D", "sampler2DShadow", "samplerCube"])
def test_a_picture_of_another_kind_is_refused(screen, tmp_path, kind):
    at = {"isampler2D": "uv", "sampler2DShadow": "vec3(uv, 0.0)", "samplerCube": "vec3(uv, 0.0)"}[kind]
    save(tmp_path / "a.frag", PICTURED.replace("sampler2D", kind).replace("texture(u_picture, uv)", f"vec4(texture(u_picture, {at}))"), 1)
    with pytest.raises(ValueError, match="a.frag: u_picture must be a sampler2D"):
        Shaders(screen.ctx, tmp_path).load("a", "picture")


def test_a_picture_declared_as_something_else_keeps_the_last_good_shader(screen, tmp_path):
    file, picture = tmp_path / "a.frag", screen.ctx.texture((1, 1), 4, bytes((255, 0, 0, 255)))
    good = "#include \"params\"\nuniform sampler2D u_picture;\nvoid main() { colour = texture(u_picture, uv); }\n"
    save(file, good, 1)
    shaders = Shaders(screen.ctx, tmp_path)
    shaders.load("a", "picture")
    save(file, good.replace("sampler2D", "vec2").replace("texture(u_picture, uv)", "vec4(u_picture, 0.0, 1.0)"), 2)
    shaders.check(1.0)
    assert drawn(screen, shaders, picture=picture) == (255, 0, 0)
    assert "a.frag: u_picture must be a sampler2D" in shaders.messages[0]
