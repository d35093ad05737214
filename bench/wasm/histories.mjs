// SPDX-License-Identifier: MIT
//
// Recorded histories as the bench inside wasm wants them: in pieces that fit its window. In a piece
// blocks are numbered from 0, so that the tables inside wasm stay small and cached whatever the
// history's size, and nothing of the bench's own lies in the heap.

import { Operation, readTrace } from '../trace.mjs';

/**
 * @param {string} name
 * @param {number} windowOperations what the window holds
 * @param {number} [operations] no more of the history than that
 * @returns {{ operations: number, peakBytes: number, slots: number, pieces: Piece[] }} `operations`
 *   includes the frees of what is live at the end; `slots` is the size of the table that carries blocks
 *   across pieces
 *
 * @typedef {object} Piece
 * @property {Uint32Array} code two integers an operation: block * 4 + kind, and the size
 * @property {Uint32Array} carriedIn pairs: block in this piece, its slot in the table
 * @property {Uint32Array} carriedOut the same, for blocks that live on
 */
export function readHistory(name, windowOperations, operations = Number.POSITIVE_INFINITY) {
  const { pairs, blocks } = readTrace(name);
  const sizes = new Uint32Array(blocks);
  const slots = new Map(); // id of a live block that is carried -> slot
  const freeSlots = [];
  let slotCount = 0;
  let live = 0;
  let peakBytes = 0;
  let count = 0;
  const pieces = [];
  let piece = newPiece();

  const end = Math.min(pairs.length, operations * 2);
  const alive = new Set();
  for (let index = 0; index < end; index += 2) {
    add(pairs[index] >>> 2, pairs[index] & 3, pairs[index + 1]);
  }
  for (const id of [...alive]) add(id, Operation.free, 0);
  finish();
  return { operations: count, peakBytes, slots: slotCount, pieces };

  function newPiece() {
    return { code: [], carriedIn: [], locals: new Map() };
  }

  function add(id, kind, size) {
    if (piece.code.length / 2 + (kind === Operation.reallocate ? 2 : 1) > windowOperations)
      finish();
    count++;
    let local = piece.locals.get(id);
    if (local === undefined) {
      local = piece.locals.size;
      piece.locals.set(id, local);
      if (kind !== Operation.allocate) {
        const slot = slots.get(id);
        piece.carriedIn.push(local, slot);
        slots.delete(id);
        freeSlots.push(slot);
      }
    }
    const oldSize = sizes[id];
    if (kind === Operation.free) {
      piece.code.push(local * 4 + kind, oldSize);
      alive.delete(id);
      live -= oldSize;
      return;
    }
    piece.code.push(local * 4 + kind, size);
    if (kind === Operation.reallocate) {
      piece.code.push(0, oldSize);
      live -= oldSize;
    } else {
      alive.add(id);
    }
    sizes[id] = size;
    live += size;
    peakBytes = Math.max(peakBytes, live);
  }

  /** Slots are assigned after the slots of blocks that were carried in are free again, so the table stays small. */
  function finish() {
    const carriedOut = [];
    for (const [id, local] of piece.locals) {
      if (!alive.has(id)) continue;
      const slot = freeSlots.pop() ?? slotCount++;
      slots.set(id, slot);
      carriedOut.push(local, slot);
    }
    pieces.push({
      code: Uint32Array.from(piece.code),
      carriedIn: Uint32Array.from(piece.carriedIn),
      carriedOut: Uint32Array.from(carriedOut),
    });
    piece = newPiece();
  }
}
