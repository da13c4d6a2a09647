// Afterimage: what was brighter stays and sinks slowly; what is brighter shows at once.
#include "params"
uniform sampler2D u_picture, u_history;

void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    vec3 c = texelFetch(u_picture, at, 0).rgb;
#ifdef HAS_HISTORY
    vec3 last = clamp(texelFetch(u_history, at, 0).rgb, 0.0, 1.0);  // what is no number would stay for ever
    c = max(c, mix(c, last, u_keep_trails));
#endif
    colour = vec4(c, 1.0);
}
