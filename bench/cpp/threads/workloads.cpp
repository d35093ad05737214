// SPDX-License-Identifier: MIT
//
// Allocation workloads of several threads. Each is a class whose objects are the state of one
// thread:
//
//   fill(member)    prepares; is not measured
//   slice(member)   runs for some microseconds and returns the number of operations. The engine
//                   replaces code only between calls, so a loop that never returned would stay in
//                   the baseline compiler's code. `member` is a copy, whose parts the compiler
//                   keeps in registers.
//   empty(member)   frees what is left; no thread measures any more
#include <array>

#include "team.hpp"

#ifdef __wasm__
#define BENCH_EXPORT(name) [[clang::export_name(#name)]]
#else
#define BENCH_EXPORT(name)
#endif

namespace lite_alloc::bench {

namespace {

constexpr std::uint32_t kSlice = 1000;

/// Allocates and frees one block of one size.
class Pair {
 public:
  void fill(Member&) {}

  [[gnu::always_inline]] static std::uint32_t slice(Member& me) {
    for (std::uint32_t times = kSlice; times != 0; --times) {
      me.give_back(me.take(current_case.low));
    }
    return kSlice;
  }

  void empty(Member&) {}
};

constexpr std::uint32_t kSlots = 1000;
using Slots = std::array<Held, kSlots>;

void fill_all(Slots& slots, Member& me) {
  for (Held& held : slots) held = me.take(me.random_size());
}

void empty_all(Slots& slots, Member& me) {
  for (Held& held : slots) me.give_back(held);
}

[[gnu::always_inline]] inline void replace_some(Slots& slots, Member& me) {
  for (std::uint32_t times = kSlice; times != 0; --times) {
    Held& held = slots[me.random().between(0, kSlots - 1)];
    me.give_back(held);
    held = me.take(me.random_size());
  }
}

/// Replaces random ones of 1000 live blocks, all of which belong to the thread.
class alignas(kApart) Own {
 public:
  void fill(Member& me) { fill_all(slots_, me); }

  [[gnu::always_inline]] std::uint32_t slice(Member& me) {
    replace_some(slots_, me);
    return kSlice;
  }

  void empty(Member& me) { empty_all(slots_, me); }

 private:
  Slots slots_;
};

/// Replaces random blocks of a set of 1000, then exchanges the set for another one, which some
/// other thread may have had before. There are two sets for each thread.
class alignas(kApart) Larson {
 public:
  void fill(Member& me) {
    fill_all(own_, me);
    fill_all(spare_, me);
    waiting_.store(&spare_);
    held_ = &own_;
    me.meet();
  }

  [[gnu::always_inline]] std::uint32_t slice(Member& me) {
    replace_some(*held_, me);
    Larson& other = all[me.random().between(0, current_case.threads - 1)];
    held_ = other.waiting_.exchange(held_);
    return kSlice;
  }

  void empty(Member& me) {
    empty_all(*held_, me);
    empty_all(*waiting_.load(), me);
  }

  static Larson all[kMaxThreads];

 private:
  Slots own_;
  Slots spare_;
  Slots* held_ = nullptr;
  alignas(kApart) std::atomic<Slots*> waiting_ = nullptr;
};

Larson Larson::all[kMaxThreads];

/// A bounded queue between two threads. Each side publishes its place only after every `kStep`
/// blocks, so the queue takes a small part of the time.
class alignas(kApart) Ring {
 public:
  static constexpr std::uint32_t kStep = 16;
  static constexpr std::uint32_t kPlaces = 1024;

  /// Calls `write(place)` for the next `kStep` places. Fails iff they are not free for long.
  template <typename Write>
  bool push(Write write) {
    if (!is_so([this] { return written_ - read_.load(std::memory_order_acquire) < kPlaces; }))
      return false;
    for (std::uint32_t step = kStep; step != 0; --step) write(places_[written_++ % kPlaces]);
    published_.store(written_, std::memory_order_release);
    return true;
  }

