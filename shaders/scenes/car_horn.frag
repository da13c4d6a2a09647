// A classic turquoise car with round headlights and much chrome in a city street, a yellow taxi and parked cars behind.

#include "world.glsl"

const vec3 EYE = vec3(6.1, 1.30, 3.55), TARGET = vec3(0.15, 0.74, -0.19), SUN = vec3(0.75, 0.70, 0.45);
const float FOV = 27.4, HAZE = 0.003;

#define SKY
vec3 sky(vec3 way) {
    vec3 blue = mix(vec3(0.66, 0.66, 0.66), vec3(0.12, 0.25, 0.48), clamp(way.y * 1.6, 0.0, 1.0));
    float cover = smoothstep(0.40, 0.72, clouds(vec3(way.xz / (way.y + 0.25) * 1.5, 8.0)));
    vec3 seen = mix(blue, vec3(0.80, 0.78, 0.76) * (0.6 + 0.5 * cover), cover * smoothstep(0.0, 0.12, way.y));
    // What stands behind the camera, seen in paint and chrome: houses below the sky.
    float turn = atan(way.z, way.x);
    if ((way.x > 0.1 || way.z > 0.3) && way.y < 0.30 + 0.1 * step(0.5, fract(turn * 2.0)))
        seen = vec3(0.09, 0.075, 0.065) * (0.5 + step(0.5, fract(turn * 12.0)) * step(0.4, fract(way.y * 11.0))) * (0.4 + 2.0 * way.y);
    return seen;
}

const float FRONT = -8.2, TREES = -6.3, BRICKED = 3.0;
const vec3 PLASTER[3] = vec3[3](vec3(0.20, 0.12, 0.09), vec3(0.30, 0.26, 0.20), vec3(0.24, 0.15, 0.11));

#include "street.glsl"

const float CLASSIC = 1.0, CHROME = 3.0, TYRE = 4.0, RIM = 5.0, BLACK = 6.0, LAMP = 7.0, AMBER = 8.0, PLATE = 9.0, SIGN = 10.0;
const float TAXI = 11.0, PARKED = 12.0, QUEUED = 13.0;

// A wheel around z with a chrome hub cap and a white wall, the outside towards +z.
vec2 wheel(vec3 p, float radius, float half_width) {
    float tyre = drum(p, radius, half_width, 0.45 * half_width);
    tyre += 0.004 * step(0.5, fract(abs(p.z) * 40.0)) * step(0.93 * radius, length(p.xy));
    tyre = carved(tyre, drum(p - vec3(0, 0, half_width), 0.6 * radius, 0.3 * half_width, 0.0), 0.01);
    float rim = drum(p - vec3(0, 0, 0.2 * half_width), 0.58 * radius, 0.6 * half_width, 0.02);
    float cap = egg(p - vec3(0, 0, 0.75 * half_width), vec3(0.4, 0.4, 0.16) * radius);
    cap = min(cap, ring(p - vec3(0, 0, 0.8 * half_width), 0.56 * radius, 0.02 * radius + 0.003));
    return nearer(nearer(vec2(tyre, TYRE), vec2(rim, RIM)), vec2(cap, CHROME));
}

float windscreen(vec3 p) {
    return -plane(vec2(p.x + 0.18 * p.z * p.z, p.y), vec2(0.72, 0.95), vec2(0.26, 1.44));
}

