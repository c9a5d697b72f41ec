/**
 * Published numbers that a bench can be held against: facts and figures with their source, none from memory. Hyphens in the
 * sources' tables are no cells here.
 */

/** Where numbers stand, and under what they were measured. */
interface Source {
  /** First part of a cell's id. */
  readonly id: string;
  /** Work and venue. */
  readonly work: string;
  /** Table, page or file, and where it was read. */
  readonly place: string;
  /** Version of the environments; null where it is not said. */
  readonly revision: string | null;
  /** Expert trajectories learnt from; null where it is not said. */
  readonly demonstrations: number | null;
  /** Runs that a value is the mean of; null where it is not said how many. */
  readonly runs: number | null;
  /** What must be known to read the numbers, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * What a number is: a true return; a share of the expert's; hours of training; a correlation of learned with true reward.
 * A share whose `scale` is known can be turned into a return.
 */
type Unit = "return" | "share" | "hours" | "pearson" | "spearman";

/** Environment steps of one published run. */
export interface Budget {
  /** As the source counts them. */
  readonly accounted: number;
  /** With the rollouts for the reward's gradient that it does not count; null where they are not known. */
  readonly actual: number | null;
  /** Whose they are. */
  readonly place: string;
}

/** One number of a table. */
export interface PublishedCell {
  /** `piro/hopper/ml-irl`, and a fourth part where it is not of a plain training. */
  readonly id: string;
  readonly source: Source;
  readonly task: string;
  readonly method: string;
  /** What was measured in place of a plain training's score, such as `retrained`; null for that. */
  readonly variant: string | null;
  readonly unit: Unit;
  readonly mean: number;
  /** As printed after +-, taken as the standard deviation over runs; null where there is none. */
  readonly std: number | null;
  readonly demonstrations: number | null;
  readonly runs: number | null;
  /** Mean return of the expert; null where it is not said. */
  readonly expert: number | null;
  /** Returns that are the shares 0 and 1, where `unit` is a share and they are known. */
  readonly scale: { readonly random: number; readonly expert: number } | null;
  readonly budget: Budget | null;
}

type Value = number | readonly [mean: number, std: number];
type Row = Readonly<Record<string, Value>>;
type Told = Partial<Pick<PublishedCell, "demonstrations" | "scale" | "variant" | "unit">> & {
  readonly expert?: number | null;
  readonly budget?: (task: string, method: string) => Budget | null;
};

/** The cells of one row: a value by method. */
function row(source: Source, task: string, values: Row, told: Told = {}): PublishedCell[] {
  const { variant = null, unit = "return", demonstrations = source.demonstrations } = told;
  return Object.entries(values).map(([method, value]) => {
    const [mean, std] = typeof value === "number" ? [value, null] : value;
    return {
      id: [source.id, task, method, ...(variant === null ? [] : [variant])].join("/"),
      source,
      task,
      method,
      variant,
      unit,
      mean,
      std,
      demonstrations,
      runs: source.runs,
      expert: told.expert ?? null,
      scale: told.scale ?? null,
      budget: told.budget?.(task, method) ?? null,
    };
  });
}

// ---- IQ-Learn ----------------------------------------------------------------------------------------------------

const IQ_LEARN: Source = {
  id: "iq-learn",
  work: "IQ-Learn, NeurIPS 2021, arXiv:2106.12142",
  place: "Table 3, p. 9; read as PDF in the docs of github.com/Div99/IQ-Learn",
  revision: "v2",
  demonstrations: 1,
  runs: null,
  notes: ["Trained until convergence, on several seeds; how many is not said."],
};

const IQ_LEARN_BUDGET: Budget = {
  accounted: 500_000,
  actual: null,
  place: "released configurations of IQ-Learn, conf/env/*.yaml (learn_steps)",
};
const iqLearnBudget = (_: string, method: string): Budget | null =>
  method === "iq-learn" ? IQ_LEARN_BUDGET : null;

function iqLearnRow(task: string, expert: number, values: Row): PublishedCell[] {
  return row(IQ_LEARN, task, values, { expert, budget: iqLearnBudget });
}

const IQ_LEARN_CELLS = [
  iqLearnRow("hopper", 3532.7, { gail: 3252.5, dac: 3305.1, valuedice: 3312.1, "iq-learn": 3546.4 }),
  iqLearnRow("halfcheetah", 5098.3, { gail: 3080.0, dac: 4080.6, valuedice: 3835.6, "iq-learn": 5076.6 }),
  iqLearnRow("walker2d", 5274.5, { gail: 4013.7, dac: 4107.9, valuedice: 3842.6, "iq-learn": 5134.0 }),
  iqLearnRow("ant", 4700.0, { gail: 2299.1, dac: 1437.5, valuedice: 1806.3, "iq-learn": 4362.9 }),
  iqLearnRow("humanoid", 5312.8, { gail: 232.6, dac: 380.5, valuedice: 644.5, "iq-learn": 5227.1 }),
].flat();

// ---- PIRO, and the budgets of ML-IRL's own code ------------------------------------------------------------------

const PIRO: Source = {
  id: "piro",
  work: "PIRO (TRRO), NeurIPS 2025",
  place: "Table 1; read as full text",
  revision: "v4",
  demonstrations: 1,
  runs: 5,
  notes: [
    "Bare means: no spread is given.",
    "The text says v4, the configurations of its code v3; reward networks differ between the two as well.",
    "Several baselines are far below their own papers there.",
  ],
};

const ML_IRL_PLACE =
  "configurations of ML-IRL's official code, configs/samples/agents/*.yml; those of PIRO's own runs are not known to be the same";

/** SAC updates, which the official code logs as environment steps, and those with its rollouts for the reward. */
const ML_IRL_BUDGETS: Readonly<Record<string, Budget>> = {
  hopper: { accounted: 1_000_000, actual: 3_000_000, place: ML_IRL_PLACE },
  halfcheetah: { accounted: 3_000_000, actual: 9_000_000, place: ML_IRL_PLACE },
  walker2d: { accounted: 5_000_000, actual: 15_000_000, place: ML_IRL_PLACE },
  ant: { accounted: 3_000_000, actual: 9_000_000, place: ML_IRL_PLACE },
  humanoid: { accounted: 3_000_000, actual: 9_000_000, place: ML_IRL_PLACE },
};
const mlIrlBudget = (task: string, method: string): Budget | null =>
  method === "ml-irl" ? (ML_IRL_BUDGETS[task] ?? null) : null;

function piroRow(task: string, expert: number, values: Row): PublishedCell[] {
  return row(PIRO, task, values, { expert, budget: mlIrlBudget });
}

const PIRO_CELLS = [
  piroRow("ant", 5926.2, {
    bc: 1631.5,
    gail: 996.9,
    mm: -304.0,
    airl: 991.4,
    filter: -376.3,
    hype: 2800.5,
    dac: 923.8,
    "iq-learn": 3589.8,
    "ml-irl": 5382.5,
    "f-irl": 980.4,
    csil: 420.7,
    p2il: 976.6,
    piro: 5967.2,
  }),
  piroRow("humanoid", 5501.0, {
    bc: 418.1,
    gail: 508.4,
    mm: 367.2,
    airl: 281.4,
    filter: 291.7,
    hype: 717.5,
    dac: 76.3,
    "iq-learn": 1847.5,
    "ml-irl": 5573.4,
    "f-irl": 470.4,
    piro: 5954.9,
  }),
  piroRow("walker2d", 5524.5, {
    bc: 384.4,
    gail: 4158.1,
    mm: 70.4,
    airl: 72.8,
    filter: 77.7,
    hype: 1478.7,
    dac: -3.0,
    "iq-learn": 3023.0,
    "ml-irl": 4794.7,
    "f-irl": 243.8,
    csil: 686.1,
    p2il: 1054.0,
    piro: 5643.7,
  }),
  piroRow("hopper", 3632.8, {
    bc: 1034.4,
    gail: 3535.7,
    mm: 57.8,
    airl: 13.5,
    filter: 37.3,
    hype: 2593.7,
    dac: 3321.6,
    "iq-learn": 3424.5,
    "ml-irl": 3316.4,
    "f-irl": 361.7,
    csil: 6.7,
    p2il: 25.8,
    piro: 3362.0,
  }),
  piroRow("halfcheetah", 12266.1, {
    bc: 221.2,
    gail: 1298.8,
    mm: 20.3,
    airl: 2251.4,
    filter: 0.3,
    hype: 6473.4,
    dac: 9645.0,
    "iq-learn": 3825.5,
    "ml-irl": 11873.2,
    "f-irl": -0.7,
    csil: -107.2,
    p2il: -0.1,
    piro: 12587.4,
  }),
].flat();

// ---- TRIRL -------------------------------------------------------------------------------------------------------

const TRIRL: Source = {
  id: "trirl",
  work: "TRIRL, ICML 2026",
  place: "table of index.html in github.com/anishhdiwan/trust-region-irl",
  revision: "v5, in MJX",
  demonstrations: null,
  runs: 20,
  notes: [
    "The page prints no unit; the values are taken as returns normalised by the expert's.",
    "How many demonstrations is not said; a data file is called Ant-v5_30_PPO.npz, from which the version is taken.",
  ],
};

const TRIRL_BUDGET: Budget = {
  accounted: 30_000_000,
  actual: null,
  place: "run_experiment.sh and default_config.py, 4096 environments at a time",
};

/** Of TRIRL, AIRL and NEAR. */
function trirlRow(
  task: string,
  variant: string | null,
  trirl: Value,
  airl: Value,
  near: Value,
): PublishedCell[] {
  const budget = variant === null ? () => TRIRL_BUDGET : undefined;
  return row(TRIRL, task, { trirl, airl, near }, { unit: "share", variant, budget });
}

const TRIRL_CELLS = [
  trirlRow("pointmaze", null, [1.03, 0.01], [0.45, 0.12], [0.28, 0.09]),
  trirlRow("pointmaze", "retrained", [0.98, 0.01], [0.35, 0.07], [0.28, 0.09]),
  trirlRow("pointmaze", "other-maze", [0.96, 0.001], [0.06, 0.64], [0.29, 0.13]),
  trirlRow("ant", null, [0.91, 0.17], [0.59, 0.25], [0.46, 0.29]),
  trirlRow("ant", "retrained", [0.63, 0.09], [0.1, 0.13], [0.46, 0.29]),
  trirlRow("ant", "disabled", [0.89, 0.12], [0.42, 0.25], [0.33, 0.18]),
  trirlRow("halfcheetah", null, [0.83, 0.19], [0.39, 0.14], [0.09, 0.28]),
  trirlRow("halfcheetah", "retrained", [0.7, 0.24], [0.08, 0.28], [0.09, 0.28]),
  trirlRow("halfcheetah", "wind", [0.63, 0.29], [0.16, 0.25], [0.1, 0.18]),
  trirlRow("halfcheetah", "mars", [0.3, 0.13], [-0.1, 0.06], [-0.06, 0.12]),
  trirlRow("hopper", null, [0.49, 0.16], [0.68, 0.11], [0.22, 0.09]),
  trirlRow("hopper", "retrained", [0.36, 0.13], [0.12, 0.11], [0.22, 0.09]),
].flat();

// ---- LFIRL -------------------------------------------------------------------------------------------------------

const LFIRL: Source = {
  id: "lfirl",
  work: "LFIRL, 2026",
  place: "its tables of wall-clock time and of correlation with the true reward; read as text",
  revision: null,
  demonstrations: null,
  runs: null,
  notes: ["Hours are at the same number of steps for all methods."],
};

/** Hours of ML-IRL, IQ-Learn and AIRL; Pearson and Spearman of ML-IRL. */
function lfirlRows(
  task: string,
  hours: readonly [mlIrl: number, iq: number, airl: number],
  [pearson, spearman]: readonly [pearson: number, spearman: number],
): PublishedCell[] {
  const [mlIrl, iq, airl] = hours;
  return [
    row(LFIRL, task, { "ml-irl": mlIrl, "iq-learn": iq, airl }, { unit: "hours", variant: "hours" }),
    row(LFIRL, task, { "ml-irl": pearson }, { unit: "pearson", variant: "pearson" }),
    row(LFIRL, task, { "ml-irl": spearman }, { unit: "spearman", variant: "spearman" }),
  ].flat();
}

const LFIRL_CELLS = [
  lfirlRows("umaze", [9.76, 6.88, 1.38], [0.78, 0.75]),
  lfirlRows("maze-medium", [13.8, 10.1, 3.67], [0.67, 0.72]),
  lfirlRows("maze-large", [13.33, 10.88, 6.88], [0.64, 0.71]),
  lfirlRows("kitchen", [18.42, 13.72, 9.55], [0.63, 0.69]),
  lfirlRows("push-t", [9.5, 8.55, 1.57], [0.66, 0.73]),
  lfirlRows("pen", [18.52, 14.88, 4.83], [0.78, 0.69]),
].flat();

// ---- CleanIL, imitation, DistIRL ---------------------------------------------------------------------------------

const CLEANIL: Source = {
  id: "cleanil",
  work: "CleanIL",
  place: "README of its repository",
  revision: "v4",
  demonstrations: 10,
  runs: 1,
  notes: [
    "One seed; the value is the interquartile mean of the last 30 evaluation episodes.",
    "Printed in percent of D4RL's scale, whose random and expert returns are those of Hugging Face's imone/D4RL.",
  ],
};

/** Returns that D4RL calls 0 and 1. */
const D4RL = {
  hopper: { random: -20.27, expert: 3234.3 },
  halfcheetah: { random: -280.18, expert: 12135.0 },
  walker2d: { random: 1.63, expert: 4592.3 },
};

/** Values in percent. */
function cleanilRow(task: keyof typeof D4RL, percent: Readonly<Record<string, number>>, demonstrations = 10) {
  const shares = Object.entries(percent).map(([method, value]) => [method, value / 100] as const);
  const scale = D4RL[task];
  return row(CLEANIL, task, Object.fromEntries(shares), {
    unit: "share",
    demonstrations,
    scale,
    expert: scale.expert,
  });
}

const CLEANIL_CELLS = [
  cleanilRow("halfcheetah", { gail: 107.26, "recoil-online": 101.15, "ml-irl-offline": 96.51 }),
  cleanilRow("hopper", { gail: 101.1, "recoil-online": 99.79, "ml-irl-offline": 99.91 }),
  cleanilRow("walker2d", { gail: 100.75, "recoil-online": 99.95, "ml-irl-offline": 99.34 }),
  cleanilRow("halfcheetah", { "iq-learn-offline": 10.66, bc: 46.24 }, 20),
  cleanilRow("hopper", { "iq-learn-offline": 84.23, bc: 86.27 }, 20),
  cleanilRow("walker2d", { "iq-learn-offline": 81.23, bc: 99.54 }, 20),
].flat();

const IMITATION: Source = {
  id: "imitation",
  work: "imitation, SQIL on soft actor-critic",
  place: "pull request 778 of github.com/HumanCompatibleAI/imitation",
  revision: null,
  demonstrations: null,
  runs: 5,
  notes: [
    "The expert's return is given as about 3400; neither the number of demonstrations nor the environment's version is.",
  ],
};

const IMITATION_CELLS = row(
  IMITATION,
  "halfcheetah",
  { sqil: [1400.7, 254.1] },
  {
    expert: 3400,
    budget: () => ({ accounted: 300_000, actual: null, place: "pull request 778 of imitation" }),
  },
);

const DISTIRL: Source = {
  id: "distirl",
  work: "DistIRL, arXiv:2510.03013",
  place: "its table of risk-sensitive D4RL; read as a summary",
  revision: null,
  demonstrations: 10,
  runs: 5,
  notes: ["The tasks' rewards are risk-sensitive; learning is offline."],
};

const DISTIRL_CELLS = [
  row(DISTIRL, "cheetah-risk", { "ml-irl-offline": [826, 231], distirl: 3469 }, { expert: 3540 }),
  row(DISTIRL, "hopper-risk", { "ml-irl-offline": [192, 56], distirl: 886 }, { expert: 892 }),
  row(DISTIRL, "walker2d-risk", { "ml-irl-offline": [240, 50], distirl: 1526 }, { expert: 1478 }),
].flat();

/** Every number, source by source. */
export const PUBLISHED: readonly PublishedCell[] = [
  ...IQ_LEARN_CELLS,
  ...PIRO_CELLS,
  ...TRIRL_CELLS,
  ...LFIRL_CELLS,
  ...CLEANIL_CELLS,
  ...IMITATION_CELLS,
  ...DISTIRL_CELLS,
];
