// A red fire engine with a ladder and lit blue lights in a city street, a police car beside it.

#include "world.glsl"

const vec3 EYE = vec3(9.6, 1.75, 7.4), TARGET = vec3(0.95, 1.88, -0.9), SUN = vec3(0.35, 0.62, 0.85);
const float FOV = 32.5, HAZE = 0.0022;

#define SKY
vec3 sky(vec3 way) {
    vec3 blue = mix(vec3(0.60, 0.62, 0.66), vec3(0.10, 0.22, 0.46), clamp(way.y * 1.8, 0.0, 1.0));
    float cover = smoothstep(0.40, 0.72, clouds(vec3(way.xz / (way.y + 0.25) * 1.7, 3.0)));
    vec3 seen = mix(blue, vec3(0.80, 0.78, 0.76) * (0.6 + 0.5 * cover), cover * smoothstep(0.0, 0.12, way.y));
    // What stands behind the camera, seen in paint and glass: houses below the sky.
    if (way.z > 0.15 && way.y < 0.32 + 0.08 * step(0.5, fract(atan(way.x, way.z) * 3.0)))
        seen = vec3(0.10, 0.085, 0.075) * (0.5 + step(0.5, fract(atan(way.x, way.z) * 14.0)) * step(0.4, fract(way.y * 11.0)));
    return seen;
}

const float FRONT = -9.5, TREES = -7.3, BRICKED = 2.0;
const vec3 PLASTER[3] = vec3[3](vec3(0.46, 0.38, 0.26), vec3(0.36, 0.37, 0.36), vec3(0.42, 0.30, 0.22));

#include "street.glsl"

const float RED = 1.0, SHUTTER = 2.0, CHROME = 3.0, TYRE = 4.0, RIM = 5.0, BLACK = 6.0, BLUE = 7.0, STEEL = 8.0, POLICE = 9.0;
const float LAMP = 10.0, WHITE = 11.0, AMBER = 12.0;

// A wheel around z, the outside towards +z.
vec2 wheel(vec3 p, float radius, float half_width) {
    float tyre = drum(p, radius, half_width, 0.3 * half_width);
    float r = length(p.xy);
    tyre += r > 0.9 * radius ? 0.006 * step(0.5, fract(atan(p.y, p.x) * 9.0)) : 0.0;
    tyre = carved(tyre, drum(p - vec3(0, 0, half_width), 0.64 * radius, 0.5 * half_width, 0.0), 0.01);
    float rim = drum(p, 0.62 * radius, 0.62 * half_width, 0.02);
    float turn = atan(p.y, p.x), part = 2.0 * PI / 8.0;
    vec2 hole = turned(p.xy, -part * floor(turn / part + 0.5)) - vec2(0.43 * radius, 0);
    rim = carved(rim, drum(vec3(hole, p.z - 0.6 * half_width), 0.1 * radius, 0.3 * half_width, 0.0), 0.01);
    rim = min(rim, drum(p - vec3(0, 0, 0.5 * half_width), 0.22 * radius, 0.5 * half_width, 0.03));
    return nearer(vec2(tyre, TYRE), vec2(rim, RIM));
}

vec3 on_ladder(vec3 p) {
    p -= vec3(-3.5, 3.22, 0.0);
    p.xy = turned(p.xy, -0.065);
    return p;
}

