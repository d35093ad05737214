// SPDX-License-Identifier: MIT

/** An instance of a module over a shared memory. The first one initialises the memory. */
export function instantiate(module, memory) {
  const now = () => performance.now();
  return new WebAssembly.Instance(module, { env: { memory, bench_now: now } }).exports;
}

/** Gives an instance its own stack and thread-local variables: those of the thread with this index. */
export function separate(exports, index) {
  exports.__stack_pointer.value = exports.bench_stack_end(index);
  if (exports.__wasm_init_tls === undefined) return;
  const needed = exports.__tls_size?.value ?? 0;
  const room = exports.bench_thread_local_bytes();
  if (needed > room) {
    throw new Error(
      `The candidate has ${needed} bytes of thread-local variables; bench/cpp/threads/plain_workers.cpp has room for ${room}.`,
    );
  }
  exports.__wasm_init_tls(exports.bench_thread_local_variables(index));
}
