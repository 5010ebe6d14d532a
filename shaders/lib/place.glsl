// Puts the generator's frame in the window: centred, its aspect kept, zoomed and turned. Where the window has another
// aspect, picture.fit leaves bars (0), with nothing in them, or cuts off the parts that do not fit (1). A picture
// that fills the window fills it zoomed out and turned as well: the preset's border mode says with what. With
// picture.spread it keeps its size and goes on beside itself likewise.
// Row 0 of the texture is the top of the frame. Where the window is much larger the compositor has enlarged the frame
// already, and where it is smaller the frame has mipmaps.
uniform sampler2D frame;

vec4 place(vec2 at) {
    vec2 size = vec2(textureSize(frame, 0));
    vec2 fits = resolution / size;
    float scale = mix(min(fits.x, fits.y), max(fits.x, fits.y), picture.fit) * picture.zoom;  // window pixels a texel
    float turn = picture.rotation * TURN;
    vec2 p = (at - 0.5) * resolution;
    p = vec2(cos(turn) * p.x + sin(turn) * p.y, cos(turn) * p.y - sin(turn) * p.x) / scale;
    vec2 texel = vec2(p.x, -p.y) + 0.5 * size;
    float filled = max(picture.fit, picture.spread);
    vec2 spot = mix(texel / size, within(texel / size), step(0.5, filled));
    // The size of the mipmap is known; derivatives would break where the picture is folded.
    vec4 found = textureLod(frame, spot, max(-log2(scale), 0.0));
    // Window pixels from the edge: a turned edge is smooth. A branch would cost more than it saves.
    vec2 inside = clamp((0.5 * size - abs(p)) * scale + 0.5, 0.0, 1.0);
    found *= mix(inside.x * inside.y, 1.0, filled);
    return vec4(found.rgb, mix(1.0, found.a, layered));
}