vec2 ladder(vec3 p) {
    vec3 l = on_ladder(p);
    float far = box(l - vec3(3.7, 0.25, 0), vec3(3.8, 0.3, 0.5), 0.0);
    if (far > 0.3)
        return vec2(far, STEEL);
    float d = 1e3;
    for (int i = 0; i < 2; i++) {
        float wide = i == 0 ? 0.43 : 0.33, high = i == 0 ? 0.44 : 0.32, from = i == 0 ? 0.0 : 0.5, to = i == 0 ? 6.9 : 7.4;
        vec3 q = vec3(l.x, l.y - (i == 0 ? 0.0 : 0.06), abs(l.z) - wide);
        d = min(d, box(vec3(q.x - 0.5 * (from + to), abs(q.y - 0.5 * high) - 0.5 * high, q.z), vec3(0.5 * (to - from), i == 0 ? 0.04 : 0.028, 0.028), 0.008));
        float cell = 0.42, x = q.x - cell * clamp(floor(q.x / cell + 0.5), ceil(from / cell), floor(to / cell));
        d = min(d, box(vec3(x, q.y, min(q.z, 0.0) + 0.5 * wide), vec3(0.02, 0.02, 0.5 * wide), 0.01));
        d = min(d, box(vec3(x, q.y - 0.5 * high, q.z), vec3(0.018, 0.5 * high, 0.018), 0.0));
        float tilt = abs(fract(q.x / (2.0 * cell)) - 0.5) * 2.0;
        if (i == 0)
            d = min(d, max(0.72 * max(abs(q.y - high * tilt) - 0.022, abs(q.z) - 0.015), abs(q.x - 3.45) - 3.45));
    }
    return vec2(0.9 * d, STEEL);
}

