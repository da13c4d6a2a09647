// Two outdoor air-conditioner units on a sunlit plaster wall; a window with shutters and an electric fan on its sill.

#include "world.glsl"

const vec3 EYE = vec3(0.36, 0.16, 2.95), TARGET = vec3(0.035, 0.03, 0.0), SUN = vec3(-0.62, 0.75, 0.95);
const float FOV = 31.0, HAZE = 0.004;

const float WALL = 0.0, FRAME = 0.1, GLASS = 0.2, SHUTTER = 0.3, SILL = 0.35, ROOM = 0.4;
const float CASE = 1.0, BLADE = 2.0, GRILLE = 3.0, HOSE = 4.0, CHROME = 5.0, MINT = 6.0, BRACKET = 7.0, PIT = 8.0, BADGE = 9.0, COPPER = 10.0, BODY = 11.0;

const vec3 BIG = vec3(-0.52, 0.08, 0.25), BIG_HALF = vec3(0.5, 0.385, 0.16);
const vec3 SMALL = vec3(0.66, -0.5, 0.2), SMALL_HALF = vec3(0.38, 0.245, 0.13);
const vec3 FAN = vec3(0.66, 0.385, 0.24);

// Swept blades around z, as a fan or a ship has.
float blades(vec3 p, float many, float radius, float wide, float tilt) {
    float r = length(p.xy), sector = 2.0 * PI / many;
    if (r > radius + 0.1 || abs(p.z) > 0.3)
        return max(r - radius, abs(p.z) - 0.2);
    float a = mod(atan(p.y, p.x) + 0.9 * r / radius, sector) - 0.5 * sector;
    float across = r * a, half_wide = wide * (0.45 + 0.75 * r / radius);
    vec2 q = abs(vec2(across, r - 0.58 * radius)) - vec2(half_wide, 0.42 * radius) + 0.3 * wide;
    float flat_shape = length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - 0.3 * wide;
    float high = abs(p.z - tilt * across + 0.8 * across * across) - 0.003;
    return 0.6 * max(flat_shape, high);
}

// The guard before a unit's fan: rings and slanted spokes on a shallow dome.
float guard(vec3 p, float radius, float step_size) {
    float r = length(p.xy);
    float z = p.z - 0.03 * (1.0 - r * r / (radius * radius));
    float n = clamp(floor(r / step_size + 0.5), 2.0, floor(radius / step_size));
    float d = length(vec2(r - n * step_size, z)) - 0.0036;
    float sector = 2.0 * PI / 12.0, a = mod(atan(p.y, p.x) + 1.1 * r / radius, sector) - 0.5 * sector;
    float spoke = max(length(vec2(a * r, z + 0.004)) - 0.0036, r - radius);
    d = min(d, 0.8 * spoke);
    return min(d, drum(p - vec3(0, 0, 0.028), 2.0 * step_size, 0.006, 0.004));
}

