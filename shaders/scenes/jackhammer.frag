// Road works: a man with a yellow helmet and an orange vest breaks up asphalt with a jackhammer; a second one and a digger behind.

#include "world.glsl"

const vec3 EYE = vec3(0.15, 1.3, 4.1), TARGET = vec3(0.14, 0.79, 0.0), SUN = vec3(-0.5, 0.85, 0.75);
const float FOV = 29.0, HAZE = 0.003;

const float ROAD = 0.0, HOUSE = 0.1, TREE = 0.2, SIGN = 0.3, KERB = 0.4;
const float VEST = 1.0, SHIRT = 2.0, TROUSERS = 3.0, BOOT = 4.0, FACE = 5.0, HELMET = 6.0, GLOVE = 7.0, MUFF = 8.0, IRON = 9.0,
            STEEL = 10.0, HOSE = 11.0, RUBBLE = 12.0, DIGGER = 13.0, GLASS = 14.0, TRACK = 15.0, PAINTED = 16.0, BEARD = 17.0, GRIP = 18.0;

const vec3 MAN = vec3(-0.2, 0.0, -0.1), MATE = vec3(-1.75, 0.0, -2.6);
const float YAW = 0.75, MATE_YAW = 0.9;

vec3 by(vec3 p, vec3 at, float yaw) {
    p -= at;
    p.xz = turned(p.xz, -yaw);
    return p;
}

// The spine of the man leans forward: his own frame for trunk and vest, y along the back.
vec3 leaning(vec3 p) {
    p -= vec3(0, 0.9, -0.14);
    p.yz = turned(p.yz, -0.62);
    return p;
}

vec3 facing(vec3 p) {
    p -= vec3(0, 1.485, 0.27);
    p.yz = turned(p.yz, -0.42);
    return p;
}

// The jackhammer's frame: 0 at the middle of its handle, -y to the chisel.
vec3 hammer(vec3 p) {
    p -= vec3(0, 1.0, 0.5);
    p.yz = turned(p.yz, 0.16);
    return p / vec3(1.2, 1.0, 1.2);
}

float rod(vec3 p, float top, float bottom, float radius, float rounding) {
    return drum(vec3(p.x, p.z, p.y - 0.5 * (top + bottom)), radius, 0.5 * (top - bottom), rounding);
}

vec2 breaker(vec3 p) {
    p = hammer(p);
    float bound = box(p - vec3(0, -0.48, 0), vec3(0.36, 0.62, 0.14), 0.0);
    if (bound > 0.2)
        return vec2(bound, IRON);
    vec3 q = vec3(abs(p.x), p.yz);
    // the handle: two arms that rise from the head, rubber ends
    float arms = limb(q, vec3(0.04, -0.13, 0), vec3(0.15, -0.015, 0), 0.035, 0.024);
    arms = joined(arms, limb(q, vec3(0.14, -0.015, 0), vec3(0.20, 0, 0), 0.024, 0.024), 0.02);
    float head = box(p - vec3(0, -0.16, 0), vec3(0.085, 0.065, 0.07), 0.03);
    head = joined(head, arms, 0.03);
    vec2 found = vec2(head, IRON);
    found = nearer(found, vec2(limb(q, vec3(0.2, 0, 0), vec3(0.34, 0, 0), 0.03, 0.031), GRIP));
    found = nearer(found, vec2(limb(p, vec3(0.10, 0.045, 0.01), vec3(0.27, 0.04, 0.01), 0.012, 0.012), STEEL));
    // barrel with bolts along it, collars, fins
    float barrel = rod(p, -0.2, -0.62, 0.075, 0.02);
    barrel = joined(barrel, rod(p, -0.22, -0.30, 0.092, 0.015), 0.015);
    barrel = joined(barrel, rod(p, -0.38, -0.41, 0.088, 0.01), 0.01);
    barrel = joined(barrel, rod(p, -0.56, -0.63, 0.092, 0.015), 0.015);
    found = nearer(found, vec2(barrel, PAINTED));
    vec3 b = vec3(abs(p.x) - 0.088, p.y, abs(p.z) - 0.035);
    float bolts = rod(b, -0.2, -0.65, 0.012, 0.004);
    bolts = min(bolts, rod(vec3(b.x, abs(p.y + 0.43) - 0.22, b.z), 0.018, -0.018, 0.021, 0.003));
    found = nearer(found, vec2(bolts, STEEL));
    // nose, retainer, chisel
    float nose = rod(p, -0.62, -0.74, 0.062, 0.015);
    nose = min(nose, rod(p, -0.74, -0.78, 0.05, 0.01));
    nose = min(nose, box(p - vec3(0, -0.72, 0.05), vec3(0.05, 0.025, 0.04), 0.015));
    found = nearer(found, vec2(nose, IRON));
    float chisel = rod(p, -0.76, -1.2, 0.027, 0.004);
    chisel = min(chisel, rod(p, -0.80, -0.83, 0.042, 0.008));
    return nearer(found, vec2(chisel, STEEL));
}

