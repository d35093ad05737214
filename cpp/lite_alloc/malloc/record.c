/* SPDX-License-Identifier: MIT
 *
 * Records the allocation calls of a C or C++ program in a trace file: docs/trace-format.md
 * describes it, and AllocationTrace.read and the command lite-alloc read it.
 *
 * This file defines malloc, calloc, realloc, free, memalign, aligned_alloc and posix_memalign. They
 * call the program's own malloc, whichever that is, by the names that Emscripten and glibc have for
 * it. Compile this file with the program, without link-time optimisation, and link its object file:
 * then these definitions win, since all others are weak or in archives.
 *
 * The recorder allocates nothing. Its table of live blocks and the frame that it fills are static
 * data, so a program has as much memory for its blocks as without it, and finds no memory at the
 * same call. When more blocks are live than the table holds, or when the file cannot be written,
 * the recording ends; the program goes on.
 *
 * The end of the trace is written behind each frame, and overwritten by the next one. So the file
 * of a program that crashes is a valid trace of its first calls, marked as truncated. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_CLOEXEC */
#endif

#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The number of entries in the table of live blocks: a power of two. Three of four can be used. */
#ifndef LITE_ALLOC_RECORD_TABLE
#ifdef __wasm__
#define LITE_ALLOC_RECORD_TABLE (1U << 18U) /* 2 MiB of memory, 196 608 live blocks */
#else
#define LITE_ALLOC_RECORD_TABLE (1U << 23U) /* pages of it that are not used take no memory */
#endif
#endif

_Static_assert((LITE_ALLOC_RECORD_TABLE & (LITE_ALLOC_RECORD_TABLE - 1)) == 0,
               "LITE_ALLOC_RECORD_TABLE must be a power of two");

/* --- the malloc that is recorded */

#if defined(__EMSCRIPTEN__)
#define UNRECORDED(name) emscripten_builtin_##name
#elif defined(__GLIBC__)
#define UNRECORDED(name) __libc_##name
#else
#error "record.c needs the malloc of Emscripten or of glibc"
#endif

void* UNRECORDED(malloc)(size_t size);
void* UNRECORDED(calloc)(size_t count, size_t size);
void* UNRECORDED(realloc)(void* block, size_t size);
void* UNRECORDED(memalign)(size_t alignment, size_t size);
void UNRECORDED(free)(void* block);

/* --- the format: see js/src/traces/format.ts */

enum {
  kAllocate = 0, /* kinds: the lowest two bits of an operation's first number */
  kSpecial = 1,
  kFree = 2,
  kReallocate = 3,
  kRecentSizes = 32,
  kOlderFree = 33, /* values of kSpecial from here on */
  kZeroed = 34,
  kLargestExponent = 12, /* of an alignment, which is 16 << exponent */
  kFrameOperations = 8192,
  kMostOperationBytes = 12,
  kMostNumberBytes = 6,
  kChecksumBytes = 4
};

/* --- state. All of it is zero at first, so that it serves calls before any constructor. */

struct entry {
  uintptr_t address; /* 0: the entry is empty */
  uint32_t number;   /* blocks are numbered in the order of their allocation */
};

static struct entry table[LITE_ALLOC_RECORD_TABLE];
static uint32_t live;
static uint32_t allocated;

static uint32_t recent[kRecentSizes]; /* the newest first */
static unsigned recent_count;
static uint32_t last; /* the block that was freed or resized last */

/* A frame: room for its two first numbers, the operations, and room for checksum and end. */
enum { kHeadRoom = 2 * kMostNumberBytes, kTailRoom = 2 * kChecksumBytes + 2 * kMostNumberBytes };
static unsigned char frame[kHeadRoom + kFrameOperations * kMostOperationBytes + kTailRoom];
static size_t frame_bytes;
static unsigned frame_operations;
static uint64_t operations; /* in frames that were written */

static int is_open;
static int file;
static off_t file_end;
static int is_stopped;
static int has_failed;