// An outdoor unit that looks along z: its case, fan, guard, vents, badge.
vec2 unit(vec3 p, vec3 size_half, float radius, float off, float turn) {
    float far = box(p, size_half + 0.06, 0.0);
    if (far > 0.15)
        return vec2(far, CASE);
    float front = size_half.z;
    vec3 f = p - vec3(off, 0, front);
    float r = length(f.xy);
    float d = box(p, size_half, 0.022);
    d = joined(d, ring(f, radius + 0.018, 0.012), 0.012);
    // a lid with its own edge, a seam between fan side and service side, a base pan
    d = min(d, box(p - vec3(0, size_half.y - 0.02, 0), size_half * vec3(1, 0, 1) + vec3(0.007, 0.025, 0.007), 0.01));
    d = min(d, box(p + vec3(0, size_half.y - 0.015, 0), size_half * vec3(1, 0, 1) + vec3(0.004, 0.018, 0.004), 0.006));
    float split = off + radius + 0.05;
    d = max(d, -(length(vec2(p.x - split, p.z - front)) - 0.005));
    // slots in the service panel
    float slot_y = p.y + 0.2 * size_half.y, n = clamp(floor(slot_y / 0.034 + 0.5), -4.0, 4.0);
    float middle = 0.5 * (split + size_half.x);
    d = max(d, -box(vec3(p.x - middle, slot_y - n * 0.034, p.z - front), vec3(0.36 * (size_half.x - split), 0.009, 0.012), 0.008));
    float pit = drum(f + vec3(0, 0, 0.1), radius + 0.004 + 0.05 * smoothstep(-0.04, 0.03, f.z), 0.14, 0.003);
    d = carved(d, pit, 0.012);
    vec2 found = vec2(0.9 * d, CASE);
    found = nearer(found, vec2(0.9 * max(r - radius - 0.01, abs(p.z + 0.4 * front) - 0.01), PIT));
    vec3 s = f + vec3(0, 0, 0.055);
    s.xy = turned(s.xy, turn);
    found = nearer(found, vec2(blades(s, 3.0, radius * 0.94, radius * 0.36, 0.42), BLADE));
    found = nearer(found, vec2(drum(s, radius * 0.23, 0.04, 0.02), BLADE));
    found = nearer(found, vec2(guard(f, radius + 0.015, radius / 9.0), GRILLE));
    found = nearer(found, vec2(box(p - vec3(middle, 0.62 * size_half.y, front), vec3(0.32 * (size_half.x - split), 0.022, 0.004), 0.003), BADGE));
    vec3 c = vec3(p.x - middle, p.y + 0.78 * size_half.y, p.z - front);
    float handle = box(c, vec3(0.055, 0.018, 0.01), 0.008);
    return nearer(found, vec2(max(handle, -box(c - vec3(0, 0.004, 0.01), vec3(0.045, 0.008, 0.012), 0.005)), CASE));
}

float bracket(vec3 p, vec3 at, float depth) {
    p -= at;
    float d = box(p - vec3(0, 0, 0.5 * depth), vec3(0.02, 0.014, 0.5 * depth), 0.003);
    d = min(d, box(p + vec3(0, 0.1, -0.012), vec3(0.02, 0.13, 0.01), 0.003));
    d = min(d, limb(p, vec3(0, -0.2, 0.015), vec3(0, -0.01, 0.8 * depth), 0.012, 0.012));
    return min(d, length(p - vec3(0, 0.02, 0.8 * depth)) - 0.014);
}

vec2 table_fan(vec3 p) {
    float far = box(p + vec3(0, 0.06, 0), vec3(0.3, 0.37, 0.22), 0.0);
    if (far > 0.15)
        return vec2(far, CHROME);
    float foot = egg(p - vec3(0, -0.39, 0.0), vec3(0.14, 0.055, 0.11));
    foot = max(foot, -(p.y + 0.39));
    float d = joined(foot, limb(p, vec3(0, -0.37, -0.02), vec3(0, -0.05, -0.08), 0.026, 0.022), 0.04);
    vec3 b = p;
    b.yz = turned(b.yz, 0.06);
    b.xz = turned(b.xz, 0.16);
    d = joined(d, drum(b + vec3(0, 0, 0.1), 0.06, 0.06, 0.035), 0.02);
    vec2 found = vec2(d, BODY);
    vec3 s = b;
    s.xy = turned(s.xy, 0.5);
    found = nearer(found, vec2(blades(s, 4.0, 0.235, 0.085, 0.5), MINT));
    found = nearer(found, vec2(drum(s, 0.048, 0.035, 0.02), MINT));
    float r = length(b.xy), radius = 0.272;
    float bend = 0.062 * sqrt(max(1.0 - r * r / (radius * radius), 0.0));
    float cage = length(vec2(r - radius, b.z)) - 0.0075;
    float sector = 2.0 * PI / 36.0, a = mod(atan(b.y, b.x), sector) - 0.5 * sector;
    cage = min(cage, 0.7 * max(length(vec2(a * r, abs(b.z) - bend)) - 0.002, max(r - radius, 0.05 - r)));
    cage = min(cage, length(vec2(r - 0.155, b.z - 0.051)) - 0.0035);
    found = nearer(found, vec2(cage, CHROME));
    return nearer(found, vec2(drum(b - vec3(0, 0, 0.062), 0.055, 0.008, 0.006), BADGE));
}

