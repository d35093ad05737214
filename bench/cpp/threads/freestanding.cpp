// SPDX-License-Identifier: MIT
//
// The functions of libc that compilers call by themselves, for modules without libc.
#include <cstddef>

extern "C" {

void* memcpy(void* to, const void* from, std::size_t bytes) {
  return __builtin_memmove(to, from, bytes);
}

void* memmove(void* to, const void* from, std::size_t bytes) {
  return __builtin_memmove(to, from, bytes);
}

void* memset(void* to, int value, std::size_t bytes) { return __builtin_memset(to, value, bytes); }
}
