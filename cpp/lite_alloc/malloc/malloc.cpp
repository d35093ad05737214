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

namespace lite_alloc {

[[gnu::weak]] void notify_glue_first_step() noexcept { notify_glue_last_step(); }

[[gnu::weak]] void notify_glue_last_step() noexcept { notify_javascript(); }

namespace {

static_assert(sizeof(void*) == sizeof(Address), "lite_alloc::malloc is for wasm32");

// A type of this file alone. So the compiler sees every call of the templates over it, and drops
// parameters that never vary.
class ProcessMemory : public ProgramMemory<LITE_ALLOC_GROWTH_SHARE> {};

#if LITE_ALLOC_HARDENED

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

// Constant-initialised, so it serves calls before any constructor has run.
constinit SegregatedFit<ProcessMemory, NoTracking, ProcessHardening> process_heap;

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
  if (block != nullptr && !process_heap.may_be_live(address_of(block))) __builtin_trap();
  return fail(size);
}

using Totals = SegregatedFitTotals<decltype(process_heap)>;

}  // namespace

Address process::allocate_last(Size size) noexcept { return process_heap.allocate_last(size); }

bool process::resize_in_place(Address block, Size size) noexcept {
  return process_heap.resize_in_place(block, size);
}

HeapTotals process::totals() noexcept { return Totals::of(process_heap); }

Size process::footprint() noexcept { return Totals::heap_bytes(process_heap); }

}  // namespace lite_alloc

using lite_alloc::address_of;
using lite_alloc::pointer_to;
using lite_alloc::process_heap;

extern "C" {

// The heap serves one thread. In a program with shared memory this is a variable of each thread;
// this object is compiled without atomics, so the linker rejects it there.
constinit thread_local int lite_alloc_malloc_serves_one_thread = 0;

// Emscripten calls its own malloc by these names, also in a program that defines another `malloc`,
// which may call these.

void* emscripten_builtin_malloc(std::size_t size) {
  const auto block = process_heap.malloc(size);
  return block != 0 ? pointer_to(block) : lite_alloc::fail(size);
}

void emscripten_builtin_free(void* block) {
  if (process_heap.free(address_of(block)) != lite_alloc::FreeResult::kFreed) __builtin_trap();
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
  return block == nullptr ? 0 : process_heap.usable_size(address_of(block));
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
