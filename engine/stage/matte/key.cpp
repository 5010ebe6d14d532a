// The key's two passes over a picture for a processor: what every pixel is by itself, before the flood (vj_look), and
// the rim and the premultiplied picture, after it (vj_lay). key.py and stage.py say why; this says the same in the same
// order of operations, so that the bytes are the same: no sum is contracted or reordered.
//
// Pictures are uint8 [H][W][4]; planes are float [H][W]; masks have a bit a pixel, the lowest first, in rows of `stride`
// bytes (bits.py). Plain C interface for ctypes.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

struct Numbers {  // key.py's, and the picture's own
    float pure_darker, pure_away, pale, tint, tinted, nothing, more, solid;  // more: 1 / (1 - nothing)
    float faint, slope, tiny, hueless, steep;                                // steep: of a thin subject's share
    // The background; rest: 1 - level, 0 where it is white, -1 where it is black; inverse: 1 / level, 0: not asked.
    float level[3], rest[3], inverse[3], ground[3];
    float darkest, tolerance;  // darkest 1: no shadow falls
    float strength, shown;     // of the matte, and of the shadow
};

static inline float larger(float a, float b) { return a > b ? a : b; }
static inline float smaller(float a, float b) { return a < b ? a : b; }
static inline float within(float x, float low, float high) { return smaller(larger(x, low), high); }
static inline bool bit(const uint8_t *row, int x) { return row[x >> 3] >> (x & 7) & 1; }

// The channel of a row, 0..1.
static void channel(const uint8_t *pixels, int width, int shift, float *__restrict out) {
    const uint32_t *words = (const uint32_t *)pixels;
    for (int x = 0; x < width; x++) out[x] = (float)(int)(words[x] >> shift & 255) * (float)(1.0 / 255.0);
}

// Flags, a byte each and 0 up to the next eight, as bits.
static void pack(const uint8_t *flags, int width, uint8_t *bits) {
    for (int x = 0; x < width; x += 8) {
        uint64_t eight;
        memcpy(&eight, flags + x, 8);
        bits[x >> 3] = (uint8_t)((eight * 0x0102040810204080ull) >> 56);
    }
}

static void opaque_of(const float *__restrict c, int width, float level, float rest, float *__restrict out) {
    if (rest == 0.0f) {
        for (int x = 0; x < width; x++) out[x] = larger(out[x], 1.0f - c[x]);
    } else if (rest < 0.0f) {
        for (int x = 0; x < width; x++) out[x] = larger(out[x], c[x]);
    } else {
        for (int x = 0; x < width; x++) out[x] = larger(out[x], larger((level - c[x]) / level, (c[x] - level) / rest));
    }
}

