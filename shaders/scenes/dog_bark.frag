// Two dogs on a flowering meadow: a sitting shepherd that barks, a golden retriever beside its wooden house.

#include "world.glsl"

const vec3 EYE = vec3(0.0, 0.72, 2.45), TARGET = vec3(0.0, 0.47, 0.0), SUN = vec3(-0.75, 0.75, 0.75);
const float FOV = 32.0, HAZE = 0.008;

const float GROUND = 0.0, BLADE = 0.05, FLOWER = 0.1, TREES = 0.2, PLANKS = 0.3, ROOF = 0.35, TENNIS = 0.4;
const float SHEPHERD = 1.0, GOLDEN = 2.0, DARK = 3.0, MOUTH = 4.0, EYEBALL = 5.0, TOOTH = 6.0, EAR = 7.0, BAND = 8.0, TAG = 9.0;

#define SKY
vec3 sky(vec3 way) {
    if (way.y < 0.0)
        return vec3(0.07, 0.12, 0.03);
    vec3 blue = mix(vec3(0.66, 0.76, 0.86), vec3(0.16, 0.34, 0.64), clamp(way.y * 1.8, 0.0, 1.0));
    float cover = smoothstep(0.40, 0.70, clouds(vec3(way.xz / (way.y + 0.3) * 1.7, 3.0)));
    return mix(blue, vec3(0.92, 0.93, 0.95), cover * smoothstep(0.0, 0.15, way.y));
}

// Hair that lies along `way`, 0..1.
float hairs(vec3 p, vec3 way, float fine) {
    float along = dot(p, way);
    return noise((p - along * way) * fine + way * along * fine * 0.13 + 7.0);
}

float coat(vec3 p, vec3 way, float deep) {
    return 0.55 * deep * (0.5 - hairs(p, way, 34.0)) + (0.3 * deep + 0.001) * (0.5 - hairs(p, way, 85.0)) + 0.0025 * (0.5 - hairs(p, way, 190.0));
}

const vec3 EYE_AT = vec3(0.041, 0.033, 0.062);

