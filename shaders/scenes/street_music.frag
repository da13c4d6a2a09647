// A busker's instruments on cobbles before an old house: guitar, violin with bow, accordion, trumpet, drum, coins.

#include "world.glsl"

const vec3 EYE = vec3(0.05, 0.80, 3.3), TARGET = vec3(0.0, 0.475, 0.0), SUN = vec3(-0.55, 0.75, 0.75);
const float FOV = 21.5, HAZE = 0.0;

#define SKY
// Never seen but in what mirrors: houses across the street, sky above them.
vec3 sky(vec3 way) {
    float roof = 0.42 + 0.10 * sin(way.x * 7.0) + 0.05 * step(0.0, sin(way.x * 23.0));
    vec3 houses = mix(vec3(0.09, 0.07, 0.055), vec3(0.22, 0.17, 0.12), noise(way * 6.0));
    houses *= 1.0 - 0.6 * step(0.55, fract(way.x * 5.0)) * step(0.5, fract(way.y * 6.0));
    return mix(houses, mix(vec3(0.95, 0.97, 1.0), vec3(0.30, 0.48, 0.78), way.y), smoothstep(roof, roof + 0.03, way.y));
}

const float COBBLES = 0.0, WALL = 0.1, DOOR = 0.2, STONE = 0.3;
const float GUITAR = 1.0, EBONY = 2.0, STRINGS = 3.0, VIOLIN = 4.0, NECK = 5.0, BRASS = 6.0, RED = 7.0, BELLOWS = 8.0,
            KEYS = 9.0, CHROME = 10.0, SHELL = 11.0, HEAD = 12.0, HAIR = 13.0, COIN = 14.0, STICK = 15.0, PEARL = 16.0,
            HOLE = 17.0, GRILLE = 18.0, HOOP = 19.0;

// Where an instrument stands: foot, lean to the wall, roll, yaw.
vec3 placed(vec3 p, vec3 foot, float lean, float roll, float yaw) {
    p -= foot;
    p.yz = turned(p.yz, lean);
    p.xy = turned(p.xy, roll);
    p.xz = turned(p.xz, yaw);
    return p;
}

vec3 in_guitar(vec3 p) {
    return placed(p, vec3(-0.33, 0.015, -0.06), 0.24, -0.05, 0.10) / 1.04;
}

vec3 in_violin(vec3 p) {
    return placed(p, vec3(0.175, 0.02, -0.10), 0.30, 0.06, -0.18) / 1.34;
}

vec3 in_accordion(vec3 p) {
    return placed(p, vec3(0.665, -0.35, 0.10), 0.08, 0.0, -0.12);
}

vec3 in_trumpet(vec3 p) {
    return placed(p, vec3(-0.02, 0.118, 0.50), 0.42, 0.10, 0.16) / 1.22;
}

vec3 in_drum(vec3 p) {
    return placed(p, vec3(-0.80, 0.262, -0.08), -0.12, 0.0, -0.30);
}

float slab(float flat_d, float z, float half_depth, float rounding) {
    vec2 q = vec2(flat_d, abs(z) - half_depth) + rounding;
    return min(max(q.x, q.y), 0.0) + length(max(q, 0.0)) - rounding;
}

// ---- guitar

float guitar_shape(vec2 p) {
    float low = length((p - vec2(0, 0.185)) * vec2(0.96, 1.0)) - 0.187;
    return joined(low, length(p - vec2(0, 0.382)) - 0.140, 0.035);
}

