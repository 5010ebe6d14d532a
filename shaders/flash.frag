#version 330 core
// The picture goes towards white or another level of grey. The flash guard holds back flashes that come too often
// for some of the audience.
#pragma latentvj once
#pragma latentvj alpha own
#pragma latentvj order 8
#pragma latentvj param amount 0 0 1 "" "pass flash: 1 nothing but the flash"
#pragma latentvj param level 1 0 1 "" "1 a white flash, 0 a black one"
#include "lib/pass.glsl"

uniform struct Flash { float amount, level; } flash;

// It fills the window: nothing shows through a whole flash.
vec4 shade_layer(vec2 at) { return mix(layer(at), vec4(vec3(flash.level), 1.0), flash.amount); }
