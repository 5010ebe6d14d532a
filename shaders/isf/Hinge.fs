/*{
    "DESCRIPTION": "The picture on a card that turns in space.",
    "CREDIT": "latentvj, CC0",
    "ISFVSN": "2",
    "CATEGORIES": ["Geometry"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "yaw", "LABEL": "Turn around the upright axis", "TYPE": "float", "DEFAULT": 0.08, "MIN": -0.5, "MAX": 0.5},
        {"NAME": "pitch", "LABEL": "Turn around the level axis", "TYPE": "float", "DEFAULT": 0.04, "MIN": -0.5, "MAX": 0.5},
        {"NAME": "zoom", "LABEL": "Size", "TYPE": "float", "DEFAULT": 0.9, "MIN": 0.1, "MAX": 3},
        {"NAME": "depth", "LABEL": "How near the eye is", "TYPE": "float", "DEFAULT": 0.6, "MIN": 0, "MAX": 0.95}
    ]
}*/

void main() {
    vec4 found = IMG_THIS_PIXEL(inputImage);
    vec2 edge = min(isf_FragNormCoord, 1.0 - isf_FragNormCoord) / fwidth(isf_FragNormCoord);
    gl_FragColor = vec4(found.rgb, found.a * clamp(min(edge.x, edge.y), 0.0, 1.0));
}
