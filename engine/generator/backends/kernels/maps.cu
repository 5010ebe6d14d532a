// What a StyleGAN2 layer does to its maps beside the convolution itself: three kernels, each one pass.
//
// Maps are channels-last, [H][W][C] with C a multiple of 8: a thread holds eight channels of a pixel in fp32 registers
// and reads and writes them as one or two words of 16 bytes. Sizes are arguments, so that one binary serves every layer
// of every model. No header is needed: NVRTC compiles this where no CUDA toolkit is. The tests compile the same source
// as C++ (tests/builders/cuda_interpreter.h) and compare its numbers with the network's.

typedef unsigned short bits16;

struct alignas(16) Words { unsigned x, y, z, w; };

enum { WIDE = 8 };  // channels of a thread

#ifdef __CUDA_ARCH__
static __device__ __forceinline__ float from_half(bits16 h) {
    float f;
    asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h));
    return f;
}
static __device__ __forceinline__ bits16 to_half(float f) {
    bits16 h;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(f));
    return h;
}
static __device__ __forceinline__ float from_bits(unsigned bits) { return __uint_as_float(bits); }
static __device__ __forceinline__ unsigned to_bits(float f) { return __float_as_uint(f); }
#endif

struct Fp16 {
    static __device__ __forceinline__ float wide(bits16 h) { return from_half(h); }
    static __device__ __forceinline__ bits16 narrow(float f) { return to_half(f); }
};

struct Bf16 {  // the upper half of an fp32, rounded to the nearest, ties to even; NaN stays NaN
    static __device__ __forceinline__ float wide(bits16 h) { return from_bits((unsigned)h << 16); }
    static __device__ __forceinline__ bits16 narrow(float f) {
        const unsigned bits = to_bits(f);
        return f != f ? 0x7fc0 : (bits16)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
    }
};

template <class T> struct Maps {  // of 16 bits
    typedef bits16 item;
    static __device__ __forceinline__ void load(const item *p, float z[WIDE]) {
        const Words word = *(const Words *)p;
        const unsigned part[4] = {word.x, word.y, word.z, word.w};
#pragma unroll
        for (int i = 0; i < 4; i++) {
            z[2 * i] = T::wide((bits16)(part[i] & 0xffffu));
            z[2 * i + 1] = T::wide((bits16)(part[i] >> 16));
        }
    }
    static __device__ __forceinline__ void store(item *p, const float z[WIDE]) {
        unsigned part[4];
#pragma unroll
        for (int i = 0; i < 4; i++)
            part[i] = (unsigned)T::narrow(z[2 * i]) | (unsigned)T::narrow(z[2 * i + 1]) << 16;
        *(Words *)p = Words{part[0], part[1], part[2], part[3]};
    }
};

struct alignas(16) Floats { float x, y, z, w; };

template <> struct Maps<float> {
    typedef float item;
    static __device__ __forceinline__ void load(const float *p, float z[WIDE]) {
        const Floats a = ((const Floats *)p)[0], b = ((const Floats *)p)[1];
        z[0] = a.x, z[1] = a.y, z[2] = a.z, z[3] = a.w, z[4] = b.x, z[5] = b.y, z[6] = b.z, z[7] = b.w;
    }
    static __device__ __forceinline__ void store(float *p, const float z[WIDE]) {
        ((Floats *)p)[0] = Floats{z[0], z[1], z[2], z[3]};
        ((Floats *)p)[1] = Floats{z[4], z[5], z[6], z[7]};
    }
};

// What follows a convolution, gains included; null is "none". All are fp32: [C], [C], [C], [H][W], [C].
struct After {
    const float *scale, *reach, *bias, *noise, *style;
    float slope, clamp;  // clamp: infinity is none
};

// NaN has to stay NaN, or nobody would notice it: no fminf and fmaxf here.
static __device__ __forceinline__ float bounded(float z, float limit) {
    return z > limit ? limit : z < -limit ? -limit : z;
}

