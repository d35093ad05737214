// SPDX-License-Identifier: MIT

import 'vitest';

declare module 'vitest' {
  /** The values that `inject` returns to tests; vitest.config.ts and the setup of a project set them. */
  export interface ProvidedContext {
    /** The seed of the random tests. */
    seed: number;
    /** The number of operations of the long random test. */
    randomOperations: number;
    /** Whether everything is tested, as in `npm test -- --all`. */
    all: boolean;
    /** The folder in which the packed package is installed. */
    consumerFolder: string;
    /** The package as npm would publish it. */
    tarball: string;
    /** The files in the package's tarball, without the leading `package/`. */
    packedFiles: readonly string[];
    /** The size of the tarball. */
    packedBytes: number;
  }
}
