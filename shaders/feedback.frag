#version 330 core
// What was on the wall lies behind the picture, growing, turning and changing its colour: the tunnel of video feedback.
// All is in seconds: 30 and 120 frames a second leave the same tunnel.
#pragma latentvj once
#pragma latentvj last
#pragma latentvj alpha own
#pragma latentvj order 11
#pragma latentvj param amount 1 0 1 "x" "pass feedback: what was there shows through the picture, as a share of seconds"
#pragma latentvj param seconds 2 0.01 60 "s" "until half of what was there is gone"
#pragma latentvj param zoom 0.5 -4 4 "octaves/s" "feedback grows" rate
#pragma latentvj param turns 0 -4 4 "turns/s" "feedback turns, counter-clockwise" rate
#pragma latentvj param hue 0 -4 4 "turns/s" "its colours go round" rate
#include "lib/pass.glsl"

uniform sampler2D last;
uniform struct Feedback { float amount, seconds, zoom, turns, hue; } feedback;

vec3 turned(vec3 rgb, float turn) {  // around the grey axis (Rodrigues)
    float c = cos(TURN * turn), s = sin(TURN * turn);
    const vec3 axis = vec3(0.57735027);
    return max(rgb * c + cross(axis, rgb) * s + axis * dot(axis, rgb) * (1.0 - c), 0.0);
}

vec4 shade_layer(vec2 at) {
    float keep = exp2(-dt / max(feedback.seconds * feedback.amount, 1e-4));
    float turn = TURN * feedback.turns * dt;
    vec2 p = (at - 0.5) * resolution * exp2(-feedback.zoom * dt);
    p = vec2(cos(turn) * p.x + sin(turn) * p.y, cos(turn) * p.y - sin(turn) * p.x);
    vec4 front = layer(at), was = texture(last, within(p / resolution + 0.5));
    was.rgb = min(turned(was.rgb, feedback.hue * dt), vec3(was.a));
    return front + (1.0 - front.a) * was * keep;
}
