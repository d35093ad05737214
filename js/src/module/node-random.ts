// SPDX-License-Identifier: MIT

import { fileSystem } from './node-host.js';
import { systemRandom } from './secret.js';

interface NodeHost {
  readonly process?: { readonly platform?: string };
}

/**
 * Lets heaps take their random numbers from Linux where the program runs on it. Node takes longer to load its `crypto` than
 * all else that the first heap of a program needs.
 */
export function useSystemRandom(): void {
  systemRandom.read = readUuid;
}

/**
 * Returns the first 8 digits of a random UUID of Linux as a number; undefined on other systems, and in Deno, which would
 * ask the user whether the program may read the file.
 */
function readUuid(): number | undefined {
  const { process } = globalThis as NodeHost;
  if (process?.platform !== 'linux' || 'Deno' in globalThis) return undefined;
  try {
    const uuid = fileSystem()?.readFileSync('/proc/sys/kernel/random/uuid', 'latin1') ?? '';
    const number = Number.parseInt(uuid, 16);
    return number >= 0 ? number : undefined;
  } catch {
    return undefined;
  }
}
