// Film grain: new every frame, strongest in the middle tones, as in film; as coarse on every screen.
#include "lib/noise.glsl"

vec3 grained(vec3 c) {
    vec2 grain = floor(gl_FragCoord.xy / u_line) + 0.5;
    float speck = noise(grain + 97.0 * fract(u_lap * vec2(7.31, 5.17))) - 0.5;
    float l = dot(c, LUMA);
    return clamp(c + speck * u_post_grain * (0.1 + 1.2 * l * (1.0 - l)), 0.0, 1.0);
}