vec2 engine(vec3 p) {
    float far = box(p - vec3(0.1, 2.05, 0), vec3(4.1, 2.05, 1.68), 0.0);
    if (far > 0.5)
        return vec2(far, RED);
    vec3 q = vec3(p.xy, abs(p.z));
    float front = p.x + 0.07 * p.z * p.z;
    float cab = box(vec3(front, p.yz) - vec3(2.5, 1.66, 0), vec3(1.2, 1.14, 1.22), 0.13);
    cab = both(cab, plane(vec2(front, p.y), vec2(3.72, 1.45), vec2(3.42, 2.8)) * -1.0, 0.06);
    float body = box(p - vec3(-1.22, 1.72, 0), vec3(2.5, 1.16, 1.25), 0.05);
    float x = p.x + 1.2 - 1.62 * clamp(floor((p.x + 1.2) / 1.62 + 0.5), -1.0, 1.0);
    float gap = box(vec3(x, p.y - 1.98, q.z - 1.26), vec3(0.72, 0.56, 0.05), 0.03);
    body = carved(body, gap, 0.015);
    // Windows lie a little deeper than the paint.
    vec2 pane = abs(vec2(p.x - (p.x > 2.45 ? 2.97 : 1.93), p.y - 2.02)) - vec2(0.40, 0.40);
    cab = carved(cab, box(vec3(pane.x + 0.40, pane.y + 0.40, q.z - 1.23), vec3(0.41, 0.41, 0.03), 0.08), 0.01);
    float seam = min(min(abs(p.x - 2.45), abs(p.x - 3.44)), abs(p.x - 1.45));
    if (p.y > 0.75 && p.y < 2.55)
        cab += 0.012 * smoothstep(0.014, 0.004, seam);
    float axle = p.x > 0.3 ? 2.5 : -2.02;
    vec3 w = vec3(p.x - axle, p.y - 0.53, q.z - 1.06);
    float arch = drum(w, 0.66, 0.5, 0.0);
    float shell = carved(min(cab, body), arch, 0.01);
    vec2 found = vec2(shell, RED);
    float flare = max(abs(length(w.xy) - 0.69) - 0.04, max(abs(w.z - 0.14) - 0.09, -w.y - 0.02));
    found = nearer(found, vec2(flare, BLACK));
    found = nearer(found, wheel(w, 0.53, 0.18));
    float inner = box(p - vec3(-0.1, 0.95, 0), vec3(3.6, 0.35, 0.85), 0.02);
    inner = min(inner, box(p - vec3(1.3, 1.7, 0), vec3(0.15, 1.0, 1.1), 0.02));
    inner = min(inner, box(q - vec3(1.05, 0.5, 1.12), vec3(0.55, 0.05, 0.12), 0.01));
    found = nearer(found, vec2(inner, BLACK));
    // Ribs of the roller shutters.
    float ribs = box(vec3(x, p.y - 1.98, q.z - 1.2), vec3(0.71, 0.55, 0.02), 0.0) + 0.006 * abs(sin(p.y * 38.0));
    found = nearer(found, vec2(0.8 * ribs, SHUTTER));
    found = nearer(found, vec2(box(vec3(x, p.y - 1.5, q.z - 1.23), vec3(0.2, 0.02, 0.02), 0.01), CHROME));
    float rail = box(q - vec3(-1.2, 3.02, 1.15), vec3(2.35, 0.025, 0.025), 0.02);
    float post = p.x + 1.2 - 1.15 * clamp(floor((p.x + 1.2) / 1.15 + 0.5), -2.0, 2.0);
    rail = min(rail, box(vec3(post, p.y - 2.95, q.z - 1.15), vec3(0.02, 0.09, 0.02), 0.0));
    rail = min(rail, limb(q, vec3(2.36, 1.0, 1.27), vec3(2.36, 1.75, 1.27), 0.02, 0.02));
    rail = min(rail, limb(q, vec3(1.36, 1.0, 1.27), vec3(1.36, 2.3, 1.27), 0.02, 0.02));
    found = nearer(found, vec2(rail, CHROME));
    if (p.x > 2.5) {
        float bumper = box(vec3(front, p.yz) - vec3(3.78, 0.6, 0), vec3(0.17, 0.19, 1.25), 0.05);
        found = nearer(found, vec2(bumper, WHITE));
        vec3 g = vec3(front - 3.7, p.y - 1.13, p.z);
        found = nearer(found, vec2(box(g, vec3(0.05, 0.24, 0.62), 0.02), BLACK));
        float bars = box(vec3(g.x - 0.05, abs(abs(g.y) - 0.08) - 0.06, g.z), vec3(0.02, 0.016, 0.6), 0.01);
        bars = min(bars, max(box(g - vec3(0.03, 0, 0), vec3(0.045, 0.28, 0.66), 0.03), -box(g - vec3(0.05, 0, 0), vec3(0.2, 0.24, 0.61), 0.0)));
        found = nearer(found, vec2(bars, CHROME));
        vec3 h = vec3(abs(q.z - 0.93) - 0.125, p.y - 1.1, front - 3.72);
        found = nearer(found, vec2(drum(h, 0.095, 0.05, 0.03), LAMP));
        found = nearer(found, vec2(ring(h - vec3(0, 0, 0.03), 0.105, 0.022), CHROME));
        found = nearer(found, vec2(box(vec3(front - 3.72, p.y - 1.31, q.z - 0.93), vec3(0.04, 0.04, 0.2), 0.02), AMBER));
        found = nearer(found, vec2(drum(vec3(q.z - 0.95, p.y - 0.6, front - 3.93), 0.085, 0.04, 0.02), LAMP));
        found = nearer(found, vec2(box(vec3(front - 3.96, p.y - 0.58, p.z), vec3(0.012, 0.06, 0.27), 0.01), CHROME));
        found = nearer(found, vec2(box(vec3(front - 3.74, p.y - 0.34, p.z), vec3(0.12, 0.1, 1.1), 0.04), BLACK));
        found = nearer(found, vec2(box(vec3(front - 3.96, p.y - 0.6, q.z - 0.5), vec3(0.03, 0.06, 0.13), 0.02), BLUE));
        float mirror = box(q - vec3(3.62, 2.02, 1.47), vec3(0.06, 0.26, 0.12), 0.05);
        mirror = min(mirror, limb(q, vec3(3.4, 2.45, 1.15), vec3(3.6, 2.35, 1.46), 0.025, 0.025));
        float slant = front - 3.72 + 0.222 * (p.y - 1.45);
        vec2 wipe = vec2(q.z - 0.15, p.y - 1.65);
        mirror = min(mirror, max(abs(slant) - 0.03, limb(vec3(wipe, 0), vec3(0), vec3(0.55, 0.42, 0), 0.014, 0.01)));
        mirror = min(mirror, box(p - vec3(3.55, 2.74, 0), vec3(0.16, 0.025, 1.12), 0.02));
        found = nearer(found, vec2(mirror, BLACK));
        // The light bar on the roof.
        found = nearer(found, vec2(box(p - vec3(2.95, 2.85, 0), vec3(0.2, 0.06, 1.08), 0.02), CHROME));
        float dome = box(q - vec3(2.95, 2.99, 0.72), vec3(0.19, 0.14, 0.36), 0.09);
        found = nearer(found, vec2(dome, BLUE));
        found = nearer(found, vec2(box(p - vec3(2.95, 2.95, 0), vec3(0.14, 0.09, 0.35), 0.03), WHITE));
        found = nearer(found, vec2(limb(q, vec3(2.6, 2.95, 0.28), vec3(3.0, 3.12, 0.28), 0.05, 0.1), CHROME));
    }
    float beacon = limb(q, vec3(-3.4, 2.9, 1.0), vec3(-3.4, 3.1, 1.0), 0.12, 0.1);
    beacon = min(beacon, limb(q, vec3(1.0, 2.9, 1.05), vec3(1.0, 3.05, 1.05), 0.1, 0.09));
    found = nearer(found, vec2(beacon, BLUE));
    float table = max(length(p.xz - vec2(-2.5, 0)) - 0.75, abs(p.y - 3.0) - 0.16);
    table = min(table, box(q - vec3(-2.9, 3.25, 0.55), vec3(0.5, 0.3, 0.05), 0.03));
    found = nearer(found, vec2(table, RED));
    return nearer(found, ladder(p));
}

