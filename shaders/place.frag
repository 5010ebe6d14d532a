#version 330 core
// The frame in its place and nothing else. It is drawn when no pass of the preset has anything to do, and before a
// pass that looks around itself.
#pragma latentvj once
#include "lib/pass.glsl"

vec3 shade(vec2 at) { return source(at); }
