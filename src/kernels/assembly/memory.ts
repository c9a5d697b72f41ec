/**
 * The lowest part of the memory: constant tables (placed by the compiler from 1024 on, see scripts/build-kernels.ts),
 * then scratch space of fixed size, then the arena, which src/kernels/load.ts owns.
 */

/** One accumulator tile, where it does not fit the edge of its matrix. */
export const TILE: usize = 8192;

/** One row or column made contiguous: `LINE_LENGTH` floats. */
export const LINE: usize = 16384;
export const LINE_LENGTH: usize = 16384;

/** The packed block of B. */
export const PANELS: usize = LINE + 4 * LINE_LENGTH;
export const BLOCK_K: usize = 512;
export const BLOCK_COLS: usize = 256;

/** A block of A, where its columns lie too far apart to be read in place. */
export const LEFT: usize = PANELS + 4 * BLOCK_K * BLOCK_COLS;
export const BLOCK_ROWS: usize = 132;

/** The first byte of the arena. */
export function arenaStart(): usize {
  return LEFT + 4 * BLOCK_K * BLOCK_ROWS;
}
