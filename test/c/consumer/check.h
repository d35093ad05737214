/* SPDX-License-Identifier: MIT */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>

static int checks_done;
static int checks_failed;

/* Counts a check; if it does not hold, prints its line. */
#define CHECK(condition)                                             \
  do {                                                               \
    ++checks_done;                                                   \
    if (!(condition)) {                                              \
      ++checks_failed;                                               \
      printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
    }                                                                \
  } while (0)

/* Prints the last line of a program, and returns its exit status. */
static inline int report_checks(const char* name) {
  printf("%s: %d failed, %s\n", name, checks_failed, checks_done > 10 ? "enough done" : "too few");
  return checks_failed != 0;
}

#endif
