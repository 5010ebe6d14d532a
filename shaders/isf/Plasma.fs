/*{
    "DESCRIPTION": "A generator: slow waves of colour.",
    "CREDIT": "latentvj, CC0",
    "ISFVSN": "2",
    "CATEGORIES": ["Generator"],
    "INPUTS": [
        {"NAME": "scale", "LABEL": "Size of the waves", "TYPE": "float", "DEFAULT": 3, "MIN": 0.5, "MAX": 16},
        {"NAME": "speed", "LABEL": "Speed", "TYPE": "float", "DEFAULT": 0.4, "MIN": -4, "MAX": 4},
        {"NAME": "first", "LABEL": "First colour", "TYPE": "color", "DEFAULT": [0.05, 0.02, 0.15, 1.0]},
        {"NAME": "second", "LABEL": "Second colour", "TYPE": "color", "DEFAULT": [0.95, 0.35, 0.25, 1.0]},
        {"NAME": "third", "LABEL": "Third colour", "TYPE": "color", "DEFAULT": [0.2, 0.75, 0.85, 1.0]}
    ]
}*/

void main() {
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0) * scale;
    float t = TIME * speed;
    float v = sin(p.x * 2.0 + t) + sin(p.y * 3.1 - t * 0.7) + sin((p.x + p.y) * 1.7 + t * 1.3);
    v += sin(length(p - vec2(sin(t * 0.31), cos(t * 0.43))) * 4.0 - t);
    float a = 0.5 + 0.5 * sin(v), b = 0.5 + 0.5 * cos(v * 0.7 + t * 0.2);
    gl_FragColor = mix(mix(first, second, a), third, b * b);
}