static __device__ __forceinline__ void finish_eight(float z[WIDE], const After &after, int channel, long pixel) {
    const float grain = after.noise ? after.noise[pixel] : 0.0f;
#pragma unroll
    for (int i = 0; i < WIDE; i++) {
        const int c = channel + i;
        float scale = after.scale ? after.scale[c] : 1.0f;
        if (after.reach) scale *= after.reach[c];
        float v = z[i] * scale + (after.bias ? after.bias[c] : 0.0f) + grain;
        v = bounded(v > 0.0f ? v : v * after.slope, after.clamp);
        z[i] = after.style ? v * after.style[c] : v;
    }
}

// y [pixels][C], a convolution's bare result -> out: scale, bias, noise, leaky ReLU, clamp, the next layer's style.
template <class T>
static __device__ void finish(const typename Maps<T>::item *y, typename Maps<T>::item *out, int pixels, int channels,
                              const After &after) {
    const int groups = channels / WIDE;
    const long total = (long)pixels * groups;
    for (long i = (long)blockIdx.x * blockDim.x + threadIdx.x; i < total; i += (long)gridDim.x * blockDim.x) {
        const int channel = (int)(i % groups) * WIDE;
        const long pixel = i / groups;
        float z[WIDE];
        Maps<T>::load(y + i * WIDE, z);
        finish_eight(z, after, channel, pixel);
        Maps<T>::store(out + i * WIDE, z);
    }
}

enum { STRIP = 8 };  // finished rows of a thread, which slides down a column of the picture

// y [2H+1][2W+1][C], a bare transposed convolution -> out [2H][2W][C]: the 4x4 FIR, and all of `finish`.
// taps: four down, four across, gains included (separable() in native_layers.py).
template <class T>
static __device__ void finish_up(const typename Maps<T>::item *y, typename Maps<T>::item *out, int height, int width,
                                 int channels, const float *taps, const After &after) {
    const int groups = channels / WIDE, strips = (height + STRIP - 1) / STRIP;
    const long total = (long)strips * width * groups;
    for (long i = (long)blockIdx.x * blockDim.x + threadIdx.x; i < total; i += (long)gridDim.x * blockDim.x) {
        const int channel = (int)(i % groups) * WIDE, column = (int)(i / groups % width);
        const int top = (int)(i / groups / width) * STRIP;
        float above[3][WIDE] = {};  // the last three rows, filtered across
#pragma unroll
        for (int r = 0; r < STRIP + 3; r++) {
            const int row = top - 1 + r;
            float now[WIDE] = {};
            if (row >= 0 && row <= height)
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    const int at = column - 1 + j;
                    if (at < 0 || at > width) continue;
                    float z[WIDE];
                    Maps<T>::load(y + ((long)row * (width + 1) + at) * channels + channel, z);
                    const float tap = taps[4 + j];
#pragma unroll
                    for (int k = 0; k < WIDE; k++) now[k] += z[k] * tap;
                }
            if (r >= 3 && top + r - 3 < height) {
                const long pixel = (long)(top + r - 3) * width + column;
                float z[WIDE];
#pragma unroll
                for (int k = 0; k < WIDE; k++)
                    z[k] = above[0][k] * taps[0] + above[1][k] * taps[1] + above[2][k] * taps[2] + now[k] * taps[3];
                finish_eight(z, after, channel, pixel);
                Maps<T>::store(out + pixel * channels + channel, z);
            }
#pragma unroll
            for (int k = 0; k < WIDE; k++) above[0][k] = above[1][k], above[1][k] = above[2][k], above[2][k] = now[k];
        }
    }
}

enum { COLORS = 4 };

