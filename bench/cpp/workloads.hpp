// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <utility>

namespace lite_alloc::bench {

/// The interface of a heap that is measured. `free` and `resize` take the size of the block, which
/// a heap ignores if its blocks know their sizes.
///
///   Block allocate(size)                  never null: a heap without memory traps in `required`
///   void free(block, size)
///   Block resize(block, old_size, size)
using Block = std::byte*;

/// True once an allocation has failed. The instance then traps; from this flag the JavaScript side
/// knows that the cause was a lack of memory.
inline bool out_of_memory = false;

inline Block required(Block block) {
  if (block == nullptr) [[unlikely]] {
    out_of_memory = true;
    __builtin_trap();
  }
  return block;
}

/// Writes the first and the last word of a new block, as any program would use it.
inline Block touched(Block block, std::uint32_t size) {
  if (size >= sizeof(std::uint32_t)) {
    std::memcpy(block, &size, sizeof size);
    std::memcpy(block + size - sizeof size, &size, sizeof size);
  } else if (size != 0) {
    *block = std::byte{1};
  }
  return block;
}

/// Marsaglia's xorshift (Journal of Statistical Software 8/14, 2003): three shifts, so that the
/// heap is measured and not the generator.
class Random {
 public:
  explicit Random(std::uint32_t seed) : state_(seed * 0x9E37'79B9U | 1U) {}

  std::uint32_t next() {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 17U;
    state_ ^= state_ << 5U;
    return state_;
  }

  /// In `[low, high]`, from the upper bits, without a division.
  std::uint32_t between(std::uint32_t low, std::uint32_t high) {
    const std::uint64_t span = high - low + 1;
    return low + static_cast<std::uint32_t>(next() * span >> 32U);
  }

 private:
  std::uint32_t state_;
};

struct Slot {
  Block block;
  std::uint32_t size;
};

template <typename Heap>
void fill(Slot& slot, std::uint32_t size) {
  slot = {touched(Heap::allocate(size), size), size};
}

template <typename Heap>
void clear(Slot& slot) {
  if (slot.block == nullptr) return;
  Heap::free(slot.block, slot.size);
  slot.block = nullptr;
}

/// Allocates and frees one block. Each repetition makes two calls.
template <typename Heap>
void cycle(std::uint32_t times) {
  constexpr std::uint32_t kSize = 8;
  for (; times != 0; --times) Heap::free(touched(Heap::allocate(kSize), kSize), kSize);
}

/// Allocates 1000 blocks of 8 bytes and frees them, last in, first out. Each repetition makes 2000
/// calls.
template <typename Heap>
void sequence(std::uint32_t times) {
  constexpr std::uint32_t kSize = 8;
  constexpr std::size_t kBlocks = 1000;
  static Block blocks[kBlocks];
  for (; times != 0; --times) {
    for (Block& block : blocks) block = touched(Heap::allocate(kSize), kSize);
    for (std::size_t index = kBlocks; index != 0; --index) Heap::free(blocks[index - 1], kSize);
  }
}

/// Allocates 500 blocks of 8 to 255 bytes, frees every other one, allocates 200 blocks of 8 to 127
/// bytes, and frees all. Each repetition makes the same 1400 calls.
template <typename Heap>
void fragments(std::uint32_t times) {
  constexpr std::size_t kFirst = 500;
  constexpr std::size_t kSecond = 200;
  static Slot slots[kFirst + kSecond];
  Random random(1);
  for (std::size_t index = 0; index < kFirst + kSecond; ++index) {
    slots[index].size = random.between(8, index < kFirst ? 255 : 127);
  }
  for (; times != 0; --times) {
    for (std::size_t index = 0; index < kFirst; ++index) {
      fill<Heap>(slots[index], slots[index].size);
    }
    for (std::size_t index = 0; index < kFirst; index += 2) clear<Heap>(slots[index]);
    for (std::size_t index = kFirst; index < kFirst + kSecond; ++index) {
      fill<Heap>(slots[index], slots[index].size);
    }
    for (Slot& slot : slots) clear<Heap>(slot);
  }
}

/// 1 to 128 bytes (70 %), to 1 KiB (25 %), to 20 KB (5 %).
inline std::uint32_t mixed_size(Random& random) {
  const std::uint32_t kind = random.between(0, 99);
  if (kind < 70) return random.between(1, 128);
  return kind < 95 ? random.between(129, 1024) : random.between(1025, 20000);
}

/// 5000 slots: a random one is freed if it is full, and filled if it is empty.
template <typename Heap>
class RandomSlots {
 public:
  explicit RandomSlots(std::uint32_t seed) : random_(seed) {}

  /// Makes one call per step.
  void run(std::uint32_t steps) {
    for (; steps != 0; --steps) {
      Slot& slot = slots_[random_.between(0, kSlots - 1)];
      if (slot.block != nullptr) {
        clear<Heap>(slot);
      } else {
        fill<Heap>(slot, mixed_size(random_));
      }
    }
  }

