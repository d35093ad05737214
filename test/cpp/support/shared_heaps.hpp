// SPDX-License-Identifier: MIT
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <csetjmp>
#include <cstdint>
#include <cstdlib>
#include <thread>

#include "lite_alloc/memory/page_source.hpp"
#include "lite_alloc/shared/shared_fit.hpp"

namespace lite_alloc::test {

/// Ends a call of a heap at a chosen access to memory, as if its thread were killed there.
class Death {
 public:
  /// Runs `call` until its access number `access`, counted from 1. Returns whether it was ended
  /// there; otherwise it ran to its end.
  template <typename Call>
  static bool at_access(std::uint32_t access, Call call) {
    left_ = access;
    // Nothing between here and there has a destructor.
    if (setjmp(place_) != 0) return true;  // NOLINT(cert-err52-cpp)
    call();
    left_ = 0;
    return false;
  }

  static void count_access() noexcept {
    if (left_ != 0 && --left_ == 0) longjmp(place_, 1);  // NOLINT(cert-err52-cpp)
  }

 private:
  static inline thread_local std::uint32_t left_ = 0;
  static inline thread_local std::jmp_buf place_;
};

/// Memory that several threads share and grow: 1 MiB that may become 256 MiB, unless a test wants
/// other sizes.
class SharedMemory {
 public:
  static constexpr Address kBegin = kPageBytes;

  explicit SharedMemory(Size initial_pages = 16, Size maximum_pages = 4096) noexcept
      : end_(kBegin + initial_pages * kPageBytes),
        limit_(kBegin + maximum_pages * kPageBytes),
        mapped_(std::size_t{maximum_pages + 1} * kPageBytes) {
    // One page more, so that the range can start at a page: pointers are aligned as addresses are.
    mapping_ = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping_ == MAP_FAILED) std::abort();
    const auto start = reinterpret_cast<std::uintptr_t>(mapping_);
    base_ = static_cast<std::byte*>(mapping_) + (kPageBytes - start % kPageBytes) % kPageBytes;
  }

  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  ~SharedMemory() { ::munmap(mapping_, mapped_); }

  [[nodiscard]] Address begin() const noexcept { return kBegin; }
  [[nodiscard]] Address end() const noexcept { return end_.load(std::memory_order_relaxed); }

  [[nodiscard]] bool grow(Size bytes) noexcept {
    Death::count_access();
    const Size whole = align_up(bytes, kPageBytes);
    Address end = end_.load(std::memory_order_relaxed);
    do {
      if (whole < bytes || whole > limit_ - end) return false;
    } while (!end_.compare_exchange_weak(end, end + whole));
    return true;
  }

  template <typename T>
  [[nodiscard]] T* at(Address address) const noexcept {
    Death::count_access();
    return reinterpret_cast<T*>(base_ + (address - kBegin));
  }

 private:
  std::atomic<Address> end_;
  Address limit_;
  std::size_t mapped_;
  void* mapping_ = nullptr;
  std::byte* base_ = nullptr;
};

/// The threads of a test: those of the host. A test can also let one thread of the host be several
/// threads of a heap in turn.
class TestThreads {
 public:
  static shared::ThreadRecord* record() noexcept { return record_; }
  static void set_record(shared::ThreadRecord* record) noexcept {
    record_ = record != nullptr ? record : &none_;
  }
  static void wait(std::atomic<std::uint32_t>& /*word*/, std::uint32_t /*value*/) noexcept {
    std::this_thread::yield();
  }
  static void wake(std::atomic<std::uint32_t>& /*word*/) noexcept {}

 private:
  static inline shared::ThreadRecord none_{};
  static inline thread_local shared::ThreadRecord* record_ = &none_;
};

using SharedHeap = shared::SharedFit<SharedMemory, TestThreads>;

/// Makes the calling thread another thread of the heap while it lives: the one that `record` is of.
class AsThread {
 public:
  explicit AsThread(shared::ThreadRecord* record) noexcept : before_(TestThreads::record()) {
    TestThreads::set_record(record);
  }
  AsThread(const AsThread&) = delete;
  AsThread& operator=(const AsThread&) = delete;
  ~AsThread() { TestThreads::set_record(before_); }

 private:
  shared::ThreadRecord* before_;
};

}  // namespace lite_alloc::test