vec2 classic(vec3 p) {
    float far = box(p - vec3(0, 0.78, 0), vec3(2.45, 0.8, 0.98), 0.0);
    if (far > 0.3)
        return vec2(far, CLASSIC);
    vec3 q = vec3(p.xy, abs(p.z));
    // Bonnet, boot, doors, then the four wings.
    float d = both(egg(p - vec3(0.70, 0.66, 0), vec3(1.27, 0.44, 0.58)), 0.36 - p.y, 0.06);
    d = joined(d, egg(p - vec3(-1.25, 0.70, 0), vec3(1.05, 0.40, 0.70)), 0.1);
    d = joined(d, box(p - vec3(-0.2, 0.66, 0), vec3(1.2, 0.32, 0.74), 0.14), 0.1);
    float cabin = both(windscreen(p), plane(p.xy, vec2(-1.62, 0.95), vec2(-0.98, 1.46)), 0.1);
    cabin = both(cabin, p.y - 1.53 + 0.06 * (p.x + 0.35) * (p.x + 0.35) + 0.12 * p.z * p.z, 0.12);
    cabin = both(cabin, q.z - 0.70 + 0.34 * (p.y - 0.95), 0.1);
    d = joined(d, max(cabin, 0.7 - p.y), 0.06);
    float wing = limb(q, vec3(1.78, 0.72, 0.66), vec3(0.55, 0.60, 0.70), 0.20, 0.17);
    wing = joined(wing, egg(q - vec3(1.33, 0.58, 0.69), vec3(0.62, 0.32, 0.19)), 0.08);
    float tail = egg(q - vec3(-1.38, 0.60, 0.69), vec3(0.80, 0.36, 0.21));
    d = joined(d, box(p - vec3(1.70, 0.58, 0), vec3(0.22, 0.20, 0.62), 0.12), 0.08);
    d = joined(d, joined(wing, tail, 0.1), 0.05);
    d = both(d, 0.27 - p.y, 0.04);
    vec3 w = vec3(p.x - (p.x > 0.0 ? 1.33 : -1.36), p.y - 0.335, q.z - 0.72);
    d = carved(d, drum(w, p.x > 0.0 ? 0.385 : 0.37, 0.3, 0.0), 0.02);
    // Seams of doors and bonnet.
    float seam = 1.0;
    if (p.y < 0.98 && p.y > 0.36)
        seam = min(abs(p.x - 0.52 + 0.08 * p.y), abs(p.x + 0.38));
    if (p.y > 0.8 && p.x > 0.55)
        seam = min(seam, abs(q.z - 0.40 + 0.06 * (p.x - 0.6)));
    d += 0.010 * smoothstep(0.012, 0.003, seam);
    vec2 found = vec2(0.85 * d, CLASSIC);
    found = nearer(found, wheel(w, 0.335, 0.10));
    found = nearer(found, vec2(box(p - vec3(0, 0.42, 0), vec3(1.9, 0.14, 0.5), 0.02), BLACK));
    // Chrome along the side, door handles.
    float line = max(abs(p.y - 0.80 - 0.02 * p.x) - 0.010, abs(p.x + 0.1) - 1.2);
    float chrome = max(line, d - 0.012);
    chrome = min(chrome, limb(q, vec3(-0.3, 0.88, 0.76), vec3(-0.12, 0.88, 0.76), 0.016, 0.016));
    chrome = min(chrome, box(q - vec3(0.0, 0.33, 0.80), vec3(0.85, 0.025, 0.03), 0.015));
    if (p.x > 0.2) {
        float bend = p.x + 0.16 * p.z * p.z;
        float bumper = both(box(vec3(bend - 2.27, p.y - 0.44, p.z), vec3(0.05, 0.075, 0.86), 0.045), length(vec2(bend - 2.2, p.y - 0.44)) - 0.11, 0.02);
        bumper = min(bumper, box(vec3(bend - 2.31, p.y - 0.46, q.z - 0.36), vec3(0.055, 0.13, 0.035), 0.035));
        chrome = min(chrome, bumper);
        found = nearer(found, vec2(box(q - vec3(2.1, 0.42, 0.4), vec3(0.12, 0.03, 0.03), 0.0), BLACK));
        // An upright grille: shell, bars, dark behind them.
        vec3 g = vec3(p.x - 2.06 + 0.22 * p.z * p.z + 0.12 * (p.y - 0.7), p.y - 0.70, p.z);
        float wide = 0.30 + 0.10 * g.y - 0.9 * max(g.y, 0.0) * max(g.y, 0.0);
        float form = box(vec3(g.z * 0.30 / wide, g.y, 0), vec3(0.30, 0.235, 1), 0.13);
        float dark = max(form, abs(g.x + 0.15) - 0.14);
        found = nearer(found, vec2(dark, BLACK));
        float shell = max(abs(form) - 0.022, abs(g.x + 0.08) - 0.155);
        float bar = abs(fract(g.z / 0.068 + 0.5) - 0.5) * 0.068;
        bar = max(max(bar - 0.010, form), abs(g.x - 0.012) - 0.016);
        bar = min(bar, max(max(abs(g.z) - 0.016, form), abs(g.x) - 0.08));
        chrome = min(chrome, min(shell, 0.8 * bar));
        // Bonnet line and mascot.
        chrome = min(chrome, max(q.z - 0.011, max(d - 0.014, max(0.85 - p.y, 0.6 - p.x))));
        chrome = min(chrome, limb(p, vec3(1.88, 0.97, 0), vec3(1.74, 1.01, 0), 0.008, 0.02));
        // Headlights, indicators, fog lamps.
        vec3 h = vec3(q.z - 0.66, p.y - 0.735, p.x - 1.91);
        chrome = min(chrome, ring(h - vec3(0, 0, 0.055), 0.126, 0.018));
        chrome = min(chrome, drum(h + vec3(0, 0, 0.02), 0.128, 0.07, 0.02));
        found = nearer(found, vec2(egg(h - vec3(0, 0, 0.03), vec3(0.120, 0.120, 0.080)), LAMP));
        vec3 i = vec3(q.z - 0.69, p.y - 0.545, p.x - 1.93);
        found = nearer(found, vec2(egg(i, vec3(0.05, 0.05, 0.05)), AMBER));
        chrome = min(chrome, ring(i, 0.052, 0.012));
        // Mirrors, wipers, rim of the windscreen.
        chrome = min(chrome, limb(q, vec3(0.62, 0.95, 0.74), vec3(0.60, 1.07, 0.82), 0.012, 0.012));
        chrome = min(chrome, drum(vec3(q.z - 0.83, p.y - 1.10, p.x - 0.60), 0.07, 0.02, 0.015));
        float screen = windscreen(p);
        float pane = box(vec3(p.z, p.y - 1.185, 0), vec3(0.60 - 0.30 * (p.y - 1.0), 0.195, 1), 0.08);
        chrome = min(chrome, max(abs(pane) - 0.012, abs(cabin) - 0.012));
        chrome = min(chrome, max(max(abs(p.z) - 0.011, pane), abs(cabin) - 0.012));
        found = nearer(found, vec2(max(limb(vec3(q.z - 0.1, p.y - 1.0, 0), vec3(0), vec3(0.36, 0.13, 0), 0.007, 0.005), abs(screen) - 0.02), BLACK));
        found = nearer(found, vec2(box(vec3(bend - 2.335, p.y - 0.44, p.z), vec3(0.012, 0.06, 0.25), 0.01), PLATE));
    }
    return nearer(found, vec2(0.8 * chrome, CHROME));
}

