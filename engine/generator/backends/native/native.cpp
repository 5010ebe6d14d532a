// StyleGAN2's, StyleGAN's and PGGAN's layers for a CPU, fp32: each one a single pass over its input and its output.
//
// A 3x3 convolution is done by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks", arXiv:1509.09308): 36 multiplications for 16 outputs instead of 144. The
// upsampling one, a transposed 3x3 of stride 2, has even outputs of two taps and odd ones of one tap along each
// axis: F(4,2) and the identity, nested, 81 multiplications for an 8x8 tile instead of 144. Modulation happens
// while a tile is read; demodulation, noise, bias, nonlinearity and clamp while it is written.
//
// Images are [H][W][C], C a multiple of 16 (padded channels carry zero weights). Plain C interface for ctypes.

#include <omp.h>
#include <unistd.h>

#include <cmath>
#include <vector>

#include "native_direct.h"

// Rows, and planes, a power of two apart would all fall into the same few cache sets.
static inline long row_stride(int channels) { return channels + 16; }
static inline long plane_stride(long tiles, int channels) { return tiles * row_stride(channels) + 3 * 16; }

// Bytes of the second-level cache of a core.
static long second_level() {
#if defined(_SC_LEVEL2_CACHE_SIZE)
    static const long known = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return known > 0 ? known : 1024 * 1024;
#else
    return 1024 * 1024;
#endif
}

// In bfloat16, as many as the cache holds. In fp32 the planes of all tiles may lie beyond it, one plane's rows not:
// the further away the weights are, which are read once for all tiles, the more tiles.
template <class Kind> static long tiles_at_once(const Layer &l) {
    constexpr bool low = sizeof(typename Kind::item) == 2;
    const long tile = (long)sizeof(typename Kind::item) * Tiles<Kind>::inputs * l.I + 4L * Tiles<Kind>::planes * l.O;
    const long cache = second_level(), weights = 4L * Kind::weights * Kind::weights * l.I * l.O;
    const long plane = cache * 3 / 4 / (4L * (l.I + l.O)), far = std::min(plane, 5 * weights / (2 * cache));
    const long fit = low ? 3 * cache / tile : std::max(far, std::min(weights, cache / 2) / tile);
    return std::max<long>(2 * MR, std::min<long>(fit / MR * MR, (low ? 16 : 8) * MR));
}

// Tiles first..first + count in the order of their rows in scratch. Those of a last column that holds one even output
// come after the others: a plane whose products vanish there multiplies one stretch of rows.
template <class Kind> struct Chunk {
    const Layer &l;
    const long first, count, columns = Tiles<Kind>::columns(l);
    const bool edge = Tiles<Kind>::vanishes(l, 0, columns - 1, 1);
    const long below = Tiles<Kind>::vanishes(l, Tiles<Kind>::rows(l) - 1, 0, Kind::meet)
                           ? std::max(0L, std::min(count, (Tiles<Kind>::rows(l) - 1) * columns - first))
                           : count;  // tiles above a last row that holds one even output
    const long inner = count - edges(count);

    // Of the first ``n`` tiles, those in such a last column.
    long edges(long n) const { return edge ? (first + n) / columns - first / columns : 0; }
    long row(long i) const {
        const bool last = edge && (first + i) % columns == columns - 1;
        return last ? inner + edges(i) : i - edges(i);
    }
    int y(long i) const { return (first + i) / columns; }
    int x(long i) const { return (first + i) % columns; }
};

