/** Faults that happen to a training, and whether it comes to what it would have come to without them. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { decodeSafetensors } from "../../src/runs/safetensors.ts";
import { tandem, timelessMetrics, type Outcome } from "../cli/tandem.ts";

/** A training to be disturbed. */
export interface Victim {
  readonly name: string;
  readonly args: readonly string[];
}

const SMALL =
  "--steps 3000 --start-steps 100 --hidden 16,16 --batch-size 16 --checkpoint-every 0 " +
  "--evaluate-every 1000 --evaluation-episodes 1 --final-episodes 1 --json";
const ROUND = "--policy-steps-per-reward-step 100 --reward-network two-layer:64";
const CLASSIFIER = "--discriminator-hidden 16,16 --discriminator-batch 16";
const learner = (name: string, more = ""): Victim => ({
  name,
  args: `train --demos demo.npz --method ${name} ${SMALL} ${more}`.trim().split(" "),
});

/** Soft actor-critic on the true reward, the paper's algorithm, two baselines. */
export const VICTIMS: readonly Victim[] = [
  {
    name: "expert",
    args: `expert --env HalfCheetah-v5 --env-option maxEpisodeSteps=60 ${SMALL}`.split(" "),
  },
  learner("ml-irl", ROUND),
  learner("dac", CLASSIFIER),
  learner("sqil"),
];

/** What a fault has to work with. `cwd` holds the demonstrations; `whole` is the victim's run without a fault. */
interface Scene {
  readonly cwd: string;
  readonly victim: Victim;
  readonly whole: Reference;
  /** In [0, 1). */
  readonly random: () => number;
}

/** What a run came to, and how long it took. */
export interface Reference {
  readonly end: RunEnd;
  readonly milliseconds: number;
}

/** All that a run leaves, but for the times it took. */
export interface RunEnd {
  readonly metrics: unknown[];
  readonly state: unknown;
  readonly tensors: Record<string, Float32Array>;
}

/** What came of it: null where nothing was lost and all was said as it should be; else what was wrong. */
export type Verdict = string | null;

/** A fault, by name, and what should be seen of it. */
export interface Fault {
  readonly name: string;
  readonly seen: string;
  /** Why it cannot be tried here; null where it can. */
  readonly missing?: (cwd: string) => string | null;
  readonly inject: (scene: Scene) => Promise<Verdict>;
}

/** The victim's run without a fault. */
export async function referenceOf(cwd: string, victim: Victim): Promise<Reference> {
  const begun = performance.now();
  const { code, stderr } = await start({ cwd, victim }, "whole");
  if (code !== 0) throw new Error(`${victim.name} does not even run: ${stderr}`);
  return { end: endOf(join(cwd, "whole")), milliseconds: performance.now() - begun };
}

function endOf(folder: string): RunEnd {
  const path = join(folder, "checkpoint", "state.safetensors");
  const { arrays, metadata } = decodeSafetensors(readFileSync(path), path);
  const state = JSON.parse(metadata.state, (name, value: unknown) =>
    name === "seconds" ? undefined : value,
  );
  return { metrics: timelessMetrics(folder), state, tensors: arrays };
}

type Place = Pick<Scene, "cwd" | "victim">;

const start = (
  { cwd, victim }: Place,
  out: string,
  more: Partial<Parameters<typeof tandem>[1]> = {},
): Promise<Outcome> => tandem([...victim.args, "--out", out], { cwd, ...more });

/** Go on with a run, or begin it where nothing of it was left. */
function goOn({ cwd, victim }: Place, out: string): Promise<Outcome> {
  const [command] = victim.args;
  if (existsSync(join(cwd, out, "config.json"))) return tandem([command, "--resume", out, "--json"], { cwd });
  rmSync(join(cwd, out), { recursive: true, force: true });
  return start({ cwd, victim }, out);
}

