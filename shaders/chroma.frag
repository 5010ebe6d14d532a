#version 330 core
// Red and blue part from green: outwards as in a cheap lens, or all one way as on a misadjusted tube.
#pragma latentvj alpha own
#pragma latentvj order 3
#pragma latentvj param amount 0 0 0.25 "heights" "pass chroma: red and blue part from green"
#pragma latentvj param turns 0 -16 16 "turns" "which way: 0 right, 0.25 up"
#pragma latentvj param lens 1 0 1 "" "0 all one way, 1 outwards like a lens"
#include "lib/pass.glsl"

uniform struct Chroma { float amount, turns, lens; } chroma;

vec4 shade_layer(vec2 at) {
    vec2 aspect = vec2(resolution.y / resolution.x, 1.0);
    vec2 one_way = vec2(cos(TURN * chroma.turns), sin(TURN * chroma.turns));
    vec2 outwards = 2.0 * (at - 0.5) / aspect;
    vec2 shift = chroma.amount * mix(one_way, outwards, chroma.lens) * aspect;
    vec4 red = layer(at - shift), green = layer(at), blue = layer(at + shift);
    return vec4(red.r, green.g, blue.b, max(red.a, max(green.a, blue.a)));
}
