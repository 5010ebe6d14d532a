#version 330 core
// What an ISF shader has drawn, in the picture. Its own alpha is straight, the picture's is premultiplied. A generator
// lies over the picture that is there, a filter takes its place.
in vec2 uv;
out vec4 colour;

uniform sampler2D previous;
uniform sampler2D result;
uniform float share;   // of the shader in the picture, 0..1
uniform bool over;
uniform bool behind;   // the generator shows through the picture instead
uniform bool layered;  // the picture has alpha; else it is opaque, and what is transparent is black

void main() {
    vec4 before = texture(previous, uv);
    vec4 drawn = clamp(texture(result, uv), 0.0, 1.0);
    vec4 put = vec4(drawn.rgb * drawn.a, drawn.a);
    if (behind) put = before + put * (1.0 - before.a);
    else if (over) put += before * (1.0 - drawn.a);
    colour = mix(before, put, share);
    if (!layered) colour.a = 1.0;
}
