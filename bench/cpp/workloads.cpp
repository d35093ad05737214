// SPDX-License-Identifier: MIT
//
// The functions that JavaScript calls. This file is compiled once for heaps with malloc and free,
// and once for heaps whose `free` takes the size.

#ifdef LITE_ALLOC_BENCH_SIZED
#include "sized_heap.hpp"
#else
#include "malloc_heap.hpp"
#endif

#include <emscripten/em_macros.h>

#include <optional>

extern "C" {
extern std::byte __heap_base;  // set by the linker: where the heap can start
}

namespace bench = lite_alloc::bench;
using Heap = bench::HeapUnderTest;

namespace {

std::optional<bench::RandomSlots<Heap>> the_slots;
std::optional<bench::Crowd<Heap>> the_crowd;
std::optional<bench::SingleSteps<Heap>> the_steps;

}  // namespace

extern "C" {

EMSCRIPTEN_KEEPALIVE std::byte* heap_base() { return &__heap_base; }
EMSCRIPTEN_KEEPALIVE bool out_of_memory() { return bench::out_of_memory; }

EMSCRIPTEN_KEEPALIVE void cycle(std::uint32_t times) { bench::cycle<Heap>(times); }
EMSCRIPTEN_KEEPALIVE void sequence(std::uint32_t times) { bench::sequence<Heap>(times); }
EMSCRIPTEN_KEEPALIVE void fragments(std::uint32_t times) { bench::fragments<Heap>(times); }

EMSCRIPTEN_KEEPALIVE void random_begin(std::uint32_t seed) { the_slots.emplace(seed); }
EMSCRIPTEN_KEEPALIVE void random_run(std::uint32_t steps) { the_slots->run(steps); }
EMSCRIPTEN_KEEPALIVE std::uint32_t random_end() { return the_slots->end(); }

/// Returns the largest number of bytes that these steps keep live at one time.
EMSCRIPTEN_KEEPALIVE std::uint32_t random_peak(std::uint32_t steps, std::uint32_t seed) {
  bench::ByteCounter::peak = 0;
  bench::RandomSlots<bench::ByteCounter> slots(seed);
  slots.run(steps);
  slots.end();
  return bench::ByteCounter::peak;
}

EMSCRIPTEN_KEEPALIVE bench::Window* replay_window() { return &bench::window; }
EMSCRIPTEN_KEEPALIVE std::uint32_t replay_window_operations() { return bench::Window::kOperations; }
EMSCRIPTEN_KEEPALIVE void replay(std::uint32_t count) { bench::replay<Heap>(count); }

/// An allocation, and nothing else.
EMSCRIPTEN_KEEPALIVE std::byte* allocate(std::uint32_t size) { return Heap::allocate(size); }

EMSCRIPTEN_KEEPALIVE void crowd(std::uint32_t count) { the_crowd.emplace(count); }
EMSCRIPTEN_KEEPALIVE void crowd_replace(std::uint32_t times, std::uint32_t hot) {
  the_crowd->replace(times, hot);
}
EMSCRIPTEN_KEEPALIVE void crowd_free_half() { the_crowd->free_half(); }
EMSCRIPTEN_KEEPALIVE void crowd_pass_through(std::uint32_t times) {
  the_crowd->pass_through(times);
}

/// Begins the single steps and returns their number.
EMSCRIPTEN_KEEPALIVE std::uint32_t single_steps(std::uint32_t slots) {
  return the_steps.emplace(slots).steps();
}
EMSCRIPTEN_KEEPALIVE void single_step() { the_steps->step(); }
EMSCRIPTEN_KEEPALIVE void single_steps_end() { the_steps->end(); }

EMSCRIPTEN_KEEPALIVE void pair(std::uint32_t times, std::uint32_t size) {
  bench::pair<Heap>(times, size);
}
EMSCRIPTEN_KEEPALIVE std::uint32_t doubling(std::uint32_t times, std::uint32_t largest) {
  return bench::doubling<Heap>(times, largest);
}
EMSCRIPTEN_KEEPALIVE void queue(std::uint32_t times, std::uint32_t least) {
  bench::queue<Heap>(times, least);
}
EMSCRIPTEN_KEEPALIVE void batch_queue(std::uint32_t times) { bench::batch_queue<Heap>(times); }

EMSCRIPTEN_KEEPALIVE void phases(std::uint32_t bytes, std::uint32_t rounds) {
  bench::phases<Heap>(bytes, rounds);
}

}  // extern "C"