vec2 guitar(vec3 p) {
    float far = box(p - vec3(0, 0.5, 0), vec3(0.21, 0.52, 0.09), 0.0);
    if (far > 0.1)
        return vec2(far, GUITAR);
    float flat_d = guitar_shape(p.xy);
    float body = slab(flat_d, p.z, 0.05, 0.006);
    body = max(body, -max(length(p.xy - vec2(0, 0.335)) - 0.052, 0.02 - p.z));
    vec2 found = vec2(body, GUITAR);
    float taper = mix(0.029, 0.0225, clamp((p.y - 0.40) / 0.4, 0.0, 1.0));
    float board = box(p - vec3(0, 0.5925, 0.056), vec3(taper, 0.2125, 0.005), 0.002);
    found = nearer(found, vec2(board, EBONY));
    vec3 n = p - vec3(0, 0.65, 0.045);
    float neck = max(length(vec2(n.x, n.z * 1.1)) - taper, max(abs(n.y) - 0.155, n.z));
    found = nearer(found, vec2(neck, NECK));
    vec3 h = p - vec3(0, 0.885, 0.045);
    h.yz = turned(h.yz, 0.12);
    float head = box(h, vec3(0.034 + 0.05 * h.y, 0.085, 0.009), 0.006);
    head = max(head, -(length(h.xy - vec2(0, 0.098)) - 0.018));
    found = nearer(found, vec2(head, NECK));
    vec3 k = h;
    k.y -= clamp(floor(k.y / 0.045 + 0.5), -1.0, 1.0) * 0.045;
    k.x = abs(k.x);
    float peg = min(drum(k - vec3(0.022, 0, 0.014), 0.006, 0.009, 0.001), limb(k, vec3(0.03, 0, 0), vec3(0.05, 0, 0), 0.003, 0.003));
    found = nearer(found, vec2(peg, CHROME));
    found = nearer(found, vec2(egg(k - vec3(0.058, 0, 0), vec3(0.011, 0.012, 0.005)), KEYS));
    found = nearer(found, vec2(box(p - vec3(0, 0.806, 0.062), vec3(0.023, 0.004, 0.005), 0.001), KEYS));
    float bridge = box(p - vec3(0, 0.135, 0.056), vec3(0.085 , 0.015 + 0.006 * smoothstep(0.06, 0.03, abs(p.x)), 0.007), 0.003);
    found = nearer(found, vec2(bridge, EBONY));
    found = nearer(found, vec2(box(p - vec3(0, 0.139, 0.065), vec3(0.04, 0.0025, 0.004), 0.001), KEYS));
    float up = clamp((p.y - 0.14) / 0.66, 0.0, 1.0), gap = mix(0.0105, 0.0072, up);
    float x = p.x - (clamp(floor(p.x / gap), -3.0, 2.0) + 0.5) * gap;
    float string = max(length(vec2(x, p.z - mix(0.071, 0.066, up))) + 0.0009, abs(p.y - 0.47) - 0.335);
    return nearer(found, vec2(string, STRINGS));
}

// ---- violin

float violin_shape(vec2 p) {
    p.x = abs(p.x);
    float d = joined(length(p - vec2(0, 0.103)) - 0.103, length(p - vec2(0, 0.274)) - 0.083, 0.01);
    float waist = max(abs(p.y - 0.185) - 0.066, p.x - 0.101 + 0.10 * (p.y - 0.125));
    d = min(d, waist);
    return max(d, -(length((p - vec2(0.118, 0.186)) * vec2(1.0, 1.12)) - 0.062));
}

vec2 violin(vec3 p) {
    float far = box(p - vec3(0, 0.3, 0.02), vec3(0.115, 0.315, 0.06), 0.0);
    if (far > 0.1)
        return vec2(far, VIOLIN);
    float flat_d = violin_shape(p.xy);
    float arch = 0.011 * smoothstep(0.004, -0.06, flat_d);
    vec2 found = vec2(0.85 * slab(flat_d, p.z, 0.017 + arch, 0.004), VIOLIN);
    float taper = mix(0.021, 0.0125, clamp((p.y - 0.2) / 0.27, 0.0, 1.0));
    vec3 f = p - vec3(0, 0.335, 0.047);
    f.yz = turned(f.yz, 0.05);
    found = nearer(found, vec2(box(f, vec3(taper, 0.135, 0.006), 0.004), EBONY));
    found = nearer(found, vec2(limb(p, vec3(0, 0.33, 0.012), vec3(0, 0.475, 0.024), 0.017, 0.0125), NECK));
    found = nearer(found, vec2(box(p - vec3(0, 0.505, 0.018), vec3(0.0125 - 0.05 * (p.y - 0.505), 0.04, 0.012), 0.004), VIOLIN));
    float scroll = min(drum((p - vec3(0, 0.556, 0.012)).zyx, 0.018, 0.011, 0.004), drum((p - vec3(0, 0.556, 0.012)).zyx, 0.009, 0.02, 0.004));
    found = nearer(found, vec2(scroll, VIOLIN));
    vec3 k = p - vec3(0, 0.505, 0.02);
    for (int i = 0; i < 4; i++) {
        float s = i % 2 == 0 ? 1.0 : -1.0;
        vec3 at = k - vec3(0, -0.027 + 0.0175 * float(i), 0);
        float peg = min(limb(at, vec3(0), vec3(0.026 * s, 0, 0), 0.0032, 0.0038), egg(at - vec3(0.034 * s, 0, 0), vec3(0.0105, 0.0085, 0.004)));
        found = nearer(found, vec2(peg, EBONY));
    }
    found = nearer(found, vec2(box(p - vec3(0, 0.064, 0.038), vec3(0.011 + 0.09 * (p.y - 0.04), 0.054, 0.004), 0.003), EBONY));
    found = nearer(found, vec2(egg(p - vec3(-0.05, 0.035, 0.03), vec3(0.045, 0.03, 0.012)), EBONY));
    float bridge = box(p - vec3(0, 0.168, 0.038), vec3(0.021, 0.0025, 0.016), 0.001);
    found = nearer(found, vec2(bridge, KEYS));
    float up = clamp((p.y - 0.168) / 0.31, 0.0, 1.0), gap = mix(0.0095, 0.0052, up);
    float x = p.x - (clamp(floor(p.x / gap), -2.0, 1.0) + 0.5) * gap;
    float high = p.y < 0.168 ? mix(0.044, 0.056, (p.y - 0.11) / 0.058) : mix(0.056, 0.050 - 0.008, up);
    float string = max(length(vec2(x, p.z - high)) + 0.0009, abs(p.y - 0.295) - 0.185);
    return nearer(found, vec2(string, STRINGS));
}

