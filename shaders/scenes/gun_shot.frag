// A revolver on a stand on an old table, cartridges by it; behind, bronze cannons with spoked wheels on a rampart.

#include "world.glsl"

const vec3 EYE = vec3(0.0, 0.22, 3.1), TARGET = vec3(0.0, -0.055, 0.0), SUN = vec3(-0.55, 0.75, 0.7);
const float FOV = 21.5, HAZE = 0.0022;

const float FIELD = 0.0, TABLE = 0.1, TREES = 0.2, PLINTH = 0.3;
const float STEEL = 1.0, GRIP = 2.0, BRASS = 3.0, LEAD = 4.0, BRONZE = 5.0, WHEEL = 6.0, IRON = 7.0, BALLS = 8.0, BRIGHT = 9.0,
            CYLINDER = 10.0, PEG = 11.0;

#define SKY
vec3 sky(vec3 way) {
    vec3 blue = mix(vec3(0.40, 0.44, 0.46), vec3(0.07, 0.19, 0.42), smoothstep(-0.02, 0.22, way.y));
    vec2 at = way.xz / (abs(way.y) + 0.16) * vec2(2.6, 2.0);
    float cover = smoothstep(0.40, 0.58, clouds(vec3(at + 2.0, 3.0))), under = clouds(vec3(at * 1.3 + 0.15, 9.0));
    return mix(blue, mix(vec3(0.20, 0.20, 0.23), vec3(0.78, 0.70, 0.58), under * 1.25), 0.9 * cover);
}

vec3 in_gun(vec3 p) {
    p -= vec3(0.155, 0.075, 0.0);
    p.xz = turned(p.xz, 0.16);
    p.xy = turned(p.xy, 0.06);
    return p / 1.13;
}

float slab(float flat_d, float z, float half_depth, float rounding) {
    vec2 q = vec2(flat_d, abs(z) - half_depth) + rounding;
    return min(max(q.x, q.y), 0.0) + length(max(q, 0.0)) - rounding;
}

float line(vec2 p, vec2 a, vec2 b, float thin, float thick) {
    return limb(vec3(p, 0), vec3(a, 0), vec3(b, 0), thin, thick);
}

float block(vec2 p, vec2 low, vec2 high, float rounding) {
    return box(vec3(p - 0.5 * (low + high), 0), vec3(0.5 * (high - low), 1.0), rounding);
}

float grip_shape(vec2 p) {
    float d = line(p, vec2(0.168, -0.075), vec2(0.205, -0.17), 0.058, 0.056);
    d = joined(d, line(p, vec2(0.205, -0.17), vec2(0.262, -0.28), 0.056, 0.062), 0.03);
    d = joined(d, line(p, vec2(0.262, -0.28), vec2(0.325, -0.385), 0.062, 0.082), 0.03);
    return max(d, dot(p - vec2(0.33, -0.425), vec2(0.16, -0.987)));
}

float frame_shape(vec2 p) {
    float d = block(p, vec2(-0.135, -0.135), vec2(0.145, 0.118), 0.012);
    d = joined(d, line(p, vec2(0.13, 0.035), vec2(0.175, -0.085), 0.055, 0.06), 0.03);
    d = joined(d, line(p, vec2(0.08, -0.115), vec2(0.17, -0.12), 0.03, 0.03), 0.03);
    return carved(d, length((p - vec2(0.205, 0.10)) * vec2(1.0, 0.8)) - 0.045, 0.015);
}