// A worker who looks along z and bends over his jackhammer.
vec2 worker(vec3 p) {
    float bound = box(p - vec3(0, 0.8, 0.18), vec3(0.46, 0.92, 0.62), 0.0);
    if (bound > 0.25)
        return vec2(bound, VEST);
    vec2 found = breaker(p);
    vec3 l = leaning(p), q = vec3(abs(p.x), p.yz);
    float folds = 0.016 * (noise(p * vec3(11, 16, 11)) - 0.5) + 0.012 * (noise(p * vec3(28, 22, 28)) - 0.5);
    // legs, in steps: left forward, right behind
    float s = p.x > 0.0 ? 1.0 : -1.0;
    vec3 hip = vec3(0.105, 0.92, -0.14), knee = vec3(0.17, 0.5, s > 0.0 ? 0.14 : -0.02), ankle = vec3(0.2, 0.1, s > 0.0 ? 0.06 : -0.3);
    float leg = joined(limb(q, hip, knee, 0.125, 0.085), limb(q, knee, ankle, 0.085, 0.068), 0.03);
    leg = joined(leg, egg(l - vec3(0, 0.0, -0.02), vec3(0.185, 0.15, 0.155)), 0.05);
    leg += folds + 0.007 * sin(p.y * 60.0 + 6.0 * noise(p * 12.0)) * smoothstep(0.35, 0.12, p.y);
    found = nearer(found, vec2(0.8 * leg, TROUSERS));
    vec3 t = q - ankle;
    t.xz = turned(t.xz, 0.25);
    float boot = limb(t, vec3(0, 0.04, -0.01), vec3(0, -0.02, 0.0), 0.066, 0.065);
    boot = joined(boot, egg(t - vec3(0, -0.045, 0.1), vec3(0.055, 0.052, 0.11)), 0.04);
    boot = min(max(boot, -0.075 - t.y), box(t - vec3(0, -0.085, 0.055), vec3(0.056, 0.016, 0.14), 0.015));
    found = nearer(found, vec2(boot, BOOT));
    // trunk
    float trunk = box(l - vec3(0, 0.27, 0.0), vec3(0.19 + 0.05 * smoothstep(0.1, 0.4, l.y), 0.27, 0.13), 0.12);
    trunk = joined(trunk, egg(l - vec3(0, 0.4, -0.05), vec3(0.2, 0.16, 0.12)), 0.06);
    trunk += folds + 0.008 * sin(l.y * 45.0 + 7.0 * noise(l * 6.0)) * smoothstep(0.28, 0.05, l.y);
    float neck_hole = length(vec2(l.x, l.z - 0.05)) - 0.1;
    trunk = l.y > 0.44 ? max(trunk, -neck_hole) : trunk;
    found = nearer(found, vec2(0.75 * trunk, VEST));
    // arms
    vec3 shoulder = vec3(0.225, 1.31, 0.14), elbow = vec3(0.39, 1.08, 0.2), wrist = vec3(0.30, 1.03, 0.43);
    float arm = joined(limb(q, shoulder, elbow, 0.088, 0.068), limb(q, elbow, wrist, 0.068, 0.05), 0.03);
    arm += folds;
    found = nearer(found, vec2(0.8 * arm, SHIRT));
    float hand = egg(q - vec3(0.27, 1.015, 0.5), vec3(0.055, 0.05, 0.06));
    hand = joined(hand, limb(q, wrist, vec3(0.28, 1.02, 0.48), 0.056, 0.045), 0.03);
    for (int i = 0; i < 4; i++) {
        vec3 knuckle = vec3(0.218 + 0.032 * float(i), 1.035, 0.53);
        hand = joined(hand, limb(q, knuckle, knuckle + vec3(0, -0.055, 0.012), 0.021, 0.019), 0.008);
    }
    found = nearer(found, vec2(hand, GLOVE));
    // head
    vec3 h = facing(p);
    vec3 k = vec3(abs(h.x), h.yz);
    float face = egg(h - vec3(0, 0.01, 0.0), vec3(0.082, 0.115, 0.102));
    face = joined(face, egg(h - vec3(0, -0.075, 0.045), vec3(0.055, 0.05, 0.055)), 0.04);
    face = joined(face, limb(h, vec3(0, 0.02, 0.1), vec3(0, -0.025, 0.122), 0.012, 0.019), 0.015);
    face = joined(face, egg(k - vec3(0.03, 0.032, 0.09), vec3(0.032, 0.012, 0.018)), 0.015);
    face = carved(face, egg(k - vec3(0.034, 0.012, 0.108), vec3(0.02, 0.012, 0.014)), 0.012);
    face = joined(face, egg(h - vec3(0, -0.062, 0.098), vec3(0.026, 0.008, 0.012)), 0.008);
    float beard = smoothstep(-0.03, -0.06, h.y - 0.25 * abs(h.z - 0.05)) * smoothstep(-0.03, 0.02, h.z);
    found = nearer(found, vec2(face - 0.004 * beard * noise(h * 160.0), FACE));
    found = nearer(found, vec2(limb(p, vec3(0, 1.34, 0.16), vec3(0, 1.44, 0.25), 0.07, 0.06), FACE));
    float goggles = max(abs(egg(k - vec3(0.034, 0.012, 0.098), vec3(0.036, 0.026, 0.03))) - 0.002, 0.095 - h.z);
    found = nearer(found, vec2(goggles, GLASS));
    // helmet: shell with ribs, peak all round and longer in front; muffs
    vec3 c = h - vec3(0, 0.062, -0.008);
    float dome = egg(c, vec3(0.115, 0.122, 0.14));
    dome -= 0.007 * smoothstep(0.02, 0.012, abs(c.x)) + 0.004 * smoothstep(0.012, 0.006, abs(abs(c.x) - 0.055));
    dome = max(dome, -c.y);
    float peak = egg(c - vec3(0, -0.002 - 0.15 * max(c.z - 0.1, 0.0), 0.03), vec3(0.13, 0.012, 0.185));
    dome = joined(dome, peak, 0.012);
    found = nearer(found, vec2(0.8 * dome, HELMET));
    float muff = drum((k - vec3(0.096, 0.0, -0.01)).zyx, 0.046, 0.026, 0.016);
    muff = min(muff, limb(k, vec3(0.1, 0.03, -0.01), vec3(0.122, 0.09, -0.01), 0.008, 0.008));
    return nearer(found, vec2(muff, MUFF));
}