// A head that looks along z, its jaw open by an angle: (distance, material), `fur` for the fur.
vec2 head(vec3 p, float gape, float floppy, float fur_kind) {
    vec3 q = vec3(abs(p.x), p.yz);
    float d = egg(p - vec3(0, 0.025, -0.02), vec3(0.078, 0.068, 0.09));
    d = joined(d, egg(q - vec3(0.048, -0.02, -0.005), vec3(0.042, 0.055, 0.062)), 0.03);
    d = joined(d, egg(q - vec3(0.032, 0.054, 0.052), vec3(0.026, 0.018, 0.026)), 0.018);
    float wide = mix(1.0, 1.18, floppy);
    vec3 s = vec3(p.x / wide, p.yz);
    float snout = limb(s, vec3(0, -0.006, 0.04), vec3(0, -0.008, 0.178), 0.051, 0.034);
    snout = joined(snout, limb(vec3(abs(s.x), s.yz), vec3(0.028, -0.025, 0.08), vec3(0.016, -0.024, 0.178), 0.022, 0.018), 0.012);
    snout = -joined(-snout, p.y + 0.040 - 0.08 * max(0.08 - p.z, 0.0), 0.008);
    d = joined(d, snout, 0.02);
    vec3 v = p - vec3(0, -0.035, 0.02);
    v.yz = turned(v.yz, -gape);
    vec3 w = vec3(abs(v.x), v.yz);
    float jaw = limb(vec3(v.x / wide, v.yz), vec3(0, -0.016, 0.01), vec3(0, -0.010, 0.14), 0.036, 0.019);
    jaw = -joined(-jaw, -(v.y - 0.002), 0.004);
    d = joined(d, jaw, 0.018);
    if (floppy < 0.5) {
        d = joined(d, egg(q - vec3(0.062, -0.055, -0.035), vec3(0.034, 0.06, 0.05)), 0.04);
    } else {
        vec3 e = q - vec3(0.096, -0.012, -0.005);
        e.xy = turned(e.xy, 0.2);
        e.yz = turned(e.yz, -0.15);
        float ear = egg(e, vec3(0.015, 0.088, clamp(0.050 - 0.16 * e.y, 0.02, 0.07)));
        d = joined(d, joined(ear, egg(q - vec3(0.074, 0.055, -0.015), vec3(0.024, 0.018, 0.04)), 0.02), 0.008);
    }
    vec2 found = vec2(d, fur_kind);
    if (floppy < 0.5) {
        vec3 e = q - vec3(0.05, 0.07, -0.035);
        e.xy = turned(e.xy, 0.17);
        e.xz = turned(e.xz, 0.25);
        float t = clamp(e.y / 0.15, 0.0, 1.0), half_width = 0.047 * (1.0 - t) * (1.0 + 0.55 * t);
        float cup = e.z - 7.0 * e.x * e.x + 0.02 * t;
        float plate = max(max(abs(e.x) - half_width, abs(cup + 0.003) - 0.005), max(e.y - 0.15, -0.03 - e.y));
        float inner = max(max(abs(e.x) - half_width * 0.7, abs(cup - 0.001) - 0.004), max(e.y - 0.125, 0.012 - e.y));
        found.x = joined(found.x, 0.7 * plate - 0.003, 0.016);
        found = nearer(found, vec2(0.7 * inner - 0.001, EAR));
    }
    // eyes with lids
    vec3 e = q - EYE_AT, out_way = normalize(vec3(0.55, 0.12, 0.83));
    float lid = ball(e, 0.0150);
    lid = max(lid, -egg(vec3(turned(e.xy - out_way.xy * 0.012, -0.2), e.z - 0.011), vec3(0.0140, 0.0078, 0.02)));
    found = nearer(found, vec2(lid, DARK));
    found = nearer(found, vec2(ball(e, 0.0132), EYEBALL));
    // nose
    float nose = egg(p - vec3(0, 0.008, 0.205), vec3(0.025, 0.020, 0.020));
    nose = joined(nose, limb(p, vec3(0, 0.0, 0.216), vec3(0, -0.03, 0.206), 0.008, 0.004), 0.006);
    nose = carved(nose, egg(q - vec3(0.013, 0.006, 0.222), vec3(0.0065, 0.006, 0.012)), 0.003);
    found = nearer(found, vec2(nose, DARK));
    // lips, gum, tongue, teeth
    float lip = limb(vec3(abs(s.x), s.yz), vec3(0.046, -0.040, 0.055), vec3(0.030, -0.042, 0.172), 0.0055 - 0.002 * floppy, 0.0055 - 0.002 * floppy);
    lip = min(lip, limb(vec3(w.x / wide, w.yz), vec3(0.034, -0.001, 0.03), vec3(0.017, 0.0, 0.14), 0.006 - 0.003 * floppy, 0.005 - 0.002 * floppy));
    found = nearer(found, vec2(lip, DARK));
    if (gape > 0.05) {
        float inside = egg(p - vec3(0, -0.044, 0.06), vec3(0.036, 0.026, 0.05));
        float tongue = egg(v - vec3(0, 0.010 + 0.10 * (0.09 - v.z) * step(v.z, 0.09), 0.09), vec3(0.024, 0.010, 0.075));
        if (floppy > 0.5) {
            vec3 t = v - vec3(0.004, 0.004, 0.155);
            t.yz = turned(t.yz, 0.9);
            tongue = joined(tongue, egg(t, vec3(0.023, 0.008, 0.045)), 0.015);
        }
        tongue += 0.004 * smoothstep(0.008, 0.0, abs(v.x));
        found = nearer(found, vec2(min(inside, tongue), MOUTH));
        float tooth = limb(q, vec3(0.026 * wide, -0.036, 0.168), vec3(0.025 * wide, -0.059, 0.172), 0.0055, 0.0015);
        tooth = min(tooth, limb(w, vec3(0.017 * wide, 0.0, 0.138), vec3(0.021 * wide, 0.022, 0.143), 0.0050, 0.0015));
        float at = clamp(floor((q.z - 0.08) / 0.014), 0.0, 5.0), z = 0.087 + 0.014 * at;
        tooth = min(tooth, limb(q, vec3(0.040 - 0.0022 * at, -0.038, z), vec3(0.039 - 0.0022 * at, -0.047, z), 0.0060, 0.003));
        at = clamp(floor((w.z - 0.05) / 0.014), 0.0, 5.0); z = 0.057 + 0.014 * at;
        tooth = min(tooth, limb(w, vec3(0.031 - 0.0022 * at, 0.0, z), vec3(0.031 - 0.0022 * at, 0.009, z), 0.0055, 0.0025));
        float tx = abs(mod(q.x, 0.009) - 0.0045);
        tooth = min(tooth, max(limb(vec3(tx, q.yz), vec3(0, -0.036, 0.187), vec3(0, -0.049, 0.189), 0.0042, 0.003), q.x - 0.018));
        found = nearer(found, vec2(tooth + 0.0015 * floppy, TOOTH));
    }
    return found;
}

