/** Instantiates the WebAssembly module of contract.ts and owns its memory. */
import { TandemError } from "../core/errors.ts";
import type { KernelBuild, KernelExports, Kernels } from "./contract.ts";

/** What `loadKernels` takes. */
export interface KernelOptions {
  /**
   * The build to load. Left out, it is the one named by the environment variable TANDEM_KERNELS, if any, or else
   * relaxed SIMD where the engine has it. Results differ between builds in the last bits.
   */
  build?: KernelBuild;
}

/** A new instance of the kernels, with a memory of its own. */
export async function loadKernels(options: KernelOptions = {}): Promise<Kernels> {
  const build = options.build ?? buildFromEnvironment() ?? defaultBuild();
  requireSupport(build);
  const { instance } = await WebAssembly.instantiate(await moduleBytes(build));
  const { memory, arenaStart, ...kernels } = instance.exports as unknown as ModuleExports;
  return Object.assign(new Arena(build, memory, arenaStart()), kernels);
}

/** Whether this engine can run `build`. */
export function supportsKernels(build: KernelBuild): boolean {
  return WebAssembly.validate(PROBES[build]);
}

interface ModuleExports extends KernelExports {
  memory: WebAssembly.Memory;
  arenaStart: () => number;
}

const PAGE = 65_536;
/** 4 GiB less one page, so that the end of the memory is still a 32-bit number. */
const MAX_PAGES = 65_535;
/** Growth by at least a sixteenth of what there is, so that many small allocations cost few growths. */
const GROWTH_SHIFT = 4;
/** Every allocation starts on a cache line. */
const ALIGNMENT = 64;

/** A bump allocator over one WebAssembly memory. Its fresh pages are zero, and nothing is ever given back. */
class Arena {
  readonly build: KernelBuild;
  readonly memory: WebAssembly.Memory;
  #top: number;

  constructor(build: KernelBuild, memory: WebAssembly.Memory, start: number) {
    this.build = build;
    this.memory = memory;
    this.#top = roundUp(start, ALIGNMENT);
  }

  get allocatedBytes(): number {
    return this.#top;
  }

  allocate(count: number): number {
    if (!Number.isInteger(count) || count < 0) {
      throw new TandemError("allocate", `expected a whole number of float32, got ${count}`);
    }
    const pointer = this.#top;
    const top = pointer + roundUp(4 * count, ALIGNMENT);
    if (top > this.memory.buffer.byteLength) this.#grow(top, count);
    this.#top = top;
    return pointer;
  }

  f32(pointer: number, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, pointer, count);
  }

  u32(pointer: number, count: number): Uint32Array {
    return new Uint32Array(this.memory.buffer, pointer, count);
  }

  #grow(top: number, count: number): void {
    const pages = this.memory.buffer.byteLength / PAGE;
    const needed = Math.ceil(top / PAGE);
    if (needed > MAX_PAGES) {
      throw new TandemError(
        "allocate",
        `${count} float32 do not fit: the kernels' memory ends at 4 GB and ${this.#top} bytes are in use; ` +
          "use smaller batches, networks or replay buffers, or a second instance of loadKernels()",
      );
    }
    const wanted = Math.min(MAX_PAGES, Math.max(needed, pages + (pages >> GROWTH_SHIFT)));
    try {
      this.memory.grow(wanted - pages);
    } catch (error) {
      throw new TandemError(
        "allocate",
        `the engine refuses ${wanted * PAGE} bytes of WebAssembly memory; free some or use fewer workers`,
        { cause: error },
      );
    }
  }
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

function buildFromEnvironment(): KernelBuild | undefined {
  const name = globalThis.process?.env?.TANDEM_KERNELS;
  return name ? (name as KernelBuild) : undefined;
}

function defaultBuild(): KernelBuild {
  return supportsKernels("relaxed-simd") ? "relaxed-simd" : "simd";
}

function requireSupport(build: KernelBuild): void {
  if (!Object.hasOwn(PROBES, build)) {
    throw new TandemError("loadKernels", `unknown build "${build}"; use "simd" or "relaxed-simd"`);
  }
  if (supportsKernels(build)) return;
  const remedy =
    build === "simd" ? "use a newer engine (Node 22, or a browser of 2023)" : 'use the build "simd"';
  throw new TandemError("loadKernels", `this engine has no WebAssembly ${build}; ${remedy}`);
}

async function moduleBytes(build: KernelBuild): Promise<Uint8Array<ArrayBuffer>> {
  const { base64 } = await (build === "simd"
    ? import("./generated/simd.ts")
    : import("./generated/relaxed-simd.ts"));
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** The smallest modules that use each build's instructions: a function () -> v128 of constants. */
const PROBES: Record<KernelBuild, Uint8Array<ArrayBuffer>> = {
  simd: probe([0xfd, 0xe4, 0x01]), // f32x4.add
  "relaxed-simd": probe([0x41, 0x00, 0xfd, 0x11, 0xfd, 0x85, 0x02]), // f32x4.relaxed_madd
};

/** (module (func (result v128) i32.const 0 i32x4.splat i32.const 0 i32x4.splat `last`)) */
function probe(last: number[]): Uint8Array<ArrayBuffer> {
  const splat = [0x41, 0x00, 0xfd, 0x11];
  const body = [0x00, ...splat, ...splat, ...last, 0x0b];
  const types = [0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b];
  const functions = [0x03, 0x02, 0x01, 0x00];
  const code = [0x0a, body.length + 2, 0x01, body.length, ...body];
  return new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, ...types, ...functions, ...code]);
}
