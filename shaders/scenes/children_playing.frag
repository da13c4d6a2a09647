// A playground in summer: a girl on a swing in mid-air, a boy who runs with a ball, a child on a red and yellow slide, trees.

#include "world.glsl"

const vec3 EYE = vec3(0.0, 0.86, 3.45), TARGET = vec3(0.0, 0.715, 0.0), SUN = vec3(-0.55, 0.95, 0.85);
const float FOV = 27.5, HAZE = 0.004;

#define SKY
vec3 sky(vec3 way) {
    vec3 blue = mix(vec3(0.60, 0.72, 0.84), vec3(0.16, 0.34, 0.66), clamp(way.y * 1.6, 0.0, 1.0));
    float cover = smoothstep(0.42, 0.72, clouds(vec3(way.xz / (way.y + 0.25) * 1.5, 3.0)));
    blue = mix(blue, vec3(0.95, 0.95, 0.96), cover * smoothstep(0.0, 0.12, way.y));
    float wood_edge = 0.24 + 0.1 * clouds(way * 12.0);
    vec3 woods = mix(vec3(0.006, 0.014, 0.004), vec3(0.09, 0.14, 0.035), smoothstep(0.35, 0.7, 0.6 * clouds(way * 22.0) + 0.4 * noise(way * 160.0)));
    return mix(woods, blue, smoothstep(wood_edge - 0.01, wood_edge + 0.01, way.y));
}

const float GROUND = 0.0, LEAVES = 0.1, BARK = 0.2;
const float ROPE = 1.0, SEAT = 2.0, BEACH_BALL = 3.0, BED = 4.0, RIM = 5.0, POST = 6.0, ROOF = 7.0, STEEL = 8.0, PAIL = 9.0;
// A child's materials are 10, 20 or 30 plus: 0 face, 1 hair, 2 shirt, 3 trousers, 4 shoes, 5 skin, 6 socks.

struct Pose {
    vec3 pelvis, chest, head;
    vec3 shoulder[2], elbow[2], hand[2], hip[2], knee[2], ankle[2], toe[2];
};

const Pose SWINGING = Pose(vec3(0, 0.085, -0.02), vec3(0, 0.32, -0.06), vec3(0, 0.585, -0.06),
    vec3[2](vec3(-0.115, 0.405, -0.065), vec3(0.115, 0.405, -0.065)),
    vec3[2](vec3(-0.235, 0.28, 0.0), vec3(0.235, 0.28, 0.0)),
    vec3[2](vec3(-0.205, 0.45, 0.035), vec3(0.205, 0.45, 0.035)),
    vec3[2](vec3(-0.06, 0.075, 0.0), vec3(0.06, 0.075, 0.0)),
    vec3[2](vec3(-0.075, 0.075, 0.27), vec3(0.075, 0.085, 0.27)),
    vec3[2](vec3(-0.075, -0.12, 0.40), vec3(0.07, -0.05, 0.47)),
    vec3[2](vec3(-0.08, -0.06, 0.51), vec3(0.075, 0.03, 0.55)));

const Pose RUNNING = Pose(vec3(0, 0.57, 0.0), vec3(0, 0.80, 0.045), vec3(0, 1.06, 0.11),
    vec3[2](vec3(-0.115, 0.885, 0.05), vec3(0.115, 0.885, 0.05)),
    vec3[2](vec3(-0.27, 0.97, 0.03), vec3(0.205, 0.73, 0.0)),
    vec3[2](vec3(-0.335, 1.13, 0.1), vec3(0.25, 0.65, 0.15)),
    vec3[2](vec3(-0.06, 0.55, 0.0), vec3(0.06, 0.55, 0.0)),
    vec3[2](vec3(-0.075, 0.41, 0.22), vec3(0.065, 0.31, -0.09)),
    vec3[2](vec3(-0.075, 0.17, 0.16), vec3(0.065, 0.13, -0.25)),
    vec3[2](vec3(-0.08, 0.13, 0.28), vec3(0.07, 0.035, -0.17)));

