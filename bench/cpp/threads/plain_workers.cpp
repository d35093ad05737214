// SPDX-License-Identifier: MIT
//
// The memory that each instance needs for itself, in modules without a pthread runtime: all
// instances begin with the same stack, and only the first one with thread-local variables.
#include "team.hpp"

namespace lite_alloc::bench {

namespace {

constexpr std::size_t kStackBytes = 32768;
constexpr std::size_t kThreadLocalBytes = 2048;

struct alignas(kApart) Private {
  std::byte thread_local_variables[kThreadLocalBytes];
  std::byte stack[kStackBytes];
};

Private privates[kMaxThreads];

}  // namespace

extern "C" {

[[clang::export_name("bench_thread_local_bytes")]] std::size_t bench_thread_local_bytes() {
  return kThreadLocalBytes;
}

[[clang::export_name("bench_thread_local_variables")]] std::byte* bench_thread_local_variables(
    std::uint32_t index) {
  return privates[index].thread_local_variables;
}

/// A stack grows downwards.
[[clang::export_name("bench_stack_end")]] std::byte* bench_stack_end(std::uint32_t index) {
  return privates[index].stack + kStackBytes;
}
}

}  // namespace lite_alloc::bench