// Where the other cars stand, each seen from its own middle.
vec3 at_car(vec3 p, float car) {
    if (car == TAXI)
        return p - vec3(-2.2, 0, -3.3);
    if (car == PARKED)
        return p - vec3(-8.6, 0, -3.5);
    return p - vec3(-8.4, 0, 0.35);
}

vec2 saloon(vec3 p, float car) {
    p = at_car(p, car);
    float far = box(p - vec3(0, 0.85, 0), vec3(2.5, 0.95, 1.15), 0.0);
    if (far > 0.4)
        return vec2(far, car);
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
    vec2 found = nearer(vec2(0.85 * d, car), wheel(w, 0.34, 0.11));
    found = nearer(found, vec2(box(p - vec3(0, 0.5, 0), vec3(2.0, 0.2, 0.6), 0.0), BLACK));
    if (p.x > 0.5) {
        float bow = p.x + 0.1 * p.z * p.z + 0.15 * abs(p.y - 0.55);
        vec3 h = q - vec3(2.1, 0.68, 0.64);
        found = nearer(found, vec2(egg(h, vec3(0.18, 0.1, 0.2)), LAMP));
        found = nearer(found, vec2(box(vec3(bow - 2.30, p.y - 0.66, p.z), vec3(0.02, 0.012, 0.42), 0.01), CHROME));
        found = nearer(found, vec2(box(vec3(bow - 2.31, p.y - 0.50, p.z), vec3(0.015, 0.055, 0.25), 0.01), PLATE));
        found = nearer(found, vec2(box(q - vec3(0.85, 0.98, 0.98), vec3(0.07, 0.06, 0.1), 0.04), BLACK));
        found = nearer(found, vec2(box(vec3(bow - 2.25, p.y - 0.66, p.z), vec3(0.05, 0.05, 0.42), 0.03), BLACK));
        found = nearer(found, vec2(box(vec3(bow - 2.24, p.y - 0.36, p.z), vec3(0.06, 0.055, 0.62), 0.03), BLACK));
    }
    if (car == TAXI) {
        found = nearer(found, vec2(box(p - vec3(-0.3, 1.49, 0), vec3(0.1, 0.03, 0.3), 0.01), BLACK));
        found = nearer(found, vec2(box(p - vec3(-0.3 + 0.2 * (p.y - 1.6), 1.61, 0), vec3(0.09, 0.11, 0.36), 0.04), SIGN));
    }
    return found;
}

