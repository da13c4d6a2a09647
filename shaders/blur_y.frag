#define AXIS vec2(0.0, 1.0)
#include "lib/blur.glsl"
