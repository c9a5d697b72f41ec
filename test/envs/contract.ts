import { describe, expect, it } from "vitest";

import {
  type Key,
  TandemError,
  foldIn,
  keyFromSeed,
  nextInteger,
  nextUniform,
  streamOf,
} from "../../src/core/index.ts";
import type { ActionSpace } from "../../src/core/index.ts";
import type { Environment, EnvironmentState, StepResult } from "../../src/envs/index.ts";

/** What the contract cannot read off an environment itself. */
export interface ContractFacts {
  /** Default number of steps before truncation. */
  maxEpisodeSteps: number;
  /** The task never ends an episode. */
  neverTerminates: boolean;
  /** The entries of `info` that begin with `reward_` or end in `_penalty` sum to the reward. */
  reportsRewardTerms: boolean;
  /** For every option of the environment, a value that must change what comes out. */
  changedOptions: Record<string, unknown>;
  /** A state, as `getState` gives it, from which the next step cannot be simulated; null where there is none. */
  divergingState: EnvironmentState | null;
  /** Steps after which every option has shown; 10 where left out. */
  digestSteps?: number;
  /** A state near what some option decides, tried too. */
  decisiveState?: EnvironmentState;
  /** A state from which every step ends the episode, where `decisiveState` is none. */
  endingState?: EnvironmentState;
  /** Options that show only along with others, and are tried with these in another run of the contract. */
  triedElsewhere?: readonly string[];
  /** How many objects that no garbage collector frees are alive; absent where the environment makes none. */
  heldObjects?: () => number;
}

/** Makes the environment under test with `options` over its defaults. */
export type EnvironmentFactory = (options?: Record<string, unknown>) => Promise<Environment>;

