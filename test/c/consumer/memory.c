/* SPDX-License-Identifier: MIT
 *
 * Checks how heap, break and other code share the memory of a program, and what happens when it
 * runs out. Takes the name of one check as its argument.
 */

#define _GNU_SOURCE

#include <emscripten/emscripten.h>
#include <emscripten/heap.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

/* Part of Emscripten's runtime. */
void emscripten_notify_memory_growth(size_t);

static void* volatile got;
static volatile size_t zero = 0;
static __attribute__((noinline)) int last_error(void) { return errno; }

static int is_zero(const char* bytes, size_t size) {
  for (size_t i = 0; i < size; ++i)
    if (bytes[i] != 0) return 0;
  return 1;
}

static int holds(const char* bytes, size_t size, int value) {
  for (size_t i = 0; i < size; ++i)
    if (bytes[i] != (char)value) return 0;
  return 1;
}

/* The largest block that malloc serves, to 1 KiB. */
static size_t largest_block(void) {
  size_t low = 0;
  size_t high = 0x7ff00000;
  while (low + 1024 < high) {
    const size_t middle = low + (high - low) / 2;
    got = malloc(middle);
    if (got != NULL)
      low = middle;
    else
      high = middle;
    free(got);
  }
  return low;
}

static void break_is_contiguous(void) {
  char* const dirty = malloc(200000);
  memset(dirty, 1, 200000);
  free(dirty);
  char* const start = sbrk(0);
  CHECK(sbrk(4096) == start);
  CHECK(sbrk(0) == start + 4096);
  CHECK(is_zero(start, 4096));
  CHECK(brk(start + 300000) == 0 && sbrk(0) == start + 300000);
  CHECK(is_zero(start, 300000));
  memset(start, 7, 300000);
  CHECK(sbrk(-100000) == start + 300000 && sbrk(0) == start + 200000);
  CHECK(sbrk(16) == start + 200000);
  for (int i = 0; i < 100; ++i) {
    char* const piece = sbrk(1600);
    CHECK(piece == start + 200016 + 1600 * i);
    memset(piece, i, 1600);
  }
  CHECK(holds(start, 200000, 7));
  CHECK(brk(start - 1) == -1 && last_error() == ENOMEM);
  errno = 0;
  CHECK(sbrk(0x7fffffff) == (void*)-1 && last_error() == ENOMEM);
  CHECK(sbrk(0) == start + 200016 + 160000);
}

static void break_beside_blocks(void) {
  enum { rounds = 100, piece = 3000 };
  static char* from_break[rounds];
  static char* from_heap[rounds];
  for (int i = 0; i < rounds; ++i) {
    from_break[i] = sbrk(piece);
    from_heap[i] = malloc((size_t)(piece * (i % 7 + 1)));
    CHECK(from_break[i] != (void*)-1 && from_heap[i] != NULL);
    CHECK(is_zero(from_break[i], piece));
    memset(from_break[i], i, piece);
    memset(from_heap[i], 255 - i, piece);
  }
  for (int i = 0; i < rounds; ++i) {
    CHECK(holds(from_break[i], piece, i) && holds(from_heap[i], piece, 255 - i));
    free(from_heap[i]);
  }
}

/* Before memory grows, a block moves into the free block below it, and slabs without blocks become
 * free memory. An attempt to grow would end this program, which is linked with -sABORTING_MALLOC
 * and has a memory that does not grow. */
static void realloc_uses_what_is_there(void) {
  char* a = malloc(5 << 20);
  char* b = malloc(5 << 20);
  strcpy(b, "kept");
  free(a);
  b = realloc(b, 12 << 20);
  CHECK(b != NULL && strcmp(b, "kept") == 0);
  free(b);

  got = malloc(emscripten_get_heap_size() - 408 * 1024);
  static void* small[350];
  for (int i = 0; i < 350; ++i) small[i] = malloc(500);
  for (int i = 0; i < 350; ++i) free(small[i]);
  b = malloc(2000);
  for (size_t size = 4000; size < 150000; size += 2000) {
    b = realloc(b, size);
    CHECK(b != NULL);
  }
  free(b);
  b = memalign(4096, 150000);
  CHECK(b != NULL);
  free(b);
}