const Pose SLIDING = Pose(vec3(0, 0.085, -0.02), vec3(0, 0.30, -0.12), vec3(0, 0.555, -0.19),
    vec3[2](vec3(-0.115, 0.385, -0.155), vec3(0.115, 0.385, -0.155)),
    vec3[2](vec3(-0.25, 0.49, -0.15), vec3(0.25, 0.49, -0.15)),
    vec3[2](vec3(-0.32, 0.65, -0.12), vec3(0.32, 0.65, -0.12)),
    vec3[2](vec3(-0.06, 0.075, 0.0), vec3(0.06, 0.075, 0.0)),
    vec3[2](vec3(-0.08, 0.15, 0.24), vec3(0.08, 0.15, 0.24)),
    vec3[2](vec3(-0.09, 0.07, 0.46), vec3(0.09, 0.07, 0.46)),
    vec3[2](vec3(-0.1, 0.18, 0.50), vec3(0.1, 0.18, 0.50)));

const vec3 SWING_AT = vec3(-0.67, 0.56, 0.55), BOY_AT = vec3(0.78, -0.015, 0.25), THIRD_AT = vec3(0.68, 0.89, -2.35);
const vec3 BALL_AT = vec3(0.235, 0.765, 0.225);

vec3 swing_space(vec3 p) {
    p -= SWING_AT;
    p.xz = turned(p.xz, 0.75);
    p.yz = turned(p.yz, 0.38);
    return p;
}

vec3 boy_space(vec3 p) {
    p -= BOY_AT;
    p.xz = turned(p.xz, -0.9);
    return p;
}

vec3 third_space(vec3 p) {
    p -= THIRD_AT;
    p.xz = turned(p.xz, -1.07);
    p.yz = turned(p.yz, -0.5);
    return p;
}

// Where a point lies in a child's head that looks along z.
vec3 head_space(vec3 p, float who) {
    if (who < 15.0) {
        p -= SWINGING.head;
        p.yz = turned(p.yz, -0.34);
        p.xz = turned(p.xz, -0.5);
        p.xy = turned(p.xy, 0.1);
    } else if (who < 25.0) {
        p -= RUNNING.head;
        p.xz = turned(p.xz, 0.6);
        p.xy = turned(p.xy, -0.08);
    } else {
        p -= SLIDING.head;
        p.yz = turned(p.yz, 0.42);
        p.xz = turned(p.xz, 0.75);
    }
    return p / 1.08;
}

float lock_of(vec3 p, vec3 a, vec3 b, vec3 c, float thick) {
    return joined(limb(p, a, b, 0.6 * thick, thick), limb(p, b, c, thick, 0.25 * thick), 0.02);
}

vec2 head(vec3 p, float who) {
    vec3 q = vec3(abs(p.x), p.yz);
    float d = joined(egg(p - vec3(0, 0.03, -0.012), vec3(0.078, 0.088, 0.09)), egg(p - vec3(0, -0.035, 0.018), vec3(0.06, 0.072, 0.064)), 0.04);
    d = joined(d, egg(q - vec3(0.034, -0.03, 0.048), vec3(0.03, 0.028, 0.028)), 0.025);
    d = joined(d, egg(p - vec3(0, -0.088, 0.055), vec3(0.02, 0.016, 0.02)), 0.02);
    d = joined(d, egg(p - vec3(0, -0.058, 0.07), vec3(0.026, 0.014, 0.014)), 0.012);
    d = carved(d, egg(q - vec3(0.032, 0.008, 0.094), vec3(0.02, 0.011, 0.013)), 0.014);
    d = joined(d, limb(p, vec3(0, 0.012, 0.074), vec3(0, -0.016, 0.086), 0.006, 0.009), 0.012);
    d = joined(d, ball(q - vec3(0.009, -0.021, 0.08), 0.006), 0.008);
    float ear = carved(egg(q - vec3(0.082, -0.004, -0.008), vec3(0.012, 0.026, 0.018)), egg(q - vec3(0.094, -0.002, 0.0), vec3(0.008, 0.016, 0.01)), 0.004);
    d = joined(d, ear, 0.008);
    d = min(d, ball(q - vec3(0.032, 0.007, 0.067), 0.0165));
    vec2 found = vec2(d, 0.0);
    float strands = 0.0;
    if (length(p) < 0.3)
        strands = 0.003 * sin(atan(p.x, p.z + 0.02) * 46.0 + 9.0 * noise(p * 26.0)) + 0.006 * (noise(p * vec3(40, 16, 40)) - 0.5);
    float hair = egg(p - vec3(0, 0.036, -0.02), vec3(0.093, 0.1, 0.1));
    if (who < 15.0) {
        float fringe = 0.052 + 0.25 * abs(p.x - 0.02);
        hair = max(hair, -max(0.7 * (p.y - fringe), -0.004 - p.z));
        hair = max(hair, -(p.y + 0.05 - 0.3 * p.z));
        float tails = lock_of(q, vec3(0.08, 0.02, -0.05), vec3(0.125, 0.03, -0.1), vec3(0.17, -0.08, -0.17), 0.036);
        hair = min(hair, tails);
    } else if (who < 25.0) {
        float line = 0.058 + 0.012 * sin(p.x * 70.0);
        hair = max(hair, -max(0.7 * (p.y - line), -0.005 - p.z));
        hair = max(hair, -(p.y + 0.035));
        hair = joined(hair, lock_of(p, vec3(-0.02, 0.11, 0.02), vec3(0.02, 0.12, 0.06), vec3(0.06, 0.085, 0.1), 0.03), 0.03);
        hair += 0.006 * (noise(p * 30.0) - 0.5);
    } else {
        hair = egg(p - vec3(0, 0.05, -0.03), vec3(0.12, 0.11, 0.12)) + 0.02 * (noise(p * 60.0) - 0.5);
        hair = max(hair, -max(p.y - 0.055, -0.01 - p.z));
    }
    return nearer(found, vec2(0.8 * (hair + strands), 1.0));
}