/** The promises every environment keeps. Run over each registered id, and usable for an environment of one's own. */
export function environmentContract(name: string, make: EnvironmentFactory, facts: ContractFacts): void {
  async function withEnvironment(
    body: (env: Environment) => void | Promise<void>,
    options?: Record<string, unknown>,
  ): Promise<void> {
    const env = await make(options);
    try {
      await body(env);
    } finally {
      env.close();
    }
  }

  describe(`${name} as an environment`, () => {
    it("has the id it was asked for, and spaces its observations and actions fit", () =>
      withEnvironment((env) => {
        expect(env.id).toBe(name);
        expect(env.maxEpisodeSteps).toBe(facts.maxEpisodeSteps);
        const { size, low, high } = env.observationSpace;
        expect([low.length, high.length]).toEqual([size, size]);
        const inside = (observation: Float64Array): void => {
          expect(observation).toBeInstanceOf(Float64Array);
          expect(observation.length).toBe(size);
          expect(observation.every((value, i) => value >= low[i] && value <= high[i])).toBe(true);
        };
        inside(env.reset({ seed: 0 }).observation);
        for (const action of actionsOf(env.actionSpace, keyFromSeed(1), 20))
          inside(env.step(action).observation);
      }));

    it("gives the same bits for the same seed and others for another", () =>
      withEnvironment((env) => {
        const actions = actionsOf(env.actionSpace, keyFromSeed(7), 20);
        const rollout = (options?: { seed: number }): Float64Array => {
          const start = Array.from(env.reset(options).observation);
          return Float64Array.from([...start, ...recordSteps(env, actions)]);
        };
        const first = rollout({ seed: 7 });
        const second = rollout();
        const other = rollout({ seed: 8 });
        expect(second).not.toEqual(first);
        expect(other).not.toEqual(first);
        expect(rollout({ seed: 7 })).toEqual(first);
        expect(rollout()).toEqual(second);
      }));

    it("repeats 1000 steps exactly, in another instance and after other episodes", async () => {
      let first: Float64Array = new Float64Array(0);
      await withEnvironment((env) => {
        first = recordRollout(env, 3, actionsOf(env.actionSpace, keyFromSeed(2), 1000));
      });
      await withEnvironment((env) => {
        recordRollout(env, 4, actionsOf(env.actionSpace, keyFromSeed(4), 50));
        expect(recordRollout(env, 3, actionsOf(env.actionSpace, keyFromSeed(2), 1000))).toEqual(first);
      });
    });

    it("continues exactly from a saved state, also in a fresh instance", () => {
      const longer = { maxEpisodeSteps: 100 }; // the count of steps is no part of a state
      return withEnvironment((env) => {
        const actions = actionsOf(env.actionSpace, keyFromSeed(5), 60);
        recordRollout(env, 5, actions.slice(0, 30));
        const saved = env.getState();
        const copy = Object.fromEntries(
          Object.entries(saved).map(([key, value]) => [key, Float64Array.from(value)]),
        );
        const next = recordSteps(env, actions.slice(30));
        expect(saved).toEqual(copy);
        env.setState(saved);
        expect(env.getState()).toEqual(copy);
        expect(recordSteps(env, actions.slice(30))).toEqual(next);
        return withEnvironment((fresh) => {
          fresh.setState(saved);
          expect(recordSteps(fresh, actions.slice(30))).toEqual(next);
        }, longer);
      }, longer);
    });

    it("observes in setState what it observed in that state", () =>
      withEnvironment((env) => {
        env.reset({ seed: 6 });
        const [action] = actionsOf(env.actionSpace, keyFromSeed(6), 1);
        const observation = env.step(action).observation.slice();
        const state = env.getState();
        env.reset();
        expect(env.setState(state)).toEqual(observation);
      }));

    it("refuses states of unknown names, wrong shapes and numbers that are not finite", () =>
      withEnvironment((env) => {
        env.reset({ seed: 0 });
        const state = env.getState();
        const [field] = Object.keys(state);
        const short = Array.from(state[field]).slice(1);
        const notFinite = Array.from(state[field]).fill(NaN);
        expect(() => env.setState({ ...state, nonsense: [0] })).toThrow(TandemError);
        expect(() => env.setState({ ...state, [field]: short })).toThrow(TandemError);
        expect(() => env.setState({ ...state, [field]: notFinite })).toThrow(TandemError);
        expect(() => env.setState({})).toThrow(TandemError);
        expect(env.getState()).toEqual(state);
      }));

    it.skipIf(!facts.reportsRewardTerms)("pays the sum of the reward terms it reports", () =>
      withEnvironment((env) => {
        env.reset({ seed: 9 });
        for (const action of actionsOf(env.actionSpace, keyFromSeed(9), 50)) {
          const { reward, info } = env.step(action);
          const terms = Object.entries(info).filter(([key]) => /^reward_|_penalty$/.test(key));
          const sum = terms.reduce((total, [, value]) => total + value, 0);
          const scale = terms.reduce((total, [, value]) => total + Math.abs(value), 0);
          expect(terms.length).toBeGreaterThan(0);
          expect(Math.abs(reward - sum)).toBeLessThanOrEqual(terms.length * 2 ** -52 * scale);
        }
      }),
    );

    it("says whether it can terminate", () =>
      withEnvironment((env) => expect(env.terminates).toBe(!facts.neverTerminates)));

    it.skipIf(!facts.neverTerminates)(
      "truncates at maxEpisodeSteps and not before, and never terminates",
      async () => {
        await withEnvironment(expectTruncationOnly);
        await withEnvironment(expectTruncationOnly, { maxEpisodeSteps: 3 });
      },
    );

    it.skipIf(facts.neverTerminates)("truncates by the clock alone, terminated or not", () =>
      withEnvironment(
        (env) => {
          const actions = actionsOf(env.actionSpace, keyFromSeed(23), 4);
          env.reset({ seed: 23 });
          const flags = actions.slice(1).map((action) => pick(env.step(action)));
          expect(flags.map(({ truncated }) => truncated)).toEqual([false, false, true]);
          expect(flags[0].terminated).toBe(false);
        },
        { maxEpisodeSteps: 3 },
      ),
    );

    it.skipIf(facts.neverTerminates)("ends where the task says, in a state like any other", () =>
      withEnvironment((env) => {
        const last = stepToEnd(env, facts);
        expect(pick(last)).toEqual({ terminated: true, truncated: false });
        const observation = last.observation.slice();
        expect(env.setState(env.getState())).toEqual(observation);
        env.reset({ seed: 24 });
        const [action] = actionsOf(env.actionSpace, keyFromSeed(24), 1);
        expect(pick(env.step(action))).toEqual({ terminated: false, truncated: false });
      }),
    );

    const endsInOneStep = facts.endingState ?? facts.decisiveState;
    it.skipIf(facts.neverTerminates || !endsInOneStep)("can terminate and truncate in one step", () =>
      withEnvironment(
        (env) => {
          expect(pick(stepToEnd(env, facts))).toEqual({ terminated: true, truncated: true });
        },
        { maxEpisodeSteps: 1 },
      ),
    );

    it("starts to count steps anew in setState", () =>
      withEnvironment(
        (env) => {
          const actions = actionsOf(env.actionSpace, keyFromSeed(12), 3);
          env.reset({ seed: 12 });
          env.step(actions[0]);
          env.step(actions[1]);
          env.setState(env.getState());
          expect(actions.map((action) => env.step(action).truncated)).toEqual([false, false, true]);
        },
        { maxEpisodeSteps: 3 },
      ));

    it("lends its results: the next step writes over them", () =>
      withEnvironment((env) => {
        const [first, second] = actionsOf(env.actionSpace, keyFromSeed(13), 2);
        env.reset({ seed: 13 });
        const lent = env.step(first);
        const { observation, info } = lent;
        const before = observation.slice();
        const next = env.step(second);
        expect(next).toBe(lent);
        expect(next.observation).toBe(observation);
        expect(next.info).toBe(info);
        expect(observation).not.toEqual(before);
      }));

    it("leaves the caller's action alone", () =>
      withEnvironment((env) => {
        const [action] = actionsOf(env.actionSpace, keyFromSeed(14), 1);
        const before = action.slice();
        env.reset({ seed: 14 });
        env.step(action);
        expect(action).toEqual(before);
      }));

    it("stays correct while many others open, run and close", async () => {
      const alone = await make();
      const actions = actionsOf(alone.actionSpace, keyFromSeed(15), 20);
      const expected = recordRollout(alone, 15, actions);
      const first = await make();
      first.reset({ seed: 15 });
      const crowd: Environment[] = [];
      const found: number[] = [...first.reset({ seed: 15 }).observation];
      const start = first.getState();
      for (const action of actions) {
        for (let i = 0; i < 3; i++) crowd.push(await make());
        const result = first.step(action);
        found.push(...flatten(result));
        if (result.terminated) first.setState(start);
        crowd.at(-1)?.reset({ seed: 16 });
        if (crowd.length > 40) crowd.shift()?.close();
      }
      expect(Float64Array.from(found)).toEqual(expected);
      expect(recordRollout(alone, 15, actions)).toEqual(expected);
      for (const env of [alone, first, ...crowd]) env.close();
    });

    it("refuses actions of the wrong length and numbers that are not finite, and goes on", () =>
      withEnvironment((env) => {
        const size = env.actionSpace.kind === "box" ? env.actionSpace.size : 1;
        const actions = actionsOf(env.actionSpace, keyFromSeed(17), 5);
        const expected = recordRollout(env, 17, actions);
        env.reset({ seed: 17 });
        const wrong = new Float64Array(size + 1);
        expect(() => env.step(wrong)).toThrow(TandemError);
        expect(() => env.step(wrong)).toThrow(
          `step: ${name} takes actions of shape [${size}], got [${size + 1}]; check env.actionSpace`,
        );
        expect(() => env.step([])).toThrow(TandemError);
        for (const value of [NaN, Infinity, -Infinity]) {
          const action = new Float64Array(size);
          action[size - 1] = value;
          expect(() => env.step(action)).toThrow(TandemError);
        }
        if (env.actionSpace.kind === "discrete") {
          for (const value of [-1, 0.5, env.actionSpace.count]) {
            expect(() => env.step([value])).toThrow(/takes a whole number from 0 to /);
          }
        }
        const found = recordSteps(env, actions);
        expect(found).toEqual(expected.slice(env.observationSpace.size));
      }));

    it("has no episode before reset or setState, and no noise before a seed", () =>
      withEnvironment((env) => {
        const [action] = actionsOf(env.actionSpace, keyFromSeed(18), 1);
        expect(() => env.step(action)).toThrow(TandemError);
        expect(() => env.reset()).toThrow(TandemError);
        expect(() => env.reset({ seed: 0.5 })).toThrow(TandemError);
        expect(() => env.reset({ seed: -1 })).toThrow(TandemError);
      }));

    it.skipIf(!facts.divergingState)("reports a simulation that diverges, and recovers by reset", () =>
      withEnvironment((env) => {
        const actions = actionsOf(env.actionSpace, keyFromSeed(19), 5);
        const expected = recordRollout(env, 19, actions);
        const healthy = env.getState();
        for (const warmUp of [0, 1, 5]) {
          env.reset({ seed: 19 });
          recordSteps(env, actions.slice(0, warmUp));
          env.setState(facts.divergingState!);
          expect(() => env.step(actions[0])).toThrow(/^step: .* diverged/);
          expect(() => env.step(actions[0])).toThrow(/reset/);
          env.setState(healthy);
          expect(() => env.step(new Float64Array(actions[0].length))).not.toThrow();
          expect(recordRollout(env, 19, actions)).toEqual(expected);
        }
      }),
    );

    it("closes twice without harm and refuses every use afterwards", async () => {
      const env = await make();
      env.reset({ seed: 20 });
      const [action] = actionsOf(env.actionSpace, keyFromSeed(20), 1);
      const state = env.getState();
      env.close();
      env.close();
      for (const use of [
        () => env.reset({ seed: 0 }),
        () => env.step(action),
        () => env.getState(),
        () => env.setState(state),
      ]) {
        expect(use).toThrow(TandemError);
        expect(use).toThrow(/closed/);
      }
    });

    it.skipIf(!facts.heldObjects)("frees all it holds when closed, also after a divergence", async () => {
      const before = facts.heldObjects!();
      const env = await make();
      const [action] = actionsOf(env.actionSpace, keyFromSeed(25), 1);
      env.reset({ seed: 25 });
      env.step(action);
      env.setState(env.getState());
      if (facts.divergingState) {
        env.setState(facts.divergingState);
        expect(() => env.step(action)).toThrow(/diverged/);
      }
      expect(facts.heldObjects!()).toBeGreaterThan(before);
      env.close();
      expect(facts.heldObjects!()).toBe(before);
      env.close();
      expect(facts.heldObjects!()).toBe(before);
    });

    describe("options", () => {
      it("are all told, as JSON that makes the same environment, and tried here", async () => {
        const told = async (given: Record<string, unknown>): Promise<Record<string, unknown>> => {
          const env = await make(given);
          env.close();
          return JSON.parse(JSON.stringify(env.options)) as Record<string, unknown>;
        };
        const { changedOptions: changed, triedElsewhere = [] } = facts;
        const defaults = await told({});
        expect(Object.keys(defaults).sort()).toEqual([...Object.keys(changed), ...triedElsewhere].sort());
        expect(await told(changed)).toMatchObject(changed);
        expect(await digest(make, facts, defaults)).toBe(await digest(make, facts));
      });

      it.for(Object.entries(facts.changedOptions))("%s changes what comes out", async ([option, value]) => {
        expect(await digest(make, facts, { [option]: value })).not.toBe(await digest(make, facts));
        expect(await digest(make, facts, { [option]: undefined })).toBe(await digest(make, facts));
      });

      it("refuses unknown names and values of another type", async () => {
        await expect(make({ nonsense: 1 })).rejects.toThrow(
          /^makeEnvironment: .* has no option nonsense; it has /,
        );
        for (const option of Object.keys(facts.changedOptions)) {
          await expect(make({ [option]: "nonsense" })).rejects.toThrow(TandemError);
          await expect(make({ [option]: NaN })).rejects.toThrow(TandemError);
          await expect(make({ [option]: null })).rejects.toThrow(TandemError);
        }
      });
    });
  });
}

