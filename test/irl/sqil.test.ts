import { expect, it } from "vitest";
import { keyFromSeed, type Trajectories } from "../../src/core/index.ts";
import { createSqil, sqilIteration, type Sqil, type SqilOptions } from "../../src/irl/index.ts";
import { policyTensors } from "../../src/rl/index.ts";
import { describeBuilds, download } from "../kernels/builds.ts";
import { checksum } from "../reference/closeness.ts";
import { randomEpisodes, toTrajectories } from "../reference/episodes.ts";
import { pointEnvironment } from "../reference/point-environment.ts";
import { SAC, walking, wayTo } from "./walking.ts";

const OPTIONS: SqilOptions = { sac: SAC, startSteps: 160, replayCapacity: 4000, termination: "native" };

describeBuilds("soft Q imitation learning", (kernels) => {
  const make = (options: Partial<SqilOptions> = {}, demonstrations: Trajectories = walking()): Sqil =>
    createSqil(kernels, pointEnvironment(), demonstrations, { ...OPTIONS, ...options }, keyFromSeed(2));
  const run = (state: Sqil, steps: number): void => {
    while (state.agent.steps < steps)
      sqilIteration(
        kernels,
        state,
        steps,
        () => {},
        () => 0,
      );
  };

  it("learns from demonstrations alone to walk to the origin", () => {
    const state = make();
    run(state, 3000);
    expect(wayTo(kernels, state.agent.policy)).toBeGreaterThan(0.9);
  });

  it("draws half of a batch from the demonstrations, whole and in policy units, and half from its own", () => {
    const demonstrations = toTrajectories(
      randomEpisodes(1, [30, 20], { n: 2, d: 1, low: -0.25, high: 0.25 }),
    );
    demonstrations.terminated[29] = 1;
    const state = make({}, demonstrations);
    run(state, 161);
    const { policy, replay } = state.agent;
    const { size, stride, rows } = policy.room.batch;
    const table = download(kernels, replay.rows, 161 * stride);
    const own = Array.from({ length: 161 }, (_, t) => String(table.slice(t * stride, (t + 1) * stride)));
    const { observations, actions, nextObservations, terminated } = demonstrations;
    const shown = Array.from({ length: 50 }, (_, t) => {
      const [here, next] = [observations, nextObservations].map((from) => from.slice(2 * t, 2 * t + 2));
      return String(Float32Array.of(...here, actions[t] / 0.25, ...next, terminated[t]));
    });
    const held = replay.demonstrations!;
    const kept = download(kernels, held.rows, held.count * stride);
    expect(shown.map((_, t) => String(kept.slice(t * stride, (t + 1) * stride)))).toEqual(shown);
    const batch = Array.from({ length: size }, (_, i) =>
      String(download(kernels, rows + 4 * i * stride, stride)),
    );
    expect(batch.slice(0, size / 2).every((row) => own.includes(row))).toBe(true);
    expect(batch.slice(size / 2).every((row) => shown.includes(row))).toBe(true);
    expect(new Set(batch.slice(size / 2)).size).toBeGreaterThan(8);
  });

  it.each([
    ["native", [0, 0, 1, 1]],
    // gamma / (1 - gamma) = 9 for the expert's step into the absorbing state, nothing for the agent's.
    ["absorbing", [0, 0, 1, 10]],
  ] as const)("pays 1 for the expert's steps and 0 for the agent's (%s)", (termination, paid) => {
    const { teacher } = make({ termination });
    const stride = 6;
    const rows = kernels.allocate(4 * stride);
    const table = kernels.f32(rows, 4 * stride);
    table.fill(0);
    table[1 * stride + 5] = 1;
    table[3 * stride + 5] = 1;
    const out = kernels.allocate(4);
    teacher({ size: 4, rows, stride, indices: 0 }, out);
    expect([...download(kernels, out, 4)].map((each) => Math.round(each * 1e4) / 1e4)).toEqual(paid);
  });

  const learnt = (rewards: Float32Array | null): number => {
    const state = make({}, { ...walking(), rewards });
    run(state, 400);
    return checksum(
      Object.values(policyTensors(state.agent.policy)).map(([at, length]) => download(kernels, at, length)),
    );
  };

  it("never sees a true reward", () => {
    const { rewards } = walking();
    expect(learnt(rewards && rewards.map(() => Number.NaN))).toBe(learnt(rewards));
    expect(learnt(null)).toBe(learnt(rewards));
  });
});
