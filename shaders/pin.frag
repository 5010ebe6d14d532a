#version 330 core
// The picture in its place on a wall: its four corners are moved (a homography), its edges fade where the light of
// another projector begins. What lies outside is dark. A show draws it last of all, behind outputs and recordings.
#pragma latentvj alpha own
#pragma latentvj order 13
#pragma latentvj param amount 0 0 1 "" "pass pin: 1 moves the picture's corners and fades its edges, for the wall alone"
#pragma latentvj param top_left_x 0 -0.5 0.5 "walls" "upper left corner: to the right"
#pragma latentvj param top_left_y 0 -0.5 0.5 "walls" "upper left corner: upwards"
#pragma latentvj param top_right_x 0 -0.5 0.5 "walls" "upper right corner: to the right"
#pragma latentvj param top_right_y 0 -0.5 0.5 "walls" "upper right corner: upwards"
#pragma latentvj param bottom_left_x 0 -0.5 0.5 "walls" "lower left corner: to the right"
#pragma latentvj param bottom_left_y 0 -0.5 0.5 "walls" "lower left corner: upwards"
#pragma latentvj param bottom_right_x 0 -0.5 0.5 "walls" "lower right corner: to the right"
#pragma latentvj param bottom_right_y 0 -0.5 0.5 "walls" "lower right corner: upwards"
#pragma latentvj param left 0 0 0.5 "pictures" "width of the edge blend at the left"
#pragma latentvj param right 0 0 0.5 "pictures" "width of the edge blend at the right"
#pragma latentvj param top 0 0 0.5 "pictures" "width of the edge blend at the top"
#pragma latentvj param bottom 0 0 0.5 "pictures" "width of the edge blend at the bottom"
#pragma latentvj param gamma 2.2 1 3 "" "of the projectors: with it two blended edges are as bright as the rest"
#pragma latentvj param outside 0 0 1 "" "outside the corners: 0 dark, 1 the picture goes on as warp.border says" whole
#include "lib/pass.glsl"

uniform struct Pin {
    float amount, left, right, top, bottom, gamma, outside;
    float top_left_x, top_left_y, top_right_x, top_right_y;
    float bottom_left_x, bottom_left_y, bottom_right_x, bottom_right_y;
} pin;

float across(vec2 a, vec2 b) { return a.x * b.y - a.y * b.x; }

// The matrix that leads from the unit square to four corners (Heckbert 1989, Fundamentals of Texture Mapping, 2.2.3).
mat3 to_quad(vec2 p00, vec2 p10, vec2 p11, vec2 p01) {
    vec2 s = p00 - p10 + p11 - p01, d1 = p10 - p11, d2 = p01 - p11;
    float det = across(d1, d2);
    det = abs(det) < 1e-5 ? 1e-5 : det;
    float g = across(s, d2) / det, h = across(d1, s) / det;
    return mat3(vec3(p10 - p00 + g * p10, g), vec3(p01 - p00 + h * p01, h), vec3(p00, 1.0));
}

// The share of light at a place so far inside its edge; two of them add up to 1 in light, not in code values.
float share(float inside, float width) {
    float t = width > 0.0 ? clamp(inside / width, 0.0, 1.0) : 1.0;
    return pow(t * t * (3.0 - 2.0 * t), 1.0 / pin.gamma);
}

vec4 shade_layer(vec2 at) {
    vec2 bl = vec2(pin.bottom_left_x, pin.bottom_left_y);
    vec2 br = vec2(1.0 + pin.bottom_right_x, pin.bottom_right_y);
    vec2 tr = vec2(1.0 + pin.top_right_x, 1.0 + pin.top_right_y);
    vec2 tl = vec2(pin.top_left_x, 1.0 + pin.top_left_y);
    mat3 back = inverse(to_quad(mix(vec2(0.0), bl, pin.amount), mix(vec2(1.0, 0.0), br, pin.amount),
                                mix(vec2(1.0), tr, pin.amount), mix(vec2(0.0, 1.0), tl, pin.amount)));
    vec3 found = back * vec3(at, 1.0);
    vec2 spot = found.xy / found.z;
    vec2 one = max(fwidth(spot), vec2(1e-6));  // pictures a pixel of the wall
    vec2 edge = clamp((0.5 - abs(spot - 0.5)) / one + 0.5, 0.0, 1.0);  // a slanting edge is smooth
    float inside = mix(edge.x * edge.y, 1.0, pin.outside) * step(0.0, found.z);  // behind the horizon is nothing
    float light = share(spot.x, pin.left) * share(1.0 - spot.x, pin.right)
                * share(spot.y, pin.bottom) * share(1.0 - spot.y, pin.top);
    return layer(spot) * inside * mix(1.0, light, pin.amount);
}
