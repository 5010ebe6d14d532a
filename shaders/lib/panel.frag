#version 330 core
// The parts of a panel, one KIND a program: 0 rounded boxes, 1 arcs, 2 and 3 characters, 4 the picture, 5 thumbnails.
in vec2 at;
flat in vec2 size;
flat in vec4 paint;
flat in vec4 form;
out vec4 colour;

uniform sampler2D image;  // the characters, or the picture
uniform ivec2 cell;

#if KIND == 0
vec4 shown() {
    vec2 q = abs(at - 0.5 * size) - 0.5 * size + form.y;
    float d = length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - form.y;
    return vec4(paint.rgb, paint.a * clamp(0.5 - d, 0.0, 1.0));
}
#elif KIND == 1
// From form.y to form.z turns clockwise from the lowest point, form.w wide, with round ends.
vec4 shown() {
    vec2 p = at - 0.5 * size;
    float r = 0.5 * (min(size.x, size.y) - form.w) - 0.5;
    float turn = fract(atan(-p.x, p.y) / 6.28318530718);
    vec2 angles = 6.28318530718 * form.yz;
    vec2 a = r * vec2(-sin(angles.x), cos(angles.x)), b = r * vec2(-sin(angles.y), cos(angles.y));
    float d = turn >= form.y && turn <= form.z ? abs(length(p) - r) : min(length(p - a), length(p - b));
    return vec4(paint.rgb, paint.a * clamp(0.5 - d + 0.5 * form.w, 0.0, 1.0));
}
#elif KIND == 4
vec4 shown() {  // four taps, since the picture is mostly shown reduced
    vec2 uv = vec2(at.x, size.y - at.y) / size, d = 0.25 / size;
    return vec4(0.25 * (texture(image, uv + d).rgb + texture(image, uv - d).rgb
                        + texture(image, uv + vec2(d.x, -d.y)).rgb + texture(image, uv + vec2(-d.x, d.y)).rgb), 1.0);
}
#elif KIND == 5
vec4 shown() {  // thumbnails lie in rows of eight, each as high as it is wide
    float side = float(textureSize(image, 0).x) / 8.0;
    vec2 corner = vec2(mod(form.y, 8.0), floor(form.y / 8.0)) * side;
    vec2 to = corner + clamp(at / size * side, 0.5, side - 0.5);
    return vec4(texture(image, to / vec2(textureSize(image, 0))).rgb, 1.0);
}
#else
vec4 shown() {
    int index = int(form.y);
    ivec2 corner = ivec2(index % 16, index / 16) * cell;
    return vec4(paint.rgb, paint.a * texelFetch(image, corner + ivec2(at), 0).r);
}
#endif

void main() { colour = shown(); }
