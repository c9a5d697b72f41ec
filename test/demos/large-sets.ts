/** A large set, written and read by the episode, for tests of memory. */
import { expect } from "vitest";
import { createDemonstrationSink, openDemonstrations } from "../../src/demos/index.ts";

const [STEPS, SIZE] = [1000, 128];

/** Writes so many megabytes of observations, half of one in each episode, and reads every tenth episode by itself. */
export async function writeAndRead(
  path: string,
  format: "d4rl" | "minari",
  megabytes: number,
): Promise<void> {
  await writeEpisodes(path, format, 2 * megabytes);
  await readEpisodes(path, 2 * megabytes);
}

/** How far `work` raises the largest memory this process ever held, its threads included, megabytes. */
export async function peakGrowth(work: () => Promise<void>): Promise<number> {
  const before = process.resourceUsage().maxRSS;
  await work();
  return (process.resourceUsage().maxRSS - before) / 1024;
}

async function writeEpisodes(path: string, format: "d4rl" | "minari", episodes: number): Promise<void> {
  const sink = await createDemonstrationSink(path, format, {});
  for (let episode = 0; episode < episodes; episode++) {
    const observations = new Float32Array(STEPS * SIZE).fill(episode);
    await sink.append({
      observationSize: SIZE,
      actionSize: 1,
      observations,
      actions: new Float32Array(STEPS).fill(-episode),
      nextObservations: observations,
      rewards: null,
      terminated: new Uint8Array(STEPS),
      truncated: Uint8Array.from({ length: STEPS }, (_, t) => +(t === STEPS - 1)),
      episodeStarts: Uint32Array.of(0, STEPS),
    });
  }
  await sink.finish();
}

/** Opens the set and reads every tenth episode by itself. */
async function readEpisodes(path: string, episodes: number): Promise<void> {
  const file = await openDemonstrations(path);
  expect(file.episodeStarts.length).toBe(episodes + 1);
  for (let episode = 0; episode < episodes; episode += 10) {
    const { observations, nextObservations, actions } = await file.readEpisodes(episode, episode + 1);
    expect([observations[0], observations.at(-1)]).toEqual([episode, episode]);
    expect([nextObservations[0], nextObservations.at(-1)]).toEqual([episode, episode]);
    expect([actions.length, actions[STEPS - 1] + episode]).toEqual([STEPS, 0]);
  }
  await file.close();
}
