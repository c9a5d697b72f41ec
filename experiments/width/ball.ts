/**
 * Linearisation error in balls of several radii against width, without training: where the exponent -1/2 begins.
 * Prints a Markdown table; `node experiments/width/ball.ts > experiments/width/ball.md`.
 */
import { foldIn, keyFromSeed } from "../../src/core/index.ts";
import { loadKernels } from "../../src/kernels/index.ts";
import { createTwoLayer } from "../../src/nn/index.ts";
import { createLinearityBench, linearisationErrorInBall } from "../../src/theory/index.ts";

const FEATURES = 80;
const WIDTHS = [64, 256, 1024, 4096, 16_384];
const RADII = [0.3, 1, 3, 10, 30];
const SEEDS = 5;

const errors = RADII.map(() => WIDTHS.map(() => 0));
for (const [column, width] of WIDTHS.entries()) {
  for (let seed = 0; seed < SEEDS; seed++) {
    const kernels = await loadKernels();
    const network = createTwoLayer(
      kernels,
      { width, features: FEATURES, radius: Infinity },
      keyFromSeed(seed),
    );
    const identity = kernels.allocate(FEATURES * FEATURES);
    const rows = kernels.f32(identity, FEATURES * FEATURES);
    for (let i = 0; i < FEATURES; i++) rows[i * FEATURES + i] = 1;
    const bench = createLinearityBench(kernels, network, identity, FEATURES);
    for (const [row, radius] of RADII.entries()) {
      const options = { radius, direction: "trained", draws: 16 } as const;
      const { mean } = linearisationErrorInBall(kernels, bench, options, foldIn(keyFromSeed(seed), 1));
      errors[row][column] += mean / SEEDS;
    }
  }
}

console.log("# Linearisation error in trained directions, by distance from W(0) and width\n");
console.log(
  "Exponents between neighbouring widths in brackets. 80 one-hot rows, five networks, 16 draws each.\n",
);
console.log(`| distance | ${WIDTHS.map((m) => `m = ${m}`).join(" | ")} |`);
console.log(`| --- | ${WIDTHS.map(() => "---").join(" | ")} |`);
for (const [row, radius] of RADII.entries()) {
  const cells = errors[row].map((error, i) => {
    if (i === 0) return error.toPrecision(3);
    const slope = Math.log(error / errors[row][i - 1]) / Math.log(WIDTHS[i] / WIDTHS[i - 1]);
    return `${error.toPrecision(3)} (${slope.toFixed(2)})`;
  });
  console.log(`| ${radius} | ${cells.join(" | ")} |`);
}
