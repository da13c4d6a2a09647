// Darker corners, like the fall-off of a lens; the middle keeps its light.
vec3 vignetted(vec3 c) {
    vec2 q = (uv - 0.5) * vec2(mix(1.0, u_aspect, 0.5), 1.0);
    float r = dot(q, q) * 1.6;
    return c * mix(1.0, 1.0 / ((1.0 + r) * (1.0 + r)), u_post_vignette);
}