// Along x, muzzle to the left; y up.
vec2 gun(vec3 p) {
    float far = min(box(p - vec3(-0.25, 0.03, 0), vec3(0.47, 0.19, 0.09), 0.0), box(p - vec3(0.17, -0.15, 0), vec3(0.26, 0.36, 0.09), 0.0));
    if (far > 0.1)
        return vec2(far, STEEL);
    vec3 along = p.zyx;
    // barrel, ejector, front sight
    vec3 b = along - vec3(0, 0.052, -0.42);
    float barrel = drum(b, 0.0385 - 0.007 * b.z, 0.298, 0.006);
    barrel = max(barrel, -max(length(b.xy) - 0.0205, b.z + 0.2));
    float d = barrel;
    float rod = drum(along - vec3(0.026, -0.004, -0.335), 0.0225, 0.205, 0.010);
    d = min(d, rod);
    d = min(d, drum(along - vec3(0.026, -0.004, -0.548), 0.012, 0.014, 0.003));
    d = min(d, drum(along - vec3(0.026, -0.028, -0.520), 0.016, 0.010, 0.004));
    float sight = slab(max(length(p.xy - vec2(-0.655, 0.062)) - 0.062, max(-0.700 - p.x, 0.065 - p.y)), p.z, 0.007, 0.002);
    d = min(d, sight);
    // frame
    float shape = frame_shape(p.xy);
    float frame = slab(shape, p.z, 0.042, 0.014);
    float window = block(p.xy, vec2(-0.094, -0.094), vec2(0.088, 0.092), 0.008);
    frame = max(frame, -window);
    frame = joined(frame, max(drum(along - vec3(0, 0, 0.112), 0.088, 0.022, 0.012), p.y - 0.10), 0.012);
    float groove = line(p.xy, vec2(-0.08, 0.128), vec2(0.14, 0.128), 0.015, 0.015);
    frame = max(frame, -max(groove, abs(p.z) - 0.010));
    d = min(d, frame);
    // screws
    float screws = min(min(length(p.xy - vec2(0.115, -0.105)), length(p.xy - vec2(0.155, -0.045))), length(p.xy - vec2(-0.115, -0.04)));
    d = max(d, -max(abs(screws - 0.0135) - 0.0022, 0.037 - p.z));
    vec2 found = vec2(d, STEEL);
    // cylinder
    vec3 c = along;
    float angle = atan(c.y, c.x) + 0.35, sixth = PI / 3.0;
    vec2 part = turned(c.xy, 0.35 - (floor(angle / sixth) + 0.5) * sixth);
    float wheel = drum(c - vec3(0, 0, -0.003), 0.0895, 0.084, 0.006);
    vec3 f = vec3(part - vec2(0.105, 0), c.z);
    float flute = limb(f, vec3(0.0, 0, -0.12), vec3(0.0, 0, 0.008), 0.031, 0.031);
    wheel = carved(wheel, flute, 0.003);
    float notch = box(vec3(part - vec2(0.09, 0.0), c.z - 0.055), vec3(0.006, 0.009, 0.014), 0.001);
    wheel = max(wheel, -notch);
    wheel = max(wheel, -max(abs(c.z - 0.074) - 0.0015, 0.086 - length(c.xy)));
    found = nearer(found, vec2(wheel, CYLINDER));
    // hammer
    float hammer = line(p.xy, vec2(0.165, 0.02), vec2(0.196, 0.125), 0.030, 0.022);
    hammer = joined(hammer, line(p.xy, vec2(0.196, 0.130), vec2(0.225, 0.172), 0.020, 0.013), 0.01);
    hammer = joined(hammer, line(p.xy, vec2(0.225, 0.172), vec2(0.272, 0.168), 0.013, 0.008), 0.012);
    hammer = joined(hammer, line(p.xy, vec2(0.19, 0.115), vec2(0.160, 0.118), 0.018, 0.010), 0.008);
    found = nearer(found, vec2(slab(hammer, p.z, 0.019, 0.005), BRIGHT));
    // trigger and its guard
    vec2 g = p.xy - vec2(0.055, -0.205);
    float hoop = (length(g / vec2(0.098, 0.086)) - 1.0) * 0.088;
    hoop = slab(abs(hoop) - 0.0085, p.z, 0.023, 0.006);
    hoop = min(hoop, slab(line(p.xy, vec2(-0.115, -0.138), vec2(0.145, -0.142), 0.010, 0.012), p.z, 0.033, 0.006));
    found = nearer(found, vec2(0.8 * hoop, BRASS));
    float trigger = line(p.xy, vec2(0.062, -0.135), vec2(0.073, -0.19), 0.017, 0.011);
    trigger = joined(trigger, line(p.xy, vec2(0.073, -0.19), vec2(0.050, -0.240), 0.011, 0.007), 0.015);
    found = nearer(found, vec2(slab(trigger, p.z, 0.011, 0.005), BRIGHT));
    // grip: brass straps, wooden cheeks
    float hand = grip_shape(p.xy);
    float cheeks = max(slab(hand + 0.003, p.z, 0.056, 0.034), -shape);
    found = nearer(found, vec2(cheeks, GRIP));
    float straps = slab(hand, p.z, 0.024, 0.005);
    straps = max(straps, p.y + 0.075 - 0.6 * (p.x - 0.17));
    found = nearer(found, vec2(straps, BRASS));
    float screw = drum(p - vec3(0.222, -0.195, 0.055), 0.0155, 0.006, 0.003);
    screw = max(screw, -box(p - vec3(0.222, -0.195, 0.062), vec3(0.02, 0.0022, 0.004), 0.0));
    return nearer(found, vec2(screw, BRASS));
}

