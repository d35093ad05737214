// SPDX-License-Identifier: MIT
//
// The threads of a case in a program that Emscripten built with -pthread.
#include <emscripten.h>
#include <pthread.h>

#include <atomic>
#include <cstdint>

extern "C" {

void bench_run(std::uint32_t index);

double bench_now() { return emscripten_get_now(); }

// A malloc needs no such calls, since it can use the hooks of pthreads; but it may define them.
[[gnu::weak]] void candidate_thread_begin() {}
[[gnu::weak]] void candidate_thread_end() {}
}

namespace {

std::atomic<std::uint32_t> finished;

void* run_thread(void* index) {
  bench_run(static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(index)));
  finished.fetch_add(1);
  return nullptr;
}

}  // namespace

extern "C" {

/// Starts the threads of the case, and returns at once: 0 iff all were started.
[[clang::export_name("bench_start")]] int bench_start(std::uint32_t threads) {
  finished.store(0);
  for (std::uint32_t index = 0; index < threads; ++index) {
    pthread_t thread{};
    const int failure = pthread_create(&thread, nullptr, run_thread,
                                       reinterpret_cast<void*>(std::uintptr_t{index}));
    if (failure != 0) return failure;
    pthread_detach(thread);
  }
  return 0;
}

[[clang::export_name("bench_finished")]] std::uint32_t bench_finished() { return finished.load(); }
}
