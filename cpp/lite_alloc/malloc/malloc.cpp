// SPDX-License-Identifier: MIT
//
// The malloc family of C for a program that Emscripten links with `-sMALLOC=none`.
//
// Compile this file without link-time optimisation, and with the flags of lite_alloc-malloc.cmake.
// A compiler may insert calls of malloc, free and calloc, even after it has seen the whole program,
// and it turns a malloc followed by a memset into calloc.
//
// Where the standards leave a choice, this does what Emscripten's default malloc does:
// - a size of 0 gives a distinct block, also in `realloc`, which never frees,
// - `aligned_alloc` accepts any size.
// Differences: blocks are aligned to 16; an alignment that is not a power of two gives EINVAL, also
// in `memalign`; a free or realloc of an address that is not a live block ends the program, where
// the heap detects it.

#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstddef>
#include <type_traits>

#include "lite_alloc/heap/segregated_fit.hpp"
#include "lite_alloc/malloc/process_heap.hpp"
#include "lite_alloc/memory/program_memory.hpp"

/// Memory grows by its size divided by this number; with 0, by what is needed. A program that
/// compiles this file may define another number.
#ifndef LITE_ALLOC_GROWTH_SHARE
#define LITE_ALLOC_GROWTH_SHARE 16
#endif

/// 1 iff allocator metadata is mixed with a secret and checked wherever it is read.
#ifndef LITE_ALLOC_HARDENED
#define LITE_ALLOC_HARDENED 0
#endif

/// 1 iff every address that a program frees or resizes is checked, and a wrong one is reported to
/// the standard error before the program ends. Such a heap is hardened, too.
#ifndef LITE_ALLOC_CHECKED
#define LITE_ALLOC_CHECKED 0
#endif

#if LITE_ALLOC_CHECKED
#include "lite_alloc/malloc/misuse.hpp"
#endif

namespace lite_alloc {

[[gnu::weak]] void notify_glue_first_step() noexcept { notify_glue_last_step(); }

[[gnu::weak]] void notify_glue_last_step() noexcept { notify_javascript(); }

namespace {

static_assert(sizeof(void*) == sizeof(Address), "lite_alloc::malloc is for wasm32");

// A type of this file alone. So the compiler sees every call of the templates over it, and drops
// parameters that never vary.
class ProcessMemory : public ProgramMemory<LITE_ALLOC_GROWTH_SHARE> {
 public:
  static constexpr bool kParks = LITE_ALLOC_HAS_ROOM;
};

#if LITE_ALLOC_HARDENED || LITE_ALLOC_CHECKED

/// The secret comes from the host, when the heap first needs memory.
class ProcessHardening : public Hardened {
 public:
  void begin() noexcept {
    std::uint32_t secret = 0;
    if (getentropy(&secret, sizeof secret) != 0) __builtin_trap();
    set_secret(secret);
  }
};

#else

using ProcessHardening = Unhardened;

#endif

using ProcessTracking = std::conditional_t<LITE_ALLOC_CHECKED, Tracking, NoTracking>;
using ProcessHeap = SegregatedFit<ProcessMemory, ProcessTracking, ProcessHardening>;

// Constant-initialised, so it serves calls before any constructor has run.
constinit ProcessHeap process_heap;

/// Ends the program because `function` was called with an address that is not a live block.
#if LITE_ALLOC_CHECKED
[[noreturn]] void end_misuse(const char* function, const void* block, FreeResult result) noexcept {
  Misuse<ProcessHeap>::end(process_heap, function, address_of(block), result);
}
#else
[[noreturn]] inline void end_misuse(const char*, const void*, FreeResult) noexcept {
  __builtin_trap();
}
#endif

/// Does so for any call but `free`, iff the address is not that of a live block.
inline void expect_live(const char* function, const void* block) noexcept {
  if (process_heap.may_be_live(address_of(block))) return;
#if LITE_ALLOC_CHECKED
  // `free` changes nothing here, and says what is wrong.
  end_misuse(function, block, process_heap.free(address_of(block)));
#else
  end_misuse(function, block, FreeResult::kNotABlock);
#endif
}

// Failures are handled out of line, so the calls that succeed need no stack frame.

[[gnu::cold, gnu::noinline]] void* fail(std::size_t size) noexcept {
  ProcessMemory::report_exhausted(size);
  errno = ENOMEM;
  return nullptr;
}

[[gnu::cold, gnu::noinline]] void* fail_to_align(std::size_t alignment, std::size_t size) noexcept {
  if (std::has_single_bit(alignment)) return fail(size);
  errno = EINVAL;
  return nullptr;
}

[[gnu::cold, gnu::noinline]] void* fail_to_resize(const void* block, std::size_t size) noexcept {
  if (block != nullptr) expect_live("realloc", block);
  return fail(size);
}

using Totals = SegregatedFitTotals<ProcessHeap>;

}  // namespace

Address process::allocate_last(Size size) noexcept { return process_heap.allocate_last(size); }

bool process::resize_in_place(Address block, Size size) noexcept {
  return process_heap.resize_in_place(block, size);
}

HeapTotals process::totals() noexcept { return Totals::of(process_heap); }

Size process::footprint() noexcept { return Totals::heap_bytes(process_heap); }

#if LITE_ALLOC_CHECKED

void process::check_size(Address block, Size size, Size alignment) noexcept {
  const Size usable = process_heap.usable_size(block);
  if (usable == 0) return;  // not a live block: `free` reports it
  // The standard library rounds up the sizes of aligned blocks.
  for (const Size rounded : {size, align_up(size, alignment)}) {
    const Layout layout = {.size = rounded, .alignment = alignment};
    if (ProcessHeap::can_be_usable_size(usable, layout)) return;
  }
  Misuse<ProcessHeap>::end_wrong_size(block, size, usable);
}

#endif

}  // namespace lite_alloc

