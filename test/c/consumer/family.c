/* SPDX-License-Identifier: MIT
 *
 * Checks every function of the malloc family against what C and POSIX promise, also while other
 * code takes memory.
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

/* A size that does not fit in any memory, in a variable whose value the compiler cannot know. */
static volatile size_t too_much = (size_t)-100000;
static volatile size_t zero = 0;

/* Compilers remove a call of malloc whose block is never used. A store to this variable prevents
 * that. */
static void* volatile got;

/* Compilers assume that malloc does not change errno, so the read is hidden in a function that is
 * not inlined. */
static __attribute__((noinline)) int last_error(void) { return errno; }

static int can_grow(void) { return emscripten_get_heap_max() > emscripten_get_heap_size(); }

static int is_aligned(const void* block, size_t alignment) {
  return (uintptr_t)block % alignment == 0;
}

static void fill(void* block, size_t size, int seed) {
  for (size_t i = 0; i < size; ++i) ((unsigned char*)block)[i] = (unsigned char)(seed + 7 * i);
}

static int holds(const void* block, size_t size, int seed) {
  for (size_t i = 0; i < size; ++i)
    if (((const unsigned char*)block)[i] != (unsigned char)(seed + 7 * i)) return 0;
  return 1;
}

static int is_zero(const void* block, size_t size) {
  for (size_t i = 0; i < size; ++i)
    if (((const unsigned char*)block)[i] != 0) return 0;
  return 1;
}

static void blocks(void) {
  enum { count = 300 };
  static void* all[count];
  for (int i = 0; i < count; ++i) {
    all[i] = malloc((size_t)(i * 5));
    CHECK(all[i] != NULL && is_aligned(all[i], 16));
    CHECK(malloc_usable_size(all[i]) >= (size_t)(i * 5));
    fill(all[i], (size_t)(i * 5), i);
  }
  for (int i = 0; i < count; i += 2) free(all[i]);
  for (int i = 0; i < count; i += 2) {
    all[i] = calloc((size_t)i, 5);
    CHECK(all[i] != NULL && is_zero(all[i], (size_t)(i * 5)));
    fill(all[i], (size_t)(i * 5), i);
  }
  for (int i = 0; i < count; ++i) {
    CHECK(holds(all[i], (size_t)(i * 5), i));
    free(all[i]);
  }

  void* a = malloc(zero);
  void* b = malloc(zero);
  CHECK(a != NULL && b != NULL && a != b);
  free(a);
  free(b);
  free(NULL);
  CHECK(malloc_usable_size(NULL) == 0);
}

/* A block of up to 1008 bytes is as large as its size class; a larger one lies between tags of 4
 * bytes. */
static size_t usable_size_of(size_t size) {
  static const size_t classes[] = {576, 672, 800, 1008};
  if (size <= 512) return (size + 15) / 16 * 16;
  for (int i = 0; i < 4; ++i)
    if (size <= classes[i]) return classes[i];
  return (size + 4 + 15) / 16 * 16 - 4;
}

static void size_classes(void) {
  for (size_t size = 1; size < 1200; ++size) {
    void* block = malloc(size);
    CHECK(malloc_usable_size(block) == usable_size_of(size));
    free(block);
  }
  static const size_t sizes[] = {500, 512, 513, 576, 577, 672, 673, 800, 801, 1008, 1009, 2000};
  enum { count = sizeof sizes / sizeof *sizes };
  for (int i = 0; i < count; ++i) {
    for (int j = 0; j < count; ++j) {
      const size_t from = sizes[i];
      const size_t to = sizes[j];
      void* block = malloc(from);
      fill(block, from, i + j);
      const uintptr_t old = (uintptr_t)block;
      block = realloc(block, to);
      CHECK(block != NULL && holds(block, from < to ? from : to, i + j));
      if (from <= 1008) CHECK(((uintptr_t)block == old) == (to <= usable_size_of(from)));
      CHECK(malloc_usable_size(block) >= to);
      free(block);
    }
  }
}

static void reallocs(void) {
  unsigned char* block = realloc(NULL, 10);
  fill(block, 10, 1);
  void* wall = malloc(10);
  block = realloc(block, 5000);
  CHECK(block != NULL && holds(block, 10, 1));
  fill(block, 5000, 2);
  block = realloc(block, 200);
  CHECK(holds(block, 200, 2));
  errno = 0;
  CHECK(realloc(block, too_much) == NULL && last_error() == ENOMEM && holds(block, 200, 2));
  block = reallocarray(block, 30, 10);
  CHECK(block != NULL && holds(block, 200, 2));
  errno = 0;
  CHECK(reallocarray(block, too_much, 10) == NULL && last_error() == ENOMEM);
  /* A size of 0 keeps a block, as in Emscripten's default malloc. */
  block = realloc(block, zero);
  CHECK(block != NULL);
  free(block);
  free(wall);
}