// A plane's products, panels from..to.
template <class Kind>
static void multiply(const Chunk<Kind> &chunk, int plane, int from, int to, const typename Kind::item *v, long vs,
                     float *m, long ms) {
    typedef typename Kind::item item;
    const Layer &l = chunk.l;
    const int width = panel_width(l.O);
    const long lda = row_stride(l.I), ldc = row_stride(l.O);
    const long n = plane / Kind::meet ? chunk.below : chunk.count, edges = chunk.edges(n), inner = n - edges;
    const bool whole = plane % Kind::meet == 0, apart = whole && inner < chunk.inner;
    const long rows = whole && !apart ? n : inner;  // that do not vanish; apart from them, the last column's
    const item *a = v + Tiles<Kind>::input(plane) * vs;
    for (int panel = from; panel < to; panel++) {
        const item *b = (const item *)l.weight + ((long)Tiles<Kind>::weight(plane) * l.O + panel * width) * l.I;
        float *c = m + plane * ms + panel * width;
        auto times = [&](long row, long count) {
            if (width == NR) matrix_panel<2>(a + row * lda, lda, b, l.I, c + row * ldc, ldc, count);
            else matrix_panel<1>(a + row * lda, lda, b, l.I, c + row * ldc, ldc, count);
        };
        times(0, rows);
        if (apart) times(chunk.inner, edges);
        for (long row = rows; row < chunk.count; row++)
            if (!apart || row < chunk.inner || row >= chunk.inner + edges)
                std::memset(c + row * ldc, 0, width * sizeof(float));
    }
}

// Tiles from..from + n, by one thread, in its own scratch.
template <class Kind>
static void tiles_alone(const Layer &l, long from, long n, float *own, long vs, long ms, float *band, long top) {
    typedef Tiles<Kind> T;
    const Chunk<Kind> chunk{l, from, n};
    typename Kind::item *v = (typename Kind::item *)own;
    float *m = own + T::inputs * vs;
    for (long t = 0; t < n; t++) T::read(l, chunk.y(t), chunk.x(t), v + chunk.row(t) * row_stride(l.I), vs);
    for (int plane = 0; plane < T::planes; plane++) multiply(chunk, plane, 0, l.O / panel_width(l.O), v, vs, m, ms);
    for (long t = 0; t < n; t++)
        T::write(l, chunk.y(t), chunk.x(t), m + chunk.row(t) * row_stride(l.O), ms, band, top);
}

// Tiles first..last, by all threads of the enclosing parallel region: each takes chunks of its own where there
// are enough of them; otherwise they share out the products, so that a weight is read once and not per thread.
template <class Kind> static void convolve(const Layer &l, long first, long last, float *work, float *band, long top) {
    typedef typename Kind::item item;
    typedef Tiles<Kind> T;
    const int threads = omp_get_num_threads();
    const long most = tiles_at_once<Kind>(l), count = last - first;
    if (count <= std::max(2L * MR * threads, std::min(threads, 2) * most)) {
        const long vs = plane_stride(count, l.I), ms = plane_stride(count, l.O);
        const Chunk<Kind> chunk{l, first, count};
        item *v = (item *)work;
        float *m = work + T::inputs * vs;
#pragma omp for schedule(dynamic, 4)
        for (long t = 0; t < count; t++)
            T::read(l, chunk.y(t), chunk.x(t), v + chunk.row(t) * row_stride(l.I), vs);
        const int panels = l.O / panel_width(l.O);
#pragma omp for schedule(dynamic, 2)
        for (int job = 0; job < T::planes * panels; job++)
            multiply(chunk, job / panels, job % panels, job % panels + 1, v, vs, m, ms);
#pragma omp for schedule(dynamic, 4)
        for (long t = 0; t < count; t++)
            T::write(l, chunk.y(t), chunk.x(t), m + chunk.row(t) * row_stride(l.O), ms, band, top);
        return;
    }
    const long vs = plane_stride(most, l.I), ms = plane_stride(most, l.O);
    float *own = work + omp_get_thread_num() * (T::inputs * vs + T::planes * ms);
    const long even = (count + threads - 1) / threads;  // no thread waits for another's last, lonely chunk
    const long step = (even + (even + most - 1) / most - 1) / ((even + most - 1) / most);
#pragma omp for schedule(dynamic)
    for (long from = first; from < last; from += step)
        tiles_alone<Kind>(l, from, std::min(step, last - from), own, vs, ms, band, top);
}

template <class Kind> static long work_floats(const Layer &l, int threads) {
    const long most = std::max(tiles_at_once<Kind>(l), 2L * MR);
    return threads * (Tiles<Kind>::inputs * plane_stride(most, l.I) + Tiles<Kind>::planes * plane_stride(most, l.O));
}

