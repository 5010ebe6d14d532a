#version 330 core
// What an ISF shader has drawn, in the picture. Its alpha is straight. A generator lies over the picture that is there,
// a filter takes its place.
in vec2 uv;
out vec4 colour;

uniform sampler2D previous;
uniform sampler2D result;
uniform float share;  // of the shader in the picture, 0..1
uniform bool over;

void main() {
    vec4 before = texture(previous, uv);
    vec4 drawn = clamp(texture(result, uv), 0.0, 1.0);
    vec3 rgb = drawn.rgb * drawn.a + (over ? before.rgb * (1.0 - drawn.a) : vec3(0.0));
    colour = vec4(mix(before.rgb, rgb, share), 1.0);
}
