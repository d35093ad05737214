// SPDX-License-Identifier: MIT

/** Addresses in one map: a power of two of them, so that it holds 2^23 blocks at most. */
const addressBits = 27;

/** Values by block address. Several maps: one of the engine ends at 2^24 entries, and memory holds 2^28 blocks. */
export class AddressMap<Value> {
  #maps: (Map<number, Value> | undefined)[] = [];

  get(address: number): Value | undefined {
    return this.#maps[address >>> addressBits]?.get(address);
  }

  set(address: number, value: Value): void {
    const index = address >>> addressBits;
    let map = this.#maps[index];
    if (map === undefined) {
      map = new Map();
      this.#maps[index] = map;
    }
    map.set(address, value);
  }

  delete(address: number): void {
    this.#maps[address >>> addressBits]?.delete(address);
  }

  clear(): void {
    this.#maps = [];
  }

  *values(): Generator<Value, undefined> {
    for (const map of this.#maps) if (map !== undefined) yield* map.values();
  }
}