static void one_block_after_all_is_freed(void) {
  /* Blocks that stay allocated, as those of the C library do. */
  static void* held[20];
  for (int i = 0; i < 20; ++i) held[i] = malloc((size_t)(i * 13));
  for (int round = 0; round < 3; ++round) {
    void** list = NULL;
    unsigned seed = 1;
    for (;;) {
      seed = seed * 1664525 + 1013904223;
      const size_t mixed = 8 + (seed >> 16) % ((seed & 0x700) ? 500 : 60000);
      void** block = malloc(round == 0 ? 40 : round == 1 ? 500 : mixed);
      if (block == NULL) break;
      *block = list;
      list = block;
    }
    while (list != NULL) {
      void** const next = *list;
      free(list);
      list = next;
    }
    CHECK(largest_block() >= emscripten_get_heap_size() / 10 * 9);
  }
  for (int i = 0; i < 20; ++i) free(held[i]);
  CHECK(largest_block() >= emscripten_get_heap_size() / 10 * 9);
}

static void reserved_memory_is_used(void) {
  CHECK(emscripten_resize_heap(64 << 20));
  const size_t reserved = emscripten_get_heap_size();
  char* block = malloc(40 << 20);
  CHECK(block != NULL && emscripten_get_heap_size() == reserved);
  memset(block, 1, 40 << 20);
  CHECK(__builtin_wasm_memory_grow(0, 160) != (size_t)-1); /* 10 MiB, as JavaScript may */
  emscripten_notify_memory_growth(0);
  const size_t grown = __builtin_wasm_memory_size(0) * 65536;
  block = realloc(block, 70 << 20);
  CHECK(block != NULL && holds(block, 40 << 20, 1));
  CHECK(__builtin_wasm_memory_size(0) * 65536 == grown);
  free(block);
}

static void large_alignments(void) {
  void* blocks[20];
  int count = 0;
  for (size_t alignment = 1; alignment <= 4 << 20; alignment *= 2) {
    char* const block = count % 2 == 0 ? memalign(alignment, 1000) : aligned_alloc(alignment, 1000);
    CHECK(block != NULL && (uintptr_t)block % alignment == 0);
    memset(block, 1, 1000);
    if (count < 20)
      blocks[count] = block;
    else
      free(block);
    ++count;
  }
  for (int i = 0; i < count && i < 20; ++i) free(blocks[i]);
  void* block = NULL;
  CHECK(posix_memalign(&block, 4 << 20, 1 << 20) == 0 && (uintptr_t)block % (4 << 20) == 0);
  free(block);
  for (size_t alignment = 1; alignment != 0; alignment *= 2) {
    CHECK((got = memalign(alignment, zero - 100)) == NULL && last_error() == ENOMEM);
    CHECK((got = memalign(alignment, zero - alignment)) == NULL && last_error() == ENOMEM);
  }
  CHECK((got = memalign(zero + 0x80000000u, 100)) == NULL || (uintptr_t)got == 0x80000000u);
  free(got);
}

static void extensions(void) {
  struct mallinfo before = mallinfo();
  char* const block = malloc(100000);
  char* const small = malloc(40);
  memset(block, 1, 100000);
  memset(small, 1, 40);
  struct mallinfo during = mallinfo();
  CHECK(during.uordblks >= before.uordblks + 100040);
  CHECK(during.uordblks <= before.uordblks + 100040 + 8192);
  CHECK(during.uordblks + during.fordblks == during.arena);
  CHECK(during.ordblks > 0 && during.keepcost <= during.fordblks);
  free(block);
  free(small);
  CHECK(mallinfo().fordblks >= during.fordblks + 100040);

  size_t malloc_footprint(void);
  size_t malloc_max_footprint(void);
  size_t malloc_footprint_limit(void);
  size_t malloc_set_footprint_limit(size_t);
  void* pvalloc(size_t);
  int malloc_trim(size_t);
  void* realloc_in_place(void*, size_t);
  const size_t footprint = malloc_footprint();
  CHECK(footprint == during.arena && malloc_max_footprint() == footprint);
  CHECK(malloc_footprint_limit() == SIZE_MAX);
  const size_t limit = malloc_set_footprint_limit(footprint + 100000);
  CHECK(limit >= footprint + 100000 && limit == malloc_footprint_limit());
  CHECK((got = malloc(footprint + 200000)) == NULL && last_error() == ENOMEM);
  CHECK(malloc_set_footprint_limit(SIZE_MAX) == SIZE_MAX);
  got = malloc(footprint + 200000);
  CHECK(got != NULL);
  CHECK(malloc_footprint() > footprint);
  free(got);

  CHECK(malloc_trim(0) == 0 && mallopt(M_TRIM_THRESHOLD, 1) == 1 && mallopt(77, 1) == 0);
  char* page = valloc(100);
  CHECK((uintptr_t)page % (size_t)getpagesize() == 0);
  free(page);
  page = pvalloc(100);
  CHECK((uintptr_t)page % (size_t)getpagesize() == 0);
  CHECK(malloc_usable_size(page) >= (size_t)getpagesize());
  CHECK(pvalloc(zero - 100) == NULL && last_error() == ENOMEM);
  CHECK(realloc_in_place(page, 10) == page);
  CHECK(realloc_in_place(page, zero - 1000000) == NULL);
  free(page);
  malloc_stats();
}

