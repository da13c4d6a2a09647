// Glow of bright places, laid over like light on a screen: white stays white, nothing clips.
uniform sampler2D u_glow;

vec3 bloomed(vec3 c) {
#ifdef HAS_GLOW
    c = 1.0 - (1.0 - c) * (1.0 - min(texture(u_glow, uv).rgb * u_post_bloom, 1.0));
#endif
    return c;
}
