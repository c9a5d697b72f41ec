/** Faults that happen to a training, and whether it comes to what it would have come to without them. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
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
  "--steps 6000 --start-steps 100 --hidden 16,16 --batch-size 16 --checkpoint-every 0 " +
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
  // Whose transitions fill files, are overwritten and pruned.
  {
    name: "sqil, small replay",
    args: learner("sqil", "--replay-capacity 3000").args.map((word) => (word === "6000" ? "24000" : word)),
  },
];

/** What a fault has to work with. `cwd` holds the demonstrations; `whole` is the victim's run without a fault. */
interface Scene {
  readonly cwd: string;
  readonly victim: Victim;
  readonly whole: Reference;
  /** In [0, 1). */
  readonly random: () => number;
  /** How many runs went on from a checkpoint. Counted up. */
  readonly tally: { resumed: number };
}

/** What a run came to, and how long it took from its first checkpoint to its end. */
export interface Reference {
  readonly end: RunEnd;
  /** As it was last: the machine may be busy now and idle later. */
  milliseconds: number;
}

/** All that a run leaves, but for the times it took. */
export interface RunEnd {
  readonly metrics: unknown[];
  readonly summary: unknown;
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
  let saved = 0;
  const { code, stderr } = await start({ cwd, victim }, "whole", {
    onStart: () => onceThere(stateIn(cwd, "whole"), () => (saved = performance.now())),
  });
  if (code !== 0) throw new Error(`${victim.name} does not even run: ${stderr}`);
  return { end: endOf(join(cwd, "whole")), milliseconds: performance.now() - saved };
}

function stateIn(cwd: string, out: string): string {
  return join(cwd, out, "checkpoint", "state.safetensors");
}

/** Calls `act` once the file is there; returns how to stop waiting. */
function onceThere(path: string, act: () => void): () => void {
  let timer: NodeJS.Timeout;
  const look = (): void => {
    if (existsSync(path)) act();
    else timer = setTimeout(look, 5);
  };
  look();
  return () => clearTimeout(timer);
}

/** Nor which files the transitions lie in: that depends on when they were written. */
const PASSING = ["seconds", "segments"];

function timeless(text: string): unknown {
  return JSON.parse(text, (name, value: unknown) => (PASSING.includes(name) ? undefined : value));
}

function endOf(folder: string): RunEnd {
  const path = stateIn(folder, "");
  const { arrays, metadata } = decodeSafetensors(readFileSync(path), path);
  return {
    metrics: timelessMetrics(folder),
    summary: timeless(readFileSync(join(folder, "summary.json"), "utf8")),
    state: timeless(metadata.state),
    tensors: arrays,
  };
}

type Place = Pick<Scene, "cwd" | "victim">;

const start = (
  { cwd, victim }: Place,
  out: string,
  more: Partial<Parameters<typeof tandem>[1]> = {},
): Promise<Outcome> => tandem([...victim.args, "--out", out], { cwd, ...more });

/** Go on with a run, or begin it where nothing of it was left. */
function goOn({ cwd, victim, tally }: Scene, out: string): Promise<Outcome> {
  const [command] = victim.args;
  if (
    ["state", "state.previous"].some((name) =>
      existsSync(join(cwd, out, "checkpoint", `${name}.safetensors`)),
    )
  )
    tally.resumed++;
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
  for (const part of ["metrics", "summary", "state"] as const)
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

/**
 * Start the victim and send it `signal` at a random moment, in one of ten before it has saved anything, else after; again where it was
 * done before. `first`: the file after which moments begin.
 */
async function stopAtRandom(
  scene: Scene,
  signal: NodeJS.Signals,
  first = stateIn(scene.cwd, OUT),
): Promise<Outcome> {
  const isEarly = first === stateIn(scene.cwd, OUT) && scene.random() < 0.1;
  const place = isEarly ? join(scene.cwd, OUT, "config.json") : first;
  for (;;) {
    rmSync(join(scene.cwd, OUT), { recursive: true, force: true });
    let timer: NodeJS.Timeout | undefined;
    let stopWaiting: (() => void) | undefined;
    let begun = 0;
    const outcome = await start(scene, OUT, {
      onStart: (kill) => {
        stopWaiting = onceThere(place, () => {
          begun = performance.now();
          timer = setTimeout(() => kill(signal), scene.random() * scene.whole.milliseconds);
        });
      },
    });
    stopWaiting?.();
    clearTimeout(timer);
    if (!isComplete(scene.cwd, OUT)) return outcome;
    scene.whole.milliseconds = performance.now() - begun;
  }
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
      // Both are there but for a moment.
      do await stopAtRandom(scene, "SIGKILL", join(place, "state.previous.safetensors"));
      while (!existsSync(join(place, "state.safetensors")));
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

function flipBit(path: string, random: () => number): void {
  const bytes = readFileSync(path);
  bytes[Math.floor(random() * bytes.length)] ^= 1 << Math.floor(8 * random());
  writeFileSync(path, bytes);
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
          let begun = 0;
          const tryToFail = (): void => {
            if (!fail(place)) timer = setTimeout(tryToFail, 1);
          };
          first = await start(scene, out, {
            onStderr: (text) => {
              if (!text.includes("Run folder")) return;
              begun ||= performance.now();
              timer ??= setTimeout(tryToFail, 1.5 * scene.random() * scene.whole.milliseconds);
            },
          });
          clearTimeout(timer);
          mend(place);
          if (first.code === 0) scene.whole.milliseconds = performance.now() - begun;
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
  damaged("a bit of the checkpoint flipped", flipBit),
  {
    name: "a bit of the stored transitions flipped",
    seen: "the checkpoint before it serves; where both need what is damaged, that the run cannot go on, and exit code 1",
    inject: async (scene) => {
      await stopAtRandom(scene, "SIGKILL", join(scene.cwd, OUT, "checkpoint", "state.previous.safetensors"));
      const files = readdirSync(join(scene.cwd, OUT, "checkpoint", "replay"));
      const path = join(
        scene.cwd,
        OUT,
        "checkpoint",
        "replay",
        files[Math.floor(scene.random() * files.length)],
      );
      flipBit(path, scene.random);
      const rest = await goOn(scene, OUT);
      const said = lastLine(rest.stderr);
      if (
        rest.code === 1 &&
        /is damaged: its checksum is another.*the run cannot go on; begin a new one/.test(said)
      )
        return said.includes("then go on with") ? `sends in a circle: ${said}` : null;
      return judge(scene, OUT, rest);
    },
  },
  onFailingDisk("disk full", /the disk is full; free some space/, {
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
  }),
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
        const moment = Math.floor(1.2 * random() * whole.milliseconds);
        first = await start(scene, OUT, { env: disturbedBy(`thread:${moment}`) });
      } while (isComplete(cwd, OUT));
      if (first.code !== 1 || !/the training thread ended early \(exit code 1\)/.test(lastLine(first.stderr)))
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
