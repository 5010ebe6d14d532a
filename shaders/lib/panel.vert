#version 330 core
// One shape or one character an instance; places are in pixels from the top left.
layout(location = 0) in vec4 box;
layout(location = 1) in vec4 ink;
layout(location = 2) in vec4 shape;

uniform vec2 window;

out vec2 at;  // in the box, pixels
flat out vec2 size;
flat out vec4 paint;
flat out vec4 form;

void main() {
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    at = corner * box.zw;
    size = box.zw;
    paint = ink;
    form = shape;
    vec2 place = (box.xy + at) / window * 2.0 - 1.0;
    gl_Position = vec4(place.x, -place.y, 0.0, 1.0);
}
