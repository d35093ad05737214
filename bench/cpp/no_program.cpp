// SPDX-License-Identifier: MIT
//
// A module that only exports an allocator is linked from this, and nothing.
