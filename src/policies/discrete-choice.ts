import { nextUniform, portableExp, type RandomStream } from "../core/index.ts";

/** The index of the largest value, the first of equals. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** An index i drawn with probability proportional to exp(logits[i]). */
export function drawFromLogits(logits: ArrayLike<number>, stream: RandomStream): number {
  const largest = logits[argmax(logits)];
  let total = 0;
  for (let i = 0; i < logits.length; i++) total += portableExp(logits[i] - largest);
  let left = total * nextUniform(stream);
  for (let i = 0; i < logits.length - 1; i++) {
    left -= portableExp(logits[i] - largest);
    if (left < 0) return i;
  }
  return logits.length - 1;
}