vec3 at_police(vec3 p) {
    p -= vec3(2.55, 0.0, -4.7);
    p.xz = turned(p.xz, -0.32);
    return p;
}

vec2 police(vec3 p) {
    p = at_police(p);
    float far = box(p - vec3(0, 0.85, 0), vec3(2.5, 0.95, 1.15), 0.0);
    if (far > 0.4)
        return vec2(far, POLICE);
    vec3 q = vec3(p.xy, abs(p.z));
    float side = q.z - 0.9 + 0.1 * pow(abs(p.x) / 2.3, 4.0) + 0.12 * pow(abs(p.y - 0.62) / 0.4, 2.0);
    float hull = both(abs(p.x) - 2.3 + 0.1 * p.z * p.z + 0.15 * abs(p.y - 0.55), side, 0.12);
    hull = both(hull, p.y - 0.96 + 0.03 * p.x + 0.06 * max(p.x - 0.9, 0.0) * p.x - 0.02 * p.z * p.z, 0.1);
    hull = both(hull, 0.24 - p.y, 0.05);
    float cabin = max(-plane(p.xy, vec2(1.15, 0.9), vec2(0.25, 1.44)), plane(p.xy, vec2(-1.85, 0.95), vec2(-1.05, 1.42)));
    cabin = both(cabin, p.y - 1.47 + 0.03 * p.x * p.x + 0.06 * p.z * p.z, 0.1);
    cabin = both(cabin, q.z - 0.84 + 0.42 * (p.y - 0.9), 0.06);
    float d = joined(hull, max(cabin, 0.6 - p.y), 0.05);
    vec3 w = vec3(abs(p.x + 0.05) - 1.4, p.y - 0.34, q.z - 0.76);
    d = carved(d, drum(w, 0.4, 0.3, 0.0), 0.01);
    vec2 found = nearer(vec2(0.85 * d, POLICE), wheel(w, 0.34, 0.11));
    found = nearer(found, vec2(box(p - vec3(0, 0.5, 0), vec3(2.0, 0.2, 0.6), 0.0), BLACK));
    if (p.x > 0.5) {
        float bow = p.x + 0.1 * p.z * p.z + 0.15 * abs(p.y - 0.55);
        vec3 h = q - vec3(2.1, 0.68, 0.64);
        found = nearer(found, vec2(egg(h, vec3(0.18, 0.1, 0.2)), LAMP));
        found = nearer(found, vec2(box(q - vec3(0.85, 0.98, 0.98), vec3(0.07, 0.06, 0.1), 0.04), BLACK));
        found = nearer(found, vec2(box(vec3(bow - 2.25, p.y - 0.66, p.z), vec3(0.05, 0.05, 0.42), 0.03), BLACK));
        found = nearer(found, vec2(box(vec3(bow - 2.24, p.y - 0.36, p.z), vec3(0.06, 0.055, 0.62), 0.03), BLACK));
    }
    found = nearer(found, vec2(box(p - vec3(-0.3, 1.49, 0), vec3(0.17, 0.04, 0.58), 0.01), BLACK));
    return nearer(found, vec2(box(q - vec3(-0.3, 1.58, 0.37), vec3(0.16, 0.09, 0.26), 0.05), BLUE));
}