using lite_alloc::address_of;
using lite_alloc::pointer_to;
using lite_alloc::process_heap;

extern "C" {

// The linker resolves this call in every program with this file, and drops it afterwards, since
// nothing calls the caller. See the file that defines the first.
void lite_alloc_refuse_threads() noexcept;
void lite_alloc_serve_one_thread() noexcept { lite_alloc_refuse_threads(); }

// Emscripten calls its own malloc by these names, also in a program that defines another `malloc`,
// which may call these.

void* emscripten_builtin_malloc(std::size_t size) {
  const auto block = process_heap.malloc(size);
  return block != 0 ? pointer_to(block) : lite_alloc::fail(size);
}

void emscripten_builtin_free(void* block) {
  const auto result = process_heap.free(address_of(block));
  if (result != lite_alloc::FreeResult::kFreed) lite_alloc::end_misuse("free", block, result);
}

void* emscripten_builtin_calloc(std::size_t count, std::size_t size) {
  lite_alloc::Size whole = 0;
  if (__builtin_mul_overflow(count, size, &whole)) return lite_alloc::fail(~std::size_t{0});
  const auto block = process_heap.malloc_zeroed(whole);
  return block != 0 ? pointer_to(block) : lite_alloc::fail(whole);
}

void* emscripten_builtin_realloc(void* block, std::size_t size) {
  const auto moved = process_heap.realloc(address_of(block), size);
  return moved != 0 ? pointer_to(moved) : lite_alloc::fail_to_resize(block, size);
}

void* emscripten_builtin_memalign(std::size_t alignment, std::size_t size) {
  const auto block = process_heap.memalign(alignment, size);
  return block != 0 ? pointer_to(block) : lite_alloc::fail_to_align(alignment, size);
}

// Emscripten's libc has no internal names for these. They are weak, like the aliases below.

[[gnu::weak]] int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  if (alignment < sizeof(void*) || !std::has_single_bit(alignment)) return EINVAL;
  const auto block = process_heap.memalign(alignment, size);
  if (block == 0) {
    lite_alloc::ProcessMemory::report_exhausted(size);
    return ENOMEM;
  }
  *result = pointer_to(block);
  return 0;
}

[[gnu::weak]] std::size_t malloc_usable_size(void* block) {
  if (block == nullptr) return 0;
  if (LITE_ALLOC_CHECKED) lite_alloc::expect_live("malloc_usable_size", block);
  return process_heap.usable_size(address_of(block));
}

// Emscripten's libc calls the names that start with `__libc`.

[[gnu::weak, gnu::alias("emscripten_builtin_malloc")]] void* malloc(std::size_t);
[[gnu::weak, gnu::alias("emscripten_builtin_free")]] void free(void*);
[[gnu::weak, gnu::alias("emscripten_builtin_calloc")]] void* calloc(std::size_t, std::size_t);
[[gnu::weak, gnu::alias("emscripten_builtin_realloc")]] void* realloc(void*, std::size_t);
[[gnu::weak, gnu::alias("emscripten_builtin_memalign")]] void* memalign(std::size_t, std::size_t);
[[gnu::weak, gnu::alias("emscripten_builtin_memalign")]] void* aligned_alloc(std::size_t,
                                                                             std::size_t);

[[gnu::weak, gnu::alias("emscripten_builtin_malloc")]] void* __libc_malloc(std::size_t);
[[gnu::weak, gnu::alias("emscripten_builtin_free")]] void __libc_free(void*);
[[gnu::weak, gnu::alias("emscripten_builtin_calloc")]] void* __libc_calloc(std::size_t,
                                                                           std::size_t);
[[gnu::weak, gnu::alias("emscripten_builtin_realloc")]] void* __libc_realloc(void*, std::size_t);

}  // extern "C"
