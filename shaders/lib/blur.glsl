// One AXIS of a Gaussian over 9 pixels, in 5 taps between pixels.
uniform sampler2D u_picture;

void main() {
    vec2 px = AXIS / vec2(textureSize(u_picture, 0));
    colour = texture(u_picture, uv) * 0.2270270
           + (texture(u_picture, uv + px * 1.3846154) + texture(u_picture, uv - px * 1.3846154)) * 0.3162162
           + (texture(u_picture, uv + px * 3.2307692) + texture(u_picture, uv - px * 3.2307692)) * 0.0702703;
}