/** Compare with the undisturbed run. */
function judge({ cwd, whole }: Scene, out: string, { code, stderr }: Outcome): Verdict {
  if (code !== 0) return `ended with code ${code}: ${lastLine(stderr)}`;
  return differenceOf(endOf(join(cwd, out)), whole.end);
}

/** What is not the same; null for nothing. */
export function differenceOf(a: RunEnd, b: RunEnd): Verdict {
  for (const part of ["metrics", "state"] as const)
    if (JSON.stringify(a[part]) !== JSON.stringify(b[part])) return `other ${part}`;
  for (const [name, values] of Object.entries(b.tensors))
    if (!Buffer.from(values.buffer).equals(Buffer.from(a.tensors[name].buffer)))
      return `other numbers in ${name}`;
  return null;
}

const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1) ?? "";

const OUT = "disturbed";

/** Whether the run came to its end before the fault. */
const isComplete = (cwd: string, out: string): boolean => existsSync(join(cwd, out, "summary.json"));

/** Whether the last line says how to go on, where there is something to go on from. */
function saysHowToGoOn(cwd: string, out: string, { stderr }: Outcome): boolean {
  const states = ["state", "state.previous"].map((name) =>
    join(cwd, out, "checkpoint", `${name}.safetensors`),
  );
  return !states.some((path) => existsSync(path)) || /; then go on with .*--resume /.test(lastLine(stderr));
}

/** Start the victim and send it `signal` at a random moment; again where it was done before. */
async function stopAtRandom(scene: Scene, signal: NodeJS.Signals): Promise<Outcome> {
  for (;;) {
    rmSync(join(scene.cwd, OUT), { recursive: true, force: true });
    const moment = (0.1 + 0.9 * scene.random()) * scene.whole.milliseconds;
    const outcome = await start(scene, OUT, { onStart: (kill) => setTimeout(() => kill(signal), moment) });
    if (!isComplete(scene.cwd, OUT)) return outcome;
  }
}

/** Start the victim and kill it at a random moment after its second checkpoint; again where it was done before. */
async function killOnceSaved(scene: Scene): Promise<void> {
  const saved = join(scene.cwd, OUT, "checkpoint", "state.previous.safetensors");
  do {
    rmSync(join(scene.cwd, OUT), { recursive: true, force: true });
    let timer: NodeJS.Timeout | undefined;
    await start(scene, OUT, {
      onStart: (kill) => {
        const wait = (): void => {
          const isSaved = existsSync(saved);
          const moment = 0.3 * scene.random() * scene.whole.milliseconds;
          timer = isSaved ? setTimeout(() => kill("SIGKILL"), moment) : setTimeout(wait, 5);
        };
        wait();
      },
    });
    clearTimeout(timer);
  } while (
    isComplete(scene.cwd, OUT) ||
    !existsSync(join(scene.cwd, OUT, "checkpoint", "state.safetensors"))
  );
}

function stoppedBy(signal: NodeJS.Signals, exitCode: number): Fault {
  return {
    name: `${signal} at a random moment`,
    seen: `exit code ${exitCode}, and the command that goes on`,
    inject: async (scene) => {
      const { code, stderr } = await stopAtRandom(scene, signal);
      // Before the program listens the signal has its usual effect.
      const isEarly = code === null && !stderr.includes("Run folder");
      if (!isEarly && (code !== exitCode || !/To (?:go on|begin again)[^]*--resume disturbed/.test(stderr)))
        return `said ${lastLine(stderr)}, code ${code}`;
      return judge(scene, OUT, await goOn(scene, OUT));
    },
  };
}