vec2 bow(vec3 p) {
    vec3 low = vec3(0.335, 0.03, 0.02), high = vec3(0.265, 0.93, -0.415);
    float far = limb(p, low, high, 0.05, 0.05);
    if (far > 0.1)
        return vec2(far, STICK);
    vec3 middle = 0.5 * (low + high) + vec3(-0.008, 0, 0);
    float stick = min(limb(p, low, middle, 0.004, 0.004), limb(p, middle, high, 0.004, 0.003));
    stick = min(stick, limb(p, high, high + vec3(0.026, -0.012, 0.003), 0.005, 0.006));
    vec2 found = vec2(stick, STICK);
    vec3 frog = low + vec3(0.011, 0.075, -0.033);
    found = nearer(found, vec2(limb(p, frog, frog + vec3(-0.003, 0.05, -0.024), 0.011, 0.011), EBONY));
    found = nearer(found, vec2(limb(p, frog + vec3(0.009, 0.02, 0), high + vec3(0.024, -0.01, 0.003), 0.0014, 0.0014), HAIR));
    return found;
}

// ---- accordion: a fan about the origin, 0.40 to 0.82 from it

vec2 accordion(vec3 p) {
    float far = box(p - vec3(0, 0.6, 0.0), vec3(0.46, 0.27, 0.14), 0.0);
    if (far > 0.1)
        return vec2(far, RED);
    float angle = atan(p.x, p.y), r = length(p.xy);
    float folds = abs(fract(angle * 14.0 / 0.46) - 0.5) * 2.0;
    vec3 b = vec3(r * angle, r - 0.60, p.z);
    float inset = 0.016 * (1.0 - folds);
    vec2 found = vec2(0.6 * box(b, vec3(0.235 * r, 0.195 - inset, 0.092 - inset), 0.004), BELLOWS);
    float corner = max(box(b, vec3(0.235 * r, 0.197 - inset, 0.0945 - inset), 0.004), 0.270 - abs(b.y) - abs(b.z) );
    found = nearer(found, vec2(0.6 * corner, CHROME));
    // treble side: body, grille, keyboard
    vec3 l = vec3(turned(p.xy, -0.235), p.z) - vec3(-0.05, 0.6, 0.0);
    float body = box(l, vec3(0.052, 0.215, 0.102), 0.012);
    found = nearer(found, vec2(body, RED));
    found = nearer(found, vec2(box(l - vec3(0.0, 0, 0.102), vec3(0.036, 0.185, 0.005), 0.004), GRILLE));
    vec3 k = l - vec3(-0.112, 0.0, 0.045);
    k.xz = turned(k.xz, 0.35);
    found = nearer(found, vec2(box(k - vec3(0, 0, -0.012), vec3(0.066, 0.207, 0.012), 0.005), RED));
    vec3 one = k;
    float key = clamp(floor(k.y / 0.0245), -8.0, 7.0);
    one.y -= (key + 0.5) * 0.0245;
    found = nearer(found, vec2(box(one - vec3(-0.004, 0, 0.006), vec3(0.062, 0.0108, 0.007), 0.003), KEYS));
    float edge = clamp(floor(k.y / 0.0245 + 0.5), -7.0, 7.0), of7 = mod(edge + 7.0, 7.0);
    vec3 sharp = k - vec3(0.022, edge * 0.0245, 0.016);
    if (of7 != 0.0 && of7 != 3.0)
        found = nearer(found, vec2(box(sharp, vec3(0.038, 0.0062, 0.008), 0.003), EBONY));
    // bass side
    vec3 s = vec3(turned(p.xy, 0.235), p.z) - vec3(0.05, 0.6, 0.0);
    found = nearer(found, vec2(box(s, vec3(0.052, 0.215, 0.102), 0.012), RED));
    found = nearer(found, vec2(box(s - vec3(0.0, 0, 0.102), vec3(0.034, 0.17, 0.004), 0.003), PEARL));
    vec3 u = s - vec3(0, 0, 0.106);
    u.y -= clamp(floor(u.y / 0.026 + 0.5), -6.0, 6.0) * 0.026;
    u.x -= clamp(floor(u.x / 0.02 + 0.5), -1.0, 1.0) * 0.02;
    found = nearer(found, vec2(ball(u, 0.0072), KEYS));
    return found;
}