// Toes and claws of a paw at the origin that points along z: (fur, claws).
vec2 paw(vec3 p) {
    float d = egg(p - vec3(0, 0.032, 0.0), vec3(0.042, 0.034, 0.055));
    float x = abs(p.x);
    float toes = min(egg(vec3(x - 0.011, p.y - 0.024, p.z - 0.055), vec3(0.0125, 0.023, 0.030)), egg(vec3(x - 0.033, p.y - 0.022, p.z - 0.040), vec3(0.0125, 0.021, 0.030)));
    float claws = min(limb(vec3(x, p.yz), vec3(0.011, 0.022, 0.08), vec3(0.012, 0.008, 0.098), 0.005, 0.002), limb(vec3(x, p.yz), vec3(0.033, 0.02, 0.065), vec3(0.035, 0.007, 0.082), 0.005, 0.002));
    return vec2(joined(d, toes, 0.008), claws);
}

float band(vec3 p, vec3 axis, float radius) {
    float along = dot(p, axis);
    vec2 q = abs(vec2(length(p - along * axis) - radius, along)) - vec2(0.005, 0.014);
    return length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - 0.002;
}

vec3 in_shepherd(vec3 p) {
    p -= vec3(-0.47, 0.0, 0.1);
    p.xz = turned(p.xz, 0.9);
    return p;
}

vec3 in_shepherd_head(vec3 b) {
    b -= vec3(0, 0.825, 0.155);
    b.xz = turned(b.xz, 0.16);
    b.yz = turned(b.yz, 0.3);
    return b / 1.18;
}

// The way the hair lies, and how long it is.
vec4 shepherd_hair(vec3 p, vec3 h) {
    if (length(h - vec3(0, 0.0, 0.06)) < 0.17 && h.z > -0.06)
        return vec4(normalize(vec3(sign(p.x) * 0.25, -0.25, -1)), 0.003);
    if (h.y > 0.06 && p.y > 0.7)
        return vec4(0, 1, 0, 0.002);
    if (p.z < -0.3 && p.y < 0.17)
        return vec4(normalize(vec3(-0.9, -0.15, -0.1)), 0.026);
    float deep = mix(0.003, 0.013, smoothstep(0.2, 0.5, p.y));
    float front = p.z + 0.06 * (noise(p * 12.0) - 0.5);
    if (front > 0.06)
        return vec4(normalize(vec3(0.12 * p.x, -1, 0.05)), deep);
    return vec4(normalize(vec3(0, -0.9, -0.42)), max(deep, 0.010));
}

