// SPDX-License-Identifier: MIT
//
// `sbrk` and its kin, which Emscripten keeps in the malloc that `-sMALLOC=none` leaves out.
//
// The break moves through a stretch of pages at the end of memory. The heap steps over these, as
// over anything that somebody else grew. Once the heap has grown behind a stretch, the next call
// that needs more opens another: a break that others moved meanwhile is not where one left it.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lite_alloc/malloc/pointers.hpp"
#include "lite_alloc/memory/wasm_memory.hpp"

/// malloc.cpp has it.
extern "C" void* emscripten_builtin_calloc(std::size_t count, std::size_t size);

namespace lite_alloc {
namespace {

class ProgramBreak {
 public:
  /// Where it is now. Behind all memory in use: a stretch that is not the last is left.
  [[nodiscard]] Address position() noexcept {
    if (end_ != memory_.end()) open(memory_.end(), memory_.end());
    return position_;
  }

  /// Moves it to an address in its stretch or, with what memory grows by, behind it.
  [[nodiscard]] bool move_to(Address target) noexcept {
    if (target < begin_) return false;
    if (target > end_ && (end_ != memory_.end() || !extend(target - end_))) return false;
    position_ = target;
    return true;
  }

  /// Moves it up by `bytes` and gives where these begin: in another stretch if need be. 0 iff there
  /// is no memory.
  [[nodiscard]] Address advance(Size bytes) noexcept {
    const Size room = end_ - position_;
    if (bytes > room) {
      const bool is_last = end_ == memory_.end();
      if (!is_last) open(memory_.end(), memory_.end());
      if (!extend(is_last ? bytes - room : bytes) && !borrow(bytes)) return 0;
    }
    return std::exchange(position_, position_ + bytes);
  }

 private:
  /// In steps of an eighth of what came before, for programs that ask for one small piece after
  /// another: growing costs the same for one page as for many.
  [[nodiscard]] bool extend(Size bytes) noexcept {
    const Size step = std::max(bytes, extended_by_ / 8);
    if (!memory_.grow(step) && !memory_.grow(bytes)) return false;
    extended_by_ += memory_.end() - end_;
    end_ = memory_.end();
    return true;
  }

  /// Where memory cannot grow, the heap holds all there is.
  [[nodiscard]] bool borrow(Size bytes) noexcept {
    const Address block = address_of(emscripten_builtin_calloc(1, bytes));
    if (block != 0) open(block, block + bytes);
    return block != 0;
  }

  void open(Address begin, Address end) noexcept {
    begin_ = position_ = begin;
    end_ = end;
  }

  [[no_unique_address]] WasmMemory<notify_javascript> memory_;
  Address begin_ = 0;
  Address end_ = 0;
  Address position_ = 0;
  Size extended_by_ = 0;
};

constinit ProgramBreak program_break;

}  // namespace
}  // namespace lite_alloc

using lite_alloc::address_of;
using lite_alloc::pointer_to;
using lite_alloc::program_break;

extern "C" {

/// Moves the break by `increment` bytes, up in steps of 16, and returns where it was: where the new
/// bytes are. Fails with ENOMEM, and returns -1, iff memory cannot be had or the break would leave
/// its stretch downwards.
[[gnu::weak]] void* sbrk(std::intptr_t increment) {
  if (increment > 0) {
    const auto bytes = lite_alloc::align_up(static_cast<lite_alloc::Size>(increment), 16);
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
  if (program_break.move_to(address_of(target))) return 0;
  errno = ENOMEM;
  return -1;
}

/// Where `-sSAFE_HEAP` looks up, before each access, the end of what a program may touch. Changes
/// nothing: it is called in the middle of everything here.
[[gnu::weak]] std::uintptr_t* emscripten_get_sbrk_ptr() {
  static constinit std::uintptr_t memory_end = 0;
  memory_end = lite_alloc::WasmMemory<>{}.end();
  return &memory_end;
}

}  // extern "C"