  /// Calls `read(place)` for the next `kStep` places. Fails iff they are empty for long.
  template <typename Read>
  bool pop(Read read) {
    if (!is_so([this] { return published_.load(std::memory_order_acquire) != next_; }))
      return false;
    for (std::uint32_t step = kStep; step != 0; --step) read(places_[next_++ % kPlaces]);
    read_.store(next_, std::memory_order_release);
    return true;
  }

 private:
  /// Waits until the condition holds, for some 20 microseconds. If it does not, the other thread
  /// may be waiting for this one's processor.
  template <typename Condition>
  static bool is_so(Condition condition) {
    for (std::uint32_t times = 20'000; times != 0; --times) {
      if (condition()) return true;
    }
    rest();
    return condition();
  }

  std::array<Held, kPlaces> places_;
  alignas(kApart) std::uint32_t written_ = 0;
  alignas(kApart) std::atomic<std::uint32_t> published_ = 0;
  alignas(kApart) std::uint32_t next_ = 0;
  alignas(kApart) std::atomic<std::uint32_t> read_ = 0;
};

/// Threads of even number allocate, and pass all blocks on to the next thread, which frees them.
class ProducerConsumer {
 public:
  void fill(Member&) {}

  [[gnu::always_inline]] static std::uint32_t slice(Member& me) {
    Ring& ring = rings[me.index() / 2];
    std::uint32_t moved = 0;
    while (moved < kSlice) {
      const bool could = me.index() % 2 == 0
                             ? ring.push([&](Held& held) { held = me.take(me.random_size()); })
                             : ring.pop([&](Held& held) { me.give_back(held); });
      if (!could) break;
      moved += Ring::kStep;
    }
    return moved;
  }

  static void empty(Member& me) {
    if (me.index() % 2 == 0) return;
    while (rings[me.index() / 2].pop([&](Held& held) { me.give_back(held); })) {
    }
  }

 private:
  static Ring rings[kMaxThreads / 2];
};

Ring ProducerConsumer::rings[kMaxThreads / 2];

/// Hands batches of blocks to the next thread, and frees the batches that the thread before has
/// handed over. A batch for which the next thread has no room is freed at once.
class Batches {
 public:
  void fill(Member&) {}

  [[gnu::always_inline]] std::uint32_t slice(Member& me) {
    send(me);
    for (Box& box : boxes_) receive(box, me);
    return kBatch;
  }

  void empty(Member& me) {
    for (Box& box : boxes_) receive(box, me);
  }

  static Batches all[kMaxThreads];

 private:
  static constexpr std::uint32_t kBatch = 256;

  struct alignas(kApart) Box {
    std::atomic<bool> is_full = false;
    std::array<Held, kBatch> blocks;
  };

  [[gnu::always_inline]] void send(Member& me) {
    Batches& next = all[(me.index() + 1) % current_case.threads];
    for (Box& box : next.boxes_) {
      if (box.is_full.load(std::memory_order_acquire)) continue;
      allocate(box, me);
      box.is_full.store(true, std::memory_order_release);
      return;
    }
    allocate(refused_, me);
    for (const Held& held : refused_.blocks) me.give_back(held);
  }

  [[gnu::always_inline]] static void allocate(Box& box, Member& me) {
    for (Held& held : box.blocks) held = me.take(me.random_size());
  }

  [[gnu::always_inline]] static void receive(Box& box, Member& me) {
    if (!box.is_full.load(std::memory_order_acquire)) return;
    for (const Held& held : box.blocks) me.give_back(held);
    box.is_full.store(false, std::memory_order_release);
  }

  Box boxes_[4];
  Box refused_;
};

Batches Batches::all[kMaxThreads];

/// Allocates a small block, writes each of its bytes many times, and frees it. An allocator that
/// gives two threads blocks of one cache line makes them wait for each other.
class Thrash {
 public:
  void fill(Member&) {}

