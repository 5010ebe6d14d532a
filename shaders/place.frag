#version 330 core
// Nothing but the frame in its place: what is shown when no pass of the preset has anything to do, and
// what runs before a pass that looks around itself.
#pragma latentvj once
#include "lib/pass.glsl"

vec3 shade(vec2 at) { return source(at); }
