// Kaleidoscope: 1 folds the right half over the left, n folds the circle into n mirrored segments.
#include "lib/field.glsl"
uniform sampler2D u_picture;
const float TURN = 6.2831853;

void main() {
    vec2 shape = vec2(u_aspect, 1.0);  // of the screen, whatever that of the dream: a kaleidoscope is round
    vec2 p = (uv * 2.0 - 1.0) * shape;
    if (u_post_mirror < 1.5) {
        p.x = abs(p.x);
    } else {
        float segment = TURN / u_post_mirror;
        float angle = atan(p.x, p.y);  // from straight up, so that the figure stands upright
        angle = abs(mod(angle + 0.5 * segment, segment) - 0.5 * segment);
        p = length(p) * vec2(sin(angle), cos(angle));
    }
    colour = texture(u_picture, mirrored(p / shape * 0.5 + 0.5));
}
