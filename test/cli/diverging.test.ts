import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeSafetensors } from "../../src/runs/safetensors.ts";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  HOOK_TIMEOUT,
  makeDemonstrations,
  tandem,
  temporaryFolder,
  TINY,
  TINY_POLICY,
  type Outcome,
} from "./tandem.ts";

const folder = temporaryFolder();
const cwd = folder.path;
const NODE_OPTIONS = `--import ${fileURLToPath(new URL("../faults/preload.ts", import.meta.url))}`;
/** Every so many-th step of a simulation comes to no number; episodes have 60. */
const disturbed = (every: number, ...args: string[]): Promise<Outcome> =>
  tandem(args, { cwd, env: { NODE_OPTIONS, TANDEM_FAULT: `simulation:${every}` } });

beforeAll(async () => {
  await makeDemonstrations(cwd);
  const { code } = await tandem(["train", "--demos", "demo.npz", "--out", "run", ...TINY], { cwd });
  expect(code).toBe(0);
}, HOOK_TIMEOUT);
afterAll(folder.remove);

const DROPPED = /warning: the simulation diverged in \d+ episodes? of (.*); others took their place/g;
const who = ({ stderr }: Outcome): string[] => Array.from(stderr.matchAll(DROPPED), ([, what]) => what);

it(
  "episodes that are dropped are named, whoever acts",
  async () => {
    const evaluated = await disturbed(200, "eval", "run", "--episodes", "8", "--json");
    expect([evaluated.code, who(evaluated)]).toEqual([0, ["the policy"]]);
    expect(who(await disturbed(200, "eval", "run", "--episodes", "2", "--json"))).toEqual([]);
    const measured = await disturbed(200, "reward", "run", "--rows", "500", "--json");
    expect(who(measured)).toEqual(["random actions", "own policy"]);
    const constant = [
      "train",
      "--demos",
      "demo.npz",
      "--constant-expert",
      "--episodes",
      "3",
      "--out",
      "constant",
      ...TINY,
    ];
    expect(who(await disturbed(100, ...constant))).toEqual(["the constant expert"]);
  },
  HOOK_TIMEOUT,
);

it(
  "a policy that is no number ends the training for good, and says so",
  async () => {
    const options = ["--method", "sqil", "--learning-rate", "10000", "--out", "nan"];
    const { code, stderr } = await tandem(["train", "--demos", "demo.npz", ...TINY_POLICY, ...options], {
      cwd,
    });
    expect([code, stderr.trimEnd().split("\n").at(-1)]).toEqual([
      1,
      expect.stringMatching(
        /^tandem: training: .* became (NaN|-?Infinity|NaN or infinite) by step \d+; .*: begin a new run with a smaller --learning-rate or --reward-step-size$/,
      ),
    ]);
    const { stdout } = await tandem(["runs", "list", "nan", "--json"], { cwd });
    expect(stdout).toContain('"state":"diverged"');
  },
  HOOK_TIMEOUT,
);

it(
  "an evaluation of which nothing comes is left out, and the training goes on",
  async () => {
    const rare = await disturbed(50, "train", "--demos", "demo.npz", "--out", "rare", "--json", ...TINY);
    expect(rare.stderr).toMatch(/simulation divergence since step \d+: \d+ episodes dropped/);
    const { metadata } = decodeSafetensors(
      readFileSync(join(cwd, "rare", "checkpoint", "state.safetensors")),
      "state",
    );
    const { agent, steps } = JSON.parse(metadata.state);
    // One evaluation of one episode: four were tried. Each divergence ended an episode, in training or there.
    expect([steps.train, steps.evaluation, agent.dropped.episodes]).toEqual([300, 4 * 50, (300 + 200) / 50]);
    const records = readFileSync(join(cwd, "rare", "metrics.jsonl"), "utf8");
    expect(records).not.toContain('"evaluation"');
    expect(records).toContain('"policy"');
  },
  HOOK_TIMEOUT,
);
