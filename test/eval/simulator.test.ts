import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { keyFromSeed, streamOf, type Trajectories } from "../../src/core/index.ts";
import { makeEnvironment, type Environment } from "../../src/envs/index.ts";
import {
  evaluate,
  randomPolicy,
  sampledDardDistance,
  simulatorReward,
  simulatorTransitions,
} from "../../src/eval/index.ts";

/** -|a|^2 of six actions. */
const control = (_: Float32Array, actions: Float32Array): Float64Array =>
  Float64Array.from({ length: actions.length / 6 }, (_, i) =>
    actions.subarray(6 * i, 6 * i + 6).reduce((sum, action) => sum - action * action, 0),
  );

describe("a simulator as functions", () => {
  let environment: Environment;
  let coverage: Trajectories;
  const stream = streamOf(keyFromSeed(9));

  beforeAll(async () => {
    environment = await makeEnvironment("HalfCheetah-v5", { maxEpisodeSteps: 40 });
    coverage = evaluate(environment, randomPolicy(keyFromSeed(1)), 1, keyFromSeed(2)).trajectories;
  });
  afterAll(() => environment.close());

  it("steps and pays as the recording did, up to what float32 observations lose", () => {
    const { observations, actions, nextObservations, rewards } = coverage;
    const next = simulatorTransitions(environment)(observations, actions, stream);
    const paid = simulatorReward(environment)(observations, actions, nextObservations);
    expect(next.length).toBe(nextObservations.length);
    // States are known to 2^-24 of up to 10 units; a step with contacts stretches that by less than 100.
    next.forEach((value, i) => expect(Math.abs(value - nextObservations[i])).toBeLessThan(1e-4));
    paid.forEach((value, t) => expect(Math.abs(value - (rewards?.[t] ?? NaN))).toBeLessThan(1e-4));
    expect(new Set(paid).size).toBe(40);
  });

  it("answers a batch alike whatever was asked before", () => {
    const model = simulatorTransitions(environment);
    const first = model(coverage.observations, coverage.actions, stream);
    model(coverage.observations.subarray(0, 170), coverage.actions.subarray(0, 60), stream);
    expect(model(coverage.observations, coverage.actions, stream)).toEqual(first);
  });

  it("serves DARD", () => {
    const truth = simulatorReward(environment);
    const model = simulatorTransitions(environment);
    const draws = { discount: 0.99, coverage, transitions: 20, samples: 5, key: keyFromSeed(3) };
    expect(sampledDardDistance(model, truth, truth, draws)).toBe(0);
    const d = sampledDardDistance(model, truth, control, draws);
    expect(d).toBeGreaterThan(0.2);
    expect(d).toBeLessThan(0.9);
  });

  it("needs observations that tell the state", () => {
    const blind: Environment = {
      ...environment,
      id: "Blind-v0",
      observationSpace: environment.observationSpace,
    };
    delete blind.stateFromObservation;
    expect(() => simulatorTransitions(blind)(new Float32Array(17), new Float32Array(6), stream)).toThrow(
      /Blind-v0 does not tell its state from an observation; pass a function of your own/,
    );
  });
});
