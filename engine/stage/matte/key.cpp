// The key's passes over a picture for a processor: what every pixel is by itself, before the flood (vj_look), what its
// rim is mixed from, after it (vj_mix), and the premultiplied picture (vj_lay). key.py, rim.py and stage.py say why; this
// says the same in the same order of operations, so that the bytes are the same: no sum is contracted or reordered.
//
// Pictures are uint8 [H][W][4]; planes are float [H][W]; masks have a bit a pixel, the lowest first, in rows of `stride`
// bytes (bits.py). Plain C interface for ctypes.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

struct Numbers {  // key.py's, ground.py's and rim.py's, and the picture's own
    float pure_darker, pure_away, pale, tint, tinted, solid, nothing;
    float strong, hint, hued;  // passage.py's
    float knee;
    float faint, slope, shine, hueless, steep;  // steep: of a thin subject's share
    // The background; rest: 1 - level, 0 where it is white, -1 where it is black; inverse: 1 / level, 0: not asked.
    float level[3], rest[3], inverse[3], ground[3];
    float darkest, tolerance, step;  // darkest 1: no shadow falls
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

// What is more opaque than one of its neighbours by more than a step is a wall, and not open.
static void mark_steps(const float *opaque, int height, int width, float step, uint8_t *wall, uint8_t *pale,
                       int stride) {
    const int bytes = (width + 7) / 8;
    std::vector<float> about(width + 2), least(width);
    std::vector<uint8_t> flags(8L * bytes), sharp(bytes);
    for (int y = 0; y < height; y++) {
        const float *o = opaque + (long)y * width;
        const float *above = y ? o - width : o, *below = y + 1 < height ? o + width : o;
        for (int x = 0; x < width; x++) about[x + 1] = smaller(o[x], smaller(above[x], below[x]));
        about[0] = about[1], about[width + 1] = about[width];
        for (int x = 0; x < width; x++) least[x] = smaller(about[x + 1], smaller(about[x], about[x + 2]));
        for (int x = 0; x < width; x++) flags[x] = o[x] - least[x] > step;
        pack(flags.data(), width, sharp.data());
        for (int byte = 0; byte < bytes; byte++) {
            wall[(long)y * stride + byte] |= sharp[byte];
            pale[(long)y * stride + byte] &= ~sharp[byte];
        }
    }
}

// What is known of each pixel: `opaque` at least, `away` from the background or its shadow; and masks: plainly
// background, a wall to the flood, open to it when it grows, opaque without a doubt, a passage's side, and what may be in
// one.
extern "C" void vj_look(const uint8_t *pixels, int height, int width, const Numbers *n, float *opaque, float *away,
                        uint8_t *plain, uint8_t *wall, uint8_t *pale, uint8_t *solid, uint8_t *strong, uint8_t *tinted,
                        int stride) {
    const int wide = (width + 7) / 8 * 8;
    std::vector<float> rows(4L * width);
    std::vector<uint8_t> flags(5L * wide);
    float *c[3] = {&rows[0], &rows[width], &rows[2L * width]};
    uint8_t *f = flags.data();
    for (int y = 0; y < height; y++) {
        float *__restrict o = opaque + (long)y * width, *__restrict a = away + (long)y * width;
        float *__restrict l = &rows[3L * width];  // how light it is where a shadow falls
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
        for (int x = 0; x < width; x++) f[3 * wide + x] = a[x] > v.strong;
        for (int x = 0; x < width; x++) f[4 * wide + x] = (a[x] > v.hint) & (a[x] > v.hued * o[x]) & (a[x] <= v.strong);
        uint8_t *masks[5] = {plain, wall, pale, strong, tinted};
        for (int k = 0; k < 5; k++) pack(f + (long)k * wide, width, masks[k] + (long)y * stride);
    }
    if (n->step > 0.0f) mark_steps(opaque, height, width, n->step, wall, pale, stride);
    const Numbers v = *n;
    for (int y = 0; y < height; y++) {
        float *__restrict o = opaque + (long)y * width;
        for (int x = 0; x < width; x++) o[x] = smaller(o[x], larger((o[x] - v.nothing) * v.knee, 0.0f));
        for (int x = 0; x < width; x++) f[x] = o[x] > v.solid;
        pack(f, width, solid + (long)y * stride);
    }
}

constexpr int REACH = 3;  // rim.py's

struct Sums {  // of a ring's pixels about one: how many, and their colours, 0..255
    int count, colour[3];
};

// The rings about a pixel; `which` has the number of each pixel's ring, 0: none.
static void rings_about(const uint8_t *pixels, const uint8_t *which, int height, int width, int y, int x, Sums *out) {
    Sums found[5] = {};
    const int left = x < REACH ? 0 : x - REACH, right = x + REACH < width ? x + REACH : width - 1;
    const int top = y < REACH ? 0 : y - REACH, bottom = y + REACH < height ? y + REACH : height - 1;
    for (int row = top; row <= bottom; row++)
        for (long at = (long)row * width + left, end = (long)row * width + right; at <= end; at++)
            if (which[at]) {
                Sums &sum = found[which[at]];
                sum.count++;
                for (int k = 0; k < 3; k++) sum.colour[k] += pixels[4 * at + k];
            }
    memcpy(out, found + 1, 4 * sizeof(Sums));
}

static float opaque_at(float c, float level, float rest) {
    return rest == 0.0f ? 1.0f - c : rest < 0.0f ? c : larger((level - c) / level, (c - level) / rest);
}

// How much of a rim pixel is the subject, and how opaque the shadow on the rest is;
// `outermost`: it is itself of ring C.
static void mix(const Numbers &n, const Sums *rings, const uint8_t *pixel, bool outermost, float opaque, float away,
                float *subject, float *veil) {
    float means[4][3], part = 0.0f, whole = 0.0f, dark = 0.0f;
    for (int ring = 0; ring < 4; ring++)
        for (int k = 0; k < 3; k++)
            means[ring][k] = (float)rings[ring].colour[k] / (larger((float)rings[ring].count, 1.0f) * 255.0f);
    const bool a = rings[0].count, b = rings[1].count, c = rings[2].count, d = c && rings[3].count && !outermost;
    for (int k = 0; k < 3; k++) {
        const float near = means[0][k], far = b ? means[1][k] : near;
        const float out = c ? means[2][k] : n.level[k], beyond = d ? means[3][k] : out;
        const float floor = within(out + out - beyond, 0.0f, 1.0f);
        const float way = within(near + (near - far) * n.shine, 0.0f, 1.0f) - floor;
        part += ((float)pixel[k] * (float)(1.0 / 255.0) - floor) * way;
        whole += way * way;
        const float seen = opaque_at(floor, n.level[k], n.rest[k]);
        dark = k ? larger(dark, seen) : seen;
    }
    const float thin = within((away - n.hueless) * n.steep, 0.0f, 1.0f);
    *subject = a ? within(part / larger(whole * n.slope, n.faint), 0.0f, 1.0f) : thin;
    *veil = smaller(within(dark, 0.0f, 1.0f), opaque);
}

// Calls each(x) for the bits of a row of so many bytes.
template <typename F> static void for_bits(const uint8_t *row, int bytes, F each) {
    for (int byte = 0; byte < bytes; byte++)
        for (unsigned rest = row[byte]; rest; rest &= rest - 1) each(8 * byte + __builtin_ctz(rest));
}

// Writes how much of each pixel is the `subject`, and the `veil` on the rest of a rim pixel. `rings`: four masks. What is a
// `ghost` (null: none) is no more opaque.
extern "C" void vj_mix(const uint8_t *pixels, int height, int width, const Numbers *n, float *opaque, const float *away,
                       const uint8_t *inside, const uint8_t *rim, const uint8_t *const *rings, const uint8_t *ghost,
                       int stride, float *subject, float *veil) {
    const int bytes = (width + 7) / 8;
    std::vector<uint8_t> which((long)height * width);
    for (int y = 0; y < height; y++)
        for (int ring = 0; ring < 4; ring++)
            for_bits(rings[ring] + (long)y * stride, bytes, [&](int x) { which[(long)y * width + x] = ring + 1; });
    memset(veil, 0, sizeof(float) * height * width);
    for (int y = 0; y < height; y++) {
        const long row = (long)y * width;
        if (ghost) for_bits(ghost + (long)y * stride, bytes, [&](int x) { opaque[row + x] = 0.0f; });
        for (int x = 0; x < width; x++) subject[row + x] = (float)(int)bit(inside + (long)y * stride, x);
        for_bits(rim + (long)y * stride, bytes, [&](int x) {
            Sums about[4];
            rings_about(pixels, which.data(), height, width, y, x, about);
            const long at = row + x;
            mix(*n, about, pixels + 4 * at, which[at] == 3, opaque[at], away[at], subject + at, veil + at);
        });
    }
}

// Writes the picture without its background, premultiplied; `painted` (null: none) is the picture with a style over it.
extern "C" void vj_lay(const uint8_t *pixels, const uint8_t *painted, int height, int width, const Numbers *numbers,
                       const float *opaque, const float *subjects, const float *veils, uint8_t *made) {
    const Numbers n = *numbers;
    std::vector<float> rows(4L * width);
    float *alpha = &rows[0], *c = alpha + width, *other = c + width;
    std::vector<uint32_t> words(width);
    for (int y = 0; y < height; y++) {
        const float *o = opaque + (long)y * width, *veil = veils + (long)y * width;
        const float *subject = subjects + (long)y * width;
        for (int x = 0; x < width; x++) alpha[x] = larger(subject[x] + (1.0f - subject[x]) * veil[x], o[x]);
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
