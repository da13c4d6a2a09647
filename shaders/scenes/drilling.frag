// A yellow cordless drill on a workbench bores into a post, chips fly; behind it a blue drill and tools on a wall.

#include "world.glsl"

const vec3 EYE = vec3(-0.2, 1.28, 3.05), TARGET = vec3(0.08, 0.665, 0.0), SUN = vec3(-0.45, 0.85, 0.75);
const float FOV = 33.0, HAZE = 0.0;

const float BENCH = 0.0, WALL = 0.1, TOOL = 0.2, HANDLE = 0.3, BOXES = 0.4, CLAY = 0.15;
const float SHELL = 1.0, BLUE = 2.0, RUBBER = 3.0, CHUCK = 4.0, STEEL = 5.0, TRIGGER = 6.0, DARK = 7.0, POST = 8.0,
            CHIP = 9.0, BRASS = 10.0, PACK = 11.0, LENS = 12.0;

// A workshop with windows in front and above, for what shines.
#define SKY
vec3 sky(vec3 way) {
    vec3 room = mix(vec3(0.07, 0.055, 0.045), vec3(0.20, 0.21, 0.23), smoothstep(-0.2, 0.9, way.y));
    vec2 pane = vec2(atan(way.x, way.z) - 0.5, way.y - 0.55);
    float window = smoothstep(0.06, 0.0, max(abs(pane.x + 1.25) - 0.42, abs(pane.y) - 0.26));
    window *= smoothstep(0.01, 0.03, abs(pane.x + 1.25)) * smoothstep(0.01, 0.03, abs(pane.y));
    float lamp = smoothstep(0.08, 0.0, max(abs(way.y - 0.85) - 0.07, abs(way.z) - 0.7));
    return room + window * vec3(1.5, 1.65, 1.8) + lamp * vec3(1.2, 1.1, 0.95) + 0.25 * smoothstep(0.5, 0.0, abs(pane.x - 0.6)) * smoothstep(0.4, 0.0, abs(pane.y));
}

vec3 first(vec3 p) {
    return p - vec3(-0.42, 1.0, 0.0);
}

vec3 second(vec3 p) {
    p -= vec3(1.68, 0.8, -0.75);
    p.xz = turned(p.xz, -2.5);
    return p / 0.8;
}

// A round bar along x from a to b.
float bar(vec3 p, float a, float b, float radius, float rounding) {
    return drum(vec3(p.z, p.y, p.x - 0.5 * (a + b)), radius, 0.5 * (b - a), rounding);
}

// A twist bit along x, from 0 to its point at `span`.
float bit(vec3 p, float span, float radius) {
    float thin = min(1.0, (span - p.x) / (1.3 * radius));
    vec2 q = turned(p.yz, p.x / radius * 1.15);
    float d = length(q) - radius * thin;
    q.x = abs(q.x);
    float flute = length(q - vec2(1.0, 0.2) * radius) - 0.7 * radius;
    if (p.x > 2.0 * radius)
        d = carved(d, flute, 0.1 * radius);
    return 0.55 * max(d, max(-p.x, p.x - span));
}

