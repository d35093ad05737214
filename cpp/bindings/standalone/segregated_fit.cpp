// SPDX-License-Identifier: MIT
#include "lite_alloc/heap/segregated_fit.hpp"

#include "standalone.hpp"

template struct lite_alloc::bindings::Standalone<lite_alloc::SegregatedFit>;
