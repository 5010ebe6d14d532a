// A filament, a stem: a tube along a curve, with a thickened end. Its disc of hairs is drawn by pappus.glsl.

#ifdef VERTEX
in vec2 grid;      // around 0..1, along 0..1
in vec4 a, b, c;   // control points, view space; a.w radius, b.w radius of the knob, c.w radius at the end
in vec4 ink;       // colour of the tube, tone
in vec3 head;      // colour of the knob
out vec3 where, normal, albedo;

void main() {
    float t = grid.y, s = 1.0 - t;
    vec3 p = s * s * a.xyz + 2.0 * s * t * b.xyz + t * t * c.xyz;
    vec3 along = normalize(2.0 * s * (b.xyz - a.xyz) + 2.0 * t * (c.xyz - b.xyz) + vec3(1e-5));
    vec3 side = normalize(cross(along, abs(along.z) < 0.9 ? vec3(0, 0, 1) : vec3(1, 0, 0))), up = cross(side, along);
    float turn = 6.2831853 * grid.x;
    float size = distance(a.xyz, c.xyz) + 1e-4, knob = b.w / size * 1.5;
    float k = clamp((t - (1.0 - 2.0 * knob)) / (2.0 * knob), 0.0, 1.0);
    float fat = b.w * sqrt(max(4.0 * k * (1.0 - k), 0.0));
    float r = max(mix(a.w, c.w, t) * step(k, 0.98), fat);
    normal = cos(turn) * side + sin(turn) * up;
    where = p + r * normal;
    albedo = mix(ink.rgb, head, step(0.02, k) * step(1e-4, b.w));
    gl_Position = project(where);
}
#else
in vec3 where, normal, albedo;
layout(location = 0) out vec4 colour;
layout(location = 1) out vec4 keep;

void main() {
    vec3 n = normalize(normal);
    colour = vec4(lit(albedo, n, where, 0.3, 0.25, 1.0), 1.0);
    keep = vec4(n, where.z);
}
#endif
