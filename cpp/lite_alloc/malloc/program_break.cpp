// SPDX-License-Identifier: MIT
//
// `sbrk` and `brk`. Emscripten has them in its mallocs, which `-sMALLOC=none` leaves out.
//
// Heap and break share the memory. The break moves through a block of the heap, called a *stretch*
// here. A stretch begins behind all other blocks, and is extended where it is. If malloc has
// allocated a block behind it in the meantime, the next call that needs more memory opens another
// stretch; the documentation of the C library allows that.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "lite_alloc/malloc/process_heap.hpp"
#include "lite_alloc/memory/program_memory.hpp"

namespace lite_alloc {
namespace {

class ProgramBreak {
 public:
  /// Returns the address of the next bytes, and makes room there.
  [[nodiscard]] Address position() noexcept {
    if (position_ == end_ && !extend(kRoom) && !extend(kGranule) && !open(kRoom)) open(kGranule);
    return begin_ != 0 ? position_ : WasmMemory<>::end();
  }

  /// Moves the break to an address in its stretch, which is extended if need be. Returns false, and
  /// changes nothing, iff the address lies below the stretch or there is no memory.
  [[nodiscard]] bool move_to(Address target) noexcept {
    if (target < begin_) return false;
    if (target > end_ && !extend(target - end_)) {
      ProgramMemory<>::report_exhausted(target - end_);
      return false;
    }
    advance_to(target);
    return true;
  }

  /// Moves the break up by `bytes` and returns the address of these bytes, which lie in another
  /// stretch if need be. Returns 0 iff there is no memory.
  [[nodiscard]] Address advance(Size bytes) noexcept {
    const Size room = end_ - position_;
    if (bytes > room && !extend(bytes - room) && !open(bytes) && !open_anywhere(bytes)) return 0;
    const Address begin = position_;
    advance_to(begin + bytes);
    return begin;
  }

 private:
  /// The bytes that `position` makes room for, so that the next bytes begin there even if a block
  /// is allocated in between.
  static constexpr Size kRoom = kPageBytes;

  /// Moves the break up or down in its stretch. Sets bytes to zero that the program has not had
  /// before; pages that this call added are zero already.
  void advance_to(Address target) noexcept {
    const Address end_of_used = std::min(target, memory_end_);
    if (clean_from_ < end_of_used) {
      std::memset(pointer_to(clean_from_), 0, end_of_used - clean_from_);
    }
    clean_from_ = std::max(clean_from_, target);
    position_ = target;
  }

  [[nodiscard]] bool extend(Size bytes) noexcept {
    memory_end_ = WasmMemory<>::end();
    Size size = 0;
    if (begin_ == 0 || __builtin_add_overflow(end_ - begin_, bytes, &size)) return false;
    if (!process::resize_in_place(begin_, size)) return false;
    end_ = begin_ + size;
    return true;
  }

  bool open(Size bytes) noexcept {
    memory_end_ = WasmMemory<>::end();
    return begin_at(process::allocate_last(bytes), bytes);
  }

  /// Opens a stretch between other blocks. In memory that cannot grow, there may be room nowhere
  /// else.
  [[nodiscard]] bool open_anywhere(Size bytes) noexcept {
    return begin_at(address_of(emscripten_builtin_malloc(bytes)), bytes);
  }

  bool begin_at(Address block, Size bytes) noexcept {
    if (block == 0) return false;
    // Frees the part of the previous stretch that was not used.
    if (begin_ != 0) static_cast<void>(process::resize_in_place(begin_, position_ - begin_));
    begin_ = position_ = clean_from_ = block;
    end_ = block + bytes;
    return true;
  }

  Address begin_ = 0;
  Address end_ = 0;
  Address position_ = 0;
  Address clean_from_ = 0;  // the program has not had the bytes from here on
  Address memory_end_ = 0;  // the end of memory before the last call
};

constinit ProgramBreak program_break;

}  // namespace
}  // namespace lite_alloc

using lite_alloc::address_of;
using lite_alloc::pointer_to;
using lite_alloc::program_break;

extern "C" {

/// Moves the break by `increment` bytes, upwards in whole granules, and returns the address of the
/// new bytes, where the break was. Fails with ENOMEM, and returns -1, iff there is no memory or the
/// break would fall below its stretch.
[[gnu::weak]] void* sbrk(std::intptr_t increment) {
  if (increment > 0) {
    const auto bytes =
        lite_alloc::align_up(static_cast<lite_alloc::Size>(increment), lite_alloc::kGranule);
    const auto begin = program_break.advance(bytes);
    if (begin != 0) return pointer_to(begin);
  } else {
    const auto position = program_break.position();
    const auto bytes = -static_cast<lite_alloc::Size>(increment);
    if (bytes <= position && program_break.move_to(position - bytes)) return pointer_to(position);
  }
  errno = ENOMEM;
  return pointer_to(~lite_alloc::Address{0});
}

[[gnu::weak]] int brk(void* target) {
  static_cast<void>(program_break.position());
  if (program_break.move_to(address_of(target))) return 0;
  errno = ENOMEM;
  return -1;
}

/// Returns the word in which `-sSAFE_HEAP` reads, before each access, the end of the memory that a
/// program may touch. Changes nothing in the heap, since the functions here cause such calls, too.
[[gnu::weak]] std::uintptr_t* emscripten_get_sbrk_ptr() {
  if (lite_alloc_break.value == lite_alloc_break.stored) {
    lite_alloc_break.value = lite_alloc_break.stored = lite_alloc::WasmMemory<>::end();
  }
  return &lite_alloc_break.value;
}

constinit lite_alloc_break_cell lite_alloc_break = {};

}  // extern "C"
