// A petal or a leaf: a sheet that bends, cups, folds, rolls and frills.

#ifdef VERTEX
in vec2 grid;      // across -1..1, along 0..1
in vec4 place;     // azimuth, root, height, elevation
in vec4 bend;      // curve, tip, length, width
in vec4 sheet;     // cup, fold, base, end
in vec4 border;    // notch, frill, roll, tone
in vec4 what;      // phase, order, leaf, wilt
uniform mat3 frame;
uniform vec3 origin;
out vec3 where, normal;
out vec2 uv;
out vec4 tell;     // tone, order, leaf, phase

vec3 sheet_at(float u, float v) {
    float along = v * (1.0 - border.x * (1.0 - abs(u)) * smoothstep(0.5, 1.0, v));
    vec2 at = place.yz;
    float h = along / 8.0, a = 0.0;
    for (int i = 0; i < 8; ++i) {
        float t = (float(i) + 0.5) * h, late = max(t - 0.5, 0.0) * 2.0;
        a = place.w + bend.x * (t - 0.5) + bend.y * late * late;
        at += vec2(sin(a), cos(a)) * h * bend.z;
    }
    vec2 up = vec2(-cos(a), sin(a));
    float peak = sheet.z / (sheet.z + sheet.w);
    float shape = pow(v, sheet.z) * pow(1.0 - v, sheet.w) / (pow(peak, sheet.z) * pow(1.0 - peak, sheet.w));
    float w = bend.w * max(shape, 0.0);
    float k = (abs(sheet.x) < 0.05 ? 0.05 : sheet.x), turn = u * k;
    vec2 across = vec2(sin(turn), 1.0 - cos(turn)) / k * w;
    float rim = smoothstep(0.25, 1.0, abs(u)) * smoothstep(0.2, 0.7, v) + 0.5 * smoothstep(0.7, 1.0, v);
    float wave = sin(what.x + 13.0 * v + 4.0 * u) + 0.5 * sin(2.3 * what.x + 21.0 * v - 7.0 * u);
    across.y += border.y * wave * rim * bend.z * 0.6 - sheet.y * abs(u) * w + border.z * u * w;
    across.y += (0.02 * sin(what.x * 1.7 + 5.0 * v + 2.0 * u)) * bend.z;
    vec3 radial = vec3(sin(place.x), 0.0, -cos(place.x)), side = vec3(cos(place.x), 0.0, sin(place.x));
    return radial * (at.x + up.x * across.y) + side * across.x + vec3(0.0, at.y + up.y * across.y, 0.0);
}

void main() {
    float u = grid.x, v = grid.y, e = 0.02, s = v > 0.9 ? -e : e, r = u > 0.0 ? -e : e;
    vec3 p = sheet_at(u, v);
    vec3 n = cross(sheet_at(u + r, v) - p, sheet_at(u, v + s) - p) * sign(r * s);
    where = frame * p + origin;
    normal = frame * n;
    uv = grid;
    tell = vec4(border.w, what.y, what.z, what.x);
    gl_Position = project(where);
}
#else
in vec3 where, normal;
in vec2 uv;
in vec4 tell;
uniform vec3 body, tip, throat_ink, edge_ink, lip, spot;
uniform vec4 pattern;  // throat, veins, spots, edge
uniform vec4 looks;    // ring, gloss, glow, dark
uniform float wilt, dew;
layout(location = 0) out vec4 colour;
layout(location = 1) out vec4 keep;   // normal, view z

void main() {
    vec3 n = normalize(normal);
    float u = uv.x, v = uv.y, a = abs(u), leaf = tell.z;
    vec3 c = mix(body, tip, smoothstep(0.25, 0.95, v));
    c = mix(c, lip * (0.7 + 0.6 * v), smoothstep(0.0, 0.8, tell.x));
    float fan = u * (7.0 + 4.0 * v), vein = 0.5 + 0.5 * cos(fan * 4.4 + 1.2 * sin(3.0 * v + tell.w));
    vein = pow(vein, 3.0) * smoothstep(1.0, 0.2, v) * (1.0 - 0.6 * a);
    vein += 0.6 * exp(-90.0 * u * u) * smoothstep(0.95, 0.1, v);
    c = mix(c, c * c * 0.75, clamp(pattern.y * vein, 0.0, 1.0));
    float reach = pattern.x * (1.0 + 0.06 * cos(fan * 3.0));
    c = mix(c, mix(c, vec3(0.92, 0.90, 0.95), 0.92), looks.x * smoothstep(reach * 1.5, reach * 1.1, v));
    float inside = smoothstep(reach * 1.15, reach * 0.45, v) * (1.0 - 0.6 * tell.x) * (1.0 - looks.x);
    c = mix(c, throat_ink, inside * (leaf > 0.5 ? 0.0 : 0.92));
    vec2 cell = vec2(u * 4.0, v * 13.0), id = floor(cell);
    vec2 off = fract(cell) - 0.5 - 0.35 * (vec2(hash(id + tell.w), hash(id + 7.0 + tell.w)) - 0.5);
    float dots = smoothstep(0.34, 0.16, length(off)) * step(0.35, hash(id + 3.0)) * smoothstep(0.72, 0.42, v) * smoothstep(0.08, 0.2, v) * (1.0 - smoothstep(0.5, 0.95, a));
    c = mix(c, spot, dots * pattern.z);
    c = mix(c, edge_ink, pattern.w * (smoothstep(0.62, 0.98, a) + smoothstep(0.85, 1.0, v)) * 0.9);
    vec3 green = mix(vec3(0.03, 0.11, 0.025), vec3(0.09, 0.24, 0.05), v) * (1.0 - 0.35 * vein);
    c = mix(c, green, leaf);
    vec3 dry = mix(c * c * 0.8, vec3(0.20, 0.09, 0.03), 0.45);
    c = mix(c, dry, wilt * clamp(0.10 + 0.85 * smoothstep(0.35, 1.0, max(v, a * 0.9)), 0.0, 0.95));
    float open = mix(1.0, smoothstep(-0.25, 0.75, v) * (0.35 + 0.65 * smoothstep(-0.2, 0.5, tell.y)), looks.w * (1.0 - leaf));
    vec2 wet = vec2(u * 3.0, v * 6.0), drop = floor(wet);
    vec2 d = (fract(wet) - 0.5 - 0.4 * (vec2(hash(drop + tell.w), hash(drop + 5.0 + tell.w)) - 0.5)) * vec2(1.0, 1.0);
    float size = 0.20 * step(1.0 - 0.4 * dew, hash(drop + 11.0 + tell.w)) * (1.0 - a);
    float in_drop = smoothstep(size, size * 0.8, length(d)) * step(0.01, size);
    vec3 shine = lit(c, n, where, looks.z * (1.0 - 0.6 * leaf), looks.y, open);
    vec2 glint = d + vec2(0.3, -0.35) * size;
    shine = mix(shine, shine * 1.25 + 0.04, in_drop) + in_drop * vec3(1.1, 1.15, 1.25) * smoothstep(size * 0.45, 0.0, length(glint));
    colour = vec4(shine, 1.0);
    keep = vec4(n, where.z);
}
#endif
