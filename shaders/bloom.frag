#version 330 core
// Bright parts shine over their edges: what is bright, then its glow, both at a quarter of the size.
#pragma latentvj prepare lib/bright 4
#pragma latentvj prepare lib/glow 4
#include "lib/pass.glsl"

uniform sampler2D prepared;
uniform struct Bloom { float amount, threshold, radius; } bloom;

vec3 shade(vec2 at) { return source(at) + bloom.amount * texture(prepared, at).rgb; }
