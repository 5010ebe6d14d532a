// The beginning of every pass. A pass is one function, shade(uv): the colour of one point of the window. It reads the
// picture before it with source(uv). Coordinates are 0..1, origin at the bottom left. In its file a pass declares its
// parameters and what it needs with #pragma latentvj: see docs/presets.md.
//
// FIRST is defined for the pass that reads the generator's frame, LAST for the pass that writes to the window. The
// pictures between are kept in half floats.

in vec2 uv;
out vec4 colour;

uniform vec2 resolution;  // pixels of the window
uniform float time;        // seconds of the show
uniform float dt;          // seconds since the last picture

const float TURN = 6.28318530718;
const vec3 LUMA = vec3(0.2126, 0.7152, 0.0722);  // ITU-R BT.709

uniform struct Picture {
    float brightness, contrast, saturation, zoom, rotation, blackout, fit;
} picture;

#ifdef FIRST
#include "lib/place.glsl"
vec3 source(vec2 at) { return place(at); }
#else
uniform sampler2D previous;
vec3 source(vec2 at) { return texture(previous, at).rgb; }
#endif

vec3 shade(vec2 at);

#ifdef LAST
#include "lib/dither.glsl"
#endif

void main() {
    vec3 rgb = shade(uv);
#ifdef LAST
    rgb = dither(clamp(rgb, 0.0, 1.0) * (1.0 - picture.blackout));
#endif
    colour = vec4(rgb, 1.0);
}
