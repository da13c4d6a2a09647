// A red motorcycle with a V engine stands idling in a brick yard, a scooter and a tractor wheel cut by the edges.

#include "world.glsl"

const vec3 EYE = vec3(0.75, 0.95, 3.55), TARGET = vec3(-0.06, 0.55, 0.0), SUN = vec3(0.45, 0.85, 0.75);
const float FOV = 29.5, HAZE = 0.0;

#define SKY
// Only mirrored: a bright sky above the dark roofs and trees across the yard.
vec3 sky(vec3 way) {
    float roofs = 0.16 + 0.10 * noise(vec3(way.x * 4.0, 1.0, way.z * 4.0)) + 0.05 * noise(vec3(way.x * 17.0, 2.0, way.z * 17.0));
    vec3 high = mix(vec3(0.85, 0.90, 0.95), vec3(0.20, 0.36, 0.62), smoothstep(0.2, 0.9, way.y));
    high = mix(high, vec3(1.0), smoothstep(0.45, 0.65, clouds(vec3(way.xz * 2.0, way.y * 2.0))));
    return mix(vec3(0.05, 0.045, 0.035), high, smoothstep(roofs - 0.02, roofs + 0.02, way.y));
}

const float YARD = 0.0, WALL = 0.1, GATE = 0.15, IVY = 0.2, POSTS = 0.25;
const float RUBBER = 1.0, CHROME = 2.0, RED = 3.0, BLACK = 4.0, FINS = 5.0, LEATHER = 6.0, GLASS = 7.0, AMBER = 8.0, BRAKE = 9.0, ALLOY = 10.0, MINT = 11.0, GREEN = 12.0, YELLOW = 13.0, TAIL = 14.0;

vec2 part(vec2 a, float d, float material) {
    return d < a.x ? vec2(d, material) : a;
}

// A bar bent at b.
float bent(vec3 p, vec3 a, vec3 b, vec3 c, float r) {
    return joined(limb(p, a, b, r, r), limb(p, b, c, r, r), 0.02);
}

// A wheel around z, outer radius r, tyre half as wide as w: tyre, rim, spokes, hub, brake disc.
vec2 wheel(vec3 p, float r, float w, float spokes) {
    float l = length(p.xy), a = atan(p.y, p.x);
    if (l > r + 0.1 || abs(p.z) > 0.25)
        return vec2(max(l - r - 0.03, abs(p.z) - 0.15), RUBBER);
    float tread = 0.004 * smoothstep(0.2, 0.35, abs(fract(a * 9.0 + 4.0 * abs(p.z) / w) - 0.5)) * smoothstep(0.25, 0.5, abs(p.z) / w) * smoothstep(r - 0.06, r - 0.02, l);
    vec2 t = vec2(l - (r - w), p.z);
    float tyre = max(length(t * vec2(1.0, 0.92)) - w, r - 1.75 * w - l) + tread;
    vec2 found = vec2(0.9 * tyre, RUBBER);
    float rim = length(max(abs(vec2(l - (r - 1.75 * w), p.z)) - vec2(0.010, w * 0.62), 0.0)) - 0.006;
    rim = min(rim, length(vec2(l - (r - 1.78 * w), abs(p.z) - w * 0.66)) - 0.009);
    found = part(found, rim, CHROME);
    if (spokes > 0.5) {
        float step_ = 2.0 * PI / spokes, k = floor(a / step_), s = mod(k, 2.0) * 2.0 - 1.0;
        vec2 q = turned(p.xy, -(k + 0.5) * step_);
        float spoke = limb(vec3(q, p.z), vec3(0.04, 0.02 * s, 0.05 * s), vec3(r - 1.8 * w, -0.02 * s, 0.008 * s), 0.0045, 0.0038);
        found = part(found, 0.8 * spoke, CHROME);
    }
    found = part(found, drum(p, 0.045, 0.075, 0.01), ALLOY);
    vec3 d = p - vec3(0, 0, 0.068);
    float c = mod(a, PI / 9.0) - PI / 18.0;
    float disc = max(max(abs(d.z) - 0.003, l - 0.125), 0.062 - l);
    disc = max(disc, 0.010 - length(vec2(l - 0.100, c * l)));
    found = part(found, min(disc, drum(d, 0.068, 0.006, 0.003)), BRAKE);
    return part(found, drum(p, 0.016, 0.115, 0.005), CHROME);
}