// ---- trumpet along x, bell to the right

vec2 trumpet(vec3 p) {
    float far = box(p - vec3(0.01, 0.0, 0), vec3(0.28, 0.11, 0.075), 0.0);
    if (far > 0.1)
        return vec2(far, BRASS);
    float tube = 0.0062;
    // bell tube and its flare
    float along = clamp((p.x + 0.02) / 0.27, 0.0, 1.0);
    float wide = 0.0065 + 0.010 * along * along + 0.048 * pow(along, 9.0);
    float outer = length(p.yz - vec2(0.045, 0)) ;
    float bell = max(abs(outer - wide) - 0.0018, max(p.x - 0.25, -0.13 - p.x));
    if (p.x < 0.18)
        bell = max(outer - wide, max(p.x - 0.25, -0.13 - p.x));
    float d = 0.55 * bell;
    d = min(d, length(vec2(outer - 0.0645, p.x - 0.25)) - 0.0028);
    // lower tube and the bends
    d = min(d, limb(p, vec3(-0.13, -0.045, 0), vec3(0.14, -0.045, 0.012), tube, tube));
    vec3 back = p - vec3(-0.13, 0, 0);
    d = min(d, back.x < 0.0 ? ring(back, 0.045, tube) : 1e3);
    vec3 front = p - vec3(0.14, 0, 0.014);
    d = min(d, front.x > 0.0 ? ring(front, 0.045, tube) : 1e3);
    d = min(d, limb(p, vec3(-0.20, 0.045, 0.020), vec3(0.14, 0.045, 0.016), 0.005, tube));
    d = min(d, limb(p, vec3(0.06, 0.045, 0.016), vec3(0.125, 0.045, 0.016), 0.0082, 0.0082));
    d = min(d, limb(p, vec3(0.06, -0.045, 0.008), vec3(0.125, -0.045, 0.012), 0.0082, 0.0082));
    d = min(d, limb(p, vec3(0.10, -0.045, 0.0), vec3(0.10, 0.045, 0.0), 0.003, 0.003));
    d = min(d, limb(p, vec3(-0.085, -0.045, 0.0), vec3(-0.085, 0.045, 0.0), 0.003, 0.003));
    // mouthpiece
    float m = limb(p, vec3(-0.20, 0.045, 0.020), vec3(-0.262, 0.045, 0.020), 0.006, 0.0125);
    d = min(d, max(m, -0.268 - p.x));
    vec2 found = vec2(d, BRASS);
    // valves
    vec3 v = p - vec3(-0.005, 0, 0.008);
    v.x -= clamp(floor(v.x / 0.03 + 0.5), -1.0, 1.0) * 0.03;
    found = nearer(found, vec2(drum(v.xzy, 0.0128, 0.068, 0.002), BRASS));
    float caps = min(drum(v.xzy - vec3(0, 0, 0.06), 0.0148, 0.007, 0.002), drum(v.xzy - vec3(0, 0, -0.064), 0.0148, 0.009, 0.003));
    caps = min(caps, drum(v.xzy - vec3(0, 0, 0.08), 0.0035, 0.014, 0.0));
    caps = min(caps, drum(v.xzy - vec3(0, 0, 0.095), 0.0098, 0.003, 0.001));
    found = nearer(found, vec2(caps, CHROME));
    return nearer(found, vec2(min(ring(p - vec3(0.045, 0.068, 0), 0.013, 0.0026), limb(vec3(p.x, abs(p.y + 0.005), p.z), vec3(0.03, 0.012, 0.03), vec3(0.085, 0.012, 0.03), 0.0055, 0.0055)), BRASS));
}

// ---- drum: head to the viewer

vec2 bass_drum(vec3 p) {
    float far = drum(p, 0.29, 0.15, 0.0);
    if (far > 0.1)
        return vec2(far, SHELL);
    vec2 found = vec2(drum(p, 0.235, 0.12, 0.004), SHELL);
    found = nearer(found, vec2(drum(p, 0.228, 0.126, 0.004), HEAD));
    vec3 q = vec3(p.xy, abs(p.z) - 0.118);
    found = nearer(found, vec2(max(drum(q, 0.246, 0.016, 0.004), 0.226 - length(p.xy)), HOOP));
    float angle = atan(p.y, p.x), step = PI / 5.0, near = (floor(angle / step) + 0.5) * step;
    vec2 at = turned(p.xy, -near);
    vec3 lug = vec3(at.x - 0.25, at.y, p.z);
    float rod = limb(lug, vec3(0, 0, -0.115), vec3(0, 0, 0.135), 0.0035, 0.0035);
    rod = min(rod, box(lug - vec3(-0.003, 0, 0), vec3(0.012, 0.011, 0.035), 0.006));
    rod = min(rod, box(vec3(lug.xy, abs(lug.z) - 0.126) - vec3(-0.004, 0, 0), vec3(0.013, 0.011, 0.012), 0.004));
    return nearer(found, vec2(rod, CHROME));
}

