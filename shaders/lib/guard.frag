#version 330 core
// Lets the picture through slowly; dt is in half-lives.
in vec2 uv;
out vec4 colour;

uniform sampler2D previous;
uniform sampler2D last;
uniform float dt;

void main() { colour = mix(texture(previous, uv), texture(last, uv), exp2(-dt)); }