// A box turned by hash around its own middle: one stone of many.
float stones(vec3 p, float cell, float share, float size_of, float seed) {
    vec2 i = floor(p.xz / cell);
    vec3 f = vec3(p.x - (i.x + 0.5) * cell, p.y, p.z - (i.y + 0.5) * cell);
    vec3 key = vec3(i, seed);
    float away = cell * 0.3 + max(p.y - cell, 0.0);
    if (hash(key) > share)
        return away;
    float big = size_of * (0.45 + 0.8 * hash(key + 4.0));
    f.xz += (vec2(hash(key + 1.0), hash(key + 2.0)) - 0.5) * cell * 0.3;
    f.xz = turned(f.xz, 6.3 * hash(key + 5.0));
    f.xy = turned(f.xy - vec2(0, 0.25 * big), 0.8 * (hash(key + 6.0) - 0.5));
    f.yz = turned(f.yz, 0.8 * (hash(key + 7.0) - 0.5));
    float d = box(f, vec3(1.0, 0.45, 0.7) * big, 0.1 * big);
    d = max(d, dot(f, normalize(vec3(0.7, 0.5, 0.6))) - 0.75 * big) + 0.12 * big * (noise(f * 2.5 / big) - 0.5);
    return min(0.7 * d, away + 0.2 * cell);
}

