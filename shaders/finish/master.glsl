// Brightness of the whole, then dither of the last bit against bands.
vec3 mastered(vec3 c) {
    float speck = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715))));  // by J. Jimenez
    return c * u_gain + (speck - 0.5) * u_dither / 255.0;
}
