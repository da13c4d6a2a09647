// How a scene is seen: sphere tracing (Hart, "Sphere Tracing", 1996), sun with soft shadow, light of the sky, one mirroring,
// haze. The picture is opaque where things of the class are, elsewhere clear.

#include "params"

// Loops whose length a compiler does not know stay loops: unrolled, a scene is there a dozen times, and takes minutes to compile.
#define TIMES(count) (count + int(min(u_aspect, 0.0)))

#ifndef SKY
vec3 sky(vec3 way) {
    vec3 blue = mix(vec3(0.62, 0.74, 0.86), vec3(0.14, 0.32, 0.66), clamp(way.y * 1.6, 0.0, 1.0));
    float cover = smoothstep(0.42, 0.72, clouds(vec3(way.xz / (way.y + 0.25) * 1.5, 3.0)));
    return mix(blue, vec3(0.95, 0.95, 0.96), cover * smoothstep(0.0, 0.12, way.y));
}
#endif

// (distance or -1, material)
vec2 traced(vec3 from, vec3 way) {
    vec2 found = vec2(0);
    float far = 0.02;
    for (int i = 0; i < TIMES(140) && far < 60.0; i++) {
        found = map(from + far * way);
        if (found.x < 0.0007 * far + 0.0004)
            return vec2(far, found.y);
        far += 0.9 * found.x;
    }
    return far < 60.0 ? vec2(far, found.y) : vec2(-1.0, 0.0);  // a ray that grazes things runs out of steps
}

vec3 slope(vec3 p, float far) {
    vec3 sum = vec3(0);
    for (int i = 0; i < TIMES(4); i++) {
        vec3 corner = vec3(i == 0 || i == 3, i == 2 || i == 3, i == 1 || i == 3) * 2.0 - 1.0;
        sum += corner * map(p + (0.0006 + 0.0004 * far) * corner).x;
    }
    return normalize(sum);
}

float sunlit(vec3 from, vec3 sun) {
    float light = 1.0, far = 0.02;
    for (int i = 0; i < TIMES(40) && light > 0.01 && far < 8.0; i++) {
        float near = map(from + far * sun).x;
        light = min(light, 10.0 * near / far);
        far += clamp(near, 0.01, 0.3);
    }
    light = clamp(light, 0.0, 1.0);
    return light * light * (3.0 - 2.0 * light);
}

// How much of the sky a place sees.
float open(vec3 p, vec3 n) {
    float closed = 0.0, share = 1.0;
    for (int i = 1; i < TIMES(6); i++) {
        float reach = 0.018 * float(i * i);
        closed += share * max(reach - map(p + reach * n).x, 0.0);
        share *= 0.7;
    }
    return clamp(1.0 - 1.6 * closed, 0.0, 1.0);
}

vec3 upper_sky(vec3 way) {
    return sky(vec3(way.x, abs(way.y), way.z));
}

// What is seen from a place; `opaque` says whether it is of the class.
vec3 seen_from(vec3 from, vec3 way, out float opaque) {
    vec3 seen = vec3(0), share = vec3(1), sun = normalize(SUN);
    bool sharp = true;
    opaque = 0.0;
    for (int bounce = 0; bounce < TIMES(2) && sharp; bounce++) {
        vec2 found = traced(from, way);
        if (found.x < 0.0)
            return seen + share * (bounce > 0 ? upper_sky(way) : sky(way));
        opaque = bounce > 0 ? opaque : float(found.y > 0.5);
        vec3 p = from + found.x * way, n = slope(p, found.x);
        Skin s = paint(found.y, p, n);
        float around = open(p, n), facing = max(dot(n, sun), 0.0), edge = pow(1.0 - max(dot(n, -way), 0.0), 5.0);
        float direct = facing > 0.0 ? facing * sunlit(p + 0.003 * n, sun) : 0.0;
        vec3 light = direct * vec3(1.9, 1.65, 1.3) + around * ((0.5 + 0.5 * n.y) * vec3(0.30, 0.38, 0.50) + vec3(0.10, 0.09, 0.07));
        float spot = pow(max(dot(n, normalize(sun - way)), 0.0), mix(400.0, 8.0, s.rough)) * mix(3.0, 0.4, s.rough);
        float haze = 1.0 - exp(-HAZE * found.x);
        vec3 here = s.colour * light + s.glow + direct * (0.04 + s.shine) * spot;
        seen += share * mix(here, sky(normalize(vec3(way.x, 0.06, way.z))), haze);
        share *= (1.0 - haze) * mix(s.shine, 1.0, edge * (1.0 - s.rough)) * (1.0 - 0.6 * s.rough) * mix(around, 1.0, 0.4)
                 * mix(vec3(1), s.colour * 1.6, 0.5 * s.shine) * float(s.shine > 0.0);
        sharp = s.shine > 0.0 && s.rough < 0.4;
        from = p + 0.01 * n;
        way = reflect(way, n);
    }
    return seen + share * upper_sky(way);
}

void main() {
    vec2 at = (2.0 * uv - 1.0) * vec2(u_aspect, 1.0);
    vec3 ahead = normalize(TARGET - EYE), right = normalize(cross(ahead, vec3(0, 1, 0)));
    vec3 way = normalize(ahead + tan(radians(0.5 * FOV)) * (at.x * right + at.y * cross(right, ahead)));
    float opaque;
    vec3 seen = seen_from(EYE, way, opaque);
    seen = seen * (2.51 * seen + 0.03) / (seen * (2.43 * seen + 0.59) + 0.14);  // Narkowicz's fit of the ACES curve, 2016
    colour = vec4(pow(clamp(seen, 0.0, 1.0), vec3(1.0 / 2.2)), opaque);
}