vec2 map(vec3 p) {
    float kerb = box(p - vec3(0, 0, -17.0), vec3(200, 0.14, 10.2), 0.03);
    vec2 found = nearer(vec2(p.y, ROAD), vec2(kerb, PAVEMENT));
    found = nearer(found, houses(p));
    found = nearer(found, trees(p));
    found = nearer(found, police(p));
    return nearer(found, engine(p));
}

float fire(vec2 at) {
    float i = floor(at.x / 0.8);
    int bits = i == 0.0 ? 074644 : (i == 1.0 ? 072227 : (i == 2.0 ? 065655 : (i == 3.0 ? 074647 : 0)));
    return letter(bits, vec2((at.x - 0.8 * i) / 0.62, at.y));
}

float police_word(vec2 at) {
    float i = floor(at.x / 0.8);
    int bits = i == 0.0 ? 065644 : (i == 1.0 ? 075557 : (i == 2.0 ? 044447 : (i == 3.0 ? 072227 : (i == 4.0 ? 074447 : (i == 5.0 ? 074647 : 0)))));
    return letter(bits, vec2((at.x - 0.8 * i) / 0.62, at.y));
}

Skin painted(vec3 colour, vec3 p) {
    float dirt = smoothstep(0.45, 1.0, clouds(p * 3.0) + 0.5 * smoothstep(1.1, 0.3, p.y));
    return skin(mix(colour, vec3(0.16, 0.13, 0.10), 0.35 * dirt), 0.10 * (1.0 - 0.7 * dirt), 0.06 + 0.3 * dirt);
}

// Two fire fighters on their seats, seen through the windscreen at p.
Skin inside(vec3 p) {
    vec3 way = normalize(p - EYE), a = p + way * (3.2 - p.x) / way.x, b = p + way * (2.9 - p.x) / way.x;
    vec3 seen = vec3(0.02, 0.02, 0.022);
    vec2 d = vec2(abs(b.z) - 0.55, b.y - 2.16);
    if (length((d - vec2(0.0, -0.42)) / vec2(0.30, 0.28)) < 1.0)
        seen = abs(abs(d.x) - 0.14) < 0.03 ? vec3(0.45, 0.40, 0.06) : vec3(0.03, 0.035, 0.06);
    if (length((d - vec2(0, -0.02)) / vec2(0.10, 0.14)) < 1.0)
        seen = vec3(0.36, 0.20, 0.13) * (0.8 + 2.0 * d.x);
    if (length((d - vec2(0, 0.04)) / vec2(0.15, 0.15)) < 1.0 && d.y > 0.02)
        seen = vec3(0.50, 0.42, 0.05);
    vec2 w = (a.zy - vec2(-0.55, 1.78)) * vec2(1, 1.3);
    if (abs(length(w) - 0.24) < 0.018)
        seen = vec3(0.05);
    return skin(seen, 0.20, 0.03);
}

