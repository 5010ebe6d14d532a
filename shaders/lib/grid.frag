#version 330 core
// A grid of characters: every pixel looks up its cell, then the cell's glyph in the atlas, without filtering.
out vec4 colour;

uniform usampler2D cells;  // glyph, colour, ground; row 0 is the top
uniform sampler2D atlas;   // 16 glyphs in a row, row 0 the top
uniform ivec2 cell;        // pixels
uniform ivec2 origin;      // the grid's lower left corner, window pixels
uniform int rows;
uniform float scale;
uniform vec2 opacity;      // of ink and of ground
uniform vec3 palette[9];

void main() {
    ivec2 p = ivec2((gl_FragCoord.xy - vec2(origin)) / scale);
    p.y = max(rows * cell.y - 1 - p.y, 0);
    uvec4 c = texelFetch(cells, p / cell, 0);
    ivec2 glyph = ivec2(int(c.r) % 16, int(c.r) / 16) * cell;
    float ink = texelFetch(atlas, glyph + p % cell, 0).r;
    colour = vec4(mix(palette[c.b], palette[c.g], ink), mix(opacity.y, opacity.x, ink));
}
