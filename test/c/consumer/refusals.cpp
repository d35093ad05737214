// SPDX-License-Identifier: MIT
//
// Every allocation of a workload fails in turn: the n-th one finds no free block and may not grow
// memory. The program sees null and ENOMEM, all other blocks hold what they held, and the same
// allocation succeeds once there is memory again.

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <lite_alloc/memory/program_memory.hpp>
#include <new>

#include "check.h"

namespace {

bool may_grow = true;

// A pattern that differs between blocks, and between parts of a block.
char byte_of(int slot, std::size_t at) { return static_cast<char>(slot * 31 + at / 7 + 1); }

struct Block {
  char* bytes = nullptr;
  std::size_t size = 0;

  void fill(int slot) {
    for (std::size_t at = 0; at < size; ++at) bytes[at] = byte_of(slot, at);
  }
  bool holds(int slot, std::size_t count) const {
    for (std::size_t at = 0; at < count; ++at)
      if (bytes[at] != byte_of(slot, at)) return false;
    return true;
  }
};

constexpr int kSlots = 17;
Block blocks[kSlots];

bool all_hold() {
  for (int slot = 0; slot < kSlots; ++slot)
    if (!blocks[slot].holds(slot, blocks[slot].size)) return false;
  return true;
}

enum class Call { kMalloc, kCalloc, kRealloc, kMemalign, kPosixMemalign, kNew, kStrdup };

struct Step {
  Call call;
  int slot;
  std::size_t size;
};

// Small blocks, blocks at the limit of the slabs, large ones; realloc within and between them.
constexpr Step kSteps[] = {
    {Call::kMalloc, 0, 1},         {Call::kMalloc, 1, 24},        {Call::kCalloc, 2, 40},
    {Call::kMalloc, 3, 1008},      {Call::kMalloc, 4, 1009},      {Call::kCalloc, 5, 3000},
    {Call::kRealloc, 6, 100},      {Call::kRealloc, 6, 5000},     {Call::kRealloc, 6, 70000},
    {Call::kRealloc, 1, 480},      {Call::kMemalign, 7, 10},      {Call::kMemalign, 8, 100000},
    {Call::kPosixMemalign, 9, 24}, {Call::kPosixMemalign, 10, 9}, {Call::kNew, 11, 200},
    {Call::kNew, 12, 40000},       {Call::kStrdup, 13, 90},       {Call::kStrdup, 14, 20000},
    {Call::kCalloc, 15, 300000},   {Call::kRealloc, 15, 600000},  {Call::kRealloc, 3, 1400},
    {Call::kRealloc, 0, 200000},   {Call::kMalloc, 16, 512},      {Call::kRealloc, 16, 700},
};
constexpr int kStepCount = sizeof kSteps / sizeof *kSteps;

char text[20001];

void* run(const Step& step) {
  void* block = nullptr;
  switch (step.call) {
    case Call::kMalloc:
      return std::malloc(step.size);
    case Call::kCalloc:
      return std::calloc(step.size, 1);
    case Call::kRealloc:
      return std::realloc(blocks[step.slot].bytes, step.size);
    case Call::kMemalign:
      return memalign(4096, step.size);
    case Call::kPosixMemalign:
      if (const int error = posix_memalign(&block, 256, step.size)) errno = error;
      return block;
    case Call::kNew:
      return ::operator new(step.size, std::nothrow);
    case Call::kStrdup:
      return strdup(text + sizeof text - step.size);
  }
}

/// Runs a step, takes its block over and checks its first bytes.
bool succeeds(const Step& step) {
  Block& block = blocks[step.slot];
  auto* const bytes = static_cast<char*>(run(step));
  if (bytes == nullptr) return false;
  const std::size_t old_size = block.size;
  block = {bytes, step.size};
  if (step.call == Call::kRealloc) CHECK(block.holds(step.slot, std::min(old_size, step.size)));
  if (step.call == Call::kCalloc) CHECK(bytes[0] == 0 && bytes[step.size - 1] == 0);
  if (step.call == Call::kStrdup) CHECK(std::strlen(bytes) == step.size - 1);
  block.fill(step.slot);
  return true;
}

/// Takes all free memory, down to blocks of 16 bytes. Returns a list of it.
void** take_all() {
  may_grow = false;
  void** list = nullptr;
  for (std::size_t size = 1 << 26; size >= 16; size = size > 1024 ? size / 2 : size - 16) {
    while (auto** const block = static_cast<void**>(std::malloc(size))) {
      *block = list;
      list = block;
    }
  }
  return list;
}

void give_back(void** list) {
  while (list != nullptr) {
    auto** const next = static_cast<void**>(*list);
    std::free(list);
    list = next;
  }
  may_grow = true;
}

/// Runs the whole workload. Step `failing` has no memory at its first try.
void round(int failing) {
  for (int index = 0; index < kStepCount; ++index) {
    const Step& step = kSteps[index];
    if (index == failing) {
      void** const taken = take_all();
      const void* const top = sbrk(0);
      errno = 0;
      CHECK(!succeeds(step));
      CHECK(errno == ENOMEM);
      errno = 0;
      CHECK(sbrk(1 << 20) == reinterpret_cast<void*>(-1) && errno == ENOMEM && sbrk(0) == top);
      CHECK(all_hold());
      give_back(taken);
    }
    CHECK(succeeds(step));
    CHECK(all_hold());
  }
  for (auto& block : blocks) {
    std::free(block.bytes);
    block = {};
  }
}

}  // namespace

// The heap calls this before memory grows.
bool lite_alloc_may_grow(lite_alloc::Size) { return may_grow; }

int main() {
  std::memset(text, 'x', sizeof text - 1);
  for (int failing = 0; failing < kStepCount; ++failing) round(failing);
  const auto memory = __builtin_wasm_memory_size(0);
  for (int failing = 0; failing < kStepCount; ++failing) round(failing);
  CHECK(__builtin_wasm_memory_size(0) == memory);
  return report_checks("refusals");
}
