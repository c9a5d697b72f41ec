import type { Trajectories } from "../core/index.ts";

/** The file formats that are read. `npz`, `minari`, `d4rl`, `jsonl` and `csv` are written too. */
export type DemonstrationFormat = "npz" | "npy" | "minari" | "d4rl" | "jsonl" | "csv" | "parquet";

/**
 * A demonstration file that is open: what it says of itself, and its episodes on demand. Opening reads what is needed to
 * know where episodes begin and end, never the whole; `readEpisodes` holds the episodes asked for and little else, so
 * that a file larger than memory can be inspected, converted, or asked for one episode.
 */
export interface DemonstrationFile {
  /** The file or folder. */
  readonly source: string;
  readonly format: DemonstrationFormat;
  /** Which key convention was recognised within the format, for people. */
  readonly layout: string;
  /** The environment's id as the file names it, null where it does not. */
  readonly env: string | null;
  /** What the file says beside its columns; {} where it says nothing. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** What the reader had to decide or leave out, one sentence each. */
  readonly warnings: readonly string[];
  readonly observationSize: number;
  readonly actionSize: number;
  /** Whether the true reward is recorded. */
  readonly hasRewards: boolean;
  /** First row of each episode and, last, the number of rows: [episodes + 1]. */
  readonly episodeStarts: Float64Array;
  /** Episodes from .. to - 1, 0 <= from < to <= episodes. Owned by the caller. */
  readEpisodes(from: number, to: number): Promise<Trajectories>;
  /** Give back what the file holds open. Closing twice is harmless. */
  close(): Promise<void>;
}

/**
 * A demonstration file being written, episode by episode. It appears whole at `finish` or not at all: until then it lies
 * beside its place under another name.
 */
export interface DemonstrationSink {
  /** Add the episodes; copied or written before it resolves. */
  append(trajectories: Trajectories): Promise<void>;
  /** Complete the file and move it into its place. */
  finish(): Promise<void>;
  /** Remove what was written. Harmless after `finish`. */
  abandon(): Promise<void>;
}
