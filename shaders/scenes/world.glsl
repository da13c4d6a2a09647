// What every scene is built of: noise, solids, ways to join them. Lengths in metres, y is up.

struct Skin {
    vec3 colour;  // linear
    float shine;  // 0 like cloth, 1 like a mirror
    float rough;  // 0 a sharp highlight, 1 none
    vec3 glow;    // light of its own
};

const float PI = 3.14159265;

float hash(vec3 p) {
    p = fract(p * vec3(0.1031, 0.1030, 0.0973));
    p += dot(p, p.yxz + 33.33);
    return fract((p.x + p.y) * p.z);
}

// Smooth noise, 0..1.
float noise(vec3 p) {
    vec3 i = floor(p), f = fract(p);
    f = f * f * (3.0 - 2.0 * f);
    vec4 low = vec4(hash(i), hash(i + vec3(1, 0, 0)), hash(i + vec3(0, 1, 0)), hash(i + vec3(1, 1, 0)));
    vec4 high = vec4(hash(i + vec3(0, 0, 1)), hash(i + vec3(1, 0, 1)), hash(i + vec3(0, 1, 1)), hash(i + vec3(1, 1, 1)));
    vec4 z = mix(low, high, f.z);
    vec2 y = mix(z.xy, z.zw, f.y);
    return mix(y.x, y.y, f.x);
}

// Noise of several sizes, 0..1.
float clouds(vec3 p) {
    float sum = 0.0, share = 0.5;
    for (int i = 0; i < 5; i++) {
        sum += share * noise(p);
        p = p * 2.03 + 17.1;
        share *= 0.5;
    }
    return sum;
}

vec2 turned(vec2 p, float angle) {
    float c = cos(angle), s = sin(angle);
    return vec2(c * p.x - s * p.y, s * p.x + c * p.y);
}

float ball(vec3 p, float radius) {
    return length(p) - radius;
}

float egg(vec3 p, vec3 radii) {
    float near = length(p / radii), slope = length(p / (radii * radii));
    return near * (near - 1.0) / max(slope, 1e-4);
}

float box(vec3 p, vec3 half_size, float rounding) {
    vec3 q = abs(p) - half_size + rounding;
    return length(max(q, 0.0)) + min(max(q.x, max(q.y, q.z)), 0.0) - rounding;
}

// A stick from a to b, `thin` at a and `thick` at b.
float limb(vec3 p, vec3 a, vec3 b, float thin, float thick) {
    vec3 along = b - a, from = p - a;
    float at = clamp(dot(from, along) / dot(along, along), 0.0, 1.0);
    return length(from - along * at) - mix(thin, thick, at);
}

// A round bar along z.
float drum(vec3 p, float radius, float half_length, float rounding) {
    vec2 q = vec2(length(p.xy) - radius, abs(p.z) - half_length) + rounding;
    return min(max(q.x, q.y), 0.0) + length(max(q, 0.0)) - rounding;
}

// A ring around z.
float ring(vec3 p, float radius, float thick) {
    return length(vec2(length(p.xy) - radius, p.z)) - thick;
}

// A flat slab below y = 0.
float ground(vec3 p) {
    return p.y;
}

float joined(float a, float b, float soft) {
    float h = clamp(0.5 + 0.5 * (b - a) / soft, 0.0, 1.0);
    return mix(b, a, h) - soft * h * (1.0 - h);
}

float carved(float solid, float hole, float soft) {
    return -joined(-solid, hole, soft);
}

// The nearer of two (distance, material).
vec2 nearer(vec2 a, vec2 b) {
    return a.x < b.x ? a : b;
}

Skin skin(vec3 colour, float shine, float rough) {
    return Skin(colour, shine, rough, vec3(0));
}

Skin grass(vec3 p) {
    float blades = noise(p * vec3(90, 20, 40)), patches = clouds(p * 1.3);
    vec3 green = mix(vec3(0.05, 0.16, 0.02), vec3(0.20, 0.36, 0.06), patches);
    return skin(green * (0.45 + 1.0 * blades), 0.0, 1.0);
}

Skin asphalt(vec3 p) {
    float grit = noise(p * 70.0), wear = clouds(p * 0.8);
    return skin(vec3(0.10, 0.10, 0.11) * (0.6 + 0.5 * grit + 0.5 * wear), 0.02, 0.7);
}

// Bricks on a wall along x and y.
Skin bricks(vec3 p) {
    vec2 cell = vec2(p.x / 0.24 + 0.5 * mod(floor(p.y / 0.09), 2.0), p.y / 0.09);
    vec2 within = abs(fract(cell) - 0.5);
    float mortar = smoothstep(0.44, 0.48, max(within.x * 1.04, within.y * 0.92));
    float shade = hash(vec3(floor(cell), 1.0));
    vec3 clay = mix(vec3(0.30, 0.09, 0.05), vec3(0.50, 0.20, 0.11), shade) * (0.75 + 0.5 * noise(p * 60.0));
    return skin(mix(clay, vec3(0.45, 0.42, 0.38), mortar), 0.0, 1.0);
}

Skin wood(vec3 p) {
    float rings = noise(vec3(p.x * 2.0, p.y * 40.0, p.z * 40.0)), grain = clouds(vec3(p.x * 6.0, p.y * 120.0, p.z * 120.0));
    return skin(mix(vec3(0.22, 0.10, 0.04), vec3(0.50, 0.28, 0.12), 0.6 * rings + 0.4 * grain), 0.05, 0.5);
}

Skin fur(vec3 p, vec3 dark, vec3 light) {
    float hairs = noise(p * vec3(60, 26, 60)), tufts = clouds(p * 7.0);
    return skin(mix(dark, light, clamp(0.9 * tufts + 0.7 * (hairs - 0.5), 0.0, 1.0)), 0.0, 1.0);
}
