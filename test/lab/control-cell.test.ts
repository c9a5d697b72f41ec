import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { EXPERIMENTS, runControlCell, type Cell, type ControlSetting } from "../../src/lab/index.ts";

const DEMONSTRATIONS = fileURLToPath(new URL("../../demonstrations/", import.meta.url));
const CELLS = EXPERIMENTS.find(({ name }) => name === "cartpole")?.cells({
  quick: false,
  thirdParty: false,
}) as Cell<ControlSetting>[];

/** A few iterations of a cell of the experiment. */
function short(id: string, changes: Partial<ControlSetting> = {}): ReturnType<typeof runControlCell> {
  const setting = CELLS.find((cell) => cell.id === id)?.setting;
  if (!setting) throw new Error(`no cell is called ${id}`);
  const demonstrations = `${DEMONSTRATIONS}${setting.demonstrations}`;
  const sizes = { iterations: 3, evaluations: 1, evaluationEpisodes: 2, innerSteps: 200, width: 64 };
  return runControlCell({ ...setting, ...sizes, demonstrations, ...changes }, () => 0);
}

it("trains CartPole with absorbing states where a cell says so, and reports their reward", async () => {
  const [native, absorbing] = await Promise.all([
    short("CartPole-v1, learned reward, seed 100"),
    short("CartPole-v1, learned reward, absorbing states, seed 100"),
  ]);
  expect(native.points.map((point) => point.absorbingReward)).toEqual([null]);
  expect(absorbing.points[0].absorbingReward).toEqual(expect.any(Number));
  expect(absorbing.points[0].policyTravel).not.toBe(native.points[0].policyTravel);
});

it("measures held-out transitions of a reward that knows an absorbing state", async () => {
  const { points } = await short("CartPole-v1, constant reward 1, absorbing states, seed 101", {
    heldOut: true,
  });
  const [{ heldOut }] = points;
  expect(heldOut?.sampledSquaredResidual.mean).toBeGreaterThan(0);
  expect(heldOut?.heldOutRewardLinearisation).toBeGreaterThan(0);
});

it("differs from the cell without them by the treatment alone, on CartPole alone", () => {
  const absorbing = CELLS.filter(({ id }) => id.includes("absorbing states"));
  expect(absorbing).toHaveLength(4 * 10);
  for (const { id, setting } of absorbing) {
    const plain = CELLS.find((cell) => cell.id === id.replace(", absorbing states", ""));
    expect(setting).toEqual({ ...plain?.setting, termination: "absorbing" });
    expect(plain?.setting.termination).toBe("native");
  }
  const others = CELLS.filter((cell) => !absorbing.includes(cell));
  expect(others.every(({ setting }) => setting.termination === "native")).toBe(true);
});