vec2 map(vec3 p) {
    float kerb = box(p - vec3(0, 0, -15.4), vec3(200, 0.14, 10.2), 0.03);
    vec2 found = nearer(vec2(p.y, ROAD), vec2(kerb, PAVEMENT));
    found = nearer(found, houses(p));
    found = nearer(found, trees(p));
    found = nearer(found, saloon(p, TAXI));
    found = nearer(found, saloon(p, PARKED));
    found = nearer(found, saloon(p, QUEUED));
    return nearer(found, classic(p));
}

float taxi_word(vec2 at) {
    float i = floor(at.x / 0.8);
    int bits = i == 0.0 ? 072222 : (i == 1.0 ? 025755 : (i == 2.0 ? 055255 : (i == 3.0 ? 072227 : 0)));
    return letter(bits, vec2((at.x - 0.8 * i) / 0.62, at.y));
}

Skin painted(vec3 colour, vec3 p) {
    float dirt = smoothstep(0.45, 1.0, clouds(p * 4.0) + 0.6 * smoothstep(0.65, 0.2, p.y));
    return skin(mix(colour, vec3(0.16, 0.13, 0.10), 0.35 * dirt), 0.13 * (1.0 - 0.7 * dirt), 0.05 + 0.3 * dirt);
}

// A driver at the wheel and the seats, seen through the windscreen at p.
Skin inside(vec3 p) {
    vec3 way = normalize(p - EYE), a = p + way * (0.25 - p.x) / way.x, b = p + way * (-0.15 - p.x) / way.x, c = p + way * (-0.35 - p.x) / way.x;
    vec3 seen = vec3(0.02, 0.017, 0.014);
    if (box(vec3(abs(c.z) - 0.33, c.y - 0.92, 0), vec3(0.27, 0.27, 1), 0.08) < 0.0)
        seen = vec3(0.085, 0.04, 0.025) * (0.4 + 0.6 * c.y * c.y) * (0.8 + 0.4 * step(0.12, fract(c.z * 12.0)));
    vec2 d = b.zy - vec2(-0.33, 1.22);
    if (length((d - vec2(0.0, -0.34)) / vec2(0.25, 0.22)) < 1.0)
        seen = vec3(0.05, 0.06, 0.09) + step(abs(d.x), 0.05 + 0.2 * (d.y + 0.34)) * vec3(0.2);
    if (length(d / vec2(0.10, 0.135)) < 1.0)
        seen = (d.y > 0.04 || abs(d.x) > 0.088) ? vec3(0.10, 0.085, 0.07) : vec3(0.36, 0.20, 0.13) * (0.7 + 3.0 * d.x);
    vec2 w = a.zy - vec2(-0.33, 1.0);
    if (abs(length(w) - 0.17) < 0.012 || (length(w) < 0.17 && abs(w.y) < 0.01))
        seen = vec3(0.28, 0.26, 0.2);
    return skin(seen, 0.16, 0.03);
}

