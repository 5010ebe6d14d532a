#version 330 core
// Fades one frame of the generator into the next; they may differ in size.
in vec2 uv;
out vec4 colour;

uniform sampler2D previous;  // the frame before
uniform sampler2D frame;     // the newest
uniform float share;         // of the newest, 0..1

void main() { colour = mix(texture(previous, uv), texture(frame, uv), share); }
