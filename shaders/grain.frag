#version 330 core
// Film grain: a new one 24 times a second at any frame rate, strongest in the middle greys.
#pragma latentvj once
#pragma latentvj alpha straight
#pragma latentvj order 7
#pragma latentvj param amount 0 0 1 "" "pass grain: film grain"
#pragma latentvj param size 0.002 0.0005 0.05 "heights" "how large a grain is"
#include "lib/pass.glsl"

uniform struct Grain { float amount, size; } grain;

uint hash(uint x) {  // Wellons' lowbias32
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return x ^ (x >> 16);
}

float speck(uvec3 cell) {
    return float(hash(cell.x ^ hash(cell.y ^ hash(cell.z)))) / 4294967296.0;
}

vec3 shade(vec2 at) {
    vec3 rgb = source(at);
    vec2 cell = floor(at * resolution / (grain.size * resolution.y));
    uvec3 where = uvec3(cell, uint(max(floor(time * 24.0 + 0.001), 0.0)));
    float noise = speck(where) + speck(where + uvec3(7919u, 0u, 0u)) - 1.0;
    float light = clamp(dot(rgb, LUMA), 0.0, 1.0);
    return max(rgb + grain.amount * noise * (0.3 + 2.8 * light * (1.0 - light)), 0.0);
}
