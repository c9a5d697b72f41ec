import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TandemError } from "../../src/core/index.ts";
import {
  readNpy,
  readNpyHeader,
  readNpzArray,
  writeNpy,
  type NpyArray,
  type NpyDtype,
} from "../../src/demos/index.ts";
import { archiveOf, floats, golden } from "./recordings.ts";

const KINDS: NpyDtype[] = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"];

/** What make_goldens.py calls counting(kind). */
function counting(kind: NpyDtype): number[] {
  const values = [0, 1, 2, 3, 4, 5].map((value) => (kind.startsWith("u") ? value : value - 2));
  return kind.startsWith("f") ? values.map((value) => value / 4) : values;
}

/** A .npy file with a header written by hand. */
function handmade(dictionary: string, elements: Uint8Array = new Uint8Array(0)): Uint8Array {
  const text = new TextEncoder().encode(`${dictionary}\n`);
  const bytes = new Uint8Array(10 + text.length + elements.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length & 0xff, text.length >> 8]);
  bytes.set(text, 10);
  bytes.set(elements, 10 + text.length);
  return bytes;
}

describe("files that numpy wrote", () => {
  for (const name of ["dtypes.npz", "dtypes-deflated.npz"]) {
    test(`${name}: every dtype in both byte orders and both memory orders`, async () => {
      const archive = await archiveOf(readFileSync(golden(name)), name);
      for (const kind of KINDS) {
        for (const form of ["little", "big", "fortran"]) {
          const array = await readNpzArray(archive, `${form}_${kind}`);
          expect(array.dtype).toBe(kind);
          expect(array.shape).toEqual([2, 3]);
          expect(Array.from(array.data, Number), `${form}_${kind}`).toEqual(counting(kind));
        }
      }
      expect(await readNpzArray(archive, "little_b1")).toEqual({
        dtype: "b1",
        shape: [2, 3],
        data: Uint8Array.of(0, 1, 0, 1, 0, 1),
      });
      expect(Array.from((await readNpzArray(archive, "cube")).data as Int32Array)).toEqual([
        ...Array(24).keys(),
      ]);
      expect(await readNpzArray(archive, "scalar")).toEqual({
        dtype: "f8",
        shape: [],
        data: Float64Array.of(2.5),
      });
      expect(await readNpzArray(archive, "vector")).toEqual(floats([3], [0, 1, 2]));
      expect(await readNpzArray(archive, "empty")).toEqual(floats([0, 3], []));
    });
  }

  test("format versions 1 to 3", () => {
    for (const version of [1, 2, 3]) {
      expect(readNpy(readFileSync(golden(`version-${version}.npy`)))).toEqual(floats([2, 3], counting("f4")));
    }
  });

  test("writeNpy gives the bytes of numpy.save", () => {
    expect(writeNpy(floats([2, 3], counting("f4")))).toEqual(
      new Uint8Array(readFileSync(golden("version-1.npy"))),
    );
  });

  test("half floats agree with numpy, both ways, also subnormal, tied and overflowing ones", async () => {
    const archive = await archiveOf(readFileSync(golden("halves.npz")));
    expect((await readNpzArray(archive, "half")).data).toEqual(
      (await readNpzArray(archive, "as_float")).data,
    );
    const wide = await readNpzArray(archive, "wide");
    const written = writeNpy({ ...wide, dtype: "f2" });
    const bits = new Uint16Array(written.slice(readNpyHeader(written).dataOffset).buffer);
    expect(bits).toEqual((await readNpzArray(archive, "narrow")).data);
  });
});

const anyArray: fc.Arbitrary<NpyArray> = fc
  .array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 })
  .chain((shape) => {
    const size = shape.reduce((product, length) => product * length, 1);
    const length = { minLength: size, maxLength: size };
    return fc.oneof(
      fc.uint8Array({ ...length, max: 1 }).map((data) => ({ dtype: "b1" as const, shape, data })),
      fc.int8Array(length).map((data) => ({ dtype: "i1" as const, shape, data })),
      fc.uint8Array(length).map((data) => ({ dtype: "u1" as const, shape, data })),
      fc.int16Array(length).map((data) => ({ dtype: "i2" as const, shape, data })),
      fc.uint16Array(length).map((data) => ({ dtype: "u2" as const, shape, data })),
      fc.int32Array(length).map((data) => ({ dtype: "i4" as const, shape, data })),
      fc.uint32Array(length).map((data) => ({ dtype: "u4" as const, shape, data })),
      fc.bigInt64Array(length).map((data) => ({ dtype: "i8" as const, shape, data })),
      fc.bigUint64Array(length).map((data) => ({ dtype: "u8" as const, shape, data })),
      fc.float32Array(length).map((data) => ({ dtype: "f4" as const, shape, data })),
      fc.float64Array(length).map((data) => ({ dtype: "f8" as const, shape, data })),
    );
  });

