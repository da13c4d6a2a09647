// Where each picture is read, computed on a grid of 16 x 9 cells: the field is smooth, so between corners a
// straight line is enough, and software GL is spared the field at every pixel.
#include "lib/field.glsl"
noperspective out vec2 newest, previous, history;  // 0..1 before mirroring
const vec2 CORNERS[6] = vec2[](vec2(0, 0), vec2(1, 0), vec2(0, 1), vec2(1, 0), vec2(1, 1), vec2(0, 1));

void main() {
    int cell = gl_VertexID / 6;
    vec2 uv = (vec2(cell % 16, cell / 16) + CORNERS[gl_VertexID % 6]) / vec2(16.0, 9.0);
    vec2 p = place(uv);
    newest = unplaced(carried(p, MOTION(u_newest), 1.0));
    vec2 wider = vec2(u_field_before / u_field, 1.0);  // than the newest one: it goes on as it was dreamed, too
    previous = unplaced(carried(p * wider, MOTION(u_previous), 1.0) / wider);
    history = unplaced(carried(p, MOTION(u_motion), 1.0));
    gl_Position = vec4(uv * 2.0 - 1.0, 0.0, 1.0);
}
