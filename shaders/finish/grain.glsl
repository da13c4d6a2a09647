// Film grain: new every frame, strongest in the middle tones, as in film.
#include "lib/noise.glsl"

vec3 grained(vec3 c) {
    float speck = noise(gl_FragCoord.xy + 97.0 * fract(u_time * vec2(7.31, 5.17))) - 0.5;
    float l = dot(c, LUMA);
    return clamp(c + speck * u_post_grain * (0.1 + 1.2 * l * (1.0 - l)), 0.0, 1.0);
}
