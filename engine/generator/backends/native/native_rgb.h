// A pixel's colour: from its channels, from the image so far, and as bytes.
#pragma once

#include "native_vectors.h"

// Row y of the image so far [h][w][4], zero-stuffed and filtered downwards, to ``line`` [-1..w][4]; zeros beyond it.
static void row_before(const float *image, int w, int h, const float *fir, int y, float *line) {
    const int below = y / 2 + (y & 1), above = below - 1;
    const float *rows[2] = {image + 4L * w * above, image + 4L * w * below};
    const float taps[2] = {above < 0 ? 0 : fir[y & 1], below >= h ? 0 : fir[2 + (y & 1)]};
    if (above < 0) rows[0] = rows[1];
    if (below >= h) rows[1] = rows[0];
    for (long i = 0; i < 4L * w; i++) line[i] = rows[0][i] * taps[0] + rows[1][i] * taps[1];
    for (int k = 0; k < 4; k++) line[k - 4] = line[4L * w + k] = 0;
}

static inline four rgb_of(const float *pixel, int I, const float *weight) {
    vec sum[4] = {};
    for (int c = 0; c < I; c += L) {
        const vec v = load(pixel + c);
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) sum[k] += v * load(weight + (long)k * I + c);
    }
    return totals(sum);
}

// -1..1 -> bytes; gray spreads the first channel, and what has no alpha is opaque.
static inline void put_bytes(four rgb, int channels, uint8_t *to) {
    typedef int32_t whole __attribute__((vector_size(16)));
    typedef uint8_t bytes __attribute__((vector_size(4), aligned(1), may_alias));
    four v = rgb * 127.5f + 128.0f;
    v = v > 0.0f ? v : four{};
    v = v < 255.0f ? v : 255.0f - four{};
    if (channels < 3) v = v[0] - four{};
    if (channels < 4) v[3] = 255;
    *(bytes *)to = __builtin_convertvector(__builtin_convertvector(v, whole), bytes);
}