const vec2 HIT = vec2(0.27, 0.42);

// How much of the asphalt is broken at a place, 0..1.
float broken(vec2 at) {
    float a = length((at - HIT) * vec2(0.8, 1.1)) + 0.25 * (noise(vec3(at * 5.0, 1.0)) - 0.5);
    float b = length((at - vec2(-1.2, -2.0)) * vec2(0.6, 0.9)) + 0.25 * (noise(vec3(at * 4.0, 2.0)) - 0.5);
    return smoothstep(0.52, 0.46, min(a, b));
}

float cracks(vec2 at) {
    float line = abs(noise(vec3(at * 3.2, 5.0)) - 0.5) + 0.25 * abs(noise(vec3(at * 11.0, 6.0)) - 0.5);
    return smoothstep(0.035, 0.015, line) * smoothstep(1.1, 0.45, length(at - HIT));
}

vec2 hose(vec3 p) {
    // from the handle's side down and in curves to the left
    float bound = box(p - vec3(0.5, 0.45, 0.3), vec3(2.3, 0.55, 1.1), 0.0);
    if (bound > 0.3)
        return vec2(bound, HOSE);
    float d = 1e3;
    vec3 knots[9] = vec3[9](vec3(0.42, 0.80, 0.22), vec3(0.62, 0.52, 0.26), vec3(0.76, 0.16, 0.36), vec3(0.95, 0.03, 0.5),
                            vec3(1.35, 0.03, 0.75), vec3(1.45, 0.03, 0.2), vec3(0.95, 0.03, -0.1), vec3(1.3, 0.03, -0.7), vec3(2.6, 0.03, -0.5));
    vec3 old = vec3(0.17, 0.85, 0.27);
    for (int i = 0; i < 8; i++) {
        // a smooth curve through the middles of the knots, in four steps
        vec3 from = i == 0 ? old : 0.5 * (knots[i - 1] + knots[i]), to = 0.5 * (knots[i] + knots[i + 1]);
        for (int step_of = 1; step_of <= 4; step_of++) {
            float t = 0.25 * float(step_of);
            vec3 now = mix(mix(from, knots[i], t), mix(knots[i], to, t), t);
            d = min(d, limb(p, old, now, 0.022, 0.022));
            old = now;
        }
    }
    return vec2(d, HOSE);
}

// A yellow excavator, cab to the left, its arm reaches left.
vec3 parked(vec3 p) {
    return (p - vec3(3.2, 0.0, -8.5)) / 0.85;
}