/* Every allocation fails in turn, where a limit leaves no room for the growth that it needs. */
static void each_failure_in_turn(void) {
  size_t malloc_footprint(void);
  size_t malloc_set_footprint_limit(size_t);
  for (size_t allowed = 0; allowed < 40; ++allowed) {
    malloc_set_footprint_limit(malloc_footprint() + allowed * 65536);
    enum { most = 64 };
    char* blocks[most] = {0};
    size_t sizes[most] = {0};
    int failures = 0;
    for (int i = 0; i < 400; ++i) {
      const int at = i * 7 % most;
      const size_t size = (size_t)(i * 7919 % 300000) + 1;
      errno = 0;
      char* const block = i % 3 == 0           ? realloc(blocks[at], size)
                          : blocks[at] != NULL ? NULL
                          : i % 3 == 1         ? calloc(1, size)
                                               : memalign(1024, size);
      if (block == NULL) {
        if (blocks[at] == NULL || i % 3 == 0) {
          ++failures;
          CHECK(last_error() == ENOMEM);
        }
        if (blocks[at] != NULL) CHECK(holds(blocks[at], sizes[at], at));
        continue;
      }
      if (i % 3 == 1) CHECK(is_zero(block, size));
      if (i % 3 == 0) CHECK(holds(block, sizes[at] < size ? sizes[at] : size, at));
      memset(block, at, size);
      blocks[at] = block;
      sizes[at] = size;
    }
    CHECK(allowed != 0 || failures > 0 || malloc_footprint() > (10 << 20));
    for (int i = 0; i < most; ++i) free(blocks[i]);
  }
  malloc_set_footprint_limit(SIZE_MAX);
}

/* The memory of this program has all 4 GiB of the address space from the start. */
static void four_gigabytes(void) {
  char* const a = malloc(100000000);
  CHECK(a != NULL);
  CHECK((got = malloc(zero + 0xfd050000u)) == NULL && last_error() == ENOMEM);
  char* const b = malloc(zero + 0xc0000000u);
  CHECK(b != NULL && (b >= a + 100000000 || b + 0xc0000000u <= a));
  b[0xc0000000u - 1] = 5;
  a[0] = 1;
  CHECK(b[0xc0000000u - 1] == 5);
  free(a);
  free(b);
  for (int i = 0; i < 10; ++i) CHECK((got = malloc((size_t)(i * 100))) != NULL);
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } all[] = {
      {"break", break_is_contiguous},
      {"break-beside-blocks", break_beside_blocks},
      {"realloc", realloc_uses_what_is_there},
      {"one-block", one_block_after_all_is_freed},
      {"reserved", reserved_memory_is_used},
      {"alignments", large_alignments},
      {"extensions", extensions},
      {"failures", each_failure_in_turn},
      {"four-gigabytes", four_gigabytes},
  };
  for (size_t i = 0; argc > 1 && i < sizeof all / sizeof *all; ++i)
    if (strcmp(argv[1], all[i].name) == 0) all[i].run();
  printf("%s: %d checks, %d failed\n", argc > 1 ? argv[1] : "", checks_done, checks_failed);
  return checks_failed != 0;
}
