/** A finite-action problem that follows a script, whatever the policy: every draw is given. */
import type { StepCounts } from "../../src/core/index.ts";
import type { Kernels } from "../../src/kernels/index.ts";
import type { SparseTwoLayer } from "../../src/nn/index.ts";
import type { FiniteActionProblem, TransitionBatch, VisitedRows } from "../../src/rl/index.ts";

/** A row of features as [index, value] entries. */
export type Row = readonly (readonly [number, number])[];

/** (s, a) and s', which is null where it is terminal. */
interface ScriptedTransition {
  readonly pair: readonly [number, number];
  readonly next: number | null;
}

/** What happens, iteration by iteration. */
export interface Script {
  readonly kind: "one-hot" | "rows";
  /** d. */
  readonly size: number;
  /** psi(s, a), [S][A]. */
  readonly psi: readonly (readonly Row[])[];
  readonly iterations: readonly {
    readonly transitions: readonly ScriptedTransition[];
    /** log pi_k(a|s), nats, [S][A]. */
    readonly logPolicy: readonly (readonly number[])[];
    /** Trajectories as lists of (s, a). */
    readonly expert: readonly (readonly (readonly [number, number])[])[];
    readonly agent: readonly (readonly (readonly [number, number])[])[];
    /** What steps in the absorbing state weigh, of the expert's and of the agent's trajectories; left out, 0. */
    readonly absorbing?: readonly [number, number];
  }[];
  /** gamma of the trajectories' weights. */
  readonly discount: number;
}

/** The problem, and W as it was whenever a policy was asked for. */
export interface ScriptedProblem extends FiniteActionProblem {
  readonly asked: { readonly for: "transitions" | "trajectories"; readonly weights: number[][] }[];
}

export const TERMINAL = 0xffffffff;

/** W of a network held by columns, as rows [m][d]. */
export function rowsOf(kernels: Kernels, { width, units, features, weights }: SparseTwoLayer): number[][] {
  const columns = kernels.f32(weights, features * units);
  return Array.from({ length: width }, (_, j) =>
    Array.from({ length: features }, (__, i) => columns[i * units + j]),
  );
}

/** W = W(0) = `rows` [m][d] and b = `signs` [m]. */
export function setNetwork(
  kernels: Kernels,
  network: SparseTwoLayer,
  rows: readonly (readonly number[])[],
  signs: readonly number[],
): void {
  const { units, features } = network;
  for (const pointer of [network.weights, network.initial]) {
    const columns = kernels.f32(pointer, features * units);
    rows.forEach((row, j) => row.forEach((w, i) => (columns[i * units + j] = w)));
  }
  kernels.f32(network.signs, signs.length).set(signs);
  kernels.sparseRefresh(network.block);
}

/** Copies uint32 numbers into the kernels' memory. */
export function uploadIndices(kernels: Kernels, values: readonly number[]): number {
  const pointer = kernels.allocate(values.length);
  kernels.u32(pointer, values.length).set(values);
  return pointer;
}

function uploadFloats(kernels: Kernels, values: readonly number[]): number {
  const pointer = kernels.allocate(values.length);
  kernels.f32(pointer, values.length).set(values);
  return pointer;
}

/** The scripted problem; iteration k is over when its agent's trajectories have been taken. */
export function scriptedProblem(kernels: Kernels, script: Script): ScriptedProblem {
  const { psi, kind, size } = script;
  const actions = psi[0].length;
  const entries = psi[0][0].length;
  const batchCapacity = Math.max(...script.iterations.map(({ transitions }) => transitions.length));
  const steps: StepCounts = { train: 0, rewardRollout: 0, evaluation: 0, expert: 0 };
  const asked: ScriptedProblem["asked"] = [];
  let k = 0;
  const split = (rows: readonly Row[]): { indices: number; values: number } => ({
    indices: uploadIndices(
      kernels,
      rows.flatMap((row) => row.map(([index]) => index)),
    ),
    values: uploadFloats(
      kernels,
      rows.flatMap((row) => row.map(([, value]) => value)),
    ),
  });
  const batch = (): TransitionBatch => {
    const { transitions, logPolicy } = script.iterations[k];
    const count = transitions.length;
    const nextLogPolicy = uploadFloats(
      kernels,
      transitions.flatMap(({ next }) => logPolicy[next ?? 0]),
    );
    if (kind === "one-hot") {
      const pairs = transitions.map(({ pair: [s, a] }) => s * actions + a);
      const next = transitions.map((each) => (each.next === null ? TERMINAL : each.next * actions));
      return {
        kind: "pairs",
        count,
        pairs: uploadIndices(kernels, pairs),
        next: uploadIndices(kernels, next),
        nextLogPolicy,
      };
    }
    const now = split(transitions.map(({ pair: [s, a] }) => psi[s][a]));
    const next = split(transitions.flatMap((each) => psi[each.next ?? 0]));
    const continues = transitions.map((each) => (each.next === null ? 0 : 1));
    return {
      kind: "rows",
      count,
      ...now,
      nextIndices: next.indices,
      nextValues: next.values,
      continues: uploadFloats(kernels, continues),
      nextLogPolicy,
    };
  };
  const visited = (
    trajectories: Script["iterations"][number]["agent"],
    absorbingWeight: number,
  ): VisitedRows => ({
    count: trajectories.flat().length,
    ...split(trajectories.flat().map(([s, a]) => psi[s][a])),
    weights: Float64Array.from(
      trajectories.flatMap((each) => each.map((_, t) => script.discount ** t / trajectories.length)),
    ),
    absorbingWeight,
  });
  return {
    features: { kind, size, entries, observationSize: 1, actions, write: () => {} },
    batchCapacity,
    rewards: kernels.allocate(batchCapacity),
    steps,
    asked,
    transitions: (network) => {
      asked.push({ for: "transitions", weights: rowsOf(kernels, network) });
      return batch();
    },
    expertTrajectories: () => visited(script.iterations[k].expert, script.iterations[k].absorbing?.[0] ?? 0),
    agentTrajectories: (network) => {
      asked.push({ for: "trajectories", weights: rowsOf(kernels, network) });
      const { agent, absorbing } = script.iterations[k];
      k++;
      return visited(agent, absorbing?.[1] ?? 0);
    },
  };
}