test("what is written is read back, from any offset in memory", () => {
  fc.assert(
    fc.property(anyArray, fc.integer({ min: 0, max: 9 }), (array, offset) => {
      const written = writeNpy(array);
      const shifted = new Uint8Array(written.length + offset);
      shifted.set(written, offset);
      expect(readNpy(shifted.subarray(offset))).toEqual(array);
      expect(readNpyHeader(written).dataOffset % 64).toBe(0);
    }),
  );
});

test("the array read does not share memory with the file", () => {
  const file = Buffer.from(writeNpy(floats([2], [1, 2])));
  const { data } = readNpy(file);
  file.fill(0);
  expect([...data]).toEqual([1, 2]);
});

describe("refusals", () => {
  const cases: [string, Uint8Array, RegExp][] = [
    [
      "object arrays",
      readFileSync(golden("objects.npy")),
      /expected numbers, got Python objects \(pickled\)/,
    ],
    ["records", readFileSync(golden("records.npy")), /expected an array of numbers, got records/],
    ["text", readFileSync(golden("text.npy")), /got '<U9'; convert it to float32/],
    ["complex numbers", readFileSync(golden("complex.npy")), /got '<c8'/],
    ["an empty file", new Uint8Array(0), /expected a \.npy file, got an empty file/],
    ["another format", new TextEncoder().encode("hello, world"), /begins with the bytes 68 65 6c 6c 6f 2c/],
    [
      "only a magic number",
      writeNpy(floats([1], [1])).subarray(0, 6),
      /version 1, 2 or 3, got the end of the file/,
    ],
    [
      "a cut header",
      writeNpy(floats([1], [1])).subarray(0, 60),
      /truncated: expected 128 bytes of its header, got 60/,
    ],
    [
      "cut data",
      writeNpy(floats([4], [1, 2, 3, 4])).subarray(0, 139),
      /expected 16 bytes of 4 elements .* got 11/,
    ],
    [
      "trailing data",
      Buffer.concat([writeNpy(floats([1], [1])), Buffer.alloc(3)]),
      /expected 4 bytes .* got 7/,
    ],
    [
      "a huge shape",
      handmade("{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 4000000000), }"),
      /a shape that fits a file, got \[4000000000, 4000000000\]/,
    ],
    [
      "a large shape without data",
      handmade("{'descr': '<f4', 'fortran_order': False, 'shape': (500000000,), }"),
      /truncated: expected 2000000000 bytes/,
    ],
    [
      "a negative shape",
      handmade("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"),
      /a shape of whole/,
    ],
    ["no shape", handmade("{'descr': '<f4', 'fortran_order': False, }"), /a shape of whole numbers/],
    ["no order", handmade("{'descr': '<f4', 'shape': (1,), }"), /fortran_order True or False/],
    ["no dtype", handmade("{'fortran_order': False, 'shape': (1,), }"), /names its element type, got none/],
    [
      "an inherited name as dtype",
      handmade("{'descr': 'toString', 'fortran_order': False, 'shape': ()}"),
      /toString/,
    ],
  ];
  for (const [name, bytes, message] of cases) {
    test(name, () => {
      expect(() => readNpy(bytes, "x.npy")).toThrow(TandemError);
      expect(() => readNpy(bytes, "x.npy")).toThrow(message);
      expect(() => readNpy(bytes, "x.npy")).toThrow(/^readNpy: x\.npy: [^\n]+$/);
    });
  }

  test("writeNpy: a shape or a holder that does not fit", () => {
    expect(() => writeNpy(floats([3], [1, 2]))).toThrow(/shape \[3\] needs 3 elements, got 2/);
    expect(() => writeNpy({ dtype: "f8", shape: [1], data: Float32Array.of(1) })).toThrow(
      /held as Float64Array/,
    );
  });
});
