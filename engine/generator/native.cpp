// StyleGAN2's layers for a CPU, fp32: each one a single pass over its input and its output.
//
// A 3x3 convolution is done by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks", arXiv:1509.09308): 36 multiplications for 16 outputs instead of 144. The
// upsampling one, a transposed 3x3 of stride 2, has even outputs of two taps and odd ones of one tap along each
// axis: F(4,2) and the identity, nested, 81 multiplications for an 8x8 tile instead of 144. Modulation happens
// while a tile is read; demodulation, noise, bias, nonlinearity and clamp while it is written.
//
// Images are [H][W][C], C a multiple of NR (padded channels carry zero weights). Plain C interface for ctypes;
// GCC's vector extension is the only dialect, so one source serves AVX-512, AVX2, SSE and NEON.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <omp.h>
#if defined(__AVX512BF16__)
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
static inline vec splat(float x) { return x - vec{}; }
static inline vec larger(vec a, vec b) { return a > b ? a : b; }
static inline vec smaller(vec a, vec b) { return a < b ? a : b; }
static inline float total(vec v) {
    float sum = 0;
    for (int i = 0; i < L; i++) sum += v[i];
    return sum;
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

// ---- c[M][NR] = a[M][depth] @ b[depth][NR] ------------------------------------------------------------------

template <int M>
static inline __attribute__((always_inline)) void product(const float *a, long lda, const float *b, int depth,
                                                          float *c, long ldc) {
    vec left[M], right[M];
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) left[m] = right[m] = vec{};
    for (int k = 0; k < depth; k++) {
        const vec b0 = load(b + (long)k * NR), b1 = load(b + (long)k * NR + L);
#pragma GCC unroll 16
        for (int m = 0; m < M; m++) {
            const float x = a[m * lda + k];
            left[m] += x * b0;
            right[m] += x * b1;
        }
    }
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) store(c + m * ldc, left[m]), store(c + m * ldc + L, right[m]);
}

#if defined(__AVX512BF16__)
// The same in bfloat16, summed up in fp32: b [depth/2][NR][2], pairs of depths beside each other.
template <int M>
static inline __attribute__((always_inline)) void product(const uint16_t *a, long lda, const uint16_t *b, int depth,
                                                          float *c, long ldc) {
    __m512 left[M], right[M];
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) left[m] = right[m] = _mm512_setzero_ps();
    for (int k = 0; k < depth; k += 2) {
        const __m512bh b0 = (__m512bh)_mm512_loadu_si512(b + (long)k * NR);
        const __m512bh b1 = (__m512bh)_mm512_loadu_si512(b + (long)k * NR + NR);
#pragma GCC unroll 16
        for (int m = 0; m < M; m++) {
            int pair;
            std::memcpy(&pair, a + m * lda + k, sizeof pair);
            const __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
            left[m] = _mm512_dpbf16_ps(left[m], x, b0);
            right[m] = _mm512_dpbf16_ps(right[m], x, b1);
        }
    }
#pragma GCC unroll 16
    for (int m = 0; m < M; m++) store(c + m * ldc, (vec)left[m]), store(c + m * ldc + L, (vec)right[m]);
}
#endif

template <class T>
static void matrix_panel(const T *a, long lda, const T *b, int depth, float *c, long ldc, int rows) {
    int m = 0;
    for (; m + MR <= rows; m += MR) product<MR>(a + m * lda, lda, b, depth, c + m * ldc, ldc);
    for (; m + 4 <= rows; m += 4) product<4>(a + m * lda, lda, b, depth, c + m * ldc, ldc);
    for (; m < rows; m++) product<1>(a + m * lda, lda, b, depth, c + m * ldc, ldc);
}

// ---- tiles --------------------------------------------------------------------------------------------------

struct Layer {
    const float *x;      // [H][W][I]
    const void *weight;  // [planes][O/NR][I][NR] floats, or bfloat16 [planes][O/NR][I/2][NR][2]
    const float *style;  // [I]
    int H, W, I, O;
    const float *zeros;  // [I], what lies outside the image
    float *out;
    After after;
};

