#version 330 core
// A kaleidoscope of the finished picture: one sector, mirrored around the middle. (The warp kaleidoscope folds the
// model's features instead, and the model paints over the seams.)
#pragma latentvj once
#pragma latentvj order 5
#pragma latentvj param amount 0 0 1 "" "pass mirror: a kaleidoscope of the finished picture"
#pragma latentvj param segments 6 1 24 "" "sectors around the middle" whole
#pragma latentvj param turns 0 -16 16 "turns" "angle of the first mirror"
#include "lib/pass.glsl"

uniform struct Mirror { float amount, segments, turns; } mirror;

vec3 shade(vec2 at) {
    vec2 p = (at - 0.5) * resolution;
    float sector = TURN / (2.0 * max(mirror.segments, 1.0));
    float turn = TURN * mirror.turns;
    float angle = mod(atan(p.y, p.x) - turn, 2.0 * sector);
    angle = min(angle, 2.0 * sector - angle) + turn;
    vec2 folded = length(p) * vec2(cos(angle), sin(angle));
    return source(mix(p, folded, mirror.amount) / resolution + 0.5);
}
