#version 330 core
// What a panel is made of: 0 rounded boxes, 1 arcs, 2 and 3 characters of two sizes, 4 the picture.
in vec2 at;
flat in vec2 size;
flat in vec4 paint;
flat in vec4 form;
out vec4 colour;

uniform sampler2D atlas;
uniform sampler2D large;
uniform sampler2D picture;
uniform ivec2 cells[2];

float box(float radius) {
    vec2 q = abs(at - 0.5 * size) - 0.5 * size + radius;
    return length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - radius;
}

// From form.y to form.z turns clockwise from the lowest point, form.w wide, with round ends.
float arc() {
    vec2 p = at - 0.5 * size;
    float r = 0.5 * (min(size.x, size.y) - form.w) - 0.5;
    float turn = fract(atan(-p.x, p.y) / 6.28318530718);
    if (turn >= form.y && turn <= form.z) return abs(length(p) - r) - 0.5 * form.w;
    vec2 angles = 6.28318530718 * form.yz;
    vec2 a = r * vec2(-sin(angles.x), cos(angles.x)), b = r * vec2(-sin(angles.y), cos(angles.y));
    return min(length(p - a), length(p - b)) - 0.5 * form.w;
}

float glyph(sampler2D sheet, ivec2 cell) {
    int index = int(form.y);
    return texelFetch(sheet, ivec2(index % 16, index / 16) * cell + ivec2(at), 0).r;
}

vec3 shown() {  // four taps: the picture is mostly shown reduced
    vec2 uv = vec2(at.x, size.y - at.y) / size, d = 0.25 / size;
    return 0.25 * (texture(picture, uv + d).rgb + texture(picture, uv - d).rgb
                 + texture(picture, uv + vec2(d.x, -d.y)).rgb + texture(picture, uv + vec2(-d.x, d.y)).rgb);
}

void main() {
    int kind = int(form.x);
    if (kind == 4) {
        colour = vec4(shown(), 1.0);
    } else if (kind == 3) {
        colour = vec4(paint.rgb, paint.a * glyph(large, cells[1]));
    } else if (kind == 2) {
        colour = vec4(paint.rgb, paint.a * glyph(atlas, cells[0]));
    } else {
        float d = kind == 1 ? arc() : box(form.y);
        colour = vec4(paint.rgb, paint.a * clamp(0.5 - d, 0.0, 1.0));
    }
}
