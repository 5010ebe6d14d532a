#version 330 core
// White text on a dark, see-through ground. The texture is the text's coverage, row 0 its top.
in vec2 uv;
out vec4 colour;

uniform sampler2D text;

void main() {
    float ink = texture(text, vec2(uv.x, 1.0 - uv.y)).r;
    colour = vec4(vec3(ink), max(ink, 0.62));
}
