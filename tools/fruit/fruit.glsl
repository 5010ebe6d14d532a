// Fruit on white: signed distances, skins and light for one picture.
//
// fruit.py writes in front of this file the version line, one #define per entry of theta (HUE, ROLL...),
// and behind it two functions that name only the kinds this picture needs:
//   float bodies(vec3 p)            weighted distance to the blended fruit, object space, radius about 1
//   vec3  skins(vec3 p, vec3 n)     weighted skin colour, sRGB
// Compiling one program per set of kinds keeps the software renderer from paying for the others.

uniform float theta[THETA];
uniform vec4 stalk;   // anchor height, length, thickness, leaf length, blended over the kinds
uniform vec4 finish;  // highlight strength, highlight sharpness, velvet, translucency
uniform float weight[KINDS];

float smin(float a, float b, float k) {
    float h = max(k - abs(a - b), 0.0) / k;
    return min(a, b) - h * h * k * 0.25;
}

vec2 spin(vec2 v, float a) {
    float c = cos(a), s = sin(a);
    return vec2(c * v.x - s * v.y, s * v.x + c * v.y);
}

float hash(vec3 p) {
    p = fract(p * vec3(0.1031, 0.1030, 0.0973));
    p += dot(p, p.yxz + 33.33);
    return fract((p.x + p.y) * p.z);
}

float grain(vec3 p) {
    vec3 i = floor(p), f = fract(p);
    f = f * f * (3.0 - 2.0 * f);
    vec4 a = vec4(hash(i), hash(i + vec3(1, 0, 0)), hash(i + vec3(0, 1, 0)), hash(i + vec3(1, 1, 0)));
    vec4 b = vec4(hash(i + vec3(0, 0, 1)), hash(i + vec3(1, 0, 1)), hash(i + vec3(0, 1, 1)), hash(i + vec3(1, 1, 1)));
    vec4 c = mix(a, b, f.z);
    vec2 d = mix(c.xz, c.yw, f.x);
    return mix(d.x, d.y, f.y);
}

float capsule(vec3 p, vec3 a, vec3 b, float r) {
    vec3 u = p - a, v = b - a;
    return length(u - v * clamp(dot(u, v) / dot(v, v), 0.0, 1.0)) - r;
}

// A seed lattice on a body of revolution: x = distance to the nearest seed (in about object units), y = its row.
vec2 seeds(vec3 p, float rows, float columns, float radius) {
    float row = p.y * rows, line = floor(row + 0.5);
    float turn = atan(p.x, p.z) / 6.2831853 * columns + 0.5 * mod(line, 2.0);
    float across = (fract(turn + 0.5) - 0.5) * 6.2831853 * radius / columns;
    return vec2(length(vec2(across * 1.5, (row - line) / rows)), line);
}

// ---- shapes -------------------------------------------------------------------------------------------------

float apple_shape(vec3 p) {
    float lobe = 0.03 * cos(5.0 * atan(p.z, p.x)) * smoothstep(0.1, -0.8, p.y);
    float r = length(p.xz) / (1.0 + (0.16 + 0.09 * PROFILE) * p.y) + lobe;
    return (length(vec2(r - 0.31, p.y / (1.22 + 0.12 * LENGTH))) - 0.57) * 0.85;
}

float pear_shape(vec3 p) {
    p.x -= 0.12 * BEND * p.y * p.y;
    float below = length(p + vec3(0, 0.34, 0)) - (0.70 + 0.06 * PROFILE);
    float above = length(p - vec3(0, 0.50 + 0.12 * LENGTH, 0)) - (0.33 - 0.05 * PROFILE);
    return smin(below, above, 0.75) * 0.9;
}

float orange_shape(vec3 p) {
    float d = length(p * vec3(1, 1.04 - 0.07 * LENGTH, 1)) - 0.86;
    return d + 0.10 * exp(-12.0 * dot(p.xz, p.xz)) * smoothstep(0.0, 0.5, p.y);
}