Skin red_paint(vec3 p, vec3 n) {
    vec3 red = vec3(0.40, 0.007, 0.008), white = vec3(0.62, 0.61, 0.58);
    float front = p.x + 0.07 * p.z * p.z;
    bool face = n.x > 0.6;
    if (face && p.x > 3.0) {
        vec2 at = vec2(p.z, p.y);
        if (box(vec3(at - vec2(0, 2.13), 0), vec3(1.06, 0.47, 1.0), 0.12) < 0.0)
            return box(vec3(at - vec2(0, 2.13), 0), vec3(1.03, 0.44, 1.0), 0.1) > 0.0 ? skin(vec3(0.01), 0.02, 0.5) : inside(p);
        float word = fire(vec2((-at.x + 0.42) / 0.28, (at.y - 1.445) / 0.17));
        return painted(mix(red, white, word), p);
    }
    if (abs(n.z) > 0.5 && p.x > 1.32 && p.x < 3.6) {
        vec2 pane = vec2(p.x - (p.x > 2.45 ? 2.97 : 1.93), p.y - 2.02);
        if (box(vec3(pane, 0), vec3(0.39, 0.39, 1.0), 0.08) < 0.0)
            return glass(p);
        if (box(vec3(pane, 0), vec3(0.42, 0.42, 1.0), 0.1) < 0.0)
            return skin(vec3(0.015), 0.02, 0.5);
        float seam = min(min(abs(p.x - 2.45), abs(p.x - 3.44)), abs(p.x - 1.45));
        if (seam < 0.012 && p.y > 0.75 && p.y < 2.55)
            return skin(vec3(0.02), 0.0, 1.0);
    }
    vec3 colour = red;
    if (abs(n.z) > 0.5) {
        vec2 crest = vec2(p.x - 1.92, p.y - 1.44);
        float badge = length(crest * vec2(1.0, 0.85));
        if (badge < 0.12)
            return painted(badge > 0.10 || min(abs(crest.x), abs(crest.y)) < 0.015 ? vec3(0.55, 0.38, 0.06) : (badge > 0.05 ? vec3(0.02, 0.04, 0.16) : vec3(0.55, 0.38, 0.06)), p);
        if (p.x > 1.5 && p.x < 3.4 && box(vec3(mod(p.x - 1.45, 1.0) - 0.17, p.y - 1.52, 0), vec3(0.09, 0.025, 1), 0.02) < 0.0)
            return skin(vec3(0.02), 0.1, 0.2);
        float bolt = length(vec2(fract(p.x / 0.2) - 0.5, (p.y - (p.x < 1.3 ? 2.57 : 0.7)) / 0.2));
        if (p.x < 1.3 && bolt < 0.06)
            return skin(red * 0.5, 0.05, 0.3);
    }
    if (abs(n.z) > 0.5) {
        if (p.y > 1.02 && p.y < 1.28)
            colour = white;
        if (p.y > 0.95 && p.y < 0.99)
            colour = white;
        if (p.x < 1.3 && p.y > 2.6 && p.y < 2.82) {
            float word = fire(vec2((p.x + 1.65) / 0.29, (p.y - 2.62) / 0.18));
            colour = mix(red, white, word);
        }
        if (p.x < 1.3 && p.y < 0.95 && min(abs(p.x - 0.3), abs(p.x + 1.0)) < 0.008)
            colour = vec3(0.02);
    }
    return painted(colour, p);
}

