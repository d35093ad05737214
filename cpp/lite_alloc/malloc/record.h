/* SPDX-License-Identifier: MIT */
#ifndef LITE_ALLOC_MALLOC_RECORD_H
#define LITE_ALLOC_MALLOC_RECORD_H

#ifdef __cplusplus
extern "C" {
#endif

/* For programs that link lite_alloc_record.o, which records their allocation calls.
 *
 * Ends the recording and completes the trace file. Later calls are not recorded. Returns 0; returns
 * -1 iff the file could not be written, now or earlier. A second call does nothing and returns the
 * same. A program that ends by returning from `main` or by `exit` does not need to call this, if
 * its runtime calls the functions of `atexit`: Emscripten's does so with -sEXIT_RUNTIME. */
int lite_alloc_record_stop(void);

#ifdef __cplusplus
}
#endif

#endif
