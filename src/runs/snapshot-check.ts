/** Whether what a checkpoint says can be gone on with, before anything is changed by it. */
import { z } from "zod";
import { rowWidth, TandemError } from "../core/index.ts";
import type { Learner } from "../irl/index.ts";
import { policyOptimisers, type Agent } from "../rl/index.ts";

const count = z.number().int().min(0);
const numbers = z.array(z.number());
const named = z.record(z.string(), z.number());
const adam = z.looseObject({ steps: count, beta1Power: z.number(), beta2Power: z.number() });
const statistics = z.looseObject({ count, mean: numbers, squares: numbers });

/** What of a checkpoint has to go together. */
interface Saved {
  readonly json: {
    readonly agent: { readonly adam: readonly unknown[]; readonly episodeRows: number };
    readonly irl: {
      readonly statistics?: Readonly<
        Record<string, { readonly mean: readonly number[]; readonly squares: readonly number[] }>
      >;
      readonly counters?: Readonly<Record<string, number>>;
      readonly streams?: Readonly<Record<string, number>>;
      readonly rewardAdam?: unknown;
      readonly recentEpisodes: number;
    } | null;
  };
  readonly arrays: Readonly<Record<string, Float32Array>>;
}

/** The numbers a checkpoint holds as JSON. */
const stateSchema = z.looseObject({
  seconds: z.number(),
  steps: z.looseObject({ train: count, rewardRollout: count, evaluation: count, expert: count }),
  agent: z.looseObject({
    steps: count,
    episodes: count,
    explorationCounter: count,
    sacCounter: count,
    updates: count,
    adam: z.array(adam),
    episodeRows: count,
    dropped: z.looseObject({ episodes: count, since: count }).optional(),
  }),
  replay: z
    .looseObject({
      added: count,
      segments: z.array(z.looseObject({ index: count, from: count, to: count, crc32: count })),
    })
    .optional(),
  irl: z
    .looseObject({
      counters: named.optional(),
      streams: named.optional(),
      rewardSteps: count.optional(),
      expertCounter: count.optional(),
      rewardAdam: adam.optional(),
      statistics: z.looseObject({ expert: statistics, agent: statistics }).optional(),
      recentEpisodes: count,
    })
    .nullable(),
});

/** Refuses a state that is not of this form. */
export function checkState(json: unknown, path: string): void {
  const parsed = stateSchema.safeParse(json);
  if (parsed.success) return;
  const [issue] = parsed.error.issues;
  throw damaged(path, `${issue.path.join(".")}: ${issue.message}`);
}

/** Refuses a state that is of another agent or learner, or whose parts do not go together. */
export function checkFit({ json, arrays }: Saved, agent: Agent, learner: Learner | null, path: string): void {
  if (learner) checkLearner(json.irl, learner, path);
  const lengths: [what: string, expected: number, got: number | undefined][] = [
    ["optimisers", policyOptimisers(agent.policy).length, json.agent.adam.length],
    [
      "floats of the episode under way",
      json.agent.episodeRows * rowWidth(agent.episode),
      arrays.episode?.length,
    ],
  ];
  for (const [who, { mean, squares }] of Object.entries(json.irl?.statistics ?? {})) {
    const own = learner?.reward?.statistics[who as "expert" | "agent"];
    for (const each of own ? [mean, squares] : [])
      lengths.push([`statistics of ${who}`, own!.mean.length, each.length]);
  }
  const { observationSize: n, actionSize: d } = agent.episode;
  const columns: [string, number][] = [
    ["observations", n],
    ["actions", d],
    ["nextObservations", n],
    ["truncated", 1],
    // Of episodes without rewards the list is empty.
    ...(arrays["recent0.rewards"]?.length ? [["rewards", 1] as [string, number]] : []),
  ];
  for (let index = 0; index < (json.irl?.recentEpisodes ?? 0); index++) {
    const column = (name: string): number | undefined => arrays[`recent${index}.${name}`]?.length;
    const rows = column("terminated");
    if (!rows) throw damaged(path, `expected ${json.irl?.recentEpisodes} recent episodes, got ${index}`);
    for (const [name, width] of columns) lengths.push([`recent${index}.${name}`, rows * width, column(name)]);
  }
  const wrong = lengths.find(([, expected, got]) => got !== expected);
  if (wrong) throw damaged(path, `${wrong[0]}: expected ${wrong[1]}, got ${wrong[2] ?? "none"}`);
}

function checkLearner(irl: Saved["json"]["irl"], { counters, streams, reward }: Learner, path: string): void {
  const missing = [
    ...Object.keys(counters).filter((name) => irl?.counters?.[name] === undefined),
    ...Object.keys(streams).filter((name) => irl?.streams?.[name] === undefined),
    ...(reward && !irl?.rewardAdam ? ["optimiser of the reward"] : []),
    ...(reward && !irl?.statistics ? ["statistics of the reward"] : []),
  ];
  if (missing.length > 0) throw damaged(path, `it has no ${missing[0]}`);
}

function damaged(path: string, problem: string): TandemError {
  return new TandemError("readState", `${path}: ${problem}; the checkpoint is damaged, or of another run`);
}
