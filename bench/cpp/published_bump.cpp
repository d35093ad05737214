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

/// Rounds a size up to whole granules. Blocks start at multiples of 16 bytes; the bench requests no
/// other alignment.
Size whole_granules(Size size) { return align_up(size == 0 ? 1 : size, lite_alloc::kGranule); }

/// Moves the bump pointer up, and grows memory by whole pages if need be.
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
  const Size wanted = whole_granules(size);
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
  *freed = {.next = first_free, .size = whole_granules(size)};
  first_free = freed;
}

std::byte* sized_reallocate(std::byte* block, std::uint32_t old_size, std::uint32_t size) {
  const Size old_bytes = whole_granules(old_size);
  const Size new_bytes = whole_granules(size);
  if (new_bytes <= old_bytes) return block;
  if (block + old_bytes == memory.at<std::byte>(bump)) {
    return raise(new_bytes - old_bytes) ? block : nullptr;
  }
  std::byte* const moved = sized_allocate(size);
  if (moved != nullptr) {
    std::memcpy(moved, block, old_size);
    sized_deallocate(block, old_size);
  }
  return moved;
}
