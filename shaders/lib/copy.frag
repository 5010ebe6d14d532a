#version 330 core
// The picture as it is.
#include "lib/dither.glsl"

in vec2 uv;
out vec4 colour;

uniform sampler2D previous;

void main() {
    vec4 found = texture(previous, uv);
    colour = vec4(dither(found.rgb), found.a);
}
