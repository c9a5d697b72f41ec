import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zipSync } from "fflate";
import { afterAll, describe, expect, test } from "vitest";
import { TandemError } from "../../src/core/index.ts";
import {
  bytesInMemory,
  npzEntryBytes,
  npzKeys,
  openNpz,
  readNpzArray,
  readNpzBytes,
} from "../../src/demos/index.ts";
import { readBytes } from "../../src/demos/byte-source.ts";
import { createZipWriter } from "../../src/demos/zip-writer.ts";
import { archiveOf } from "./recordings.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-zip64-"));
afterAll(() => rmSync(folder, { recursive: true }));

const TEXT = new TextEncoder().encode("a line of text\n".repeat(20_000));
const NOISE = Uint8Array.from({ length: 3000 }, (_, index) => (index * index * 31) >> 3);

/** An archive whose sizes and offsets are wide from `narrowLimit` on; entries are pushed in pieces of `piece` bytes. */
function archive(narrowLimit: number | undefined, piece: number): Uint8Array {
  const parts: Uint8Array[] = [];
  const zip = createZipWriter((bytes) => parts.push(bytes), narrowLimit);
  for (const [name, bytes] of [
    ["small", NOISE],
    ["text", TEXT],
    ["empty", new Uint8Array(0)],
  ] as const) {
    zip.begin(name, bytes.length);
    for (let at = 0; at < bytes.length; at += piece) zip.push(bytes.subarray(at, at + piece));
    zip.end();
  }
  zip.finish();
  return Buffer.concat(parts);
}

/** No entry wide; only what lies behind a limit; everything. */
const LIMITS = [undefined, 5000, 10];

describe.each(LIMITS)("an archive that is wide from %s bytes on", (limit) => {
  test("is read back", async () => {
    const opened = await archiveOf(archive(limit, 1000));
    expect(npzKeys(opened)).toEqual(["small", "text", "empty"]);
    expect(await readNpzBytes(opened, "small")).toEqual(NOISE);
    expect(await readNpzBytes(opened, "text")).toEqual(TEXT);
    expect(await readNpzBytes(opened, "empty")).toEqual(new Uint8Array(0));
  });

  test("has the same bytes however its entries are cut", () => {
    expect(archive(limit, 7)).toEqual(archive(limit, 100_000));
  });

  test("loses nothing unseen: every truncation is refused", async () => {
    const whole = archive(limit, 1000);
    for (let length = 0; length < whole.length; length += 13) {
      await expect(archiveOf(whole.subarray(0, length))).rejects.toThrow(TandemError);
    }
  });

  test("Python's zipfile reads it", ({ skip }) => {
    const python = process.env.PYTHON ?? "python3";
    skip(
      spawnSync(python, ["--version"]).status !== 0,
      `${python} is not installed (name another in PYTHON)`,
    );
    const path = join(folder, `wide-${limit}.zip`);
    writeFileSync(path, archive(limit, 1000));
    const script = [
      "import sys, zipfile",
      "z = zipfile.ZipFile(sys.argv[1])",
      "assert z.testzip() is None",
      "print([len(z.read(n)) for n in z.namelist()], z.read('text')[:6])",
    ].join("\n");
    const printed = execFileSync(python, ["-c", script, path], { encoding: "utf8" });
    expect(printed.trim()).toBe(`[${NOISE.length}, ${TEXT.length}, 0] b'a line'`);
  });
});

test("wide entries claim no less than they hold: a missing zip64 field is refused", async () => {
  const whole = archive(10, 1000);
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
  // The first directory record, whose extra field (after the 46 bytes and "small") gets another name.
  const directory = Number(view.getBigUint64(whole.length - 22 - 20 - 56 + 48, true));
  view.setUint16(directory + 46 + 5, 7, true);
  await expect(archiveOf(whole)).rejects.toThrow(/its directory is damaged/);
});

describe("checksums", () => {
  for (const level of [0, 6] as const) {
    test(`what is read in order is checked at its end, also in small pieces (${level ? "deflated" : "stored"})`, async () => {
      const zipped = zipSync({ text: TEXT }, { level });
      const directory = zipped.length - 22 - 46 - 4;
      zipped[directory + 16] ^= 1;
      const bytes = await npzEntryBytes(await openNpz(bytesInMemory(zipped, "x.npz")), "text");
      const readAll = async (): Promise<void> => {
        for (let at = 0; at < TEXT.length; at += 700) {
          const end = Math.min(TEXT.length, at + 700);
          expect(await readBytes(bytes, at, end)).toEqual(TEXT.subarray(at, end));
        }
      };
      await expect(readAll()).rejects.toThrow(/^readNpz: x\.npz\/text: does not match its checksum; [^\n]+$/);
    });
  }

  test("a deflated entry is read backwards, and again from the start", async () => {
    const bytes = await npzEntryBytes(await archiveOf(archive(undefined, 1000)), "text");
    for (const at of [250_000, 100, 249_999, 0]) {
      expect(await readBytes(bytes, at, at + 50)).toEqual(TEXT.subarray(at, at + 50));
    }
  });
});

test("numpy's own zip64 local headers are read", async ({ skip }) => {
  const python = process.env.PYTHON ?? "python3";
  skip(spawnSync(python, ["-c", "import numpy"]).status !== 0, `${python} with numpy is not installed`);
  const path = join(folder, "numpy.npz");
  execFileSync(python, ["-c", "import sys, numpy; numpy.savez(sys.argv[1], a=numpy.arange(3))", path]);
  const bytes = readFileSync(path);
  // Version 45 in the local header: numpy forces the zip64 form there.
  expect(bytes.readUInt16LE(4)).toBe(45);
  expect((await readNpzArray(await archiveOf(bytes), "a")).data).toEqual(BigInt64Array.of(0n, 1n, 2n));
});