static void alignments(void) {
  static void* all[20];
  int count = 0;
  for (size_t alignment = 1; alignment <= 65536; alignment *= 2) {
    void* block = memalign(alignment, 100);
    CHECK(block != NULL && is_aligned(block, alignment));
    fill(block, 100, count);
    all[count++] = block;
  }
  for (int i = 0; i < count; ++i) {
    CHECK(holds(all[i], 100, i));
    free(all[i]);
  }

  void* block = aligned_alloc(64, 640);
  CHECK(block != NULL && is_aligned(block, 64));
  block = realloc(block, 6400);
  CHECK(block != NULL);
  free(block);
  errno = 0;
  CHECK(aligned_alloc(zero + 48, 96) == NULL && last_error() == EINVAL);
  errno = 0;
  CHECK(memalign(zero, 96) == NULL && last_error() == EINVAL);
  errno = 0;
  CHECK(aligned_alloc(zero + 64, too_much) == NULL && last_error() == ENOMEM);

  void* untouched = &all;
  errno = 77;
  CHECK(posix_memalign(&untouched, zero + 2, 96) == EINVAL && untouched == &all);
  CHECK(posix_memalign(&untouched, zero + 48, 96) == EINVAL && untouched == &all);
  CHECK(posix_memalign(&untouched, zero, 96) == EINVAL && untouched == &all);
  CHECK(posix_memalign(&untouched, 64, too_much) == ENOMEM && untouched == &all);
  CHECK(last_error() == 77);
  CHECK(posix_memalign(&block, 4096, 1) == 0 && is_aligned(block, 4096));
  free(block);
}

static void failures(void) {
  errno = 0;
  CHECK((got = malloc(too_much)) == NULL && last_error() == ENOMEM);
  errno = 0;
  CHECK((got = calloc(too_much, 1)) == NULL && last_error() == ENOMEM);
  errno = 0;
  CHECK((got = calloc(too_much, too_much)) == NULL && last_error() == ENOMEM);
  errno = 0;
  CHECK((got = calloc(zero + 65536, zero + 65537)) == NULL && last_error() == ENOMEM);
}

/* Emscripten's own libraries call the family by these names. */
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void __libc_free(void*);

static void internal_names(void) {
  void* block = emscripten_builtin_malloc(10);
  block = realloc(block, 100);
  free(block);
  block = malloc(10);
  block = emscripten_builtin_realloc(block, 100);
  emscripten_builtin_free(block);
  block = emscripten_builtin_calloc(3, 30);
  CHECK(is_zero(block, 90));
  __libc_free(block);
  block = emscripten_builtin_memalign(256, 3);
  CHECK(is_aligned(block, 256));
  free(block);
  block = __libc_malloc(10);
  block = __libc_realloc(block, 20);
  free(block);
  block = __libc_calloc(4, 4);
  CHECK(is_zero(block, 16));
  free(block);
}

/* Other code takes memory through the break while blocks are live. Neither side may change the
 * memory of the other. */
static void with_the_break(void) {
  enum { rounds = 6, piece = 100000 };
  static unsigned char* from_break[rounds];
  static unsigned char* from_heap[rounds];
  for (int i = 0; i < rounds; ++i) {
    from_break[i] = sbrk(piece);
    CHECK(from_break[i] != (void*)-1 && is_aligned(from_break[i], 16));
    CHECK(is_zero(from_break[i], piece));
    fill(from_break[i], piece, i);
    from_heap[i] = malloc(3 * piece);
    CHECK(from_heap[i] != NULL);
    fill(from_heap[i], 3 * piece, i + 1);
  }
  for (int i = 0; i < rounds; ++i) {
    CHECK(holds(from_break[i], piece, i));
    CHECK(holds(from_heap[i], 3 * piece, i + 1));
    free(from_heap[i]);
  }

  if (can_grow()) {
    unsigned char* before = sbrk(0);
    CHECK(sbrk(1000) == before);
    CHECK(sbrk(16) == before + 1008);
    CHECK(sbrk(-1024) == before + 1024 && sbrk(0) == before);
    CHECK(brk(before + 300000) == 0 && sbrk(0) == before + 300000);
    fill(before, 300000, 9);
    CHECK(holds(before, 300000, 9));
  }
  errno = 0;
  CHECK(sbrk(0x7fffffff) == (void*)-1 && last_error() == ENOMEM);
  errno = 0;
  CHECK(sbrk(-0x7fffffff) == (void*)-1 && last_error() == ENOMEM);
}

/* After growth JavaScript uses the grown memory: it reads a text there, and writes one. */
static void with_javascript(void) {
  char* text = malloc(can_grow() ? 30000000 : 300000);
  strcpy(text, "grown");
  printf("stdio after growth: %s\n", text);
  const int length = EM_ASM_INT({ return UTF8ToString($0).length; }, text);
  CHECK(length == 5);
  char* made = (char*)EM_ASM_PTR({
    const address = _malloc(4);
    HEAPU8.set([ 111, 107, 33, 0 ], address);
    return address;
  });
  CHECK(strcmp(made, "ok!") == 0);
  EM_ASM({ _free($0); }, made);
  free(text);
}

/* Allocates until memory is exhausted, frees everything, and allocates again. */
static void exhaustion(void) {
  static void* all[4096];
  int count = 0;
  errno = 0;
  while (count < 4096 && (all[count] = malloc(1000000)) != NULL) ++count;
  CHECK(count < 4096 && last_error() == ENOMEM);
  CHECK(count > 3);
  for (int i = 0; i < count; ++i) free(all[i]);
  void* block = malloc(900000);
  CHECK(block != NULL);
  free(block);
}

int main(void) {
  blocks();
  size_classes();
  reallocs();
  alignments();
  failures();
  internal_names();
  with_the_break();
  with_javascript();
  exhaustion();
  return report_checks("family");
}
