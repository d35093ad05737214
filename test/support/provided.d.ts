// SPDX-License-Identifier: MIT

import 'vitest';

declare module 'vitest' {
  /** What `inject` gives to tests: set in vitest.config.ts and in the setup of a project. */
  export interface ProvidedContext {
    /** Where random tests start. */
    seed: number;
    /** How many operations the long random test does. */
    randomOperations: number;
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