// (distance, part)
vec2 child(vec3 p, Pose o, float who) {
    float far = length(p - o.chest + vec3(0, 0.12, -0.08)) - 0.78;
    if (far > 0.3)
        return vec2(far, 2.0);
    vec2 found = vec2(1e3, 0.0);
    vec3 h = head_space(p, who);
    if (length(h) < 0.45) {
        found = head(h, who);
        found.x *= 1.08;
    } else {
        found.x = 1.08 * (length(h) - 0.28);
    }
    float folds = 0.0;
    float reach_of = length(p - mix(o.pelvis, o.chest, 0.5));
    if (reach_of < 0.42)
        folds = 0.010 * (clouds(p * vec3(16, 11, 16) + who) - 0.5) + 0.003 * sin(60.0 * (p.y + 0.5 * p.x) + 8.0 * noise(p * 9.0));
    float shirt = joined(egg(p - o.chest, vec3(0.118, 0.13, 0.086)), egg(p - mix(o.pelvis, o.chest, 0.35), vec3(0.112, 0.14, 0.09)), 0.05);
    float shorts = egg(p - o.pelvis, vec3(0.116, 0.088, 0.098));
    float bare = limb(p, o.chest + 0.3 * (o.head - o.chest), o.head - vec3(0, 0.03, 0.01), 0.042, 0.035), sock = 1e3, shoe = 1e3;
    for (int i = 0; i < 2; i++) {
        vec3 s = o.shoulder[i], e = o.elbow[i], a = o.hand[i], k = o.knee[i], n = o.ankle[i], t = o.toe[i], up = normalize(k - n);
        shirt = joined(shirt, limb(p, s, mix(s, e, 0.6), 0.052, 0.05), 0.03);
        bare = min(bare, limb(p, s, e, 0.034, 0.029));
        bare = min(bare, joined(limb(p, e, a, 0.029, 0.021), ball(p - a, 0.031), 0.02));
        vec3 reach = normalize(a - e);
        if (length(p - a) < 0.16) {
            vec3 side = normalize(cross(reach, vec3(0.25, 0.1, 1))), tip = a + 0.03 * reach;
            if (who > 15.0 && !(who < 25.0 && i == 1)) {
                // an open hand
                for (int j = 0; j < 4; j++) {
                    float across = float(j) - 1.5;
                    bare = joined(bare, limb(p, a + 0.012 * reach + 0.011 * across * side, a + 0.085 * reach + 0.024 * across * side - 0.006 * abs(across) * reach, 0.0085, 0.0065), 0.006);
                }
                bare = joined(bare, limb(p, a, a + 0.04 * reach + (i == 0 ? 0.05 : -0.05) * side, 0.011, 0.008), 0.008);
            } else {
                bare = joined(bare, limb(p, a, tip, 0.024, 0.016), 0.012);
                float knuckles = 0.0025 * cos(dot(p - a, reach) * 330.0);
                bare += knuckles * smoothstep(0.06, 0.03, length(p - a));
            }
        }
        float cloth_to = who < 15.0 ? 0.62 : 0.8;
        shorts = joined(shorts, limb(p, o.hip[i], mix(o.hip[i], k, cloth_to), 0.075, who < 15.0 ? 0.076 : 0.07), 0.04);
        float leg = joined(limb(p, o.hip[i], k, 0.06, 0.045), limb(p, k, n, 0.044, 0.029), 0.02);
        leg = joined(leg, ball(p - mix(k, n, 0.33) + 0.012 * normalize(t - n), 0.045), 0.03);
        bare = min(bare, leg);
        sock = min(sock, limb(p, n, n + 0.075 * up, 0.035, 0.039));
        float one = joined(limb(p, n - 0.03 * up, t - 0.018 * up, 0.034, 0.030), limb(p, n, n + 0.008 * up, 0.037, 0.038), 0.02);
        one = max(one, -(dot(p - n, up) + 0.058));
        shoe = min(shoe, one);
    }
    found = nearer(found, vec2(0.85 * (shirt + folds), 2.0));
    found = nearer(found, vec2(0.85 * (shorts + 0.8 * folds - (who < 15.0 ? 0.004 * sin(110.0 * p.x) : 0.0)), 3.0));
    found = nearer(found, vec2(bare, 5.0));
    found = nearer(found, vec2(sock + 0.0012 * sin(p.y * 500.0), 6.0));
    return nearer(found, vec2(shoe, 4.0));
}