// A shutter leaf with slats; hinged at x = 0, it reaches to x = wide.
float leaf(vec3 p, float wide, float tall) {
    float d = box(p - vec3(0.5 * wide, 0, 0), vec3(0.5 * wide, tall, 0.018), 0.004);
    vec3 q = p - vec3(0.5 * wide, 0, 0);
    d = max(d, -box(vec3(q.x, abs(q.y) - 0.5 * tall, q.z), vec3(0.5 * wide - 0.045, 0.5 * tall - 0.035, 0.1), 0.003));
    float n = floor(q.y / 0.036 + 0.5);
    vec3 s = vec3(q.x, q.y - n * 0.036, q.z);
    s.yz = turned(s.yz, 0.6);
    float slats = max(box(s, vec3(0.5 * wide - 0.03, 0.004, 0.02), 0.002), abs(q.y) - tall + 0.03);
    return min(d, 0.8 * slats);
}

vec2 map(vec3 p) {
    float rough_wall = 0.006 * clouds(p * 9.0) + 0.002 * noise(p * 90.0);
    float patch_here = smoothstep(0.5, 0.54, clouds(vec3(p.xy * 1.7 + 4.3, 1.0)) + 0.24 * smoothstep(-0.35, -0.8, p.y) * smoothstep(0.5, -0.4, p.x));
    float wall = p.z - rough_wall + 0.014 * patch_here;
    vec3 o = p - vec3(0.66, 0.52, 0.0);
    float hole = box(o, vec3(0.36, 0.5, 0.16), 0.004);
    wall = max(wall, -hole);
    vec2 found = vec2(0.9 * wall, WALL);
    found = nearer(found, vec2(p.z + 0.6, ROOM));
    if (p.x > 0.0 && p.y > -0.3) {
        float frame = max(box(o + vec3(0, 0, 0.1), vec3(0.36, 0.5, 0.025), 0.004), -box(vec3(abs(o.x) - 0.17, abs(o.y) - 0.24, o.z + 0.1), vec3(0.145, 0.215, 0.1), 0.004));
        found = nearer(found, vec2(frame, FRAME));
        found = nearer(found, vec2(max(abs(o.z + 0.115) - 0.003, box(o, vec3(0.35, 0.5, 0.2), 0.0)), GLASS));
        found = nearer(found, vec2(box(o - vec3(0, -0.535, 0.12), vec3(0.42, 0.028, 0.25), 0.008), SILL));
        vec3 a = o - vec3(-0.365, 0.0, 0.03), b = o - vec3(0.365, 0.0, 0.03);
        a.x = -a.x;
        a.xz = turned(a.xz, -0.7);
        b.xz = turned(b.xz, -0.3);
        found = nearer(found, vec2(min(leaf(a, 0.3, 0.49), leaf(b, 0.3, 0.49)), SHUTTER));
    }
    found = nearer(found, unit(p - BIG, BIG_HALF, 0.318, -0.135, 0.3));
    found = nearer(found, unit(p - SMALL, SMALL_HALF, 0.198, -0.11, 1.1));
    found = nearer(found, table_fan(p - FAN));
    float low = BIG.y - BIG_HALF.y - 0.02, small_low = SMALL.y - SMALL_HALF.y - 0.02;
    float d = min(bracket(p, vec3(BIG.x - 0.34, low, 0.0), 0.44), bracket(p, vec3(BIG.x + 0.34, low, 0.0), 0.44));
    d = min(d, min(bracket(p, vec3(SMALL.x - 0.24, small_low, 0.0), 0.34), bracket(p, vec3(SMALL.x + 0.24, small_low, 0.0), 0.34)));
    found = nearer(found, vec2(d, BRACKET));
    // hoses: from the big unit's side to the wall and down, a drain, a cable
    float h = limb(p, vec3(-0.02, -0.12, 0.2), vec3(0.07, -0.13, 0.16), 0.018, 0.02);
    h = joined(h, limb(p, vec3(0.07, -0.13, 0.16), vec3(0.1, -0.24, 0.06), 0.02, 0.02), 0.03);
    h = joined(h, limb(p, vec3(0.1, -0.24, 0.06), vec3(0.1, -1.2, 0.035), 0.024, 0.024), 0.03);
    h += 0.0015 * sin(p.y * 160.0 + p.x * 90.0);
    found = nearer(found, vec2(0.9 * h, HOSE));
    float pipe = limb(p, vec3(-0.02, -0.02, 0.24), vec3(0.05, -0.03, 0.2), 0.01, 0.01);
    pipe = joined(pipe, limb(p, vec3(0.05, -0.03, 0.2), vec3(0.055, -0.2, 0.04), 0.01, 0.01), 0.03);
    pipe = joined(pipe, limb(p, vec3(0.055, -0.2, 0.04), vec3(0.05, -1.2, 0.025), 0.011, 0.011), 0.03);
    pipe = min(pipe, limb(p, vec3(-0.02, -0.02, 0.24), vec3(0.01, -0.02, 0.24), 0.022, 0.022));
    found = nearer(found, vec2(pipe, COPPER));
    float drain = limb(p, vec3(-0.6, low, 0.28), vec3(-0.6, low - 0.08, 0.26), 0.012, 0.012);
    drain = joined(drain, limb(p, vec3(-0.6, low - 0.08, 0.26), vec3(-0.57, -1.2, 0.03), 0.011, 0.011), 0.04);
    vec2 clip = vec2(box(vec3(p.x - 0.075, abs(p.y + 0.52) - 0.16, p.z - 0.03), vec3(0.065, 0.012, 0.035), 0.004), BRACKET);
    return nearer(nearer(found, vec2(drain, HOSE)), clip);
}