static inline const float *pixel(const Layer &l, int y, int x) {
    return y < 0 || x < 0 || y >= l.H || x >= l.W ? l.zeros : l.x + ((long)y * l.W + x) * l.I;
}

struct Conv {  // stride 1: F(4x4, 3x3)
    using item = float;
    static constexpr int planes = 36, inputs = 36;
    static int input(int plane) { return plane; }
    static int rows(const Layer &l) { return (l.H + 3) / 4; }
    static int columns(const Layer &l) { return (l.W + 3) / 4; }
    static int weight(int plane) { return plane; }
    static bool vanishes(const Layer &, int, int, int) { return false; }

    static inline void forward(const vec *d, vec *v) {
        const vec a = d[4] - 4.0f * d[2], b = d[3] - 4.0f * d[1], c = d[4] - d[2], e = 2.0f * (d[3] - d[1]);
        v[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];
        v[1] = a + b, v[2] = a - b, v[3] = c + e, v[4] = c - e;
        v[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];
    }

    static inline void backward(const vec *m, vec *y) {
        const vec s = m[1] + m[2], t = m[1] - m[2], u = m[3] + m[4], w = m[3] - m[4];
        y[0] = m[0] + s + u, y[1] = t + 2.0f * w, y[2] = s + 4.0f * u, y[3] = t + 8.0f * w + m[5];
    }

    static void read(const Layer &l, int ty, int tx, float *v, long plane) {
        const float *p[6][6];
        for (int i = 0; i < 6; i++)
            for (int j = 0; j < 6; j++) p[i][j] = pixel(l, 4 * ty - 1 + i, 4 * tx - 1 + j);
        for (int c = 0; c < l.I; c += L) {
            const vec s = load(l.style + c);
            vec half[6][6];
#pragma GCC unroll 6
            for (int j = 0; j < 6; j++) {
                vec d[6], r[6];
#pragma GCC unroll 6
                for (int i = 0; i < 6; i++) d[i] = load(p[i][j] + c) * s;
                forward(d, r);
#pragma GCC unroll 6
                for (int i = 0; i < 6; i++) half[i][j] = r[i];
            }
#pragma GCC unroll 6
            for (int i = 0; i < 6; i++) {
                vec r[6];
                forward(half[i], r);
#pragma GCC unroll 6
                for (int j = 0; j < 6; j++) store(v + (i * 6 + j) * plane + c, r[j]);
            }
        }
    }

    static void write(const Layer &l, int ty, int tx, const float *m, long plane, float *, long) {
        const int h = std::min(4, l.H - 4 * ty), w = std::min(4, l.W - 4 * tx);
        float noise[4][4] = {};
        if (l.after.noise)
            for (int i = 0; i < h; i++)
                for (int j = 0; j < w; j++)
                    noise[i][j] = l.after.noise[(long)(4 * ty + i) * l.W + 4 * tx + j] * l.after.noise_gain;
        for (int o = 0; o < l.O; o += L) {
            vec half[4][6];
#pragma GCC unroll 6
            for (int j = 0; j < 6; j++) {
                vec d[6], r[4];
#pragma GCC unroll 6
                for (int i = 0; i < 6; i++) d[i] = load(m + (i * 6 + j) * plane + o);
                backward(d, r);
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++) half[i][j] = r[i];
            }
            for (int i = 0; i < h; i++) {
                vec r[4];
                backward(half[i], r);
                float *to = l.out + ((long)(4 * ty + i) * l.W + 4 * tx) * l.O + o;
                for (int j = 0; j < w; j++) store(to + (long)j * l.O, finish(r[j], l.after, o, splat(noise[i][j])));
            }
        }
    }
};

struct Up {  // transposed, stride 2: F(4,2) for the even outputs, the identity for the odd ones
    using item = float;
    static constexpr int planes = 81, inputs = 81, step = 8;  // step: rows of outputs
    static int input(int plane) { return plane; }
    static int rows(const Layer &l) { return l.H / 4 + 1; }  // the even outputs are one more than the inputs
    static int columns(const Layer &l) { return l.W / 4 + 1; }
    static int weight(int plane) { return std::min(plane / 9, 5) * 6 + std::min(plane % 9, 5); }
    // Past the last input a tile holds one even output, and only the first point's products make it.
    static bool vanishes(const Layer &l, int ty, int tx, int plane) {
        return (4 * ty == l.H && plane / 9 != 0) || (4 * tx == l.W && plane % 9 != 0);
    }