// Tile rows that are upsampled before they are filtered: enough for the tiles that are multiplied at once, and more
// where the filter finds ``bytes`` in cache.
template <class Kind> static int band_rows(const Layer &l, long bytes) {
    const long row = (long)Kind::covers * (2 * l.W + 1) * l.O * sizeof(float);
    const long tiles = tiles_at_once<Kind>(l) / Tiles<Kind>::columns(l);
    return std::max<long>(1, std::min<long>(Tiles<Kind>::rows(l), std::max(tiles, bytes / row)));
}
constexpr long COMMON = 8 << 20, OWN = 192 << 10;  // bytes of a band that all threads share, and of a thread's own

// A large picture is upsampled in stripes, each by one thread that waits for no other. A stripe makes the tile row
// above it once more, because the filter looks back: a small picture's threads share every band.
template <class Kind> static int stripes(const Layer &l, int threads) {
    const int rows = Tiles<Kind>::rows(l);
    return rows < 8 * threads ? 0 : rows < 16 * threads || threads == 1 ? threads : 2 * threads;
}

template <class Kind> static long band_floats(const Layer &l, long bytes) {
    return ((long)Kind::covers * (band_rows<Kind>(l, bytes) + 1) + 3) * (2L * l.W + 1) * l.O;
}

template <class Kind> static long up_floats(const Layer &l, int threads) {
    const bool apart = stripes<Kind>(l, threads) > 0;
    const long bands = apart ? threads * band_floats<Kind>(l, OWN) : band_floats<Kind>(l, COMMON);
    return l.I + (2L * l.W + 1) * l.O + work_floats<Kind>(l, threads) + bands;
}

// One row of the transposed convolution: its even columns, its odd ones, and what lies between two of a kind.
template <class T> struct Row {
    const T *columns[2];
    long step;
};

// Two finished rows, y and y + 1, of the upsampled image from five of the transposed convolution [2W+1][O].
//
// The FIR of StyleGAN2 sees all of the transposed convolution. StyleGAN adds neighbours first and blurs then, with
// zeros beyond the picture: `edge`, the blur's outer tap, is what its first and its last output lack of the sum.
template <int PARTS, class T>
static void filter_parts(const Layer &l, const Row<T> rows[5], const float *fir, int y, float edge, int first) {
    const int width = 2 * l.W;
    float down[2][4];
    for (int r = 0; r < 2; r++) {
        for (int i = 0; i < 4; i++) down[r][i] = fir[i];
        if (y + r == 0) down[r][1] -= edge;
        if (y + r == 2 * l.H - 1) down[r][2] -= edge;
    }
    const float *noise = l.after.noise ? l.after.noise + (long)y * width : nullptr;
    float *to = l.out + (long)y * width * l.O;
    for (int o = first; o + PARTS * L <= l.O; o += PARTS * L) {
        vec window[2][PARTS][4] = {};  // row, part of the block, column
        for (int x = 0; x < width + 2; x++) {  // column x of the transposed convolution enters the window
#pragma GCC unroll 2
            for (int part = 0; part < PARTS; part++) {
                vec d[5] = {};
                if (x <= width)
#pragma GCC unroll 5
                    for (int i = 0; i < 5; i++)
                        d[i] = load(rows[i].columns[x & 1] + (x >> 1) * rows[i].step + o + part * L);
#pragma GCC unroll 2
                for (int r = 0; r < 2; r++) {
                    vec *w = window[r][part];
                    w[0] = w[1], w[1] = w[2], w[2] = w[3];
                    w[3] = d[r] * down[r][0] + d[r + 1] * down[r][1] + d[r + 2] * down[r][2] + d[r + 3] * down[r][3];
                    if (x < 2) continue;
                    vec v = w[0] * fir[4] + w[1] * fir[5] + w[2] * fir[6] + w[3] * fir[7];
                    if (edge != 0 && x == 2) v -= w[1] * edge;
                    if (edge != 0 && x == width + 1) v -= w[2] * edge;
                    const long column = r * width + x - 2;
                    const vec grain = splat(noise ? noise[column] * l.after.noise_gain : 0.0f);
                    store(to + column * l.O + o + part * L, finish(v, l.after, o + part * L, grain));
                }
            }
        }
    }
}

template <class T>
static void filter_rows(const Layer &l, const Row<T> rows[5], const float *fir, int y, float edge = 0) {
    filter_parts<2>(l, rows, fir, y, edge, 0);
    if (l.O % NR) filter_parts<1>(l, rows, fir, y, edge, l.O / NR * NR);
}

