#version 330 core
// The picture as it is.
#include "lib/dither.glsl"

in vec2 uv;
out vec4 colour;

uniform sampler2D previous;

void main() { colour = vec4(dither(texture(previous, uv).rgb), 1.0); }
