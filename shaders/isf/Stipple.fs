/*{
    "DESCRIPTION": "Grains from a picture beside the file decide where the light comes through.",
    "CREDIT": "latentvj, CC0",
    "ISFVSN": "2",
    "CATEGORIES": ["Stylize"],
    "IMPORTED": {"grains": {"PATH": "Stipple.png"}},
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "size", "LABEL": "Size of a grain", "TYPE": "float", "DEFAULT": 2, "MIN": 1, "MAX": 8},
        {"NAME": "levels", "LABEL": "Steps of each colour", "TYPE": "float", "DEFAULT": 1, "MIN": 1, "MAX": 7},
        {"NAME": "alive", "LABEL": "The grains dance", "TYPE": "bool", "DEFAULT": false},
        {"NAME": "colour", "LABEL": "In colour", "TYPE": "bool", "DEFAULT": true}
    ]
}*/

void main() {
    vec2 pixel = floor(gl_FragCoord.xy / size);
    if (alive) pixel += floor(fract(sin(floor(TIME * 12.0) * vec2(12.9898, 78.233)) * 43758.5453) * 64.0);
    vec2 grain = mod(pixel, IMG_SIZE(grains)) + 0.5;
    float threshold = IMG_PIXEL(grains, grain).r;
    vec3 rgb = IMG_PIXEL(inputImage, (floor(gl_FragCoord.xy / size) + 0.5) * size).rgb;
    if (!colour) rgb = vec3(dot(rgb, vec3(0.2126, 0.7152, 0.0722)));
    float steps = floor(levels + 0.5);
    gl_FragColor = vec4(floor(rgb * steps + threshold * 0.996) / steps, 1.0);
}
