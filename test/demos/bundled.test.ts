import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { lintFile, openDemonstrations } from "../../src/demos/index.ts";
import { makeEnvironment } from "../../src/envs/index.ts";

const FOLDER = join(import.meta.dirname, "../../demonstrations");
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".npz"));
const TASKS = ["ant", "halfcheetah", "hopper", "humanoid", "walker2d"];

it("there is one demonstration for each of the five tasks", () => {
  expect(FILES.filter((name) => name.includes("-v5-")).map((name) => name.split("-")[0])).toEqual(TASKS);
});

it.each(FILES)("%s is small, and lint has nothing against it", { timeout: 60_000 }, async (name) => {
  expect(statSync(join(FOLDER, name)).size).toBeLessThan(300_000);
  const file = await openDemonstrations(join(FOLDER, name));
  const { env, metadata } = file;
  const environment = await makeEnvironment(env!, (metadata.envOptions ?? {}) as Record<string, unknown>);
  const { findings, simulation } = await lintFile(file, { environment, simulate: true });
  environment.close();
  expect(metadata.envOptions ?? environment.options).toEqual(environment.options);
  await file.close();
  expect(findings.filter(({ severity }) => severity !== "note")).toEqual([]);
  expect(simulation).toMatchObject({ departed: 0 });
});