// A cartridge that stands at the origin, or lies when its axis is turned.
vec2 cartridge(vec3 p) {
    float r = length(p.xz);
    float case_d = max(r - 0.0325, abs(p.y - 0.085) - 0.080);
    case_d = min(case_d, max(r - 0.0385, abs(p.y - 0.006) - 0.006));
    case_d = max(case_d, -max(abs(p.y - 0.0165) - 0.0035, 0.030 - r));
    float nose = max(egg(p - vec3(0, 0.165, 0), vec3(0.0312, 0.072, 0.0312)), 0.16 - p.y);
    return nearer(vec2(case_d - 0.0012, BRASS), vec2(nose, LEAD));
}

vec2 cartridges(vec3 p) {
    float far = box(p - vec3(-0.22, -0.41, 0.20), vec3(0.48, 0.13, 0.24), 0.0);
    if (far > 0.1)
        return vec2(far, BRASS);
    p.y += 0.52;
    vec2 found = cartridge(p - vec3(-0.60, 0, 0.16));
    found = nearer(found, cartridge(p - vec3(-0.505, 0, 0.10)));
    found = nearer(found, cartridge(p - vec3(-0.445, 0, 0.20)));
    found = nearer(found, cartridge(p - vec3(-0.36, 0, 0.12)));
    vec3 q = p - vec3(-0.36, 0.0385, 0.33);
    q.xz = turned(q.xz, 0.35);
    found = nearer(found, cartridge(vec3(q.y, q.x, q.z)));
    q = p - vec3(0.17, 0.0385, 0.31);
    q.xz = turned(q.xz, -0.5);
    return nearer(found, cartridge(vec3(q.y, -q.x, q.z)));
}

// A cannon on its carriage, muzzle to the left, foot of the wheels at y = 0.
vec2 cannon(vec3 p) {
    float far = box(p - vec3(0.5, 1.3, 0), vec3(3.6, 1.5, 1.35), 0.0);
    if (far > 0.5)
        return vec2(far, BRONZE);
    vec3 b = p - vec3(0.0, 1.72, 0);
    b.xy = turned(b.xy, 0.10);
    float x = b.x, r = length(b.yz);
    float wide = mix(0.30, 0.45, clamp((x + 2.4) / 3.8, 0.0, 1.0));
    wide += 0.10 * smoothstep(-2.15, -2.40, x) * smoothstep(-2.60, -2.45, x);
    wide += 0.035 * (smoothstep(0.06, 0.03, abs(x + 1.95)) + smoothstep(0.07, 0.04, abs(x + 0.55)) + smoothstep(0.08, 0.05, abs(x - 0.45)) + smoothstep(0.10, 0.07, abs(x - 1.32)));
    float barrel = max(r - wide, abs(x + 0.57) - 1.98);
    barrel = max(barrel, -max(r - 0.19, x + 1.8));
    barrel = min(barrel, egg(b - vec3(1.42, 0, 0), vec3(0.22, 0.40, 0.40)));
    barrel = min(barrel, min(ball(b - vec3(1.80, 0, 0), 0.15), limb(b, vec3(1.5, 0, 0), vec3(1.8, 0, 0), 0.10, 0.08)));
    barrel = min(barrel, drum(b - vec3(-0.1, 0, 0), 0.13, 0.62, 0.03));
    barrel = min(barrel, ring(b - vec3(0.05, 0.44, 0), 0.12, 0.035));
    vec2 found = vec2(0.7 * barrel, BRONZE);
    // cheeks and trail
    float cheek = min(line(p.xy, vec2(-0.55, 1.42), vec2(0.8, 1.25), 0.22, 0.26), line(p.xy, vec2(0.8, 1.22), vec2(3.6, 0.18), 0.24, 0.15));
    float side = slab(cheek, abs(p.z) - 0.50, 0.09, 0.02);
    found = nearer(found, vec2(side, WHEEL));
    found = nearer(found, vec2(drum(p - vec3(0, 1.3, 0), 0.11, 1.15, 0.02), IRON));
    // wheels
    vec3 w = vec3(p.x, p.y - 1.3, abs(p.z) - 0.95);
    float away = length(w.xy);
    float rim = box(vec3(away - 1.18, w.z, 0), vec3(0.085, 0.075, 1), 0.015);
    found = nearer(found, vec2(rim, WHEEL));
    found = nearer(found, vec2(box(vec3(away - 1.28, w.z, 0), vec3(0.022, 0.085, 1), 0.005), IRON));
    float angle = atan(w.y, w.x), share = PI / 6.0;
    vec2 spoke = turned(w.xy, -(floor(angle / share) + 0.5) * share);
    found = nearer(found, vec2(limb(vec3(spoke, w.z), vec3(0.15, 0, 0), vec3(1.15, 0, 0), 0.062, 0.045), WHEEL));
    float hub = min(drum(w, 0.21, 0.13, 0.03), drum(w, 0.15, 0.24, 0.03));
    found = nearer(found, vec2(hub, WHEEL));
    return nearer(found, vec2(min(drum(w - vec3(0, 0, 0.2), 0.158, 0.03, 0.0), drum(w, 0.218, 0.02, 0.0)), IRON));
}