// One cylinder that stands on the crankcase, its axis along y.
vec2 cylinder(vec3 p) {
    float fins = 0.018 * smoothstep(0.15, 0.3, abs(fract(p.y / 0.021) - 0.5));
    float wide = p.y > 0.15 ? 0.108 : 0.098;
    float barrel = box(p - vec3(0, 0.105, 0), vec3(wide, 0.095, wide + 0.01), 0.035) + fins;
    vec2 found = vec2(0.55 * barrel, FINS);
    float cover = box(p - vec3(0, 0.222, 0), vec3(0.088, 0.03, 0.088), 0.022);
    found = part(found, cover, CHROME);
    vec3 b = vec3(abs(p.x) - 0.045, p.y - 0.222, p.z - 0.075);
    return part(found, drum(b, 0.010, 0.006, 0.002), ALLOY);
}

const vec3 FRONT = vec3(0.80, 0.315, 0), REAR = vec3(-0.72, 0.305, 0);

vec2 engine(vec3 p) {
    vec3 c = p - vec3(0.0, 0.335, 0);
    vec2 found = vec2(1e3, ALLOY);
    float crank = joined(drum(c - vec3(0.03, 0.03, 0), 0.135, 0.11, 0.02), box(c - vec3(-0.17, 0.025, 0), vec3(0.12, 0.095, 0.10), 0.04), 0.03);
    found = part(found, crank, BLACK);
    found = part(found, joined(drum(c - vec3(0.05, 0.035, 0.115), 0.098, 0.022, 0.016), drum(c - vec3(-0.17, 0.03, 0.11), 0.082, 0.028, 0.02), 0.05), CHROME);
    float a = atan(c.y - 0.035, c.x - 0.05), k = (floor(a / (PI / 3.0)) + 0.5) * PI / 3.0;
    found = part(found, drum(c - vec3(0.05 + 0.08 * cos(k), 0.035 + 0.08 * sin(k), 0.138), 0.008, 0.005, 0.002), BLACK);
    found = part(found, drum(c - vec3(0.05, 0.035, 0.138), 0.042, 0.006, 0.003), BLACK);
    found = part(found, drum(c - vec3(-0.17, 0.03, 0.138), 0.03, 0.006, 0.003), ALLOY);
    vec3 f = c - vec3(0.05, 0.10, 0);
    f.xy = turned(f.xy, 0.42);
    vec2 head = cylinder(f);
    found = nearer(found, head);
    f = c - vec3(-0.03, 0.10, 0);
    f.xy = turned(f.xy, -0.42);
    found = nearer(found, cylinder(f));
    // push rods, air filter between the cylinders
    found = part(found, limb(p, vec3(0.04, 0.43, 0.11), vec3(0.13, 0.63, 0.10), 0.012, 0.010), CHROME);
    found = part(found, limb(p, vec3(0.0, 0.43, 0.11), vec3(-0.11, 0.63, 0.10), 0.012, 0.010), CHROME);
    vec3 air = p - vec3(0.005, 0.56, 0.135);
    found = part(found, drum(air, 0.075, 0.032, 0.018), CHROME);
    found = part(found, drum(air - vec3(0, 0, 0.032), 0.048, 0.004, 0.002), BLACK);
    return found;
}