// A drill that looks along x, its axis through 0.
vec2 drill(vec3 p, float shell, float bit_length) {
    float bound = box(p - vec3(0.15, -0.4, 0), vec3(0.85 + bit_length, 0.66, 0.25), 0.0);
    if (bound > 0.25)
        return vec2(bound, shell);
    float side = abs(p.z), turn = atan(p.y, p.z), r = length(p.yz);
    // motor housing
    float body = box(p - vec3(-0.29, 0.0, 0), vec3(0.33, 0.19, 0.172), 0.14);
    body = joined(body, bar(p, -0.2, 0.13, 0.168, 0.03), 0.04);
    body = joined(body, box(p - vec3(-0.22, 0.175, 0), vec3(0.28, 0.03, 0.06), 0.02), 0.03);
    // grip
    vec3 g = p;
    g.x += 0.335 - 0.16 * (p.y + 0.1);
    float swell = 0.016 * cos(9.0 * (p.y + 0.36)) + 0.03 * smoothstep(-0.35, -0.05, p.y);
    float grip = box(g - vec3(0, -0.4, 0), vec3(0.115 + swell, 0.38, 0.098), 0.088);
    body = joined(body, grip, 0.09);
    float foot = box(p - vec3(-0.36, -0.745, 0), vec3(0.28, 0.05, 0.155), 0.04);
    foot = joined(foot, box(p - vec3(-0.40, -0.69, 0), vec3(0.14, 0.06, 0.1), 0.04), 0.08);
    body = joined(body, foot, 0.05);
    // vents, screw holes, the seam of the two shells
    vec2 slot = vec2(p.x + 0.45 - 0.25 * p.y, abs(mod(p.y + 0.02, 0.05) - 0.025));
    if (abs(p.y + 0.005) < 0.12)
        body = carved(body, max(max(abs(slot.x) - 0.085, slot.y - 0.011), 0.14 - side), 0.006);
    float holes = 1e3;
    holes = min(holes, length(p.xy - vec2(-0.1, 0.125)) - 0.021);
    holes = min(holes, length(p.xy - vec2(-0.07, -0.12)) - 0.021);
    holes = min(holes, length(p.xy - vec2(-0.37, -0.24)) - 0.02);
    holes = min(holes, length(p.xy - vec2(-0.44, -0.62)) - 0.02);
    holes = min(holes, length(p.xy - vec2(-0.58, -0.74)) - 0.018);
    holes = min(holes, length(p.xy - vec2(-0.15, -0.74)) - 0.018);
    body = carved(body, max(holes, 0.055 - side), 0.008);
    body += 0.004 * smoothstep(0.008, 0.0, side);
    float edge = p.x + 0.49 - 0.35 * p.y;
    body += 0.005 * smoothstep(0.009, 0.0, abs(edge)) * step(-0.2, p.y);
    bool held = p.y < -0.17 && p.y > -0.66 && (abs(g.x + 0.005) > 0.045 + 0.03 * sin(8.0 * p.y) || side < 0.05);
    bool rubber = held || (p.y > -0.25 && edge < 0.0);
    if (rubber)
        body -= 0.003 + 0.0016 * sin(140.0 * p.y) * sin(140.0 * p.x);
    vec2 found = vec2(0.85 * body, rubber ? RUBBER : shell);
    // battery
    float pack = box(p - vec3(-0.335, -0.895, 0), vec3(0.325, 0.105, 0.175), 0.035);
    pack = min(pack, box(p - vec3(-0.335, -0.80, 0), vec3(0.29, 0.03, 0.14), 0.01));
    pack += 0.006 * smoothstep(0.007, 0.0, abs(p.y + 0.925));
    pack = carved(pack, box(vec3(abs(p.x + 0.335) - 0.325, p.y + 0.87, p.z), vec3(0.02, 0.03, 0.08), 0.01), 0.01);
    found = nearer(found, vec2(pack, PACK));
    found = nearer(found, vec2(box(p - vec3(-0.01, -0.9, 0), vec3(0.03, 0.04, 0.07), 0.015), TRIGGER));
    // trigger, switch, lamp
    vec3 t = p - vec3(-0.185, -0.285, 0);
    t.x += 1.6 * t.y * t.y + 0.1 * t.y;
    found = nearer(found, vec2(0.8 * box(t - vec3(0.01, 0, 0), vec3(0.06, 0.1, 0.052), 0.03), TRIGGER));
    found = nearer(found, vec2(box(p - vec3(-0.25, -0.165, 0), vec3(0.045, 0.022, 0.14), 0.012), DARK));
    found = nearer(found, vec2(bar(p - vec3(0.0, -0.16, 0), -0.05, 0.1, 0.05, 0.02), DARK));
    found = nearer(found, vec2(ball(p - vec3(0.09, -0.16, 0), 0.028), LENS));
    // gear case, clutch ring, chuck
    float gear = bar(p, 0.1, 0.17, 0.152, 0.015);
    float clutch = bar(p, 0.175, 0.285, 0.162 + 0.006 * sin(26.0 * turn), 0.018);
    found = nearer(found, vec2(gear, DARK));
    found = nearer(found, vec2(0.8 * clutch, DARK));
    found = nearer(found, vec2(bar(p, 0.13, 0.32, 0.11, 0.01), CHUCK));
    float sleeve = bar(p, 0.315, 0.40, 0.13 + 0.004 * sin(30.0 * turn), 0.012);
    sleeve = min(sleeve, bar(p, 0.41, 0.575, 0.127 + 0.005 * smoothstep(-0.3, 0.3, sin(22.0 * turn)), 0.012));
    float metal = bar(p, 0.3, 0.6, 0.116, 0.008);
    metal = min(metal, 0.8 * max(r - mix(0.112, 0.06, (p.x - 0.585) / 0.1), abs(p.x - 0.63) - 0.05));
    float third = mod(turn + 0.35, 2.0 * PI / 3.0) - PI / 3.0;
    metal = min(metal, box(vec3(p.x - 0.685, r * cos(third) - 0.045, r * sin(third)), vec3(0.03, 0.012, 0.014), 0.004));
    found = nearer(found, vec2(0.8 * sleeve, DARK));
    found = nearer(found, vec2(metal, CHUCK));
    return nearer(found, vec2(bit(p - vec3(0.64, 0, 0), bit_length, 0.062), STEEL));
}