vec3 in_cannon(vec3 p) {
    p -= vec3(-1.95, -1.12, -14.5);
    p.xz = turned(p.xz, 0.42);
    return p / 1.04;
}

vec3 in_second(vec3 p) {
    p -= vec3(5.9, -0.95, -26.0);
    p.xz = turned(p.xz, 0.55);
    return p / 1.1;
}

vec2 pile(vec3 p) {
    p -= vec3(1.62, -1.12, -11.5);
    float far = box(p - vec3(0, 0.4, 0), vec3(0.8, 0.6, 0.8), 0.0);
    if (far > 0.4)
        return vec2(far, BALLS);
    float d = 1e3, r = 0.225;
    for (int i = 0; i < 3; i++) {
        float last = 0.5 * float(2 - i);
        vec3 q = p - vec3(0, r + float(i) * r * 1.42, 0);
        q.x -= clamp(floor((q.x + last * 2.0 * r) / (2.0 * r) + 0.5), 0.0, float(2 - i)) * 2.0 * r - last * 2.0 * r;
        q.z -= clamp(floor((q.z + last * 2.0 * r) / (2.0 * r) + 0.5), 0.0, float(2 - i)) * 2.0 * r - last * 2.0 * r;
        d = min(d, ball(q, r));
    }
    return vec2(d, BALLS);
}

float crowns(vec2 p) {
    return -0.6 + 2.4 * clouds(vec3(p.x * 0.16 + 4.0, 1.0, p.y * 0.1)) + 0.9 * noise(vec3(p.x * 0.9, 2.0, p.y * 0.7)) + 0.35 * noise(vec3(p.x * 3.1, 5.0, 1.0));
}

vec2 map(vec3 p) {
    float plank = abs(fract((p.z + 0.04) / 0.30) - 0.5) * 0.30, gap = smoothstep(0.146, 0.150, plank);
    float top = box(p - vec3(0, -0.60, 0.25), vec3(2.4, 0.08, 0.98), 0.012);
    if (top < 0.1) {
        float grain = noise(vec3(p.x * 4.0, p.y * 30.0, p.z * 70.0 + 4.0 * noise(vec3(p.x * 2.0, 0, p.z * 6.0))));
        top += 0.012 * gap + 0.0025 * grain;
        top *= 0.7;
    }
    vec2 found = vec2(top, TABLE);
    found = nearer(found, gun(in_gun(p)) * vec2(1.13, 1.0));
    found = nearer(found, cartridges(p));
    // the stand
    vec3 s = p - vec3(0.02, -0.495, -0.01);
    found = nearer(found, vec2(min(box(s, vec3(0.40, 0.022, 0.11), 0.010), box(s - vec3(0, 0.02, 0), vec3(0.36, 0.018, 0.085), 0.010)), PLINTH));
    vec3 q = in_gun(p);
    float pegs = limb(p, vec3(-0.24, -0.48, -0.03), vec3(-0.24, 0.04, -0.03), 0.011, 0.011);
    pegs = min(pegs, limb(vec3(p.x + 0.24, p.y - 0.04, abs(p.z + 0.02)), vec3(0), vec3(0, 0.05, 0.06), 0.011, 0.011));
    pegs = min(pegs, limb(p, vec3(0.22, -0.48, 0.0), vec3(0.22, -0.262, 0.0), 0.011, 0.011));
    found = nearer(found, vec2(pegs, PEG));
    // outdoors
    if (p.z < -1.5) {
        float hill = mix(-3.6, -1.12, smoothstep(-4.0, -9.0, p.z)) - 0.5 * smoothstep(-28.0, -34.0, p.z);
        hill += 0.10 * clouds(vec3(p.xz * 0.7, 1.0)) + 0.05 * noise(vec3(p.x * 9.0, 0, p.z * 5.0)) * smoothstep(-20.0, -10.0, p.z) - 0.09;
        found = nearer(found, vec2(mix(0.7, 2.5, smoothstep(-8.0, -16.0, p.z)) * (p.y - hill), FIELD));
        found = nearer(found, cannon(in_cannon(p)) * vec2(1.04, 1.0));
        found = nearer(found, cannon(in_second(p)) * vec2(1.1, 1.0));
        found = nearer(found, pile(p));
        if (p.z < -30.0)
            found = nearer(found, vec2(0.5 * max(p.y - crowns(p.xz), p.z + 44.0), TREES));
        else
            found.x = min(found.x, max(p.z + 32.0, 1.0));
    } else
        found.x = min(found.x, max(p.z + 2.5, 0.5));
    return found;
}

