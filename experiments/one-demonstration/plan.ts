/** What is run: one cell a training, one folder a cell. */
import { taskDefaults } from "../../src/runs/task-defaults.ts";

/** Where a task's demonstration comes from, and the world it was recorded in. */
interface Source {
  /** Name in the folder of third-party sets, and the file that ships with the repository. */
  readonly thirdParty: string;
  readonly bundled: string;
  /** The task as the third-party set was recorded; the bundled ones name theirs. */
  readonly env: string;
  readonly envOptions: Readonly<Record<string, string>>;
}

/** Third-party sets were rolled out under the names of v4 on today's MuJoCo, which sums contact margins. */
const SUMMED = { contactMargins: "summed" };

export const SOURCES: Readonly<Record<string, Source>> = {
  HalfCheetah: {
    thirdParty: "halfcheetah-v4__sb3zoo-sac",
    bundled: "halfcheetah-v5-tandem-sac.npz",
    env: "HalfCheetah-v4",
    envOptions: {},
  },
  Hopper: {
    thirdParty: "hopper-v4__sb3zoo-trpo",
    bundled: "hopper-v5-tandem-sac.npz",
    env: "Hopper-v4",
    envOptions: SUMMED,
  },
  Walker2d: {
    thirdParty: "walker2d-v4__sb3zoo-sac",
    bundled: "walker2d-v5-tandem-sac.npz",
    env: "Walker2d-v4",
    envOptions: {},
  },
  Ant: {
    thirdParty: "ant-v4__cail-ppo-10M",
    bundled: "ant-v5-tandem-sac.npz",
    env: "Ant-v4",
    envOptions: SUMMED,
  },
  Humanoid: {
    thirdParty: "humanoid-v4__cs285-trpo",
    bundled: "humanoid-v5-tandem-sac.npz",
    env: "Humanoid-v4",
    envOptions: SUMMED,
  },
};

/** A training. What it leaves out is the task's default. */
export interface Cell {
  readonly name: string;
  readonly group: "table" | "slow-ends" | "terminations" | "rates" | "leaks";
  readonly task: string;
  readonly seed: number;
  /** Null for the task's usual number. */
  readonly steps: number | null;
  readonly termination: string | null;
  readonly teacher: string;
  /** The learning rate's name among RATES; absent where it is the default. */
  readonly rate?: string;
  /** The complete cell that it goes on from, with a fifth more steps at a fifth of the learning rate. */
  readonly after?: Cell;
}

/** Options of `tandem train` by what is asked of the learning rate. */
export const RATES: Readonly<Record<string, readonly string[]>> = {
  "1e-3": ["--learning-rate", "1e-3"],
  "5e-4": ["--learning-rate", "5e-4"],
  slowed: ["--learning-rate", "1e-3", "--slow-from", "150000"],
};

const TERMINATIONS = ["native", "absorbing", "fixed-horizon"];
const SEEDS = [1, 2, 3];

/** The three treatments of termination on Hopper. */
const terminations = SEEDS.flatMap((seed) =>
  TERMINATIONS.map((termination): Cell => ({
    name: `Hopper-${termination}-${seed}`,
    group: "terminations",
    task: "Hopper",
    seed,
    steps: 200_000,
    termination,
    teacher: "learned",
  })),
);

/** What each treatment gives away: trainings that never see the demonstration. */
const leaks = TERMINATIONS.flatMap((termination) =>
  ["zero", "constant", "penalty"].map((teacher): Cell => ({
    name: `Hopper-${termination}-${teacher}`,
    group: "leaks",
    task: "Hopper",
    seed: 1,
    steps: 50_000,
    termination,
    teacher,
  })),
);

/** Whether the lower level's swings are its learning rate's, on seeds that nothing was settled by. */
const rates = [11, 12, 13].flatMap((seed) =>
  Object.keys(RATES).map((rate): Cell => ({
    name: `Hopper-rate-${rate}-${seed}`,
    group: "rates",
    task: "Hopper",
    seed,
    steps: 200_000,
    termination: null,
    teacher: "learned",
    rate,
  })),
);

/** All five tasks under their defaults. */
const table = SEEDS.flatMap((seed) =>
  Object.keys(SOURCES).map((task): Cell => ({
    name: `${task}-${seed}`,
    group: "table",
    task,
    seed,
    steps: null,
    termination: null,
    teacher: "learned",
  })),
);

/** The table's runs made longer by a fifth, at a fifth of the learning rate: their policies then hold still. */
const slowEnds = table.map((after): Cell => {
  const { trainSteps } = taskDefaults(SOURCES[after.task].env);
  return {
    ...after,
    name: `${after.name}-slow-end`,
    group: "slow-ends",
    steps: Math.round(1.2 * trainSteps!),
    after,
  };
});

export const CELLS: readonly Cell[] = [...terminations, ...rates, ...leaks, ...table, ...slowEnds];
