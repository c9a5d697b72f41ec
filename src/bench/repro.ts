/** A published number, and what our own bench of that method on that task came to. */
import type { StepCounts } from "../core/index.ts";
import { normalisedScore } from "../eval/index.ts";
import type { Outcome } from "./outcome.ts";
import { judge, type Verdict } from "./prediction.ts";
import { PUBLISHED, type PublishedCell } from "./published.ts";
import { meanOf, standing, taskRow, type Mean } from "./statistics.ts";
import { parseSuite, type Options, type Suite } from "./suite.ts";

/** What stands for a published method here. */
interface Implementation {
  /** Options of `tandem train`. */
  readonly options: Options;
  /** The same on tasks whose episodes can end. */
  readonly onEndingTasks?: Options;
  /** Training steps where the task's usual number does not suit. */
  readonly steps?: number;
  /** In what it is not the published method; null where nothing needs to be said. */
  readonly caveat: string | null;
}

const IMPLEMENTATIONS: Readonly<Record<string, Implementation>> = {
  bc: { options: { method: "bc" }, steps: 20_000, caveat: "Steps of bc are updates, not environment steps." },
  gail: {
    options: { method: "dac" },
    caveat:
      "GAIL is run in our off-policy form, the classifier of DAC without its absorbing states (docs/dac.md); the published one may be on-policy, and need far more steps.",
  },
  dac: {
    options: { method: "dac" },
    onEndingTasks: { termination: "absorbing" },
    caveat: "DAC is run on soft actor-critic in place of TD3 (docs/dac.md).",
  },
  airl: {
    options: { method: "airl" },
    caveat: "AIRL is run off-policy, with a reward of states alone (docs/airl.md).",
  },
  "f-irl": {
    options: { method: "f-irl" },
    caveat: "Which divergence the published number is of is not known; ours is Jensen-Shannon.",
  },
  "iq-learn": { options: { method: "iq-learn" }, caveat: null },
  "ml-irl": {
    options: { method: "ml-irl" },
    caveat:
      "ML-IRL is run as in docs/ml-irl.md: the paper's two-layer reward, reward steps from training episodes, no rollouts for the reward alone.",
  },
  sqil: { options: { method: "sqil" }, caveat: null },
};

/** Published methods without an implementation here, as they are called. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  valuedice: "ValueDICE",
  mm: "MM",
  filter: "FILTER",
  hype: "HyPE",
  piro: "PIRO",
  csil: "CSIL",
  p2il: "P2IL",
  trirl: "TRIRL",
  near: "NEAR",
  "recoil-online": "ReCOIL",
  "ml-irl-offline": "offline ML-IRL",
  "iq-learn-offline": "offline IQ-Learn",
  distirl: "DistIRL",
};

/** Environments of ours by published task, without their version. */
const TASKS: Readonly<Record<string, string>> = {
  hopper: "Hopper",
  halfcheetah: "HalfCheetah",
  walker2d: "Walker2d",
  ant: "Ant",
  humanoid: "Humanoid",
};

const VARIANTS: Readonly<Record<string, string>> = {
  retrained: "the return of a policy trained anew on the learned reward",
  "other-maze": "transfer of the reward to another maze",
  disabled: "transfer of the reward to a disabled ant",
  wind: "transfer of the reward to wind",
  mars: "transfer of the reward to the gravity of Mars",
  hours: "hours of training on another machine",
  pearson: "a correlation with the true reward",
  spearman: "a correlation with the true reward",
};

/** Why a cell cannot be run here: for the list, and to go on from "cell:". */
export interface Refusal {
  readonly short: string;
  readonly reason: string;
}

/** A cell that can be run here. */
export interface Reproducible {
  readonly cell: PublishedCell;
  readonly implementation: Implementation;
  /** `Hopper` */
  readonly task: string;
}

/** What stands for a cell here, or why nothing does. */
export function implementationOf(cell: PublishedCell): Reproducible | Refusal {
  if (cell.method in ELSEWHERE) {
    return { short: "no method", reason: `no implementation here of ${ELSEWHERE[cell.method]}` };
  }
  if (cell.variant !== null) {
    return {
      short: "no score",
      reason: `it is ${VARIANTS[cell.variant]}, and only scores of trainings are run again`,
    };
  }
  if (!(cell.task in TASKS)) return { short: "no task", reason: `no environment here is ${cell.task}` };
  return { cell, implementation: IMPLEMENTATIONS[cell.method], task: TASKS[cell.task] };
}

/** Tells a refusal. */
export function isRefusal(found: Reproducible | Refusal): found is Refusal {
  return "reason" in found;
}

/** The environment that is nearest to the published one: v4 for v2 to v4, else v5. */
export function nearestEnvironment({ cell, task }: Reproducible): string {
  const isOlder = /^v[234]/.test(cell.source.revision ?? "");
  return `${task}-${isOlder ? "v4" : "v5"}`;
}

