// SPDX-License-Identifier: MIT
  return Module;
}
