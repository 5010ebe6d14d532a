/*{
    "DESCRIPTION": "Light stays where it was and drifts away, in floats: the slowest fade still ends in black.",
    "CREDIT": "latentvj, CC0",
    "ISFVSN": "2",
    "CATEGORIES": ["Feedback"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "seconds", "LABEL": "Seconds until half is gone", "TYPE": "float", "DEFAULT": 0.6, "MIN": 0.02, "MAX": 8},
        {"NAME": "drift", "LABEL": "Where it drifts", "TYPE": "point2D", "DEFAULT": [0.0, 0.05], "MIN": [-1, -1], "MAX": [1, 1]},
        {"NAME": "tint", "LABEL": "Colour of what is left", "TYPE": "color", "DEFAULT": [1.0, 0.55, 0.35, 1.0]},
        {"NAME": "clear", "LABEL": "Begin anew", "TYPE": "event"}
    ],
    "PASSES": [
        {"TARGET": "glow", "PERSISTENT": true, "FLOAT": true, "WIDTH": "max(1, floor($WIDTH / 2))", "HEIGHT": "max(1, floor($HEIGHT / 2))"},
        {}
    ]
}*/

void main() {
    vec4 now = IMG_THIS_PIXEL(inputImage);
    if (PASSINDEX == 0) {
        float keep = exp2(-TIMEDELTA / seconds);
        vec3 before = IMG_NORM_PIXEL(glow, isf_FragNormCoord - drift * TIMEDELTA).rgb;
        before *= keep * mix(vec3(1.0), tint.rgb, clamp(TIMEDELTA / seconds, 0.0, 1.0));
        bool fresh = clear || FRAMEINDEX == 0;
        gl_FragColor = vec4(fresh ? now.rgb : max(now.rgb, before), 1.0);
    } else {
        gl_FragColor = vec4(max(now.rgb, IMG_THIS_PIXEL(glow).rgb), now.a);
    }
}
