// SPDX-License-Identifier: MIT
#pragma once

#include <emscripten/heap.h>

#include "lite_alloc/memory/stepped_growth.hpp"
#include "lite_alloc/memory/wasm_memory.hpp"

/// Set by the linker: where the memory ends that a program starts with.
extern "C" std::byte __heap_end;

namespace lite_alloc {

/// The memory of a program that Emscripten links, with its settings: it fails as the program's user
/// chose, by ending the program under `-sABORTING_MALLOC` and with false elsewhere.
///
/// Pages come from `memory.grow` itself, since Emscripten's own growth adds a fifth of all memory
/// at each step. Only where that fails Emscripten is asked: it knows the setting, and says why.
template <Size kShare = 16>
class ProgramMemory : public SteppedGrowth<WasmMemory<notify_javascript>, kShare> {
  using Base = SteppedGrowth<WasmMemory<notify_javascript>, kShare>;

 public:
  /// So that pages which the program itself grows before its first `malloc` stay its own.
  [[nodiscard]] static Address first_end() noexcept {
    return static_cast<Address>(reinterpret_cast<std::uintptr_t>(&__heap_end));
  }

  [[nodiscard]] bool grow(Size bytes) noexcept { return Base::grow(bytes) || refused(bytes); }

 private:
  [[gnu::cold, gnu::noinline]] static bool refused(Size bytes) noexcept {
    const Size end = __builtin_wasm_memory_size(0) * kPageBytes;
    Size wanted = 0;
    return emscripten_resize_heap(__builtin_add_overflow(end, bytes, &wanted) ? ~Size{0} : wanted);
  }
};

static_assert(PageSource<ProgramMemory<>>);

}  // namespace lite_alloc