// Polished metal: mirrors the sky and the field in its own colour.
Skin metal(vec3 colour, vec3 p, vec3 n, float wear) {
    float fine = clouds(p * 260.0), spots = smoothstep(0.42, 0.68, clouds(p * 16.0)), scratch = noise(vec3(p.x * 30.0, p.y * 400.0, p.z * 60.0));
    vec3 away = reflect(normalize(p - EYE), normalize(n + 0.03 * (scratch - 0.5)));
    vec3 down = vec3(0.13, 0.085, 0.045) * (0.4 + 0.9 * noise(away * 7.0));
    float high = away.y + 0.05 * noise(away * 6.0);
    vec3 up = mix(vec3(0.035, 0.042, 0.025), mix(vec3(1.15, 1.0, 0.80), vec3(0.20, 0.27, 0.40), smoothstep(0.16, 0.50, high)), smoothstep(0.09, 0.15, high));
    up = mix(up, vec3(1.25, 1.18, 1.05), smoothstep(0.66, 0.78, high) * smoothstep(1.0, 0.88, high));
    vec3 seen = mix(up, down, smoothstep(0.02, -0.06, away.y));
    float dull = 1.0 - wear * spots;
    Skin s = skin(colour * (0.10 + 0.08 * fine), 0.08 * dull, mix(0.30, 0.14, dull));
    s.glow = colour * seen * (0.9 + 0.2 * fine) * dull;
    return s;
}

Skin timber(vec3 p, vec3 dark, vec3 light) {
    float wave = clouds(vec3(p.x * 1.6, p.y * 9.0, p.z * 9.0)), grain = noise(vec3(p.x * 9.0, p.y * 150.0 + 12.0 * wave, p.z * 150.0 + 12.0 * wave));
    return skin(mix(dark, light, clamp(0.5 * grain + 0.8 * wave - 0.1, 0.0, 1.0)), 0.03, 0.45);
}

