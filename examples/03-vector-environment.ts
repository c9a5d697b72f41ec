/**
 * Eight hoppers at once, four of them in a thread of their own, under random actions; and the transitions that a learner
 * would store. Takes a few seconds: `npx node examples/03-vector-environment.ts`.
 */
import {
  appendStep,
  createTrajectoryBuilder,
  episodeCount,
  meanReturn,
  takeTrajectories,
} from "../src/index.ts";
import { keyFromSeed, nextUniform, streamOf } from "../src/index.ts";
import { makeVectorEnvironment } from "../src/envs/index.ts";

const COUNT = 8;
const [n, d] = [11, 3]; // numbers in an observation of a hopper, and in an action
const hoppers = await makeVectorEnvironment("Hopper-v5", {}, { count: COUNT, workers: 1, seed: 1 });
const builders = Array.from({ length: COUNT }, () => createTrajectoryBuilder(n, d));
const stream = streamOf(keyFromSeed(2));

const before = new Float64Array(COUNT * n);
const actions = new Float64Array(COUNT * d);
const row = (column: Float64Array, i: number, width: number): Float64Array =>
  column.subarray(i * width, (i + 1) * width);

before.set(hoppers.reset());
for (let t = 0; t < 300; t++) {
  for (let i = 0; i < actions.length; i++) actions[i] = 2 * nextUniform(stream) - 1;
  const { observations, nextObservations, rewards, terminated, truncated } = hoppers.step(actions);
  for (const [i, builder] of builders.entries()) {
    // Where an episode ended, `nextObservations` has the fallen hopper and `observations` the one set up again.
    const [from, action, to] = [row(before, i, n), row(actions, i, d), row(nextObservations, i, n)];
    appendStep(builder, from, action, to, rewards[i], terminated[i] === 1, truncated[i] === 1);
  }
  before.set(observations);
}
await hoppers.close();

for (const [i, builder] of builders.entries()) {
  const episodes = takeTrajectories(builder);
  const { nextObservations, episodeStarts } = episodes;
  const leans = Array.from(episodeStarts.slice(1), (end) => nextObservations[(end - 1) * n + 1]);
  console.log(
    `hopper ${i}: ${episodeCount(episodes)} episodes, mean return ${meanReturn(episodes)?.toFixed(1)},` +
      ` leans at their ends from ${Math.min(...leans).toFixed(2)} to ${Math.max(...leans).toFixed(2)} rad`,
  );
}