// What is known of each pixel: `opaque` at least, `away` from the background or its shadow, how `light` it is where one
// falls; and masks: plainly background, a wall to the flood, open to it when it grows, opaque without a doubt.
extern "C" void vj_look(const uint8_t *pixels, int height, int width, const Numbers *n, float *opaque, float *away,
                        float *light, uint8_t *plain, uint8_t *wall, uint8_t *pale, uint8_t *solid, int stride) {
    const int wide = (width + 7) / 8 * 8;
    std::vector<float> rows(3L * width);
    std::vector<uint8_t> flags(4L * wide);
    float *c[3] = {&rows[0], &rows[width], &rows[2L * width]};
    uint8_t *f = flags.data();
    for (int y = 0; y < height; y++) {
        float *__restrict o = opaque + (long)y * width, *__restrict a = away + (long)y * width;
        float *__restrict l = light + (long)y * width;
        for (int k = 0; k < 3; k++) channel(pixels + 4L * y * width, width, 8 * k, c[k]);
        for (int x = 0; x < width; x++) o[x] = a[x] = l[x] = 0.0f;
        for (int k = 0; k < 3; k++) opaque_of(c[k], width, n->level[k], n->rest[k], o);
        for (int x = 0; x < width; x++) o[x] = within(o[x], 0.0f, 1.0f);
        if (n->darkest < 1.0f) {
            for (int k = 0; k < 3; k++)
                if (const float by = n->inverse[k]; by > 0.0f)
                    for (int x = 0; x < width; x++) l[x] = larger(l[x], c[k][x] * by);
            for (int x = 0; x < width; x++) l[x] = within(l[x], n->darkest, 1.0f);
        } else {
            for (int x = 0; x < width; x++) l[x] = 1.0f;
        }
        for (int k = 0; k < 3; k++) {
            const float level = n->level[k];
            for (int x = 0; x < width; x++) a[x] = larger(a[x], std::fabs(c[k][x] - l[x] * level));
        }
        const Numbers v = *n;
        for (int x = 0; x < width; x++) f[x] = (o[x] < v.pure_darker) & (a[x] < v.pure_away);
        for (int x = 0; x < width; x++) f[wide + x] = a[x] > v.tolerance;
        for (int x = 0; x < width; x++) f[2 * wide + x] = (o[x] < v.pale) & (a[x] < v.tint + v.tinted * o[x]);
        for (int x = 0; x < width; x++) o[x] = larger((o[x] - v.nothing) * v.more, 0.0f);
        for (int x = 0; x < width; x++) f[3 * wide + x] = o[x] > v.solid;
        uint8_t *masks[4] = {plain, wall, pale, solid};
        for (int k = 0; k < 4; k++) pack(f + (long)k * wide, width, masks[k] + (long)y * stride);
    }
}

struct Picture {
    const uint8_t *pixels;
    int height, width, stride;
    const float *light;
    const uint8_t *inside, *about;  // surely the subject; anything but surely the floor
    bool shadowed;
};

// One pixel of four, of which a rim asks: how much of the subject it is, its colour, how much of the floor, its light.
static void one(const Picture &p, int y, int x, float *out) {
    for (int k = 0; k < 6; k++) out[k] = 0.0f;
    if (y < 0 || x < 0 || 2 * y >= p.height || 2 * x >= p.width) return;
    const long at = 2L * y * p.width + 2 * x;
    if (bit(p.inside + 2L * y * p.stride, 2 * x)) {
        out[0] = 1.0f;
        for (int k = 0; k < 3; k++) out[1 + k] = (float)p.pixels[4 * at + k] * (float)(1.0 / 255.0);
    }
    if (!bit(p.about + 2L * y * p.stride, 2 * x)) {
        out[4] = 1.0f;
        out[5] = p.shadowed ? p.light[at] : 1.0f;
    }
}

// The sums of 3 by 3 such pixels: along rows, then along columns.
static void nearby(const Picture &p, int y, int x, float *out) {
    float sum[3][6], left[6], right[6];
    for (int row = 0; row < 3; row++) {
        one(p, y + row - 1, x, sum[row]);
        one(p, y + row - 1, x - 1, left);
        one(p, y + row - 1, x + 1, right);
        for (int k = 0; k < 6; k++) sum[row][k] = sum[row][k] + left[k] + right[k];
    }
    for (int k = 0; k < 6; k++) out[k] = sum[1][k] + sum[0][k] + sum[2][k];
}

// How much of a rim pixel is the subject, and how opaque it is with the shadow.
static void mix(const Numbers &n, const float *near, const float *colour, float opaque, float away, float *subject,
                float *alpha) {
    const float floor = near[4] > n.tiny ? near[5] / larger(near[4], n.tiny) : 1.0f;
    const float there = larger(near[0], n.tiny);
    float part = 0.0f, whole = 0.0f;
    for (int k = 0; k < 3; k++) {
        const float ground = floor * n.level[k], way = near[1 + k] / there - ground;
        part += (colour[k] - ground) * way;
        whole += way * way;
    }
    float share = within(part / larger(whole * n.slope, n.faint), 0.0f, 1.0f);
    if (!(near[0] > n.tiny)) share = within((away - n.hueless) * n.steep, 0.0f, 1.0f);
    const float veil = smaller(1.0f - floor, opaque);
    *subject = share;
    *alpha = larger(share + (1.0f - share) * veil, opaque);
}

