// The newest dream, moved on by the field since it was made, faded in over the one before,
// mixed with the last output moved by one frame. A mix of mixes: it can neither saturate nor die.
#include "lib/field.glsl"
noperspective in vec2 newest, previous, history;
uniform sampler2D u_newest, u_previous, u_history;

vec2 turned(vec2 at) { return vec2(at.x, 1.0 - at.y); }  // dreams have their first row on top

void main() {
    vec3 c = texture(u_newest, turned(mirrored(newest))).rgb;
#ifdef HAS_PREVIOUS
    c = mix(texture(u_previous, turned(mirrored(previous))).rgb, c, u_fade);
#endif
#ifdef HAS_HISTORY
    vec3 last = clamp(texture(u_history, mirrored(history)).rgb, 0.0, 1.0);  // what is no number would stay for ever
    c = mix(c, last, u_keep_echo);
#endif
    colour = vec4(c, 1.0);
}
