/*{
    "DESCRIPTION": "Dots of a printing screen, as large as the picture is dark or bright there.",
    "CREDIT": "latentvj, CC0",
    "ISFVSN": "2",
    "CATEGORIES": ["Stylize"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "cells", "LABEL": "Dots from top to bottom", "TYPE": "float", "DEFAULT": 60, "MIN": 8, "MAX": 240},
        {"NAME": "angle", "LABEL": "Turn of the screen", "TYPE": "float", "DEFAULT": 0.125, "MIN": 0, "MAX": 1},
        {"NAME": "mode", "LABEL": "Ink", "TYPE": "long", "DEFAULT": 0, "VALUES": [0, 1, 2], "LABELS": ["The picture's", "One colour", "Light on black"]},
        {"NAME": "ink", "LABEL": "Colour", "TYPE": "color", "DEFAULT": [0.08, 0.1, 0.3, 1.0]},
        {"NAME": "paper", "LABEL": "Paper", "TYPE": "color", "DEFAULT": [0.97, 0.94, 0.86, 1.0]}
    ]
}*/

mat2 turned(float turns) {
    float a = turns * 6.28318530718;
    return mat2(cos(a), sin(a), -sin(a), cos(a));
}

void main() {
    vec2 aspect = vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    mat2 screen = turned(angle);
    vec2 p = screen * ((isf_FragNormCoord - 0.5) * aspect) * cells;  // it turns and grows about the middle
    vec2 middle = (floor(p) + 0.5) * screen / cells / aspect + 0.5;  // a rotation's inverse is its transpose
    vec4 found = IMG_NORM_PIXEL(inputImage, clamp(middle, 0.0, 1.0));
    vec3 rgb = found.rgb;
    float light = dot(rgb, vec3(0.2126, 0.7152, 0.0722));
    float size = 0.72 * sqrt(mode == 2 ? light : 1.0 - light);
    float edge = cells / RENDERSIZE.y;
    float dot_ = smoothstep(size + edge, size - edge, length(fract(p) - 0.5));
    vec3 colour = mode == 1 ? ink.rgb : rgb;
    vec4 ground = mode == 2 ? vec4(0.0, 0.0, 0.0, 1.0) : paper;
    gl_FragColor = mix(ground, vec4(colour, 1.0), dot_) * vec4(1.0, 1.0, 1.0, found.a);
}
