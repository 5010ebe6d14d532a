#version 330 core
// Two frames of the generator, one fading into the next; they need not be of one size.
in vec2 uv;
out vec4 colour;

uniform sampler2D previous;  // the frame before
uniform sampler2D frame;     // the newest
uniform float share;         // of the newest

void main() { colour = mix(texture(previous, uv), texture(frame, uv), share); }
