/** The settings of a run beside those that it would have had, had nothing been said. */
import { TandemError } from "../core/index.ts";
import { flatten } from "../report/cohort.ts";
import { EVALUATION_DEFAULTS, MCE_IRL_STEPS, taskDefaults, type RunConfig } from "../runs/index.ts";
import { usualSettings } from "./method-settings.ts";
import { openEnvironment } from "./run-setup.ts";

/** A setting, by its path into `config.json`; null where it is not there. */
export interface UnusualSetting {
  readonly setting: string;
  readonly value: string | null;
  readonly usual: string | null;
}

/** What of a run's settings is not as its method and task have it; null where the run has those of another run. */
export async function unusualSettings(config: RunConfig): Promise<UnusualSetting[] | null> {
  if (config.command === "retrain") return null;
  const usual = new Map(flatten(await usualConfig(config)));
  const { env, demos, algorithm, evaluation, steps } = config;
  const instruments = config.command === "train" ? { instruments: config.instruments } : {};
  const own = flatten({
    steps,
    ...instruments,
    algorithm,
    evaluation,
    demos: chosen(demos),
    env: env.options,
  });
  const paths = new Set([...own.map(([path]) => path), ...usual.keys()]);
  const values = new Map(own);
  return [...paths]
    .filter((path) => values.get(path) !== usual.get(path) && !EMPTY.has(path))
    .map((path) => ({
      setting: path.replace(/^env\./, "env.options."),
      value: values.get(path) ?? null,
      usual: usual.get(path) ?? null,
    }));
}

/** What a part is called that has nothing in it. */
const EMPTY = new Set(["demos", "env"]);

/** Which demonstrations, whatever is in them. */
function chosen(demos: RunConfig["demos"]): object {
  if (!demos) return {};
  const { episodes, firstEpisode, shuffled, constant, heldOut } = demos;
  return { episodes, firstEpisode, shuffled, constant, heldOut };
}

const FIRST_EPISODE = { episodes: 1, firstEpisode: 0, shuffled: false, constant: false, heldOut: [] };

async function usualConfig(config: Exclude<RunConfig, { command: "retrain" }>): Promise<object> {
  const task = taskDefaults(config.env.id);
  const common = { evaluation: EVALUATION_DEFAULTS, env: await usualOptions(config.env) };
  if (config.command === "expert")
    return { ...common, steps: task.expertSteps ?? config.steps, algorithm: task.expert, demos: {} };
  const { algorithm } = config;
  const { method } = algorithm;
  const usual = usualSettings(method, task, method === "dagger" ? algorithm.teacherPolicy : "");
  // Its hidden layer is the task's states, nobody's choice.
  const fitted =
    method === "mce-irl" ? { ...usual, sac: { ...usual.sac, hidden: algorithm.sac.hidden } } : usual;
  const steps = method === "mce-irl" ? MCE_IRL_STEPS : task.trainSteps;
  return {
    ...common,
    steps: steps ?? config.steps,
    instruments: false,
    algorithm: fitted,
    demos: FIRST_EPISODE,
  };
}

/** The options of the environment as it comes; the run's where there is no such environment any more. */
async function usualOptions({ id, options }: RunConfig["env"]): Promise<object> {
  try {
    const environment = await openEnvironment(id, {});
    environment.close();
    return environment.options ?? {};
  } catch (error) {
    if (error instanceof TandemError) return options;
    throw error;
  }
}