Skin paint(float material, vec3 p, vec3 n) {
    if (material == STEEL || material == CYLINDER) {
        vec3 q = in_gun(p);
        vec3 blue = vec3(0.20, 0.225, 0.27);
        if (material == STEEL && q.x > -0.14) {  // case hardened frame
            float hue = clouds(q * 13.0 + 2.0 * clouds(q * 9.0));
            blue = mix(vec3(0.20, 0.23, 0.29), vec3(0.33, 0.26, 0.19), smoothstep(0.42, 0.66, hue));
        }
        return metal(blue * 1.1, p, n, 0.2);
    }
    if (material == BRIGHT)
        return metal(vec3(0.62, 0.61, 0.60), p, n, 0.3);
    if (material == BRASS || material == PEG)
        return metal(vec3(0.92, 0.55, 0.14), p, n, material == PEG ? 0.6 : 0.35);
    if (material == LEAD)
        return metal(vec3(0.70, 0.36, 0.22), p, n, 0.5);
    if (material == GRIP) {
        vec3 q = in_gun(p);
        q.xy = turned(q.xy, 1.05);
        float wave = clouds(vec3(q.x * 5.0, q.y * 14.0, q.z * 12.0)), rings = sin(q.y * 190.0 + 16.0 * wave), pores = noise(vec3(q.x * 40.0, q.y * 420.0, q.z * 300.0));
        vec3 walnut = mix(vec3(0.085, 0.024, 0.008), vec3(0.32, 0.115, 0.032), clamp(0.5 + 0.28 * rings + 0.5 * (wave - 0.5), 0.0, 1.0));
        return skin(walnut * (0.65 + 0.5 * pores), 0.06, 0.18);
    }
    if (material == BRONZE) {
        float green = smoothstep(0.42, 0.62, clouds(p * 1.9) + 0.15 * noise(p * 12.0));
        Skin s = metal(vec3(0.46, 0.29, 0.12), p * 0.2, n, 0.3);
        s.colour = mix(vec3(0.15, 0.080, 0.026), vec3(0.075, 0.145, 0.11), green) * (0.7 + 0.5 * noise(p * 20.0));
        s.glow *= 1.0 - 0.75 * green;
        return s;
    }
    if (material == WHEEL) {
        Skin s = timber(p * 0.35, vec3(0.05, 0.030, 0.018), vec3(0.20, 0.125, 0.07));
        s.colour *= 0.6 + 0.6 * clouds(p * 5.0);
        return s;
    }
    if (material == IRON)
        return skin(mix(vec3(0.05, 0.048, 0.045), vec3(0.16, 0.07, 0.03), clouds(p * 6.0)), 0.06, 0.5);
    if (material == BALLS)
        return skin(mix(vec3(0.020, 0.020, 0.022), vec3(0.10, 0.055, 0.035), smoothstep(0.4, 0.7, clouds(p * 7.0))), 0.07, 0.4);
    if (material == TABLE) {
        float board = floor((p.z + 0.04) / 0.30);
        vec3 q = vec3(p.x + 3.7 * board, p.y, p.z);
        Skin s = timber(q, vec3(0.045, 0.020, 0.009), vec3(0.24, 0.13, 0.06));
        s.colour *= (0.75 + 0.5 * hash(vec3(board, 2, 5))) * (0.55 + 0.8 * clouds(p * 4.0));
        vec2 knot = vec2(q.x - floor(q.x / 0.9 + 0.5) * 0.9, (fract((p.z + 0.04) / 0.30) - 0.45) * 0.30);
        float eye = length(knot * vec2(0.6, 1.0));
        s.colour *= mix(0.35, 1.0, smoothstep(0.010, 0.035, eye)) * (0.85 + 0.15 * sin(eye * 420.0) * smoothstep(0.08, 0.02, eye));
        float gap = abs(fract((p.z + 0.04) / 0.30) - 0.5);
        s.colour *= mix(1.0, 0.25, smoothstep(0.480, 0.495, gap));
        float scratch = smoothstep(0.86, 0.9, noise(vec3(p.x * 6.0 + p.z * 9.0, 1.0, p.z * 140.0 - p.x * 40.0)));
        s.colour += 0.06 * scratch;
        return s;
    }
    if (material == PLINTH)
        return timber(p * 1.3, vec3(0.035, 0.014, 0.008), vec3(0.13, 0.05, 0.024));
    if (material == TREES) {
        float leaf = noise(p * 5.0), depth = clouds(p * 0.9);
        return skin(mix(vec3(0.012, 0.024, 0.010), vec3(0.085, 0.105, 0.032), 0.5 * leaf + 0.5 * depth), 0.0, 1.0);
    }
    float blades = 0.6 * noise(vec3(p.x * 38.0, 1.0, p.z * 6.0)) + 0.4 * noise(vec3(p.x * 90.0, 1.0, p.z * 16.0)), bare = smoothstep(0.48, 0.62, clouds(vec3(p.xz * 0.45, 6.0)) + 0.1 * blades);
    vec3 green = mix(vec3(0.035, 0.060, 0.012), vec3(0.135, 0.15, 0.045), clouds(p * 1.1)) * (0.4 + 1.0 * blades);
    vec3 earth = mix(vec3(0.10, 0.065, 0.035), vec3(0.22, 0.15, 0.085), clouds(p * 3.0)) * (0.7 + 0.5 * noise(p * 30.0));
    return skin(mix(green, earth, bare), 0.0, 1.0);
}

#include "light.glsl"
