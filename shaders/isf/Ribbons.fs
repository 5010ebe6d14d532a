/*{
    "DESCRIPTION": "The wave of the sound as a ribbon of light over the picture.",
    "CREDIT": "latentvj, CC0",
    "ISFVSN": "2",
    "CATEGORIES": ["Audio"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "wave", "TYPE": "audio", "MAX": 512},
        {"NAME": "gain", "LABEL": "Height", "TYPE": "float", "DEFAULT": 1.5, "MIN": 0, "MAX": 8},
        {"NAME": "width", "LABEL": "Thickness", "TYPE": "float", "DEFAULT": 0.012, "MIN": 0.001, "MAX": 0.1},
        {"NAME": "count", "LABEL": "Ribbons", "TYPE": "long", "DEFAULT": 3, "VALUES": [1, 2, 3, 4, 5], "LABELS": ["one", "two", "three", "four", "five"]},
        {"NAME": "colour", "LABEL": "Colour", "TYPE": "color", "DEFAULT": [0.4, 0.9, 1.0, 1.0]}
    ]
}*/

void main() {
    vec4 under = IMG_THIS_PIXEL(inputImage);
    vec2 at = isf_FragNormCoord;
    float ease = sin(at.x * 3.14159265);
    float light = 0.0;
    for (int i = 0; i < 5; i++) {
        if (i >= count) break;
        float part = float(i) / float(max(count - 1, 1)) - 0.5;
        float heard = IMG_NORM_PIXEL(wave, vec2(at.x * (0.6 + 0.4 * float(i) / 5.0), 0.5)).r - 0.5;
        float y = 0.5 + ease * (heard * gain + part * 0.12);
        float near = abs(at.y - y) / width;
        light += colour.a * (1.0 - 0.5 * abs(part)) / (1.0 + near * near);
    }
    gl_FragColor = vec4(mix(under.rgb, colour.rgb, min(light, 1.0)), under.a);
}
