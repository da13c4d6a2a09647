// Hue, saturation, contrast, gamma. Curves run through black and white: nothing clips, nothing washes out.
#include "lib/luma.glsl"

vec3 turned(vec3 c) {  // round the grey axis, keeping the luma
    float grey = dot(c, vec3(1.0 / 3.0));
    vec3 across = (c.zxy - c.yzx) * 0.57735027;
    vec3 r = grey + (c - grey) * u_hue_cos + across * u_hue_sin;
    return clamp(r + dot(c - r, LUMA), 0.0, 1.0);
}

vec3 curved(vec3 c) {  // a cubic whose slope at middle grey is the root of the contrast: used twice
    return c + 2.0 * (sqrt(u_post_contrast) - 1.0) * c * (1.0 - c) * (2.0 * c - 1.0);
}

vec3 graded(vec3 c) {
    c = turned(c);
    c = clamp(mix(vec3(dot(c, LUMA)), c, u_post_saturation), 0.0, 1.0);
    c = curved(curved(c));
    return c / (1.0 + (exp2(1.0 / u_post_gamma) - 2.0) * (1.0 - c));  // 0.5 goes where a power would take it
}