Skin classic_paint(vec3 p, vec3 n) {
    float z = abs(p.z);
    if (p.y > 0.96) {
        float pane = box(vec3(p.z, p.y - 1.185, 0), vec3(0.60 - 0.30 * (p.y - 1.0), 0.195, 1), 0.08);
        if (n.x > 0.4 && pane < 0.0 && p.x > 0.1)
            return inside(p);
        if (n.x < -0.3 && p.x < -0.9 && z < 0.5)
            return glass(p);
        float front = box(vec3(p.x - 0.07 + 0.75 * (p.y - 1.18) * step(0.07, p.x), p.y - 1.18, 0), vec3(0.37, 0.17, 1), 0.06);
        float rear = box(vec3(p.x + 0.72 - 0.9 * (p.y - 1.18) * step(p.x, -0.72), p.y - 1.18, 0), vec3(0.34, 0.17, 1), 0.06);
        float side = min(front, rear);
        if (abs(n.z) > 0.6 && side < 0.02)
            return side < 0.0 ? glass(p) : skin(vec3(0.09), 0.95, 0.05);
    }
    if (p.y < 0.98 && p.y > 0.36 && min(abs(p.x - 0.52 + 0.08 * p.y), abs(p.x + 0.38)) < 0.007)
        return skin(vec3(0.01), 0.0, 1.0);
    // Two colours, as in the fifties: a cream roof.
    vec3 colour = p.y > 0.965 && p.x < 0.75 ? vec3(0.46, 0.43, 0.35) : vec3(0.010, 0.155, 0.175);
    return painted(colour, p);
}

Skin saloon_paint(float car, vec3 p, vec3 n) {
    vec3 q = at_car(p, car);
    bool side = abs(n.z) > 0.7;
    vec3 colour = car == TAXI ? vec3(0.60, 0.30, 0.006) : (car == PARKED ? vec3(0.02, 0.03, 0.07) : vec3(0.07, 0.08, 0.10));
    if (q.y > 0.94) {
        if (side && q.y < 1.37 && q.x < 1.05 - 1.5 * (q.y - 0.9) && q.x > -1.6 + 1.5 * (q.y - 0.9) && abs(q.x + 0.2) > 0.035)
            return glass(p);
        if (n.x > 0.3 && abs(q.z) < 0.76 - 0.36 * (q.y - 0.9) && q.y > 0.98 && q.y < 1.40 && q.x > 0.2)
            return glass(p);
        if (n.x < -0.3 && abs(q.z) < 0.72 - 0.36 * (q.y - 0.9) && q.x < -1.0)
            return glass(p);
    }
    if (side && q.y > 0.4 && q.y < 0.94 && min(abs(q.x + 0.2), min(abs(q.x - 0.85), abs(q.x + 1.05))) < 0.008)
        return skin(vec3(0.01), 0.0, 1.0);
    if (car == TAXI && side && q.y > 0.66 && q.y < 0.82)
        colour = mod(floor(q.x / 0.08) + floor(q.y / 0.08), 2.0) > 0.5 ? vec3(0.015) : vec3(0.6);
    return painted(colour, p);
}

