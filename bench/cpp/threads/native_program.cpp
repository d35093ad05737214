// SPDX-License-Identifier: MIT
//
// Runs every workload of several threads in a native program: for sanitizers, and for debuggers.
// Prints the times, and fails if a block had wrong contents.
#include <array>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "team.hpp"

extern "C" {

void bench_choose(std::uint32_t workload, std::uint32_t threads, std::uint32_t low,
                  std::uint32_t high, double warm_up_milliseconds, double milliseconds);
void bench_run(std::uint32_t index);

double bench_now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}
}

namespace {

using namespace lite_alloc::bench;

struct Work {
  const char* name;
  std::uint32_t workload;
  std::uint32_t low;
  std::uint32_t high;
};

/// Those of bench/threads/cases.mjs.
constexpr std::array kWorks = {
    Work{"pair", 0, 32, 32},
    Work{"own", 1, 16, 4000},
    Work{"producer-consumer", 2, 16, 256},
    Work{"larson", 3, 16, 500},
    Work{"xmalloc", 4, 64, 64},
    Work{"cache-thrash", 5, 16, 16},
    Work{"cache-scratch", 6, 16, 16},
};

/// Returns whether all blocks had the right contents.
bool run_work(const Work& work, std::uint32_t count) {
  bench_choose(work.workload, count, work.low, work.high, 10, 100);
  std::vector<std::thread> threads;
  for (std::uint32_t index = 0; index < count; ++index) threads.emplace_back(bench_run, index);
  for (std::thread& thread : threads) thread.join();
  double operations = 0;
  double wrong_blocks = 0;
  for (std::uint32_t index = 0; index < count; ++index) {
    operations += results[index].operations;
    wrong_blocks += results[index].wrong_blocks;
  }
  const double nanoseconds = count * results[0].milliseconds * 1e6 / operations;
  std::printf("%s, %u threads: %.1f ns, %.0f wrong blocks\n", work.name, count, nanoseconds,
              wrong_blocks);
  return wrong_blocks == 0;
}

}  // namespace

int main() {
  bool is_right = true;
  for (const Work& work : kWorks) {
    for (const std::uint32_t count : {2U, 4U}) is_right = run_work(work, count) && is_right;
  }
  return is_right ? 0 : 1;
}
