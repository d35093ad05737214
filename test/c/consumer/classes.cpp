// SPDX-License-Identifier: MIT
//
// Tests the parts of C++ that allocate: all forms of new and delete, the containers, and the
// package's own heaps.

#include <cstdint>
#include <cstdlib>
#include <lite_alloc/lite_alloc.hpp>
#include <map>
#include <memory>
#include <memory_resource>
#include <new>
#include <numeric>
#include <string>
#include <vector>

#include "check.h"

namespace {

struct alignas(256) Wide {
  unsigned char bytes[256];
};

volatile std::size_t too_much = static_cast<std::size_t>(-100000);

// Compilers remove a call of malloc whose block is never used. A store to this variable prevents
// that.
void* volatile got = nullptr;

bool is_null(void* block) {
  got = block;
  return got == nullptr;
}

bool is_aligned(const void* block, std::size_t alignment) {
  return reinterpret_cast<std::uintptr_t>(block) % alignment == 0;
}

void forms_of_new() {
  void* blocks[] = {
      ::operator new(0),
      ::operator new(24),
      ::operator new[](24),
      ::operator new(24, std::nothrow),
      ::operator new[](24, std::nothrow),
  };
  for (void* block : blocks) CHECK(block != nullptr && is_aligned(block, 16));
  ::operator delete(blocks[0]);
  ::operator delete (blocks[1], std::size_t{24});
  ::operator delete[](blocks[2], std::size_t{24});
  ::operator delete(blocks[3], std::nothrow);
  ::operator delete[](blocks[4], std::nothrow);

  constexpr std::align_val_t alignment{512};
  void* aligned[] = {
      ::operator new(40, alignment),
      ::operator new[](40, alignment),
      ::operator new(40, alignment, std::nothrow),
      ::operator new[](40, alignment, std::nothrow),
  };
  for (void* block : aligned) CHECK(block != nullptr && is_aligned(block, 512));
  ::operator delete(aligned[0], alignment);
  ::operator delete[](aligned[1], std::size_t{40}, alignment);
  ::operator delete(aligned[2], alignment, std::nothrow);
  ::operator delete[](aligned[3], alignment, std::nothrow);

  const auto wide = std::make_unique<Wide[]>(3);
  CHECK(is_aligned(wide.get(), 256));
  ::operator delete(static_cast<void*>(nullptr));
}

int handler_calls = 0;

void running_out() {
  std::set_new_handler([] {
    if (++handler_calls == 3) std::set_new_handler(nullptr);
  });
  CHECK(is_null(::operator new(too_much, std::nothrow)));
  CHECK(handler_calls == 3);
  CHECK(is_null(::operator new (too_much, std::align_val_t{64}, std::nothrow)));
#ifdef CATCHES_EXCEPTIONS
  bool caught = false;
  try {
    got = ::operator new(too_much);
  } catch (const std::bad_alloc&) {
    caught = true;
  }
  CHECK(caught);
  caught = false;
  try {
    std::vector<char> much(too_much / 2);
  } catch (const std::bad_alloc&) {
    caught = true;
  }
  CHECK(caught);
#endif
}

void containers() {
  std::map<std::string, std::vector<int>> table;
  for (int i = 0; i < 2000; ++i) {
    auto& row =
        table["a key that is too long to be kept inside of a string " + std::to_string(i % 97)];
    row.push_back(i);
  }
  long sum = 0;
  for (const auto& [key, row] : table) sum = std::accumulate(row.begin(), row.end(), sum);
  CHECK(table.size() == 97 && sum == 1999L * 2000 / 2);
  std::string text;
  for (int i = 0; i < 300000; ++i) text += static_cast<char>('a' + i % 26);
  CHECK(text.size() == 300000 && text[299999] == 'a' + 299999 % 26);
}

alignas(64) std::byte region[40000];

void own_heap() {
  using Heap = lite_alloc::BumpFreeList<lite_alloc::FixedRegion>;
  Heap heap(region, sizeof region);
  {
    lite_alloc::StandardAllocator<int, Heap> allocator(heap);
    std::vector<int, decltype(allocator)> numbers(allocator);
    for (int i = 0; i < 1000; ++i) numbers.push_back(i);
    CHECK(numbers[999] == 999 && reinterpret_cast<std::byte*>(numbers.data()) >= region);
    const lite_alloc::StandardAllocator<Wide, Heap> wide(numbers.get_allocator());
    CHECK(wide == numbers.get_allocator());
    std::vector<Wide, lite_alloc::StandardAllocator<Wide, Heap>> wides(2, Wide{}, wide);
    CHECK(is_aligned(wides.data(), 256));

    lite_alloc::MemoryResource resource(heap);
    std::pmr::map<int, std::pmr::string> names(&resource);
    for (int i = 0; i < 20; ++i) names.emplace(i, "a name that does not fit into a string itself");
    CHECK(names.size() == 20 && heap.statistics().live_blocks > 40);
  }
  CHECK(heap.statistics().live_blocks == 0 && !heap.find_corruption());
}

}  // namespace

int main() {
  forms_of_new();
  running_out();
  containers();
  own_heap();
  return report_checks("classes");
}
