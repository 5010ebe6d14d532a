#version 330 core
// Bright parts shine over their edges. The bright parts, then their glow, are drawn at a quarter of the size.
#pragma latentvj prepare lib/bright 4
#pragma latentvj prepare lib/glow 4
#pragma latentvj alpha own
#pragma latentvj order 2
#pragma latentvj param amount 0 0 4 "x" "pass bloom: bright parts shine over their edges"
#pragma latentvj param threshold 0.8 0 1 "" "what is bright"
#pragma latentvj param radius 0.15 0.01 0.5 "heights" "how far it shines"
#include "lib/pass.glsl"

uniform sampler2D prepared;
uniform struct Bloom { float amount, threshold, radius; } bloom;

vec4 shade_layer(vec2 at) { return lit(layer(at), bloom.amount * texture(prepared, at).rgb); }