static void mix_rim(const Picture &p, const Numbers &n, int y, const uint8_t *rim, const float *opaque,
                    const float *away, float *subject, float *alpha) {
    float near[6] = {};
    int cell = -1;
    for (int byte = 0; byte < (p.width + 7) / 8; byte++)
        for (unsigned rest = rim[byte]; rest; rest &= rest - 1) {
            const int x = 8 * byte + __builtin_ctz(rest);
            if (x / 2 != cell) nearby(p, y / 2, cell = x / 2, near);
            const uint8_t *pixel = p.pixels + 4 * ((long)y * p.width + x);
            const float colour[3] = {(float)pixel[0] * (float)(1.0 / 255.0), (float)pixel[1] * (float)(1.0 / 255.0),
                                     (float)pixel[2] * (float)(1.0 / 255.0)};
            mix(n, near, colour, opaque[x], away[x], subject + x, alpha + x);
        }
}

// Writes the picture without its background, premultiplied. `rim` is mixed with the floor, `ghost` (null: none) is seen
// through; `painted` (null: none) is the picture with a style over it.
extern "C" void vj_lay(const uint8_t *pixels, const uint8_t *painted, int height, int width, const Numbers *numbers,
                       float *opaque, const float *away, const float *light, const uint8_t *inside,
                       const uint8_t *about, const uint8_t *rim, const uint8_t *ghost, int stride, uint8_t *made) {
    const Numbers n = *numbers;
    const Picture p = {pixels, height, width, stride, light, inside, about, n.darkest < 1.0f};
    std::vector<float> rows(5L * width);
    float *subject = &rows[0], *alpha = subject + width, *c = alpha + width, *other = c + width;
    std::vector<uint32_t> words(width);
    for (int y = 0; y < height; y++) {
        float *o = opaque + (long)y * width;
        const uint8_t *in = inside + (long)y * stride;
        if (ghost)
            for (int x = 0; x < width; x++) o[x] = bit(ghost + (long)y * stride, x) ? 0.0f : o[x];
        for (int x = 0; x < width; x++) subject[x] = (float)(int)bit(in, x);
        for (int x = 0; x < width; x++) alpha[x] = larger(o[x], subject[x]);
        mix_rim(p, n, y, rim + (long)y * stride, o, away + (long)y * width, subject, alpha);
        float *shown = alpha;
        if (n.shown < 1.0f) {
            shown = other + width;
            for (int x = 0; x < width; x++)
                shown[x] = n.shown < 0.5f ? subject[x] + n.shown * (alpha[x] - subject[x])
                                          : alpha[x] - (alpha[x] - subject[x]) * (1.0f - n.shown);
        }
        if (n.strength < 1.0f) {
            if (shown != alpha)
                for (int x = 0; x < width; x++) shown[x] = 1.0f - n.strength * (1.0f - shown[x]);
            for (int x = 0; x < width; x++) alpha[x] = 1.0f - n.strength * (1.0f - alpha[x]);
        }
        uint32_t *__restrict w = words.data();
        for (int x = 0; x < width; x++) w[x] = (uint32_t)(int)(shown[x] * 255.0f + 0.5f) << 24;
        for (int k = 0; k < 3; k++) {
            const float ground = n.ground[k];
            channel(pixels + 4L * y * width, width, 8 * k, c);
            float *__restrict lit = other;
            for (int x = 0; x < width; x++) lit[x] = c[x] - (1.0f - alpha[x]) * ground;
            if (painted) {
                const uint32_t *over = (const uint32_t *)(painted + 4L * y * width);
                for (int x = 0; x < width; x++)
                    lit[x] += alpha[x] * ((float)(int)(over[x] >> 8 * k & 255) / 255.0f - c[x]);
            }
            for (int x = 0; x < width; x++)
                w[x] |= (uint32_t)(int)(smaller(larger(lit[x], 0.0f), shown[x]) * 255.0f + 0.5f) << 8 * k;
        }
        memcpy(made + 4L * y * width, w, 4L * width);
    }
}
