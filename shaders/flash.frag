#version 330 core
// The picture goes towards white (or another level of grey). What flashes too often for some of the
// audience is held back by the guard, whoever asks for it.
#pragma latentvj once
#include "lib/pass.glsl"

uniform struct Flash { float amount, level; } flash;

vec3 shade(vec2 at) { return mix(source(at), vec3(flash.level), flash.amount); }
