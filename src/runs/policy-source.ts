/** Policies that a path may name: a plain policy, an ONNX model, or a run of Tandem's. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { fromPolicyUnits, policySize, TandemError, type Key } from "../core/index.ts";
import { makeEnvironment, type Environment } from "../envs/index.ts";
import { PLAIN_POLICY_FILE, readOnnxPolicy, readPlainPolicy, type Policy } from "../policies/index.ts";
import { policyActions } from "../rl/index.ts";
import type { RunConfig } from "./config.ts";
import { readConfig } from "./run-folder.ts";
import { loadSavedRun, savedPolicy } from "./saved-run.ts";

/** A policy that was named, and where it belongs. */
export interface PolicySource {
  /** The environment it says it is for; null where it does not. */
  readonly environment: RunConfig["env"] | null;
  /** The policy, for an environment. */
  load(environment: Environment): Promise<Policy>;
}

/**
 * What lies at `path`.
 *
 * @param draws actions are drawn with this key; null: the policy's most likely actions
 */
export async function policySource(path: string, draws: Key | null): Promise<PolicySource> {
  if (path.endsWith(".onnx")) {
    return { environment: null, load: (environment) => readOnnxPolicy(path, environment, draws) };
  }
  if (basename(path) === PLAIN_POLICY_FILE || existsSync(join(path, PLAIN_POLICY_FILE))) {
    const policy = await readPlainPolicy(path, draws);
    const id = policy.about.environment;
    return { environment: id === null ? null : { id, options: {} }, load: async () => policy };
  }
  if (existsSync(join(path, "config.json"))) {
    const config = readConfig(path);
    return { environment: config.env, load: (environment) => runPolicy(path, config, environment, draws) };
  }
  throw new TandemError(
    "policy",
    `expected at ${path} a folder with policy.json and weights.bin, an .onnx file, or a run folder; check the path`,
  );
}

/**
 * The policy that a run has saved, in the environment's own units. `draws` is as in {@link policySource}. A run that was
 * shown less of the same task (say, no contact forces) sees the first coordinates of what the environment shows.
 */
export async function runPolicy(
  folder: string,
  config: RunConfig,
  environment: Environment,
  draws: Key | null,
): Promise<Policy> {
  const space = policyActions(environment);
  const seen = await openSeen(config, environment);
  const saved = await loadSavedRun(folder, config, seen, draws ?? [0, 0]);
  const { size } = seen.observationSpace;
  if (seen !== environment) seen.close();
  const act = savedPolicy(saved, draws ? "sample" : "mode");
  const unit = new Float32Array(policySize(space));
  return {
    about: {
      name: `${space.kind === "box" ? "soft actor-critic" : "soft Q-learning"} ${TAUGHT_BY[config.command]} for ${config.steps} steps`,
      source: { run: folder, config },
      environment: config.env.id,
      observationSize: environment.observationSpace.size,
      output:
        space.kind === "box" ? { kind: "box", size: space.size } : { kind: "discrete", count: space.count },
      published: null,
    },
    act: (observation, action) => {
      act(observation.subarray(0, size), unit);
      fromPolicyUnits(space, unit, action);
    },
  };
}

/** The environment as the run saw it: `environment` itself unless the run was shown less of it. */
async function openSeen({ env }: RunConfig, environment: Environment): Promise<Environment> {
  const { options = {} } = environment;
  const differs = (name: string): boolean =>
    JSON.stringify(env.options[name]) !== JSON.stringify(options[name]);
  const hidden = Object.keys(env.options).filter(differs);
  const isLess = (name: string): boolean =>
    /^include\w+InObservation$/.test(name) && env.options[name] === false;
  const shownLess = env.id === environment.id && hidden.length > 0 && hidden.every(isLess);
  return shownLess ? makeEnvironment(env.id, env.options) : environment;
}

const TAUGHT_BY = {
  expert: "trained on the true reward",
  train: "trained on a learned reward",
  retrain: "trained on a frozen learned reward",
};