float lemon_shape(vec3 p) {
    p.xy = spin(p.xy, -1.05);
    float s = 1.0 + 0.12 * LENGTH;
    float tip = abs(p.y) / s;
    float belly = length(vec2(length(p.xz), max(tip - 0.22, 0.0) * 1.05)) - 0.66;
    float nib = length(vec3(p.x, tip - 0.90, p.z)) - 0.11 - 0.04 * PROFILE;
    return smin(belly, nib, 0.28) * 0.9;
}

vec3 banana_frame(vec3 p) {  // around the arc (-1..1), across, depth
    p.xy = spin(p.xy, 0.5);
    float bend = 1.25 - 0.3 * BEND;
    p.y -= bend - 0.34;
    float a = atan(p.x, -p.y);
    float reach = (1.22 + 0.12 * LENGTH) / bend;
    return vec3(a / reach, length(p.xy) - bend, p.z);
}

float banana_shape(vec3 p) {
    vec3 q = banana_frame(p);
    float t = abs(q.x), bend = 1.25 - 0.3 * BEND;
    float neck = q.x > 0.0 ? smoothstep(0.66, 1.04, q.x) : smoothstep(0.72, 1.02, -q.x) * 0.75;
    float r = (0.30 + 0.05 * PROFILE) * mix(1.0 - 0.22 * t * t, 0.24, neck);
    float edge = 0.016 * cos(5.0 * atan(q.z, q.y) + 0.6);
    float past = max(t - 1.12, 0.0) * bend, d = length(q.yz) + edge - r;
    return (past > 0.0 ? length(vec2(max(d, 0.0), past)) : d) * 0.60;
}

float strawberry_shape(vec3 p) {
    p.y -= 0.06;
    float s = 1.0 + 0.16 * LENGTH;
    float taper = 0.84 + (0.34 + 0.12 * PROFILE) * p.y / s - 0.10 * p.y * p.y;
    float d = length(vec3(p.x / taper, p.y / s, p.z / taper)) - 0.86;
    vec2 seed = seeds(p, 4.6, 11.0, 0.62);
    return (d * 0.8 + 0.022 * smoothstep(0.11, 0.03, seed.x)) * 0.75;
}

const vec4 BERRIES[15] = vec4[15](
    vec4(-0.50, 0.46, 0.05, 0.30), vec4(0.02, 0.55, 0.22, 0.31), vec4(0.52, 0.44, 0.04, 0.30),
    vec4(-0.24, 0.42, -0.30, 0.29), vec4(0.28, 0.46, -0.28, 0.29),
    vec4(-0.30, 0.12, 0.30, 0.31), vec4(0.28, 0.10, 0.32, 0.31), vec4(-0.62, 0.00, -0.05, 0.28),
    vec4(0.58, -0.02, 0.00, 0.29), vec4(0.00, 0.02, -0.20, 0.30),
    vec4(-0.02, -0.26, 0.30, 0.31), vec4(-0.36, -0.34, 0.06, 0.29), vec4(0.34, -0.36, 0.06, 0.29),
    vec4(0.04, -0.58, 0.02, 0.28), vec4(-0.03, -0.88, 0.10, 0.25));

float grapes_shape(vec3 p) {
    float d = 1e3, fat = 0.035 * PROFILE;
    p.y /= 1.0 + 0.10 * LENGTH;
    p.x -= 0.15 * BEND * min(p.y, 0.0);
    for (int i = 0; i < 15; ++i) d = min(d, length(p - BERRIES[i].xyz) - BERRIES[i].w - fat);
    return d * 0.9;
}

const vec3 CHERRY_TOP = vec3(0.12, 1.02, -0.02);

