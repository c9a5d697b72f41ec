/** Movement on a grid with slip, which gridworld and objectworld share. Cells are numbered row by row. */

/** Up, right, down, left, as (row, column) steps. */
export const FOUR_MOVES: readonly (readonly [number, number])[] = [
  [-1, 0],
  [0, 1],
  [1, 0],
  [0, -1],
];
/** Staying, up, right, down, left. */
export const FIVE_MOVES: readonly (readonly [number, number])[] = [[0, 0], ...FOUR_MOVES];

/**
 * P(s'|s, a), [S, A, S]: the move meant happens with probability 1 - slip, else any of the moves, each alike; a move
 * off the grid leaves the cell as it is.
 */
export function gridTransitions(
  rows: number,
  columns: number,
  moves: readonly (readonly [number, number])[],
  slip: number,
): Float64Array {
  const states = rows * columns;
  const transitions = new Float64Array(states * moves.length * states);
  const reached = (s: number, [down, right]: readonly [number, number]): number => {
    const row = Math.floor(s / columns) + down;
    const column = (s % columns) + right;
    return row < 0 || row >= rows || column < 0 || column >= columns ? s : row * columns + column;
  };
  for (let s = 0; s < states; s++) {
    moves.forEach((meant, a) => {
      const row = (s * moves.length + a) * states;
      transitions[row + reached(s, meant)] += 1 - slip;
      for (const move of moves) transitions[row + reached(s, move)] += slip / moves.length;
    });
  }
  return transitions;
}