vec2 shepherd(vec3 p) {
    vec3 q = vec3(abs(p.x), p.yz);
    float body = limb(p, vec3(0, 0.2, -0.23), vec3(0, 0.52, 0.0), 0.165, 0.135);
    body = joined(body, egg(p - vec3(0, 0.47, 0.08), vec3(0.118, 0.165, 0.13)), 0.06);
    body = joined(body, egg(q - vec3(0.1, 0.46, 0.055), vec3(0.05, 0.13, 0.08)), 0.03);
    body = joined(body, limb(p, vec3(0, 0.55, 0.04), vec3(0, 0.79, 0.12), 0.125, 0.082), 0.07);
    body = joined(body, egg(p - vec3(0, 0.57, 0.13), vec3(0.085, 0.13, 0.06)), 0.05);
    float fore = limb(q, vec3(0.1, 0.43, 0.06), vec3(0.092, 0.27, 0.095), 0.065, 0.046);
    fore = joined(fore, limb(q, vec3(0.092, 0.28, 0.095), vec3(0.084, 0.1, 0.13), 0.043, 0.030), 0.02);
    fore = joined(fore, egg(q - vec3(0.084, 0.115, 0.132), vec3(0.032, 0.03, 0.034)), 0.015);
    fore = joined(fore, limb(q, vec3(0.084, 0.1, 0.13), vec3(0.084, 0.04, 0.16), 0.030, 0.034), 0.02);
    vec3 f = q - vec3(0.088, 0.0, 0.18);
    f.xz = turned(f.xz, -0.12);
    vec2 front = paw(f);
    vec3 t = q - vec3(0.145, 0.2, -0.13);
    t.yz = turned(t.yz, -0.35);
    float hind = egg(t, vec3(0.068, 0.125, 0.185));
    hind = joined(hind, limb(q, vec3(0.165, 0.24, 0.03), vec3(0.165, 0.07, -0.16), 0.052, 0.04), 0.035);
    hind = joined(hind, limb(q, vec3(0.165, 0.045, -0.2), vec3(0.18, 0.03, 0.05), 0.036, 0.030), 0.02);
    f = q - vec3(0.185, 0.0, 0.06);
    f.xz = turned(f.xz, -0.2);
    vec2 back = paw(f);
    fore = joined(fore, front.x, 0.02);
    hind = joined(hind, back.x, 0.02);
    float tail = limb(p, vec3(0, 0.11, -0.36), vec3(-0.14, 0.065, -0.47), 0.055, 0.062);
    tail = joined(tail, limb(p, vec3(-0.14, 0.065, -0.47), vec3(-0.42, 0.055, -0.46), 0.068, 0.03), 0.04);
    body = joined(joined(joined(body, fore, 0.016), hind, 0.03), tail, 0.05);
    vec3 h = in_shepherd_head(p);
    vec2 face = head(h, 0.72, 0.0, SHEPHERD);
    face.x *= 1.18;
    vec2 found = vec2(body, SHEPHERD);
    if (face.y == SHEPHERD)
        found.x = joined(body, face.x, 0.035);
    else
        found = nearer(found, face);
    if (found.y == SHEPHERD && found.x < 0.05) {
        vec4 hair = shepherd_hair(p, h);
        found.x = 0.75 * (found.x + coat(p, hair.xyz, hair.w));
    }
    found = nearer(found, vec2(min(front.y, back.y), DARK));
    vec3 axis = normalize(vec3(0, 0.92, 0.30));
    found = nearer(found, vec2(band(p - vec3(0, 0.675, 0.085), axis, 0.109), BAND));
    return nearer(found, vec2(drum(p - vec3(0, 0.615, 0.207), 0.018, 0.003, 0.002), TAG));
}

vec3 in_golden(vec3 p) {
    p -= vec3(0.56, 0.0, -0.22);
    p.xz = turned(p.xz, -0.98);
    return p;
}

vec3 in_golden_head(vec3 b) {
    b -= vec3(0, 0.80, 0.34);
    b.xz = turned(b.xz, 0.35);
    b.yz = turned(b.yz, 0.02);
    return b / 1.2;
}

vec4 golden_hair(vec3 p, vec3 h) {
    if (length(h - vec3(0, 0.0, 0.05)) < 0.17 && h.z > -0.05) {
        if (abs(h.x) > 0.07)
            return vec4(normalize(vec3(0, -1, -0.2)), 0.012);
        return vec4(normalize(vec3(sign(h.x) * 0.25, -0.3, -1)), 0.004);
    }
    float wobble = 0.12 * (noise(p * 11.0) - 0.5);
    if (p.z + wobble > 0.12 && p.y > 0.36)
        return vec4(normalize(vec3(0, -1, -0.25)), 0.013);
    if (p.z < -0.46 && p.y > 0.35)
        return vec4(normalize(vec3(0.05, -0.8, -0.55)), 0.030);
    if (p.y + 0.5 * wobble < 0.36)
        return vec4(normalize(vec3(0, -1, -0.25)), mix(0.002, 0.014, smoothstep(0.06, 0.2, p.y)));
    return vec4(normalize(vec3(0, -0.45, -0.9)), 0.009);
}

