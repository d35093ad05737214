// SPDX-License-Identifier: MIT
//
// Uses the whole public interface of the package, and reports what works. It needs nothing but the language and
// WebAssembly, so that every host can run it: hosts.ts says how.

/**
 * What a host passes to `probe`.
 *
 * @typedef {object} Host
 * @property {typeof import('lite-alloc')} main What `lite-alloc` exports.
 * @property {typeof import('lite-alloc/inline')} inline What `lite-alloc/inline` exports.
 * @property {(file: string) => Promise<WebAssembly.Module> | WebAssembly.Module} compile Compiles a wasm file of the
 * package, or returns the module that the host compiled.
 * @property {boolean} [passesWasm] Whether each heap gets its module as the option `wasm`, as edge hosts require.
 */

/**
 * Runs all checks, one after the other. A check that works has the same detail in every host; one that does not has
 * the message of the error.
 *
 * @param {Host} host
 * @returns {Promise<{ name: string, ok: boolean, detail: string }[]>}
 */
export async function probe(host) {
  const results = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      const found = [await check(await contextOf(host))].flat();
      results.push({ name, ok: true, detail: found.join(' ') });
    } catch (error) {
      results.push({ name, ok: false, detail: String(error).split('\n')[0] });
    }
  }
  return results;
}

/** What the checks use: the host, and functions that make heaps as this host requires. */
async function contextOf(host) {
  const { main, compile, passesWasm = false } = host;
  const file = (options) =>
    options.memory !== undefined
      ? 'lite-alloc.region.wasm'
      : `lite-alloc${(options.strategy ?? 'segregated-fit') === 'segregated-fit' ? '' : '.strategies'}.wasm`;
  const complete = async (options) =>
    passesWasm ? { ...options, wasm: await compile(file(options)) } : options;
  return {
    ...host,
    make: async (options = {}) => main.createHeap(await complete(options)),
    makeSync: async (options = {}) => main.createHeapSync(await complete(options)),
    strategiesWasm: passesWasm ? { wasm: await compile('lite-alloc.strategies.wasm') } : {},
  };
}

