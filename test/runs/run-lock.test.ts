import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockRun, trainerOf } from "../../src/runs/index.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tandem-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (): string => join(folder, "run.lock");
/** The number of a process that is no more. */
const gone = (): number => spawnSync(process.execPath, ["-e", ""]).pid;
const leave = (lock: object | string): void =>
  writeFileSync(file(), typeof lock === "string" ? lock : JSON.stringify(lock));

describe("the lock of a run's folder", () => {
  it("is this process's until it is given back", () => {
    const unlock = lockRun(folder);
    expect(trainerOf(folder)).toEqual({ pid: process.pid, host: hostname() });
    expect(() => lockRun(folder)).toThrow(
      `run folder: process ${process.pid} is in training in ${folder}; wait for it, or remove ${file()} if that is no training`,
    );
    unlock();
    expect(trainerOf(folder)).toBeNull();
    expect(readdirSync(folder)).toEqual([]);
    lockRun(folder)();
  });

  it("is taken over from a process that is no more, and where it says nothing", () => {
    for (const left of [{ pid: gone(), host: hostname() }, "", "{", "null", '{"pid":-1,"host":"x"}']) {
      leave(left);
      expect(trainerOf(folder)).toBeNull();
      const unlock = lockRun(folder);
      expect(trainerOf(folder)?.pid).toBe(process.pid);
      expect(readdirSync(folder)).toEqual(["run.lock"]);
      unlock();
    }
  });

  it("is taken over where this process's number is an earlier one's, and counts without a host", () => {
    leave({ pid: process.pid, host: hostname() });
    expect(trainerOf(folder)).toBeNull();
    lockRun(folder)();
    leave({ pid: process.ppid });
    expect(trainerOf(folder)).toEqual({ pid: process.ppid, host: hostname() });
    expect(() => lockRun(folder)).toThrow(`process ${process.ppid} is in training in`);
  });

  it("is not taken from a process that lives, nor from another machine, whose processes nobody here knows", () => {
    leave({ pid: process.ppid, host: hostname() });
    expect(() => lockRun(folder)).toThrow(`process ${process.ppid} is in training in`);
    leave({ pid: gone(), host: "elsewhere" });
    expect(() => lockRun(folder)).toThrow(" of elsewhere is in training in");
    expect(existsSync(file())).toBe(true);
  });

  it.skipIf(process.platform !== "linux")(
    "is taken over from a process that has ended and that nobody has asked for",
    async () => {
      // A shell that becomes a program which never asks for its child's end.
      const parent = spawn("sh", ["-c", "sleep 0.5 & echo $!; exec sleep 30"]);
      try {
        const [text] = (await once(parent.stdout, "data")) as [Buffer];
        leave({ pid: Number(text), host: hostname() });
        expect(trainerOf(folder)?.pid).toBe(Number(text));
        await expect.poll(() => trainerOf(folder), { timeout: 5000 }).toBeNull();
        // Its number is still taken.
        process.kill(Number(text), 0);
      } finally {
        parent.kill("SIGKILL");
      }
    },
  );

  it("is given back by its owner alone", () => {
    const unlock = lockRun(folder);
    leave({ pid: process.ppid, host: hostname() });
    unlock();
    expect(trainerOf(folder)?.pid).toBe(process.ppid);
  });
});
