#version 330 core
// Outlines glow (Sobel's gradient of the light), over the picture or alone like neon.
#pragma latentvj alpha own
#pragma latentvj order 6
#pragma latentvj param amount 0 0 4 "x" "pass edges: outlines glow"
#pragma latentvj param width 0.004 0.0005 0.05 "heights" "how wide they are"
#pragma latentvj param alone 0 0 1 "" "1 without the picture under them"
#pragma latentvj param hue 0.5 -16 16 "turns" "their colour: 0 red, 1/3 green, 2/3 blue"
#include "lib/pass.glsl"

uniform struct Edges { float amount, width, alone, hue; } edges;

float light(vec2 at) { return dot(layer(at).rgb, LUMA); }

vec4 shade_layer(vec2 at) {
    vec2 d = edges.width * vec2(resolution.y / resolution.x, 1.0);
    float a = light(at + d * vec2(-1, 1)), b = light(at + d * vec2(0, 1)), c = light(at + d);
    float e = light(at + d * vec2(-1, 0)), f = light(at + d * vec2(1, 0));
    float g = light(at - d), h = light(at + d * vec2(0, -1)), i = light(at + d * vec2(1, -1));
    float edge = length(vec2(c + 2.0 * f + i - a - 2.0 * e - g, a + 2.0 * b + c - g - 2.0 * h - i)) * 0.5;
    vec3 tint = 0.5 + 0.5 * cos(TURN * (edges.hue - vec3(0.0, 0.3333, 0.6667)));
    return lit(layer(at) * (1.0 - edges.alone), edges.amount * smoothstep(0.05, 1.0, edge) * tint);
}