vec2 pipes(vec3 p) {
    float d = bent(p, vec3(0.17, 0.55, 0.09), vec3(0.27, 0.47, 0.14), vec3(0.24, 0.27, 0.17), 0.025);
    d = joined(d, bent(p, vec3(0.24, 0.27, 0.17), vec3(0.17, 0.215, 0.18), vec3(-0.3, 0.215, 0.19), 0.025), 0.02);
    d = joined(d, limb(p, vec3(-0.28, 0.215, 0.19), vec3(-0.40, 0.22, 0.195), 0.025, 0.045), 0.01);
    d = min(d, limb(p, vec3(-0.40, 0.22, 0.195), vec3(-1.0, 0.25, 0.205), 0.045, 0.05));
    float upper = bent(p, vec3(-0.17, 0.55, 0.09), vec3(-0.24, 0.46, 0.15), vec3(-0.28, 0.33, 0.17), 0.024);
    upper = joined(upper, bent(p, vec3(-0.28, 0.33, 0.17), vec3(-0.34, 0.31, 0.18), vec3(-0.46, 0.325, 0.19), 0.024), 0.02);
    upper = min(upper, limb(p, vec3(-0.46, 0.325, 0.19), vec3(-0.98, 0.36, 0.20), 0.040, 0.046));
    d = min(d, upper);
    float hole = min(limb(p, vec3(-0.98, 0.25, 0.205), vec3(-1.1, 0.256, 0.205), 0.036, 0.036), limb(p, vec3(-0.96, 0.36, 0.20), vec3(-1.1, 0.366, 0.20), 0.032, 0.032));
    d = max(d, -0.98 - p.x - 0.05);
    d = max(d, -hole);
    vec2 found = vec2(d, CHROME);
    return part(found, hole + 0.006, BLACK);
}

