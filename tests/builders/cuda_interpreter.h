// CUDA C run on a CPU: every thread of a block is a coroutine, so that shuffles between threads work as they do there.
//
// Compile a .cu file after this header as C++ (`-include`): `interpret` launches any of its kernels.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(threads)

struct Place { unsigned x; };
static Place threadIdx, blockIdx, blockDim, gridDim;

static inline float from_half(unsigned short h) { _Float16 f; std::memcpy(&f, &h, 2); return (float)f; }
static inline unsigned short to_half(float f) { _Float16 h = (_Float16)f; unsigned short b; std::memcpy(&b, &h, 2); return b; }
static inline float from_bits(unsigned bits) { float f; std::memcpy(&f, &bits, 4); return f; }
static inline unsigned to_bits(float f) { unsigned bits; std::memcpy(&bits, &f, 4); return bits; }

enum { WARP = 32, STACK = 64 << 10 };

struct Coroutine { ucontext_t context; std::vector<char> stack; int turns; bool ended; };
static std::vector<Coroutine> crew;
static ucontext_t scheduler;
static std::vector<float> given[2];  // what the threads of a block hold out to each other, this turn and the last
static void (*body)(void **);
static void **arguments;

static void enter() { body(arguments); crew[threadIdx.x].ended = true; swapcontext(&crew[threadIdx.x].context, &scheduler); }

static float __shfl_xor_sync(unsigned mask, float value, int other) {
    const unsigned self = threadIdx.x;
    if (mask != 0xffffffffu || (self ^ other) / WARP != self / WARP) std::fprintf(stderr, "not within a warp\n"), std::abort();
    const int turn = crew[self].turns++ & 1;
    given[turn][self] = value;
    swapcontext(&crew[self].context, &scheduler);
    threadIdx.x = self;
    return given[turn][self ^ other];
}

static void run_block(unsigned threads) {
    given[0].assign(threads, 0), given[1].assign(threads, 0);
    crew.resize(threads);
    for (unsigned i = 0; i < threads; i++) {
        Coroutine &one = crew[i];
        one.stack.resize(STACK), one.turns = 0, one.ended = false;
        getcontext(&one.context);
        one.context.uc_stack.ss_sp = one.stack.data(), one.context.uc_stack.ss_size = STACK, one.context.uc_link = nullptr;
        makecontext(&one.context, enter, 0);
    }
    for (unsigned first = 0; first < threads; first += WARP)
        for (bool running = true; running;) {  // each goes to its next shuffle, or to its end
            running = false;
            int ended = 0, count = 0;
            for (unsigned i = first; i < first + WARP && i < threads; i++, count++) {
                threadIdx.x = i;
                if (!crew[i].ended) swapcontext(&scheduler, &crew[i].context);
                ended += crew[i].ended, running |= !crew[i].ended;
            }
            if (running && ended) std::fprintf(stderr, "a thread ended before its warp's shuffle\n"), std::abort();
        }
}

template <class... A, std::size_t... I> static void call(void (*kernel)(A...), void **from, std::index_sequence<I...>) {
    kernel(*(A *)from[I]...);
}
template <auto kernel> struct Entry;
template <class... A, void (*kernel)(A...)> struct Entry<kernel> {
    static constexpr int count = sizeof...(A);
    static void run(void **from) { call(kernel, from, std::index_sequence_for<A...>()); }
};

static int launch(void (*entry)(void **), unsigned blocks, unsigned threads, void **from) {
    body = entry, arguments = from;
    blockDim.x = threads, gridDim.x = blocks;
    for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++) run_block(threads);
    return 0;
}
#define INTERPRET(NAME) \
    if (!std::strcmp(name, #NAME)) return count == Entry<NAME>::count ? launch(Entry<NAME>::run, blocks, threads, from) : 2;