    static inline void forward(const vec *d, vec *v) {
        v[0] = 2.0f * (d[0] - d[2]) - d[1] + d[3];
        v[1] = 2.0f * d[1] + d[2] - d[3];
        v[2] = 3.0f * d[2] - 2.0f * d[1] - d[3];
        v[3] = d[3] - d[1];
        v[4] = 2.0f * (d[1] - d[3]) - d[2] + d[4];
        v[5] = d[1], v[6] = d[2], v[7] = d[3], v[8] = d[4];
    }

    static inline void backward(const vec *m, vec *y) {
        const vec s = m[1] + m[2], t = m[1] - m[2];
        y[0] = m[0] + s + m[3], y[2] = t + 2.0f * m[3], y[4] = s + 4.0f * m[3], y[6] = t + 8.0f * m[3] + m[4];
        y[1] = m[5], y[3] = m[6], y[5] = m[7], y[7] = m[8];
    }

    static void read(const Layer &l, int ty, int tx, float *v, long plane) {
        const float *p[5][5];
        for (int i = 0; i < 5; i++)
            for (int j = 0; j < 5; j++) p[i][j] = pixel(l, 4 * ty - 1 + i, 4 * tx - 1 + j);
        for (int c = 0; c < l.I; c += L) {
            const vec s = load(l.style + c);
            vec half[9][5];
#pragma GCC unroll 5
            for (int j = 0; j < 5; j++) {
                vec d[5], r[9];
#pragma GCC unroll 5
                for (int i = 0; i < 5; i++) d[i] = load(p[i][j] + c) * s;
                forward(d, r);
#pragma GCC unroll 9
                for (int i = 0; i < 9; i++) half[i][j] = r[i];
            }
#pragma GCC unroll 9
            for (int i = 0; i < 9; i++) {
                vec r[9];
                forward(half[i], r);
#pragma GCC unroll 9
                for (int j = 0; j < 9; j++) store(v + (i * 9 + j) * plane + c, r[j]);
            }
        }
    }

    // Writes [..][2W+1][O] before the FIR, into `band`, whose first row is the image's row `top`.
    static void write(const Layer &l, int ty, int tx, const float *m, long plane, float *band, long top) {
        const int h = std::min(8, 2 * l.H + 1 - 8 * ty), w = std::min(8, 2 * l.W + 1 - 8 * tx);
        for (int o = 0; o < l.O; o += L) {
            vec half[8][9];
#pragma GCC unroll 9
            for (int j = 0; j < 9; j++) {
                vec d[9], r[8];
#pragma GCC unroll 9
                for (int i = 0; i < 9; i++) d[i] = load(m + (i * 9 + j) * plane + o);
                backward(d, r);
#pragma GCC unroll 8
                for (int i = 0; i < 8; i++) half[i][j] = r[i];
            }
            for (int i = 0; i < h; i++) {
                vec r[8];
                backward(half[i], r);
                float *to = band + ((8 * ty + i - top) * (2 * l.W + 1) + 8 * tx) * l.O + o;
                for (int j = 0; j < w; j++) store(to + (long)j * l.O, r[j]);
            }
        }
    }
};

#if defined(__AVX512BF16__)
// In bfloat16 only the mildest of these filterings keep enough of the signal, and multiply twice as fast.
struct Conv2 {  // stride 1: F(2x2, 3x3), 16 multiplications for 4 outputs instead of 36
    using item = uint16_t;
    static constexpr int planes = 16, inputs = 16;
    static int input(int plane) { return plane; }
    static int rows(const Layer &l) { return (l.H + 1) / 2; }
    static int columns(const Layer &l) { return (l.W + 1) / 2; }
    static int weight(int plane) { return plane; }
    static bool vanishes(const Layer &, int, int, int) { return false; }

    static inline void forward(const vec *d, vec *v) {
        v[0] = d[0] - d[2], v[1] = d[1] + d[2], v[2] = d[2] - d[1], v[3] = d[1] - d[3];
    }
    static inline void backward(const vec *m, vec *y) { y[0] = m[0] + m[1] + m[2], y[1] = m[1] - m[2] - m[3]; }