float cherry_shape(vec3 p) {
    float fat = 0.42 + 0.04 * PROFILE;
    vec3 a = p - vec3(-0.45, -0.38 - 0.08 * LENGTH, 0.06), b = p - vec3(0.46, -0.46 + 0.08 * LENGTH, -0.04);
    float da = length(a * vec3(1, 1.06, 1)) - fat + 0.10 * exp(-18.0 * dot(a.xz, a.xz)) * step(0.0, a.y);
    float db = length(b * vec3(1, 1.06, 1)) - fat + 0.10 * exp(-18.0 * dot(b.xz, b.xz)) * step(0.0, b.y);
    return min(da, db) * 0.9;
}

float cherry_stalks(vec3 p) {
    float s = clamp((p.y + 0.12) / (CHERRY_TOP.y + 0.12), 0.0, 1.0);
    float bow = sin(s * 3.14159) * (0.10 + 0.06 * BEND);
    vec3 left = vec3(mix(-0.45, CHERRY_TOP.x, s) - bow, mix(-0.12, CHERRY_TOP.y, s), mix(0.06, 0.0, s));
    vec3 right = vec3(mix(0.46, CHERRY_TOP.x, s) + bow, mix(-0.12, CHERRY_TOP.y, s), mix(-0.04, 0.0, s));
    float knob = length((p - CHERRY_TOP) * vec3(1, 1.6, 1)) - 0.075;
    return min(min(length(p - left), length(p - right)) * 0.8 - 0.032, knob);
}

float peach_shape(vec3 p) {
    float a = atan(p.x, p.z + 0.15) - 0.35;
    float groove = 0.075 * exp(-a * a * 45.0) * smoothstep(-0.95, 0.1, p.y + 0.4);
    float dimple = 0.16 * exp(-9.0 * dot(p.xz, p.xz)) * smoothstep(0.0, 0.6, p.y);
    float tip = 0.05 * exp(-9.0 * dot(p.xz, p.xz)) * smoothstep(0.0, -0.6, p.y);
    return (length(p * vec3(1, 1.02 - 0.08 * LENGTH, 1)) - 0.87 + groove + dimple - tip) * 0.9;
}

vec3 melon_frame(vec3 p) {
    p.xy = spin(p.xy, 0.12 * BEND);
    p.y -= 0.42;
    return p;
}

float melon_shape(vec3 p) {
    p = melon_frame(p);
    float disc = length(p) - 1.06;
    float slab = abs(p.z) - (0.20 + 0.07 * PROFILE + 0.10 * clamp(-p.y, 0.0, 1.0));
    return max(max(disc, slab), p.y) * 0.95;
}

vec3 kiwi_frame(vec3 p) {
    p.yz = spin(p.yz, 0.25);
    p.xz = spin(p.xz, 0.45);
    return p;
}

float kiwi_shape(vec3 p) {
    p = kiwi_frame(p);
    float egg = length(p * vec3(1, 0.90 - 0.06 * LENGTH, 1)) - 0.86;
    float cut = p.z - 0.12 - 0.1 * PROFILE;
    float k = 0.05, h = max(k - abs(egg - cut), 0.0) / k;
    return (max(egg, cut) + h * h * k * 0.25) * 0.95;
}

// ---- skins, sRGB --------------------------------------------------------------------------------------------

vec3 ripe(vec3 unripe, vec3 usual, vec3 over) {  // quick through the muddy middle
    return HUE < 0.0 ? mix(usual, unripe, smoothstep(0.25, 0.75, -HUE)) : mix(usual, over, HUE);
}

float dots(vec3 p, float scale, float size) {  // sparse round specks, one per cell of a lattice
    vec3 i = floor(p * scale), f = fract(p * scale) - 0.5;
    vec3 o = (vec3(hash(i), hash(i + 7.1), hash(i + 3.7)) - 0.5) * 0.5;
    return smoothstep(size, size * 0.4, length(f - o)) * step(0.35, hash(i + 1.3));
}

