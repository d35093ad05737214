// SPDX-License-Identifier: MIT

/** Each map covers 2^27 bytes of addresses, and so holds at most 2^23 blocks. */
const addressBits = 27;

/**
 * A map from block addresses to values. It consists of several maps, because a `Map` of the engine holds
 * at most 2^24 entries, while memory can hold 2^28 blocks.
 */
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