// Into the chute's own space: x along it (0 at the foot), z across it.
vec3 chute_space(vec3 p) {
    p -= vec3(-0.42, 0.0, -1.75);
    p.xz = turned(p.xz, 0.5);
    return p;
}

float chute_height(float x) {
    float run = clamp(x, 0.0, 2.3);
    return 0.24 + 0.66 * (sqrt((run - 0.35) * (run - 0.35) + 0.05) + run - 0.35) * 0.5;
}

vec2 slide(vec3 p) {
    p = chute_space(p);
    float far = box(p - vec3(1.6, 1.4, 0), vec3(1.75, 1.5, 0.6), 0.0);
    if (far > 0.3)
        return vec2(far, RIM);
    float y = (p.y - chute_height(p.x)) * 0.83;
    vec2 found = vec2(0.9 * box(vec3(p.x - 1.15, y, p.z), vec3(1.15, 0.016, 0.25), 0.01), BED);
    found = nearer(found, vec2(0.9 * box(vec3(p.x - 1.15, y - 0.075, abs(p.z) - 0.265), vec3(1.17, 0.095, 0.022), 0.02), RIM));
    vec3 t = p - vec3(2.72, 0, 0);
    found = nearer(found, vec2(box(t - vec3(0, 1.42, 0), vec3(0.42, 0.03, 0.4), 0.01), SEAT));
    vec3 q = vec3(abs(t.x) - 0.4, t.y, abs(t.z) - 0.38);
    found = nearer(found, vec2(box(q - vec3(0, 1.3, 0), vec3(0.045, 1.3, 0.045), 0.012), POST));
    float rails = box(vec3(t.x, abs(t.y - 1.75) - 0.2, abs(t.z) - 0.38), vec3(0.4, 0.025, 0.02), 0.01);
    rails = min(rails, box(vec3(mod(t.x, 0.13) - 0.065, t.y - 1.75, abs(t.z) - 0.38), vec3(0.016, 0.2, 0.012), 0.006));
    rails = max(rails, abs(t.x) - 0.42);
    found = nearer(found, vec2(rails, RIM));
    float roof = max(dot(vec2(abs(t.z), t.y - 3.0), normalize(vec2(0.8, 0.75))), 2.5 - t.y);
    found = nearer(found, vec2(0.8 * max(roof, abs(t.x) - 0.55), ROOF));
    float stand = min(limb(p, vec3(0.9, 0, 0.2), vec3(0.9, 0.6, 0.2), 0.025, 0.025), limb(p, vec3(0.9, 0, -0.2), vec3(0.9, 0.6, -0.2), 0.025, 0.025));
    return nearer(found, vec2(stand, STEEL));
}

