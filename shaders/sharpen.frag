// Unsharp mask, held inside the range of its neighbours: crisp edges without halos, as wide on every screen.
#include "params"
uniform sampler2D u_picture;

void main() {
    vec2 px = floor(u_line + 0.5) / vec2(u_width, u_height);
    vec3 c = texture(u_picture, uv).rgb;
    vec3 n = texture(u_picture, uv + vec2(0.0, px.y)).rgb, s = texture(u_picture, uv - vec2(0.0, px.y)).rgb;
    vec3 e = texture(u_picture, uv + vec2(px.x, 0.0)).rgb, w = texture(u_picture, uv - vec2(px.x, 0.0)).rgb;
    vec3 low = min(c, min(min(n, s), min(e, w))), high = max(c, max(max(n, s), max(e, w)));
    vec3 room = 0.3 * u_post_sharpen * (high - low);
    vec3 crisp = c + 2.5 * u_post_sharpen * (c - 0.25 * (n + s + e + w));
    colour = vec4(clamp(crisp, max(low - room, 0.0), min(high + room, 1.0)), 1.0);
}