vec2 golden(vec3 p) {
    vec3 q = vec3(abs(p.x), p.yz);
    float body = limb(p, vec3(0, 0.485, -0.34), vec3(0, 0.475, 0.06), 0.125, 0.15);
    body = joined(body, egg(p - vec3(0, 0.43, 0.1), vec3(0.125, 0.185, 0.14)), 0.05);
    body = joined(body, egg(q - vec3(0.105, 0.47, 0.08), vec3(0.045, 0.13, 0.09)), 0.03);
    body = joined(body, limb(p, vec3(0, 0.55, 0.12), vec3(0, 0.76, 0.29), 0.110, 0.074), 0.07);
    body = joined(body, egg(p - vec3(0, 0.49, 0.20), vec3(0.082, 0.15, 0.06)), 0.04);
    body = joined(body, egg(p - vec3(0, 0.345, -0.06), vec3(0.075, 0.06, 0.2)), 0.04);
    float fore = limb(q, vec3(0.1, 0.42, 0.1), vec3(0.092, 0.27, 0.07), 0.066, 0.05);
    fore = joined(fore, limb(q, vec3(0.092, 0.28, 0.075), vec3(0.088, 0.05, 0.105), 0.046, 0.034), 0.02);
    fore = joined(fore, egg(q - vec3(0.09, 0.23, 0.04), vec3(0.022, 0.12, 0.045)), 0.02);
    vec2 front = paw(q - vec3(0.088, 0.0, 0.125));
    fore = joined(fore, front.x, 0.02);
    float hind = egg(q - vec3(0.085, 0.40, -0.36), vec3(0.075, 0.16, 0.125));
    hind = joined(hind, limb(q, vec3(0.1, 0.31, -0.32), vec3(0.1, 0.17, -0.45), 0.068, 0.038), 0.04);
    hind = joined(hind, limb(q, vec3(0.1, 0.17, -0.455), vec3(0.1, 0.05, -0.41), 0.036, 0.033), 0.02);
    hind = joined(hind, egg(q - vec3(0.09, 0.33, -0.45), vec3(0.045, 0.13, 0.05)), 0.03);
    vec2 back = paw(q - vec3(0.1, 0.0, -0.39));
    hind = joined(hind, back.x, 0.02);
    float tail = limb(p, vec3(0, 0.53, -0.44), vec3(0.0, 0.61, -0.64), 0.05, 0.04);
    tail = joined(tail, limb(p, vec3(0.0, 0.61, -0.64), vec3(0.0, 0.72, -0.82), 0.04, 0.02), 0.03);
    vec3 t = p - vec3(0, 0.575, -0.69);
    t.yz = turned(t.yz, 0.5);
    tail = joined(tail, egg(t, vec3(0.025, 0.075, 0.15)), 0.03);
    body = joined(joined(joined(body, fore, 0.03), hind, 0.04), tail, 0.04);
    vec3 h = in_golden_head(p);
    vec2 face = head(h, 0.34, 1.0, GOLDEN);
    face.x *= 1.2;
    vec2 found = vec2(body, GOLDEN);
    if (face.y == GOLDEN)
        found.x = joined(body, face.x, 0.018);
    else
        found = nearer(found, face);
    if (found.y == GOLDEN && found.x < 0.06) {
        vec4 hair = golden_hair(p, h);
        found.x = 0.7 * (found.x + coat(p, hair.xyz, hair.w));
    }
    return nearer(found, vec2(min(front.y, back.y), DARK));
}

float rise(vec2 p) {
    return 0.05 * noise(vec3(p * 1.3, 2.0)) - 0.035;
}

vec2 meadow(vec3 p) {
    float d = p.y - rise(p.xz);
    if (d > 0.2)
        return vec2(d - 0.12, GROUND);
    vec2 found = vec2(0.8 * (d - 0.02 * noise(p * vec3(45, 0, 45))), GROUND);
    if (p.z > -3.0) {
        vec2 cell = floor(p.xz / 0.034);
        for (int i = 0; i < 4; i++) {
            vec2 c = cell + vec2(i & 1, i >> 1) - step(fract(p.xz / 0.034), vec2(0.5));
            float a = hash(vec3(c, 1.0)), b = hash(vec3(c, 2.0)), tall = 0.035 + 0.06 * hash(vec3(c, 3.0)) * (0.4 + noise(vec3(c * 0.12, 5.0)));
            vec3 root = vec3((c.x + 0.2 + 0.6 * a) * 0.034, p.y - d, (c.y + 0.2 + 0.6 * b) * 0.034);
            vec3 tip = root + vec3(0.045 * (b - 0.5), tall, 0.045 * (a - 0.5));
            found = nearer(found, vec2(0.8 * limb(p, root, tip, 0.0045, 0.0008), BLADE));
        }
    }
    vec2 c = floor(p.xz / 0.19);
    float kind = hash(vec3(c, 9.0));
    if (kind > 0.5) {
        vec3 at = vec3((c.x + 0.3 + 0.4 * hash(vec3(c, 6.0))) * 0.19, p.y - d + 0.05 + 0.05 * kind, (c.y + 0.3 + 0.4 * hash(vec3(c, 7.0))) * 0.19);
        vec3 f = p - at;
        f.yz = turned(f.yz, 0.5);
        found = nearer(found, vec2(egg(f, kind > 0.8 ? vec3(0.015, 0.009, 0.015) : vec3(0.014, 0.006, 0.014)), FLOWER));
    }
    return found;
}