  [[gnu::always_inline]] static std::uint32_t slice(Member& me) {
    constexpr std::uint32_t kBlocks = 20;
    for (std::uint32_t times = kBlocks; times != 0; --times) {
      const Held held = me.take(current_case.low);
      write(held);
      me.give_back(held);
    }
    return kBlocks;
  }

  void empty(Member&) {}

 private:
  /// Leaves the stamps at both ends as they are.
  static void write(const Held& held) {
    volatile std::byte* bytes = held.block;
    const std::uint32_t end = held.size() - sizeof held.stamp;
    for (std::uint32_t times = 100; times != 0; --times) {
      for (std::uint32_t index = sizeof held.stamp; index < end; ++index) {
        bytes[index] = static_cast<std::byte>(times);
      }
    }
  }
};

/// The same, after the first thread has allocated neighbouring blocks and each thread has freed
/// one. An allocator that reuses a freed block in the thread that freed it then gives all threads
/// blocks of the same cache line.
class Scratch : public Thrash {
 public:
  static void fill(Member& me) {
    if (me.index() == 0) {
      for (std::uint32_t thread = 0; thread < current_case.threads; ++thread) {
        neighbours[thread] = me.take(current_case.low);
      }
    }
    me.meet();
    me.give_back(neighbours[me.index()]);
  }

 private:
  static Held neighbours[kMaxThreads];
};

Held Scratch::neighbours[kMaxThreads];

template <typename Workload>
void run(Workload& workload, Member& me) {
  workload.fill(me);
  me.measure(workload);
  workload.empty(me);
  me.finish();
}

Own own[kMaxThreads];

void run_workload(Member& me) {
  Pair pair;
  ProducerConsumer producer_consumer;
  Thrash thrash;
  Scratch scratch;
  // The numbers are those in bench/threads/cases.mjs.
  switch (current_case.workload) {
    case 0:
      return run(pair, me);
    case 1:
      return run(own[me.index()], me);
    case 2:
      return run(producer_consumer, me);
    case 3:
      return run(Larson::all[me.index()], me);
    case 4:
      return run(Batches::all[me.index()], me);
    case 5:
      return run(thrash, me);
    case 6:
      return run(scratch, me);
    default:
      __builtin_trap();
  }
}

}  // namespace

extern "C" {

/// Chooses what the threads do that start next. Requires that no thread is at work.
BENCH_EXPORT(bench_choose)
void bench_choose(std::uint32_t workload, std::uint32_t threads, std::uint32_t low,
                  std::uint32_t high, double warm_up_milliseconds, double milliseconds) {
  current_case = {workload, threads, low, high, warm_up_milliseconds, milliseconds};
  measuring.store(0);
  stopped.store(false);
}

/// Makes the threads finish soon.
BENCH_EXPORT(bench_stop)
void bench_stop() { stopped.store(true); }

/// Runs one thread of the case. Each of the case's threads must call it once.
BENCH_EXPORT(bench_run)
void bench_run(std::uint32_t index) {
  candidate_thread_begin();
  Member me(index);
  run_workload(me);
  candidate_thread_end();
}

/// Returns how many threads have begun to measure.
BENCH_EXPORT(bench_measuring)
std::uint32_t bench_measuring() { return measuring.load(); }

/// Returns whether an allocation has failed, which ends the thread.
BENCH_EXPORT(bench_out_of_memory)
bool bench_out_of_memory() { return out_of_memory; }

BENCH_EXPORT(bench_operations)
double bench_operations(std::uint32_t index) { return results[index].operations; }
BENCH_EXPORT(bench_milliseconds)
double bench_milliseconds(std::uint32_t index) { return results[index].milliseconds; }
BENCH_EXPORT(bench_frees)
double bench_frees(std::uint32_t index) { return results[index].frees; }
BENCH_EXPORT(bench_remote_frees)
double bench_remote_frees(std::uint32_t index) { return results[index].remote_frees; }
BENCH_EXPORT(bench_wrong_blocks)
double bench_wrong_blocks(std::uint32_t index) { return results[index].wrong_blocks; }
}

}  // namespace lite_alloc::bench