vec2 excavator(vec3 p) {
    p = parked(p);
    float bound = box(p - vec3(-1.0, 1.9, 0), vec3(3.6, 2.1, 1.4), 0.0);
    if (bound > 0.5)
        return vec2(bound, DIGGER);
    // tracks
    vec3 q = vec3(p.x, p.y - 0.42, abs(p.z) - 0.85);
    float belt = box(q, vec3(1.55, 0.42, 0.25), 0.25);
    belt += 0.03 * smoothstep(-0.3, 0.3, sin(q.x * 26.0)) * step(0.1, abs(q.y));
    vec2 found = vec2(belt, TRACK);
    float wheels = drum(vec3(mod(q.x, 0.6) - 0.3, q.y, q.z - 0.23), 0.2, 0.06, 0.02);
    found = nearer(found, vec2(max(wheels, abs(q.x) - 1.5), IRON));
    // house: engine box, counterweight, cab
    float hull = box(p - vec3(0.55, 1.42, 0), vec3(1.1, 0.5, 1.05), 0.1);
    hull = min(hull, box(p - vec3(1.35, 1.35, 0), vec3(0.45, 0.42, 1.1), 0.2));
    hull = min(hull, box(p - vec3(0, 0.95, 0), vec3(0.7, 0.12, 0.7), 0.03));
    float cab = box(p - vec3(-0.72, 1.85, 0.55), vec3(0.55, 0.92, 0.5), 0.1);
    found = nearer(found, vec2(hull, DIGGER));
    vec3 w = abs(p - vec3(-0.74, 2.02, 0.55));
    bool pane = max(max(w.x - 0.44, w.y - 0.58), -1.0) < 0.0 || max(w.z - 0.4, w.y - 0.58) < 0.0;
    pane = pane && abs(p.x + 0.62) > 0.03;
    found = nearer(found, vec2(cab, pane ? GLASS : DIGGER));
    found = nearer(found, vec2(rod(p - vec3(1.0, 0, -0.3), 2.4, 1.8, 0.07, 0.02), TRACK));
    // boom and stick, thick beams; cylinders; bucket
    float boom = limb(p, vec3(-0.7, 1.5, -0.2), vec3(-1.75, 3.3, -0.2), 0.26, 0.24);
    boom = joined(boom, limb(p, vec3(-1.75, 3.3, -0.2), vec3(-3.1, 3.35, -0.2), 0.24, 0.15), 0.1);
    float stick = limb(p, vec3(-2.75, 3.65, -0.2), vec3(-3.75, 1.75, -0.2), 0.15, 0.13);
    float beams = max(min(boom, stick), abs(p.z + 0.2) - 0.17);
    found = nearer(found, vec2(beams, DIGGER));
    float rams = limb(p, vec3(-0.95, 1.3, 0.05), vec3(-1.75, 2.75, 0.05), 0.09, 0.06);
    rams = min(rams, limb(p, vec3(-1.9, 3.65, -0.2), vec3(-2.75, 3.75, -0.2), 0.08, 0.05));
    found = nearer(found, vec2(rams, STEEL));
    vec3 b = p - vec3(-3.7, 1.35, -0.2);
    b.xy = turned(b.xy, 0.5);
    float bucket = max(length(b.xy) - 0.5, abs(b.z) - 0.45);
    bucket = max(bucket, -max(max(length(b.xy) - 0.44, abs(b.z) - 0.4), -b.x - 0.5));
    bucket = max(bucket, -(b.x + 0.15));
    bucket = min(bucket, box(vec3(b.x + 0.15, b.y + 0.52, mod(b.z, 0.2) - 0.1) , vec3(0.04, 0.12, 0.05), 0.01) + max(abs(b.z) - 0.45, 0.0));
    return nearer(found, vec2(bucket, TRACK));
}

// Red and white barrier boards on posts with feet.
vec2 barriers(vec3 p) {
    p -= vec3(0.0, 0.0, -3.6);
    float bound = box(p - vec3(0, 0.6, 0), vec3(8.0, 0.65, 0.35), 0.0);
    if (bound > 0.5)
        return vec2(bound, SIGN);
    float i = clamp(floor(p.x / 1.9 + 0.5), -3.0, 3.0);
    vec3 q = p - vec3(1.9 * i, 0, 0);
    q.xz = turned(q.xz, 0.2 * (hash(vec3(i, 1, 2)) - 0.5));
    float d = box(q - vec3(0, 0.88, 0), vec3(0.85, 0.12, 0.02), 0.01);
    d = min(d, box(q - vec3(0, 0.45, 0), vec3(0.85, 0.05, 0.02), 0.01));
    vec3 k = vec3(abs(q.x) - 0.7, q.yz);
    vec2 found = vec2(d, SIGN);
    float posts = min(box(k - vec3(0, 0.5, -0.03), vec3(0.03, 0.52, 0.02), 0.01), box(k - vec3(0, 0.05, 0), vec3(0.12, 0.05, 0.3), 0.02));
    found = nearer(found, vec2(posts, KERB));
    return nearer(found, vec2(drum(k - vec3(0, 1.13, 0), 0.09, 0.04, 0.02), SIGN));
}