vec3 apple_skin(vec3 p, vec3 n) {
    vec3 c = ripe(vec3(0.66, 0.80, 0.25), vec3(0.88, 0.20, 0.14), vec3(0.62, 0.05, 0.10));
    float turn = atan(p.z, p.x);
    float streak = grain(vec3(cos(turn) * 7.0, p.y * 1.3, sin(turn) * 7.0));
    float side = smoothstep(-0.6, 0.9, dot(normalize(p), vec3(0.75, 0.1, 0.4)) * -1.0 + 0.9 * (streak - 0.5) + 0.35 * BLUSH);
    c = mix(c, vec3(0.96, 0.80, 0.32), side * (0.30 + 0.35 * BLUSH * step(0.0, BLUSH)));
    c = mix(c, vec3(0.78, 0.76, 0.32), smoothstep(0.42, 0.08, length(p.xz)) * step(0.0, p.y) * 0.8);
    return mix(c, vec3(0.97, 0.88, 0.62), dots(p, 6.5, 0.17) * (0.28 + 0.28 * SPECKLE));
}

vec3 pear_skin(vec3 p, vec3 n) {
    vec3 c = ripe(vec3(0.55, 0.70, 0.22), vec3(0.82, 0.80, 0.28), vec3(0.90, 0.72, 0.28));
    float side = smoothstep(-0.1, 0.9, dot(normalize(p + vec3(0, 0.3, 0)), vec3(0.8, 0.0, 0.5)) + 0.5 * BLUSH);
    c = mix(c, vec3(0.85, 0.32, 0.18), side * 0.55);
    c = mix(c, vec3(0.55, 0.42, 0.20), smoothstep(0.65, 0.95, p.y) * 0.5);
    return mix(c, vec3(0.48, 0.38, 0.15), dots(p, 8.0, 0.20) * (0.30 + 0.30 * SPECKLE));
}

vec3 orange_skin(vec3 p, vec3 n) {
    vec3 c = ripe(vec3(0.97, 0.66, 0.12), vec3(0.97, 0.52, 0.05), vec3(0.91, 0.36, 0.05));
    c *= 1.0 - (0.16 + 0.12 * SPECKLE) * dots(p, 8.0, 0.26);
    float star = length(p.xz) * (1.0 + 0.35 * cos(5.0 * atan(p.x, p.z)));
    return mix(c, vec3(0.35, 0.45, 0.12), smoothstep(0.17, 0.09, star) * step(0.0, p.y));
}

vec3 lemon_skin(vec3 p, vec3 n) {
    vec3 c = ripe(vec3(0.56, 0.76, 0.12), vec3(0.98, 0.87, 0.16), vec3(0.98, 0.78, 0.10));
    p.xy = spin(p.xy, -1.05);
    c *= 1.0 - (0.10 + 0.08 * SPECKLE) * dots(p, 7.0, 0.28);
    return mix(c, c * vec3(0.80, 0.88, 0.6), smoothstep(0.72, 0.98, abs(p.y)));
}

vec3 banana_skin(vec3 p, vec3 n) {
    vec3 q = banana_frame(p);
    vec3 c = ripe(vec3(0.70, 0.80, 0.22), vec3(0.98, 0.84, 0.20), vec3(0.95, 0.74, 0.18));
    c = mix(c, vec3(0.62, 0.72, 0.22), smoothstep(0.55, 0.95, abs(q.x)) * (0.55 - 0.3 * HUE));
    float freckle = smoothstep(0.60, 0.80, grain(vec3(q.x * 7.0, q.y * 9.0, q.z * 9.0)));
    c = mix(c, vec3(0.45, 0.27, 0.10), freckle * clamp(0.25 + 0.45 * SPECKLE + 0.2 * HUE, 0.0, 1.0));
    c *= 1.0 - 0.10 * smoothstep(0.75, 1.0, cos(5.0 * atan(q.z, q.y) + 0.6 + 3.14159));
    return mix(c, vec3(0.26, 0.18, 0.09), smoothstep(1.0, 1.08, abs(q.x)) * 0.9);
}

