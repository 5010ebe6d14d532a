// Puts the generator's frame in the window: centred, aspect kept, zoomed and turned, black around it. Where the
// window has another aspect, picture.fit leaves bars (0) or cuts off what does not fit (1).
// Row 0 of the texture is the top of the frame.
// The compositor has enlarged it already where the window is much larger, and made mipmaps where smaller.
uniform sampler2D frame;

vec3 place(vec2 at) {
    vec2 size = vec2(textureSize(frame, 0));
    vec2 fits = resolution / size;
    float scale = mix(min(fits.x, fits.y), max(fits.x, fits.y), picture.fit) * picture.zoom;  // window pixels a texel
    float turn = picture.rotation * TURN;
    vec2 p = (at - 0.5) * resolution;
    p = vec2(cos(turn) * p.x + sin(turn) * p.y, cos(turn) * p.y - sin(turn) * p.x) / scale;
    vec2 texel = vec2(p.x, -p.y) + 0.5 * size;
    vec3 rgb = texture(frame, texel / size).rgb;
    // Window pixels from the edge, so that it is smooth when turned. No branch: it costs more than it saves.
    vec2 inside = clamp((0.5 * size - abs(p)) * scale + 0.5, 0.0, 1.0);
    return rgb * inside.x * inside.y;
}