// Letters as bars, none that can be read.
float letters(vec2 at, float many) {
    vec2 cell = vec2(at.x * many, at.y), in_cell = fract(cell) - 0.5;
    float kind_of = hash(vec3(floor(cell.x), 3.0, 7.0));
    float stem = step(abs(in_cell.x + 0.22), 0.09), bar = step(abs(in_cell.y - 0.34), 0.08), mid = step(abs(in_cell.y), 0.07), bow = step(abs(in_cell.x - 0.22), 0.09);
    float mark = max(stem, max(kind_of > 0.3 ? bar : 0.0, max(kind_of < 0.7 ? mid : 0.0, kind_of > 0.5 ? bow : 0.0)));
    return mark * step(abs(in_cell.x), 0.34) * step(abs(in_cell.y), 0.42) * step(0.0, at.x) * step(at.x, 1.0) * step(0.0, at.y) * step(at.y, 1.0);
}

vec3 masonry(vec3 p) {
    p.xy += 0.008 * vec2(noise(p * 14.0), noise(p * 14.0 + 5.0));
    float row = floor(p.y / 0.078);
    vec2 cell = vec2(p.x / 0.215 + 0.5 * mod(row, 2.0), p.y / 0.078), edge = (0.5 - abs(fract(cell) - 0.5)) * vec2(0.215, 0.078);
    float shade = hash(vec3(floor(cell), 4.0)), joint = smoothstep(0.009, 0.005, min(edge.x, edge.y));
    vec3 clay = mix(vec3(0.20, 0.065, 0.035), vec3(0.46, 0.19, 0.10), shade) * (0.55 + 0.5 * noise(p * 110.0) + 0.5 * clouds(p * 20.0));
    return mix(clay, vec3(0.44, 0.38, 0.30) * (0.6 + 0.6 * noise(p * 90.0)), joint);
}

