// Torn lines, displaced blocks and split colours, thrown anew twelve times a second; an onset tears wider.
#include "params"
#include "lib/noise.glsl"
uniform sampler2D u_picture;

void main() {
    float tick = mod(floor(u_lap * 12.0), 997.0);
    float band = floor(uv.y * (8.0 + 40.0 * noise(vec2(tick, 1.0))));
    vec3 row = noises(vec2(band, tick));
    float torn = step(1.0 - 0.45 * u_post_glitch, row.x) * (row.y - 0.5) * (0.25 + 0.35 * u_pulse) * u_post_glitch;
    vec2 cell = floor(uv * vec2(12.0, 9.0));
    vec3 block = noises(cell + tick * 7.0);
    vec2 jump = step(1.0 - 0.12 * u_post_glitch * u_post_glitch, block.x) * (block.yz - 0.5) * 0.3;
    vec2 at = fract(uv + vec2(torn, 0.0) + jump);
    float split = u_post_glitch * (0.004 + 0.1 * abs(torn));
    colour = vec4(texture(u_picture, at + vec2(split, 0.0)).r, texture(u_picture, at).g,
                  texture(u_picture, at - vec2(split, 0.0)).b, 1.0);
}