  /// Frees all remaining blocks and returns their number.
  std::uint32_t end() {
    std::uint32_t freed = 0;
    for (Slot& slot : slots_) {
      freed += static_cast<std::uint32_t>(slot.block != nullptr);
      clear<Heap>(slot);
    }
    return freed;
  }

 private:
  static constexpr std::uint32_t kSlots = 5000;
  static inline Slot slots_[kSlots];

  Random random_;
};

/// Many live blocks of 16 to 511 bytes, of which random ones are replaced. The table of the blocks
/// is the first block of the heap.
template <typename Heap>
class Crowd {
 public:
  explicit Crowd(std::uint32_t count) : count_(count) {
    const std::uint32_t bytes = count * sizeof(Slot);
    slots_ = reinterpret_cast<Slot*>(Heap::allocate(bytes));
    for (Slot* slot = slots_; slot != slots_ + count; ++slot) fill<Heap>(*slot, size());
  }

  /// Repeats `times` times: frees a random one of the first `hot` blocks, and allocates another in
  /// its place. Each repetition makes two calls.
  void replace(std::uint32_t times, std::uint32_t hot) {
    for (; times != 0; --times) {
      Slot& slot = slots_[random_.between(0, hot - 1)];
      clear<Heap>(slot);
      fill<Heap>(slot, size());
    }
  }

  /// Frees the blocks in every other slot.
  void free_half() {
    for (std::uint32_t index = 0; index < count_; index += 2) clear<Heap>(slots_[index]);
  }

  /// Allocates blocks, and frees each one 16 allocations later. Each repetition makes two calls.
  void pass_through(std::uint32_t times) {
    constexpr std::uint32_t kLife = 16;
    static Slot passing[kLife];
    for (; times != 0; --times) {
      Slot& slot = passing[times % kLife];
      clear<Heap>(slot);
      fill<Heap>(slot, size());
    }
    for (Slot& slot : passing) clear<Heap>(slot);
  }

 private:
  std::uint32_t size() { return random_.between(16, 511); }

  std::uint32_t count_;
  Slot* slots_ = nullptr;
  Random random_{1};
};

/// Makes one call at a time, so that each can be timed. Half of the slots are full at first. Random
/// slots are filled if empty and freed if full, one step for each slot; then all slots are freed in
/// order. The table of the slots is a block of the heap.
template <typename Heap>
class SingleSteps {
 public:
  explicit SingleSteps(std::uint32_t count)
      : count_(count), slots_(reinterpret_cast<Slot*>(Heap::allocate(count * sizeof(Slot)))) {
    std::memset(slots_, 0, count * sizeof(Slot));
    for (std::uint32_t index = 0; index < count; ++index) toggle(random_slot());
  }

  [[nodiscard]] std::uint32_t steps() const { return 2 * count_; }

  void step() {
    if (done_ < count_) {
      toggle(random_slot());
    } else if (done_ < steps()) {
      clear<Heap>(slots_[done_ - count_]);
    }
    ++done_;
  }

  void end() { Heap::free(reinterpret_cast<Block>(slots_), count_ * sizeof(Slot)); }

 private:
  Slot& random_slot() { return slots_[random_.between(0, count_ - 1)]; }

  void toggle(Slot& slot) {
    if (slot.block != nullptr) {
      clear<Heap>(slot);
    } else {
      fill<Heap>(slot, mixed_size(random_));
    }
  }

  std::uint32_t count_;
  Slot* slots_;
  std::uint32_t done_ = 0;
  Random random_{1};
};

/// Allocates and frees one block of any size. Each repetition makes two calls.
template <typename Heap>
void pair(std::uint32_t times, std::uint32_t size) {
  for (; times != 0; --times) Heap::free(touched(Heap::allocate(size), size), size);
}

/// Doubles one block from 16 bytes to `largest` and frees it. Returns the number of calls of all
/// repetitions.
template <typename Heap>
std::uint32_t doubling(std::uint32_t times, std::uint32_t largest) {
  constexpr std::uint32_t kFirst = 16;
  std::uint32_t calls = 0;
  for (; times != 0; --times) {
    std::uint32_t size = kFirst;
    Block block = touched(Heap::allocate(size), size);
    for (; size < largest; size *= 2, ++calls) {
      block = touched(Heap::resize(block, size, 2 * size), 2 * size);
    }
    Heap::free(block, size);
    calls += 2;
  }
  return calls;
}

/// A queue of 100 blocks of `least` to `2 * least - 1` bytes, first in, first out. Each repetition
/// makes two calls; the queue stays full between calls of this function.
template <typename Heap>
void queue(std::uint32_t times, std::uint32_t least) {
  constexpr std::size_t kLength = 100;
  static Slot slots[kLength];
  static std::size_t oldest = 0;
  Random random(1);
  for (; times != 0; --times) {
    clear<Heap>(slots[oldest]);
    fill<Heap>(slots[oldest], random.between(least, 2 * least - 1));
    oldest = (oldest + 1) % kLength;
  }
}

/// A queue of 16 batches of 32 blocks of 16 to 128 bytes: what one part of a program allocates,
/// another frees later, batch by batch in the same order. Each repetition makes 64 calls.
template <typename Heap>
void batch_queue(std::uint32_t times) {
  constexpr std::size_t kBatches = 16;
  constexpr std::size_t kBlocks = 32;
  static Slot batches[kBatches][kBlocks];
  static std::size_t oldest = 0;
  Random random(1);
  for (; times != 0; --times) {
    for (Slot& slot : batches[oldest]) clear<Heap>(slot);
    for (Slot& slot : batches[oldest]) fill<Heap>(slot, random.between(16, 128));
    oldest = (oldest + 1) % kBatches;
  }
}

/// Blocks that are linked through their first words, in the order in which they were added. So the
/// list takes no memory of its own.
class BlockList {
 public:
  void add(Block block) {
    const Block none = nullptr;
    std::memcpy(block, &none, sizeof none);
    if (last_ == nullptr) {
      first_ = block;
    } else {
      std::memcpy(last_, &block, sizeof block);
    }
    last_ = block;
  }