/** `count` random actions of the space, uniform and, in a box, up to half outside its bounds. */
function actionsOf(space: ActionSpace, key: Key, count: number): Float64Array[] {
  return Array.from({ length: count }, (_, t) => {
    const stream = streamOf(foldIn(key, t));
    if (space.kind === "discrete") return Float64Array.of(nextInteger(stream, space.count));
    return Float64Array.from({ length: space.size }, (_, i) => {
      const middle = (space.high[i] + space.low[i]) / 2;
      return middle + (space.high[i] - space.low[i]) * 0.75 * (2 * nextUniform(stream) - 1);
    });
  });
}

/** Everything that a short rollout gives, as text. */
async function digest(
  make: EnvironmentFactory,
  { digestSteps = 10, decisiveState }: ContractFacts,
  options?: Record<string, unknown>,
): Promise<string> {
  const env = await make(options);
  const lines = [JSON.stringify([env.maxEpisodeSteps, Array.from(env.reset({ seed: 21 }).observation)])];
  const start = env.getState();
  const record = (action: Float64Array): void => {
    const result = env.step(action);
    lines.push(JSON.stringify({ ...result, observation: Array.from(result.observation) }));
    if (result.terminated) env.setState(start);
  };
  const actions = actionsOf(env.actionSpace, keyFromSeed(21), digestSteps);
  for (const action of actions) record(action);
  if (decisiveState) {
    env.setState(decisiveState);
    record(actions[0]);
  }
  env.close();
  return lines.join("\n");
}