/* Whether this thread is in the recorder or in a function that it calls, which may allocate, too.
 * The linker refuses an object with a variable of each thread in memory that threads share: there
 * the recorder would need a lock. */
static _Thread_local int is_inside;

/* --- one thread at a time */

#ifdef __wasm__

static void lock(void) {}
static void unlock(void) {}

#else

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

static atomic_flag is_locked = ATOMIC_FLAG_INIT;

static void lock(void) {
  while (atomic_flag_test_and_set_explicit(&is_locked, memory_order_acquire)) sched_yield();
}

static void unlock(void) { atomic_flag_clear_explicit(&is_locked, memory_order_release); }

/* A child process would write to the same file. */
static void stop_in_child(void) {
  is_stopped = 1;
  unlock();
}

__attribute__((constructor)) static void prepare_fork(void) {
  pthread_atfork(lock, unlock, stop_in_child);
}

#endif

/* Returns whether the call is to be recorded. Then `leave` must follow. The lock is held while the
 * recorded function runs, so that the calls of all threads are recorded in the order in which the
 * heap served them. */
static int enter(void) {
  if (is_inside || is_stopped) return 0;
  lock();
  is_inside = 1;
  return 1;
}

static void leave(void) {
  is_inside = 0;
  unlock();
}

/* --- the table: open addressing, linear probing */

static size_t place_of(uintptr_t address) {
  return (uint32_t)(address >> 3U) * 2654435769U & (LITE_ALLOC_RECORD_TABLE - 1);
}

static size_t next_place(size_t place) { return (place + 1) & (LITE_ALLOC_RECORD_TABLE - 1); }

/* Returns the place of a block, or the empty place where it belongs. */
static size_t find(uintptr_t address) {
  size_t place = place_of(address);
  while (table[place].address != 0 && table[place].address != address) place = next_place(place);
  return place;
}

/* Removes the entry at a place, and moves entries behind it up whose probing would end there. */
static void remove_at(size_t place) {
  for (size_t next = next_place(place); table[next].address != 0; next = next_place(next)) {
    const size_t home = place_of(table[next].address);
    const size_t distance = (next - home) & (LITE_ALLOC_RECORD_TABLE - 1);
    if (distance >= ((next - place) & (LITE_ALLOC_RECORD_TABLE - 1))) {
      table[place] = table[next];
      place = next;
    }
  }
  table[place].address = 0;
  --live;
}

/* --- writing */

/* CRC-32 of gzip and PNG. */
static uint32_t checksum_of(const unsigned char* bytes, size_t count) {
  static const uint32_t of_digit[16] = {0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC,
                                        0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
                                        0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
                                        0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
  uint32_t sum = ~0U;
  for (size_t at = 0; at < count; ++at) {
    sum ^= bytes[at];
    sum = of_digit[sum & 15U] ^ (sum >> 4U);
    sum = of_digit[sum & 15U] ^ (sum >> 4U);
  }
  return ~sum;
}

/* Writes a number at `to` and returns the place behind it. */
static unsigned char* put_number(unsigned char* to, uint64_t value) {
  for (; value >= 128; value >>= 7U) *to++ = (unsigned char)(value | 128U);
  *to++ = (unsigned char)value;
  return to;
}

/* Writes the checksum of the bytes from `from` to `to` behind them. */
static unsigned char* put_checksum(const unsigned char* from, unsigned char* to) {
  const uint32_t sum = checksum_of(from, (size_t)(to - from));
  for (unsigned shift = 0; shift < 32; shift += 8) *to++ = (unsigned char)(sum >> shift);
  return to;
}

static void say(const char* text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) return; /* there is no other way to say it */
}

static const char* path_of_trace(void) {
  const char* path = getenv("LITE_ALLOC_TRACE");
  return path != NULL && *path != 0 ? path : "lite-alloc.trace";
}

static void fail(void) {
  const char* reason = strerror(errno);
  has_failed = 1;
  is_stopped = 1;
  say("lite-alloc: cannot write the trace ");
  say(path_of_trace());
  say(": ");
  say(reason);
  say("; the recording ends\n");
}