// ---- the street

vec3 stone_at(vec2 p) {  // how high a cobble is, its number, its edge
    float row = floor(p.y / 0.085), offset = hash(vec3(row, 3.0, 1.0));
    vec2 cell = vec2(p.x / 0.105 + offset, p.y / 0.085);
    cell.x += 0.12 * sin(row * 2.3 + cell.x * 0.8);
    vec2 within = abs(fract(cell) - 0.5) * 2.0;
    float edge = 1.0 - pow(pow(within.x, 5.0) + pow(within.y, 5.0), 0.2);
    float number = hash(vec3(floor(cell), 2.0));
    return vec3(smoothstep(0.02, 0.45, edge) * 0.018 + 0.006 * number, number, edge);
}

float plaster(vec3 p) {
    return smoothstep(0.50, 0.515, clouds(vec3(p.xy * 1.9 + vec2(3.4, 1.7), 4.0)) + 0.10 * noise(vec3(p.xy * 14.0, 1.0)) - 0.13 + 0.34 * smoothstep(0.1, 0.9, p.y));
}

vec2 map(vec3 p) {
    vec2 found = vec2(p.y - 0.03, COBBLES);
    if (p.y < 0.06)
        found.x = 0.7 * (p.y + 0.012 - stone_at(p.xz).x - 0.004 * noise(p * 40.0));
    float wall = p.z + 0.45;
    if (wall < 0.08) {
        float on = plaster(p);
        vec2 cell = vec2(p.x / 0.24 + 0.5 * mod(floor(p.y / 0.09), 2.0), p.y / 0.09), within = abs(fract(cell) - 0.5);
        float joint = smoothstep(0.49, 0.44, max(within.x * 1.04, within.y * 0.92));
        wall -= mix(0.012 * joint + 0.004 * noise(p * 40.0) - 0.012, 0.010 + 0.006 * clouds(p * 7.0), on);
        wall *= 0.6;
    } else
        wall -= 0.03;
    float gap = max(abs(p.x - 0.80) - 0.36, -(p.y + 1.0));
    wall = max(wall, -max(gap, p.z - 0.5));
    found = nearer(found, vec2(wall, WALL));
    float frame = box(vec3(abs(p.x - 0.80) - 0.385, p.y - 0.9, p.z + 0.46), vec3(0.05, 1.2, 0.05), 0.01);
    found = nearer(found, vec2(frame - 0.004 * noise(p * 30.0), STONE));
    if (p.x > 0.3) {
        float plank = abs(fract(p.x / 0.115) - 0.5) * 0.115;
        float door = p.z + 0.50 + 0.008 * smoothstep(0.051, 0.056, plank);
        found = nearer(found, vec2(0.8 * door, DOOR));
        found = nearer(found, vec2(box(p - vec3(0.8, 0.04, -0.45), vec3(0.42, 0.05, 0.08), 0.012), STONE));
    }
    vec3 q = in_guitar(p);
    found = nearer(found, guitar(q) * vec2(1.04, 1.0));
    found = nearer(found, violin(in_violin(p)) * vec2(1.34, 1.0));
    found = nearer(found, bow(p));
    found = nearer(found, accordion(in_accordion(p)));
    found = nearer(found, trumpet(in_trumpet(p)) * vec2(1.22, 1.0));
    found = nearer(found, bass_drum(in_drum(p)));
    if (p.y < 0.08) {  // coins
        vec2 cell = floor(p.xz / 0.09);
        float luck = hash(vec3(cell, 7.0));
        vec2 at = (cell + 0.5 + 0.3 * (vec2(hash(vec3(cell, 8.0)), hash(vec3(cell, 9.0))) - 0.5)) * 0.09;
        if (luck > 0.62 && length((at - vec2(0.42, 0.62)) * vec2(1, 0.8)) < 0.25)
            found = nearer(found, vec2(drum((p - vec3(at.x, 0.022, at.y)).xzy, 0.016, 0.003, 0.001), COIN + 0.4 * step(0.8, luck)));
    }
    return found;
}

