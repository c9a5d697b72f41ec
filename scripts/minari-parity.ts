/**
 * The near side of minari-parity.py: reads `{ read: [paths], write: { from: [{ to, format }] } }` from standard input,
 * converts the data sets, and prints what is found in those of `read`.
 */
import { text } from "node:stream/consumers";
import { createDemonstrationSink, openDemonstrations, type WrittenFormat } from "../src/demos/index.ts";

interface Job {
  /** Data sets to describe. */
  read: string[];
  /** Data sets to write again. */
  write: { from: string; to: string; format: WrittenFormat }[];
}

async function convert({ from, to, format }: Job["write"][number]): Promise<void> {
  const file = await openDemonstrations(from);
  const sink = await createDemonstrationSink(to, format, file.metadata);
  // One by one, as a large set is.
  for (let episode = 0; episode + 1 < file.episodeStarts.length; episode++)
    await sink.append(await file.readEpisodes(episode, episode + 1));
  await sink.finish();
  await file.close();
}

async function describe(path: string): Promise<unknown> {
  const file = await openDemonstrations(path);
  const { env, metadata, warnings, episodeStarts } = file;
  const trajectories = await file.readEpisodes(0, episodeStarts.length - 1);
  await file.close();
  const columns = Object.entries(trajectories).map(([name, values]) => [
    name,
    typeof values === "number" || values === null ? values : Array.from(values as Float32Array),
  ]);
  return { env, envOptions: metadata.envOptions, warnings, ...Object.fromEntries(columns) };
}

const { read, write } = JSON.parse(await text(process.stdin)) as Job;
for (const one of write) await convert(one);
const found: Record<string, unknown> = {};
for (const path of read) found[path] = await describe(path);
console.log(JSON.stringify(found));
