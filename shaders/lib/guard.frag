#version 330 core
// Lets the picture through slowly; dt is in half-lives.
in vec2 uv;
out vec4 colour;

uniform sampler2D previous;
uniform sampler2D last;
uniform float dt;

void main() { colour = vec4(mix(texture(previous, uv).rgb, texture(last, uv).rgb, exp2(-dt)), 1.0); }
