import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { HOOK_TIMEOUT, makeDemonstrations, tandem, temporaryFolder, TINY, type Outcome } from "./tandem.ts";

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
