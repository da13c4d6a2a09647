// First half of the bloom: what is bright, 90 lines high whatever the picture has; four taps between pixels average 4 x 4.
#include "params"
#include "lib/luma.glsl"
uniform sampler2D u_picture;

void main() {
    vec2 px = 0.25 * vec2(dFdx(uv.x), dFdy(uv.y));  // a quarter of what is drawn here
    vec3 c = 0.25 * (texture(u_picture, uv + px).rgb + texture(u_picture, uv - px).rgb
                   + texture(u_picture, uv + vec2(px.x, -px.y)).rgb + texture(u_picture, uv + vec2(-px.x, px.y)).rgb);
    colour = vec4(c * smoothstep(0.35, 0.95, dot(c, LUMA) * 0.5 + max(c.r, max(c.g, c.b)) * 0.5), 1.0);
}