    static void read(const Layer &l, int ty, int tx, item *v, long plane) {
        const float *p[4][4];
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++) p[i][j] = pixel(l, 2 * ty - 1 + i, 2 * tx - 1 + j);
        for (int c = 0; c < l.I; c += L) {
            const vec s = load(l.style + c);
            vec half[4][4];
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) {
                vec d[4], r[4];
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++) d[i] = load(p[i][j] + c) * s;
                forward(d, r);
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++) half[i][j] = r[i];
            }
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                vec r[4];
                forward(half[i], r);
#pragma GCC unroll 4
                for (int j = 0; j < 4; j++) store(v + (i * 4 + j) * plane + c, r[j]);
            }
        }
    }

    static void write(const Layer &l, int ty, int tx, const float *m, long plane, float *, long) {
        const int h = std::min(2, l.H - 2 * ty), w = std::min(2, l.W - 2 * tx);
        for (int o = 0; o < l.O; o += L) {
            vec half[2][4];
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) {
                vec d[4], r[2];
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++) d[i] = load(m + (i * 4 + j) * plane + o);
                backward(d, r);
                half[0][j] = r[0], half[1][j] = r[1];
            }
            for (int i = 0; i < h; i++) {
                vec r[2];
                backward(half[i], r);
                const long at = (long)(2 * ty + i) * l.W + 2 * tx;
                for (int j = 0; j < w; j++) {
                    const float grain = l.after.noise ? l.after.noise[at + j] * l.after.noise_gain : 0.0f;
                    store(l.out + (at + j) * l.O + o, finish(r[j], l.after, o, splat(grain)));
                }
            }
        }
    }
};

struct Up2 {  // transposed, stride 2: F(2,2) for the even outputs, the identity for the odd ones; 25 instead of 36
    using item = uint16_t;
    static constexpr int planes = 25, inputs = 16, step = 4;
    static int input(int plane) { return 4 * at(plane / 5, 0) + at(plane % 5, 0); }
    static int weight(int plane) { return 4 * at(plane / 5, 1) + at(plane % 5, 1); }
    static int at(int point, int which) {  // which transformed input meets which transformed weight
        static constexpr int of[2][5] = {{0, 1, 2, 1, 3}, {0, 1, 2, 3, 3}};
        return of[which][point];
    }
    static int rows(const Layer &l) { return l.H / 2 + 1; }
    static int columns(const Layer &l) { return l.W / 2 + 1; }
    static bool vanishes(const Layer &l, int ty, int tx, int plane) {
        return (2 * ty == l.H && plane / 5 != 0) || (2 * tx == l.W && plane % 5 != 0);
    }

    static inline void forward(const vec *d, vec *v) { v[0] = d[0] - d[1], v[1] = d[1], v[2] = d[1] - d[2], v[3] = d[2]; }
    static inline void backward(const vec *m, vec *y) {
        y[0] = m[0] + m[1], y[1] = m[3], y[2] = m[1] - m[2], y[3] = m[4];
    }

    static void read(const Layer &l, int ty, int tx, item *v, long plane) {
        const float *p[3][3];
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++) p[i][j] = pixel(l, 2 * ty - 1 + i, 2 * tx - 1 + j);
        for (int c = 0; c < l.I; c += L) {
            const vec s = load(l.style + c);
            vec half[4][3];
#pragma GCC unroll 3
            for (int j = 0; j < 3; j++) {
                vec d[3], r[4];
#pragma GCC unroll 3
                for (int i = 0; i < 3; i++) d[i] = load(p[i][j] + c) * s;
                forward(d, r);
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++) half[i][j] = r[i];
            }
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                vec r[4];
                forward(half[i], r);
#pragma GCC unroll 4
                for (int j = 0; j < 4; j++) store(v + (i * 4 + j) * plane + c, r[j]);
            }
        }
    }

    static void write(const Layer &l, int ty, int tx, const float *m, long plane, float *band, long top) {
        const int h = std::min(4, 2 * l.H + 1 - 4 * ty), w = std::min(4, 2 * l.W + 1 - 4 * tx);
        for (int o = 0; o < l.O; o += L) {
            vec half[4][5];
#pragma GCC unroll 5
            for (int j = 0; j < 5; j++) {
                vec d[5], r[4];
#pragma GCC unroll 5
                for (int i = 0; i < 5; i++) d[i] = load(m + (i * 5 + j) * plane + o);
                backward(d, r);
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++) half[i][j] = r[i];
            }
            for (int i = 0; i < h; i++) {
                vec r[4];
                backward(half[i], r);
                float *to = band + ((4 * ty + i - top) * (2 * l.W + 1) + 4 * tx) * l.O + o;
                for (int j = 0; j < w; j++) store(to + (long)j * l.O, r[j]);
            }
        }
    }
};
#endif