template <class Kind> static void conv3(const Layer &l, float *work, int threads) {
    std::memset(work, 0, l.I * sizeof(float));
#pragma omp parallel num_threads(threads)
    convolve<Kind>(l, 0, (long)Tiles<Kind>::rows(l) * Tiles<Kind>::columns(l), work + l.I, nullptr, 0);
}

// Two rows, y and y + 1, from a band whose first row is the transposed convolution's ``top``.
static void filter_pair(const Layer &l, const float *band, long top, const float *zeros, const float *fir, int y,
                        float edge) {
    const long row = (2L * l.W + 1) * l.O;
    Row<float> rows[5];
    for (int i = 0; i < 5; i++) {
        const int at = y - 1 + i;
        const float *from = at < 0 || at > 2 * l.H ? zeros : band + (at - top) * row;
        rows[i] = {{from, from + l.O}, 2L * l.O};
    }
    filter_rows(l, rows, fir, y, edge);
}

// Tile rows first..last and what is finished with them, by one thread.
template <class Kind>
static void stripe(const Layer &l, const float *fir, float edge, int first, int last, const float *zeros, float *own,
                   float *band) {
    constexpr long S = Kind::covers;
    const long row = (2L * l.W + 1) * l.O, at_once = tiles_at_once<Kind>(l);
    const long vs = plane_stride(at_once, l.I), ms = plane_stride(at_once, l.O);
    const int columns = Tiles<Kind>::columns(l), step = band_rows<Kind>(l, OWN);
    for (int ty = std::max(0, first - 1), end; ty < last; ty = end) {
        end = ty < first ? first : std::min(ty + step, last);
        const long top = S * ty - 3, made = std::min(S * end, 2L * l.H + 1);
        const long from = (long)ty * columns, to = (long)end * columns;
        const long parts = (to - from + at_once - 1) / at_once, even = (to - from + parts - 1) / parts;
        for (long t = from; t < to; t += even)
            tiles_alone<Kind>(l, t, std::min(even, to - t), own, vs, ms, band, top);
        if (ty >= first) {
            const int until = end == Tiles<Kind>::rows(l) ? 2 * l.H : (int)made - 2;
            for (int y = std::max(0L, S * ty - 2); y < until; y += 2) filter_pair(l, band, top, zeros, fir, y, edge);
        }
        std::memmove(band, band + (made - 3 - top) * row, 3 * row * sizeof(float));
    }
}

template <class Kind>
static void up3(const Layer &l, const float *fir, float edge, float *work, int threads) {
    constexpr long S = Kind::covers;
    const long row = (2L * l.W + 1) * l.O;
    const float *zeros = work + l.I;
    float *scratch = work + l.I + row, *band = scratch + work_floats<Kind>(l, threads);
    std::memset(work, 0, (l.I + row) * sizeof(float));
    const int tile_rows = Tiles<Kind>::rows(l), columns = Tiles<Kind>::columns(l), step = band_rows<Kind>(l, COMMON);
    if (const int count = stripes<Kind>(l, threads)) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
        for (int i = 0; i < count; i++) {
            const int thread = omp_get_thread_num();
            stripe<Kind>(l, fir, edge, tile_rows * i / count, tile_rows * (i + 1) / count, zeros,
                         scratch + thread * (work_floats<Kind>(l, 1)), band + thread * band_floats<Kind>(l, OWN));
        }
        return;
    }
#pragma omp parallel num_threads(threads)
    for (int ty = 0; ty < tile_rows; ty += step) {
        const int end = std::min(ty + step, tile_rows);
        // The filter looks three rows back: the band starts with the last three rows of the one before.
        const long top = S * ty - 3, made = std::min(S * end, 2L * l.H + 1);
        convolve<Kind>(l, (long)ty * columns, (long)end * columns, scratch, band, top);
        const int from = std::max(0L, S * ty - 2), to = end == tile_rows ? 2 * l.H : (int)made - 2;
#pragma omp for schedule(dynamic)
        for (int y = from; y < to; y += 2) filter_pair(l, band, top, zeros, fir, y, edge);
#pragma omp single
        std::memmove(band, band + (made - 3 - top) * row, 3 * row * sizeof(float));
    }
}