vec2 motorcycle(vec3 p) {
    vec3 q = vec3(p.xy, abs(p.z));
    vec3 f = p - FRONT;
    f.xz = turned(f.xz, 0.14);
    vec2 found = wheel(f, 0.315, 0.055, 44.0);
    found = nearer(found, wheel(p - REAR, 0.305, 0.070, 40.0));
    found = nearer(found, engine(p));
    found = nearer(found, pipes(p));
    // frame
    float tube = bent(q, vec3(0.47, 0.80, 0.02), vec3(0.37, 0.40, 0.07), vec3(0.22, 0.17, 0.09), 0.018);
    tube = min(tube, bent(q, vec3(0.22, 0.17, 0.09), vec3(-0.30, 0.17, 0.10), vec3(-0.40, 0.50, 0.10), 0.018));
    tube = min(tube, limb(q, vec3(-0.34, 0.3, 0.10), vec3(-0.72, 0.305, 0.10), 0.024, 0.02));
    tube = min(tube, limb(q, vec3(-0.28, 0.60, 0.09), vec3(-0.95, 0.66, 0.10), 0.016, 0.014));
    found = part(found, tube, BLACK);
    // shock absorbers with springs
    vec3 s0 = vec3(-0.70, 0.34, 0.125), s1 = vec3(-0.56, 0.64, 0.125);
    float at = dot(q - s0, normalize(s1 - s0));
    found = part(found, 0.6 * (limb(q, mix(s0, s1, 0.25), s1, 0.020, 0.020) + 0.006 * sin(at * 330.0)), CHROME);
    found = part(found, limb(q, s0, s1, 0.014, 0.014), BLACK);
    // fork
    float fork = limb(q, vec3(0.80, 0.315, 0.085), vec3(0.655, 0.58, 0.085), 0.026, 0.028);
    found = part(found, fork, ALLOY);
    found = part(found, limb(q, vec3(0.655, 0.58, 0.085), vec3(0.515, 0.86, 0.085), 0.020, 0.020), CHROME);
    found = part(found, box(vec3(turned(p.xy - vec2(0.535, 0.82), -0.49), p.z), vec3(0.035, 0.016, 0.105), 0.01), ALLOY);
    found = part(found, box(vec3(turned(p.xy - vec2(0.595, 0.70), -0.49), p.z), vec3(0.035, 0.02, 0.105), 0.01), BLACK);
    // headlight
    vec3 h = p - vec3(0.665, 0.775, 0);
    h.xz = turned(h.xz, 0.14);
    float lamp = max(egg(h, vec3(0.125, 0.098, 0.098)), h.x - 0.045);
    found = part(found, lamp, BLACK);
    found = part(found, ring(h.zyx - vec3(0, 0, 0.045), 0.088, 0.011), CHROME);
    found = part(found, max(egg(h - vec3(0.035, 0, 0), vec3(0.03, 0.086, 0.086)), 0.0 - h.x + 0.03), GLASS);
    found = part(found, egg(q - vec3(0.62, 0.70, 0.175), vec3(0.035, 0.028, 0.028)), AMBER);
    found = part(found, limb(q, vec3(0.60, 0.70, 0.08), vec3(0.605, 0.70, 0.16), 0.008, 0.008), CHROME);
    // handlebar, grips, mirrors, dial
    float bar = bent(q, vec3(0.50, 0.88, 0.0), vec3(0.47, 0.985, 0.14), vec3(0.36, 1.0, 0.36), 0.013);
    found = part(found, bar, CHROME);
    found = part(found, limb(q, vec3(0.375, 0.997, 0.30), vec3(0.32, 1.005, 0.43), 0.021, 0.020) + 0.002 * sin(q.z * 500.0), RUBBER);
    found = part(found, limb(q, vec3(0.42, 0.985, 0.24), vec3(0.37, 0.985, 0.42), 0.008, 0.006), CHROME);
    found = part(found, limb(q, vec3(0.41, 0.99, 0.26), vec3(0.39, 1.12, 0.33), 0.007, 0.006), CHROME);
    found = part(found, egg(q - vec3(0.385, 1.14, 0.34), vec3(0.02, 0.038, 0.06)), CHROME);
    found = part(found, drum((p - vec3(0.56, 0.90, 0)).zyx, 0.045, 0.03, 0.01), CHROME);
    // cables
    found = part(found, bent(p, vec3(0.38, 0.98, 0.25), vec3(0.62, 0.95, 0.16), vec3(0.52, 0.72, 0.06), 0.006), BLACK);
    // tank: a drop with a badge
    vec3 t = p - vec3(0.19, 0.795, 0);
    t.xy = turned(t.xy, -0.10);
    float slim = mix(1.0, 0.66, smoothstep(0.1, -0.32, t.x));
    float tank = egg(vec3(t.x, t.y, t.z / slim), vec3(0.31, 0.135, 0.155));
    tank = joined(tank, egg(t - vec3(0.1, 0.02, 0), vec3(0.19, 0.12, 0.165)), 0.08);
    tank = -joined(-tank, t.y + 0.085, 0.03);
    found = part(found, 0.7 * tank, RED);
    found = part(found, drum((t - vec3(0.05, 0.135, 0)).xzy, 0.035, 0.014, 0.006), CHROME);
    // seat
    float seat = box(p - vec3(-0.27, 0.745, 0), vec3(0.24, 0.05, 0.13), 0.05);
    seat = joined(seat, egg(p - vec3(-0.46, 0.80, 0), vec3(0.12, 0.06, 0.13)), 0.05);
    seat = joined(seat, box(p - vec3(-0.66, 0.80, 0), vec3(0.17, 0.04, 0.10), 0.04), 0.05);
    seat = carved(seat, egg(p - vec3(-0.25, 0.84, 0), vec3(0.19, 0.06, 0.3)), 0.04);
    seat += 0.005 * smoothstep(0.2, 0.0, abs(fract(p.x / 0.055) - 0.5));
    found = part(found, seat, LEATHER);
    // mudguards
    float l = length(p.xy - REAR.xy), a = atan(p.y - REAR.y, p.x - REAR.x);
    float guard = max(abs(l + 0.9 * p.z * p.z - 0.355) - 0.006, abs(p.z) - 0.10);
    guard = max(guard, -sin(a - 0.25) * l - 0.10);
    found = part(found, 0.8 * guard, RED);
    l = length(f.xy); a = atan(f.y, f.x);
    guard = max(max(abs(l + 0.9 * f.z * f.z - 0.345) - 0.005, abs(f.z) - 0.072), 0.08 - dot(f.xy, normalize(vec2(-0.35, 1.0))));
    found = part(found, 0.8 * guard, RED);
    // side cover, oil tank, tail lamp, plate
    found = part(found, box(q - vec3(-0.345, 0.575, 0.105), vec3(0.085, 0.085, 0.03), 0.03), RED);
    found = part(found, box(p - vec3(-0.30, 0.58, 0), vec3(0.13, 0.10, 0.10), 0.03), BLACK);
    found = part(found, egg(p - vec3(-1.03, 0.60, 0), vec3(0.045, 0.035, 0.06)), TAIL);
    found = part(found, egg(q - vec3(-0.96, 0.66, 0.15), vec3(0.03, 0.026, 0.026)), AMBER);
    found = part(found, limb(q, vec3(-0.95, 0.66, 0.05), vec3(-0.96, 0.66, 0.14), 0.008, 0.008), CHROME);
    // belt, foot peg, stand
    found = part(found, bent(p, vec3(0.10, 0.24, 0.13), vec3(0.14, 0.24, 0.20), vec3(0.15, 0.245, 0.29), 0.014), RUBBER);
    return part(found, limb(p, vec3(-0.05, 0.2, 0.12), vec3(0.02, 0.0, 0.33), 0.014, 0.012), BLACK);
}