vec3 strawberry_skin(vec3 p, vec3 n) {
    vec3 c = ripe(vec3(0.95, 0.42, 0.22), vec3(0.90, 0.12, 0.12), vec3(0.68, 0.04, 0.08));
    c = mix(c, vec3(0.98, 0.72, 0.55), smoothstep(0.45, 0.85, p.y) * (0.35 - 0.3 * BLUSH));
    float seed = seeds(p - vec3(0, 0.06, 0), 4.6, 11.0, 0.62).x;
    c *= 1.0 - 0.30 * smoothstep(0.12, 0.05, seed);
    return mix(c, vec3(0.98, 0.83, 0.42), smoothstep(0.062, 0.035, seed) * (0.80 + 0.2 * SPECKLE));
}

vec3 grapes_skin(vec3 p, vec3 n) {
    vec3 c = ripe(vec3(0.68, 0.78, 0.30), vec3(0.45, 0.16, 0.38), vec3(0.20, 0.12, 0.36));
    vec3 bloom = mix(c, vec3(0.74, 0.72, 0.86), 0.45);
    float dust = smoothstep(0.35, 0.75, grain(p * 4.5)) * (0.40 + 0.35 * BLUSH);
    return mix(c, bloom, clamp(dust, 0.0, 1.0));
}

vec3 cherry_skin(vec3 p, vec3 n) {
    vec3 c = ripe(vec3(0.96, 0.50, 0.22), vec3(0.78, 0.04, 0.10), vec3(0.36, 0.02, 0.08));
    return mix(c, vec3(0.98, 0.72, 0.30), smoothstep(0.1, 0.9, n.x + 0.4 * n.y) * 0.35 * max(BLUSH, 0.0));
}

vec3 peach_skin(vec3 p, vec3 n) {
    vec3 c = ripe(vec3(0.96, 0.82, 0.45), vec3(0.98, 0.68, 0.36), vec3(0.96, 0.54, 0.32));
    float side = smoothstep(-0.5, 0.8, dot(normalize(p), vec3(-0.7, 0.35, 0.5)) + 0.7 * (grain(p * 2.6) - 0.5) + 0.40 * BLUSH - 0.15);
    c = mix(c, vec3(0.84, 0.22, 0.20), side * 0.60);
    return mix(c, vec3(0.98, 0.86, 0.5), smoothstep(0.30, 0.05, length(p.xz)) * step(0.0, p.y) * 0.6);
}

vec3 melon_skin(vec3 p, vec3 n) {
    p = melon_frame(p);
    float r = length(p);
    vec3 flesh = ripe(vec3(0.98, 0.62, 0.34), vec3(0.94, 0.24, 0.24), vec3(0.84, 0.10, 0.18));
    flesh = mix(flesh, flesh * vec3(1.06, 1.25, 1.2), smoothstep(0.35, 0.0, r) * 0.6);
    float a = atan(p.x, -p.y);
    float row = (r - 0.28) / 0.27, ring = floor(row + 0.5);
    float turn = a * (1.5 + 1.4 * ring) + 0.5 * ring;
    vec2 at = vec2((fract(turn) - 0.5) / (1.5 + 1.4 * ring) * r, (row - ring) * 0.28);
    float seed = length(at * vec2(1.7, 1.0));
    float where = step(0.5, ring) * step(ring, 1.5) * step(-p.y * -1.0, -0.06);
    flesh = mix(flesh, vec3(0.12, 0.06, 0.05), smoothstep(0.085, 0.055, seed) * where);
    vec3 c = mix(flesh, vec3(0.95, 0.95, 0.78), smoothstep(0.85, 0.91, r));
    c = mix(c, vec3(0.48, 0.70, 0.32), smoothstep(0.94, 0.98, r));
    float stripe = smoothstep(0.45, 0.6, 0.5 + 0.5 * sin(a * 9.0 + 2.0 * grain(p * 5.0)));
    vec3 rind = mix(vec3(0.30, 0.58, 0.22), vec3(0.06, 0.28, 0.10), stripe);
    return mix(c, rind, smoothstep(1.00, 1.03, r));
}

