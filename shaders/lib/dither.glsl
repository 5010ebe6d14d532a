// Half a step of ordered noise before 8 bits (Jimenez's interleaved gradient noise). Enlarged gradients do not band,
// exact 8-bit values stay exact. The noise stands still, so that video spends no bits on it.
vec3 dither(vec3 rgb) {
    float noise = fract(52.9829189 * fract(dot(floor(gl_FragCoord.xy), vec2(0.06711056, 0.00583715))));
    return rgb + (noise - 0.5) * (0.98 / 255.0);
}
