// Small pictures: a 3x3 convolution, or the transposed one of stride 2, as plain sums over its taps.
//
// Minimal filtering reads four times the weights, and a picture of few tiles reads them for little work. Here the
// modulated picture is laid out once with a border of zeros; a register block of the product is some pixels by some
// output channels, and its sums stay in registers from the first tap to the last.
#pragma once

#include "native_tiles.h"

// Weights [9][O/n][I][n], n = panel_width(O); taps row by row.
struct Taps {
    int count, at[9];  // which of the nine
    long from[9];      // where a tap's input lies, from the pixel's own, in floats
};

static inline long border_floats(const Layer &l) { return (l.H + 2L) * (l.W + 2) * l.I; }

// x times style, with its border, row y of l.H + 2.
static void lay_out(const Layer &l, int y, float *padded) {
    float *row = padded + (long)y * (l.W + 2) * l.I;
    if (y == 0 || y == l.H + 1) {
        std::memset(row, 0, (l.W + 2L) * l.I * sizeof(float));
        return;
    }
    std::memset(row, 0, l.I * sizeof(float));
    std::memset(row + (l.W + 1L) * l.I, 0, l.I * sizeof(float));
    const float *x = l.x + (y - 1L) * l.W * l.I;
    for (long i = 0; i < (long)l.W * l.I; i += l.I)
        for (int c = 0; c < l.I; c += L) store(row + l.I + i + c, load(x + i + c) * load(l.style + c));
}

template <int M, int W>
static inline __attribute__((always_inline)) void sum_taps(const Layer &l, const Taps &taps, const float *const *pixels,
                                                           int panel, float *sums) {
    vec left[M], right[M];
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) left[m] = right[m] = vec{};
    for (int t = 0; t < taps.count; t++) {
        const float *b = (const float *)l.weight + ((long)taps.at[t] * l.O + panel * W * L) * l.I;
        const float *a[M];
#pragma GCC unroll 16
        for (int m = 0; m < M; m++) a[m] = pixels[m] + taps.from[t];
        for (int k = 0; k < l.I; k++) {
            const vec b0 = load(b + (long)k * W * L), b1 = W == 2 ? load(b + (long)k * W * L + L) : vec{};
#pragma GCC unroll 16
            for (int m = 0; m < M; m++) {
                const float x = a[m][k];
                left[m] += x * b0;
                if constexpr (W == 2) right[m] += x * b1;
            }
        }
    }
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) {
        store(sums + m * W * L, left[m]);
        if constexpr (W == 2) store(sums + m * W * L + L, right[m]);
    }
}

// Outputs of one panel of channels: ``rows`` by ``columns`` pixels, of which ``put(row, column)`` says where each goes.
template <int W, class Put>
static void panel_of(const Layer &l, const Taps &taps, const float *padded, int rows, int columns, int panel, Put put) {
    const float *pixels[MR];
    float sums[MR * W * L];
    const int count = rows * columns;
    for (int at = 0; at < count;) {
        const int left = count - at, n = left >= MR ? MR : left >= 4 ? 4 : 1;
        for (int m = 0; m < n; m++)
            pixels[m] = padded + ((at + m) / columns * (l.W + 2L) + (at + m) % columns) * l.I;
        if (n == MR) sum_taps<MR, W>(l, taps, pixels, panel, sums);
        else if (n == 4) sum_taps<4, W>(l, taps, pixels, panel, sums);
        else sum_taps<1, W>(l, taps, pixels, panel, sums);
        for (int m = 0; m < n; m++) put((at + m) / columns, (at + m) % columns, panel * W * L, sums + m * W * L);
        at += n;
    }
}

template <int W> static void conv3_direct(const Layer &l, float *padded, int threads) {
    Taps taps{9, {}, {}};
    for (int i = 0; i < 9; i++) taps.at[i] = i, taps.from[i] = (i / 3 * (l.W + 2L) + i % 3) * l.I;
    auto put = [&](int y, int x, int o, const float *sums) {
        const long pixel = (long)y * l.W + x;
        const vec grain = splat(l.after.noise ? l.after.noise[pixel] * l.after.noise_gain : 0.0f);
        for (int i = 0; i < W * L; i += L) store(l.out + pixel * l.O + o + i, finish(load(sums + i), l.after, o + i, grain));
    };
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int y = 0; y < l.H + 2; y++) lay_out(l, y, padded);
#pragma omp for schedule(dynamic, 1)
        for (int panel = 0; panel < l.O / (W * L); panel++) panel_of<W>(l, taps, padded, l.H, l.W, panel, put);
    }
}

// The four kinds of outputs of a transposed convolution [2H+1][2W+1][O]: even or odd row, even or odd column.
template <int W> static void transposed_direct(const Layer &l, float *padded, float *image) {
    const int panels = l.O / (W * L);
#pragma omp for schedule(static)
    for (int y = 0; y < l.H + 2; y++) lay_out(l, y, padded);
#pragma omp for schedule(dynamic, 1)
    for (int job = 0; job < 4 * panels; job++) {
        const int panel = job / 4, odd_row = job / 2 % 2, odd_column = job % 2;
        Taps taps{0, {}, {}};
        for (int ky = odd_row; ky < 3; ky += 2)
            for (int kx = odd_column; kx < 3; kx += 2) {  // of output 2r the taps 0 and 2 meet inputs r and r - 1
                taps.at[taps.count] = 3 * ky + kx;
                taps.from[taps.count++] = ((1 - ky / 2) * (l.W + 2L) + 1 - kx / 2) * l.I;
            }
        auto put = [&](int r, int c, int o, const float *sums) {
            float *to = image + ((2L * r + odd_row) * (2 * l.W + 1) + 2 * c + odd_column) * l.O + o;
            for (int i = 0; i < W * L; i += L) store(to + i, load(sums + i));
        };
        panel_of<W>(l, taps, padded, l.H + 1 - odd_row, l.W + 1 - odd_column, panel, put);
    }
}