vec3 kiwi_skin(vec3 p, vec3 n) {
    p = kiwi_frame(p);
    float a = atan(p.x, p.y), r = length(p.xy * vec2(1.0, 0.92)) / 0.86;
    vec3 flesh = ripe(vec3(0.62, 0.82, 0.22), vec3(0.50, 0.74, 0.14), vec3(0.86, 0.76, 0.16));
    flesh *= 0.92 + 0.14 * smoothstep(0.3, 0.9, 0.5 + 0.5 * cos(a * 20.0)) * smoothstep(0.2, 0.45, r);
    flesh = mix(flesh * 1.05, flesh * 0.82, smoothstep(0.55, 0.95, r));
    flesh = mix(vec3(0.96, 0.95, 0.74), flesh, smoothstep(0.20, 0.40, r + 0.04 * cos(a * 10.0)));
    float turn = fract(a / 6.2831853 * 16.0) - 0.5;
    float seed = length(vec2(turn * 6.2831853 * r / 16.0 * 1.5, r - 0.50));
    flesh = mix(flesh, vec3(0.10, 0.09, 0.05), smoothstep(0.085, 0.055, seed));
    vec3 fuzz = vec3(0.52, 0.38, 0.20) * (0.75 + 0.45 * grain(p * vec3(16, 6, 16)));
    float inside = smoothstep(0.0, 0.05, p.z - 0.06 - 0.1 * PROFILE) * smoothstep(0.985, 0.955, r);
    return mix(fuzz, flesh, inside);
}

// ---- stalks and leaves --------------------------------------------------------------------------------------

float stem(vec3 p) {
    float t = clamp((p.y - stalk.x + 0.15) / (stalk.y + 0.15), 0.0, 1.0);
    vec3 axis = vec3(0.22 * LEAN * t * t, stalk.x - 0.15 + (stalk.y + 0.15) * t, 0.0);
    return (length(p - axis) - stalk.z * (1.0 + 0.7 * smoothstep(0.75, 1.0, t))) * 0.8;
}

float leaf(vec3 p) {
    float size = stalk.w;
    p -= vec3(0.10 * LEAN, stalk.x + 0.45 * stalk.y, 0.02);
    p.xz = spin(p.xz, -0.5);
    p.xy = spin(p.xy, -0.42);
    float u = p.x / size;                                    // 0 at the stem, 1 at the tip
    p.y += 0.30 * size * u * u - 0.18 * abs(p.z);            // droops, folds along the midrib
    float half_width = 0.36 * size * sin(3.14159 * clamp(pow(max(u, 0.0), 0.8), 0.0, 1.0));
    vec3 out_of = vec3(max(max(-p.x, p.x - size), 0.0), max(abs(p.y) - 0.016, 0.0), max(abs(p.z) - half_width, 0.0));
    return length(out_of) * 0.7 - 0.012;
}

float calyx(vec3 p) {
    p.y -= 0.90 + 0.15 * LENGTH;
    float r = length(p.xz), a = atan(p.x, p.z);
    float reach = 0.68 * (0.36 + 0.64 * pow(abs(cos(3.5 * a)), 1.3));
    float lift = p.y + 0.62 * r * r - 0.10 * r - 0.06 * LEAN * r;
    return length(vec2(max(r - reach, 0.0), max(abs(lift) - 0.015, 0.0))) * 0.55 - 0.016;
}

vec3 parts(vec3 p) {  // stalk, leaf; thin parts thin out with the weight of the kind they belong to
    float s = stalk.z > 0.004 ? stem(p) : 1e3;
    float l = stalk.w > 0.06 ? leaf(p) : 1e3;
#ifdef HAS_CHERRY
    s = min(s, cherry_stalks(p) + 0.06 * (1.0 - weight[CHERRY]));
#endif
#ifdef HAS_STRAWBERRY
    l = min(l, calyx(p) + 0.06 * (1.0 - weight[STRAWBERRY]));
#endif
    return vec3(s, l, 0.0);
}
