// SPDX-License-Identifier: MIT

/** The calls on raw blocks that only heaps have. The default of `alignment` is 16. */
export interface RawBlocks {
  /**
   * Allocates as `malloc` does, but returns 0 where memory cannot hold the block.
   *
   * @throws RangeError where `size` is not a non-negative integer.
   */
  tryMalloc(size: number): number;

  /**
   * Resizes a block to `size` bytes and returns its address. The block stays in place where it can; else it moves,
   * and `address` is no longer valid. The contents are kept up to the smaller size, and so is the alignment. An
   * address of 0 allocates as `malloc` does. A block that moves is copied, in time proportional to its size.
   *
   * @throws RangeError where `size` is not a non-negative integer.
   * @throws OutOfMemoryError where memory cannot hold it; the block is then unchanged.
   * @throws InvalidFreeError where `address` is not a live block of this heap.
   *
   * @example
   * ```ts
   * const address = heap.realloc(heap.malloc(16), 4096);
   * console.log(heap.usableSize(address) >= 4096); // true
   * heap.free(address);
   * ```
   */
  realloc(address: number, size: number): number;

  /**
   * Frees a block. An address of 0 is ignored. Free a block of a handle, arena or scope with that object: if you
   * free it by its address, the object is dead and throws, and a debug heap refuses the call.
   *
   * @throws DoubleFreeError where the block is already free, as far as its bytes still show it.
   * @throws InvalidFreeError where `address` is not a live block of this heap.
   *
   * @example
   * ```ts
   * const address = heap.malloc(64);
   * heap.free(address);
   * console.log(heap.stats().liveBlocks); // 0
   * ```
   */
  free(address: number): void;

  /**
   * Returns the usable size of a block, in bytes: at least the requested size.
   *
   * @throws InvalidFreeError where `address` is not a live block of this heap.
   */
  usableSize(address: number): number;

  /**
   * Allocates a block of `size` bytes without a header. The caller keeps its size and alignment, and passes both
   * to `deallocate` and `reallocate`. Do not pass the block to `free`. Returns its address, a multiple of
   * `alignment`, which is a power of two up to 65 536.
   *
   * @throws RangeError where `size` is not a non-negative integer or `alignment` not a power of two.
   * @throws OutOfMemoryError where memory cannot hold it.
   *
   * @example
   * ```ts
   * const address = heap.allocate(48, 64);
   * console.log(address % 64); // 0
   * heap.deallocate(address, 48, 64);
   * ```
   */
  allocate(size: number, alignment?: number): number;

  /**
   * Frees a block that `allocate` returned. `size` and `alignment` are those that the block has now.
   *
   * @throws RangeError where `size` is not a non-negative integer or `alignment` not a power of two.
   * @throws InvalidFreeError where no such block can be at `address`. Not every mistake is detected.
   *
   * @example
   * ```ts
   * const address = heap.allocate(48);
   * heap.deallocate(address, 48);
   * console.log(heap.stats().liveBlocks); // 0
   * ```
   */
  deallocate(address: number, size: number, alignment?: number): void;

  /**
   * Resizes a block that `allocate` returned to `newSize` bytes, and returns its address, which may be another one.
   * The contents are kept up to the smaller size. A block that moves is copied, in time proportional to its size.
   *
   * @throws RangeError where a size is not a non-negative integer or `alignment` not a power of two.
   * @throws OutOfMemoryError where memory cannot hold it; the block is then unchanged.
   * @throws InvalidFreeError where no such block can be at `address`. Not every mistake is detected.
   *
   * @example
   * ```ts
   * const address = heap.reallocate(heap.allocate(48), 48, 480);
   * console.log(heap.stats().liveBlocks); // 1
   * heap.deallocate(address, 480);
   * ```
   */
  reallocate(address: number, oldSize: number, newSize: number, alignment?: number): number;
}
