// A disc of hairs at the end of a dandelion's seed; it is laid over what is there.

#ifdef VERTEX
in vec2 grid;
in vec4 spot;      // middle, radius
in vec4 facing;    // direction, phase
out vec3 where, normal;
out vec2 disc;
out float turn;

void main() {
    vec3 n = normalize(facing.xyz), side = normalize(cross(n, abs(n.y) < 0.9 ? vec3(0, 1, 0) : vec3(1, 0, 0)));
    vec3 up = cross(side, n);
    float lift = 0.25 * dot(grid, grid);
    where = spot.xyz + spot.w * (grid.x * side + grid.y * up + lift * n);
    normal = n;
    disc = grid;
    turn = facing.w;
    gl_Position = project(where);
}
#else
in vec3 where, normal;
in vec2 disc;
in float turn;
uniform vec3 hair;
layout(location = 0) out vec4 colour;

void main() {
    float r = length(disc), a = atan(disc.y, disc.x) + turn;
    float ray = pow(0.5 + 0.5 * cos(11.0 * a), mix(1.0, 10.0, smoothstep(0.05, 0.7, r)));
    float soft = smoothstep(1.0, 0.75, r) * (0.62 * ray + 0.10) * (0.45 + 0.55 * smoothstep(0.0, 0.15, r));
    float back = 0.55 + 0.45 * smoothstep(-0.8, 0.8, where.z);
    vec3 c = hair * (0.55 + 0.75 * clamp(dot(normal, key_from()) * 0.5 + 0.5, 0.0, 1.0)) + 0.35 * rim_ink * smoothstep(0.4, 1.0, length(where.xy));
    float cover = soft * back * 0.85;
    colour = vec4(c * cover, cover);
}
#endif
