// Registers of the processor this is compiled for, what is done to them at a layer's end, and matrix products.
//
// GCC's vector extension is the only dialect, so one source serves AVX-512, AVX2, SSE and NEON.
#pragma once

#include <cstdint>
#include <cstring>
#if defined(__AVX__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
constexpr int L = 16, MR = 12;
#elif defined(__AVX__)
constexpr int L = 8, MR = 6;
#else
constexpr int L = 4, MR = 8;
#endif
constexpr int NR = 2 * L;  // a register block of the matrix product is MR rows by NR columns

// Columns of a block, for a layer of O outputs: one register where two would leave half of them empty.
static inline int panel_width(int O) { return O % NR ? L : NR; }

typedef float vec __attribute__((vector_size(4 * L), aligned(4), may_alias));

typedef uint16_t half __attribute__((vector_size(2 * L), aligned(2), may_alias));  // bfloat16, in bits
typedef uint32_t word __attribute__((vector_size(4 * L)));

static inline vec load(const float *p) { return *(const vec *)p; }
static inline vec load(const uint16_t *p) { return (vec)(__builtin_convertvector(*(const half *)p, word) << 16); }
static inline void store(uint16_t *p, vec v) {  // to the nearest, ties to even
#if defined(__AVX512BF16__)
    _mm256_storeu_si256((__m256i *)p, (__m256i)_mm512_cvtneps_pbh((__m512)v));
    return;
#endif
    const word bits = (word)v;
    *(half *)p = __builtin_convertvector((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16, half);
}
static inline void store(float *p, vec v) { *(vec *)p = v; }
#if defined(__AVX__)
constexpr bool STREAMS = true;  // whether stores can go past the caches
static inline void stream(float *p, vec v) {  // p is a multiple of the register's size
#if defined(__AVX512F__)
    _mm512_stream_ps(p, (__m512)v);
#else
    _mm256_stream_ps(p, (__m256)v);
#endif
}
static inline void streamed() { _mm_sfence(); }  // before another thread reads what was streamed
#else
constexpr bool STREAMS = false;
static inline void stream(float *p, vec v) { store(p, v); }
static inline void streamed() {}
#endif
static inline vec splat(float x) { return x - vec{}; }
static inline vec larger(vec a, vec b) { return a > b ? a : b; }
static inline vec smaller(vec a, vec b) { return a < b ? a : b; }
static inline float total(vec v) {
    float sum = 0;
    for (int i = 0; i < L; i++) sum += v[i];
    return sum;
}

typedef float four __attribute__((vector_size(16), aligned(4), may_alias));

// The totals of four registers.
static inline __attribute__((always_inline)) four totals(const vec *sum) {
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
    four part[4];
    for (int k = 0; k < 4; k++) {
        const vec v = sum[k];
#if defined(__AVX512F__)
        part[k] = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7) +
                  (__builtin_shufflevector(v, v, 8, 9, 10, 11) + __builtin_shufflevector(v, v, 12, 13, 14, 15));
#elif defined(__AVX__)
        part[k] = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
        part[k] = v;
#endif
    }
    const four p = __builtin_shufflevector(part[0], part[1], 0, 4, 1, 5) +
                   __builtin_shufflevector(part[0], part[1], 2, 6, 3, 7);
    const four q = __builtin_shufflevector(part[2], part[3], 0, 4, 1, 5) +
                   __builtin_shufflevector(part[2], part[3], 2, 6, 3, 7);
    return __builtin_shufflevector(p, q, 0, 1, 4, 5) + __builtin_shufflevector(p, q, 2, 3, 6, 7);
#endif
#endif
    return four{total(sum[0]), total(sum[1]), total(sum[2]), total(sum[3])};
}

// What follows a convolution, in the order of the papers; gains are folded into scale, bias, noise and clamp.
struct After {
    const float *scale, *bias, *noise;  // [O], [O], [H][W] or null
    float noise_gain, slope, clamp;     // slope 0.2 is lrelu, 0 relu, 1 linear; clamp <= 0 is none
};

static inline vec finish(vec y, const After &a, int o, vec noise) {
    y = y * load(a.scale + o) + (load(a.bias + o) + noise);
    const vec scaled = y * a.slope;
    y = y > 0.0f ? y : scaled;
    if (a.clamp > 0) y = smaller(larger(y, splat(-a.clamp)), splat(a.clamp));
    return y;
}