// A screw along x, head at 0.
float screw(vec3 p, float span) {
    float head = max(length(p.yz) - mix(0.045, 0.016, clamp(p.x / 0.035, 0.0, 1.0)), abs(p.x - 0.018) - 0.018);
    head = max(head, -max(min(abs(p.y), abs(p.z)) - 0.006, p.x - 0.012));
    float thread = 0.005 * sin(atan(p.y, p.z) + p.x * 260.0) * step(0.05, p.x);
    float thin = 0.016 * min(1.0, (span - p.x) / 0.06) + thread;
    return 0.6 * min(head, max(length(p.yz) - thin, max(-p.x, p.x - span)));
}

vec3 lying(vec3 p, vec2 at, float height, float angle) {
    p -= vec3(at.x, height, at.y);
    p.xz = turned(p.xz, angle);
    return p;
}

const vec3 ENTRY = vec3(0.73, 1.0, 0.0);

// Wood chips: a heap on the bench, flakes in the air around the hole.
float chips(vec3 p) {
    float heap = p.y - 0.16 * exp(-14.0 * dot(p.xz - vec2(0.6, 0.06), p.xz - vec2(0.6, 0.06))) * (0.6 + 0.8 * noise(p * 14.0)) + 0.012 + 0.02 - 0.035 * noise(p * 38.0) * exp(-2.5 * length(p.xz - vec2(0.53, 0.1)));
    heap *= 0.5;
    vec3 from = p - ENTRY + vec3(0.02, 0, 0);
    float reach = box(from + vec3(0.1, 0.4, 0), vec3(0.3, 0.6, 0.3), 0.0);
    if (reach > 0.1)
        return min(heap, reach);
    for (int layer = 0; layer < 2; layer++) {
        float cell = layer == 0 ? 0.07 : 0.042;
        vec3 q = p + 0.37 * float(layer), i = floor(q / cell);
        vec3 f = q - (i + 0.5) * cell;
        vec3 c = (i + 0.5) * cell - 0.37 * float(layer) - ENTRY;
        float seed = hash(i + 3.0), fall = length(vec2(c.x + 0.09 - 0.12 * c.y, c.z));
        float dense = smoothstep(0.30, 0.02, fall) * smoothstep(0.17, 0.03, c.y) * (c.z > 0.0 && abs(c.y) < 0.09 ? 0.25 : 1.0);
        float away = cell * 0.45;
        if (seed < 0.4 * dense) {
            f -= cell * 0.2 * (vec3(hash(i + 7.0), hash(i + 11.0), hash(i + 13.0)) - 0.5);
            f.xy = turned(f.xy, 6.3 * hash(i + 5.0));
            f.yz = turned(f.yz, 6.3 * hash(i + 9.0));
            f.y += 14.0 * f.x * f.x;
            away = 0.7 * box(f, vec3(0.3, 0.05, 0.14) * cell * (0.5 + 0.9 * hash(i + 2.0)), 0.002);
        }
        vec3 wall = cell * 0.5 - abs(q - (i + 0.5) * cell);
        heap = min(heap, min(away, max(min(wall.x, min(wall.y, wall.z)), 0.0) + 0.012));
    }
    return heap;
}