// ---- a run of tiles: read, multiply, write ------------------------------------------------------------------

// Rows, and planes, a power of two apart would all fall into the same few cache sets.
static inline long row_stride(int channels) { return channels + 16; }
static inline long plane_stride(long tiles, int channels) { return tiles * row_stride(channels) + 3 * 16; }

template <class Kind> static long tiles_at_once(const Layer &l) {  // as many as the second-level cache holds
    const long tile = (long)sizeof(typename Kind::item) * Kind::inputs * l.I + 4L * Kind::planes * l.O;
    const long fit = (sizeof(typename Kind::item) == 2 ? 3072L : 768L) * 1024 / tile;
    return std::max<long>(2 * MR, std::min<long>(fit / MR * MR, 16 * MR));
}

template <class Kind>
static void multiply(const Layer &l, long first, long count, int plane, int panel, const typename Kind::item *v,
                     long vs, float *m, long ms, int columns) {
    typedef typename Kind::item item;
    const item *b = (const item *)l.weight + ((long)Kind::weight(plane) * (l.O / NR) + panel) * l.I * NR;
    const long lda = row_stride(l.I), ldc = row_stride(l.O);
    const item *a = v + Kind::input(plane) * vs;
    float *c = m + plane * ms + panel * NR;
    for (long t = 0; t < count;) {  // stretches of tiles whose product does not vanish
        long end = t;
        auto gone = [&](long i) { return Kind::vanishes(l, (first + i) / columns, (first + i) % columns, plane); };
        if (gone(t)) {
            std::memset(c + t * ldc, 0, NR * sizeof(float));
            t++;
            continue;
        }
        while (end < count && !gone(end)) end++;
        matrix_panel(a + t * lda, lda, b, l.I, c + t * ldc, ldc, end - t);
        t = end;
    }
}

// Tiles first..last, by all threads of the enclosing parallel region: each takes chunks of its own where there
// are enough of them; otherwise they share out the products, so that a weight is read once and not per thread.
template <class Kind> static void convolve(const Layer &l, long first, long last, float *work, float *band, long top) {
    typedef typename Kind::item item;
    const int columns = Kind::columns(l), threads = omp_get_num_threads();
    const long chunk = tiles_at_once<Kind>(l), count = last - first;
    if (count <= 2 * MR * threads) {
        const long vs = plane_stride(count, l.I), ms = plane_stride(count, l.O);
        item *v = (item *)work;
        float *m = work + Kind::inputs * vs;
#pragma omp for schedule(dynamic, 4)
        for (long t = 0; t < count; t++)
            Kind::read(l, (first + t) / columns, (first + t) % columns, v + t * row_stride(l.I), vs);
        const int panels = l.O / NR;
#pragma omp for schedule(dynamic, 2)
        for (int job = 0; job < Kind::planes * panels; job++)
            multiply<Kind>(l, first, count, job / panels, job % panels, v, vs, m, ms, columns);
#pragma omp for schedule(dynamic, 4)
        for (long t = 0; t < count; t++)
            Kind::write(l, (first + t) / columns, (first + t) % columns, m + t * row_stride(l.O), ms, band, top);
        return;
    }
    const long vs = plane_stride(chunk, l.I), ms = plane_stride(chunk, l.O);
    float *own = work + omp_get_thread_num() * (Kind::inputs * vs + Kind::planes * ms), *m = own + Kind::inputs * vs;
    item *v = (item *)own;
    const long even = (count + threads - 1) / threads;  // no thread waits for another's last, lonely chunk
    const long step = (even + (even + chunk - 1) / chunk - 1) / ((even + chunk - 1) / chunk);
#pragma omp for schedule(dynamic)
    for (long from = first; from < last; from += step) {
        const long n = std::min(step, last - from);
        for (long t = 0; t < n; t++)
            Kind::read(l, (from + t) / columns, (from + t) % columns, v + t * row_stride(l.I), vs);
        for (int plane = 0; plane < Kind::planes; plane++)
            for (int panel = 0; panel < l.O / NR; panel++)
                multiply<Kind>(l, from, n, plane, panel, v, vs, m, ms, columns);
        for (long t = 0; t < n; t++)
            Kind::write(l, (from + t) / columns, (from + t) % columns, m + t * row_stride(l.O), ms, band, top);
    }
}

