#version 330 core
// Grades the finished picture: saturation, contrast around middle grey, brightness.
#pragma latentvj once
#pragma latentvj alpha straight
#include "lib/pass.glsl"

vec3 shade(vec2 at) {
    vec3 rgb = source(at);
    rgb = mix(vec3(dot(rgb, LUMA)), rgb, picture.saturation);
    return max(((rgb - 0.5) * picture.contrast + 0.5) * picture.brightness, 0.0);
}
