import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { makeFolder } from "../../src/runs/index.ts";
import { mount, needsMount, remount } from "../faults/faults.ts";

const cwd = mkdtempSync(join(tmpdir(), "tandem-make-folder-"));
afterAll(() => rmSync(cwd, { recursive: true }));
const reason = needsMount(cwd);

describe("a folder", () => {
  it("is made with those that it lies in; one that is there stays", () => {
    const folder = join(cwd, "a", "b", "c");
    for (let time = 0; time < 2; time++) makeFolder(folder);
    expect(existsSync(folder)).toBe(true);
  });

  it("is refused in words where a file is in the way", () => {
    writeFileSync(join(cwd, "file"), "");
    expect(() => makeFolder(join(cwd, "file"))).toThrow(/^run folder: cannot write to .*file: [^\n]+$/);
    expect(() => makeFolder(join(cwd, "file", "within", "it"))).toThrow(
      /cannot write to .*it: a part of the path is a file/,
    );
  });

  it.skipIf(reason !== null)(
    `is refused with the reason where the disk is read-only${reason ? ` (skipped: ${reason})` : ""}`,
    () => {
      const disk = join(cwd, "disk");
      mount(disk, "64k");
      try {
        mkdirSync(join(disk, "run"));
        remount(disk, "ro");
        for (const parts of [["run", "checkpoint"], ["run", "checkpoint", "replay"], ["other"]])
          expect(() => makeFolder(join(disk, ...parts))).toThrow(
            /: the file system is read-only; choose another folder$/,
          );
      } finally {
        execFileSync("umount", [disk]);
      }
    },
  );
});
