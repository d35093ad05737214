// SPDX-License-Identifier: MIT

/** The function of `node:fs` that this package uses. */
export interface FileSystem {
  readFileSync(path: URL): Uint8Array<ArrayBuffer>;
  readFileSync(path: string, encoding: 'latin1'): string;
}

interface NodeHost {
  readonly process?: { getBuiltinModule?(id: 'node:fs'): FileSystem };
}

/** Returns the file system of Node, Deno and Bun; undefined on other hosts. */
export function fileSystem(): FileSystem | undefined {
  return (globalThis as NodeHost).process?.getBuiltinModule?.('node:fs');
}
