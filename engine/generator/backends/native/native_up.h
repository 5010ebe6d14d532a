// Upsampling layers: the transposed convolution in bands, and the FIR over each band while it lies in cache.
//
// A kind of up has parts, each a filtering that makes outputs of one or all parities; a band is made of whole tile
// rows, ``unit`` inputs high, of all parts.
#pragma once

#include "native_chunks.h"

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
static void filter_parts(const Layer &layer, const Row<T> given[5], const float *taps, int y, float edge, int first) {
    const Layer l = layer;  // copies: what is stored could lie over what is referred to, as far as a compiler can tell
    Row<T> rows[5];
    float fir[8];
    std::copy(given, given + 5, rows), std::copy(taps, taps + 8, fir);
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


template <class Up> static int tile_rows(const Layer &l) { return (2 * l.H + 2 * Up::unit) / (2 * Up::unit); }

// Of a part, the tiles of the tile rows before ``row``.
template <class Up, class Kind> static long tiles_before(const Layer &l, int row) {
    typedef Tiles<Kind> T;
    return std::min((long)row * Up::unit / T::R::step, (long)T::rows(l)) * T::columns(l);
}

// Tile rows that are upsampled before they are filtered: enough for the tiles that are multiplied at once, and more
// where the filter finds ``bytes`` in cache.
template <class Up> static int band_rows(const Layer &l, long bytes) {
    const long row = 2L * Up::unit * (2 * l.W + 1) * l.O * sizeof(float);
    long rows = 0;
    Up::parts([&](auto part) {
        typedef decltype(part) Kind;
        if (!rows) rows = tiles_at_once<Kind>(l) / Tiles<Kind>::columns(l);
    });
    return std::max<long>(1, std::min<long>(tile_rows<Up>(l), std::max(rows, bytes / row)));
}
constexpr long COMMON = 8 << 20, OWN = 192 << 10;  // bytes of a band that all threads share, and of a thread's own

// A large picture is upsampled in stripes, each by one thread that waits for no other. A stripe makes the tile row
// above it once more, because the filter looks back: a small picture's threads share every band.
template <class Up> static int stripes(const Layer &l, int threads) {
    const int rows = tile_rows<Up>(l);
    return rows < 8 * threads ? 0 : rows < 16 * threads || threads == 1 ? threads : 2 * threads;
}

template <class Up> static long band_floats(const Layer &l, long bytes) {
    return (2L * Up::unit * (band_rows<Up>(l, bytes) + 1) + 3) * (2L * l.W + 1) * l.O;
}

// Scratch of one thread that makes tiles of any part.
template <class Up> static long own_floats(const Layer &l) {
    long most = 0;
    Up::parts([&](auto part) {
        typedef decltype(part) Kind;
        most = std::max(most, chunk_floats<Kind>(l, tiles_at_once<Kind>(l)));
    });
    return most;
}

// Scratch of a band's tiles that all threads share, and whether they share them.
template <class Up> static long shared_floats(const Layer &l, int rows) {
    long sum = 0;
    Up::parts([&](auto part) { sum += chunk_floats<decltype(part)>(l, tiles_before<Up, decltype(part)>(l, rows)); });
    return sum;
}
template <class Up> static bool shares_band(const Layer &l, int rows, int threads) {
    int wanting = 0, parts = 0;
    Up::parts([&](auto part) {
        typedef decltype(part) Kind;
        if (!parts++) wanting = shares<Kind>(l, tiles_before<Up, Kind>(l, rows), threads);
    });
    return wanting;
}

template <class Up> static long up_floats(const Layer &l, int threads) {
    const bool apart = stripes<Up>(l, threads) > 0;
    const long bands = apart ? threads * band_floats<Up>(l, OWN) : band_floats<Up>(l, COMMON);
    const int rows = band_rows<Up>(l, COMMON);
    const bool common = !apart && shares_band<Up>(l, rows, threads);
    return l.I + (2L * l.W + 1) * l.O + bands + (common ? shared_floats<Up>(l, rows) : threads * own_floats<Up>(l));
}

// Tile rows first..last and what is finished with them, by one thread.
template <class Up>
static void stripe(const Layer &l, const float *fir, float edge, int first, int last, const float *zeros, float *own,
                   float *band) {
    constexpr long S = 2 * Up::unit;
    const long row = (2L * l.W + 1) * l.O;
    const int step = band_rows<Up>(l, OWN);
    for (int ty = std::max(0, first - 1), end; ty < last; ty = end) {
        end = ty < first ? first : std::min(ty + step, last);
        const long top = S * ty - 3, made = std::min(S * end, 2L * l.H + 1);
        Up::parts([&](auto part) {
            typedef decltype(part) Kind;
            convolve_alone<Kind>(l, tiles_before<Up, Kind>(l, ty), tiles_before<Up, Kind>(l, end), own, band, top);
        });
        if (ty >= first) {
            const int until = end == tile_rows<Up>(l) ? 2 * l.H : (int)made - 2;
            for (int y = std::max(0L, S * ty - 2); y < until; y += 2) filter_pair(l, band, top, zeros, fir, y, edge);
        }
        std::memmove(band, band + (made - 3 - top) * row, 3 * row * sizeof(float));
    }
}

// Tile rows first..last into the band, by all threads of the enclosing parallel region.
template <class Up>
static void band_together(const Layer &l, int first, int last, bool common, float *scratch, float *band, long top) {
    auto shared = [&](auto act) {
        float *work = scratch;
        Up::parts([&](auto part) {
            typedef decltype(part) Kind;
            const long from = tiles_before<Up, Kind>(l, first), count = tiles_before<Up, Kind>(l, last) - from;
            act(Shared<Kind>{{l, from, count}, work});
            work += chunk_floats<Kind>(l, count);
        });
#pragma omp barrier
    };
    if (common) {
        shared([](const auto &tiles) { tiles.read(); });
        shared([](const auto &tiles) { tiles.multiply(); });
        shared([&](const auto &tiles) { tiles.write(band, top); });
        return;
    }
    float *own = scratch + omp_get_thread_num() * own_floats<Up>(l);
    Up::parts([&](auto part) {
        typedef decltype(part) Kind;
        convolve_apart<Kind>(l, tiles_before<Up, Kind>(l, first), tiles_before<Up, Kind>(l, last), own, band, top);
    });
#pragma omp barrier
}

template <class Up> static void up3(const Layer &l, const float *fir, float edge, float *work, int threads) {
    constexpr long S = 2 * Up::unit;
    const long row = (2L * l.W + 1) * l.O;
    const int rows = tile_rows<Up>(l), step = band_rows<Up>(l, COMMON), count = stripes<Up>(l, threads);
    const bool common = shares_band<Up>(l, step, threads);
    const float *zeros = work + l.I;
    float *band = work + l.I + row;
    float *scratch = band + (count ? threads * band_floats<Up>(l, OWN) : band_floats<Up>(l, COMMON));
    std::memset(work, 0, (l.I + row) * sizeof(float));
    if (count) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
        for (int i = 0; i < count; i++) {
            const int thread = omp_get_thread_num();
            stripe<Up>(l, fir, edge, rows * i / count, rows * (i + 1) / count, zeros,
                       scratch + thread * own_floats<Up>(l), band + thread * band_floats<Up>(l, OWN));
        }
        return;
    }
#pragma omp parallel num_threads(threads)
    for (int ty = 0; ty < rows; ty += step) {
        const int end = std::min(ty + step, rows);
        // The filter looks three rows back: the band starts with the last three rows of the one before.
        const long top = S * ty - 3, made = std::min(S * end, 2L * l.H + 1);
        band_together<Up>(l, ty, end, common, scratch, band, top);
        const int from = std::max(0L, S * ty - 2), to = end == rows ? 2 * l.H : (int)made - 2;
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
