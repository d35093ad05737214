// SPDX-License-Identifier: MIT
//
// Makes the wrong call that the argument names, and prints the addresses that the report must name.

#include <malloc.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

struct Small {
  char bytes[40];
};

struct Large {
  char bytes[4000];
};

struct alignas(64) Aligned {
  char bytes[100];
};

// Behind volatile pointers, so that the compiler does not see the wrong call.
void* volatile block;
void* volatile other;

void print(const void* address, std::size_t size = 0) {
  std::printf("%08zx %zu\n", reinterpret_cast<std::uintptr_t>(address), size);
  std::fflush(stdout);
}

void allocate(std::size_t size) {
  block = std::malloc(size);
  other = std::malloc(size);
  print(block, malloc_usable_size(block));
}

bool call(const char* name, std::size_t size) {
  const auto is = [name](const char* expected) { return std::strcmp(name, expected) == 0; };
  allocate(size);
  char* const bytes = static_cast<char*>(block);
  if (is("free-twice")) {
    std::free(block);
    std::free(block);
  } else if (is("free-twice-later")) {
    std::free(block);
    std::free(other);
    for (int i = 0; i < 50; ++i) other = std::malloc(600);  // none of them takes its place
    std::free(block);
  } else if (is("free-inside")) {
    std::free(bytes + 16);
  } else if (is("free-misaligned")) {
    std::free(bytes + 1);
  } else if (is("free-static")) {
    alignas(16) static char text[64];
    print(text);
    block = text;
    std::free(block);
  } else if (is("free-stack")) {
    alignas(16) char text[64] = {};
    print(text);
    block = text;
    std::free(block);
  } else if (is("free-behind-memory")) {
    block = reinterpret_cast<void*>(0xFFFFFF00);
    std::free(block);
  } else if (is("realloc-freed")) {
    std::free(block);
    block = std::realloc(block, size * 2);
  } else if (is("realloc-inside")) {
    block = std::realloc(bytes + 16, size * 2);
  } else if (is("usable-size-freed")) {
    std::free(block);
    print(nullptr, malloc_usable_size(block));
  } else if (is("delete-twice")) {
    auto* const object = new Small;
    block = object;
    print(object, sizeof *object);
    delete static_cast<Small*>(block);
    delete static_cast<Small*>(block);
  } else if (is("delete-smaller")) {
    block = new Large;
    print(block, malloc_usable_size(block));
    delete static_cast<Small*>(block);
  } else if (is("delete-larger")) {
    block = new Small;
    print(block, malloc_usable_size(block));
    delete static_cast<Large*>(block);
  } else if (is("delete-aligned-as-plain")) {
    block = new Aligned;
    print(block, malloc_usable_size(block));
    ::operator delete(block, sizeof(Small));
  } else {
    return false;
  }
  return true;
}

/// Makes right calls of every kind and size, none of which may be reported.
void make_right_calls() {
  for (std::size_t size = 1; size < 70'000; size += 1 + size / 9) {
    ::operator delete(::operator new(size), size);
    ::operator delete[](::operator new[](size), size);
    for (std::size_t alignment = 1; alignment <= 65'536; alignment *= 2) {
      const auto aligned = std::align_val_t{alignment};
      ::operator delete(::operator new(size, aligned), size, aligned);
      ::operator delete[](::operator new[](size, aligned), size, aligned);
    }
    block = std::realloc(std::calloc(1, size), size * 2);
    if (malloc_usable_size(block) < size * 2) std::abort();
    std::free(block);
  }
  delete new Small;
  delete[] new Small[9];
  delete new Aligned;
  delete[] new Aligned[9];
  std::free(nullptr);
  delete static_cast<Small*>(nullptr);
}

}  // namespace

int main(int count, char** arguments) {
  make_right_calls();
  std::puts("right");
  if (count < 3) return 0;
  if (!call(arguments[1], static_cast<std::size_t>(std::atoi(arguments[2])))) return 3;
  std::puts("still here");
  return 0;
}
