// The zoom field: the formula of instrument/motion.py. p = (x, y), y in -1..1 upwards, x scaled by the aspect of the dream's
// picture: stretched over a screen of another shape it goes on as it was dreamed.
#include "params"

struct Motion { vec2 centre; float expand, turn; vec2 pan; float strips, tunnel, spiral; };
#define MOTION(of) Motion(vec2(of##_centre_x, of##_centre_y), of##_expand, of##_turn, vec2(of##_pan_x, of##_pan_y), of##_strips, of##_tunnel, of##_spiral)

const float FARTHEST = 16.0;  // half heights from the middle to which a field is followed: a tunnel would end nowhere

vec2 velocity(vec2 p, Motion m) {
    vec2 q = p - m.centre;
    float r = length(q);
    return q * (m.expand + m.tunnel * r) + vec2(-q.y, q.x) * (m.turn + m.spiral * (1.0 - r))
         + m.pan + vec2(m.strips * q.x, 0.0);
}

// Where the point shown at p was before `time` of a motion, in short steps so that a long way follows the curve (midpoint rule).
vec2 carried(vec2 p, Motion m, float time) {
    const int steps = 12;
    float dt = time / float(steps);
    vec2 farthest = FARTHEST * vec2(max(u_field, 1.0), 1.0);
    for (int i = 0; i < steps; i++) {
        vec2 halfway = clamp(p - 0.5 * dt * velocity(p, m), -farthest, farthest);
        p = clamp(p - dt * velocity(halfway, m), -farthest, farthest);
    }
    return p;
}

// From 0..1 to p and back; borders mirror.
vec2 place(vec2 at) { return (at * 2.0 - 1.0) * vec2(u_field, 1.0); }
vec2 unplaced(vec2 p) { return p / vec2(u_field, 1.0) * 0.5 + 0.5; }
vec2 mirrored(vec2 at) { return abs(mod(at + 1.0, 2.0) - 1.0); }
