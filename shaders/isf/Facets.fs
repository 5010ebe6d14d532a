/*{
    "DESCRIPTION": "A kaleidoscope: wedges of the picture around a point, each a mirror of the next.",
    "CREDIT": "latentvj, CC0",
    "ISFVSN": "2",
    "CATEGORIES": ["Geometry"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "sides", "LABEL": "Mirrors", "TYPE": "float", "DEFAULT": 6, "MIN": 1, "MAX": 24},
        {"NAME": "turn", "LABEL": "Turn of the mirrors", "TYPE": "float", "DEFAULT": 0, "MIN": -1, "MAX": 1},
        {"NAME": "spin", "LABEL": "Turn of the picture in them", "TYPE": "float", "DEFAULT": 0, "MIN": -1, "MAX": 1},
        {"NAME": "zoom", "LABEL": "Size", "TYPE": "float", "DEFAULT": 1, "MIN": 0.2, "MAX": 4},
        {"NAME": "center", "LABEL": "Middle", "TYPE": "point2D", "DEFAULT": [0.5, 0.5], "MIN": [0, 0], "MAX": [1, 1]}
    ]
}*/

const float TURN = 6.28318530718;

void main() {
    float aspect = RENDERSIZE.x / RENDERSIZE.y;
    vec2 p = (isf_FragNormCoord - center) * vec2(aspect, 1.0);
    float wedge = TURN / max(1.0, floor(sides + 0.5));
    float angle = mod(atan(p.y, p.x) - turn * TURN, wedge);
    angle = min(angle, wedge - angle) + spin * TURN;
    vec2 q = length(p) / zoom * vec2(cos(angle), sin(angle)) / vec2(aspect, 1.0) + 0.5;
    gl_FragColor = IMG_NORM_PIXEL(inputImage, abs(mod(q + 1.0, 2.0) - 1.0));
}