// Polished metal: mirrors the street in its own colour.
Skin metal(vec3 colour, vec3 p, vec3 n, float rough) {
    float dirt = clouds(p * 220.0), spot = smoothstep(0.4, 0.7, clouds(p * 14.0 + 2.0));
    vec3 away = reflect(normalize(p - EYE), n);
    float high = away.y + 0.04 * noise(away * 6.0);
    vec3 up = mix(vec3(0.07, 0.055, 0.04), mix(vec3(1.5, 1.3, 1.05), vec3(0.42, 0.46, 0.52), smoothstep(0.42, 0.85, high)), smoothstep(0.28, 0.36, high));
    vec3 down = mix(vec3(0.05, 0.045, 0.04), vec3(0.34, 0.29, 0.22), smoothstep(0.0, -0.9, away.y) * (0.4 + 0.8 * noise(away * 9.0)));
    vec3 seen = mix(up, down, smoothstep(0.02, -0.05, away.y)) * mix(1.15, 0.8, spot);
    Skin s = skin(colour * (0.12 + 0.16 * dirt), 0.10, rough);
    s.glow = colour * seen * (1.0 + 0.3 * dirt);
    return s;
}

Skin grained(vec3 p, vec3 dark, vec3 light, float shine) {
    float grain = noise(vec3(p.x * 320.0, p.y * 7.0, p.z * 150.0)), wide = clouds(vec3(p.x * 60.0, p.y * 3.0, p.z * 30.0));
    return skin(mix(dark, light, clamp(0.45 * grain + 0.75 * wide, 0.0, 1.0)), shine, 0.22);
}

// A sheet of music, pasted on the wall.
Skin score(vec2 at, vec3 p) {
    vec3 paper = mix(vec3(0.52, 0.43, 0.27), vec3(0.28, 0.20, 0.10), clouds(vec3(at * 9.0, 1.0)) * 0.9 + 0.12 * noise(p * 150.0));
    paper *= 0.8 + 0.2 * smoothstep(0.0, 0.004, abs(at.y + 0.006 * noise(p * 14.0)));
    float row = floor(at.y / 0.098 + 0.5), y = at.y - row * 0.098;
    float ink = 0.0;
    if (abs(row) < 2.5 && abs(at.x) < 0.145) {
        float line = abs(y - clamp(floor(y / 0.011 + 0.5), -2.0, 2.0) * 0.011);
        ink = smoothstep(0.0021, 0.0010, line);
        float beat = floor(at.x / 0.036), x = at.x - (beat + 0.5) * 0.036;
        float tune = (floor(hash(vec3(beat, row, 5.0)) * 6.0) - 3.0) * 0.0055;
        vec2 note = turned(vec2(x, y - tune), -0.4);
        float stem = max(abs(x - 0.0075) - 0.0013, abs(y - tune - 0.02) - 0.02);
        float flag = max(abs(y - tune - 0.038 + 0.3 * (x - 0.0075)) - 0.003, abs(x - 0.014) - 0.0075);
        float head = length(note / vec2(0.0092, 0.0066)) - 1.0;
        if (beat > -4.0 && min(min(stem, mod(beat, 2.0) < 1.0 ? flag : 1.0), head) < 0.0)
            ink = 1.0;
        vec2 clef = vec2(at.x + 0.128, y);
        if (min(abs(length(clef - vec2(0, -0.006)) - 0.011), min(abs(length(clef - vec2(0.001, 0.018)) - 0.008), max(abs(clef.x + 0.1 * clef.y), abs(clef.y) - 0.036))) < 0.0022)
            ink = 1.0;
    }
    return skin(mix(paper, vec3(0.02, 0.016, 0.012), 0.9 * ink), 0.0, 1.0);
}

