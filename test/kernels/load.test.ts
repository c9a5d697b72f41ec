import { afterEach, describe, expect, it, vi } from "vitest";
import { TandemError } from "../../src/core/errors.ts";
import type { KernelBuild } from "../../src/kernels/contract.ts";
import { loadKernels, supportsKernels } from "../../src/kernels/load.ts";
import { describeBuilds } from "./builds.ts";

describe("loadKernels", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it("takes relaxed SIMD where the engine has it, and plain SIMD where not", async () => {
    expect((await loadKernels()).build).toBe(supportsKernels("relaxed-simd") ? "relaxed-simd" : "simd");
    const validate = WebAssembly.validate.bind(WebAssembly);
    let calls = 0;
    vi.spyOn(WebAssembly, "validate").mockImplementation((bytes) => calls++ > 0 && validate(bytes));
    expect((await loadKernels()).build).toBe("simd");
  });

  it("takes the build named by the option before that of TANDEM_KERNELS", async () => {
    vi.stubEnv("TANDEM_KERNELS", "simd");
    expect((await loadKernels()).build).toBe("simd");
    expect((await loadKernels({ build: "relaxed-simd" })).build).toBe("relaxed-simd");
  });

  it("runs where there is no `process`", async () => {
    vi.stubGlobal("process", undefined);
    const { build } = await loadKernels().finally(() => vi.unstubAllGlobals());
    expect(build).toBe("relaxed-simd");
  });

  it("refuses an unknown build and an engine without SIMD", async () => {
    await expect(loadKernels({ build: "avx512" as KernelBuild })).rejects.toThrow(
      'loadKernels: unknown build "avx512"; use "simd" or "relaxed-simd"',
    );
    vi.stubEnv("TANDEM_KERNELS", "fast");
    await expect(loadKernels()).rejects.toThrow(TandemError);
    vi.unstubAllEnvs();
    vi.spyOn(WebAssembly, "validate").mockReturnValue(false);
    await expect(loadKernels({ build: "relaxed-simd" })).rejects.toThrow(
      "this engine has no WebAssembly relaxed-simd",
    );
    await expect(loadKernels()).rejects.toThrow("this engine has no WebAssembly simd");
  });
});

describeBuilds("the arena", (kernels) => {
  it("gives the functions of the module themselves, and no others", () => {
    const functions = Object.entries(kernels).filter(([, value]) => typeof value === "function");
    expect(functions.map(([name]) => name)).toEqual(
      expect.arrayContaining(["gemmNN", "adam", "fillNormal", "multiplyAddCeiling"]),
    );
    // An exported WebAssembly function is named by its index.
    for (const [name, value] of functions) expect(value.name, name).toMatch(/^\d+$/);
    expect(kernels.multiplyAddCeiling(9)).toBeGreaterThan(0);
  });

  it("gives zeroed, disjoint, 64-byte aligned ranges and counts them", async () => {
    const { allocate, ...fresh } = await loadKernels({ build: kernels.build }).then((each) => ({
      allocate: each.allocate.bind(each),
      each,
    }));
    let end = fresh.each.allocatedBytes;
    for (const count of [1, 16, 17, 0, 1000, 1 << 20, 3]) {
      const pointer = allocate(count);
      expect(pointer % 64).toBe(0);
      expect(pointer).toBeGreaterThanOrEqual(end);
      end = pointer + 4 * count;
      expect(fresh.each.allocatedBytes).toBeGreaterThanOrEqual(end);
      expect(fresh.each.f32(pointer, count).every((value) => value === 0)).toBe(true);
      fresh.each.f32(pointer, count).fill(NaN);
    }
  });

  it("keeps contents over a growth, which detaches earlier views", () => {
    const pointer = kernels.allocate(4);
    const view = kernels.f32(pointer, 4);
    view.set([1, 2, 3, 4]);
    kernels.allocate(kernels.memory.buffer.byteLength / 4);
    expect(view.length).toBe(0);
    expect([...kernels.f32(pointer, 4)]).toEqual([1, 2, 3, 4]);
    expect([...kernels.u32(pointer, 2)]).toEqual([0x3f800000, 0x40000000]);
  });

  it("works beyond 2 GB, up to 4 GB less a page, and says so at the end", async () => {
    const large = await loadKernels({ build: kernels.build });
    large.allocate(2 ** 29);
    const x = large.allocate(1001);
    expect(x).toBeGreaterThan(2 ** 31);
    large.fill(1001, x, 0.5);
    expect(large.sum(1001, x)).toBe(500.5);
    const y = large.allocate(9);
    large.gemmNN(3, 3, 4, x, 4, x, 3, y, 3, 0, 0);
    expect([...large.f32(y, 9)]).toEqual(Array.from({ length: 9 }, () => 1));
    expect(() => large.allocate(2 ** 29)).toThrow(
      /^allocate: 536870912 float32 do not fit: the kernels' memory ends at 4 GB/,
    );
    const rest = 65_535 * 65_536 - large.allocatedBytes;
    const last = large.allocate(rest / 4);
    large.fill(4, last + rest - 16, 2);
    expect(large.allocatedBytes).toBe(65_535 * 65_536);
    expect(() => large.allocate(1)).toThrow(TandemError);
  });

  it.each([-1, 0.5, NaN, Infinity])("refuses %f numbers", (count) => {
    expect(() => kernels.allocate(count)).toThrow("allocate: expected a whole number of float32");
  });
});
