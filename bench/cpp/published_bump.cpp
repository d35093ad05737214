// SPDX-License-Identifier: MIT
//
// The published design that `BumpFreeList` is based on, to compare with on the workloads that it
// was made for. It has the faults of the original: an allocation takes a whole free block, so the
// rest of it is lost; its blocks are aligned only by chance; and it treats pages that other code
// added as its own.

#include <cstdint>
#include <cstring>

#include "lite_alloc/memory/wasm_memory.hpp"
#include "sized_heap.hpp"

namespace {

using lite_alloc::Address;
using lite_alloc::align_up;
using lite_alloc::Size;

struct FreeBlock {
  FreeBlock* next;
  Size size;
};

constinit lite_alloc::WasmMemory<lite_alloc::notify_javascript> memory;
constinit FreeBlock* first_free = nullptr;
constinit Address bump = 0;
constinit Address limit = 0;

/// Blocks are multiples of 16 bytes and at such; the bench asks for no other alignment.
Size units(Size size) { return align_up(size == 0 ? 1 : size, lite_alloc::kGranule); }

/// Raises the end of what is used, by whole pages where it must.
bool raise(Size size) {
  if (limit == 0) {
    bump = align_up(memory.begin(), lite_alloc::kGranule);
    limit = memory.end();
  }
  if (size > limit - bump) {
    const Size missing = size - (limit - bump);
    if (!memory.grow(missing)) return false;
    limit += align_up(missing, lite_alloc::kPageBytes);
  }
  bump += size;
  return true;
}

}  // namespace

std::byte* sized_allocate(std::uint32_t size) {
  const Size wanted = units(size);
  for (FreeBlock** link = &first_free; *link != nullptr; link = &(*link)->next) {
    FreeBlock* const block = *link;
    if (block->size >= wanted) {
      *link = block->next;
      return reinterpret_cast<std::byte*>(block);
    }
  }
  return raise(wanted) ? memory.at<std::byte>(bump - wanted) : nullptr;
}

void sized_deallocate(std::byte* block, std::uint32_t size) {
  auto* const freed = reinterpret_cast<FreeBlock*>(block);
  *freed = {.next = first_free, .size = units(size)};
  first_free = freed;
}

std::byte* sized_reallocate(std::byte* block, std::uint32_t old_size, std::uint32_t size) {
  const Size old_units = units(old_size);
  const Size new_units = units(size);
  if (new_units <= old_units) return block;
  if (block + old_units == memory.at<std::byte>(bump)) {
    return raise(new_units - old_units) ? block : nullptr;
  }
  std::byte* const moved = sized_allocate(size);
  if (moved != nullptr) {
    std::memcpy(moved, block, old_size);
    sized_deallocate(block, old_size);
  }
  return moved;
}