vec2 hung(vec3 p) {
    p -= vec3(0, 0, -1.62);
    float bound = abs(p.z) - 0.12;
    if (bound > 0.2)
        return vec2(bound, TOOL);
    // spanners, from long to short
    float i = clamp(floor((p.x + 0.98) / 0.2 + 0.5), -3.0, 3.0);
    vec3 q = p - vec3(-0.98 + 0.2 * i, 1.55 + 0.03 * i, 0.05);
    float span = 0.42 - 0.035 * i;
    float d = box(q, vec3(0.028, span, 0.018), 0.015);
    d = min(d, max(max(length(q.xy - vec2(0, span)) - 0.075, abs(q.z) - 0.025), -box(q - vec3(0.02, span + 0.05, 0), vec3(0.032, 0.06, 0.1), 0.0)));
    d = min(d, max(abs(length(q.xy + vec2(0, span)) - 0.045) - 0.02, abs(q.z) - 0.025));
    vec2 found = vec2(d, TOOL);
    // a hammer, screwdrivers
    q = p - vec3(0.42, 1.55, 0.06);
    found = nearer(found, vec2(limb(q, vec3(0, -0.5, 0), vec3(0, 0.3, 0), 0.045, 0.03), HANDLE));
    found = nearer(found, vec2(min(box(q - vec3(0.0, 0.33, 0), vec3(0.12, 0.05, 0.05), 0.015), bar(q - vec3(0, 0.33, 0), 0.1, 0.2, 0.06, 0.01)), TOOL));
    i = clamp(floor((p.x - 0.95) / 0.2 + 0.5), -1.0, 4.0);
    q = p - vec3(0.95 + 0.2 * i, 1.62, 0.06);
    found = nearer(found, vec2(limb(q, vec3(0, 0.0, 0), vec3(0, 0.24, 0), 0.05, 0.045), HANDLE));
    return nearer(found, vec2(limb(q, vec3(0, -0.4, 0), vec3(0, 0.0, 0), 0.014, 0.014), TOOL));
}

vec2 map(vec3 p) {
    float gap = abs(mod(p.z + 0.1, 0.52) - 0.26);
    vec2 found = vec2(p.y + 0.012 * smoothstep(0.012, 0.0, gap) + 0.003 * noise(p * vec3(6, 1, 40)), BENCH);
    vec2 peg = abs(mod(p.xy, 0.13) - 0.065);
    float wall = p.z + 1.66;
    found = nearer(found, vec2(wall, WALL));
    found = nearer(found, hung(p));
    float post = box(p - vec3(0.92, 0.9, -0.02), vec3(0.19, 1.3, 0.21), 0.012) + 0.003 * noise(p * vec3(50, 3, 50));
    post = max(post, -(length(p.yz - ENTRY.yz) - 0.06 - 0.012 * noise(p * 40.0)));
    post = max(post, -max(min(length(p.xy - vec2(0.92, 0.62)), length(p.xy - vec2(0.95, 1.33))) - 0.045, 0.1 - p.z));
    found = nearer(found, vec2(0.9 * post, POST));
    found = nearer(found, drill(first(p), SHELL, 0.72));
    found = nearer(found, drill(second(p), BLUE, 0.3) * vec2(0.8, 1));
    found = nearer(found, vec2(chips(p), CHIP));
    // bits and screws on the bench
    if (p.y < 0.3 && p.z > 0.2) {
        found = nearer(found, vec2(bit(lying(p, vec2(-0.3, 0.46), 0.04, 0.12), 0.7, 0.036), STEEL));
        found = nearer(found, vec2(bit(lying(p, vec2(0.0, 0.6), 0.03, -0.08), 0.6, 0.028), STEEL));
        found = nearer(found, vec2(screw(lying(p, vec2(0.86, 0.45), 0.03, 0.5), 0.3), BRASS));
        found = nearer(found, vec2(screw(lying(p, vec2(0.9, 0.62), 0.03, -0.7), 0.3), BRASS));
        found = nearer(found, vec2(screw(lying(p, vec2(1.15, 0.5), 0.03, 2.5), 0.28), BRASS));
        found = nearer(found, vec2(screw(lying(p, vec2(-0.55, 0.62), 0.03, 2.0), 0.3), BRASS));
        found = nearer(found, vec2(screw(lying(p, vec2(-0.85, 0.5), 0.03, 0.3), 0.28), BRASS));
    }
    return found;
}