// A scooter seen from its side, cut by the left edge.
vec2 scooter(vec3 p) {
    vec2 found = wheel(p - vec3(0.55, 0.22, 0), 0.22, 0.05, 0.0);
    found = nearer(found, wheel(p - vec3(-0.6, 0.22, 0), 0.22, 0.05, 0.0));
    float shell = egg(p - vec3(-0.45, 0.47, 0), vec3(0.42, 0.25, 0.24));
    shell = -joined(-shell, p.y - 0.27, 0.05);
    shell = joined(shell, box(p - vec3(0.05, 0.24, 0), vec3(0.36, 0.03, 0.16), 0.025), 0.05);
    vec3 s = p - vec3(0.42, 0.60, 0);
    s.xy = turned(s.xy, -0.25);
    shell = joined(shell, box(s, vec3(0.03, 0.36, 0.24 - 0.25 * max(s.y + 0.05, 0.0)), 0.025), 0.06);
    shell = joined(shell, max(egg(p - vec3(0.56, 0.29, 0), vec3(0.22, 0.2, 0.085)), 0.24 - p.y), 0.03);
    shell = joined(shell, egg(p - vec3(0.37, 1.0, 0), vec3(0.10, 0.09, 0.13)), 0.04);
    found = part(found, 0.8 * shell, MINT);
    found = part(found, ring((p - vec3(0.455, 1.0, 0)).zyx, 0.07, 0.012), CHROME);
    found = part(found, egg(p - vec3(0.445, 1.0, 0), vec3(0.03, 0.068, 0.068)), GLASS);
    found = part(found, box(p - vec3(-0.36, 0.715, 0), vec3(0.33, 0.055, 0.14), 0.05), LEATHER);
    found = part(found, limb(vec3(p.xy, abs(p.z)), vec3(0.35, 1.0, 0.08), vec3(0.26, 1.04, 0.30), 0.015, 0.02), RUBBER);
    return part(found, min(limb(vec3(p.xy, abs(p.z)), vec3(0.34, 1.02, 0.16), vec3(0.30, 1.22, 0.26), 0.007, 0.007), egg(vec3(p.xy, abs(p.z)) - vec3(0.30, 1.24, 0.27), vec3(0.02, 0.05, 0.055))), CHROME);
}