  /// Removes the first block and returns it, or null if the list is empty.
  Block take() {
    const Block taken = first_;
    if (taken == nullptr) return nullptr;
    std::memcpy(&first_, taken, sizeof first_);
    if (first_ == nullptr) last_ = nullptr;
    return taken;
  }

 private:
  Block first_ = nullptr;
  Block last_ = nullptr;
};

/// A program whose phases use blocks of different sizes. Each phase fills `bytes` with blocks of
/// one size, and then frees all of them in order, except every fiftieth of those under 2 KB. The
/// blocks that remain are freed after the last phase of a round.
template <typename Heap>
void phases(std::uint32_t bytes, std::uint32_t rounds) {
  constexpr std::uint32_t kSizes[] = {16, 1024,    100'000, 48,   300, 5000,
                                      16, 700'000, 128,     2048, 40,  100'000};
  constexpr std::uint32_t kKept = 50;
  constexpr std::uint32_t kKeptBelow = 2048;
  for (; rounds != 0; --rounds) {
    BlockList kept[std::size(kSizes)];
    for (std::size_t phase = 0; phase < std::size(kSizes); ++phase) {
      const std::uint32_t size = kSizes[phase];
      BlockList live;
      for (std::uint32_t count = bytes / size; count != 0; --count) {
        live.add(touched(Heap::allocate(size), size));
      }
      for (std::uint32_t index = 0; Block block = live.take(); ++index) {
        if (size < kKeptBelow && index % kKept == 0) {
          kept[phase].add(block);
        } else {
          Heap::free(block, size);
        }
      }
    }
    for (std::size_t phase = 0; phase < std::size(kSizes); ++phase) {
      while (Block block = kept[phase].take()) Heap::free(block, kSizes[phase]);
    }
  }
}

/// A heap that allocates nothing and only counts bytes, to find the peak of live bytes of a
/// workload.
struct ByteCounter {
  static inline std::uint32_t live = 0;
  static inline std::uint32_t peak = 0;

  static Block allocate(std::uint32_t size) {
    live += size;
    if (live > peak) peak = live;
    static std::byte blocks[20000];  // as long as the largest, since it is written to
    return blocks;
  }
  static void free(Block /*block*/, std::uint32_t size) { live -= size; }
};

/// Recorded histories come through a window of static memory, a piece at a time, so that neither
/// they nor the table of their blocks lie in the heap. In a piece, blocks are numbered from 0;
/// JavaScript passes blocks that live across pieces from one piece to the next.
struct Window {
  static constexpr std::uint32_t kOperations = 2048;
  enum Kind : std::uint32_t { kAllocate, kFree, kResize };

  struct Operation {
    std::uint32_t what;  // number of the block * 4 + kind
    std::uint32_t size;  // of the block, from now on or, for a free, up to now
  };

  Operation operations[kOperations + 1];  // a resize takes two, the second holds its old size
  Block blocks[kOperations];
};

inline Window window;

template <typename Heap>
void replay(std::uint32_t count) {
  const Window::Operation* const end = window.operations + count;
  for (const Window::Operation* operation = window.operations; operation != end; ++operation) {
    Block& block = window.blocks[operation->what / 4];
    const std::uint32_t size = operation->size;
    switch (operation->what % 4) {
      case Window::kAllocate:
        block = touched(Heap::allocate(size), size);
        break;
      case Window::kFree:
        Heap::free(block, size);
        break;
      default:
        ++operation;
        block = touched(Heap::resize(block, operation->size, size), size);
    }
  }
}

}  // namespace lite_alloc::bench
