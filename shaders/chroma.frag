// Colour fringes of a cheap lens: red spreads outwards, blue inwards, more so towards the edge.
#include "params"
uniform sampler2D u_picture;

void main() {
    vec2 q = uv - 0.5;
    vec2 shift = q * dot(q, q) * 0.12 * u_post_chroma;
    colour = vec4(texture(u_picture, uv - shift).r, texture(u_picture, uv).g, texture(u_picture, uv + shift).b, 1.0);
}
