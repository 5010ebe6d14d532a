/*{
    "DESCRIPTION": "A blur in two directions at a part of the size, and how much of the sharp picture is left over it.",
    "CREDIT": "latentvj, CC0",
    "ISFVSN": "2",
    "CATEGORIES": ["Blur"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "radius", "LABEL": "How far it is blurred", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0, "MAX": 1},
        {"NAME": "glow", "LABEL": "Light that is added", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0, "MAX": 1},
        {"NAME": "quality", "LABEL": "Size of the blurred picture", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.1, "MAX": 1}
    ],
    "PASSES": [
        {"TARGET": "across", "WIDTH": "max(8.0, floor($WIDTH * $quality))", "HEIGHT": "max(8.0, floor($HEIGHT * $quality))"},
        {"TARGET": "both", "WIDTH": "max(8.0, floor($WIDTH * $quality))", "HEIGHT": "max(8.0, floor($HEIGHT * $quality))"},
        {}
    ]
}*/

varying vec2 taps[5];

vec4 blurred(sampler2D image) {
    vec4 sum = IMG_NORM_PIXEL(image, taps[2]) * 0.375;
    sum += (IMG_NORM_PIXEL(image, taps[1]) + IMG_NORM_PIXEL(image, taps[3])) * 0.25;
    return sum + (IMG_NORM_PIXEL(image, taps[0]) + IMG_NORM_PIXEL(image, taps[4])) * 0.0625;
}

void main() {
    if (PASSINDEX == 0) {
        gl_FragColor = blurred(inputImage);
    } else if (PASSINDEX == 1) {
        gl_FragColor = blurred(across);
    } else {
        vec4 sharp = IMG_THIS_PIXEL(inputImage), soft = IMG_THIS_PIXEL(both);
        vec3 rgb = mix(sharp.rgb, soft.rgb, smoothstep(0.0, 0.2, radius));
        gl_FragColor = vec4(1.0 - (1.0 - rgb) * (1.0 - glow * soft.rgb), sharp.a);
    }
}