vec2 trees(vec3 p) {
    float d = egg(p - vec3(-4.4, 3.3, -8.0), vec3(2.4, 2.1, 1.9));
    d = min(d, egg(p - vec3(-1.1, 3.7, -10.5), vec3(1.9, 2.3, 1.8)));
    d = min(d, egg(p - vec3(2.1, 3.1, -9.5), vec3(2.0, 1.7, 1.6)));
    d = min(d, egg(p - vec3(5.6, 3.6, -8.5), vec3(2.5, 2.4, 2.0)));
    d = min(d, egg(p - vec3(-5.2, 0.5, -10.5), vec3(4.0, 1.1, 0.9)));
    d = min(d, egg(p - vec3(3.5, 0.4, -11.0), vec3(5.5, 1.1, 0.9)));
    if (d > 0.6)
        d -= 0.4;
    else
        d = 0.6 * (d - 0.75 * (clouds(p * 1.5) - 0.45) - 0.30 * (noise(p * 6.5) - 0.5) - 0.10 * noise(p * 17.0));
    float trunk = limb(p, vec3(-4.2, 0, -8.0), vec3(-4.4, 2.6, -8.0), 0.28, 0.18);
    trunk = min(trunk, limb(p, vec3(-1.2, 0, -10.5), vec3(-1.0, 3.0, -10.5), 0.24, 0.15));
    trunk = min(trunk, limb(p, vec3(2.2, 0, -9.5), vec3(2.1, 2.6, -9.5), 0.22, 0.15));
    trunk = min(trunk, limb(p, vec3(5.4, 0, -8.5), vec3(5.6, 2.6, -8.5), 0.28, 0.2));
    return nearer(vec2(d, LEAVES), vec2(0.9 * trunk, BARK));
}

float shore(vec3 p) {
    return p.z + 2.6 + 0.5 * sin(p.x * 0.9 + 1.0) + 0.5 * (clouds(p * vec3(1.5, 0, 1.5)) - 0.5);
}

vec2 map(vec3 p) {
    float d = p.y;
    if (d > 0.15) {
        d -= 0.08;
    } else {
        float sandy = smoothstep(-0.1, 0.1, shore(p));
        float sand = 0.05 * clouds(p * vec3(4.5, 0, 4.5)) + 0.035 * noise(p * vec3(11, 0, 11)) + 0.008 * noise(p * vec3(60, 0, 60));
        float blades = 0.05 + 0.04 * noise(vec3(p.x * 42.0, 0.0, p.z * 24.0)) + 0.05 * clouds(p * vec3(1.5, 0, 1.5));
        d = 0.7 * (p.y - mix(blades, sand, sandy) + 0.03);
    }
    vec2 found = vec2(d, GROUND);
    if (p.z < -4.4)
        return nearer(found, trees(p));
    found = nearer(found, vec2(p.z + 5.4, LEAVES));
    found = nearer(found, slide(p));
    vec3 toy = p - vec3(-0.08, 0.02, 0.35);
    if (length(toy) < 0.6) {
        float wide = 0.075 + 0.22 * toy.y;
        float pail = 0.85 * max(abs(length(toy.xz) - wide) - 0.004, abs(toy.y - 0.085) - 0.085);
        pail = min(pail, length(vec2(length(toy.xz) - 0.113, toy.y - 0.168)) - 0.008);
        pail = min(pail, ring(vec3(toy.x, turned(toy.yz - vec2(0.165, 0.0), 0.9)), 0.108, 0.005));
        vec3 spade = toy - vec3(0.27, -0.005, 0.1);
        spade.xz = turned(spade.xz, 0.6);
        pail = min(pail, box(spade, vec3(0.075, 0.008, 0.05), 0.008));
        pail = min(pail, limb(spade, vec3(0.07, 0.005, 0), vec3(0.24, 0.03, 0), 0.011, 0.013));
        found = nearer(found, vec2(pail, PAIL));
        float heap = length(vec3(toy.x + 0.27, toy.y * 1.3 + 0.05, toy.z + 0.05)) - 0.2 + 0.03 * noise(toy * 22.0) + 0.01 * noise(toy * 90.0);
        found = nearer(found, vec2(0.7 * heap, GROUND));
    } else {
        found = nearer(found, vec2(length(toy) - 0.42, PAIL));
    }
    vec3 s = swing_space(p);
    vec2 one = child(s, SWINGING, 10.0);
    found = nearer(found, vec2(one.x, 10.0 + one.y));
    found = nearer(found, vec2(box(s + vec3(0, 0.012, 0), vec3(0.225, 0.016, 0.085), 0.012), SEAT));
    // chains: links turned by turns
    vec3 r = vec3(abs(s.x) - 0.205, s.y, s.z - 0.02);
    float link = floor(r.y / 0.034), odd = mod(link, 2.0);
    vec3 l = vec3(r.x, r.y - (link + 0.5) * 0.034, r.z);
    if (odd > 0.5)
        l.xz = l.zx;
    l.y -= clamp(l.y, -0.011, 0.011);
    float chain = max(length(vec2(length(l.xy) - 0.0095, l.z)) - 0.0042, -s.y);
    found = nearer(found, vec2(max(0.7 * chain, length(r.xz) - 0.05), ROPE));
    vec3 b = boy_space(p);
    one = child(b, RUNNING, 20.0);
    found = nearer(found, vec2(one.x, 20.0 + one.y));
    found = nearer(found, vec2(ball(b - BALL_AT, 0.125), BEACH_BALL));
    one = child(third_space(p), SLIDING, 30.0);
    return nearer(found, vec2(one.x, 30.0 + one.y));
}