vec2 house(vec3 p) {
    p -= vec3(1.22, 0.0, -1.25);
    p.xz = turned(p.xz, 0.42);
    float far = box(p - vec3(0, 0.5, 0), vec3(0.62, 0.62, 0.62), 0.0);
    if (far > 0.2)
        return vec2(far - 0.05, PLANKS);
    float seam = 0.006 * smoothstep(0.42, 0.5, abs(fract(p.y / 0.11) - 0.5));
    float walls = max(box(p - vec3(0, 0.4, 0), vec3(0.42, 0.6, 0.42), 0.01) + seam, 0.75 * (p.y + 0.85 * abs(p.x) - 0.93));
    float door = min(box(p - vec3(0, 0.18, 0.4), vec3(0.17, 0.2, 0.3), 0.0), drum(p - vec3(0, 0.38, 0.4), 0.17, 0.3, 0.0));
    walls = max(walls, -door);
    vec2 found = vec2(walls, PLANKS);
    float frame = max(min(box(p - vec3(0, 0.18, 0.43), vec3(0.205, 0.2, 0.02), 0.0), drum(p - vec3(0, 0.38, 0.43), 0.205, 0.02, 0.0)), -door);
    found = nearer(found, vec2(frame, PLANKS));
    vec3 r = vec3(abs(p.x), p.yz) - vec3(0.27, 0.73, 0);
    r.xy = turned(r.xy, 0.705);
    float lap = 0.02 * fract(r.x / 0.1);
    found = nearer(found, vec2(0.8 * (box(r, vec3(0.39, 0.02, 0.53), 0.006) + lap), ROOF));
    return found;
}

float grove(vec3 p) {
    if (p.z > -4.0)
        return p.z + 5.0 + 0.5;
    float d = 1e3;
    for (int k = 0; k < 4; k++) {
        bool first = k < 2;
        float gap = first ? 2.3 : 3.1, i = floor(p.x / gap + 0.5) - float(k & 1);
        float a = hash(vec3(i, gap, 4.0)), b = hash(vec3(i, gap, 5.0));
        vec3 c = p - vec3((i + 0.5 + 0.3 * (a - 0.5)) * gap, first ? 0.4 + 0.4 * a : 1.3 + 1.0 * b, (first ? -6.6 : -9.5) + b);
        d = min(d, egg(c, vec3(gap * 0.5, first ? 0.8 + 0.6 * b : 1.9, 1.2)));
    }
    d = joined(d, egg(p - vec3(0, 0.2, -8.0), vec3(16, 0.8, 1.0)), 0.3);
    if (d < 0.6)
        d -= 0.55 * (clouds(p * 1.9) - 0.4) + 0.12 * noise(p * 10.0) + 0.07 * noise(p * 25.0);
    return 0.55 * d;
}

vec2 map(vec3 p) {
    vec2 found = meadow(p);
    found = nearer(found, vec2(grove(p), TREES));
    found = nearer(found, house(p));
    vec3 s = in_shepherd(p);
    float far = box(s - vec3(-0.06, 0.55, -0.05), vec3(0.44, 0.6, 0.56), 0.0);
    found = nearer(found, far > 0.12 ? vec2(far, SHEPHERD) : shepherd(s));
    s = in_golden(p);
    far = box(s - vec3(0, 0.5, -0.13), vec3(0.26, 0.5, 0.8), 0.0);
    found = nearer(found, far > 0.12 ? vec2(far, GOLDEN) : golden(s));
    return nearer(found, vec2(ball(p - vec3(0.02, 0.055, 0.62), 0.036), TENNIS));
}