// A green tractor's nose and wheels, cut by the right edge; it looks to the left.
vec2 tractor(vec3 p) {
    vec2 found = vec2(0.8 * box(p - vec3(0.55, 1.0, 0), vec3(0.62, 0.27, 0.27), 0.07), GREEN);
    float slots = smoothstep(0.2, 0.3, abs(fract(p.y / 0.05) - 0.5)) * 0.02;
    found = part(found, box(p - vec3(-0.06, 0.98, 0), vec3(0.035, 0.2, 0.20), 0.02) + slots * 0.6, BLACK);
    found = part(found, ball(vec3(p.xy, abs(p.z)) - vec3(-0.06, 1.08, 0.26), 0.075), GLASS);
    found = part(found, ring((vec3(p.xy, abs(p.z)) - vec3(-0.09, 1.08, 0.26)).zyx, 0.07, 0.014), CHROME);
    found = part(found, limb(p, vec3(0.5, 1.2, 0.05), vec3(0.5, 1.85, 0.05), 0.035, 0.035), BLACK);
    found = part(found, box(p - vec3(0.5, 0.66, 0), vec3(0.5, 0.14, 0.17), 0.03), BLACK);
    found = part(found, box(vec3(p.xy, p.z) - vec3(0.12, 0.42, 0.0), vec3(0.06, 0.05, 0.4), 0.02), BLACK);
    vec3 w = vec3(p.xy, abs(p.z)) - vec3(0.12, 0.40, 0.45);
    float l = length(w.xy), a = atan(w.y, w.x);
    float lugs = 0.03 * smoothstep(0.15, 0.25, abs(fract(a * 14.0 / (2.0 * PI) + 2.2 * w.z) - 0.5)) * smoothstep(0.30, 0.36, l);
    found = part(found, 0.7 * (max(drum(w, 0.40, 0.12, 0.06), 0.235 - l) + lugs), RUBBER);
    found = part(found, min(max(drum(w, 0.24, 0.07, 0.01), -drum(w - vec3(0, 0, 0.07), 0.20, 0.05, 0.02)), drum(w, 0.07, 0.09, 0.01)), YELLOW);
    return found;
}

vec3 in_bike(vec3 p) {
    p.xz = turned(p.xz, -0.30);
    p.yz = turned(p.yz, 0.05);
    return p;
}

vec2 map(vec3 p) {
    // cobbles
    vec2 c = p.xz / vec2(0.19, 0.14);
    c.x += 0.5 * mod(floor(c.y), 2.0);
    vec2 within = abs(fract(c) - 0.5);
    float top = 0.012 * smoothstep(0.5, 0.36, max(within.x, within.y)) + 0.006 * hash(vec3(floor(c), 2.0)) + 0.003 * noise(p * 60.0);
    vec2 found = vec2(p.y > 0.1 ? p.y - 0.03 : 0.8 * (p.y + 0.02 - top), YARD);
    vec3 w = p - vec3(0, 0, -1.75);
    vec2 b = vec2(p.x / 0.24 + 0.5 * mod(floor(p.y / 0.09), 2.0), p.y / 0.09);
    vec2 in_brick = abs(fract(b) - 0.5);
    float wall = w.z - (w.z < 0.1 ? 0.008 * smoothstep(0.48, 0.43, max(in_brick.x * 1.04, in_brick.y * 0.92)) + 0.004 * noise(p * 40.0) : 0.0);
    float gate = box(w - vec3(0.25, 1.05, 0.02), vec3(0.95, 1.15, 0.10), 0.0);
    found = part(found, 0.9 * max(wall, -gate), WALL);
    found = part(found, w.z + 0.05 - 0.012 * smoothstep(0.5, 0.44, abs(fract(p.x / 0.16) - 0.5)), GATE);
    float frame = max(box(w - vec3(0.25, 1.05, 0.02), vec3(1.03, 1.23, 0.05), 0.005), -gate);
    found = part(found, frame, POSTS);
    found = part(found, box(w - vec3(0.25, 0.95, -0.02), vec3(0.03, 1.2, 0.03), 0.003), POSTS);
    float ivy = egg(p - vec3(1.75, 1.9, -1.75), vec3(0.8, 0.8, 0.18));
    if (ivy < 0.4)
        ivy = 0.5 * (ivy - 0.25 * (clouds(p * 5.0) - 0.4) - 0.07 * noise(p * 26.0));
    found = part(found, ivy, IVY);
    vec3 m = in_bike(p);
    float far = box(m - vec3(0.02, 0.6, 0), vec3(1.12, 0.62, 0.48), 0.0);
    found = nearer(found, far > 0.1 ? vec2(far, RED) : motorcycle(m));
    vec3 s = p - vec3(-1.58, 0, -1.0);
    s.xz = turned(s.xz, -0.62);
    far = box(s - vec3(-0.05, 0.65, 0), vec3(0.95, 0.65, 0.4), 0.0);
    found = nearer(found, far > 0.1 ? vec2(far, MINT) : scooter(s));
    s = p - vec3(1.24, 0, -1.05);
    s.xz = turned(s.xz, -0.3);
    far = box(s - vec3(0.5, 0.9, 0), vec3(0.9, 1.0, 0.7), 0.0);
    return nearer(found, far > 0.1 ? vec2(far, GREEN) : tractor(s));
}