Skin paint(float material, vec3 p, vec3 n) {
    Skin s = skin(vec3(0.3), 0.0, 1.0);
    if (material == CLASSIC)
        s = classic_paint(p, n);
    else if (material >= TAXI)
        s = saloon_paint(material, p, n);
    else if (material == CHROME)
        s = skin(vec3(0.085, 0.088, 0.092), 0.95, 0.03);
    else if (material == TYRE) {
        vec3 w = vec3(p.x - (p.x > 0.0 ? 1.33 : -1.36), p.y - 0.335, p.z);
        float r = length(w.xy), band = smoothstep(0.222, 0.228, r) * smoothstep(0.290, 0.284, r);
        band *= p.x > -3.0 && abs(p.z) < 0.95 ? step(0.5, abs(n.z)) : 0.0;
        s = skin(mix(vec3(0.022), vec3(0.55, 0.53, 0.48), band) * (0.7 + 0.6 * clouds(p * 9.0)), 0.02, 0.6);
    } else if (material == RIM)
        s = skin(vec3(0.16, 0.17, 0.17) * (0.5 + 0.8 * clouds(p * 7.0)), 0.2, 0.2);
    else if (material == BLACK)
        s = skin(vec3(0.010) * (0.8 + 0.6 * clouds(p * 8.0)), 0.02, 0.5);
    else if (material == LAMP) {
        float ribs = 0.5 + 0.5 * sin(p.z * 160.0) * (0.6 + 0.4 * sin(p.y * 90.0));
        s = Skin(vec3(0.30, 0.31, 0.31) * (0.5 + 0.6 * ribs), 0.35, 0.04, vec3(0.42, 0.38, 0.28) * (0.5 + 0.6 * ribs) * pow(max(n.x, 0.0), 6.0));
    } else if (material == AMBER)
        s = Skin(vec3(0.7, 0.22, 0.01), 0.12, 0.05, vec3(0.12, 0.035, 0.0));
    else if (material == PLATE) {
        vec2 at = vec2(-p.z + 0.2, p.y - 0.405) / vec2(0.062, 0.075);
        float i = floor(at.x);
        float mark = letter(int(hash(vec3(i, 3, 9)) * 32767.0) | 044444, vec2(fract(at.x) / 0.7, at.y)) * step(0.0, i) * step(i, 5.5) * step(0.5, abs(i - 2.0));
        s = skin(mix(vec3(0.5, 0.48, 0.40), vec3(0.02), mark), 0.04, 0.3);
    } else if (material == SIGN) {
        vec3 q = at_car(p, TAXI);
        float word = n.x > 0.5 ? taxi_word(vec2((-q.z + 0.28) / 0.182, (q.y - 1.55) / 0.12)) : 0.0;
        s = Skin(mix(vec3(0.6, 0.55, 0.4), vec3(0.02), word), 0.06, 0.2, vec3(0.5, 0.38, 0.12) * (1.0 - word));
    }
    else if (material == LEAVES)
        s = skin(mix(vec3(0.02, 0.06, 0.012), vec3(0.15, 0.25, 0.05), 0.7 * noise(p * 26.0) + 0.6 * clouds(p * 3.0) - 0.15), 0.0, 1.0);
    else if (material == TRUNK)
        s = skin(vec3(0.12, 0.09, 0.07) * (0.6 + 0.8 * noise(p * vec3(20, 4, 20))), 0.0, 1.0);
    else if (material == AWNING) {
        float id = floor(p.x / 4.8 + 0.5);
        vec3 cloth = hash(vec3(id, 1, 2)) < 0.5 ? vec3(0.22, 0.03, 0.03) : vec3(0.04, 0.10, 0.14);
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
        if (abs(p.z + 1.6) < 0.06 && fract(p.x / 4.0) < 0.55)
            s.colour = mix(s.colour, vec3(0.55), 0.8 * worn);
        if (abs(p.z - 1.75) < 0.06)
            s.colour = mix(s.colour, vec3(0.5), 0.7 * worn);
        float cover = length(p.xz - vec2(2.3, 1.1)) - 0.24;
        if (cover < 0.0)
            s.colour = vec3(0.075, 0.072, 0.068) * (0.5 + step(0.35, fract(p.x * 14.0)) * step(0.35, fract(p.z * 14.0))) * step(0.02, abs(cover + 0.03));
        s.colour *= 1.0 - 0.22 * smoothstep(0.45, 0.1, abs(abs(p.z - 0.1) - 0.75));
        float patched = step(abs(p.x - 1.2), 0.9) * step(abs(p.z - 2.9), 0.7);
        s.colour *= 1.0 - 0.3 * patched;
        float crack = abs(clouds(p * 0.9 + 5.0) - 0.5);
        s.colour *= smoothstep(0.0, 0.006, crack) * 0.3 + 0.7;
    }
    return s;
}

#include "light.glsl"