float stroke(vec2 p, vec2 a, vec2 b, float thick) {
    vec2 along = b - a, from = p - a;
    return length(from - along * clamp(dot(from, along) / dot(along, along), 0.0, 1.0)) - thick;
}

// "18V" around 0, 1 high.
float volts(vec2 p) {
    float d = min(stroke(p, vec2(-0.95, -0.5), vec2(-0.95, 0.5), 0.1), stroke(p, vec2(-0.95, 0.5), vec2(-1.15, 0.3), 0.1));
    vec2 q = vec2(p.x + 0.35, abs(p.y) - 0.26);
    d = min(d, abs(length(q) - 0.25) - 0.09);
    q = vec2(abs(p.x - 0.5), p.y);
    return min(d, stroke(q, vec2(0.0, -0.5), vec2(0.32, 0.5), 0.1));
}

// What is printed on a drill, and its dust.
Skin plastic(vec3 p, vec3 colour) {
    float dirt = clouds(p * 9.0), scratch = smoothstep(0.72, 0.8, noise(p * vec3(20, 160, 60)));
    if (p.y > -0.2) {
        vec2 q = (p.xy - vec2(-0.16, 0.02)) / 0.075;
        float band = abs(q.y) - 1.0;
        q.x *= p.z < 0.0 ? -1.0 : 1.0;
        if (abs(q.x - 0.1) < 2.6 && band < 0.0 && abs(p.z) > 0.08)
            colour = volts(q * 1.15) < 0.0 ? (colour.r > 0.5 ? colour : vec3(0.8)) : (abs(q.x - 0.35 * q.y) < 2.2 ? vec3(0.02) : colour);
    }
    colour *= 0.8 + 0.3 * dirt;
    colour = mix(colour, vec3(0.35, 0.28, 0.2), 0.35 * smoothstep(0.5, 0.75, dirt) + 0.12 * scratch);
    return skin(colour, 0.07, 0.22 + 0.25 * dirt);
}

