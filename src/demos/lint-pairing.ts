/** Whether actions stand in the rows of the observations they were chosen in, told by statistics alone. */
import { keyFromSeed, nextNormal, streamOf, type Trajectories } from "../core/index.ts";
import { heldOutErrors, type Matrix } from "./lint-regression.ts";

/**
 * The pairings that are compared, by the row at which the action of row t stands: t itself, the row after (actions stand
 * one row late, as where states s_1 .. s_T are stored with actions a_0 .. a_{T-1}) or the row before.
 */
export type PairingShift = 0 | 1 | -1;

/** How well each pairing of observations and actions fits. */
export interface PairingReport {
  /** Rows that were used. */
  readonly rows: number;
  /** How much more the row itself tells than the row before it, nats: largest where the pairing is right. */
  readonly scores: Readonly<Record<PairingShift, number>>;
  /** By how much the better of the shifted pairings is better than the rows as they are; its error over held-out blocks. */
  readonly margin: number;
  readonly standardError: number;
  /** 0 unless another pairing fits clearly better. */
  readonly shift: PairingShift;
}

const SHIFTS: readonly PairingShift[] = [-1, 0, 1];
const MOST_ROWS = 6000;
const FEWEST_ROWS = 500;
const BLOCKS = 10;
/** Columns to which wider observations are projected at random. */
const MOST_COLUMNS = 24;
/** Random ramps max(0, w'x + b) beside the observation itself, at most so many, at least so many a column. */
const MOST_RAMPS = 64;
const RAMPS_PER_COLUMN = 2;
const ROWS_PER_PREDICTOR = 8;

/**
 * A shift is claimed where its score is larger than that of the rows as they are, and than 0, by this many nats, and by
 * this many standard errors. How that was found: docs/demonstrations.md.
 */
export const CLEAR = { nats: 0.25, standardErrors: 4 };

/**
 * Compares the pairings; null where there are too few rows, or actions never change.
 *
 * Where w_t is the action that belongs to observation x_t, the change x_{t+1} - x_t follows from x_t and w_t rather than
 * from x_t and w_{t-1}, and w_t follows from x_t rather than from x_{t-1} (each beside x_{t+1}, which shows what w_t did). A
 * pairing's score is by how many nats the first are predicted better than the second, both together, held out.
 *
 * Comparing only which action predicts the change best fails on deterministic experts: the next action, a function of
 * the next observation, tells more about it than the right one.
 */
export function judgePairing(trajectories: Trajectories): PairingReport | null {
  const rows = rowsWithNeighbours(trajectories);
  if (rows.length < FEWEST_ROWS) return null;
  const states = statesOf(trajectories, rows);
  const actions = actionsOf(trajectories, rows);
  const bearable = Math.floor(rows.length / ROWS_PER_PREDICTOR / 2) - states.columns;
  const ramps = Math.min(MOST_RAMPS, bearable);
  if (states.columns === 0 || actions.columns === 0 || ramps < RAMPS_PER_COLUMN * states.columns) return null;
  const features = withRamps(states, ramps);
  const [before, now, next] = [-1, 0, 1].map((offset) => pick(features, rows, offset));
  const changes = standardised(differences(states, rows));
  /** By the row, from -2 on, whose action is a predictor of the change. */
  const changeErrors = [-2, -1, 0, 1].map((offset) =>
    meanErrors(heldOutErrors(beside(now, pick(actions, rows, offset)), changes, BLOCKS)),
  );
  const targets = beside(...SHIFTS.map((shift) => pick(actions, rows, shift)));
  const fromBefore = heldOutErrors(beside(before, next), targets, BLOCKS);
  const fromNow = heldOutErrors(beside(now, next), targets, BLOCKS);
  const scores = SHIFTS.map((_, at) => {
    const [first, end] = [at * actions.columns, (at + 1) * actions.columns];
    const [worse, better] = [fromBefore, fromNow].map((errors) => meanErrors(errors, first, end));
    return worse.map(
      (error, block) => error - better[block] + changeErrors[at][block] - changeErrors[at + 1][block],
    );
  });
  return verdict(rows.length, { "-1": scores[0], "0": scores[1], "1": scores[2] });
}

function verdict(rows: number, blocks: Record<PairingShift, Float64Array>): PairingReport {
  const scores = { "-1": meanOf(blocks[-1]), "0": meanOf(blocks[0]), "1": meanOf(blocks[1]) };
  const best: PairingShift = scores[1] > scores[-1] ? 1 : -1;
  const margins = blocks[best].map((score, block) => score - blocks[0][block]);
  const margin = meanOf(margins);
  const variance = margins.reduce((sum, one) => sum + (one - margin) ** 2, 0) / (BLOCKS - 1);
  const standardError = Math.sqrt(variance / BLOCKS);
  const clear = Math.min(margin, scores[best]) > CLEAR.nats && margin > CLEAR.standardErrors * standardError;
  return { rows, scores, margin, standardError, shift: clear ? best : 0 };
}

/** The mean over some targets, [blocks]. */
function meanErrors(
  errors: readonly Float64Array[],
  first = 0,
  end: number = errors[0].length,
): Float64Array {
  return Float64Array.from(errors, (ofBlock) => meanOf(ofBlock.subarray(first, end)));
}

