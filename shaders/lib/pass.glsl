// The beginning of every pass. A pass is one function, shade(uv): the colour of one point of the window. It reads the
// picture before it with source(uv). Coordinates are 0..1, origin at the bottom left. In its file a pass declares its
// parameters and what it needs with #pragma latentvj: see docs/presets.md.
//
// Pictures are premultiplied: a point is light and the share a by which it hides what lies behind. A pass says what it
// does to alpha. Without a word its colour has the alpha of the point that it read last, and source(uv) is the light.
// ALPHA_STRAIGHT is defined for a pass that works on colours: source(uv) is the colour where it is opaque. ALPHA_OWN is
// defined for a pass that makes alpha itself, with layer(uv) and its function shade_layer(uv): light and alpha.
//
// FIRST is defined for the pass that reads the generator's frame, LAST for the pass that writes to the window. The
// pictures between are kept in half floats.

in vec2 uv;
out vec4 colour;

uniform vec2 resolution;  // pixels of the window
uniform float time;        // seconds of the show
uniform float dt;          // seconds since the last picture
uniform float layered;     // 1 where something may show through the picture, 0 where all of it is opaque, or between

const float TURN = 6.28318530718;
const vec3 LUMA = vec3(0.2126, 0.7152, 0.0722);  // ITU-R BT.709

uniform struct Picture {
    float brightness, contrast, saturation, zoom, rotation, blackout, fit, spread;
} picture;

uniform struct Warp { float border; } warp;  // the preset's border: 0 wrap, 1 mirror, 2 clamp

// The point of the picture that stands for one beyond its edge; a point inside is itself.
vec2 within(vec2 at) {
    if (at == clamp(at, 0.0, 1.0)) return at;
    vec2 mirrored = 1.0 - abs(1.0 - mod(at, 2.0));
    return warp.border < 0.5 ? fract(at) : warp.border < 1.5 ? mirrored : clamp(at, 0.0, 1.0);
}

#ifdef FIRST
#include "lib/place.glsl"
vec4 layer(vec2 at) { return place(within(at)); }
#else
uniform sampler2D previous;
vec4 layer(vec2 at) { return texture(previous, within(at)); }
#endif

// Light that is added to a point. What it is as bright as, it hides: files with straight alpha keep it.
vec4 lit(vec4 point, vec3 light) {
    float share = clamp(max(light.r, max(light.g, light.b)), 0.0, 1.0);
    return vec4(point.rgb + light, point.a + (1.0 - point.a) * share);
}

#ifdef ALPHA_OWN
vec4 shade_layer(vec2 at);
#else
float seen = 1.0;  // alpha of the point that was read last
vec3 source(vec2 at) {
    vec4 found = layer(at);
    seen = found.a;
#ifdef ALPHA_STRAIGHT
    return found.a > 0.0 ? found.rgb / found.a : found.rgb;
#else
    return found.rgb;
#endif
}

vec3 shade(vec2 at);

vec4 shade_layer(vec2 at) {
    vec3 rgb = shade(at);
#ifdef ALPHA_STRAIGHT
    return vec4(rgb * seen, seen);
#else
    return vec4(rgb, seen);
#endif
}
#endif

#ifdef LAST
#include "lib/dither.glsl"
#endif

void main() {
    vec4 drawn = shade_layer(uv);
#ifdef LAST
    drawn = clamp(drawn, 0.0, 1.0) * (1.0 - picture.blackout);
    drawn = vec4(dither(drawn.rgb), mix(1.0, drawn.a, layered));
#endif
    colour = drawn;
}
