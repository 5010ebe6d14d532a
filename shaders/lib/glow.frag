#version 330 core
// The glow around bright parts: their mipmaps, each wider than the one before, read between the texels.
#include "lib/pass.glsl"

uniform sampler2D prepared;
uniform struct Bloom { float amount, threshold, radius; } bloom;

vec3 soft(vec2 at, float level) {
    vec2 step = 0.75 * exp2(level) / vec2(textureSize(prepared, 0));
    return 0.25 * (textureLod(prepared, at + step * vec2(-1, -1), level).rgb
                 + textureLod(prepared, at + step * vec2(1, -1), level).rgb
                 + textureLod(prepared, at + step * vec2(-1, 1), level).rgb
                 + textureLod(prepared, at + step * vec2(1, 1), level).rgb);
}

vec3 shade(vec2 at) {
    float widest = log2(max(bloom.radius * resolution.y / 8.0, 2.0));
    vec3 glow = vec3(0.0);
    for (int i = 0; i < 4; i++) glow += soft(at, max(widest - float(i), 0.0)) * 0.25;
    return glow;
}
