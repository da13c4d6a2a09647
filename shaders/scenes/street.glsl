// A street of houses along x: what a scene has to itself are where their fronts (FRONT) and the trees (TREES) are in z, three
// colours of plaster (PLASTER), and that all but every BRICKEDth house is of brick.

const float ROAD = 0.0, PAVEMENT = 0.1, WALL = 0.2, PANE = 0.25, LEAVES = 0.3, TRUNK = 0.35, AWNING = 0.4;

// The further of two, softly.
float both(float a, float b, float soft) {
    return -joined(-a, -b, soft);
}

float plane(vec2 p, vec2 a, vec2 b) {
    vec2 along = normalize(b - a);
    return dot(p - a, vec2(-along.y, along.x));
}

// A letter of 3 x 5 bits, `at` in the unit square.
float letter(int bits, vec2 at) {
    if (min(at.x, at.y) < 0.0 || max(at.x, at.y) >= 1.0)
        return 0.0;
    int column = int(at.x * 3.0), row = int((1.0 - at.y) * 4.999);
    return float((bits >> (14 - 3 * row - column)) & 1);
}

vec2 houses(vec3 p) {
    float wall = p.z - FRONT;
    if (wall > 1.6)
        return vec2(wall - 1.2, WALL);
    float top = p.y - 12.0;
    float d = max(wall, top);
    vec2 cell = vec2(2.4, 3.2);
    vec2 at = vec2(p.x - cell.x * floor(p.x / cell.x + 0.5), p.y - 3.6 - cell.y * max(floor((p.y - 3.6) / cell.y), 0.0) - 1.5);
    float hole = box(vec3(at, wall), vec3(0.56, 0.92, 0.22), 0.02);
    vec2 found = vec2(max(d, -hole), WALL);
    // Sills, lintels, cornices.
    float trim = min(box(vec3(at.x, at.y + 0.98, wall), vec3(0.72, 0.07, 0.12), 0.02), box(vec3(at.x, at.y - 1.04, wall), vec3(0.7, 0.12, 0.07), 0.02));
    trim = min(trim, max(abs(p.y - 3.75) - 0.16, wall - 0.2));
    found = nearer(found, vec2(min(trim, found.x + 1.0), AWNING + 0.02));
    found = nearer(found, vec2(max(wall + 0.16, top), PANE));
    float frame = min(min(abs(at.x), abs(abs(at.x) - 0.53)), min(abs(at.y - 0.25), abs(abs(at.y) - 0.89))) - 0.035;
    found = nearer(found, vec2(max(max(frame, abs(wall + 0.14) - 0.03), hole), AWNING + 0.02));
    // Shops below.
    float x = p.x - 4.8 * floor(p.x / 4.8 + 0.5);
    float shop = box(vec3(x, p.y - 1.55, wall), vec3(1.95, 1.35, 0.3), 0.02);
    found.x = max(found.x, -shop);
    if (found.y == WALL || p.y < 3.2)
        found = nearer(found, vec2(max(wall + 0.22, top), PANE));
    float slope = max(max(abs(p.y - 2.95 + 0.5 * wall) - 0.05, abs(wall - 0.45) - 0.55), abs(x) - 2.05);
    return nearer(found, vec2(0.8 * slope, AWNING));
}

vec2 trees(vec3 p) {
    float x = p.x + 5.0 - 9.0 * floor((p.x + 5.0) / 9.0 + 0.5);
    vec3 q = vec3(x, p.y, p.z - TREES);
    float far = box(q - vec3(0, 3.0, 0), vec3(1.9, 3.4, 1.9), 0.0);
    if (far > 0.5)
        return vec2(min(far, 4.0), LEAVES);
    float crown = min(egg(q - vec3(0, 4.9, 0), vec3(1.6, 1.5, 1.6)), egg(q - vec3(0.3, 4.0, 0.2), vec3(1.5, 0.9, 1.4)));
    crown -= 1.3 * (clouds(p * 1.7) - 0.5) + 0.30 * (noise(p * 9.0) - 0.5) + 0.1 * (noise(p * 26.0) - 0.5);
    return nearer(vec2(0.45 * crown, LEAVES), vec2(limb(q, vec3(0, 0, 0), vec3(0.1, 4.0, 0), 0.15, 0.09), TRUNK));
}

Skin wall(vec3 p, vec3 n) {
    float shop = floor(p.x / 4.8 + 0.5), x = p.x - 4.8 * shop;
    if (p.y > 3.06 && p.y < 3.54 && abs(x) < 2.0) {
        float tone = hash(vec3(shop, 5, 1)), cell = floor(x / 0.34);
        float mark = letter(int(hash(vec3(cell, shop, 9)) * 32767.0) | 055500, vec2(fract(x / 0.34) / 0.7, (p.y - 3.17) / 0.27)) * step(abs(x + 0.17 * step(0.5, tone)), 1.1);
        vec3 board = tone < 0.35 ? vec3(0.03, 0.08, 0.06) : (tone < 0.7 ? vec3(0.05, 0.06, 0.10) : vec3(0.16, 0.04, 0.03));
        return skin(mix(board, vec3(0.55, 0.45, 0.25), mark) * (0.8 + 0.3 * noise(p * 20.0)), 0.03, 0.4);
    }
    float id = floor(p.x / 7.2 + 0.5);
    float pick = hash(vec3(id, 3.0, 7.0));
    vec3 plaster = PLASTER[int(3.0 * pick)];
    float stain = clouds(vec3(p.x * 1.5, p.y * 0.5, 1.0));
    if (p.y > 3.8 && mod(id, BRICKED) > 0.5)
        return bricks(p);
    return skin(plaster * (0.55 + 0.5 * stain + 0.2 * noise(p * 40.0)) * (p.y < 0.6 ? 0.6 : 1.0), 0.0, 1.0);
}

Skin glass(vec3 p) {
    return skin(vec3(0.012, 0.016, 0.018) + 0.02 * noise(p * 3.0), 0.30, 0.03);
}
