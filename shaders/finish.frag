// Everything that looks at one pixel only, in one draw: the order below is the order of the recipe.
#include "params"
#include "finish/bloom.glsl"
#include "finish/colour.glsl"
#include "finish/vignette.glsl"
#include "finish/grain.glsl"
#include "finish/master.glsl"
uniform sampler2D u_picture;

void main() {
    vec3 c = texelFetch(u_picture, ivec2(gl_FragCoord.xy), 0).rgb;
    c = bloomed(c);
    c = graded(c);
    c = vignetted(c);
    c = grained(c);
    colour = vec4(mastered(c), 1.0);
}