static int write_all(const unsigned char* bytes, size_t count) {
  while (count > 0) {
    const ssize_t written = write(file, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return 0;
    bytes += written;
    count -= (size_t)written;
  }
  return 1;
}

static int open_file(void) {
  static const unsigned char start[] = {0x89, 'L', 'A', 'T', 1};
  if (is_open) return 1;
  file = open(path_of_trace(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  is_open = file >= 0;
  if (!is_open || !write_all(start, sizeof start)) return 0;
  file_end = lseek(file, 0, SEEK_CUR); /* -1 for a pipe */
  return 1;
}

/* Writes the frame and the end of the trace. A pipe gets its end only when there are no more
 * frames. */
static void write_frame(int is_truncated, int is_last) {
  unsigned char head[kHeadRoom];
  const size_t head_bytes =
      (size_t)(put_number(put_number(head, frame_operations), frame_bytes) - head);
  unsigned char* const operations_begin = frame + kHeadRoom;
  unsigned char* const begin = operations_begin - (frame_operations > 0 ? head_bytes : 0);
  unsigned char* end = operations_begin + frame_bytes;
  if (!open_file() || (file_end >= 0 && lseek(file, file_end, SEEK_SET) < 0)) {
    fail();
    return;
  }
  if (frame_operations > 0) {
    memcpy(begin, head, head_bytes);
    end = put_checksum(begin, end);
    operations += frame_operations;
  }
  const size_t whole = (size_t)(end - begin);
  if (is_last || file_end >= 0) {
    unsigned char* const last_part = end;
    *end++ = 0;
    *end++ = (unsigned char)is_truncated;
    end = put_checksum(last_part, put_number(end, operations));
  }
  if (!write_all(begin, (size_t)(end - begin))) {
    fail();
    return;
  }
  if (file_end >= 0) file_end += (off_t)whole;
  frame_bytes = 0;
  frame_operations = 0;
}

/* Ends the recording. Without effect if it has ended. */
static void stop(int is_truncated) {
  const int kept = errno;
  if (!is_stopped) write_frame(is_truncated, 1);
  if (is_open && close(file) != 0 && !has_failed) fail();
  is_open = 0;
  is_stopped = 1;
  errno = kept;
}

/* --- operations */

static unsigned char* next_byte(void) { return frame + kHeadRoom + frame_bytes; }

static void begin_operation(unsigned kind, uint64_t value) {
  frame_bytes = (size_t)(put_number(next_byte(), value * 4 + kind) - frame) - kHeadRoom;
}

static void add_number(uint64_t value) {
  frame_bytes = (size_t)(put_number(next_byte(), value) - frame) - kHeadRoom;
}

static void end_operation(void) {
  if (++frame_operations < kFrameOperations) return;
  const int kept = errno;
  write_frame(1, 0);
  errno = kept;
}

/* Writes a size by its place in the list of recent sizes, or itself, and makes it the newest. */
static void encode_size(uint32_t size) {
  unsigned place = 0;
  while (place < recent_count && recent[place] != size) ++place;
  if (place < recent_count) {
    begin_operation(kSpecial, place);
  } else {
    begin_operation(kAllocate, size);
    if (recent_count < kRecentSizes) ++recent_count;
    place = recent_count - 1;
  }
  memmove(recent + 1, recent, place * sizeof *recent);
  recent[0] = size;
}

/* Writes a block's number as the step from the block that was freed or resized last. */
static void encode_block(unsigned kind, uint32_t number) {
  const uint64_t step =
      number >= last ? 2 * (uint64_t)(number - last) : 2 * (uint64_t)(last - number) - 1;
  begin_operation(kind, step);
  last = number;
}

/* The functions below record a call that has succeeded. `birth` is the value of kSpecial that says
 * which function allocated the block; 0 for malloc. The format has no sizes from 4 GiB on: such a
 * block counts as allocated before the recording. */

static void record_allocation(const void* block, size_t size, unsigned birth) {
  if (is_stopped || block == NULL || size > UINT32_MAX) return;
  const size_t place = find((uintptr_t)block);
  if (table[place].address == 0) {
    if (live == LITE_ALLOC_RECORD_TABLE / 4 * 3) {
      say("lite-alloc: more blocks are live than LITE_ALLOC_RECORD_TABLE has room for; the "
          "recording ends\n");
      stop(1);
      return;
    }
    ++live;
  }
  table[place] = (struct entry){(uintptr_t)block, allocated++};
  if (birth == 0) {
    encode_size((uint32_t)size);
  } else {
    begin_operation(kSpecial, birth);
    add_number(size);
  }
  end_operation();
}

static void record_free(const void* block) {
  if (is_stopped) return;
  const size_t place = find((uintptr_t)block);
  if (table[place].address == 0) {
    begin_operation(kSpecial, kOlderFree);
  } else {
    encode_block(kFree, table[place].number);
    remove_at(place);
  }
  end_operation();
}

static void record_resize(const void* block, const void* moved, size_t size) {
  if (is_stopped) return;
  const size_t place = find((uintptr_t)block);
  if (table[place].address == 0) {
    record_allocation(moved, size, 0);
  } else if (size > UINT32_MAX) {
    record_free(block);
  } else {
    const uint32_t number = table[place].number;
    remove_at(place);
    table[find((uintptr_t)moved)] = (struct entry){(uintptr_t)moved, number};
    ++live;
    encode_block(kReallocate, number);
    add_number(size);
    end_operation();
  }
}

/* Returns the birth of a block with an alignment. The format's largest alignment is 65 536. */
static unsigned birth_of(size_t alignment) {
  unsigned exponent = 0;
  while (exponent < kLargestExponent && ((size_t)16 << exponent) < alignment) ++exponent;
  return exponent == 0 ? 0 : kZeroed + exponent;
}

/* --- the functions that a program calls */

int lite_alloc_record_stop(void) {
  if (enter()) {
    stop(0);
    leave();
  }
  return has_failed ? -1 : 0;
}

/* Runs after the program's own functions of atexit, and after its static destructors. */
__attribute__((destructor(101))) static void stop_at_end(void) { lite_alloc_record_stop(); }

void* malloc(size_t size) {
  if (!enter()) return UNRECORDED(malloc)(size);
  void* block = UNRECORDED(malloc)(size);
  record_allocation(block, size, 0);
  leave();
  return block;
}

void* calloc(size_t count, size_t size) {
  if (!enter()) return UNRECORDED(calloc)(count, size);
  void* block = UNRECORDED(calloc)(count, size);
  record_allocation(block, count * size, kZeroed);
  leave();
  return block;
}

void* realloc(void* block, size_t size) {
  if (!enter()) return UNRECORDED(realloc)(block, size);
  void* moved = UNRECORDED(realloc)(block, size);
  if (block == NULL) {
    record_allocation(moved, size, 0);
  } else if (moved != NULL) {
    record_resize(block, moved, size);
#ifdef __GLIBC__
  } else if (size == 0) {
    record_free(block);
#endif
  }
  leave();
  return moved;
}

void* memalign(size_t alignment, size_t size) {
  if (!enter()) return UNRECORDED(memalign)(alignment, size);
  void* block = UNRECORDED(memalign)(alignment, size);
  record_allocation(block, size, birth_of(alignment));
  leave();
  return block;
}

void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void** result, size_t alignment, size_t size) {
  if (alignment < sizeof(void*) || (alignment & (alignment - 1)) != 0) return EINVAL;
  const int kept = errno;
  void* block = memalign(alignment, size);
  errno = kept;
  if (block == NULL) return ENOMEM;
  *result = block;
  return 0;
}

void free(void* block) {
  if (block != NULL && enter()) {
    record_free(block);
    UNRECORDED(free)(block);
    leave();
  } else {
    UNRECORDED(free)(block);
  }
}
