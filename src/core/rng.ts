/**
 * Counter-based random numbers: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as
 * easy as 1, 2, 3", SC 2011). A key is a value: split it, use each part once. Only integer arithmetic, `+ * /` and
 * `Math.sqrt` are used, so that every engine gives the same bits.
 */

import { portableLog } from "./elementary.ts";

/** Two unsigned 32-bit words. Never reuse a key for two purposes: `split` it. */
export type Key = readonly [number, number];

/** A sequential reader of one key's numbers. Plain data: saving `key` and `counter` saves the stream. */
export interface RandomStream {
  readonly key: Key;
  /** Blocks of 64 bits used so far. */
  counter: number;
}

const PARITY = 0x1bd11bda;
const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24];

/** One Threefry-2x32-20 block: the two output words for the counter (`c0`, `c1`) under `key`. */
export function threefry(key: Key, c0: number, c1: number): [number, number] {
  const schedule = [key[0], key[1], PARITY ^ key[0] ^ key[1]];
  let x0 = (c0 + key[0]) | 0;
  let x1 = (c1 + key[1]) | 0;
  for (let round = 0; round < 20; round++) {
    const rotation = ROTATIONS[round % 8];
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << rotation) | (x1 >>> (32 - rotation))) ^ x0;
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      x0 = (x0 + schedule[injection % 3]) | 0;
      x1 = (x1 + schedule[(injection + 1) % 3] + injection) | 0;
    }
  }
  return [x0 >>> 0, x1 >>> 0];
}

/** The root key of an integer seed (up to 2^53). */
export function keyFromSeed(seed: number): Key {
  return threefry([0, 0], seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0);
}

/** A new key for the purpose numbered `data`; distinct purposes give independent keys. */
export function foldIn(key: Key, data: number): Key {
  return threefry(key, data >>> 0, 0xffffffff);
}

/** `count` independent keys. The parent must not be used again. */
export function split(key: Key, count: number): Key[] {
  return Array.from({ length: count }, (_, index) => foldIn(key, index));
}

/** A stream over `key`, from its beginning. */
export function streamOf(key: Key): RandomStream {
  return { key, counter: 0 };
}

/** Uniform in [0, 1), 53 bits. */
export function nextUniform(stream: RandomStream): number {
  const [high, low] = nextBlock(stream);
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}

/** Uniform integer in [0, bound), bound at most 2^32; the bias is below bound / 2^53. */
export function nextInteger(stream: RandomStream, bound: number): number {
  return Math.floor(nextUniform(stream) * bound);
}

/** Standard normal by the polar method of Marsaglia (one of the pair; the other is dropped so that no state hides). */
export function nextNormal(stream: RandomStream): number {
  for (;;) {
    const x = 2 * nextUniform(stream) - 1;
    const y = 2 * nextUniform(stream) - 1;
    const s = x * x + y * y;
    if (s > 0 && s < 1) return x * Math.sqrt((-2 * portableLog(s)) / s);
  }
}

function nextBlock(stream: RandomStream): [number, number] {
  const counter = stream.counter++;
  return threefry(stream.key, counter >>> 0, Math.floor(counter / 2 ** 32));
}
