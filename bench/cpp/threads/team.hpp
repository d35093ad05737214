// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#ifndef __wasm__
#include <thread>
#endif

#include "../workloads.hpp"
#include "candidate.hpp"

/// Milliseconds since some moment in the past. The host defines it.
extern "C" double bench_now();

namespace lite_alloc::bench {

inline constexpr std::uint32_t kMaxThreads = 4;

/// Bytes that two threads do not share: two cache lines, since processors load lines in pairs.
inline constexpr std::size_t kApart = 128;

#ifdef __wasm__
inline void wait_in_wasm(int* word, int value, std::int64_t nanoseconds) {
  __builtin_wasm_memory_atomic_wait32(word, value, nanoseconds);
}

/// Waits while a word has a value, at most for some time, or for ever if that is negative.
///
/// The baseline compiler of Node 20 may lose local variables of a function that has a waiting
/// instruction in a loop. So that instruction is in a function without such variables, and no
/// optimiser can inline a call through a volatile pointer.
inline void (*volatile wait_while)(int*, int, std::int64_t) = wait_in_wasm;
#endif

/// Leaves the processor to other threads for some microseconds.
inline void rest() {
#ifdef __wasm__
  static int never_changes = 0;
  constexpr std::int64_t kNanoseconds = 20'000;
  wait_while(&never_changes, 0, kNanoseconds);
#else
  std::this_thread::yield();
#endif
}

/// Lets all threads of a case go on once the last one has arrived.
class Barrier {
 public:
  void arrive(std::uint32_t threads) noexcept {
    const std::uint32_t epoch = epoch_.load();
    if (arrived_.fetch_add(1) + 1 == threads) {
      arrived_.store(0);
      epoch_.store(epoch + 1);
      wake();
    } else {
      while (epoch_.load() == epoch) sleep(epoch);
    }
  }

 private:
#ifdef __wasm__
  void sleep(std::uint32_t epoch) noexcept { wait_while(word(), static_cast<int>(epoch), -1); }
  void wake() noexcept { __builtin_wasm_memory_atomic_notify(word(), kMaxThreads); }
  int* word() noexcept { return reinterpret_cast<int*>(&epoch_); }
#else
  void sleep(std::uint32_t epoch) noexcept { epoch_.wait(epoch); }
  void wake() noexcept { epoch_.notify_all(); }
#endif

  std::atomic<std::uint32_t> epoch_ = 0;
  std::atomic<std::uint32_t> arrived_ = 0;
};

/// What a case is: read by all threads, written before they start.
struct Case {
  std::uint32_t workload = 0;
  std::uint32_t threads = 0;
  /// The sizes of blocks, in bytes: both inclusive, at most `kMaxBlockBytes`.
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  double warm_up_milliseconds = 0;
  double milliseconds = 0;
};

/// What a thread found.
struct alignas(kApart) Result {
  double operations = 0;
  double milliseconds = 0;
  /// Blocks that this thread has freed, and those of them that another thread has allocated.
  double frees = 0;
  double remote_frees = 0;
  /// Blocks whose contents were not those that were written.
  double wrong_blocks = 0;
};

inline constinit Case current_case;
alignas(kApart) inline constinit Barrier barrier;
/// How many threads have begun to measure.
alignas(kApart) inline constinit std::atomic<std::uint32_t> measuring = 0;
/// Ends the measuring before its time.
alignas(kApart) inline constinit std::atomic<bool> stopped = false;
inline constinit Result results[kMaxThreads];

inline constexpr std::uint32_t kSizeBits = 13;
inline constexpr std::uint32_t kMaxBlockBytes = (1U << kSizeBits) - 1;
inline constexpr std::uint32_t kThreadBits = 3;

/// A block and the word that its owner wrote to both of its ends: size, thread and a count.
struct Held {
  Block block = nullptr;
  std::uint32_t stamp = 0;

  [[nodiscard]] std::uint32_t size() const { return stamp & kMaxBlockBytes; }
};

/// One thread of a case. It lies on the thread's own stack.
class Member {
 public:
  explicit Member(std::uint32_t index)
      : index_(index), random_(1 + index + kMaxThreads * current_case.workload) {}

  [[nodiscard]] std::uint32_t index() const { return index_; }
  Random& random() { return random_; }
  std::uint32_t random_size() { return random_.between(current_case.low, current_case.high); }

  [[gnu::always_inline]] Held take(std::uint32_t size) {
    const Block block = required(static_cast<Block>(candidate_malloc(size)));
    const std::uint32_t stamp = size | index_ << kSizeBits | ++stamps_ << (kSizeBits + kThreadBits);
    std::memcpy(block, &stamp, sizeof stamp);
    std::memcpy(block + size - sizeof stamp, &stamp, sizeof stamp);
    return {block, stamp};
  }

  [[gnu::always_inline]] void give_back(const Held& held) {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::memcpy(&first, held.block, sizeof first);
    std::memcpy(&last, held.block + held.size() - sizeof last, sizeof last);
    wrong_blocks_ += static_cast<std::uint32_t>(first != held.stamp || last != held.stamp);
    remote_frees_ +=
        static_cast<std::uint32_t>((held.stamp >> kSizeBits & ((1U << kThreadBits) - 1)) != index_);
    ++frees_;
    candidate_free(held.block);
  }

  void meet() const { barrier.arrive(current_case.threads); }

  /// Runs slices until the time is over. `slice` returns a number of operations.
  template <typename Workload>
  void measure(Workload& workload) {
    run_for(workload, current_case.warm_up_milliseconds);
    meet();
    frees_ = 0;
    remote_frees_ = 0;
    measuring.fetch_add(1);
    Result found = run_for(workload, current_case.milliseconds);
    found.frees = frees_;
    found.remote_frees = remote_frees_;
    results[index_] = found;
    meet();
  }

  void finish() const { results[index_].wrong_blocks = wrong_blocks_; }

 private:
  /// Runs until the time is over, and until there is an operation: a thread may have to wait for
  /// another one that has no processor.
  template <typename Workload>
  Result run_for(Workload& workload, double milliseconds) {
    const double begin = bench_now();
    Result found;
    while ((found.milliseconds < milliseconds || found.operations == 0) && !stopped.load()) {
      found.operations += run_slice(workload, *this);
      found.milliseconds = bench_now() - begin;
    }
    return found;
  }

  template <typename Workload>
  [[gnu::noinline]] static std::uint32_t run_slice(Workload& workload, Member& member) {
    Member copy = member;
    const std::uint32_t operations = workload.slice(copy);
    member = copy;
    return operations;
  }

  std::uint32_t index_;
  Random random_;
  std::uint32_t stamps_ = 0;
  std::uint32_t frees_ = 0;
  std::uint32_t remote_frees_ = 0;
  std::uint32_t wrong_blocks_ = 0;
};

}  // namespace lite_alloc::bench
