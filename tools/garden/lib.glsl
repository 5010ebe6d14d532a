// What all parts of a flower share: the view, light, and what a pixel keeps for the second pass.
// View space: x right, y up, z towards the viewer; the picture is -1..1.

uniform float light;   // where the key light stands, -1..1
uniform vec3 rim_ink;  // colour of the light from behind

float hash(vec2 p) {
    vec3 q = fract(vec3(p.xyx) * 0.1031);
    q += dot(q, q.yzx + 33.33);
    return fract((q.x + q.y) * q.z);
}

vec4 project(vec3 p) {
    float w = 1.0 - 0.16 * p.z;
    return vec4(p.xy, -0.28 * p.z * w, w);
}

vec3 key_from() { return normalize(vec3(-0.62 + 0.8 * light, 0.72, 0.62)); }
const vec3 KEY = vec3(1.42, 1.30, 1.12), FILL = vec3(0.055, 0.06, 0.10);

// A thin or solid surface. glow: how much light comes through it from the other side.
vec3 lit(vec3 albedo, vec3 n, vec3 p, float glow, float gloss, float open) {
    vec3 view = normalize(vec3(0.0, 0.0, 6.0) - p);
    if (dot(n, view) < 0.0) n = -n;
    vec3 l = key_from();
    float nl = dot(n, l);
    float direct = clamp((nl + 0.25) / 1.25, 0.0, 1.0);
    vec3 through = pow(albedo, vec3(1.25)) * glow * (0.75 * max(-nl, 0.0) + 0.18 * (1.0 - abs(nl)));
    vec3 behind = normalize(vec3(0.75, 0.35, -0.62)), left = normalize(vec3(-0.85, -0.05, -0.5));
    float edge = pow(1.0 - max(dot(n, view), 0.0), 2.2);
    float rim = edge * (0.9 * max(dot(n, behind) + 0.35, 0.0) + 0.45 * max(dot(n, left) + 0.3, 0.0));
    float back = max(dot(-n, behind), 0.0) * glow;  // the light from behind shines through the petal
    vec3 c = albedo * (KEY * direct * open + FILL * (0.6 + 0.4 * n.y) * open) + KEY * through * open;
    c += rim_ink * (rim * (0.35 + 0.65 * albedo) * 2.1 + 0.40 * back * albedo);
    vec3 h = normalize(l + view);
    c += KEY * gloss * open * (0.35 * pow(max(dot(n, h), 0.0), 24.0) + 0.10 * edge);
    return c;
}