Skin face(vec3 p, vec3 tone, vec3 brow, vec3 iris) {
    vec3 q = vec3(abs(p.x), p.yz);
    vec3 c = tone * (0.92 + 0.16 * noise(p * 60.0));
    c = mix(c, tone * vec3(1.08, 0.62, 0.56), 0.5 * exp(-dot(q.xy - vec2(0.042, -0.028), q.xy - vec2(0.042, -0.028)) * 1800.0));
    c = mix(c, tone * vec3(1.05, 0.7, 0.65), 0.4 * exp(-dot(p.xy - vec2(0, -0.016), p.xy - vec2(0, -0.016)) * 6000.0));
    if (p.z > 0.02) {
        vec2 e = q.xy - vec2(0.032, 0.008);
        float lid = length(e * vec2(1.0, 1.75)) - 0.0165;
        float white = length(e * vec2(1.0, 1.85) + vec2(0, 0.001)) - 0.0155;
        c *= 1.0 - 0.45 * smoothstep(0.006, 0.0, lid) * step(0.0, white);
        if (white < 0.0) {
            float r = length(e - vec2(0.0, 0.0005));
            c = vec3(0.72, 0.70, 0.67);
            c = mix(c, iris, smoothstep(0.0098, 0.0088, r));
            c = mix(c, vec3(0.008), smoothstep(0.0052, 0.0045, r));
            c = mix(c, vec3(1.6), smoothstep(0.0030, 0.002, length(vec2(p.x - sign(p.x) * 0.032, p.y - 0.008) - vec2(-0.004, 0.005))));
            c *= 0.55 + 0.45 * smoothstep(0.012, 0.002, e.y);
        }
        float lash = abs(white) - 0.0016;
        c = mix(c, vec3(0.02, 0.012, 0.01), smoothstep(0.0008, 0.0, lash) * step(-0.002, e.y));
        float arch = abs(q.y - 0.036 + 6.0 * (q.x - 0.034) * (q.x - 0.034)) - 0.0034 * smoothstep(0.056, 0.03, q.x);
        c = mix(c, brow, 0.85 * smoothstep(0.0015, -0.001, arch) * step(abs(q.x - 0.033), 0.022));
        float nostril = length((q.xy - vec2(0.0065, -0.0265)) * vec2(1, 1.5));
        c *= 1.0 - 0.7 * smoothstep(0.0045, 0.002, nostril);
        float up = p.y + 0.055 - 9.0 * p.x * p.x, mouth = length(vec2(p.x / 0.028, up / 0.0092)) - 1.0;
        c = mix(c, tone * vec3(0.95, 0.52, 0.50), 0.8 * smoothstep(0.30, 0.1, mouth));
        if (mouth < 0.02)
            c = up > -0.004 ? vec3(0.78, 0.75, 0.68) * (0.75 + 0.25 * smoothstep(0.0, 0.001, abs(fract(p.x * 110.0) - 0.5) - 0.02)) : mix(vec3(0.22, 0.03, 0.03), vec3(0.5, 0.14, 0.13), smoothstep(-0.006, -0.009, up));
    }
    return skin(c, 0.0, 0.6);
}

Skin hair(vec3 p, vec3 dark, vec3 light) {
    float streak = noise(vec3(atan(p.x, p.z) * 30.0, p.y * 14.0, length(p.xz) * 60.0)), tuft = clouds(p * 30.0);
    return skin(mix(dark, light, clamp(1.3 * streak - 0.5 + 0.6 * tuft, 0.0, 1.0)), 0.0, 0.5);
}

