/* SPDX-License-Identifier: MIT
 *
 * Misuses the heap in the way that the argument names. Each of them must end the program. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is(const char* misuse, const char* name) { return strcmp(misuse, name) == 0; }

int main(int argc, char** argv) {
  const char* misuse = argc > 1 ? argv[1] : "none";
  char* volatile block = malloc(100);
  block[0] = 'a';
  printf("%s\n", misuse);
  fflush(stdout);
  if (is(misuse, "double-free")) {
    free(block);
    free(block);
  } else if (is(misuse, "free-inside")) {
    char* volatile large = calloc(1, 5000);
    char* volatile inside = large + 64;
    free(inside);
  } else if (is(misuse, "free-static")) {
    static char bytes[64];
    char* volatile address = bytes + (16 - (uintptr_t)bytes % 16);
    free(address);
  } else if (is(misuse, "realloc-freed")) {
    free(block);
    block = realloc(block, 1000);
  } else if (is(misuse, "exhaust")) {
    while (block != NULL) block = malloc(1000000);
  }
  printf("still here\n");
  return 0;
}