template <class Kind> static long work_floats(const Layer &l, int threads) {
    const long most = std::max(tiles_at_once<Kind>(l), 2L * MR);
    return threads * (Kind::inputs * plane_stride(most, l.I) + Kind::planes * plane_stride(most, l.O));
}

// Tile rows that are upsampled before they are filtered: about 8 MB, so that the filter finds them in cache.
template <class Kind> static int band_rows(const Layer &l) {
    const long row = (long)Kind::step * (2 * l.W + 1) * l.O * sizeof(float);
    return std::max<long>(1, std::min<long>(Kind::rows(l), (8 << 20) / row));
}

template <class Kind> static long up_floats(const Layer &l, int threads) {
    const long row = (2L * l.W + 1) * l.O;
    return l.I + row + work_floats<Kind>(l, threads) + ((long)Kind::step * (band_rows<Kind>(l) + 1) + 3) * row;
}

// One row of the transposed convolution: its even columns, its odd ones, and what lies between two of a kind.
template <class T> struct Row {
    const T *columns[2];
    long step;
};

// Two finished rows, y and y + 1, of the upsampled image from five of the transposed convolution [2W+1][O].
template <class T> static void filter_rows(const Layer &l, const Row<T> rows[5], const float *fir, int y) {
    const int width = 2 * l.W;
    const float *noise = l.after.noise ? l.after.noise + (long)y * width : nullptr;
    float *to = l.out + (long)y * width * l.O;
    for (int o = 0; o < l.O; o += NR) {
        vec window[2][2][4] = {};  // row, part of the block, column
        for (int x = 0; x < width + 2; x++) {  // column x of the transposed convolution enters the window
#pragma GCC unroll 2
            for (int part = 0; part < 2; part++) {
                vec d[5] = {};
                if (x <= width)
#pragma GCC unroll 5
                    for (int i = 0; i < 5; i++)
                        d[i] = load(rows[i].columns[x & 1] + (x >> 1) * rows[i].step + o + part * L);
#pragma GCC unroll 2
                for (int r = 0; r < 2; r++) {
                    vec *w = window[r][part];
                    w[0] = w[1], w[1] = w[2], w[2] = w[3];
                    w[3] = d[r] * fir[0] + d[r + 1] * fir[1] + d[r + 2] * fir[2] + d[r + 3] * fir[3];
                    if (x < 2) continue;
                    const vec v = w[0] * fir[4] + w[1] * fir[5] + w[2] * fir[6] + w[3] * fir[7];
                    const long column = r * width + x - 2;
                    const vec grain = splat(noise ? noise[column] * l.after.noise_gain : 0.0f);
                    store(to + column * l.O + o + part * L, finish(v, l.after, o + part * L, grain));
                }
            }
        }
    }
}

template <class Kind> static void conv3(const Layer &l, float *work, int threads) {
    std::memset(work, 0, l.I * sizeof(float));
#pragma omp parallel num_threads(threads)
    convolve<Kind>(l, 0, (long)Kind::rows(l) * Kind::columns(l), work + l.I, nullptr, 0);
}