Skin paint_eye(vec3 h) {
    vec3 e = normalize(vec3(abs(h.x), h.yz) - EYE_AT);
    float look = dot(e, normalize(vec3(0.5, 0.08, 0.85)));
    vec3 c = look > 0.93 ? vec3(0.004) : mix(vec3(0.06, 0.02, 0.005), vec3(0.20, 0.08, 0.02), smoothstep(0.95, 0.75, look));
    c = mix(vec3(0.30, 0.24, 0.2), c, smoothstep(0.50, 0.56, look));
    Skin s = skin(c, 0.06, 0.05);
    s.glow = vec3(1.3) * smoothstep(0.975, 0.988, dot(e, normalize(vec3(0.35, 0.5, 0.8))));
    return s;
}

Skin paint(float material, vec3 p, vec3 n) {
    vec3 b = in_shepherd(p), g = in_golden(p);
    bool left = p.x < 0.1;
    vec3 h = left ? in_shepherd_head(b) : in_golden_head(g);
    if (material == SHEPHERD) {
        vec4 hair = shepherd_hair(b, h);
        float strand = 0.55 * hairs(b, hair.xyz, 190.0) + 0.45 * hairs(b, hair.xyz, 85.0), patch_ = clouds(b * 8.0) - 0.5;
        float ragged = 0.09 * (hairs(b, hair.xyz, 60.0) - 0.5) + 0.12 * patch_;
        float saddle = smoothstep(0.02, -0.05, b.z - 0.085 - 0.30 * (b.y - 0.47) + ragged) * smoothstep(0.24, 0.33, b.y + ragged - 0.35 * (b.z + 0.2));
        float tail = smoothstep(-0.36, -0.40, b.z + ragged) * smoothstep(0.03, 0.07, b.y);
        bool on_head = b.y > 0.72 && length(h) < 0.3;
        float mask_ = on_head ? smoothstep(0.055, 0.095, h.z + 0.3 * ragged - 0.12 * abs(h.y)) : 0.0;
        mask_ = max(mask_, on_head ? smoothstep(0.034, 0.018, length((vec3(abs(h.x), h.yz) - EYE_AT) * vec3(1, 0.8, 1))) : 0.0);
        float ears = on_head ? smoothstep(0.075, 0.13, h.y + 0.3 * ragged) * 0.9 : 0.0;
        float crown = on_head ? 0.65 * smoothstep(0.05, 0.09, h.y + 0.2 * ragged) * smoothstep(0.045, 0.0, abs(h.x)) : 0.0;
        float nape = smoothstep(0.02, -0.06, b.z - 0.33 * (b.y - 0.5) + ragged) * smoothstep(0.45, 0.6, b.y);
        float dark = clamp(max(max(max(saddle, tail), max(mask_, ears)), max(nape, crown)), 0.0, 1.0);
        float pale = smoothstep(0.2, 0.08, b.y) * 0.5 + 0.35 * smoothstep(0.12, 0.2, b.z) * smoothstep(0.7, 0.5, b.y);
        vec3 tan_fur = mix(vec3(0.17, 0.075, 0.025), mix(vec3(0.48, 0.235, 0.085), vec3(0.66, 0.45, 0.25), pale), strand);
        vec3 black = mix(vec3(0.006, 0.005, 0.005), vec3(0.055, 0.045, 0.04), strand * strand);
        return skin(mix(tan_fur * (1.0 + 0.5 * patch_), black, dark), 0.02 * dark, 0.7);
    }
    if (material == GOLDEN) {
        vec4 hair = golden_hair(g, h);
        float strand = 0.5 * hairs(g, hair.xyz, 190.0) + 0.35 * hairs(g, hair.xyz, 85.0) + 0.15 * hairs(g, hair.xyz, 34.0), patch_ = clouds(g * 6.0);
        vec3 tip = mix(vec3(0.56, 0.29, 0.085), vec3(0.82, 0.55, 0.26), clamp(smoothstep(0.42, 0.22, g.y) + smoothstep(0.18, 0.26, g.z) * 0.5 + (patch_ - 0.5), 0.0, 1.0));
        if (length(h - vec3(0.0, 0.0, 0.05)) < 0.17)
            tip = mix(tip, vec3(0.40, 0.18, 0.05), smoothstep(0.076, 0.088, abs(h.x)) * 0.8);
        return skin(mix(vec3(0.20, 0.085, 0.02), tip, smoothstep(-0.15, 0.75, strand)), 0.0, 0.9);
    }
    if (material == DARK)
        return skin(vec3(0.014, 0.012, 0.012) * (0.6 + noise(p * 500.0)), 0.05, 0.3);
    if (material == MOUTH)
        return skin(mix(vec3(0.14, 0.02, 0.02), vec3(0.62, 0.20, 0.20), smoothstep(0.05, 0.1, h.z)) * (0.85 + 0.3 * noise(p * 400.0)), 0.05, 0.3);
    if (material == EYEBALL)
        return paint_eye(h);
    if (material == TOOTH)
        return skin(vec3(0.80, 0.74, 0.58), 0.05, 0.2);
    if (material == EAR)
        return skin(mix(vec3(0.36, 0.17, 0.13), vec3(0.45, 0.30, 0.20), hairs(p, vec3(0, 1, 0), 130.0)), 0.0, 0.8);
    if (material == BAND)
        return skin(vec3(0.42, 0.02, 0.02) * (0.7 + 0.5 * noise(p * 250.0)), 0.02, 0.5);
    if (material == TAG)
        return skin(vec3(0.75, 0.6, 0.3), 0.5, 0.15);
    if (material == TENNIS)
        return skin(mix(vec3(0.42, 0.52, 0.05), vec3(0.8), smoothstep(0.006, 0.003, abs(p.y - 0.07 - 0.02 * sin(p.x * 60.0)))) * (0.7 + 0.5 * noise(p * 300.0)), 0.0, 1.0);
    if (material == TREES) {
        float leaf = noise(p * 17.0), depth = clouds(p * 3.0), which = noise(vec3(p.x * 0.5, 3.0, p.z * 0.3));
        vec3 green = mix(vec3(0.02, 0.06, 0.015), vec3(0.12, 0.13, 0.02), which);
        return skin(green * (0.1 + 0.9 * leaf + 0.5 * depth), 0.0, 1.0);
    }
    if (material == PLANKS) {
        vec3 q = p - vec3(1.22, 0.0, -1.25);
        q.xz = turned(q.xz, 0.42);
        float board = hash(vec3(floor(q.y / 0.11), 3.0, 1.0)), grain = noise(vec3(q.xz * 5.0, q.y * 130.0).xzy) * 0.5 + 0.5 * noise(vec3(q.xz * 12.0, q.y * 60.0).xzy);
        return skin(mix(vec3(0.10, 0.035, 0.018), vec3(0.30, 0.125, 0.06), grain) * (0.7 + 0.6 * board), 0.01, 0.7);
    }
    if (material == ROOF)
        return skin(vec3(0.055, 0.06, 0.07) * (0.5 + clouds(p * 9.0) + 0.5 * noise(p * 120.0)), 0.02, 0.6);
    if (material == FLOWER) {
        vec2 c = floor(p.xz / 0.19);
        float kind = hash(vec3(c, 9.0));
        if (kind > 0.8)
            return skin(vec3(0.78, 0.52, 0.03) * (0.6 + 0.6 * noise(p * 400.0)), 0.0, 1.0);
        vec2 at = (c + 0.3 + 0.4 * vec2(hash(vec3(c, 6.0)), hash(vec3(c, 7.0)))) * 0.19;
        float r = length(p.xz - at);
        return skin(r < 0.006 ? vec3(0.7, 0.45, 0.03) : vec3(0.75) * (0.7 + 0.3 * sin(atan(p.z - at.y, p.x - at.x) * 11.0)), 0.0, 1.0);
    }
    float patches = clouds(vec3(p.xz * 1.1, 2.0).xzy), fine = noise(p * vec3(70, 15, 35));
    vec3 green = mix(vec3(0.045, 0.11, 0.018), vec3(0.17, 0.23, 0.05), patches);
    if (material == BLADE) {
        float one = hash(vec3(floor(p.xz / 0.034), 8.0)), up = clamp((p.y - rise(p.xz)) / 0.09, 0.0, 1.0);
        green = mix(green, vec3(0.26, 0.24, 0.09), 0.4 * step(0.82, one));
        return skin(green * (0.35 + 1.3 * up) * (0.8 + 0.5 * one), 0.02, 0.6);
    }
    return skin(green * (p.z > -3.0 ? 0.25 + 0.5 * fine : 0.55 + 0.6 * fine), 0.0, 1.0);
}

#include "light.glsl"