Skin paint(float material, vec3 p, vec3 n) {
    if (material == GUITAR) {
        vec3 q = in_guitar(p);
        float flat_d = guitar_shape(q.xy), hole = length(q.xy - vec2(0, 0.335));
        if (q.z < 0.042) {
            if (hole < 0.055 && q.z > -0.045)
                return skin(vec3(0.05, 0.025, 0.012), 0.0, 1.0);
            Skin side = grained(q.zyx, vec3(0.10, 0.03, 0.012), vec3(0.26, 0.10, 0.04), 0.08);
            return side;
        }
        Skin top = grained(q, vec3(0.34, 0.145, 0.030), vec3(0.56, 0.28, 0.075), 0.06);
        float burst = smoothstep(-0.075, -0.005, flat_d);
        top.colour *= mix(vec3(1), vec3(0.36, 0.20, 0.12), burst);
        float ring_at = hole - 0.062;
        if (abs(ring_at) < 0.008) {
            float bead = step(0.5, fract(atan(q.x, q.y - 0.335) * 14.0 / PI));
            top.colour = abs(ring_at) > 0.0055 ? vec3(0.03, 0.02, 0.015) : mix(vec3(0.10, 0.05, 0.03), vec3(0.62, 0.52, 0.36), bead);
        }
        if (hole < 0.054)
            top.colour = vec3(0.55, 0.40, 0.22);
        vec2 guard = q.xy - vec2(0.062, 0.272);
        if (length(guard * vec2(1.0, 0.72) + vec2(0, 0.012 * sin(guard.x * 60.0))) < 0.045 && hole > 0.071)
            top = skin(mix(vec3(0.05, 0.012, 0.008), vec3(0.20, 0.07, 0.03), clouds(q * 60.0)), 0.12, 0.1);
        if (flat_d > -0.0065)
            top.colour = vec3(0.74, 0.66, 0.48);
        if (flat_d > -0.010 && flat_d < -0.0065)
            top.colour = vec3(0.03, 0.02, 0.01);
        return top;
    }
    if (material == VIOLIN) {
        vec3 q = in_violin(p);
        float flat_d = violin_shape(q.xy);
        Skin s = grained(q, vec3(0.20, 0.040, 0.008), vec3(0.50, 0.15, 0.028), 0.08);
        if (q.y < 0.37) {
            float middle = smoothstep(-0.01, -0.06, flat_d);
            s.colour *= mix(0.55, 1.15, middle);
            if (flat_d > -0.0085 && flat_d < -0.0055)
                s.colour = vec3(0.03, 0.012, 0.006);
            if (flat_d > -0.003)
                s.colour *= 0.55;
            if (q.z < 0.012)
                s.colour *= 0.6 + 0.5 * noise(vec3(q.y * 120.0, q.z * 10.0, 1.0));
            vec2 f = vec2(abs(q.x) - 0.043, q.y - 0.175);
            float lean = f.x + 0.16 * f.y, curl = lean - 0.0095 * sin(f.y * 72.0);
            float hole = abs(f.y) < 0.033 ? abs(curl) - 0.0026 - 0.0012 * cos(f.y * 48.0) : 1.0;
            hole = min(hole, min(length(vec2(lean + 0.0035, f.y - 0.030) ) - 0.0048, length(vec2(lean - 0.0035, f.y + 0.032)) - 0.0056));
            if (hole < 0.0 && n.z > 0.3)
                return skin(vec3(0.012, 0.006, 0.004), 0.0, 1.0);
        }
        return s;
    }
    if (material == EBONY) {
        vec3 q = in_guitar(p);
        Skin s = skin(vec3(0.016, 0.013, 0.012) * (0.7 + 0.6 * noise(p * vec3(200, 20, 100))), 0.07, 0.25);
        if (abs(q.x) < 0.03 && q.y > 0.36 && q.y < 0.805 && abs(q.z - 0.05) < 0.03) {
            s.colour = vec3(0.075, 0.032, 0.018) * (0.6 + 0.7 * noise(q * vec3(220, 12, 60)));
            float fret = -12.0 * log2(max((q.y - 0.155) / 0.65, 0.05)), line = abs(fract(fret + 0.5) - 0.5);
            float wide = line * (q.y - 0.155) * 0.0578;
            if (wide < 0.0019)
                return skin(vec3(0.72, 0.70, 0.64), 0.3, 0.2);
            float space = floor(fret);
            bool marked = space == 2.0 || space == 4.0 || space == 6.0 || space == 8.0 || space == 11.0;
            if (marked && length(vec2(q.x, (fract(fret) - 0.5) * (q.y - 0.155) * 0.0578)) < 0.0052)
                s.colour = vec3(0.80, 0.78, 0.70);
        }
        return s;
    }
    if (material == NECK)
        return grained(p, vec3(0.20, 0.07, 0.025), vec3(0.40, 0.17, 0.06), 0.07);
    if (material == STRINGS)
        return skin(vec3(0.80, 0.72, 0.55), 0.25, 0.3);
    if (material == STICK)
        return grained(p, vec3(0.22, 0.05, 0.015), vec3(0.36, 0.11, 0.03), 0.08);
    if (material == HAIR)
        return skin(vec3(0.88, 0.84, 0.74), 0.02, 0.6);
    if (material == BRASS)
        return metal(vec3(0.95, 0.49, 0.085), p, n, 0.12);
    if (material == CHROME)
        return metal(vec3(0.80, 0.80, 0.80), p, n, 0.12);
    if (material >= COIN && material < 14.9)
        return metal(material > 14.2 ? vec3(0.75, 0.72, 0.66) : vec3(0.80, 0.46, 0.18), p, n, 0.25);
    if (material == RED) {
        float swirl = clouds(p * 16.0 + 3.0 * clouds(p * 9.0));
        return skin(mix(vec3(0.055, 0.001, 0.003), vec3(0.40, 0.012, 0.014), smoothstep(0.35, 0.62, swirl)), 0.10, 0.08);
    }
    if (material == PEARL)
        return skin(mix(vec3(0.45, 0.44, 0.42), vec3(0.86, 0.84, 0.80), clouds(p * 30.0)), 0.10, 0.1);
    if (material == GRILLE) {
        vec3 q = in_accordion(p);
        q.xy = turned(q.xy, -0.235);
        q -= vec3(-0.05, 0.6, 0.0);
        float wave = fract((q.y + 0.5 * abs(q.x)) / 0.026);
        if (wave < 0.45 && abs(q.x) < 0.029 && abs(q.y) < 0.165)
            return skin(vec3(0.02, 0.012, 0.012), 0.02, 0.6);
        return metal(vec3(0.85, 0.83, 0.78), p, n, 0.15);
    }
    if (material == BELLOWS) {
        vec3 q = in_accordion(p);
        float angle = atan(q.x, q.y), fold = abs(fract(angle * 14.0 / 0.46) - 0.5) * 2.0;
        float edge = smoothstep(0.80, 0.92, fold);
        float cloth = noise(p * 260.0);
        return skin(mix(vec3(0.030, 0.024, 0.024), vec3(0.42, 0.30, 0.14), edge) * (0.7 + 0.5 * cloth), 0.0, 0.8);
    }
    if (material == KEYS)
        return skin(vec3(0.66, 0.61, 0.50) * (0.9 + 0.15 * clouds(p * 40.0)), 0.06, 0.15);
    if (material == HEAD) {
        vec3 q = in_drum(p);
        float worn = clouds(p * 5.0) * 0.35 + 0.25 * clouds(p * 30.0) + 0.35 * smoothstep(0.12, 0.0, length(q.xy - vec2(0.02, -0.02)));
        return skin(mix(vec3(0.60, 0.52, 0.38), vec3(0.26, 0.19, 0.11), worn), 0.02, 0.6);
    }
    if (material == SHELL)
        return skin(mix(vec3(0.02, 0.06, 0.20), vec3(0.05, 0.14, 0.36), noise(p * 300.0)), 0.12, 0.1);
    if (material == HOOP)
        return grained(p.yxz, vec3(0.30, 0.13, 0.04), vec3(0.52, 0.28, 0.10), 0.08);
    if (material == DOOR) {
        float plank = floor(p.x / 0.115), grain = noise(vec3(p.x * 160.0, p.y * 5.0, plank));
        float worn = smoothstep(0.52, 0.62, clouds(vec3(p.x * 14.0, p.y * 2.2, plank)) + 0.12 * (grain - 0.5) + 0.14 * smoothstep(0.5, 0.0, p.y));
        vec3 green = vec3(0.018, 0.075, 0.066) * (0.75 + 0.5 * hash(vec3(plank, 1, 1))) * (0.7 + 0.5 * grain);
        return skin(mix(green, vec3(0.13, 0.085, 0.05) * (0.5 + grain), worn), 0.015, 0.6);
    }
    if (material == STONE)
        return skin(vec3(0.22, 0.19, 0.15) * (0.45 + 0.6 * clouds(p * 8.0) + 0.4 * noise(p * 120.0)), 0.0, 1.0);
    if (material == WALL) {
        float on = plaster(p);
        Skin brick = bricks(p);
        float stain = clouds(vec3(p.x * 5.0, p.y * 1.2, 2.0)), fine = noise(p * 90.0), blot = clouds(p * 3.0);
        vec3 coat = mix(vec3(0.12, 0.135, 0.14), vec3(0.30, 0.27, 0.21), blot) * (0.55 + 0.55 * stain + 0.22 * fine);
        coat *= mix(0.55, 1.0, smoothstep(-0.05, 0.75, p.y + 0.5 * (stain - 0.5)));
        vec2 sheet = turned(p.xy - vec2(-0.70, 0.86), 0.06) - 0.008 * vec2(noise(p * 9.0), noise(p * 7.0 + 3.0));
        vec2 from = abs(sheet) - vec2(0.165, 0.215);
        float torn = max(from.x, from.y) + 0.012 * noise(p * 60.0) + 0.05 * smoothstep(0.02, 0.0, length(sheet - vec2(0.165, -0.215)) - 0.06);
        if (torn < 0.006)
            return score(sheet, p);
        float crack = abs(clouds(p * 2.6 + 5.0) - 0.5);
        coat *= 0.6 + 0.4 * smoothstep(0.0, 0.006, crack);
        return skin(mix(brick.colour * (brick.colour.b > 0.25 ? 0.22 : 0.5), coat, on), 0.0, 1.0);
    }
    vec3 s = stone_at(p.xz);
    vec3 rock = mix(vec3(0.075, 0.075, 0.08), vec3(0.22, 0.19, 0.155), s.y) * (0.5 + 0.5 * noise(p * 110.0) + 0.4 * clouds(p * 18.0));
    vec3 joint = mix(vec3(0.05, 0.045, 0.035), vec3(0.06, 0.08, 0.03), clouds(p * 5.0));
    return skin(mix(joint, rock, smoothstep(0.05, 0.22, s.z)), 0.05 * s.z, 0.5);
}

#include "light.glsl"