Skin plaster(vec3 p) {
    float big_spots = clouds(p * 2.1), fine = noise(p * 120.0), mid = clouds(p * 12.0);
    float bare = smoothstep(0.5, 0.53, clouds(vec3(p.xy * 1.7 + 4.3, 1.0)) + 0.24 * smoothstep(-0.35, -0.8, p.y) * smoothstep(0.5, -0.4, p.x));
    vec3 tone = mix(vec3(0.50, 0.25, 0.11), vec3(0.66, 0.40, 0.20), big_spots) * (0.72 + 0.25 * fine + 0.35 * mid);
    // dark runs under the units and the sill
    float run = clouds(vec3(p.x * 16.0, p.y * 0.9, 2.0));
    float under = smoothstep(0.56, 0.3, abs(p.x - BIG.x)) * smoothstep(-0.2, -0.34, p.y) + smoothstep(0.44, 0.2, abs(p.x - 0.66)) * smoothstep(0.0, -0.1, p.y);
    tone *= 1.0 - 0.62 * clamp(under, 0.0, 1.0) * smoothstep(0.38, 0.62, run);
    float from_top = smoothstep(0.5, 0.66, clouds(vec3(p.x * 9.0, p.y * 0.6, 8.0))) * smoothstep(0.3, 0.9, p.y);
    tone *= 1.0 - 0.5 * from_top;
    float crack = abs(clouds(p * 2.3 + 9.0) - 0.48);
    tone *= 0.45 + 0.55 * smoothstep(0.001, 0.006, crack);
    vec3 brick = masonry(p);
    float edge = smoothstep(0.46, 0.5, clouds(vec3(p.xy * 1.7 + 4.3, 1.0)));
    tone = mix(tone, vec3(0.55, 0.47, 0.38) * (0.7 + 0.5 * fine), 0.7 * edge * (1.0 - bare));
    return skin(mix(tone, brick, bare), 0.0, 1.0);
}