Skin paint(float material, vec3 p, vec3 n) {
    float grit = noise(p * 90.0), dirt = clouds(p * 6.0);
    if (material == SHELL)
        return plastic(first(p), vec3(0.82, 0.36, 0.008));
    if (material == BLUE)
        return plastic(second(p), vec3(0.02, 0.13, 0.36));
    if (material == RUBBER)
        return skin(vec3(0.022, 0.022, 0.024) * (0.7 + 0.5 * grit) + 0.015 * smoothstep(0.5, 0.7, dirt), 0.03, 0.6);
    if (material == PACK) {
        vec3 q = p.x > 0.7 ? second(p) : first(p);
        vec3 colour = vec3(0.025) * (0.7 + 0.6 * grit);
        vec2 at = (q.xy - vec2(-0.4, -0.872)) / 0.07 * vec2(q.z < 0.0 ? -1 : 1, 1);
        if (volts(at) < 0.0 && abs(q.z) > 0.1)
            colour = vec3(0.75);
        if (q.y < -0.94 && q.y > -0.975 && abs(q.z) > 0.1)
            colour = p.x > 0.7 ? vec3(0.03, 0.15, 0.4) : vec3(0.8, 0.46, 0.02);
        if (q.z > 0.1 && abs(q.y + 0.872) < 0.012 && abs(mod(q.x, 0.04) - 0.02) < 0.011 && q.x > -0.24 && q.x < -0.12)
            return Skin(vec3(0.1, 0.5, 0.1), 0.05, 0.3, q.x < -0.16 ? vec3(0.05, 0.5, 0.06) : vec3(0));
        return skin(colour, 0.05, 0.35);
    }
    if (material == CHUCK)
        return skin(vec3(0.42, 0.42, 0.43) * (0.7 + 0.4 * dirt), 0.5, 0.2 + 0.2 * dirt);
    if (material == STEEL) {
        vec3 colour = mix(vec3(0.36, 0.36, 0.37), vec3(0.50, 0.34, 0.16), 0.35 * dirt);
        float depth = p.y > 0.5 ? smoothstep(0.028, 0.056, length(p.yz - ENTRY.yz)) : 0.55;
        return skin(colour * (0.8 + 0.3 * noise(p * vec3(40, 300, 300))) * mix(0.15, 0.8, depth), 0.5 * depth, 0.25);
    }
    if (material == BRASS)
        return skin(vec3(0.34, 0.22, 0.07) * (0.6 + 0.6 * dirt), 0.3, 0.3);
    if (material == TRIGGER)
        return skin(p.y < 0.4 ? vec3(0.03) : vec3(0.55, 0.03, 0.02), 0.06, 0.3);
    if (material == LENS)
        return Skin(vec3(0.8), 0.3, 0.05, vec3(0.9, 0.9, 0.8));
    if (material == DARK) {
        vec3 q = first(p);
        float turn = atan(q.y, q.z) * 9.0;
        vec3 colour = vec3(0.03) * (0.7 + 0.6 * grit);
        if (abs(q.x - 0.145) < 0.014 && abs(fract(turn) - 0.5) < 0.18)
            colour = vec3(0.65);
        return skin(colour, 0.06, 0.35);
    }
    if (material == CHIP)
        return skin(vec3(0.72, 0.48, 0.24) * (0.55 + 0.6 * noise(p * 45.0)), 0.0, 1.0);
    if (material == POST) {
        vec3 q = vec3(p.x + 0.06 * clouds(vec3(p.y * 1.6, p.x * 3.0, 1)), p.y, p.z + 0.05 * clouds(vec3(p.y * 1.4, 2, p.x)));
        float rings = 0.5 + 0.5 * sin(70.0 * length(q.xz - vec2(0.75, -0.6)) + 5.0 * clouds(q * vec3(3, 0.8, 3)));
        float pores = noise(vec3(p.x * 160.0, p.y * 8.0, p.z * 160.0));
        vec3 colour = mix(vec3(0.62, 0.38, 0.17), vec3(0.40, 0.19, 0.07), rings * rings * 0.75) * (0.7 + 0.45 * pores);
        vec2 knot = (p.xy - vec2(1.01, 0.93)) * vec2(1.0, 0.6);
        colour = mix(colour, vec3(0.16, 0.07, 0.03), smoothstep(0.07, 0.02, length(knot)) * 0.85);
        return skin(colour * (0.75 + 0.4 * dirt), 0.02, 0.7);
    }
    if (material == BENCH) {
        float plank = floor((p.z + 0.1) / 0.52 + 0.5);
        vec3 q = vec3(p.x * 0.9 + 7.0 * plank, 0.3 * plank, p.z * 0.8 + 0.06 * clouds(vec3(p.x * 1.5, plank, p.z)));
        Skin s = wood(q);
        s.colour *= (0.5 + 0.55 * hash(vec3(plank, 2, 3))) * (0.55 + 0.7 * clouds(p * 2.2));
        s.colour = mix(s.colour, vec3(0.55, 0.38, 0.2), 0.5 * smoothstep(0.55, 0.75, noise(p * 55.0)) * exp(-1.6 * length(p.xz - vec2(0.45, 0.2))));
        s.colour *= 1.0 - 0.6 * smoothstep(0.6, 0.72, clouds(p * 3.1 + 5.0));
        return skin(s.colour, 0.05, 0.45);
    }
    if (material == TOOL)
        return skin(vec3(0.20, 0.20, 0.21) * (0.6 + 0.6 * dirt), 0.3, 0.4);
    if (material == HANDLE)
        return p.x < 0.7 ? wood(p.yxz) : skin(mod(floor(p.x / 0.2 + 0.25), 2.0) < 0.5 ? vec3(0.4, 0.04, 0.03) : vec3(0.03, 0.1, 0.25), 0.08, 0.3);
    vec2 peg = mod(p.xy + 0.04, 0.12) - 0.06;
    float hole = smoothstep(0.016, 0.011, length(peg));
    vec3 board = mix(vec3(0.075, 0.085, 0.085), vec3(0.15, 0.16, 0.15), clouds(p * vec3(2, 3, 1))) * (0.25 + 0.95 * clouds(p * 1.1 + 3.0));
    return skin(mix(board, vec3(0.012), 0.6 * hole), 0.02, 0.6);
}

#include "light.glsl"
