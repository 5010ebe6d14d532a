// The scene around the fruit: camera, white floor, key light, soft shadow. Follows fruit.glsl in one program.

#ifdef VERTEX
in vec2 corner;
flat out float ground;
#else
flat in float ground;   // height of the floor in camera space, found once per picture in the vertex shader
out vec4 picture;
#endif

const float DISTANCE = 7.0, FIELD = 0.198;

float size() { return 0.92 * (1.0 + 0.17 * SIZE); }

vec3 to_object(vec3 p) {
    p -= vec3(0.22 * PLACE_X, 0.16 * PLACE_Y, 0.0);
    p.xy = spin(p.xy, -0.55 * ROLL);
    p.yz = spin(p.yz, -0.35 * PITCH);
    p.xz = spin(p.xz, 0.7 * YAW);
    vec3 wide = vec3(1.0 + 0.08 * WIDTH, 1.0 - 0.05 * WIDTH, 1.0 + 0.08 * WIDTH);
    return p / (size() * wide);
}

float scene(vec3 p) {
    vec3 q = to_object(p);
    vec3 part = parts(q);
    return min(bodies(q), min(part.x, part.y)) * size() * 0.92;
}

#ifdef VERTEX

float lowest() {  // creep up from below along five verticals: where the fruit would touch the floor
    float low = 1.0;
    vec2 c = vec2(0.22 * PLACE_X, 0.0);
    for (int i = 0; i < 5; ++i) {
        vec2 o = c + vec2(i == 1 ? 0.45 : i == 2 ? -0.45 : 0.0, i == 3 ? 0.3 : i == 4 ? -0.3 : 0.0);
        vec3 p = vec3(o.x, -2.2, o.y);
        for (int k = 0; k < 24; ++k) p.y += scene(p);
        low = min(low, p.y);
    }
    return max(low, -1.6);
}

void main() {
    ground = lowest();
    gl_Position = vec4(corner, 0.0, 1.0);
}

#else

vec3 normal_at(vec3 p) {
    vec2 e = vec2(0.012, -0.012);
    return normalize(e.xyy * scene(p + e.xyy) + e.yyx * scene(p + e.yyx)
                   + e.yxy * scene(p + e.yxy) + e.xxx * scene(p + e.xxx));
}

vec3 key_light() { return normalize(vec3(-0.75 + 0.75 * LIGHT, 1.15, 0.85)); }

float march(vec3 ro, vec3 rd) {  // distance along the ray, or -1
    float b = dot(ro, rd), c = dot(ro, ro) - 3.0, h = b * b - c;  // a sphere that holds every fruit
    if (h < 0.0) return -1.0;
    h = sqrt(h);
    float t = -b - h, end = -b + h;
    for (int i = 0; i < 64 && t < end; ++i) {
        float d = scene(ro + rd * t);
        if (d < 0.003) return t;
        t += d;
    }
    return -1.0;
}

float shade_of(vec3 p, vec3 l) {  // 1 in the open, 0 in the fruit's shadow; a wide lamp
    float light = 1.0, t = 0.06;
    for (int i = 0; i < 14 && t < 3.0; ++i) {
        float d = scene(p + l * t);
        light = min(light, 0.5 + 0.5 * d / (0.30 * t + 0.02));
        t += clamp(d, 0.06, 0.5);
    }
    light = clamp(light, 0.0, 1.0);
    return light * light * (3.0 - 2.0 * light);
}

vec3 floor_colour(vec3 ro, vec3 rd) {
    if (rd.y > -1e-3) return vec3(1.0);
    float t = (ground - ro.y) / rd.y;
    vec3 p = ro + rd * t;
    if (dot(p, p) > 9.0) return vec3(1.0);
    float near = scene(p);
    float contact = exp(-5.0 * max(near, 0.0)) * 0.75;
    float thrown = (1.0 - shade_of(p, key_light())) * 0.50;
    float dark = 1.0 - (1.0 - contact) * (1.0 - thrown);
    float fade = smoothstep(2.6, 1.2, length(p.xz));
    return 1.0 - vec3(0.80, 0.86, 0.92) * dark * fade;
}

