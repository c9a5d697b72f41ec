import { expect, it, vi } from "vitest";

import { HALF_CHEETAH } from "../../src/envs/mujoco/half-cheetah.ts";
import { Simulation, loadMujoco } from "../../src/envs/mujoco/simulation.ts";

/** Size of MuJoCo's memory after `count` simulations came and went. */
async function bytesAfter(count: number): Promise<number> {
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    const simulation = await Simulation.create(HALF_CHEETAH);
    bytes = simulation.qpos.buffer.byteLength;
    simulation.delete();
  }
  return bytes;
}

it("takes its views anew after memory has grown", async () => {
  const simulation = await Simulation.create(HALF_CHEETAH);
  simulation.qpos[1] = 0.25;
  const before = simulation.qpos;
  const others: Simulation[] = [];
  while (before.length > 0 && others.length < 1000) others.push(await Simulation.create(HALF_CHEETAH));
  expect(before.length).toBe(0);
  simulation.attach();
  expect(simulation.qpos.length).toBe(9);
  expect(simulation.qpos[1]).toBe(0.25);
  for (const one of [simulation, ...others]) one.delete();
});

it("deletes what it made in MuJoCo, each once", async () => {
  const mujoco = await loadMujoco();
  const kinds = [mujoco.MjModel, mujoco.MjData, mujoco.MjWarningStat];
  const deletions = kinds.map((kind) => vi.spyOn(kind.prototype, "delete"));
  const counts = (): number[] => deletions.map((deletion) => deletion.mock.calls.length);
  const simulation = await Simulation.create(HALF_CHEETAH);
  simulation.qvel.fill(1e9);
  simulation.advance(1);
  expect(counts()).toEqual([0, 0, 3]); // the three counters of bad states that the divergence made it read
  simulation.delete();
  simulation.delete();
  expect(counts()).toEqual([1, 1, 3]);
  vi.restoreAllMocks();
});

it("gives its memory back", async () => {
  const bytes = await bytesAfter(5);
  expect(await bytesAfter(40)).toBe(bytes); // 40 MiB if the data stayed
});

it.for([
  { controls: 0, count: 1 },
  { controls: 0, count: 5 },
  { controls: 0.5, count: 1 },
  { controls: 0.5, count: 5 },
])(
  "notices under controls $controls that MuJoCo started over within $count steps",
  async ({ controls, count }) => {
    const simulation = await Simulation.create(HALF_CHEETAH);
    for (const calmSteps of [0, 3]) {
      simulation.ctrl.fill(controls);
      for (let step = 0; step < calmSteps; step++) expect(simulation.advance(1)).toBe(true);
      simulation.qvel.fill(1e9);
      expect(simulation.advance(count)).toBe(false);
      expect([simulation.time, simulation.qvel[3], simulation.ctrl[3]]).toEqual([0, 0, 0]);
      simulation.ctrl.fill(controls);
      expect(simulation.advance(count)).toBe(true);
    }
    simulation.delete();
  },
);