static long up_direct_floats(const Layer &l) {
    return (2L * l.W + 1) * l.O + border_floats(l) + (2L * l.H + 1) * (2L * l.W + 1) * l.O;
}

static void up3_direct(const Layer &l, const float *fir, float edge, float *work, int threads) {
    const long row = (2L * l.W + 1) * l.O;
    float *padded = work + row, *image = padded + border_floats(l);
    std::memset(work, 0, row * sizeof(float));
#pragma omp parallel num_threads(threads)
    {
        if (panel_width(l.O) == NR) transposed_direct<2>(l, padded, image);
        else transposed_direct<1>(l, padded, image);
#pragma omp for schedule(static)
        for (int y = 0; y < 2 * l.H; y += 2) filter_pair(l, image, 0, work, fir, y, edge);
    }
}

extern "C" {

// Columns of a block of the packed weights, for a layer of O outputs.
int vj_block(int O) { return panel_width(O); }

// Whether the filterings in bfloat16 were compiled in.
int vj_bf16() {
#if defined(__AVX512BF16__)
    return 1;
#else
    return 0;
#endif
}

// How a layer is multiplied: minimally filtered, in fp32 or bfloat16, or as plain sums over its taps, in fp32.
enum { MINIMAL = 0, BFLOAT = 1, DIRECT = 2 };

// Floats of scratch that conv3 (up = 0) or up3 (up = 1) wants.
long vj_work(int H, int W, int I, int O, int up, int how, int threads) {
    Layer l{};
    l.H = H, l.W = W, l.I = I, l.O = O;
    if (how == DIRECT) return up ? up_direct_floats(l) : border_floats(l);
#if defined(__AVX512BF16__)
    if (how == BFLOAT) return up ? up_floats<Up2>(l, threads) : I + work_floats<Conv2>(l, threads);
#endif
    return up ? up_floats<Up>(l, threads) : I + work_floats<Conv>(l, threads);
}

// x [H][W][I] -> out [H][W][O]
void vj_conv3(const float *x, int H, int W, int I, const void *weight, int O, const float *style,
              const float *scale, const float *bias, const float *noise, float noise_gain, float slope,
              float clamp, float *out, float *work, int how, int threads) {
    Layer l{x, weight, style, H, W, I, O, work, out, {scale, bias, noise, noise_gain, slope, clamp}};
    if (how == DIRECT) return panel_width(O) == NR ? conv3_direct<2>(l, work, threads) : conv3_direct<1>(l, work, threads);
#if defined(__AVX512BF16__)
    if (how == BFLOAT) return conv3<Conv2>(l, work, threads);
#endif
    conv3<Conv>(l, work, threads);
}

// x [H][W][I] -> out [2H][2W][O]; fir: four vertical and four horizontal taps, gains included; edge: see filter_rows.
void vj_up3(const float *x, int H, int W, int I, const void *weight, int O, const float *style,
            const float *scale, const float *bias, const float *noise, float noise_gain, float slope, float clamp,
            const float *fir, float edge, float *out, float *work, int how, int threads) {
    Layer l{x, weight, style, H, W, I, O, work, out, {scale, bias, noise, noise_gain, slope, clamp}};
    if (how == DIRECT) return up3_direct(l, fir, edge, work, threads);
#if defined(__AVX512BF16__)
    if (how == BFLOAT) return up3<Up2>(l, fir, edge, work, threads);
#endif
    up3<Up>(l, fir, edge, work, threads);
}

// One layer of `vj_styles`: what it reads of ws, and where its styles and its scales go.
struct Style {
    const float *weight, *bias, *power;  // [w_dim][I], [I], [O][I] or null for a layer without scales
    float gain;
    int row, I, O, style_at, scale_at;
};

// ws [..][w_dim] -> every layer's styles and scales: an affine of one w, and the demodulation of its squares.
// square: scratch as large as styles.
void vj_styles(const float *ws, int w_dim, const Style *layers, int count, float *styles, float *scales,
               float *square, int threads) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int i = 0; i < count; i++) {
        const Style &l = layers[i];
        float *style = styles + l.style_at, *squares = square + l.style_at;
        for (int c = 0; c < l.I; c += L) {
            vec sum = load(l.bias + c);
            for (int d = 0; d < w_dim; d++) sum += ws[(long)l.row * w_dim + d] * load(l.weight + (long)d * l.I + c);
            store(style + c, sum), store(squares + c, sum * sum);
        }
        if (!l.power) continue;
        for (int o = 0; o < l.O; o++) {
            vec sum{};
            for (int c = 0; c < l.I; c += L) sum += load(squares + c) * load(l.power + (long)o * l.I + c);
            scales[l.scale_at + o] = l.gain / std::sqrt(total(sum) + 1e-8f);
        }
    }
}

