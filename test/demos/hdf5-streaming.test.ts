/** Memory: a file of its own, as the peak of the process is measured. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { peakGrowth, writeAndRead } from "./large-sets.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-d4rl-streaming-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a set larger than what is allowed is written and read as D4RL", async () => {
  await writeAndRead(join(folder, "small"), "d4rl", 2); // the library, in two threads, takes about 100 MB
  const growth = await peakGrowth(() => writeAndRead(join(folder, "large"), "d4rl", 75));
  expect(growth).toBeLessThan(100); // of 150
}, 300_000);
