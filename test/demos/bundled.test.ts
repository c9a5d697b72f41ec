import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { episodeCount } from "../../src/core/index.ts";
import { lintFile, openDemonstrations, readDemonstrations } from "../../src/demos/index.ts";
import { makeEnvironment } from "../../src/envs/index.ts";

const FOLDER = join(import.meta.dirname, "../../demonstrations");
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".npz"));
const TABULAR = ["GridWorld-v0", "ObjectWorld-v0"];
const TASKS = ["ant", "halfcheetah", "hopper", "humanoid", "walker2d"];

it("there is one demonstration for each of the five tasks", () => {
  expect(FILES.filter((name) => name.includes("-v5-")).map((name) => name.split("-")[0])).toEqual(TASKS);
});

it("small tasks have ten episodes each of an expert, states of tables one-hot", async () => {
  const small = FILES.filter((name) => /^(cartpole|gridworld|objectworld)-v\d-tandem\.npz$/.test(name));
  expect(small).toHaveLength(3);
  for (const name of small) {
    expect(statSync(join(FOLDER, name)).size).toBeLessThan(100_000);
    const { trajectories, metadata, env } = await readDemonstrations(join(FOLDER, name));
    expect(episodeCount(trajectories)).toBe(10);
    if (TABULAR.includes(env!)) expect(metadata.envOptions).toMatchObject({ observations: "one-hot" });
  }
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
  // What comes next in a tabular problem is drawn anew.
  if (TABULAR.includes(env!)) expect(simulation).toBeNull();
  else expect(simulation).toMatchObject({ departed: 0 });
});
