// SPDX-License-Identifier: MIT
//
// The platform's types that the package's own types contain. A project may lack some of them: it may have the types of
// Node without those of pages, of another host, or of JavaScript alone. Then the members that this package uses stand
// in for them.

/** The instances of a global class. */
type HostInstance<Name extends string, Replacement> = typeof globalThis extends {
  readonly [Key in Name]: { readonly prototype: infer Instance };
}
  ? Instance
  : Replacement;

/** The instances of a class in the namespace `WebAssembly`. */
type WasmInstance<Name extends string, Replacement> = typeof globalThis extends {
  readonly WebAssembly: { readonly [Key in Name]: { readonly prototype: infer Instance } };
}
  ? Instance
  : Replacement;

/** `WebAssembly.Memory`. */
export type WasmMemory = WasmInstance<
  'Memory',
  { readonly buffer: ArrayBuffer; grow(delta: number): number }
>;

/** `WebAssembly.Module`. */
export type WasmModule = WasmInstance<'Module', object>;

/** Bytes that `WebAssembly` accepts: `BufferSource`. */
export type WasmBytes = typeof globalThis extends {
  readonly WebAssembly: { validate(bytes: infer Bytes): boolean };
}
  ? Bytes
  : ArrayBuffer | ArrayBufferView;

/** Bytes in unshared memory, whatever parameters the compiler's typed arrays have. */
export type Bytes = ReturnType<typeof Uint8Array.of>;

/** `URL`. */
export type HostUrl = HostInstance<'URL', { readonly href: string }>;

/** `Response`. */
export type HostResponse = HostInstance<
  'Response',
  { readonly ok: boolean; readonly url: string; arrayBuffer(): Promise<ArrayBuffer> }
>;

/** `AbortSignal`. */
export type HostAbortSignal = HostInstance<
  'AbortSignal',
  { readonly aborted: boolean; readonly reason: unknown }
>;

/** The members of a `ReadableStream` of bytes that this package uses, whatever the buffers of its pieces are. */
export interface StreamOfBytes {
  getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> };
}

/** The `ReadableStream` of bytes that the platform's own classes give. */
export type HostByteStream = typeof globalThis extends {
  readonly TextEncoderStream: { readonly prototype: { readonly readable: infer Stream } };
}
  ? Stream
  : HostResponse extends { readonly body: infer Stream }
    ? NonNullable<Stream>
    : StreamOfBytes;

/** `Blob`. */
export type HostBlob = HostInstance<'Blob', { readonly size: number; stream(): StreamOfBytes }>;
