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

/** What decides which cells an experiment has. */
interface Scale {
  /** A version that takes less than a minute. */
  readonly quick: boolean;
  /** Whether third-party demonstrations are at hand, in place of those that the repository ships. */
  readonly thirdParty: boolean;
}

/** What a cell needs beside its setting. */
export interface CellContext {
  /** Milliseconds. */
  readonly clock: () => number;
  /** The folder of demonstration files. */
  readonly demonstrations: string;
}

/** An experiment. */
export interface Experiment<Setting = unknown, Outcome = unknown> {
  /** Kebab-case, as on the command line. */
  readonly name: string;
  /** What it asks, in one sentence. */
  readonly question: string;
  /** The cells at a scale. */
  cells(scale: Scale): Cell<Setting>[];
  /** Run a cell. The outcome is plain JSON. */
  run(setting: Setting, context: CellContext): Promise<Outcome>;
  /** Read the results; cells may be missing. */
  findings(results: readonly CellResult<Setting, Outcome>[]): Findings;
}
