/*{
    "DESCRIPTION": "The picture flows on a slow current that never repeats.",
    "CREDIT": "latentvj, CC0",
    "ISFVSN": "2",
    "CATEGORIES": ["Distortion"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "amount", "LABEL": "How far it flows", "TYPE": "float", "DEFAULT": 0.25, "MIN": 0, "MAX": 1},
        {"NAME": "scale", "LABEL": "Size of the eddies", "TYPE": "float", "DEFAULT": 3, "MIN": 0.5, "MAX": 12},
        {"NAME": "speed", "LABEL": "How fast they move", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0, "MAX": 2},
        {"NAME": "chroma", "LABEL": "Colours part", "TYPE": "bool", "DEFAULT": true}
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

vec2 current(vec2 p) {
    // The flow runs along the lines of equal height of a landscape, so it neither gathers nor parts.
    vec2 step_ = vec2(0.01, 0.0);
    vec2 q = p * scale + vec2(TIME * speed, -TIME * speed * 0.7);
    float x = cloud(q + step_.yx) - cloud(q - step_.yx);
    float y = cloud(q - step_) - cloud(q + step_);
    return vec2(x, y) / 0.02;
}

void main() {
    vec2 aspect = vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec2 by = current(isf_FragNormCoord * aspect) * amount * 0.05 / aspect;
    vec4 found = IMG_NORM_PIXEL(inputImage, isf_FragNormCoord + by);
    if (chroma) {
        found.r = IMG_NORM_PIXEL(inputImage, isf_FragNormCoord + by * 1.25).r;
        found.b = IMG_NORM_PIXEL(inputImage, isf_FragNormCoord + by * 0.75).b;
    }
    gl_FragColor = found;
}