// ---- c[M][W * L] = a[M][depth] @ b[depth][W * L], W registers wide -------------------------------------------

// What is fetched while a block is multiplied: in every STRETCH of its depth so many lines of 64 bytes from ``at`` on.
// Weights that lie beyond the second-level cache would be waited for.
constexpr int STRETCH = 32, LINE = 16;  // of depth; floats of a line
struct Ahead {
    const float *at;
    int lines;
};

template <int M, int W>
static inline __attribute__((always_inline)) void product(const float *a, long lda, const float *b, int depth,
                                                          float *c, long ldc, Ahead ahead) {
    vec left[M], right[M];
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) left[m] = right[m] = vec{};
    for (int from = 0; from < depth; from += STRETCH) {
        const int to = from + STRETCH < depth ? from + STRETCH : depth;
        for (int i = 0; i < ahead.lines; i++, ahead.at += LINE) __builtin_prefetch(ahead.at);
        for (int k = from; k < to; k++) {
            const vec b0 = load(b + (long)k * W * L), b1 = W == 2 ? load(b + (long)k * W * L + L) : vec{};
#pragma GCC unroll 16
            for (int m = 0; m < M; m++) {
                const float x = a[m * lda + k];
                left[m] += x * b0;
                if constexpr (W == 2) right[m] += x * b1;
            }
        }
    }
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) {
        store(c + m * ldc, left[m]);
        if constexpr (W == 2) store(c + m * ldc + L, right[m]);
    }
}

#if defined(__AVX512BF16__)
// The same in bfloat16, summed up in fp32: b [depth/2][W * L][2], pairs of depths beside each other.
template <int M, int W>
static inline __attribute__((always_inline)) void product(const uint16_t *a, long lda, const uint16_t *b, int depth,
                                                          float *c, long ldc, Ahead) {
    __m512 left[M], right[M];
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) left[m] = right[m] = _mm512_setzero_ps();
    for (int k = 0; k < depth; k += 2) {
        const uint16_t *row = b + (long)k * W * L;
        const __m512bh b0 = (__m512bh)_mm512_loadu_si512(row);
        const __m512bh b1 = (__m512bh)_mm512_loadu_si512(row + (W == 2 ? NR : 0));
#pragma GCC unroll 16
        for (int m = 0; m < M; m++) {
            int pair;
            std::memcpy(&pair, a + m * lda + k, sizeof pair);
            const __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
            left[m] = _mm512_dpbf16_ps(left[m], x, b0);
            if constexpr (W == 2) right[m] = _mm512_dpbf16_ps(right[m], x, b1);
        }
    }
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) {
        store(c + m * ldc, (vec)left[m]);
        if constexpr (W == 2) store(c + m * ldc + L, (vec)right[m]);
    }
}
#endif

// Rows in blocks as even as they can be: a block of one or two rows would wait for its own sums.
template <int W, int M = MR, class T>
static inline __attribute__((always_inline)) void product_of(int rows, const T *a, long lda, const T *b, int depth,
                                                             float *c, long ldc, Ahead ahead) {
    if constexpr (M > 1)
        if (rows < M) return product_of<W, M - 1>(rows, a, lda, b, depth, c, ldc, ahead);
    product<M, W>(a, lda, b, depth, c, ldc, ahead);
}

// ``far``: the weights lie so far away that those of the next panel, which follow, are fetched by all blocks together.
template <int W, class T>
static void matrix_panel(const T *a, long lda, const T *b, int depth, float *c, long ldc, int rows, bool far) {
    int blocks = (rows + MR - 1) / MR;
    Ahead ahead{(const float *)(b + (long)depth * W * L), far && blocks ? (STRETCH * W * L / LINE - 1) / blocks + 1 : 0};
    for (; blocks > 0; blocks--) {
        const int taken = (rows + blocks - 1) / blocks;
        product_of<W>(taken, a, lda, b, depth, c, ldc, ahead);
        a += taken * lda, c += taken * ldc, rows -= taken;
        ahead.at += (long)(depth + STRETCH - 1) / STRETCH * ahead.lines * LINE;
    }
}
