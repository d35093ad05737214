// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "lite_alloc/inspect/walk.hpp"
#include "lite_alloc/malloc/pointers.hpp"

namespace lite_alloc {

/// Reports a wrong call of the malloc family to the standard error, in one line, and ends the
/// program. Needs no memory of the heap.
///
///     lite-alloc: free(0x00011a40): this block was freed before
template <typename Heap>
class Misuse {
 public:
  /// Reports a call with an address that is not a live block. `result` is what `free` of the heap
  /// returns for it.
  [[noreturn, gnu::cold, gnu::noinline]] static void end(const Heap& heap, const char* function,
                                                         Address address,
                                                         FreeResult result) noexcept {
    Line line(function, address);
    line.text("): ");
    if (result == FreeResult::kAlreadyFree) {
      line.text("this block was freed before");
    } else {
      line.text("no block begins here; ");
      add_place(line, heap, address);
    }
    line.write_and_trap();
  }

  /// Reports that a block was freed with another size than it was allocated with.
  [[noreturn, gnu::cold, gnu::noinline]] static void end_wrong_size(Address address, Size size,
                                                                    Size usable) noexcept {
    Line line("operator delete", address);
    line.text(", ");
    line.decimal(size);
    line.text("): the block was allocated with another size; it has ");
    line.decimal(usable);
    line.text(" usable bytes");
    line.write_and_trap();
  }

 private:
  /// A line of text that is made piece by piece. Text that does not fit is cut.
  class Line {
   public:
    Line(const char* function, Address address) noexcept {
      text("lite-alloc: ");
      text(function);
      text("(");
      hexadecimal(address);
    }

    void text(const char* added) noexcept {
      const std::size_t count = std::min(std::strlen(added), bytes_.size() - 1 - length_);
      std::copy_n(added, count, &bytes_[length_]);
      length_ += count;
    }

    void hexadecimal(Address value) noexcept {
      text("0x");
      number(value, 16, 8);
    }

    void decimal(Size value) noexcept { number(value, 10, 1); }

    [[noreturn]] void write_and_trap() noexcept {
      bytes_[length_++] = '\n';
      // There is no other way to report a failure of this.
      static_cast<void>(::write(STDERR_FILENO, bytes_.data(), length_));
      __builtin_trap();
    }

   private:
    void number(std::uint32_t value, std::uint32_t base, std::size_t least_digits) noexcept {
      std::array<char, 11> digits = {};
      std::size_t first = digits.size() - 1;
      const std::size_t end = first;
      while (value != 0 || end - first < least_digits) {
        digits[--first] = "0123456789abcdef"[value % base];
        value /= base;
      }
      text(&digits[first]);
    }

    std::array<char, 200> bytes_ = {};
    std::size_t length_ = 0;
  };

  /// Says where an address lies. Takes time in proportion to the number of blocks.
  static void add_place(Line& line, const Heap& heap, Address address) noexcept {
    Block block;
    for (BlockWalk<Heap> walk(heap); walk.next(block);) {
      if (address - block.address >= block.size) continue;
      if (block.state == Extent::State::kFree) {
        line.text("it lies in free memory");
        return;
      }
      line.text("it lies at offset ");
      line.decimal(address - block.address);
      line.text(" of the block ");
      line.hexadecimal(block.address);
      line.text(" of ");
      line.decimal(heap.usable_size(block.address));
      line.text(" bytes");
      return;
    }
    line.text("it lies outside of all blocks");
  }
};

}  // namespace lite_alloc