const checks = {
  // The first one: nothing has loaded the wasm before it.
  'createHeapSync before createHeap': ({ main }) => useBlocks(main.createHeapSync()),
  'createHeap without the option wasm': async ({ main }) => useBlocks(await main.createHeap()),
  'createHeapSync after createHeap': ({ main }) => useBlocks(main.createHeapSync()),
  'lite-alloc/inline': async ({ inline }) => [
    useBlocks(inline.createHeapSync()),
    useBlocks(await inline.createHeap({ strategy: 'free-list' })),
  ],
  'a compiled module': async ({ main, compile }) => {
    const wasm = await compile('lite-alloc.wasm');
    return [useBlocks(await main.createHeap({ wasm })), useBlocks(main.createHeapSync({ wasm }))];
  },
  'strategy segregated-fit': useStrategy('segregated-fit'),
  'strategy free-list': useStrategy('free-list'),
  'strategy segregated-bump': useStrategy('segregated-bump'),
  'strategy bump-free-list': useStrategy('bump-free-list'),

  'raw blocks': async ({ make }) => {
    const heap = await make();
    const zeroed = heap.calloc(3, 5);
    const aligned = heap.memalign(4096, 10);
    const moved = heap.realloc(heap.malloc(10), 100_000);
    const sized = heap.reallocate(heap.allocate(24, 8), 24, 48, 8);
    const found = [heap.u8[zeroed + 14], aligned % 4096, heap.usableSize(moved) >= 100_000];
    for (const address of [zeroed, aligned, moved]) heap.free(address);
    heap.deallocate(sized, 48, 8);
    return [...found, heap.stats().liveBlocks];
  },
  'typed arrays': async ({ make }) => {
    const heap = await make();
    const floats = heap.from(Float32Array, [1.5, 2.5]);
    floats.resize(3);
    floats.view[2] = 4;
    const large = heap.from(BigInt64Array.of(-(2n ** 60n)));
    const aligned = heap.array(Uint8ClampedArray, 8, { alignment: 256, zero: true });
    aligned.view.fill(300);
    return [floats.slice().join(), large.view[0], aligned.address % 256, aligned.view[7]];
  },
  'views after growth': async ({ make }) => {
    const heap = await make();
    const array = heap.from(Int16Array.of(-1, 2));
    const old = array.view;
    heap.malloc(8 << 20);
    return [old.length, array.view.join(), heap.i16[array.address / 2]];
  },
  'growth past 2 GiB': async ({ make }) => {
    const heap = await make({ maximumBytes: 2 ** 32 });
    heap.malloc(2 ** 31 - 2 ** 24);
    const high = heap.array(Float64Array, 2 ** 22);
    high.view[2 ** 22 - 1] = 0.5;
    const end = high.address + high.byteLength;
    const found = [end > 2 ** 31, heap.f64[end / 8 - 1]];
    heap.dispose();
    return found;
  },
  stableViews: async ({ make }) => {
    const heap = await make({ stableViews: true });
    const kept = heap.from(Uint8Array.of(1, 2)).view;
    heap.malloc(8 << 20);
    return kept.join();
  },
  'growth listeners': async ({ make }) => {
    const heap = await make();
    let calls = 0;
    const subscription = heap.onGrow(() => {
      calls++;
    });
    heap.malloc(8 << 20);
    subscription.remove();
    heap.malloc(8 << 20);
    return calls;
  },
  strings: async ({ make }) => {
    const heap = await make();
    const text = heap.string('Zoë 🌍');
    return [text, text.byteLength, heap.readString(text.address, 4)];
  },
  scopes: async ({ make }) => {
    const heap = await make();
    const kept = heap.scope((scope) => {
      scope.array(Uint8Array, 100);
      return scope.from(Uint8Array.of(7));
    });
    return [kept.view[0], heap.stats().liveBlocks];
  },
  'asynchronous scopes': async ({ make }) => {
    const heap = await make();
    const length = await heap.scopeAsync(async (scope) => {
      const array = scope.array(Uint8Array, 100);
      await undefined;
      return array.length;
    });
    return [length, heap.stats().liveBlocks];
  },
  arenas: async ({ make }) => {
    const arena = (await make()).arena({ bytes: 4096 });
    arena.array(Float32Array, 16);
    const used = arena.usedBytes;
    arena.reset();
    return [used, arena.usedBytes];
  },
  'ends by name': async ({ make }) => {
    const heap = await make();
    const scope = heap.openScope();
    const inScope = scope.array(Uint8Array, 10);
    const arena = heap.arena({ bytes: 4096 });
    const inArena = arena.array(Uint8Array, 10);
    const alone = heap.array(Uint8Array, 10);
    scope.close();
    arena.free();
    alone.free();
    const alive = [inScope, inArena, alone].map((array) => array.alive);
    heap.dispose();
    return [...alive, codeOf(() => heap.malloc(1))];
  },
  'Symbol.dispose, for using': async ({ make }) => {
    // An object without Symbol.dispose would get the key 'undefined'.
    if (typeof Symbol.dispose !== 'symbol') throw new TypeError('there is no Symbol.dispose');
    const heap = await make();
    const array = heap.array(Uint8Array, 10);
    array[Symbol.dispose]();
    heap[Symbol.dispose]();
    return [array.alive, codeOf(() => heap.malloc(1))];
  },

  'debug heaps': async ({ make }) => findMistakes(await make({ debug: true })),
  'debug heaps from createHeapSync': async ({ makeSync }) =>
    findMistakes(await makeSync({ debug: true })),
  'heaps in a region': async ({ make }) => {
    const memory = new WebAssembly.Memory({ initial: 2 });
    const heap = await make({ memory, start: 65_536, end: 131_072 });
    const array = heap.from(Uint8Array.of(8, 9));
    const bytes = new Uint8Array(memory.buffer, array.address, 2);
    return [
      bytes.join(),
      array.address > 65_536,
      new Uint8Array(memory.buffer, 0, 65_536).some(Boolean),
    ];
  },
  traces: async ({ make, main }) => {
    const heap = await make();
    const recorder = heap.record();
    heap.free(heap.malloc(100));
    const trace = await main.AllocationTrace.read(recorder.stop().write());
    return trace.operations;
  },
  'replay and advise': async ({ make, main, strategiesWasm }) => {
    const heap = await make();
    const recorder = heap.record();
    for (let count = 0; count < 100; count++) heap.free(heap.malloc(count));
    const trace = recorder.stop();
    const options = { ...strategiesWasm, rounds: 1 };
    const { failures, operations } = await main.replay(trace, {
      ...options,
      strategy: 'free-list',
    });
    const ranking = await main.advise(trace, options);
    return [operations, failures, ranking.length];
  },
  errors: async ({ make }) => {
    const heap = await make({ maximumBytes: 1 << 20 });
    const array = heap.array(Uint8Array, 16);
    array.free();
    return [
      codeOf(() => heap.malloc(1 << 24)),
      codeOf(() => array.view),
      codeOf(() => heap.free(8)),
      codeOf(() => heap.malloc(-1)),
    ];
  },
  'stats, snapshots and printing': async ({ make }) => {
    const heap = await make();
    const before = heap.snapshot();
    const array = heap.array(Float32Array, 100);
    heap.check();
    const { added, liveBytes } = before.diff(heap.snapshot());
    const [block] = [...heap.blocks()].filter(({ address }) => address === array.address);
    return [
      added.length,
      liveBytes,
      block.state,
      heap.stats().allocations,
      `${heap}`.split('\n')[0],
    ];
  },
};

/** Uses a heap a little, and returns what an array of it holds. */
function useBlocks(heap) {
  const array = heap.from(Float32Array.of(1, 2, 3));
  heap.malloc(1 << 20);
  heap.check();
  return array.view.join();
}

function useStrategy(strategy) {
  return async ({ make }) => {
    const heap = await make({ strategy });
    const addresses = Array.from({ length: 100 }, (_, index) => heap.malloc(index * 10));
    for (const address of addresses) heap.free(address);
    return [heap.strategy, useBlocks(heap), heap.stats().liveBlocks];
  };
}

/** Makes mistakes in a debug heap, and returns the errors. */
function findMistakes(heap) {
  const overrun = heap.malloc(10);
  heap.u8[overrun + 10] = 1;
  const twice = heap.malloc(10);
  heap.free(twice);
  heap.malloc(20);
  let stack;
  try {
    heap.free(overrun);
  } catch (error) {
    stack = error.allocatedAt;
  }
  return [
    codeOf(() => heap.free(overrun)),
    /findMistakes/.test(stack),
    codeOf(() => heap.free(twice)),
    codeOf(() => heap.assertNoLeaks()),
  ];
}

function codeOf(call) {
  try {
    call();
  } catch (error) {
    return error.code ?? error.name;
  }
  return 'no error';
}
