#version 330 core
// Holds the picture that was there when the knob left 0, over the picture that goes on underneath.
#pragma latentvj once
#pragma latentvj held
#pragma latentvj alpha own
#pragma latentvj order 9
#pragma latentvj param amount 0 0 1 "" "pass crossfade: the picture held as the knob left 0"
#include "lib/pass.glsl"

uniform sampler2D last;
uniform struct Crossfade { float amount; } crossfade;

vec4 shade_layer(vec2 at) { return mix(layer(at), texture(last, at), crossfade.amount); }
