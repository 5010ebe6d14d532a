/*{
    "DESCRIPTION": "A generator: the spectrum of the sound as rays around a circle, low notes at the bottom.",
    "CREDIT": "latentvj, CC0",
    "ISFVSN": "2",
    "CATEGORIES": ["Generator", "Audio"],
    "INPUTS": [
        {"NAME": "fft", "TYPE": "audioFFT", "MAX": 256},
        {"NAME": "bars", "LABEL": "Rays", "TYPE": "float", "DEFAULT": 48, "MIN": 8, "MAX": 128},
        {"NAME": "radius", "LABEL": "Size of the circle", "TYPE": "float", "DEFAULT": 0.24, "MIN": 0.02, "MAX": 0.5},
        {"NAME": "gain", "LABEL": "Length of the rays", "TYPE": "float", "DEFAULT": 0.8, "MIN": 0, "MAX": 4},
        {"NAME": "low", "LABEL": "Low notes", "TYPE": "color", "DEFAULT": [1.0, 0.3, 0.2, 1.0]},
        {"NAME": "high", "LABEL": "High notes", "TYPE": "color", "DEFAULT": [0.3, 0.6, 1.0, 1.0]}
    ]
}*/

void main() {
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    float place = abs(atan(p.x, -p.y)) / 3.14159265;  // 0 at the bottom, 1 at the top, on both sides
    float ray = floor(place * bars) / bars;
    float heard = IMG_NORM_PIXEL(fft, vec2(ray * ray * 0.75 + 0.002, 0.5)).r;
    float far = length(p) - radius, edge = 1.5 / RENDERSIZE.y;
    float inside = smoothstep(-edge, edge, far) * smoothstep(edge, -edge, far - 0.01 - heard * gain);
    float gap = abs(fract(place * bars) - 0.5) * 2.0;
    inside *= smoothstep(0.95, 0.7, gap);
    vec4 colour = mix(low, high, ray);
    gl_FragColor = vec4(colour.rgb, colour.a * inside);
}
