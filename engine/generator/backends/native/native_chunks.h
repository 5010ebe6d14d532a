// Chunks of tiles: how many at once, where their rows lie in scratch, and their way through the three stages.
#pragma once

#include <omp.h>
#include <unistd.h>

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

// Floats of scratch for ``count`` tiles.
template <class Kind> static long chunk_floats(const Layer &l, long count) {
    return Tiles<Kind>::inputs * plane_stride(count, l.I) + Tiles<Kind>::planes * plane_stride(count, l.O);
}

// In bfloat16, as many as the cache holds. In fp32 the planes of all tiles may lie beyond it, one plane's rows not:
// the further away the layer's weights are, which are read once for all tiles, the more tiles.
template <class Kind> static long tiles_at_once(const Layer &l) {
    typedef Tiles<Kind> T;
    constexpr bool low = sizeof(typename Kind::item) == 2;
    constexpr long most = low ? 16 : T::R::step == 6 ? 12 : 8 * 16 / (T::R::step * T::C::step);  // register blocks
    const long tile = (long)sizeof(typename Kind::item) * T::inputs * l.I + 4L * T::planes * l.O;
    const long cache = second_level(), weights = 4L * T::R::weights * T::C::weights * l.I * l.O;
    const long plane = cache * 3 / 4 / (4L * (l.I + l.O)), far = std::min(plane, 5 * weights / (2 * cache));
    const long fit = low ? 3 * cache / tile : std::max(far, std::min(weights, cache / 2) / tile);
    return std::max<long>(low ? 2 * MR : MR, std::min<long>(fit / MR * MR, most * MR));
}

// Tiles first..first + count in the order of their rows in scratch. Those of a tail column come after the others: a
// plane whose products vanish there multiplies one stretch of rows.
template <class Kind> struct Chunk {
    typedef Tiles<Kind> T;
    const Layer &l;
    const long first, count, columns = T::columns(l);
    const bool tail = T::right_tail(l);
    const long above = T::low_tail(l) ? std::max(0L, std::min(count, (T::rows(l) - 1) * columns - first)) : count;
    const long inner = count - tails(count);  // tiles that are in no tail column; ``above``: above a tail row

    // Of the first ``n`` tiles, those in a tail column.
    long tails(long n) const { return tail ? (first + n) / columns - first / columns : 0; }
    long row(long i) const {
        const bool last = tail && (first + i) % columns == columns - 1;
        return last ? inner + tails(i) : i - tails(i);
    }

    void read(long i, typename Kind::item *v, long vs) const {
        T::read(l, (first + i) / columns, (first + i) % columns, v + row(i) * row_stride(l.I), vs);
    }
    void write(long i, const float *m, long ms, float *band, long top) const {
        T::write(l, (first + i) / columns, (first + i) % columns, m + row(i) * row_stride(l.O), ms, band, top);
    }
    void multiply(int plane, int panel, const typename Kind::item *v, long vs, float *m, long ms) const;
};

template <class Kind>
void Chunk<Kind>::multiply(int plane, int panel, const typename Kind::item *v, long vs, float *m, long ms) const {
    typedef typename Kind::item item;
    const int width = panel_width(l.O);
    const long lda = row_stride(l.I), ldc = row_stride(l.O);
    const long n = plane / T::C::meet ? above : count, lower = plane % T::C::meet ? 0 : tails(n), upper = n - tails(n);
    const item *a = v + T::input(plane) * vs;
    const item *b = (const item *)l.weight + ((long)T::weight(plane) * l.O + panel * width) * l.I;
    float *c = m + plane * ms + panel * width;
    const bool far = (long)sizeof(item) * T::R::weights * T::C::weights * l.I * l.O > 4 * second_level();
    auto times = [&](long from, long rows) {
        if (width == NR) matrix_panel<2>(a + from * lda, lda, b, l.I, c + from * ldc, ldc, rows, far);
        else matrix_panel<1>(a + from * lda, lda, b, l.I, c + from * ldc, ldc, rows, far);
    };
    auto vanish = [&](long from, long to) {
        for (long row = from; row < to; row++) std::memset(c + row * ldc, 0, width * sizeof(float));
    };
    if (upper == inner) {
        times(0, inner + lower);
    } else {
        times(0, upper), vanish(upper, inner);
        if (lower) times(inner, lower);
    }
    vanish(inner + lower, count);
}