Skin bare(float material, vec3 p, vec3 n) {
    float dust = clouds(p * 14.0), low = smoothstep(0.35, 0.0, p.y);
    if (material == CHROME) {
        vec3 m = in_bike(p);
        vec3 blued = mix(vec3(0.13), vec3(0.16, 0.09, 0.03), smoothstep(0.42, 0.5, m.y) * step(m.y, 0.58) * step(abs(m.x), 0.35) * step(0.14, abs(m.x)));
        return skin(blued * (0.5 + 0.9 * dust), 0.85, 0.06);
    }
    if (material == ALLOY)
        return skin(vec3(0.20, 0.20, 0.21) * (0.6 + 0.7 * dust), 0.35, 0.3);
    if (material == BRAKE)
        return skin(vec3(0.40, 0.39, 0.38) * (0.8 + 0.3 * sin(length(in_bike(p).xy - (p.x > 0.0 ? FRONT.xy : REAR.xy)) * 1500.0)), 0.35, 0.3);
    if (material == FINS)
        return skin(vec3(0.17, 0.17, 0.175) * (0.5 + 0.8 * dust), 0.2, 0.35);
    if (material == RED) {
        float line = 0.0;
        vec3 m = in_bike(p);
        vec2 t = turned(m.xy - vec2(0.19, 0.795), -0.10);
        bool tank = m.y > 0.66 && m.x > -0.15 && m.x < 0.55;
        float r = length((t - vec2(0.02, -0.01)) / vec2(0.20, 0.065));
        vec3 c = vec3(0.50, 0.014, 0.010);
        if (tank) {
            c = mix(c, vec3(0.75, 0.68, 0.52), smoothstep(0.03, 0.015, abs(r - 1.0)) + smoothstep(0.02, 0.0, abs(r - 1.12)));
            vec2 g = vec2(fract(t.x / 0.036) - 0.5, (t.y + 0.01) / 0.05);
            float one = floor(t.x / 0.036), glyph = step(abs(abs(g.x) - 0.22 * step(0.3, hash(vec3(one, 1, 1)))), 0.10) + step(abs(g.y - (hash(vec3(one, 3, 1)) - 0.5) * 0.9), 0.12) * step(abs(g.x), 0.32);
            glyph = min(glyph, 1.0) * step(abs(g.y), 0.5) * step(abs(t.x - 0.018), 0.126);
            c = mix(c, vec3(0.75, 0.68, 0.52), 0.9 * glyph);
        }
        return skin(c * (0.85 + 0.2 * dust), 0.13, 0.06);
    }
    if (material == BLACK)
        return skin(vec3(0.018) + 0.03 * dust * low, 0.08, 0.2);
    if (material == RUBBER)
        return skin(mix(vec3(0.020), vec3(0.10, 0.085, 0.07), 0.7 * low * dust) * (0.7 + 0.6 * noise(p * 120.0)), 0.02, 0.6);
    if (material == LEATHER)
        return skin(vec3(0.022, 0.014, 0.011) * (0.85 + 0.3 * noise(p * 260.0)), 0.05, 0.4);
    if (material == GLASS) {
        Skin s = skin(vec3(0.75, 0.74, 0.66) * (0.75 + 0.25 * sin(p.z * 400.0)), 0.25, 0.05);
        s.glow = p.x > 0.4 && p.z > -0.5 ? vec3(0.75, 0.66, 0.45) : vec3(0);
        return s;
    }
    if (material == AMBER)
        return skin(vec3(0.75, 0.26, 0.02), 0.15, 0.1);
    if (material == TAIL)
        return Skin(vec3(0.5, 0.01, 0.01), 0.15, 0.1, vec3(0.4, 0.01, 0.01));
    if (material == MINT)
        return skin(vec3(0.20, 0.38, 0.34) * (0.85 + 0.25 * dust), 0.1, 0.1);
    if (material == GREEN)
        return skin(vec3(0.035, 0.14, 0.035) * (0.7 + 0.5 * dust), 0.08, 0.2);
    if (material == YELLOW)
        return skin(vec3(0.62, 0.42, 0.03) * (0.6 + 0.5 * dust), 0.05, 0.3);
    if (material == IVY) {
        float leaf = noise(p * 30.0);
        return skin(mix(vec3(0.012, 0.035, 0.01), vec3(0.07, 0.12, 0.025), leaf * leaf + 0.3 * dust), 0.02, 0.6);
    }
    if (material == WALL) {
        Skin s = bricks(p);
        s.colour = mix(s.colour, vec3(dot(s.colour, vec3(0.33))), 0.25) * (0.30 + 0.6 * clouds(p * 1.7) - 0.15 * smoothstep(0.5, 0.0, p.y));
        return s;
    }
    if (material == GATE) {
        float board = hash(vec3(floor(p.x / 0.16 + 0.5), 1.0, 2.0)), grain = noise(vec3(p.x * 90.0, p.y * 4.0, 1.0)) * 0.6 + 0.4 * noise(vec3(p.x * 200.0, p.y * 9.0, 4.0));
        vec3 blue = mix(vec3(0.10, 0.145, 0.165), vec3(0.17, 0.21, 0.22), board);
        float bare = smoothstep(0.55, 0.75, clouds(vec3(p.x * 9.0, p.y * 2.0, 5.0)) + 0.2 * smoothstep(0.6, 0.0, p.y));
        return skin(mix(blue, vec3(0.24, 0.19, 0.14), bare) * (0.6 + 0.6 * grain), 0.0, 1.0);
    }
    if (material == POSTS)
        return skin(vec3(0.42, 0.40, 0.36) * (0.6 + 0.6 * clouds(p * vec3(20, 5, 20))), 0.0, 1.0);
    vec2 c = p.xz / vec2(0.19, 0.14);
    c.x += 0.5 * mod(floor(c.y), 2.0);
    vec2 within = abs(fract(c) - 0.5);
    float seam = smoothstep(0.40, 0.47, max(within.x, within.y)), stain = smoothstep(0.45, 0.7, clouds(vec3(p.xz * 2.2, 1.0)));
    vec3 stone = mix(vec3(0.095, 0.088, 0.085), vec3(0.19, 0.17, 0.15), hash(vec3(floor(c), 5.0))) * (0.6 + 0.7 * noise(p * 55.0));
    stone = mix(stone, mix(vec3(0.05, 0.045, 0.035), vec3(0.06, 0.09, 0.025), stain), seam);
    float oil = smoothstep(0.55, 0.35, length((p.xz - vec2(0.05, 0.15)) * vec2(0.8, 1.4)) + 0.3 * (dust - 0.5));
    return skin(stone * (1.0 - 0.6 * oil) * (1.0 - 0.35 * stain), 0.02 + 0.08 * oil, 0.7 - 0.4 * oil);
}

// The skin, and in front of what is behind the exhausts a little blue smoke.
Skin paint(float material, vec3 p, vec3 n) {
    Skin s = bare(material, p, n);
    if (p.z < -0.12) {
        vec3 at = mix(EYE, p, (EYE.z + 0.1) / (EYE.z - p.z));
        vec2 along = turned(at.xy - vec2(-1.06, 0.32), 0.5);
        float far = -along.x, wide = 0.05 + 0.28 * max(far, 0.0);
        float thick = exp(-pow((along.y + 0.05 * sin(far * 9.0)) / wide, 2.0)) * smoothstep(-0.02, 0.06, far) * smoothstep(1.0, 0.1, far);
        thick *= 1.0 * smoothstep(0.25, 0.75, clouds(vec3(at.xy * vec2(6, 8), 3.0)));
        s.colour *= 1.0 - thick;
        s.glow += thick * vec3(0.40, 0.43, 0.47);
    }
    return s;
}

#include "light.glsl"