template <class Kind> static void up3(const Layer &l, const float *fir, float *work, int threads) {
    constexpr long S = Kind::step;
    const long row = (2L * l.W + 1) * l.O;
    const float *zeros = work + l.I;
    float *scratch = work + l.I + row, *band = scratch + work_floats<Kind>(l, threads);
    std::memset(work, 0, (l.I + row) * sizeof(float));
    const int tile_rows = Kind::rows(l), columns = Kind::columns(l), step = band_rows<Kind>(l);
#pragma omp parallel num_threads(threads)
    for (int ty = 0; ty < tile_rows; ty += step) {
        const int end = std::min(ty + step, tile_rows);
        // The filter looks three rows back: the band starts with the last three rows of the one before.
        const long top = S * ty - 3, made = std::min(S * end, 2L * l.H + 1);
        convolve<Kind>(l, (long)ty * columns, (long)end * columns, scratch, band, top);
        const int from = std::max(0L, S * ty - 2), to = end == tile_rows ? 2 * l.H : (int)made - 2;
#pragma omp for schedule(dynamic)
        for (int y = from; y < to; y += 2) {
            Row<float> rows[5];
            for (int i = 0; i < 5; i++) {
                const int at = y - 1 + i;
                const float *from_row = at < 0 || at > 2 * l.H ? zeros : band + (at - top) * row;
                rows[i] = {{from_row, from_row + l.O}, 2L * l.O};
            }
            filter_rows(l, rows, fir, y);
        }
#pragma omp single
        std::memmove(band, band + (made - 3 - top) * row, 3 * row * sizeof(float));
    }
}

extern "C" {

int vj_block() { return NR; }

// Whether the filterings in bfloat16 were compiled in.
int vj_bf16() {
#if defined(__AVX512BF16__)
    return 1;
#else
    return 0;
#endif
}

// Floats of scratch that conv3 (up = 0) or up3 (up = 1) wants, in bfloat16 or not.
long vj_work(int H, int W, int I, int O, int up, int bf16, int threads) {
    Layer l{};
    l.H = H, l.W = W, l.I = I, l.O = O;
#if defined(__AVX512BF16__)
    if (bf16) return up ? up_floats<Up2>(l, threads) : I + work_floats<Conv2>(l, threads);
#endif
    return up ? up_floats<Up>(l, threads) : I + work_floats<Conv>(l, threads);
}

// x [H][W][I] -> out [H][W][O]
void vj_conv3(const float *x, int H, int W, int I, const void *weight, int O, const float *style,
              const float *scale, const float *bias, const float *noise, float noise_gain, float slope,
              float clamp, float *out, float *work, int bf16, int threads) {
    Layer l{x, weight, style, H, W, I, O, work, out, {scale, bias, noise, noise_gain, slope, clamp}};
#if defined(__AVX512BF16__)
    if (bf16) return conv3<Conv2>(l, work, threads);
#endif
    conv3<Conv>(l, work, threads);
}

// x [H][W][I] -> out [2H][2W][O]; fir: four vertical and four horizontal taps, gains included.
void vj_up3(const float *x, int H, int W, int I, const void *weight, int O, const float *style,
            const float *scale, const float *bias, const float *noise, float noise_gain, float slope, float clamp,
            const float *fir, float *out, float *work, int bf16, int threads) {
    Layer l{x, weight, style, H, W, I, O, work, out, {scale, bias, noise, noise_gain, slope, clamp}};
#if defined(__AVX512BF16__)
    if (bf16) return up3<Up2>(l, fir, work, threads);
#endif
    up3<Up>(l, fir, work, threads);
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

// Adds the RGB of x [H][W][I] to the upsampled image so far: previous [H/2][W/2][4] or null, out [H][W][4].
// weight [4][I] is modulated already; rgba [H][W][4] bytes or null; gray spreads the first channel.
void vj_rgb(const float *x, int H, int W, int I, const float *weight, const float *bias, float clamp,
            int channels, const float *previous, const float *fir, float *out, uint8_t *rgba, int threads) {
    typedef float four __attribute__((vector_size(16), aligned(4), may_alias));
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
            four rgb = {total(sum[0]), total(sum[1]), total(sum[2]), channels > 3 ? total(sum[3]) : 0.0f};
            rgb += *(const four *)bias;
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
            rgba[at + 3] = 255;
        }
}

}  // extern "C"
