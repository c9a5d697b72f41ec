import { readFileSync } from "node:fs";
import { deflateSync, zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { TandemError } from "../../src/core/index.ts";
import { npzKeys, readNpzArray, readNpzBytes, writeNpy, writeNpz } from "../../src/demos/index.ts";
import { archiveOf, floats, golden } from "./recordings.ts";

const ARRAY = floats(
  [50, 2],
  Array.from({ length: 100 }, (_, index) => index % 7),
);

/** Writes `value` at `offset` of the first directory record. */
function patchDirectory(bytes: Uint8Array, offset: number, value: number, width: 2 | 4): Uint8Array {
  const patched = bytes.slice();
  const view = new DataView(patched.buffer);
  const directory = view.getUint32(patched.length - 22 + 16, true);
  if (width === 2) view.setUint16(directory + offset, value, true);
  else view.setUint32(directory + offset, value, true);
  return patched;
}

test("arrays and other bytes come back; keys are those numpy shows", async () => {
  const archive = await archiveOf(writeNpz({ a: ARRAY, "note.txt": new TextEncoder().encode("hello") }));
  expect(npzKeys(archive)).toEqual(["a", "note.txt"]);
  expect(await readNpzArray(archive, "a")).toEqual(ARRAY);
  expect(new TextDecoder().decode(await readNpzBytes(archive, "note.txt"))).toBe("hello");
});

test("the bytes depend on the content alone, not on the time or the time zone", () => {
  const zone = process.env.TZ;
  const written = ["UTC", "Asia/Tokyo", "America/Los_Angeles"].map((name) => {
    process.env.TZ = name;
    return Buffer.from(writeNpz({ a: ARRAY })).toString("hex");
  });
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
  expect(new Set(written).size).toBe(1);
});

test("entries are read from where they are asked for only: a pickled one beside them does no harm", async () => {
  const archive = await archiveOf(readFileSync(golden("imitation-trajectories.npz")));
  expect((await readNpzArray(archive, "acts")).shape).toEqual([5, 1]);
  await expect(readNpzArray(archive, "infos")).rejects.toThrow(/Python objects \(pickled\)/);
});

describe("refusals", () => {
  const whole = writeNpz({ a: ARRAY });
  const bomb = zipSync({ "a.npy": new Uint8Array(5_000_000) });
  const lying = zipSync({ "a.npy": writeNpy(ARRAY).subarray(0, 300) });
  const cases: [string, Uint8Array, RegExp][] = [
    ["an empty file", new Uint8Array(0), /found no end record/],
    ["a truncated file", whole.subarray(0, whole.length - 5), /truncated or not a zip/],
    ["a missing key", writeNpz({ b: ARRAY }), /expected an entry a\.npy, found b\.npy/],
    ["an empty archive", zipSync({}), /expected an entry a\.npy, found none/],
    ["an entry that is no array", bomb, /expected a \.npy file, got a file that begins with the bytes 00 00/],
    [
      "an entry shorter than its shape",
      lying,
      /truncated: expected 400 bytes of 100 elements of shape \[50, 2\], got 172/,
    ],
    ["a claimed size of 4 GiB", patchDirectory(whole, 24, 0xfffffffe, 4), /claims 4294967294 bytes from/],
    [
      "a claimed size that is too large",
      patchDirectory(whole, 24, 1000, 4),
      /expected 400 bytes after its header, got 872/,
    ],
    ["a wrong checksum", patchDirectory(whole, 16, 12345, 4), /does not match its checksum/],
    ["an encrypted entry", patchDirectory(whole, 8, 1, 2), /encrypted/],
    ["an unknown compression", patchDirectory(whole, 10, 12, 2), /compression method 12/],
    ["an entry elsewhere", patchDirectory(whole, 42, 7, 4), /not where the directory says/],
    ["a packed size beyond the file", patchDirectory(whole, 20, 1e6, 4), /truncated: 1000000 bytes expected/],
    ["a damaged directory", patchDirectory(whole, 0, 0, 4), /directory is damaged/],
    ["a name beyond the directory", patchDirectory(whole, 28, 60000, 2), /directory is damaged/],
  ];
  for (const [name, bytes, message] of cases) {
    test(name, async () => {
      const refusal = expect(archiveOf(bytes, "x.npz").then((archive) => readNpzArray(archive, "a"))).rejects;
      await refusal.toThrow(TandemError);
      await refusal.toThrow(message);
      await refusal.toThrow(/^read(Npz|Npy): x\.npz[:/][^\n]+$/);
    });
  }

  test("a zip64 form without its record, and a directory outside the file", async () => {
    const end = whole.length - 22;
    for (const [offset, value, message] of [
      [16, 0xffffffff, /zip64/],
      [16, whole.length, /outside the file/],
    ] as const) {
      const patched = whole.slice();
      new DataView(patched.buffer).setUint32(end + offset, value, true);
      await expect(archiveOf(patched)).rejects.toThrow(message);
    }
  });

  test("two entries of one name", async () => {
    const two = writeNpz({ a: ARRAY, b: ARRAY });
    const text = Buffer.from(two).toString("latin1").replaceAll("b.npy", "a.npy");
    await expect(archiveOf(Buffer.from(text, "latin1"))).rejects.toThrow(/two entries named a\.npy/);
  });

  test("metadata that claims more than 16 MiB", async () => {
    const archive = await archiveOf(zipSync({ "metadata.json": new Uint8Array(2 ** 24 + 1) }));
    await expect(readNpzBytes(archive, "metadata.json")).rejects.toThrow(/at most 16777216 bytes/);
  });
});

test("a deflate stream that goes on beyond its claimed size is refused without growing", async () => {
  // 528 bytes of a valid array, followed inside the stream by a million zeros the directory does not tell of.
  const array = writeNpy(ARRAY);
  const long = new Uint8Array(array.length + 1_000_000);
  long.set(array);
  const whole = zipSync({ "a.npy": long });
  expect(deflateSync(long).length).toBeLessThan(2000);
  const patched = patchDirectory(whole, 24, array.length, 4);
  await expect(readNpzArray(await archiveOf(patched), "a")).rejects.toThrow(TandemError);
});
