// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>

#include "lite_alloc/shared/thread_record.hpp"

namespace lite_alloc::shared {

/// What a shared heap needs to know of the threads of its platform. All functions are static.
///
///   record()          Returns a pointer to the record of the calling thread, or to a record whose
///                     members are all 0. Takes a few instructions.
///   set_record(r)     Makes `r` the record of the calling thread; null: it has none.
///   wait(word, value) Blocks until `wake` is called for this word, for a millisecond at most, or
///                     shorter. Returns at once if the word has another value, or if this thread
///                     must not block.
///   wake(word)        Wakes one thread that waits for this word.
// clang-format off
template <typename H>
concept ThreadHost = requires(ThreadRecord* record, std::atomic<std::uint32_t>& word,
                              std::uint32_t value) {
  { H::record() } noexcept -> std::same_as<ThreadRecord*>;
  { H::set_record(record) } noexcept;
  { H::wait(word, value) } noexcept;
  { H::wake(word) } noexcept;
};
// clang-format on

}  // namespace lite_alloc::shared
