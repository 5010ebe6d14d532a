#version 330 core
// A picture with premultiplied alpha as one with straight alpha, which ISF shaders read.
in vec2 uv;
out vec4 colour;

uniform sampler2D previous;

void main() {
    vec4 found = texture(previous, uv);
    colour = vec4(found.rgb / max(found.a, 1e-4), found.a);
}
