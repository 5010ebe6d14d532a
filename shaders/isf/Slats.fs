/*{
    "DESCRIPTION": "A transition: slats turn over one after the other, the new picture on their backs.",
    "CREDIT": "latentvj, CC0",
    "ISFVSN": "2",
    "CATEGORIES": ["Wipe"],
    "INPUTS": [
        {"NAME": "startImage", "TYPE": "image"},
        {"NAME": "endImage", "TYPE": "image"},
        {"NAME": "progress", "TYPE": "float", "DEFAULT": 0, "MIN": 0, "MAX": 1},
        {"NAME": "slats", "LABEL": "Slats", "TYPE": "float", "DEFAULT": 12, "MIN": 1, "MAX": 60},
        {"NAME": "spread", "LABEL": "One after the other", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0, "MAX": 0.95}
    ]
}*/

void main() {
    vec2 at = isf_FragNormCoord;
    float count = floor(slats + 0.5), slat = floor(at.x * count);
    float turn = clamp((progress * (1.0 + spread) - spread * slat / max(count - 1.0, 1.0)), 0.0, 1.0) * 3.14159265;
    float across = fract(at.x * count) - 0.5, wide = abs(cos(turn));
    float x = across / max(wide, 1e-3);
    if (abs(x) > 0.5) {
        gl_FragColor = vec4(0.0, 0.0, 0.0, 1.0);
        return;
    }
    vec2 source = vec2((slat + 0.5 + x) / count, at.y);
    vec4 found = turn < 1.57079633 ? IMG_NORM_PIXEL(startImage, source) : IMG_NORM_PIXEL(endImage, source);
    gl_FragColor = vec4(found.rgb * mix(0.35, 1.0, wide), found.a);
}