Skin dressed(float part, float who, vec3 p, vec3 n) {
    vec3 h = head_space(p, who), tone = who < 15.0 ? vec3(0.60, 0.36, 0.25) : who < 25.0 ? vec3(0.56, 0.31, 0.20) : vec3(0.20, 0.095, 0.05);
    float weave = 0.8 + 0.25 * noise(p * 260.0) + 0.3 * (clouds(p * 14.0) - 0.5);
    if (part == 0.0)
        return face(h, tone, who < 15.0 ? vec3(0.10, 0.045, 0.02) : vec3(0.05, 0.03, 0.02), who < 15.0 ? vec3(0.07, 0.15, 0.22) : vec3(0.09, 0.04, 0.015));
    if (part == 1.0)
        return who < 15.0 ? hair(h, vec3(0.09, 0.035, 0.012), vec3(0.40, 0.19, 0.07)) : who < 25.0 ? hair(h, vec3(0.03, 0.016, 0.01), vec3(0.15, 0.075, 0.035)) : hair(h, vec3(0.008), vec3(0.035, 0.025, 0.02));
    if (part == 2.0) {
        if (who < 15.0) {
            float stripe = smoothstep(-0.1, 0.1, sin(p.y * 130.0));
            return skin(mix(vec3(0.72, 0.68, 0.60), vec3(0.66, 0.05, 0.05), stripe) * weave, 0.0, 1.0);
        }
        if (who < 25.0) {
            float star_r = length((p.xy - vec2(0.0, 0.80))), star = star_r - 0.045 - 0.014 * cos(5.0 * atan(p.x, p.y - 0.80));
            vec3 c = mix(vec3(0.05, 0.20, 0.48), vec3(0.75, 0.70, 0.55), step(star, 0.0) * step(0.0, p.z));
            return skin(c * weave, 0.0, 1.0);
        }
        return skin(vec3(0.72, 0.42, 0.04) * weave, 0.0, 1.0);
    }
    if (part == 3.0) {
        float twill = 0.75 + 0.4 * smoothstep(0.2, 0.8, noise(vec3((p.x + p.y) * 240.0, (p.x - p.z) * 60.0, p.z * 120.0)));
        if (who < 15.0)
            return skin(mix(vec3(0.045, 0.09, 0.19), vec3(0.13, 0.20, 0.32), clouds(p * 20.0)) * twill, 0.0, 1.0);
        return skin((who < 25.0 ? vec3(0.36, 0.27, 0.16) : vec3(0.06, 0.16, 0.09)) * twill * weave, 0.0, 1.0);
    }
    if (part == 4.0) {
        vec3 c = who < 15.0 ? vec3(0.55, 0.06, 0.16) : who < 25.0 ? vec3(0.55, 0.08, 0.03) : vec3(0.1, 0.1, 0.4);
        float lace = step(0.55, fract(p.y * 60.0 + p.z * 40.0)) * smoothstep(0.3, 0.7, n.y);
        Pose o = RUNNING;
        if (who < 15.0)
            o = SWINGING;
        else if (who > 25.0)
            o = SLIDING;
        int i = length(p - o.toe[0]) < length(p - o.toe[1]) ? 0 : 1;
        vec3 up = normalize(o.knee[i] - o.ankle[i]), ahead = normalize(o.toe[i] - o.ankle[i]);
        up = normalize(up - dot(up, ahead) * ahead);
        float high = dot(p - o.ankle[i], up), along = dot(p - o.ankle[i], ahead);
        float stripe = step(abs(along - 0.045 - 0.6 * high), 0.008) * step(-0.02, high);
        c = mix(c, vec3(0.7), max(stripe, lace * step(0.012, high)));
        c = mix(c, vec3(0.66, 0.64, 0.58), max(step(high, -0.03), step(0.115, along)));
        return skin(c * weave, 0.03, 0.5);
    }
    if (part == 6.0)
        return skin(vec3(0.70, 0.69, 0.66) * weave, 0.0, 1.0);
    float rosy = clouds(p * 12.0);
    return skin(mix(tone, tone * vec3(1.05, 0.8, 0.74), rosy) * (0.92 + 0.14 * noise(p * 90.0)), 0.0, 0.6);
}

