/* SPDX-License-Identifier: MIT
 *
 * Makes allocation calls at random and keeps a list of them, by the numbers of their blocks. When
 * it has ended the recording, it prints the list. The argument names what else happens. */

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef RECORDED
#include <lite_alloc/malloc/record.h>
#else
static int lite_alloc_record_stop(void) { return 0; }
#endif

enum { kCalls = 30000, kBlocks = 300 };

struct call {
  char kind;
  unsigned block;
  unsigned size;
  unsigned alignment;
};

static struct call calls[kCalls];
static int count;
static struct {
  char* bytes;
  unsigned number;
  unsigned size;
} blocks[kBlocks];
static unsigned allocated;
static uint32_t state = 12345;

static unsigned below(unsigned limit) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state % limit;
}

static void note(char kind, unsigned block, unsigned size, unsigned alignment) {
  calls[count++] = (struct call){kind, block, size, alignment};
}

static unsigned some_size(void) { return below(10) == 0 ? below(100000) : below(40) * 8; }

static void allocate(int place) {
  const unsigned size = some_size();
  const unsigned alignment = 1U << (3 + below(14));
  void* block = NULL;
  switch (below(6)) {
    case 0:
      block = calloc(size, 3);
      blocks[place].size = size * 3;
      note('z', allocated, size * 3, 0);
      break;
    case 1:
      block = memalign(alignment, size);
      note('a', allocated, size, alignment);
      break;
    case 2:
      block = aligned_alloc(alignment, size);
      note('a', allocated, size, alignment);
      break;
    case 3:
      if (posix_memalign(&block, alignment, size) != 0) abort();
      note('a', allocated, size, alignment);
      break;
    case 4:
      block = realloc(NULL, size);
      note('m', allocated, size, 0);
      break;
    default:
      block = malloc(size);
      note('m', allocated, size, 0);
  }
  if (block == NULL) abort();
  if (calls[count - 1].kind != 'z') blocks[place].size = size;
  memset(block, place, blocks[place].size);
  blocks[place].bytes = block;
  blocks[place].number = allocated++;
}

static void check(int place) {
  for (unsigned at = 0; at < blocks[place].size; ++at) {
    if (blocks[place].bytes[at] != (char)place) abort();
  }
}

static void call_at_random(void) {
  const int place = (int)below(kBlocks);
  if (blocks[place].bytes == NULL) {
    allocate(place);
    return;
  }
  check(place);
  if (below(3) == 0) {
    const unsigned size = some_size() + 1;
    blocks[place].bytes = realloc(blocks[place].bytes, size);
    if (blocks[place].bytes == NULL) abort();
    blocks[place].size = size;
    memset(blocks[place].bytes, place, size);
    note('r', blocks[place].number, size, 0);
  } else {
    free(blocks[place].bytes);
    blocks[place].bytes = NULL;
    note('f', blocks[place].number, 0, 0);
  }
}

/* Calls that fail, and those that do nothing, are not recorded. */
static void make_failing_calls(void) {
  void* volatile none = NULL;
  volatile size_t huge = (size_t)-1 / 2;
  free(none);
  static int place;
  void* result = &place;
  if (malloc(huge) != NULL || calloc(huge, 3) != NULL || realloc(none, huge) != NULL) abort();
  if (posix_memalign(&result, 24, 8) != EINVAL || posix_memalign(&result, 64, huge) != ENOMEM) {
    abort();
  }
  if (result != &place) abort();
}

static int print_calls(void) {
  for (int at = 0; at < count; ++at) {
    const struct call* call = &calls[at];
    printf("%c %u %u %u\n", call->kind, call->block, call->size, call->alignment);
  }
  return 0;
}

/* Allocates until there is no memory, frees everything, and prints the number of blocks. */
static int exhaust(void) {
  void** newest = NULL;
  int number = 0;
  for (void** block; (block = malloc(1000)) != NULL; ++number) {
    *block = newest;
    newest = block;
  }
  printf("%d blocks, errno %d\n", number, errno == ENOMEM);
  while (newest != NULL) {
    void** next = *newest;
    free(newest);
    newest = next;
  }
  return malloc(100000) == NULL;
}

int main(int argument_count, char** arguments) {
  const char* how = argument_count > 1 ? arguments[1] : "";
  if (strcmp(how, "exhaust") == 0) return exhaust();
  make_failing_calls();
  while (count < kCalls / 2) call_at_random();
  if (strcmp(how, "crash") == 0) __builtin_trap();
  while (count < kCalls) call_at_random();
  if (strcmp(how, "return") == 0) return print_calls();
  const int status = lite_alloc_record_stop();
  if (status != lite_alloc_record_stop()) return 4;
  free(malloc(1));
  print_calls();
  return status == 0 ? 0 : 5;
}