vec2 map(vec3 p) {
    float wreck = p.y < 0.4 ? broken(p.xz) : 0.0;
    float lumps = wreck * (0.09 * noise(p * 9.0) + 0.05 * noise(p * 23.0) - 0.12);
    float road = p.y - lumps - 0.004 * noise(p * 45.0) + 0.05 * (p.y < 0.3 ? cracks(p.xz) : 0.0);
    vec2 found = vec2(0.65 * road, wreck > 0.5 ? RUBBLE : ROAD);
    if (p.y < 0.45 && p.z > -3.2) {
        float near = smoothstep(1.25, 0.35, min(length(p.xz - HIT), 0.75 * length(p.xz - vec2(-1.2, -2.0))));
        float rock = stones(p + vec3(0, 0.02, 0), 0.34, 0.75 * near, 0.14, 1.0);
        rock = min(rock, stones(p + vec3(0.11, 0, 0.07), 0.13, 0.7 * near, 0.045, 2.0));
        rock = min(rock, stones(p + vec3(0.3, 0.0, 0.2), 0.06, 0.35 * near + 0.04, 0.02, 3.0));
        found = nearer(found, vec2(rock, RUBBLE));
    }
    found = nearer(found, worker(by(p, MAN, -YAW)));
    found = nearer(found, worker(by(p, MATE, -MATE_YAW)));
    found = nearer(found, hose(p));
    found = nearer(found, barriers(p));
    found = nearer(found, excavator(p) * vec2(0.85, 1));
    // houses across the street, pavement, trees
    float front = p.z + 15.0;
    float house = front;
    if (front < 1.0) {
        vec2 cell = vec2(mod(p.x + 0.4, 2.2) - 1.1, mod(p.y + 0.4, 2.9) - 1.6);
        house = max(front, -max(box(vec3(cell, 0), vec3(0.55, 0.85, 9), 0.0), -front - 0.25));
        house = min(house, box(vec3(cell.x, cell.y + 0.9, front), vec3(0.65, 0.06, 0.12), 0.0));
    }
    house = max(house, p.y - 9.0);
    found = nearer(found, vec2(house, HOUSE));
    found = nearer(found, vec2(box(p - vec3(0, 0.0, -13.5), vec3(40, 0.14, 2.2), 0.03), KERB));
    vec3 tr = p - vec3(-4.6, 3.4, -11.0);
    float crown = length(tr * vec3(1, 0.85, 1)) - 1.7;
    if (crown < 0.6)
        crown -= 0.7 * clouds(p * 1.6) - 0.35 + 0.2 * noise(p * 7.0);
    crown = min(0.6 * crown, limb(tr, vec3(0, -3.4, 0), vec3(0.1, -0.6, 0), 0.16, 0.11));
    return nearer(found, vec2(crown, TREE));
}

Skin cloth(vec3 p, vec3 colour, float worn) {
    float weave = noise(p * 230.0), dirt = clouds(p * 7.0);
    colour *= 0.72 + 0.35 * weave;
    return skin(mix(colour, vec3(0.16, 0.13, 0.10), worn * smoothstep(0.42, 0.75, dirt)), 0.0, 1.0);
}

const vec3 TAPE = vec3(0.62, 0.64, 0.66), LIME = vec3(0.62, 0.75, 0.03);