/** A stopped run, whose files `damage` then changes; it has to say what `says` expects. */
function damaged(name: string, damage: (state: string, random: () => number) => void): Fault {
  return {
    name,
    seen: "says that it falls back to the checkpoint before",
    inject: async (scene) => {
      const place = join(scene.cwd, OUT, "checkpoint");
      await killOnceSaved(scene);
      damage(join(place, "state.safetensors"), scene.random);
      const rest = await goOn(scene, OUT);
      // What is not read, such as the blanks of a header, may be another.
      const fellBack = existsSync(join(place, "state.damaged.safetensors"));
      const isSaid = /warning: .*damaged.*goes on from the checkpoint before it, step \d+/.test(rest.stderr);
      if (fellBack !== isSaid) return `fell back: ${fellBack}, said so: ${isSaid}`;
      return judge(scene, OUT, rest);
    },
  };
}

const PRELOAD = fileURLToPath(new URL("preload.ts", import.meta.url));

function disturbedBy(fault: string): Record<string, string> {
  return { NODE_OPTIONS: `--import ${PRELOAD}`, TANDEM_FAULT: fault };
}

/** A file system of its own, of `size`, at `place`. */
export function mount(place: string, size: string): void {
  mkdirSync(place, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", place], { stdio: "pipe" });
}

/** Why none can be mounted in `cwd`; null where one can. */
export function needsMount(cwd: string): string | null {
  const place = join(cwd, "probe");
  try {
    mount(place, "64k");
    execFileSync("umount", [place]);
    return null;
  } catch {
    return "needs to mount a file system: run it as root, or under unshare -rm (Linux)";
  }
}

/**
 * A run on a file system of its own that `fail` does something to at a random moment, as soon as it can (then true), and
 * `mend` undoes.
 */
function onFailingDisk(
  name: string,
  seen: RegExp,
  { size, fail, mend }: { size: string; fail: (place: string) => boolean; mend: (place: string) => void },
): Fault {
  return {
    name,
    seen: `one line, ${String(seen)}, and exit code 1`,
    missing: needsMount,
    inject: async (scene) => {
      const place = join(scene.cwd, "disk");
      const out = join("disk", OUT);
      mount(place, size);
      try {
        let first: Outcome;
        do {
          rmSync(join(scene.cwd, out), { recursive: true, force: true });
          let timer: NodeJS.Timeout | undefined;
          const tryToFail = (): void => {
            if (!fail(place)) timer = setTimeout(tryToFail, 1);
          };
          first = await start(scene, out, {
            onStderr: (text) => {
              if (!text.includes("Run folder")) return;
              timer ??= setTimeout(tryToFail, scene.random() * scene.whole.milliseconds);
            },
          });
          clearTimeout(timer);
          mend(place);
        } while (first.code === 0);
        if (first.code !== 1 || !seen.test(lastLine(first.stderr)))
          return `said ${lastLine(first.stderr)}, code ${first.code}`;
        // Where only its page could not be written there is nothing to go on with.
        if (isComplete(scene.cwd, out)) return differenceOf(endOf(join(scene.cwd, out)), scene.whole.end);
        if (!saysHowToGoOn(scene.cwd, out, first))
          return `did not say how to go on: ${lastLine(first.stderr)}`;
        return judge(scene, out, await goOn(scene, out));
      } finally {
        execFileSync("umount", [place]);
      }
    },
  };
}

/** Make it read-only, or no longer. Whether it could: while a file is open for writing no file system is made read-only. */
export function remount(place: string, how: "ro" | "rw"): boolean {
  const { status, stderr } = spawnSync("mount", ["-o", `remount,${how}`, place], { encoding: "utf8" });
  if (status !== 0 && !stderr.includes("busy")) throw new Error(stderr);
  return status === 0;
}

/** All that is tried. */
export const FAULTS: readonly Fault[] = [
  {
    name: "SIGKILL at a random moment",
    seen: "nothing: it is gone",
    inject: async (scene) => {
      await stopAtRandom(scene, "SIGKILL");
      return judge(scene, OUT, await goOn(scene, OUT));
    },
  },
  stoppedBy("SIGINT", 130),
  stoppedBy("SIGTERM", 143),
  damaged("checkpoint cut short", (state, random) =>
    truncateSync(state, Math.floor(random() * statSync(state).size)),
  ),
  damaged("a bit of the checkpoint flipped", (state, random) => {
    const bytes = readFileSync(state);
    bytes[Math.floor(random() * bytes.length)] ^= 1 << Math.floor(8 * random());
    writeFileSync(state, bytes);
  }),
  onFailingDisk(
    "disk full",
    /the disk is full; free some space; then go on with .*--resume|the disk is full/,
    {
      size: "8m",
      fail: (place) => {
        try {
          writeFileSync(join(place, "filler"), Buffer.alloc(8 * 1024 * 1024));
        } catch {
          // Full, as it should be.
        }
        return true;
      },
      mend: (place) => rmSync(join(place, "filler"), { force: true }),
    },
  ),
  onFailingDisk("folder made read-only", /the file system is read-only/, {
    size: "64m",
    fail: (place) => remount(place, "ro"),
    mend: (place) => remount(place, "rw"),
  }),
  {
    name: "training thread dies",
    seen: "one line, how to go on, and exit code 1",
    inject: async (scene) => {
      const { cwd, whole, random } = scene;
      let first: Outcome;
      do {
        rmSync(join(cwd, OUT), { recursive: true, force: true });
        const moment = Math.floor(random() * whole.milliseconds);
        first = await start(scene, OUT, { env: disturbedBy(`thread:${moment}`) });
      } while (isComplete(cwd, OUT));
      if (first.code !== 1 || !/the training thread ended early \(exit code 7\)/.test(lastLine(first.stderr)))
        return `said ${lastLine(first.stderr)}, code ${first.code}`;
      if (!saysHowToGoOn(cwd, OUT, first)) return `did not say how to go on: ${lastLine(first.stderr)}`;
      return judge(scene, OUT, await goOn(scene, OUT));
    },
  },
  {
    name: "simulator diverges (NaN in qpos)",
    seen: "a finding that counts the episodes dropped; the training ends, and comes to the same twice",
    inject: async (scene) => {
      const env = disturbedBy(`simulation:${200 + Math.floor(500 * scene.random())}`);
      const ends: RunEnd[] = [];
      for (let time = 0; time < 2; time++) {
        rmSync(join(scene.cwd, OUT), { recursive: true, force: true });
        const { code, stderr } = await start(scene, OUT, { env });
        if (code !== 0) return `ended with code ${code}: ${lastLine(stderr)}`;
        if (!/simulation divergence since step \d+: \d+ episodes? dropped/.test(stderr))
          return "no finding was shown";
        ends.push(endOf(join(scene.cwd, OUT)));
      }
      return differenceOf(ends[0], ends[1]);
    },
  },
  {
    name: "clocks jump, half an hour to and fro",
    seen: "nothing",
    inject: async (scene) => {
      rmSync(join(scene.cwd, OUT), { recursive: true, force: true });
      return judge(scene, OUT, await start(scene, OUT, { env: disturbedBy("clock") }));
    },
  },
  {
    name: "a second process on the run's folder",
    seen: "the second is refused with one line and exit code 1; the first does not notice",
    inject: async (scene) => {
      const { cwd, whole, random, victim } = scene;
      for (;;) {
        rmSync(join(cwd, OUT), { recursive: true, force: true });
        let second: Promise<Outcome> | null = null;
        const first = await start(scene, OUT, {
          onStderr: (text) => {
            if (!text.includes("Run folder")) return;
            second ??= delay(0.2 * random() * whole.milliseconds).then(() =>
              tandem([victim.args[0], "--resume", OUT, "--json"], { cwd }),
            );
          },
        });
        const refused = await (second as Promise<Outcome> | null);
        // It came too late.
        if (!refused || refused.stderr.includes("has all its")) continue;
        if (refused.code !== 1 || !/is in training in disturbed/.test(lastLine(refused.stderr)))
          return `the second said ${lastLine(refused.stderr)}, code ${refused.code}`;
        return judge(scene, OUT, first);
      }
    },
  },
];