vec3 albedo_at(vec3 p, vec3 n, out vec4 look) {
    vec3 part = parts(p);
    float body = bodies(p);
    vec3 skin = pow(max(skins(p, n), 0.0), vec3(2.2));
    float mean = dot(skin, vec3(0.3, 0.6, 0.1));
    skin = mix(vec3(mean), skin, 1.10 + 0.15 * SATURATION) * (1.0 + 0.14 * VALUE);
    vec3 wood = mix(vec3(0.13, 0.07, 0.03), vec3(0.14, 0.20, 0.04), 0.5 + 0.5 * LEAFTONE);
    vec3 green = mix(vec3(0.04, 0.16, 0.02), vec3(0.16, 0.34, 0.05), 0.5 + 0.5 * LEAFTONE);
    look = finish;
    float s = smoothstep(0.02, -0.01, part.x - min(body, part.y)), l = smoothstep(0.02, -0.01, part.y - body);
    vec3 c = mix(mix(skin, green, l), wood, s);
    look = mix(look, vec4(0.25, 30.0, 0.0, 0.3), max(l, s));
    return max(c, 0.0);
}

vec3 lit(vec3 p, vec3 rd) {
    vec3 n = normal_at(p), l = key_light();
    vec4 look;
    vec3 albedo = albedo_at(to_object(p), n, look);
    float shine = look.x * (1.0 + 0.5 * GLOSS), wrap = 0.25 + 0.35 * look.w;
    float nl = dot(n, l);
    float direct = clamp((nl + wrap) / (1.0 + wrap), 0.0, 1.0);
    float shadow = mix(1.0, shade_of(p + n * 0.05, l), 0.65 * smoothstep(-0.1, 0.3, nl));
    // light that has travelled under the skin comes out where the direct light fades, in the skin's own colour
    vec3 under = pow(albedo, vec3(0.75)) * look.w * 0.30 * exp(-pow((nl + 0.05) * 2.2, 2.0));
    float open = clamp(0.45 + 0.55 * scene(p + n * 0.25) / 0.25, 0.0, 1.0);
    float above = p.y - ground;
    float floor_near = 1.0 - 0.60 * exp(-2.2 * above) * smoothstep(0.5, -0.9, n.y);
    vec3 sky = vec3(0.98, 1.0, 1.04) * (0.42 + 0.22 * n.y) * open * floor_near;
    vec3 bounce = vec3(1.0, 0.97, 0.92) * 0.26 * clamp(0.4 - 0.6 * n.y, 0.0, 1.0) * floor_near;
    vec3 key = vec3(1.08, 1.02, 0.94) * 0.92;
    vec3 c = albedo * (key * direct * shadow + sky + bounce) + under * shadow;
    vec3 h = normalize(l - rd);
    float spot = pow(max(dot(n, h), 0.0), look.y) * shine * 1.1;
    vec3 r = reflect(rd, n);
    vec2 at = vec2(dot(r, normalize(cross(l, vec3(0, 1, 0)))), dot(r, normalize(cross(cross(l, vec3(0, 1, 0)), l))));
    float box = smoothstep(0.30, 0.20, max(abs(at.x), abs(at.y))) * step(0.0, dot(r, l)) * shine * 0.45;
    float rim = pow(1.0 - max(dot(n, -rd), 0.0), 4.0);
    c += (spot + box) * shadow + rim * (0.22 * shine + 0.30 * look.z * albedo) * open;
    return c;
}

uniform vec4 viewport;  // x, y, width, height of this picture in the atlas, pixels

void main() {
    vec2 uv = ((gl_FragCoord.xy - viewport.xy) / viewport.zw) * 2.0 - 1.0;
    vec3 ro = DISTANCE * vec3(0.0, 0.30, 0.954);
    vec3 forward = -normalize(ro), right = vec3(1, 0, 0), up = cross(right, forward);
    vec3 rd = normalize(forward + FIELD * (uv.x * right + (uv.y - 0.02) * up));
    float t = march(ro, rd);
    vec3 c = t > 0.0 ? lit(ro + rd * t, rd) : floor_colour(ro, rd);
    c = c / (1.0 + 0.10 * c * c);          // highlights roll off; white stays near white
    c = t > 0.0 ? c : c * 1.10;
    picture = vec4(pow(clamp(c, 0.0, 1.0), vec3(1.0 / 2.2)), t > 0.0 ? 1.0 : 0.0);  // alpha: the fruit
}

#endif