/** Cells by part of their id; a part that is left out is any. */
export interface Filter {
  readonly source?: string;
  readonly task?: string;
  readonly method?: string;
}

/** The published cells that a filter lets through. */
export function publishedCells({ source, task, method }: Filter): PublishedCell[] {
  return PUBLISHED.filter(
    (cell) =>
      (source === undefined || cell.source.id === source) &&
      (task === undefined || cell.task === task) &&
      (method === undefined || cell.method === method),
  );
}

/** How a cell is run here. */
export interface ReproPlan {
  readonly env: string;
  readonly demos: string;
  readonly trajectories: readonly number[];
  readonly episodes: number;
  readonly seeds: readonly number[];
  readonly steps: number;
}

/** Steps between evaluations: ten of them at least, so that one is in the last tenth. */
function evaluationInterval(steps: number): number {
  return Math.min(10_000, Math.max(1, Math.floor(steps / 10)));
}

/** The ordinary suite that runs a cell here. */
export function reproSuite({ cell, implementation, task }: Reproducible, plan: ReproPlan): Suite {
  const { env, demos, trajectories, episodes, seeds, steps } = plan;
  const ending = task === "HalfCheetah" ? {} : (implementation.onEndingTasks ?? {});
  return parseSuite(cell.id, {
    name: cell.id.replaceAll("/", "-"),
    title: `${cell.id}: a published number, and ours`,
    tasks: [{ name: task, env, demos, trajectories: [...trajectories], episodes, steps }],
    methods: [{ name: cell.method, options: { ...implementation.options, ...ending } }],
    seeds: [...seeds],
    train: { "evaluate-every": evaluationInterval(steps) },
  });
}

/** A published number in our terms. */
export interface PublishedScore {
  /** True return and its standard deviation over runs; null where only a share is known. */
  readonly score: number | null;
  readonly std: number | null;
  readonly expert: number | null;
  /** Score over expert. */
  readonly share: number | null;
  /** 0 for random actions in our environment, 1 for the published expert; null without either. */
  readonly normalised: number | null;
  readonly spread: number | null;
  readonly runs: number | null;
}

/** What our runs of a cell came to. */
interface OwnScore {
  readonly cells: number;
  readonly complete: number;
  readonly diverged: number;
  readonly score: Mean | null;
  readonly expert: Mean | null;
  readonly random: number | null;
  readonly share: Mean | null;
  readonly normalised: Mean | null;
  /** Means over complete cells. */
  readonly stepCounts: StepCounts | null;
}

/** Both, side by side. */
export interface Comparison {
  readonly published: PublishedScore;
  readonly ours: OwnScore;
  /** Null where fewer than two of our cells have a normalised score, or the published number has none. */
  readonly verdict: Verdict | null;
}

/** A published number in our terms; `random` is the mean return of random actions in our environment, null before it is known. */
export function publishedScore(cell: PublishedCell, random: number | null): PublishedScore {
  const { unit, mean, std, expert, runs, scale } = cell;
  if (unit === "share" && scale === null) {
    return { score: null, std: null, expert, share: mean, normalised: mean, spread: std, runs };
  }
  const width = scale === null ? 1 : scale.expert - scale.random;
  const score = scale === null ? mean : scale.random + mean * width;
  const deviation = std === null ? null : std * width;
  const share = expert === null ? null : score / expert;
  const plain = { score, std: deviation, expert, share, runs };
  if (expert === null || random === null) return { ...plain, normalised: null, spread: null };
  return {
    ...plain,
    normalised: normalisedScore(score, { random, expert }),
    spread: deviation === null ? null : Math.abs(deviation / (expert - random)),
  };
}

/** Hold all cells of the suite of `reproSuite` against the published number. */
export function compare(
  { cell, task }: Pick<Reproducible, "cell" | "task">,
  outcomes: readonly Outcome[],
): Comparison {
  const { cells, complete, diverged, score, normalised, stepCounts } = taskRow(task, cell.method, outcomes);
  const random = meanOf(outcomes.map(({ randomReturn }) => randomReturn))?.mean ?? null;
  const ours: OwnScore = {
    cells,
    complete,
    diverged,
    score,
    expert: meanOf(outcomes.map(({ expertReturn }) => expertReturn)),
    random,
    share: meanOf(outcomes.map(shareOf)),
    normalised,
    stepCounts,
  };
  const published = publishedScore(cell, random);
  const scores = outcomes.map(standing).filter((value) => value !== null);
  const { normalised: mean, spread, runs } = published;
  return { published, ours, verdict: mean === null ? null : judge(scores, { mean, spread, runs }) };
}

function shareOf({ score, expertReturn }: Outcome): number | null {
  return score === null || expertReturn === null ? null : score / expertReturn;
}
