#version 330 core
// The parts of the picture that are brighter than the threshold, with a soft knee: the light that bloom spreads.
#include "lib/pass.glsl"

uniform struct Bloom { float amount, threshold, radius; } bloom;

vec3 shade(vec2 at) {
    vec3 rgb = source(at);
    float level = max(rgb.r, max(rgb.g, rgb.b));
    return rgb * smoothstep(bloom.threshold - 0.15, bloom.threshold + 0.15, level);
}
