// Hue, saturation, contrast, gamma, tint. Curves run through black and white, colours ease towards what can be shown:
// nothing clips, nothing washes out.
#include "lib/luma.glsl"

const float EDGE = 0.02;  // of the range: a colour is not driven closer to black or white than that

float room(vec3 c, float l) {  // how far the colours of c can grow away from its luma l before one comes to the edge
    vec3 d = c - l;
    vec3 most = max(mix(vec3(l), vec3(1.0 - l), step(0.0, d)) - EDGE, 1e-4) / max(abs(d), 1e-4);
    return min(most.x, min(most.y, most.z));
}

float eased(float wanted, float from, float border) {  // as far as wanted, but slower and slower towards the border
    float left = max(border - from, 1e-4);
    return wanted <= from ? wanted : from + left * (1.0 - exp((from - wanted) / left));
}

vec3 turned(vec3 c) {  // round the grey axis, keeping the luma
    float grey = dot(c, vec3(1.0 / 3.0)), l = dot(c, LUMA);
    vec3 across = (c.zxy - c.yzx) * 0.57735027;
    vec3 r = grey + (c - grey) * u_hue_cos + across * u_hue_sin;
    r += l - dot(r, LUMA);
    float full = 1.0 / room(r, l), before = 1.0 / room(c, l);  // 1 where a colour is at the edge
    return l + (r - l) * eased(full, before, max(before, 1.0)) / max(full, 1e-4);
}

vec3 saturated(vec3 c) {
    float l = dot(c, LUMA);
    return l + (c - l) * eased(u_post_saturation, 1.0, max(room(c, l), 1.0));
}

vec3 curved(vec3 c) {  // a cubic whose slope at middle grey is the root of the contrast: used twice
    return c + 2.0 * (sqrt(u_post_contrast) - 1.0) * c * (1.0 - c) * (2.0 * c - 1.0);
}

vec3 tinted(vec3 c) {  // as much of one hue as can be shown, keeping the luma
    float l = dot(c, LUMA);
    vec3 hue = clamp(abs(fract(u_post_tint_hue / 360.0 + vec3(0.0, 2.0, 1.0) / 3.0) * 6.0 - 3.0) - 1.0, 0.0, 1.0);
    hue -= dot(hue, LUMA);
    hue *= min(room(l + hue, l), 1.0) * smoothstep(0.0, 0.2, l);  // dark blue would be all blue, a step of it thirteen
    return mix(c, l + hue, u_post_tint);
}

vec3 graded(vec3 c) {
    c = clamp(turned(clamp(c, 0.0, 1.0)), 0.0, 1.0);
    c = clamp(saturated(c), 0.0, 1.0);
    c = curved(curved(c));
    c = c / (1.0 + (exp2(1.0 / u_post_gamma) - 2.0) * (1.0 - c));  // 0.5 goes where a power would take it
    return tinted(c);
}
