/** What an experiment is: cells that can be run in any order, each a line of results, and what is made of them. */
import type { Figure } from "../report/index.ts";

/** One training or solve with everything that decides it. */
export interface Cell<Setting> {
  /** Unique in the experiment; says in words what differs from the other cells. */
  readonly id: string;
  readonly setting: Setting;
}

/** A cell and what came of it: one line of `results.jsonl`. */
export interface CellResult<Setting, Outcome> extends Cell<Setting> {
  readonly outcome: Outcome;
  /** Wall-clock time of the cell. */
  readonly seconds: number;
}

/** Numbers in words, side by side. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Something the experiment was to show, and whether it did. */
export interface Target {
  readonly what: string;
  readonly wanted: string;
  readonly reached: string;
  readonly met: boolean;
}

/** What is made of all results. */
export interface Findings {
  readonly targets: readonly Target[];
  readonly tables: readonly Table[];
  readonly figures: readonly Figure[];
}

/** An experiment. */
export interface Experiment<Setting = unknown, Outcome = unknown> {
  /** Kebab-case, as on the command line. */
  readonly name: string;
  /** What it asks, in one sentence. */
  readonly question: string;
  /** The cells of the whole experiment, or of a version of it that takes less than a minute. */
  cells(quick: boolean): Cell<Setting>[];
  /** Run a cell. The outcome is plain JSON. `clock` gives milliseconds. */
  run(setting: Setting, clock: () => number): Promise<Outcome>;
  /** Read the results; cells may be missing. */
  findings(results: readonly CellResult<Setting, Outcome>[]): Findings;
}
