// The zoom field: the formula of instrument/motion.py. p = (x, y), y in -1..1 upwards, x scaled by the aspect.
#include "params"

vec2 velocity(vec2 p) {
    vec2 q = p - vec2(u_motion_centre_x, u_motion_centre_y);
    float r = length(q);
    return q * (u_motion_expand + u_motion_tunnel * r)
         + vec2(-q.y, q.x) * (u_motion_turn + u_motion_spiral * (1.0 - r))
         + vec2(u_motion_pan_x + u_motion_strips * q.x, u_motion_pan_y);
}

// Where the point shown at p was dt seconds ago, in short steps so that long ages follow the curve.
vec2 carried(vec2 p, float dt) {
    int steps = int(clamp(ceil(dt * 15.0), 1.0, 8.0));
    for (int i = 0; i < steps; i++) p -= velocity(p) * (dt / float(steps));
    return p;
}

// From 0..1 to p and back; borders mirror.
vec2 place(vec2 at) { return (at * 2.0 - 1.0) * vec2(u_aspect, 1.0); }
vec2 unplaced(vec2 p) { return p / vec2(u_aspect, 1.0) * 0.5 + 0.5; }
vec2 mirrored(vec2 at) { return abs(mod(at + 1.0, 2.0) - 1.0); }
