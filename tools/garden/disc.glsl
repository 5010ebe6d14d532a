// The middle of a flower: a dome with florets in a golden spiral, or with ridges.

#ifdef VERTEX
in vec2 grid;      // around 0..1, from the middle outwards 0..1
uniform mat3 frame;
uniform vec3 origin;
uniform vec4 disc;  // radius, height of the dome, height of its foot, size
out vec3 where, normal;
out vec2 polar;

void main() {
    float a = 6.2831853 * grid.x, r = grid.y;
    float top = sqrt(max(1.0 - r * r, 0.0));
    vec3 p = vec3(sin(a) * r * disc.x, disc.z + disc.y * top, -cos(a) * r * disc.x);
    vec3 n = normalize(vec3(sin(a) * r / max(disc.x, 1e-3), top / max(disc.y, 1e-3), -cos(a) * r / max(disc.x, 1e-3)));
    where = frame * p + origin;
    normal = frame * n;
    polar = vec2(r, a);
    gl_Position = project(where);
}
#else
in vec3 where, normal;
in vec2 polar;
uniform mat3 frame;
uniform vec4 grain;   // florets, ridges, wilt, count of florets
uniform vec3 disc_in, disc_out;
layout(location = 0) out vec4 colour;
layout(location = 1) out vec4 keep;

const int NEAR[13] = int[13](0, 1, -1, 2, -2, 3, -3, 5, -5, 8, -8, 13, -13);

void main() {
    vec2 at = polar.x * vec2(sin(polar.y), -cos(polar.y)), away = vec2(1.0);
    float near = 1.0, i0 = floor(polar.x * polar.x * grain.w);
    for (int k = 0; k < 13; ++k) for (int s = 0; s < 2; ++s) {
        float i = i0 + float(NEAR[k]) + (s == 0 ? 0.0 : 21.0 * sign(float(NEAR[k]) + 0.5)), r = sqrt(max(i, 0.0) / grain.w), a = i * 2.39996323;
        vec2 d = at - r * vec2(sin(a), -cos(a));
        if (dot(d, d) < near) { near = dot(d, d); away = d; }
    }
    float unit = 1.0 / sqrt(grain.w);
    vec2 d = away / unit;
    vec3 tilt = frame * vec3(d.x, 0.0, d.y);
    float bump = 1.0 - smoothstep(0.2, 1.0, length(d));
    vec3 n = normalize(normal + 0.75 * grain.x * tilt);
    vec3 c = mix(disc_in, disc_out, smoothstep(0.35, 0.85, polar.x));
    c *= mix(1.0, 0.30 + 1.1 * bump, grain.x);
    float star = pow(0.5 + 0.5 * cos(polar.y * 9.0), 2.0);
    c = mix(c, mix(c * 0.55, vec3(0.10, 0.07, 0.05), star * smoothstep(1.0, 0.4, polar.x)), grain.y);
    c = mix(c, c * 0.5, grain.z);
    float open = mix(1.0, 0.55 + 0.45 * smoothstep(0.0, 0.6, polar.x), grain.x);
    colour = vec4(lit(c, n, where, 0.1, 0.2, open), 1.0);
    keep = vec4(n, where.z);
}
#endif
