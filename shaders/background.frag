#version 330 core
// What shows through the picture: a colour, and over it a picture or a film (the preset's [background]).
#pragma latentvj once
#pragma latentvj alpha own
#pragma latentvj order 10
#pragma latentvj param amount 1 0 1 "" "pass background: what shows through the picture; 0 black"
#pragma latentvj param red 0 0 1 "" "its colour: red"
#pragma latentvj param green 0 0 1 "" "its colour: green"
#pragma latentvj param blue 0 0 1 "" "its colour: blue"
#pragma latentvj param image 1 0 1 "" "how much of the preset's picture or film lies over the colour"
#pragma latentvj param fit 1 0 1 "" "in a window of another shape: 0 bars of the colour, 1 cut off to fill it"
#pragma latentvj param zoom 1 0.25 8 "x" "size of the picture or film"
#include "lib/pass.glsl"

uniform sampler2D backdrop;  // its row 0 is the top; one pixel of alpha 0 where there is none
uniform struct Background { float amount, red, green, blue, image, fit, zoom; } background;

vec4 shade_layer(vec2 at) {
    vec2 size = vec2(textureSize(backdrop, 0)), fits = resolution / size;
    float scale = mix(min(fits.x, fits.y), max(fits.x, fits.y), background.fit) * background.zoom;
    vec2 p = (at - 0.5) * resolution / scale;  // texels from its middle
    vec2 inside = clamp((0.5 * size - abs(p)) * scale + 0.5, 0.0, 1.0);
    vec4 image = texture(backdrop, vec2(p.x, -p.y) / size + 0.5) * inside.x * inside.y * background.image;
    vec3 behind = image.rgb + (1.0 - image.a) * vec3(background.red, background.green, background.blue);
    vec4 front = layer(at);
    return front + (1.0 - front.a) * vec4(behind, 1.0) * background.amount;
}
