#define AXIS vec2(1.0, 0.0)
#include "lib/blur.glsl"
