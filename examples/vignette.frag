#version 330 core
// Dark corners, as an old lens makes them.
#pragma latentvj once
#pragma latentvj param amount 0 0 1 "" "pass vignette: 1 black corners"
#pragma latentvj param radius 0.5 0.1 1 "heights" "where it begins"
#include "lib/pass.glsl"

uniform struct Vignette { float amount, radius; } vignette;

vec3 shade(vec2 at) {
    float far = length((at - 0.5) * resolution / resolution.y);
    return source(at) * (1.0 - vignette.amount * smoothstep(vignette.radius, 2.0 * vignette.radius, far));
}