Skin paint(float material, vec3 p, vec3 n) {
    float grit = noise(p * 80.0), dirt = clouds(p * 6.0);
    bool mate = p.x < -0.95 && p.z < -1.5;
    vec3 w = mate ? by(p, MATE, -MATE_YAW) : by(p, MAN, -YAW);
    if (material == VEST) {
        vec3 l = leaning(w);
        float belt = min(abs(l.y - 0.12), abs(l.y - 0.27)), braces = abs(abs(l.x) - 0.125) + (l.y < 0.27 ? 1.0 : 0.0);
        float stripe = min(belt, braces);
        Skin s = cloth(p, vec3(0.90, 0.17, 0.008), 0.5);
        if (stripe < 0.042)
            s = cloth(p, LIME, 0.4);
        if (stripe < 0.027)
            s = skin(TAPE * (0.75 + 0.3 * step(0.5, fract((l.x + l.y) * 60.0))) * (0.7 + 0.5 * dirt), 0.08, 0.4);
        if (l.z > 0.03 && abs(l.x) < 0.006)
            s.colour *= 0.25;
        return s;
    }
    if (material == SHIRT) {
        vec3 q = vec3(abs(w.x), w.yz);
        float low = dot(q - vec3(0.39, 1.08, 0.2), normalize(vec3(-0.09, -0.05, 0.23)));
        float up = dot(q - vec3(0.225, 1.31, 0.14), normalize(vec3(0.165, -0.23, 0.06)));
        if (abs(up - 0.13) < 0.035 && low < 0.06)
            return abs(up - 0.13) < 0.024 ? skin(TAPE * (0.7 + 0.5 * dirt), 0.08, 0.4) : cloth(p, LIME, 0.4);
        return low > 0.07 ? cloth(p, vec3(0.02, 0.035, 0.09), 0.4) : cloth(p, vec3(0.90, 0.17, 0.008), 0.5);
    }
    if (material == TROUSERS) {
        Skin s = cloth(p, vec3(0.035, 0.05, 0.085), 0.7);
        float band = abs(w.y - 0.34);
        if (band < 0.035)
            s = skin(TAPE * 0.75 * (0.7 + 0.5 * dirt), 0.05, 0.5);
        s.colour = mix(s.colour, vec3(0.25, 0.21, 0.17), 0.7 * smoothstep(0.5, 0.05, p.y) * smoothstep(0.35, 0.65, clouds(p * 11.0)));
        return s;
    }
    if (material == BOOT)
        return skin(mix(p.y < 0.03 ? vec3(0.03) : vec3(0.23, 0.11, 0.04), vec3(0.28, 0.25, 0.21), smoothstep(0.4, 0.7, dirt)) * (0.6 + 0.5 * grit), 0.02, 0.6);
    if (material == FACE) {
        vec3 h = facing(w);
        vec3 flesh = mix(vec3(0.66, 0.36, 0.24), vec3(0.70, 0.28, 0.20), smoothstep(0.06, 0.0, length(vec3(abs(h.x) - 0.045, h.y + 0.03, h.z - 0.09))));
        flesh *= 0.85 + 0.3 * noise(h * 110.0);
        float beard = smoothstep(-0.022, -0.05, h.y - 0.3 * abs(h.z - 0.06)) * smoothstep(0.075, 0.03, abs(h.y + 0.1));
        beard *= h.z > 0.0 && length(h - vec3(0, -0.062, 0.1)) > 0.022 ? 1.0 : 0.0;
        flesh = mix(flesh, vec3(0.07, 0.04, 0.025) * (0.5 + noise(h * 300.0)), 0.85 * beard);
        if (length(h - vec3(0, -0.064, 0.105)) < 0.022 && abs(h.y + 0.064) < 0.003)
            flesh *= 0.2;
        float brow = length(vec2(abs(h.x) - 0.034, (h.y - 0.038) * 3.5));
        if (brow < 0.022 && h.z > 0.05)
            flesh = vec3(0.05, 0.03, 0.02);
        if (length(vec2(abs(h.x) - 0.034, (h.y - 0.012) * 1.8)) < 0.011 && h.z > 0.05)
            flesh = vec3(0.02);
        return skin(flesh, 0.02, 0.5);
    }
    if (material == HELMET)
        return skin(mix(mate ? vec3(0.85, 0.80, 0.72) : vec3(0.92, 0.55, 0.01), vec3(0.3, 0.24, 0.18), 0.5 * smoothstep(0.5, 0.75, dirt)), 0.07, 0.15);
    if (material == GLOVE)
        return skin(mix(vec3(0.42, 0.30, 0.15), vec3(0.14, 0.11, 0.09), dirt) * (0.6 + 0.6 * grit), 0.0, 0.9);
    if (material == MUFF)
        return skin(vec3(0.45, 0.03, 0.02), 0.06, 0.25);
    if (material == GRIP || material == HOSE)
        return skin(material == HOSE ? mix(vec3(0.03), vec3(0.12, 0.10, 0.08), dirt) : vec3(0.02), 0.04, 0.45);
    if (material == IRON)
        return skin(mix(vec3(0.10, 0.10, 0.105), vec3(0.20, 0.10, 0.05), smoothstep(0.45, 0.7, dirt)) * (0.6 + 0.5 * grit), 0.25, 0.35);
    if (material == PAINTED) {
        vec3 q = hammer(w);
        vec3 colour = mix(vec3(0.75, 0.36, 0.01), vec3(0.10, 0.09, 0.085), smoothstep(0.5, 0.58, clouds(p * 16.0)));
        if (abs(q.y + 0.48) < 0.055)
            colour = vec3(0.03);
        return skin(colour, 0.08, 0.3);
    }
    if (material == STEEL)
        return skin(vec3(0.34, 0.34, 0.35) * (0.6 + 0.6 * dirt), 0.45, 0.3);
    if (material == RUBBLE) {
        float top = smoothstep(0.3, 0.8, n.y) * smoothstep(0.4, 0.6, noise(p * 3.0));
        vec3 stone = mix(vec3(0.27, 0.24, 0.21), vec3(0.075, 0.075, 0.08), smoothstep(0.35, 0.6, noise(floor(p * 7.0)) * 0.5 + 0.5 * top));
        stone = mix(stone, vec3(0.36, 0.32, 0.26), 0.5 * smoothstep(0.5, 0.7, clouds(p * 5.0 + 2.0)));
        return skin(stone * (0.45 + 0.9 * noise(p * 60.0)), 0.0, 1.0);
    }
    if (material == DIGGER) {
        vec3 q = parked(p);
        vec3 colour = vec3(0.80, 0.42, 0.012) * (0.75 + 0.4 * dirt);
        if (q.y < 1.1 || abs(q.x - 1.55) < 0.012 || (abs(q.x - 0.15) < 0.012 && q.y < 1.9))
            colour = vec3(0.03);
        if (abs(q.x - 0.9) < 0.3 && abs(q.y - 1.5) < 0.22 && fract(q.y * 14.0) < 0.5)
            colour = vec3(0.02);
        colour = mix(colour, vec3(0.2, 0.15, 0.10), 0.5 * smoothstep(0.45, 0.75, clouds(p * vec3(5, 2, 5))) * smoothstep(2.6, 0.8, q.y));
        return skin(colour, 0.05, 0.45);
    }
    if (material == GLASS)
        return skin(vec3(0.015, 0.025, 0.03), p.z < -5.0 ? 0.1 : 0.25, 0.05);
    if (material == TRACK)
        return skin(mix(vec3(0.04), vec3(0.17, 0.13, 0.10), smoothstep(0.35, 0.7, dirt)) * (0.7 + 0.5 * grit), 0.05, 0.6);
    if (material == SIGN) {
        if (p.y > 1.0)
            return skin(vec3(0.75, 0.28, 0.01), 0.1, 0.2);
        bool red = fract((p.x + p.y * 0.9) / 0.5) < 0.5;
        return skin((red ? vec3(0.62, 0.025, 0.02) : vec3(0.75)) * (0.6 + 0.5 * dirt), 0.05, 0.35);
    }
    if (material == TREE) {
        if (length(p.xz - vec2(-4.55, -11.0)) < 0.25)
            return skin(vec3(0.09, 0.065, 0.045) * (0.6 + 0.6 * grit), 0.0, 1.0);
        return skin(mix(vec3(0.03, 0.08, 0.015), vec3(0.20, 0.30, 0.07), noise(p * 9.0)), 0.0, 1.0);
    }
    if (material == HOUSE) {
        if (p.z < -15.15)
            return skin(vec3(0.03, 0.04, 0.05) + 0.1 * smoothstep(0.5, 0.6, noise(p * 1.3)), 0.3, 0.1);
        bool trim = n.y > 0.5 || p.z > -14.95;
        float which = floor((p.x + 0.4) / 6.6);
        if (trim || abs(p.y - 0.4) < 0.5)
            return skin(vec3(0.30, 0.28, 0.25) * (0.7 + 0.4 * dirt), 0.0, 1.0);
        Skin s = bricks(p * 0.8);
        s.colour = mod(which, 2.0) < 0.5 ? s.colour * 0.5 : vec3(0.27, 0.215, 0.15) * (0.6 + 0.5 * clouds(p));
        return s;
    }
    if (material == KERB)
        return skin(vec3(0.27, 0.26, 0.25) * (0.7 + 0.5 * grit), 0.0, 1.0);
    Skin s = asphalt(p);
    s.colour *= (0.3 + 0.65 * noise(p * 160.0)) * (0.6 + 0.6 * clouds(p * 1.7));
    s.colour = mix(s.colour, vec3(0.26, 0.23, 0.20), 0.6 * smoothstep(1.3, 0.3, length(p.xz - HIT) + 0.9 * (clouds(p * 3.0) - 0.5)));
    if (abs(p.z + 2.2) < 0.07)
        s.colour = mix(s.colour, vec3(0.6), smoothstep(0.6, 0.4, clouds(p * 5.0)));
    return s;
}

#include "light.glsl"
