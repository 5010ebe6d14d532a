#version 330 core
// A drawn part of the desktop, row 0 its top.
in vec2 uv;
out vec4 colour;

uniform sampler2D image;
uniform float opacity;

void main() { colour = texture(image, vec2(uv.x, 1.0 - uv.y)) * vec4(1.0, 1.0, 1.0, opacity); }