Skin paint(float material, vec3 p, vec3 n) {
    float dirt = clouds(p * 5.0), fine = noise(p * 140.0);
    if (material == CASE) {
        bool big = p.x < 0.1 && p.y > -0.4;
        vec3 c = big ? p - BIG : p - SMALL, half_size = big ? BIG_HALF : SMALL_HALF;
        vec3 white = mix(vec3(0.68, 0.67, 0.61), vec3(0.50, 0.46, 0.37), 0.8 * smoothstep(0.35, 0.75, dirt));
        float run = clouds(vec3(p.x * 22.0, p.y * 1.6, p.z * 22.0));
        white *= 1.0 - 0.45 * smoothstep(0.45, 0.7, run) * smoothstep(0.1, -0.9, c.y / half_size.y);
        float rust = smoothstep(0.5, 0.68, clouds(vec3(p.x * 14.0, p.y * 3.0, 5.0))) * smoothstep(-0.55, -1.0, c.y / half_size.y);
        white = mix(white, vec3(0.26, 0.10, 0.035), 0.85 * rust);
        white *= 1.0 - 0.3 * smoothstep(0.6, 0.8, noise(p * 45.0)) * smoothstep(0.45, 0.7, dirt);
        float off = big ? -0.135 : -0.11, radius = big ? 0.318 : 0.198, split = off + radius + 0.05, middle = 0.5 * (split + half_size.x);
        if (c.z > half_size.z - 0.03) {
            // a small sign, yellow with a black triangle
            vec2 s = (c.xy - vec2(middle, 0.34 * half_size.y)) / (0.11 * half_size.y);
            if (max(abs(s.x), abs(s.y)) < 1.0) {
                float tri = max(abs(s.x) * 0.87 + s.y * 0.5 - 0.32, -s.y - 0.5);
                white = tri < 0.0 && tri > -0.22 ? vec3(0.02) : vec3(0.72, 0.50, 0.04);
            }
            vec2 screw = abs(c.xy) - half_size.xy + vec2(0.03, 0.07);
            white *= 0.3 + 0.7 * smoothstep(0.006, 0.009, length(screw));
            float groove = smoothstep(0.0, 0.003, abs(length(c.xy - vec2(off, 0)) - radius - 0.036));
            white *= 0.72 + 0.28 * groove;
        }
        white *= 1.0 - 0.35 * smoothstep(half_size.y - 0.05, half_size.y - 0.046, c.y) * smoothstep(half_size.y - 0.04, half_size.y - 0.044, c.y);
        return skin(white, 0.05, 0.35);
    }
    if (material == GRILLE)
        return skin(mix(vec3(0.62, 0.61, 0.57), vec3(0.34, 0.28, 0.2), smoothstep(0.45, 0.7, dirt)), 0.12, 0.3);
    if (material == BLADE)
        return skin(vec3(0.26, 0.28, 0.31) * (0.6 + 0.8 * dirt), 0.10, 0.3);
    if (material == PIT) {
        float fins = 0.5 + 0.5 * sin(p.x * 900.0), rows = smoothstep(0.1, 0.2, abs(fract(p.y * 40.0) - 0.5));
        return skin(vec3(0.03, 0.029, 0.027) * (0.3 + 0.7 * fins) * (0.4 + 0.6 * rows), 0.05, 0.6);
    }
    if (material == HOSE) {
        float wrap = smoothstep(0.3, 0.5, abs(fract(p.y * 12.0 + p.x * 8.0) - 0.5));
        return skin(mix(vec3(0.45, 0.43, 0.38), vec3(0.30, 0.28, 0.24), wrap) * (0.6 + 0.6 * dirt), 0.02, 0.7);
    }
    if (material == COPPER)
        return skin(mix(vec3(0.55, 0.24, 0.11), vec3(0.16, 0.2, 0.15), smoothstep(0.4, 0.65, dirt)), 0.3, 0.3);
    if (material == CHROME)
        return skin(vec3(0.34, 0.34, 0.35), 0.45, 0.12);
    if (material == MINT)
        return skin(vec3(0.02, 0.16, 0.24), 0.16, 0.15);
    if (material == BODY)
        return skin(vec3(0.03, 0.20, 0.28) * (0.85 + 0.3 * dirt), 0.14, 0.18);
    if (material == BRACKET)
        return skin(mix(vec3(0.30, 0.30, 0.30), vec3(0.24, 0.09, 0.03), smoothstep(0.38, 0.6, clouds(p * 16.0))), 0.08, 0.5);
    if (material == BADGE) {
        if (p.x > 0.0 && p.y > 0.0) {
            float r = length(p.xy - FAN.xy + vec2(0.0, -0.002));
            return skin(r < 0.03 ? vec3(0.5, 0.05, 0.04) : vec3(0.7, 0.68, 0.62), 0.4, 0.15);
        }
        bool big = p.x < 0.1 && p.y > -0.4;
        vec3 c = big ? p - BIG : p - SMALL, half_size = big ? BIG_HALF : SMALL_HALF;
        float split = big ? 0.233 : 0.138, middle = 0.5 * (split + half_size.x), wide = 0.32 * (half_size.x - split);
        vec2 at = (c.xy - vec2(middle - 0.85 * wide, 0.62 * half_size.y - 0.012)) / vec2(1.7 * wide, 0.024);
        return skin(mix(vec3(0.10, 0.16, 0.32), vec3(0.8), letters(at, 5.0)), 0.1, 0.2);
    }
    if (material == FRAME)
        return skin(vec3(0.62, 0.58, 0.48) * (0.75 + 0.4 * dirt), 0.04, 0.4);
    if (material == GLASS)
        {
        // lace curtains left and right of a dark room
        float x = p.x - 0.66, folds = 0.5 + 0.5 * sin(x * 95.0 + 3.0 * clouds(vec3(x * 8.0, p.y * 1.5, 0.0)));
        float lace = smoothstep(0.3, 0.6, noise(vec3(p.xy * 70.0, 2.0)));
        float hung = smoothstep(0.0, 0.02, abs(x) - 0.1 - 0.1 * smoothstep(0.75, 0.1, p.y));
        vec3 cloth = vec3(0.34, 0.32, 0.28) * (0.35 + 0.65 * folds) * (0.6 + 0.4 * lace);
        return skin(mix(vec3(0.010, 0.012, 0.014), cloth, hung), 0.07, 0.02);
    }
    if (material == ROOM)
        return skin(vec3(0.03, 0.025, 0.02), 0.0, 1.0);
    if (material == SHUTTER) {
        float flake = smoothstep(0.56, 0.6, clouds(p * vec3(26, 9, 26)));
        vec3 green = mix(vec3(0.05, 0.15, 0.14), vec3(0.09, 0.24, 0.21), clouds(p * vec3(20, 4, 20)));
        return skin(mix(green, vec3(0.36, 0.27, 0.18), 0.8 * flake) * (0.8 + 0.3 * fine), 0.03, 0.5);
    }
    if (material == SILL)
        return skin(vec3(0.46, 0.43, 0.38) * (0.45 + 0.5 * dirt + 0.4 * fine), 0.02, 0.7);
    return plaster(p);
}

#include "light.glsl"
