// SPDX-License-Identifier: MIT
//
// One candidate, in a file of its own: so the workloads really call it.
#include "candidate.hpp"

#include LITE_ALLOC_BENCH_CANDIDATE