/** The observation of a reset and all that the steps give, in one vector. */
function recordRollout(env: Environment, seed: number, actions: readonly Float64Array[]): Float64Array {
  const start = Array.from(env.reset({ seed }).observation);
  return Float64Array.from([...start, ...recordSteps(env, actions)]);
}

/** Where an episode terminates, the next step begins again in the state this began in. */
function recordSteps(env: Environment, actions: readonly Float64Array[]): Float64Array {
  const start = env.getState();
  const steps = actions.flatMap((action) => {
    const result = env.step(action);
    const numbers = flatten(result);
    if (result.terminated) env.setState(start);
    return numbers;
  });
  return Float64Array.from(steps);
}

function flatten(result: StepResult): number[] {
  const { observation, reward, terminated, truncated, info } = result;
  return [...observation, reward, Number(terminated), Number(truncated), ...Object.values(info)];
}

function expectTruncationOnly(env: Environment): void {
  const actions = actionsOf(env.actionSpace, keyFromSeed(10), env.maxEpisodeSteps);
  for (const seed of [10, 11]) {
    env.reset({ seed });
    const flags = actions.map((action) => pick(env.step(action)));
    const expected = actions.map((_, t) => ({
      terminated: false,
      truncated: t + 1 === env.maxEpisodeSteps,
    }));
    expect(flags).toEqual(expected);
  }
}

/** The step that ends an episode: the first from the state that ends it, or one of a random episode. */
function stepToEnd(env: Environment, { endingState, decisiveState }: ContractFacts): StepResult {
  const state = endingState ?? decisiveState;
  const actions = actionsOf(env.actionSpace, keyFromSeed(22), state ? 1 : env.maxEpisodeSteps);
  if (state) env.setState(state);
  else env.reset({ seed: 22 });
  for (const action of actions) {
    const result = env.step(action);
    if (result.terminated) return result;
  }
  throw new Error(`${env.id} did not end within ${actions.length} steps`);
}

function pick({ terminated, truncated }: StepResult): { terminated: boolean; truncated: boolean } {
  return { terminated, truncated };
}
