#version 330 core
// The pictures before fade slowly, growing and turning: the oldest feedback in video art. All is in seconds: 30 and
// 120 frames a second leave the same trail.
#pragma latentvj once
#pragma latentvj last
#pragma latentvj alpha own
#pragma latentvj order 1
#pragma latentvj param amount 0 0 1 "x" "pass trails: what was there fades, as a share of seconds"
#pragma latentvj param seconds 0.5 0.01 30 "s" "until half of what was there is gone"
#pragma latentvj param zoom 0 -4 4 "octaves/s" "trails grow" rate
#pragma latentvj param turns 0 -4 4 "turns/s" "trails turn, counter-clockwise" rate
#include "lib/pass.glsl"

uniform sampler2D last;
uniform struct Trails { float amount, seconds, zoom, turns; } trails;

vec4 shade_layer(vec2 at) {
    float keep = exp2(-dt / max(trails.seconds * trails.amount, 1e-4));
    float turn = TURN * trails.turns * dt;
    vec2 p = (at - 0.5) * resolution * exp2(-trails.zoom * dt);
    p = vec2(cos(turn) * p.x + sin(turn) * p.y, cos(turn) * p.y - sin(turn) * p.x);
    return mix(layer(at), texture(last, within(p / resolution + 0.5)), keep);
}