Skin police_paint(vec3 p, vec3 n) {
    vec3 q = at_police(p);
    n.xz = turned(n.xz, -0.32);
    bool side = abs(n.z) > 0.7;
    vec3 colour = vec3(0.60, 0.61, 0.62);
    if (q.y > 0.94) {
        if (side && q.y < 1.37 && q.x < 1.05 - 1.5 * (q.y - 0.9) && q.x > -1.6 + 1.5 * (q.y - 0.9) && abs(q.x + 0.2) > 0.035)
            return glass(p);
        if (n.x > 0.3 && abs(q.z) < 0.76 - 0.36 * (q.y - 0.9) && q.y > 0.98 && q.y < 1.40 && q.x > 0.2)
            return glass(p);
        if (n.x < -0.3 && abs(q.z) < 0.72 - 0.36 * (q.y - 0.9) && q.x < -1.0)
            return glass(p);
    }
    if (side && q.y > 0.48 && q.y < 0.8) {
        float square = mod(floor(q.x / 0.32) + floor((q.y - 0.48) / 0.16), 2.0);
        colour = square > 0.5 ? vec3(0.01, 0.05, 0.36) : vec3(0.78, 0.66, 0.02);
    }
    if (!side && q.x > 1.2 && q.y > 0.75) {
        float word = police_word(vec2((-q.z + 0.52) / 0.22, (q.x - 1.75) / -0.28 * -1.0));
        colour = mix(colour, vec3(0.01, 0.03, 0.25), word);
    }
    return painted(colour, p);
}

Skin blue_light(vec3 p, vec3 n) {
    float facets = 0.5 + 0.5 * sin(p.z * 70.0) * sin(p.y * 70.0);
    float core = pow(max(dot(n, normalize(EYE - p)), 0.0), 8.0);
    vec3 glow = vec3(0.0, 0.05, 0.75) * (0.35 + 0.65 * facets) + vec3(0.30, 0.62, 1.3) * core * (0.25 + 0.75 * facets);
    return Skin(vec3(0.0, 0.02, 0.22), 0.06, 0.05, glow);
}

