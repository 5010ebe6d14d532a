#version 330 core
// The video in as a mask: the picture is seen where the video is bright, or where it is opaque.
#pragma latentvj once
#pragma latentvj alpha own
#pragma latentvj order 12
#pragma latentvj param amount 0 0 1 "" "pass mask: the picture is seen where the video (--video-in) is bright; 0 everywhere"
#pragma latentvj param alpha 0 0 1 "" "0 the video's brightness is the mask, 1 its alpha"
#pragma latentvj param low 0.1 0 1 "" "brightness up to which the picture is hidden"
#pragma latentvj param high 0.6 0 1 "" "brightness from which it is seen whole; below low: the picture is seen where the video is dark"
#include "lib/pass.glsl"

uniform sampler2D video;
uniform struct Mask { float amount, alpha, low, high; } mask;

vec4 shade_layer(vec2 at) {
    vec4 found = texture(video, at);
    float bright = mix(dot(found.rgb, LUMA) * found.a, found.a, mask.alpha);
    float span = mask.high - mask.low;
    float share = clamp((bright - mask.low) / (abs(span) < 1e-3 ? 1e-3 : span), 0.0, 1.0);
    return layer(at) * mix(1.0, share * share * (3.0 - 2.0 * share), mask.amount);
}