Skin paint(float material, vec3 p, vec3 n) {
    if (material > 29.5)
        return dressed(material - 30.0, 30.0, third_space(p), n);
    if (material > 19.5)
        return dressed(material - 20.0, 20.0, boy_space(p), n);
    if (material > 9.5)
        return dressed(material - 10.0, 10.0, swing_space(p), n);
    float dirt = clouds(p * 6.0);
    if (material == ROPE)
        return skin(vec3(0.38, 0.38, 0.38) * (0.6 + 0.7 * dirt), 0.4, 0.3);
    if (material == STEEL)
        return skin(vec3(0.25, 0.27, 0.29) * (0.7 + 0.5 * dirt), 0.3, 0.3);
    if (material == SEAT)
        return skin(wood(p * 2.0).colour * 0.7, 0.04, 0.5);
    if (material == BEACH_BALL) {
        vec3 b = boy_space(p) - BALL_AT;
        b.xy = turned(b.xy, 0.5);
        b.yz = turned(b.yz, -0.5);
        float slice = mod(floor((atan(b.z, b.x) / (2.0 * PI) + 0.5) * 6.0), 3.0);
        vec3 c = slice < 0.5 ? vec3(0.68, 0.04, 0.03) : slice < 1.5 ? vec3(0.80, 0.52, 0.03) : vec3(0.05, 0.22, 0.60);
        if (abs(b.y) > 0.112)
            c = vec3(0.75);
        return skin(c * (0.85 + 0.2 * dirt), 0.08, 0.2);
    }
    if (material == PAIL) {
        vec3 toy = p - vec3(-0.08, 0.02, 0.35);
        vec3 c = length(toy.xz) > 0.125 && toy.y < 0.15 ? vec3(0.72, 0.42, 0.03) : vec3(0.03, 0.20, 0.50);
        return skin(mix(c, vec3(0.4, 0.3, 0.2), 0.7 * smoothstep(0.5, 0.7, dirt) * smoothstep(0.14, 0.0, toy.y)), 0.08, 0.3);
    }
    if (material == BED)
        return skin(mix(vec3(0.78, 0.48, 0.03), vec3(0.55, 0.32, 0.05), smoothstep(0.4, 0.7, dirt)), 0.12, 0.25);
    if (material == RIM) {
        vec3 c = chute_space(p);
        float high = (c.y - chute_height(c.x)) * 0.83;
        vec3 red = mix(vec3(0.62, 0.04, 0.03), vec3(0.76, 0.46, 0.03), step(0.128, high) * step(c.x, 2.33));
        float scratch = smoothstep(0.62, 0.7, noise(vec3(c.x * 18.0, c.y * 160.0, c.z * 20.0)));
        return skin(red * (0.75 + 0.4 * dirt) * (1.0 - 0.25 * scratch), 0.08, 0.25);
    }
    if (material == ROOF)
        return skin(vec3(0.05, 0.22, 0.42) * (0.7 + 0.5 * dirt) * (0.7 + 0.3 * step(0.12, fract(p.y * 6.0))), 0.05, 0.4);
    if (material == POST)
        return skin(wood(p.yxz).colour * 0.8, 0.03, 0.6);
    if (material == BARK)
        return skin(mix(vec3(0.05, 0.035, 0.025), vec3(0.20, 0.15, 0.10), clouds(p * vec3(14, 3, 14))), 0.0, 1.0);
    if (material == LEAVES) {
        float leaf = noise(p * 24.0), tuft = clouds(p * 3.5);
        vec3 c = mix(vec3(0.02, 0.06, 0.012), vec3(0.27, 0.37, 0.08), clamp(0.75 * leaf + 0.9 * tuft - 0.3, 0.0, 1.0));
        return skin(c, 0.0, 1.0);
    }
    float sandy = smoothstep(-0.06, 0.06, shore(p) + 0.25 * (noise(p * 14.0) - 0.5));
    Skin lawn = grass(p);
    float grit = noise(p * 190.0), damp = clouds(p * 2.4);
    vec3 sand = mix(vec3(0.30, 0.21, 0.12), vec3(0.50, 0.38, 0.23), damp) * (0.6 + 0.45 * grit + 0.25 * noise(p * 50.0));
    return skin(mix(lawn.colour * 0.8, sand, sandy), 0.0, 1.0);
}

#include "light.glsl"