Skin paint(float material, vec3 p, vec3 n) {
    Skin s = skin(vec3(0.3), 0.0, 1.0);
    if (material == RED)
        s = red_paint(p, n);
    else if (material == POLICE)
        s = police_paint(p, n);
    else if (material == SHUTTER)
        s = skin(vec3(0.25, 0.26, 0.275) * (0.55 + 0.45 * abs(sin(p.y * 38.0))) * (0.8 + 0.3 * clouds(p * vec3(2, 9, 2))), 0.18, 0.3);
    else if (material == CHROME)
        s = skin(vec3(0.10), 0.92, 0.05);
    else if (material == STEEL)
        s = skin(vec3(0.38, 0.39, 0.40) * (0.8 + 0.3 * clouds(p * 6.0)), 0.22, 0.3);
    else if (material == TYRE)
        s = skin(vec3(0.022) * (0.7 + 0.8 * clouds(p * 9.0)), 0.02, 0.6);
    else if (material == RIM)
        s = skin(vec3(0.40, 0.40, 0.41) * (0.5 + 0.8 * clouds(p * 7.0)), 0.2, 0.3);
    else if (material == BLACK)
        s = skin(vec3(0.016) * (0.8 + 0.6 * clouds(p * 8.0)), 0.03, 0.4);
    else if (material == BLUE)
        s = blue_light(p, n);
    else if (material == LAMP)
        s = Skin(vec3(0.5), 0.4, 0.05, vec3(0.75, 0.72, 0.62) * (0.5 + 0.5 * step(0.3, n.x)));
    else if (material == WHITE)
        s = painted(abs(p.z) > 0.72 && p.x > 3.4 && p.y < 1.0 && mod(floor((abs(p.z) + p.y) / 0.12), 2.0) > 0.5 ? vec3(0.40, 0.007, 0.008) : vec3(0.46, 0.455, 0.43), p);
    else if (material == AMBER)
        s = Skin(vec3(0.8, 0.28, 0.02), 0.1, 0.1, vec3(0.15, 0.05, 0.0));
    else if (material == LEAVES)
        s = skin(mix(vec3(0.02, 0.06, 0.012), vec3(0.15, 0.25, 0.05), 0.7 * noise(p * 26.0) + 0.6 * clouds(p * 3.0) - 0.15), 0.0, 1.0);
    else if (material == TRUNK)
        s = skin(vec3(0.12, 0.09, 0.07) * (0.6 + 0.8 * noise(p * vec3(20, 4, 20))), 0.0, 1.0);
    else if (material == AWNING) {
        float id = floor(p.x / 4.8 + 0.5);
        vec3 cloth = hash(vec3(id, 1, 2)) < 0.5 ? vec3(0.05, 0.16, 0.10) : vec3(0.10, 0.12, 0.2);
        s = skin(mod(floor(p.x / 0.3), 2.0) > 0.5 ? cloth : vec3(0.5, 0.48, 0.42), 0.0, 1.0);
    } else if (material > AWNING && material < 0.5)
        s = skin(vec3(0.5, 0.47, 0.42) * (0.7 + 0.4 * clouds(p * 4.0)), 0.0, 1.0);
    else if (material == PANE) {
        float curtain = smoothstep(0.35, 0.6, noise(vec3(floor(p.x / 1.2), floor(p.y / 1.6), 2.0)));
        s = skin(p.y < 3.2 ? vec3(0.03, 0.028, 0.025) + vec3(0.42, 0.27, 0.12) * smoothstep(0.40, 0.62, clouds(p * vec3(3.5, 2.2, 1.0))) * (0.5 + step(0.5, fract(p.y / 0.55)) * noise(p * 9.0)) : vec3(0.02, 0.025, 0.03) + 0.10 * curtain, 0.22, 0.05);
    } else if (material == WALL)
        s = wall(p, n);
    else if (material == PAVEMENT) {
        vec2 slab = abs(fract(p.xz / 0.6) - 0.5);
        s = skin(vec3(0.27, 0.26, 0.25) * (0.6 + 0.4 * clouds(p * 5.0) + 0.2 * noise(p * 60.0)) * (max(slab.x, slab.y) > 0.48 ? 0.5 : 1.0), 0.0, 1.0);
    } else if (material == ROAD) {
        s = asphalt(p);
        s.colour *= 0.75 * (0.6 + 0.7 * clouds(p * vec3(0.5, 1, 1.6)));
        s.shine = 0.0;
        s.rough = 1.0;
        float worn = smoothstep(0.35, 0.6, clouds(p * 4.0) + 0.15);
        if (abs(p.z + 2.6) < 0.07 && fract(p.x / 4.0) < 0.55)
            s.colour = mix(s.colour, vec3(0.55), 0.8 * worn);
        if (abs(p.z + 6.3) < 0.06 || abs(p.z - 2.6) < 0.06)
            s.colour = mix(s.colour, vec3(0.5), 0.7 * worn);
        float wet = smoothstep(0.66, 0.73, 0.75 * noise(vec3(p.x * 0.55, 2.0, p.z * 0.95)) + 0.3 * clouds(vec3(p.x * 1.2, 7.0, p.z * 2.0)));
        s.colour *= 1.0 - 0.55 * wet;
        if (wet > 0.5) {
            s.shine = 0.04;
            s.rough = 0.02;
        }
        float cover = length(p.xz - vec2(3.2, 4.0)) - 0.32;
        if (cover < 0.0)
            s.colour = vec3(0.05, 0.048, 0.045) * (0.5 + step(0.35, fract(p.x * 14.0)) * step(0.35, fract(p.z * 14.0))) * step(0.02, abs(cover + 0.03));
        s.colour *= 1.0 - 0.22 * smoothstep(0.45, 0.1, abs(abs(p.z - 0.1) - 0.75));
        float patched = step(abs(p.x - 5.4), 0.9) * step(abs(p.z - 3.4), 0.7);
        s.colour *= 1.0 - 0.3 * patched;
        float crack = abs(clouds(p * 0.9 + 5.0) - 0.5);
        s.colour *= smoothstep(0.0, 0.008, crack) * 0.35 + 0.65;
    }
    if (material != BLUE && material > 0.5) {
        vec3 a = vec3(2.95, 3.05, sign(p.z) * 0.72) - p;
        s.glow += s.colour * vec3(0.1, 0.4, 2.0) * 0.10 / (0.05 + dot(a, a));
    }
    return s;
}

#include "light.glsl"