/** Rows with two rows before and behind them in their episode. */
function rowsWithNeighbours({ episodeStarts }: Trajectories): number[] {
  const rows: number[] = [];
  for (let episode = 0; episode + 1 < episodeStarts.length; episode++) {
    for (let row = episodeStarts[episode] + 2; row < episodeStarts[episode + 1] - 2; row++) {
      if (rows.length === MOST_ROWS) return rows;
      rows.push(row);
    }
  }
  return rows;
}

/** Observations, standardised and, where they are wide, projected; of all rows up to the last that is used. */
function statesOf(trajectories: Trajectories, rows: readonly number[]): Matrix {
  const { observations, observationSize } = trajectories;
  const all = moving(matrixOf(observations, observationSize, rows[rows.length - 1] + 3), rows);
  if (all.columns <= MOST_COLUMNS) return all;
  const stream = streamOf(keyFromSeed(1));
  const weights = Float64Array.from({ length: all.columns * MOST_COLUMNS }, () => nextNormal(stream));
  return moving(
    mapRows(all, MOST_COLUMNS, (x, column) => {
      let sum = 0;
      for (let i = 0; i < x.length; i++) sum += x[i] * weights[i * MOST_COLUMNS + column];
      return sum;
    }),
    rows,
  );
}

/** Actions, standardised; choices as one column for each but the last of them. */
function actionsOf(trajectories: Trajectories, rows: readonly number[]): Matrix {
  const { actions, actionSize } = trajectories;
  const all = matrixOf(actions, actionSize, rows[rows.length - 1] + 3);
  const choices = actionSize === 1 ? [...new Set(all.data)].sort((a, b) => a - b) : [];
  const discrete = choices.length > 1 && choices.length <= 20 && choices.every(Number.isInteger);
  if (!discrete) return moving(all, rows);
  return moving(
    mapRows(all, choices.length - 1, ([action], choice) => (action === choices[choice] ? 1 : 0)),
    rows,
  );
}

/** The columns themselves and random ramps of them. */
function withRamps(states: Matrix, ramps: number): Matrix {
  const { columns } = states;
  const stream = streamOf(keyFromSeed(2));
  const weights = Float64Array.from(
    { length: columns * ramps },
    () => nextNormal(stream) / Math.sqrt(columns),
  );
  const offsets = Float64Array.from({ length: ramps }, () => nextNormal(stream));
  return mapRows(states, columns + ramps, (x, column) => {
    if (column < columns) return x[column];
    let sum = offsets[column - columns];
    for (let i = 0; i < columns; i++) sum += x[i] * weights[i * ramps + column - columns];
    return Math.max(0, sum);
  });
}

function differences(states: Matrix, rows: readonly number[]): Matrix {
  const [now, next] = [pick(states, rows, 0), pick(states, rows, 1)];
  return { ...now, data: next.data.map((value, at) => value - now.data[at]) };
}

/** The columns that change within `rows`, there of mean 0 and spread 1. */
function moving(matrix: Matrix, rows: readonly number[]): Matrix {
  const { columns, data } = matrix;
  const means = new Float64Array(columns);
  const spreads = new Float64Array(columns);
  for (let column = 0; column < columns; column++) {
    for (const row of rows) means[column] += data[row * columns + column] / rows.length;
    for (const row of rows)
      spreads[column] += (data[row * columns + column] - means[column]) ** 2 / rows.length;
    spreads[column] = Math.sqrt(spreads[column]);
  }
  const kept = Array.from(means, (_, column) => column).filter(
    (column) => spreads[column] > 1e-9 * (1 + Math.abs(means[column])),
  );
  return mapRows(matrix, kept.length, (x, at) => (x[kept[at]] - means[kept[at]]) / spreads[kept[at]]);
}

function standardised(matrix: Matrix): Matrix {
  return moving(
    matrix,
    Array.from({ length: matrix.rows }, (_, row) => row),
  );
}

/** The rows `offset` away from `rows`. */
function pick(matrix: Matrix, rows: readonly number[], offset: number): Matrix {
  const { columns, data } = matrix;
  const picked = new Float64Array(rows.length * columns);
  rows.forEach((row, at) => {
    picked.set(data.subarray((row + offset) * columns, (row + offset + 1) * columns), at * columns);
  });
  return { rows: rows.length, columns, data: picked };
}

function beside(...parts: readonly Matrix[]): Matrix {
  const columns = parts.reduce((sum, part) => sum + part.columns, 0);
  const [{ rows }] = parts;
  const data = new Float64Array(rows * columns);
  let first = 0;
  for (const part of parts) {
    for (let row = 0; row < rows; row++) {
      data.set(part.data.subarray(row * part.columns, (row + 1) * part.columns), row * columns + first);
    }
    first += part.columns;
  }
  return { rows, columns, data };
}

function mapRows(
  matrix: Matrix,
  columns: number,
  value: (x: Float64Array, column: number) => number,
): Matrix {
  const data = new Float64Array(matrix.rows * columns);
  for (let row = 0; row < matrix.rows; row++) {
    const x = matrix.data.subarray(row * matrix.columns, (row + 1) * matrix.columns);
    for (let column = 0; column < columns; column++) data[row * columns + column] = value(x, column);
  }
  return { rows: matrix.rows, columns, data };
}

function matrixOf(data: Float32Array, columns: number, rows: number): Matrix {
  const used = Math.min(rows, data.length / columns);
  return { rows: used, columns, data: Float64Array.from(data.subarray(0, used * columns)) };
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