// x [count][C] * style -> out, bfloat16: what a convolution of oneDNN reads.
void vj_modulate(const float *x, long count, int C, const float *style, uint16_t *out, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < count; i++)
        for (int c = 0; c < C; c += L) store(out + i * C + c, load(x + i * C + c) * load(style + c));
}

// y [H][W][O] bfloat16, a convolution's bare result -> out, finished.
void vj_finish(const uint16_t *y, int H, int W, int O, const float *scale, const float *bias, const float *noise,
               float noise_gain, float slope, float clamp, float *out, int threads) {
    const After after{scale, bias, noise, noise_gain, slope, clamp};
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < (long)H * W; i++) {
        const vec grain = splat(noise ? noise[i] * noise_gain : 0.0f);
        for (int o = 0; o < O; o += L) store(out + i * O + o, finish(load(y + i * O + o), after, o, grain));
    }
}

// The rest of an upsampling layer whose transposed convolution came in four parts, bfloat16, from elsewhere:
// even rows and columns [H+1][W+1][O], even rows and odd columns [H+1][W], odd and even [H][W+1], odd [H][W].
void vj_filter(const uint16_t *ee, const uint16_t *eo, const uint16_t *oe, const uint16_t *oo, int H, int W, int O,
               const float *scale, const float *bias, const float *noise, float noise_gain, float slope,
               float clamp, const float *fir, float *out, float *work, int threads) {
    const Layer l{nullptr, nullptr, nullptr, H, W, 0, O, work, out, {scale, bias, noise, noise_gain, slope, clamp}};
    std::memset(work, 0, (W + 1L) * O * sizeof(float));
    const uint16_t *zeros = (const uint16_t *)work;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int y = 0; y < 2 * H; y += 2) {
        Row<uint16_t> rows[5];
        for (int i = 0; i < 5; i++) {
            const int at = y - 1 + i;
            const long r = at >> 1;
            if (at < 0 || at > 2 * H) rows[i] = {{zeros, zeros}, O};
            else if (at & 1) rows[i] = {{oe + r * (W + 1) * O, oo + r * W * O}, O};
            else rows[i] = {{ee + r * (W + 1) * O, eo + r * W * O}, O};
        }
        filter_rows(l, rows, fir, y);
    }
}

// x [count][C] -> out, not x: y = lrelu(x + noise * strength + bias), brought to mean 0 and variance 1 along all
// pixels, times scale, plus shift (StyleGAN's AdaIN). noise [count] or null; the others [C].
void vj_adain(const float *x, long count, int C, const float *noise, const float *strength, const float *bias,
              float slope, float eps, const float *scale, const float *shift, float *out, int threads) {
    // What is summed up is the distance from the first pixel: a map far from 0 keeps its digits.
    std::vector<float> first(C), gain(C), rest(C);
    std::vector<double> sums(2L * C * threads);
    const float before = noise ? noise[0] : 0.0f;
    for (int c = 0; c < C; c++) {
        const float y = x[c] + (before * strength[c] + bias[c]);
        first[c] = y > 0 ? y : y * slope;
    }
#pragma omp parallel num_threads(threads)
    {
        double *own = sums.data() + 2L * C * omp_get_thread_num();
        constexpr long STEP = 64;  // pixels that are summed up in fp32
#pragma omp for schedule(static)
        for (long from = 0; from < count; from += STEP)
            for (int c = 0; c < C; c += L) {
                const vec b = load(bias + c), s = load(strength + c), f = load(first.data() + c);
                vec sum{}, square{};
                for (long i = from; i < std::min(from + STEP, count); i++) {
                    vec y = load(x + i * C + c) + (noise ? noise[i] * s + b : b);
                    const vec scaled = y * slope;
                    y = y > 0.0f ? y : scaled;
                    store(out + i * C + c, y);
                    sum += y - f, square += (y - f) * (y - f);
                }
                for (int k = 0; k < L; k++) own[c + k] += sum[k], own[C + c + k] += square[k];
            }
#pragma omp single
        for (int c = 0; c < C; c++) {
            double sum = 0, square = 0;
            for (int t = 0; t < threads; t++) sum += sums[2L * C * t + c], square += sums[2L * C * t + C + c];
            const double mean = sum / count, variance = std::max(0.0, square / count - mean * mean);
            gain[c] = scale[c] / std::sqrt(variance + eps);
            rest[c] = shift[c] - (float)(mean + first[c]) * gain[c];
        }
#pragma omp for schedule(static)
        for (long i = 0; i < count; i++)
            for (int c = 0; c < C; c += L)
                store(out + i * C + c, load(out + i * C + c) * load(gain.data() + c) + load(rest.data() + c));
    }
}