// Tiles first..last, by one thread, in its own scratch.
template <class Kind>
static void convolve_alone(const Layer &l, long first, long last, float *own, float *band, long top) {
    typedef Tiles<Kind> T;
    const long most = tiles_at_once<Kind>(l), parts = (last - first + most - 1) / most;
    if (parts == 0) return;
    const long even = (last - first + parts - 1) / parts, vs = plane_stride(even, l.I), ms = plane_stride(even, l.O);
    typename Kind::item *v = (typename Kind::item *)own;
    float *m = own + T::inputs * vs;
    for (long from = first; from < last; from += even) {
        const Chunk<Kind> chunk{l, from, std::min(even, last - from)};
        for (long i = 0; i < chunk.count; i++) chunk.read(i, v, vs);
        for (int plane = 0; plane < T::planes; plane++)
            for (int panel = 0; panel < l.O / panel_width(l.O); panel++) chunk.multiply(plane, panel, v, vs, m, ms);
        for (long i = 0; i < chunk.count; i++) chunk.write(i, m, ms, band, top);
    }
    if (T::large(l)) streamed();
}

// Whether so few tiles are shared out product by product, so that a weight is read once and not per thread.
template <class Kind> static bool shares(const Layer &l, long count, int threads) {
    return count <= std::max(2L * MR * threads, std::min(threads, 2) * tiles_at_once<Kind>(l));
}

// What all threads of the enclosing parallel region do to tiles that they share, without a wait at the end.
template <class Kind> struct Shared {
    typedef Tiles<Kind> T;
    const Chunk<Kind> chunk;
    float *const work;
    const long vs = plane_stride(chunk.count, chunk.l.I), ms = plane_stride(chunk.count, chunk.l.O);

    typename Kind::item *v() const { return (typename Kind::item *)work; }
    float *m() const { return work + T::inputs * vs; }

    void read() const {
#pragma omp for schedule(dynamic, 4) nowait
        for (long i = 0; i < chunk.count; i++) chunk.read(i, v(), vs);
    }
    void multiply() const {
        const int panels = chunk.l.O / panel_width(chunk.l.O);
#pragma omp for schedule(dynamic, 2) nowait
        for (int job = 0; job < T::planes * panels; job++) chunk.multiply(job / panels, job % panels, v(), vs, m(), ms);
    }
    void write(float *band, long top) const {
#pragma omp for schedule(dynamic, 4) nowait
        for (long i = 0; i < chunk.count; i++) chunk.write(i, m(), ms, band, top);
        if (T::large(chunk.l)) streamed();
    }
};

// Tiles first..last, by all threads of the enclosing parallel region, each with chunks of its own, without a wait.
template <class Kind>
static void convolve_apart(const Layer &l, long first, long last, float *own, float *band, long top) {
    const int threads = omp_get_num_threads();
    const long most = tiles_at_once<Kind>(l), even = (last - first + threads - 1) / threads;
    const long parts = std::max(1L, (even + most - 1) / most);  // no thread waits for another's last, lonely chunk
    const long step = std::max(1L, (even + parts - 1) / parts);
#pragma omp for schedule(dynamic) nowait
    for (long from = first; from < last; from += step)
        convolve_alone<Kind>(l, from, std::min(from + step, last), own, band, top);
}

template <class Kind> static long conv_floats(const Layer &l, int threads) {
    const long most = std::max(tiles_at_once<Kind>(l), 2L * MR);
    return l.I + threads * chunk_floats<Kind>(l, most);
}

template <class Kind> static void conv3(const Layer &l, float *work, int threads) {
    const long count = (long)Tiles<Kind>::rows(l) * Tiles<Kind>::columns(l);
    const long own = chunk_floats<Kind>(l, tiles_at_once<Kind>(l));
    std::memset(work, 0, l.I * sizeof(float));
    work += l.I;
    const Shared<Kind> shared{{l, 0, count}, work};
    const bool few = shares<Kind>(l, count, threads);
#pragma omp parallel num_threads(threads)
    if (few) {
        shared.read();
#pragma omp barrier
        shared.multiply();
#pragma omp barrier
        shared.write(nullptr, 0);
    } else {
        convolve_apart<Kind>(l, 0, count, work + omp_get_thread_num() * own, nullptr, 0);
    }
}
