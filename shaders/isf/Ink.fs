/*{
    "DESCRIPTION": "A transition: the new picture spreads like ink in water, with a bright rim.",
    "CREDIT": "latentvj, CC0",
    "ISFVSN": "2",
    "CATEGORIES": ["Dissolve"],
    "INPUTS": [
        {"NAME": "startImage", "TYPE": "image"},
        {"NAME": "endImage", "TYPE": "image"},
        {"NAME": "progress", "TYPE": "float", "DEFAULT": 0, "MIN": 0, "MAX": 1},
        {"NAME": "grain", "LABEL": "Size of the drops", "TYPE": "float", "DEFAULT": 4, "MIN": 1, "MAX": 16},
        {"NAME": "rim", "LABEL": "Light of the rim", "TYPE": "color", "DEFAULT": [1.0, 0.8, 0.5, 1.0]}
    ]
}*/

float lattice(vec2 p) {
    p = fract(p * vec2(127.34, 311.71));
    p += dot(p, p + 23.19);
    return fract(p.x * p.y);
}

float cloud(vec2 p) {
    vec2 cell = floor(p), f = fract(p);
    f = f * f * (3.0 - 2.0 * f);
    float low = mix(lattice(cell), lattice(cell + vec2(1, 0)), f.x);
    return mix(low, mix(lattice(cell + vec2(0, 1)), lattice(cell + 1.0), f.x), f.y);
}

void main() {
    vec2 p = isf_FragNormCoord * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0) * grain;
    float height = cloud(p) * 0.6 + cloud(p * 2.3 + 7.0) * 0.28 + cloud(p * 5.1 + 19.0) * 0.12;
    float reach = progress * 1.3 - 0.15;
    float wet = smoothstep(-0.06, 0.06, reach - height);
    float edge = wet * (1.0 - wet) * 4.0 * step(0.001, progress) * step(progress, 0.999);
    vec4 mixed = mix(IMG_THIS_PIXEL(startImage), IMG_THIS_PIXEL(endImage), wet);
    gl_FragColor = vec4(mixed.rgb + rim.rgb * rim.a * edge * 0.5, mixed.a);
}