// x [H][W][C] -> img [colors][H][W] fp32: ToRGB, added to `before` [colors][H/2][W/2] (or null) twice as large; and,
// where `rgba` is given, the picture as bytes [H][W][4]. `lanes` threads of a warp share a pixel: a power of two.
template <class T>
static __device__ void paint(const typename Maps<T>::item *x, int height, int width, int channels, int lanes,
                             const float *weight, const float *style, const float *bias, int colors, float clamp,
                             const float *before, const float *taps, float *img, unsigned char *rgba) {
    const int lane = threadIdx.x % lanes, step = lanes * WIDE;
    const long pixels = (long)height * width, per = blockDim.x / lanes;
    float own[COLORS][WIDE];  // the weights, kept where a thread has no others
    const bool once = channels == step;
    for (long first = (long)blockIdx.x * per; first < pixels; first += (long)gridDim.x * per) {  // one for all threads
        const long pixel = first + threadIdx.x / lanes;
        const bool inside = pixel < pixels;
        float sum[COLORS] = {};
        for (int channel = lane * WIDE; channel < channels; channel += step) {
            if (!once || first == (long)blockIdx.x * per)
#pragma unroll
                for (int k = 0; k < COLORS; k++)
#pragma unroll
                    for (int i = 0; i < WIDE; i++)
                        own[k][i] = k < colors ? weight[k * channels + channel + i] * style[channel + i] : 0.0f;
            float z[WIDE] = {};
            if (inside) Maps<T>::load(x + pixel * channels + channel, z);
#pragma unroll
            for (int k = 0; k < COLORS; k++)
#pragma unroll
                for (int i = 0; i < WIDE; i++) sum[k] += z[i] * own[k][i];
        }
        for (int other = lanes / 2; other; other /= 2)
#pragma unroll
            for (int k = 0; k < COLORS; k++) sum[k] += __shfl_xor_sync(0xffffffffu, sum[k], other);
        if (!inside) continue;
        const int row = (int)(pixel / width), column = (int)(pixel % width);
#pragma unroll
        for (int k = 0; k < COLORS; k++) {
            if (k >= colors || k % lanes != lane) continue;  // every thread of a pixel has the sums: they share the rest
            float v = bounded(sum[k] + bias[k], clamp);
            if (before) {  // zero-stuffed and filtered: two taps of each axis meet samples
                const int h = height / 2, w = width / 2, oy = row & 1, ox = column & 1;
#pragma unroll
                for (int i = 0; i < 2; i++)
#pragma unroll
                    for (int j = 0; j < 2; j++) {
                        const int sy = row / 2 - 1 + oy + i, sx = column / 2 - 1 + ox + j;
                        if (sy < 0 || sx < 0 || sy >= h || sx >= w) continue;
                        const float tap = taps[2 * i + oy] * taps[4 + 2 * j + ox];
                        v += before[((long)k * h + sy) * w + sx] * tap;
                    }
            }
            img[(long)k * pixels + pixel] = v;
            if (!rgba) continue;
            const float level = v * 127.5f + 128.0f;
            const unsigned char byte = level > 255.0f ? 255 : level > 0.0f ? (unsigned char)level : 0;
            if (colors >= 3) rgba[pixel * 4 + k] = byte;
            else if (k == 0) rgba[pixel * 4] = rgba[pixel * 4 + 1] = rgba[pixel * 4 + 2] = byte;
            if (k == 0 && colors < 4) rgba[pixel * 4 + 3] = 255;
        }
    }
}

#define AFTER const float *scale, const float *reach, const float *bias, const float *noise, const float *style, \
              float slope, float clamp
#define GIVEN After{scale, reach, bias, noise, style, slope, clamp}

#define KERNELS(NAME, T)                                                                                              \
    extern "C" __global__ void __launch_bounds__(256) finish_##NAME(                                                  \
        const Maps<T>::item *y, Maps<T>::item *out, int pixels, int channels, AFTER) {                                \
        finish<T>(y, out, pixels, channels, GIVEN);                                                                   \
    }                                                                                                                 \
    extern "C" __global__ void __launch_bounds__(256) finish_up_##NAME(                                               \
        const Maps<T>::item *y, Maps<T>::item *out, int height, int width, int channels, const float *taps, AFTER) {  \
        finish_up<T>(y, out, height, width, channels, taps, GIVEN);                                                   \
    }                                                                                                                 \
    extern "C" __global__ void __launch_bounds__(256) paint_##NAME(                                                   \
        const Maps<T>::item *x, int height, int width, int channels, int lanes, const float *weight,                  \
        const float *style, const float *bias, int colors, float clamp, const float *before, const float *taps,       \
        float *img, unsigned char *rgba) {                                                                            \
        paint<T>(x, height, width, channels, lanes, weight, style, bias, colors, clamp, before, taps, img, rgba);     \
    }

// A model plays in one precision: NVRTC is told to leave out the others, which saves two thirds of its seconds.
#ifndef WITHOUT_FP16
KERNELS(fp16, Fp16)
#endif
#ifndef WITHOUT_BF16
KERNELS(bf16, Bf16)
#endif
#ifndef WITHOUT_FP32
KERNELS(fp32, float)
#endif