// x [count][C], in place: every pixel's channels brought to a mean square of 1 (`own` of them count, the others are
// padding), then lrelu. PGGAN's pixel norm.
void vj_pixel_norm(float *x, long count, int C, int own, float eps, float slope, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < count; i++) {
        vec square{};
        for (int c = 0; c < C; c += L) square += load(x + i * C + c) * load(x + i * C + c);
        const float gain = 1 / std::sqrt(total(square) / own + eps);
        for (int c = 0; c < C; c += L) {
            const vec y = load(x + i * C + c) * gain, scaled = y * slope;
            store(x + i * C + c, y > 0.0f ? y : scaled);
        }
    }
}

// Adds the RGB of x [H][W][I] to the upsampled image so far: previous [H/2][W/2][4] or null, out [H][W][4].
// weight [4][I] is modulated already; rgba [H][W][4] bytes or null; gray spreads the first channel, a
// fourth one is alpha.
void vj_rgb(const float *x, int H, int W, int I, const float *weight, const float *bias, float clamp,
            int channels, const float *previous, const float *fir, float *out, uint8_t *rgba, int threads) {
    const int w2 = W / 2, h2 = H / 2;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 8)
    for (int y = 0; y < H; y++)
        for (int xx = 0; xx < W; xx++) {
            const float *p = x + ((long)y * W + xx) * I;
            vec sum[4] = {};
            for (int c = 0; c < I; c += L) {
                const vec v = load(p + c);
#pragma GCC unroll 4
                for (int k = 0; k < 4; k++) sum[k] += v * load(weight + (long)k * I + c);
            }
            four rgb = totals(sum) + *(const four *)bias;
            if (clamp > 0) {
                const four high = clamp - four{}, low = -high;
                rgb = rgb < low ? low : rgb;
                rgb = rgb > high ? high : rgb;
            }
            if (previous) {  // zero-stuffed and filtered: two taps of each axis meet samples
                const int oy = y & 1, ox = xx & 1;
                for (int i = 0; i < 2; i++)
                    for (int j = 0; j < 2; j++) {
                        const int sy = y / 2 - 1 + oy + i, sx = xx / 2 - 1 + ox + j;
                        if (sy < 0 || sx < 0 || sy >= h2 || sx >= w2) continue;
                        const float gain = fir[2 * i + oy] * fir[4 + 2 * j + ox];
                        rgb += *(const four *)(previous + ((long)sy * w2 + sx) * 4) * gain;
                    }
            }
            const long at = ((long)y * W + xx) * 4;
            *(four *)(out + at) = rgb;
            if (!rgba) continue;
            for (int k = 0; k < 3; k++)
                rgba[at + k] = (uint8_t)std::min(255.0f, std::max(0.0f, rgb[channels < 3 ? 0 : k] * 127.5f + 128));
            rgba[at + 3] = channels < 4 ? 255 : (uint8_t)std::min(255.0f, std::max(0.0f, rgb[3] * 127.5f + 128));
        }
}

}  // extern "C"
