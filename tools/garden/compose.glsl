// Second pass: what lies in the folds of the flower is dark, the key light throws shadows, the border is empty.

#ifdef VERTEX
in vec2 corner;
void main() { gl_Position = vec4(corner, 0.0, 1.0); }
#else
uniform sampler2D colours, kept;
uniform float shade, side;   // strength of the folds' darkness; pixels of a side
out vec4 picture;

float depth(vec2 at) {
    vec4 k = texture(kept, at);
    return dot(k.xyz, k.xyz) < 0.1 ? -9.0 : k.w;
}

void main() {
    vec2 at = gl_FragCoord.xy / side;
    vec4 c = texture(colours, at);
    float z = depth(at);
    if (z > -8.0) {
        vec3 n = texture(kept, at).xyz;
        n *= n.z < 0.0 ? -1.0 : 1.0;
        float dark = 0.0, turn = 0.7;
        for (int i = 0; i < 14; ++i) {
            float r = 0.012 + 0.014 * float(i);
            turn += 2.39996;
            vec2 d = r * vec2(cos(turn), sin(turn));
            float there = depth(at + 0.5 * d) - z;
            float rise = dot(vec3(d, there), n) / length(vec3(d, there));
            dark += max(rise - 0.12, 0.0) * smoothstep(0.75, 0.25, there) * step(-8.0, there + z);
        }
        c.rgb *= exp(-shade * dark * 0.22);
        vec3 l = key_from();
        float shadow = 0.0;
        for (int i = 1; i <= 10; ++i) {
            vec3 step_to = l * 0.045 * float(i);
            float there = depth(at + 0.5 * step_to.xy) - (z + step_to.z);
            shadow = max(shadow, smoothstep(0.015, 0.06, there) * smoothstep(0.6, 0.3, there) * (1.0 - float(i) / 14.0));
        }
        c.rgb *= 1.0 - 0.62 * shade * shadow;
    }
    vec2 edge = abs(at * 2.0 - 1.0);
    float fade = smoothstep(1.0, 0.86, edge.x) * smoothstep(1.0, 0.86, edge.y);
    float cover = clamp(c.a, 0.0, 1.0);
    vec3 own = c.rgb / max(cover, 0.002);
    vec3 tone = pow(clamp(own * (1.0 + 0.06 * own) / (1.0 + 0.30 * own), 0.0, 1.0), vec3(1.0 / 2.2));
    cover *= fade * smoothstep(0.0, 0.20, at.y);
    picture = vec4(tone * cover, cover);
}
#endif
