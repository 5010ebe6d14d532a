#version 330 core
// The video as passes and ISF shaders read it: of the window's shape (what does not fit is cut off), its row 0 at the
// bottom, with straight alpha.
in vec2 uv;
out vec4 colour;

uniform sampler2D backdrop;  // its row 0 is the top
uniform vec2 resolution;

void main() {
    vec2 size = vec2(textureSize(backdrop, 0));
    vec2 fits = resolution / size;
    vec2 p = (uv - 0.5) * resolution / max(fits.x, fits.y);
    vec4 found = texture(backdrop, vec2(p.x, -p.y) / size + 0.5);
    colour = vec4(found.rgb / max(found.a, 1e-4), found.a);
}
