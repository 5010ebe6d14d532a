#version 330 core
// Light and dark become places on a ring of colours (Quilez's cosine palettes).
#pragma latentvj once
#pragma latentvj alpha straight
#pragma latentvj order 4
#pragma latentvj param amount 0 0 1 "" "pass palette: light becomes a place on a ring of colours"
#pragma latentvj param shift 0 -16 16 "turns" "turns the ring"
#pragma latentvj param cycles 1 0 8 "" "how often it goes round from dark to light"
#pragma latentvj param spread 1 0 1 "" "0 grey, 1 all colours"
#include "lib/pass.glsl"

uniform struct Palette { float amount, shift, cycles, spread; } palette;

vec3 shade(vec2 at) {
    vec3 rgb = source(at);
    float light = dot(rgb, LUMA);
    vec3 phase = palette.shift + palette.spread * vec3(0.0, 0.3333, 0.6667);
    vec3 ring = 0.5 - 0.5 * cos(TURN * (0.5 * palette.cycles * light + phase));
    ring *= min(4.0 * light, 1.0);  // black stays black, around the picture as well
    return mix(rgb, ring, palette.amount);
}
