/*{
    "DESCRIPTION": "The picture in rings; every ring turns by a hand of the clock, and steps at a press.",
    "CREDIT": "latentvj, CC0",
    "ISFVSN": "2",
    "CATEGORIES": ["Geometry"],
    "INPUTS": [
        {"NAME": "inputImage", "TYPE": "image"},
        {"NAME": "rings", "LABEL": "Rings", "TYPE": "float", "DEFAULT": 6, "MIN": 1, "MAX": 24},
        {"NAME": "amount", "LABEL": "How far they turn", "TYPE": "float", "DEFAULT": 0.3, "MIN": 0, "MAX": 1},
        {"NAME": "step", "LABEL": "Turn a step on", "TYPE": "event"},
        {"NAME": "byDate", "LABEL": "By the time of day", "TYPE": "bool", "DEFAULT": false}
    ],
    "PASSES": [{"TARGET": "state", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"}, {}]
}*/

void main() {
    if (PASSINDEX == 0) {
        vec4 before = IMG_PIXEL(state, vec2(0.5));
        float goal = before.x + (step ? 1.0 : 0.0);
        gl_FragColor = vec4(goal, mix(goal, before.y, exp2(-TIMEDELTA * 10.0)), 0.0, 1.0);
        return;
    }
    float aspect = RENDERSIZE.x / RENDERSIZE.y;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(aspect, 1.0);
    float ring = floor(length(p) * 2.0 * rings);
    float hand = byDate ? DATE.w / 60.0 : TIME * 0.25;
    float way = mod(ring, 2.0) < 0.5 ? 1.0 : -1.0;
    float a = way * amount * (hand * 6.28318530718 / (ring + 2.0) + IMG_PIXEL(state, vec2(0.5)).y * 1.0471975512);
    vec2 q = mat2(cos(a), sin(a), -sin(a), cos(a)) * p / vec2(aspect, 1.0) + 0.5;
    gl_FragColor = IMG_NORM_PIXEL(inputImage, abs(mod(q + 1.0, 2.0) - 1.0));
}
