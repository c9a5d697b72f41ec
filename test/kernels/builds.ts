/** What the kernel tests share: both builds, test data and the unit of rounding. */
import { describe } from "vitest";
import { buildKernels } from "../../scripts/build-kernels.ts";
import { keyFromSeed, nextNormal, nextUniform, streamOf } from "../../src/core/rng.ts";
import type { KernelBuild, Kernels } from "../../src/kernels/contract.ts";
import { loadKernels, supportsKernels } from "../../src/kernels/load.ts";

await buildKernels();

/** The unit roundoff of float32. */
export const U = 2 ** -24;

const BUILDS: KernelBuild[] = ["simd", "relaxed-simd"];

/** One suite per build. Relaxed SIMD is skipped where the engine has none: there is nothing to test. */
export function describeBuilds(name: string, suite: (kernels: Kernels) => void): void {
  for (const build of BUILDS) {
    describe.skipIf(!supportsKernels(build))(`${name} (${build})`, async () =>
      suite(await loadKernels({ build })),
    );
  }
}

/** Uniform in [-1, 1), float32. */
export function uniforms(seed: number, count: number): Float32Array {
  const stream = streamOf(keyFromSeed(seed));
  return Float32Array.from({ length: count }, () => 2 * nextUniform(stream) - 1);
}

/** Standard normal, float32. */
export function normals(seed: number, count: number): Float32Array {
  const stream = streamOf(keyFromSeed(seed));
  return Float32Array.from({ length: count }, () => nextNormal(stream));
}

/** Whole numbers from -8 to 8: sums of up to 2^17 products of two are exact in float32, in any order. */
export function wholes(seed: number, count: number): Float32Array {
  const stream = streamOf(keyFromSeed(seed));
  return Float32Array.from({ length: count }, () => Math.floor(17 * nextUniform(stream)) - 8);
}

/** Copies `values` into the arena. */
export function upload(kernels: Kernels, values: ArrayLike<number>): number {
  const pointer = kernels.allocate(values.length);
  kernels.f32(pointer, values.length).set(values);
  return pointer;
}

/** Copies `count` floats out of the arena. */
export function download(kernels: Kernels, pointer: number, count: number): Float32Array {
  return kernels.f32(pointer, count).slice();
}

/** The bits of a float32 array, for comparisons that know -0 and NaN. */
export function bits(values: Float32Array): Uint32Array {
  return new Uint32Array(values.slice().buffer);
}

/** The spacing of float32 at `x`. */
export function ulp(x: number): number {
  const size = Math.min(Math.abs(x), 2 ** 127);
  return 2 ** (Math.max(-126, Math.floor(Math.log2(size))) - 23);
}
