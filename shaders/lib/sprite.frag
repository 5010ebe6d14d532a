#version 330 core
// A drawn part of the desktop, row 0 its top. Its ends and its middle keep their size, the rest stretches.
in vec2 uv;
out vec4 colour;

uniform sampler2D image;
uniform float opacity;
uniform vec2 drawn;   // pixels to draw
uniform vec3 across;  // pixels that keep their size: left, middle, right
uniform vec3 down;    // top, middle, bottom

float kept(float p, float to, float from, vec3 keep) {
    if (to == from) return p;
    if (to < keep.x + keep.y + keep.z) return p / to * from;
    float low = 0.5 * (to - keep.y), high = 0.5 * (to + keep.y);
    if (p < keep.x) return p;
    if (p > to - keep.z) return from - (to - p);
    if (p < low) return mix(keep.x, 0.5 * (from - keep.y), (p - keep.x) / (low - keep.x));
    if (p < high) return 0.5 * from + (p - 0.5 * to);
    return mix(0.5 * (from + keep.y), from - keep.z, (p - high) / (to - keep.z - high));
}

void main() {
    vec2 size = vec2(textureSize(image, 0)), p = vec2(uv.x, 1.0 - uv.y) * drawn;
    p = vec2(kept(p.x, drawn.x, size.x, across), kept(p.y, drawn.y, size.y, down));
    colour = texture(image, p / size) * vec4(1.0, 1.0, 1.0, opacity);
}
