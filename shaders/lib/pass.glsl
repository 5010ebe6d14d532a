// What every pass begins with. A pass is one function, shade(uv): the colour of one point of the window.
// It reads what came before it with source(uv). Coordinates are 0..1, origin at the bottom left.
//
// The compositor defines FIRST for the pass that reads the generator's frame and LAST for the one that
// writes to the window; everything between is kept in half floats.

in vec2 uv;
out vec4 colour;

uniform vec2 resolution;  // of the window, pixels
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
