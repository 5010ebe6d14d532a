#version 330 core
// Cubic enlargement by a whole factor along one axis, after Mitchell and Netravali (1988), B + 2C = 1.
// The models render 128 to 1024 pixels for walls of thousands. Bilinear filtering shows the pixel grid as diamonds,
// Catmull-Rom (B = 0) rings. This runs across, then down (AXIS 0, 1), and up to half the window's pixels; bilinear
// filtering covers the rest unseen. That is a tenth of the fetches of 16 taps for every pixel of the wall.
#ifdef LAST
#include "lib/dither.glsl"
#endif

out vec4 colour;

uniform sampler2D image;
uniform int factor;

const float B = 0.2;
const float C = 0.4;

vec4 cubic(float f) {
    vec2 n = vec2(f, 1.0 - f);  // distances to the two near texels
    vec2 o = n + 1.0;           // and to the two far texels
    vec2 near = ((12.0 - 9.0 * B - 6.0 * C) * n + (12.0 * B + 6.0 * C - 18.0)) * n * n + (6.0 - 2.0 * B);
    vec2 far = (((-B - 6.0 * C) * o + (6.0 * B + 30.0 * C)) * o - (12.0 * B + 48.0 * C)) * o
             + (8.0 * B + 24.0 * C);
    return vec4(far.x, near.x, near.y, far.y) / 6.0;
}

void main() {
    ivec2 here = ivec2(gl_FragCoord.xy);
    ivec2 last = textureSize(image, 0) - 1;
    float at = (float(here[AXIS]) + 0.5) / float(factor) - 0.5;
    float base = floor(at);
    vec4 weight = cubic(at - base);
    vec4 found = vec4(0.0);
    for (int i = 0; i < 4; i++) {
        here[AXIS] = int(base) + i - 1;
        found += weight[i] * texelFetch(image, clamp(here, ivec2(0), last), 0);
    }
#ifdef LAST
    found = clamp(found, 0.0, 1.0);
    found.rgb = dither(found.rgb);
#endif
    colour = found;
}
