/**
 * A tabular Markov decision process as a finite-action problem with one-hot features. Everything is drawn from tables:
 * one random 32-bit word a draw.
 */
import { foldIn, TandemError, type Key, type StepCounts } from "../core/index.ts";
import type { TabularMdp } from "../envs/tabular/tabular-mdp.ts";
import type { Kernels } from "../kernels/index.ts";
import type { SparseTwoLayer } from "../nn/index.ts";
import type { FiniteActionProblem, PairBatch, VisitedRows } from "./finite-action-problem.ts";
import { oneHotFeatures } from "./state-action-features.ts";

/** How transitions and trajectories are drawn. */
export interface TabularSampling {
  /**
   * "markov-chain": one chain that goes on from loop to loop; "iid": s from the distribution that `stationary` gives for
   * the policy; "replay": uniformly from the chain's last `replayCapacity` steps, one new step a draw.
   */
  readonly sampling: "markov-chain" | "iid" | "replay";
  readonly replayCapacity: number;
  /** H, steps of a trajectory. */
  readonly horizon: number;
  /** gamma of the trajectories' weights; 1 for an undiscounted gradient. */
  readonly gradientDiscount: number;
  /** Most steps of an inner loop, and most trajectories of one estimate. */
  readonly batchCapacity: number;
  readonly trajectoryCapacity: number;
}

/** The expert's trajectories: drawn anew under a policy, log pi(a|s) [S, A], or from these, states and actions [n, H]. */
export type TabularExpert =
  | { readonly kind: "fresh"; readonly logPolicy: Float64Array }
  | { readonly kind: "recorded"; readonly states: Uint32Array; readonly actions: Uint32Array };

/** A tabular problem and what instruments may look at. */
export interface TabularProblem extends FiniteActionProblem {
  readonly mdp: TabularMdp;
  /** log pi(a|s) of `network` into `out` [S, A]. */
  logPolicyOf(network: SparseTwoLayer, out: Float64Array): void;
}

const WORD = 2 ** 32;

/** Draws from a fixed finite distribution per row by the alias method (Walker 1977): one word a draw. */
interface AliasTables {
  readonly outcomes: number;
  /** Probability of keeping the cell, times 2^32, [rows, outcomes]. */
  readonly keep: Float64Array;
  readonly alias: Uint32Array;
  readonly value: Uint32Array;
}

/**
 * The problem of `mdp`. `stationary` gives the stationary state distribution [S] of a policy log pi(a|s) [S, A]; it is
 * called once an inner loop, and only with "iid" sampling.
 */
export function createTabularProblem(
  kernels: Kernels,
  mdp: TabularMdp,
  expert: TabularExpert,
  options: TabularSampling,
  stationary: (logPolicy: Float64Array) => Float64Array,
  key: Key,
): TabularProblem {
  const { states, actions } = mdp;
  const { horizon, gradientDiscount, batchCapacity, trajectoryCapacity, sampling } = options;
  const pairsCount = states * actions;
  const visited = horizon * trajectoryCapacity;
  const words = createWords(kernels, key, Math.max(3 * batchCapacity, 2 * visited + trajectoryCapacity));
  const room = {
    pairs: kernels.allocate(batchCapacity),
    next: kernels.allocate(batchCapacity),
    nextLogPolicy: kernels.allocate(batchCapacity * actions),
    rewards: kernels.allocate(batchCapacity),
    indices: kernels.allocate(visited),
    values: kernels.allocate(visited),
    table: kernels.allocate(pairsCount),
    sums: kernels.allocate(states),
  };
  kernels.f32(room.values, visited).fill(1);
  const transitions = aliasTables(mdp.transitions, pairsCount, states);
  const initial = aliasTables(mdp.initial, 1, states);
  const policy = new Float64Array(pairsCount);
  const expertPolicy = new Float64Array(pairsCount);
  if (expert.kind === "fresh") cumulate(expert.logPolicy, kernels, room.table, expertPolicy, actions);
  const logPolicy = new Float64Array(pairsCount);
  const stateDistribution = new Float64Array(states);
  const replay = {
    pairs: new Uint32Array(options.replayCapacity),
    next: new Uint32Array(options.replayCapacity),
    size: 0,
    at: 0,
  };
  const steps: StepCounts = { train: 0, rewardRollout: 0, evaluation: 0, expert: 0 };
  const discounts = new Float64Array(horizon);
  for (let t = 0, weight = 1; t < horizon; t++, weight *= gradientDiscount) discounts[t] = weight;
  const weights = new Float64Array(visited);
  const recorded = expert.kind === "recorded" ? expert.states.length / horizon : 0;
  if (!Number.isInteger(recorded) || (expert.kind === "recorded" && recorded === 0)) {
    throw new TandemError(
      "createTabularProblem",
      `expected recorded trajectories of ${horizon} steps each, got ${recorded * horizon} steps; cut them to the horizon`,
    );
  }
  let state = draw(initial, 0, words.take(1)[0]);

  const loadPolicy = (network: SparseTwoLayer): void => {
    tablePolicy(kernels, network, room, actions, logPolicy);
    cumulate(logPolicy, kernels, room.table, policy, actions);
  };

  const oneStep = (from: number, drawn: Uint32Array, at: number): { pair: number; next: number } => {
    const pair = from * actions + choose(policy, from, actions, drawn[at]);
    return { pair, next: draw(transitions, pair, drawn[at + 1]) };
  };

  /** Nothing ends here: every trajectory has all steps. */
  const visits = (count: number): VisitedRows => ({
    count: count * horizon,
    indices: room.indices,
    values: room.values,
    weights,
    absorbingWeight: 0,
  });

  const walk = (cumulative: Float64Array, count: number): VisitedRows => {
    requireRoom(count, trajectoryCapacity);
    const drawn = words.take(count * (2 * horizon + 1));
    const first = drawn.subarray(count * 2 * horizon);
    const indices = kernels.u32(room.indices, count * horizon);
    for (let n = 0, at = 0; n < count; n++) {
      let here = draw(initial, 0, first[n]);
      for (let t = 0; t < horizon; t++, at++) {
        const pair = here * actions + choose(cumulative, here, actions, drawn[2 * at]);
        indices[at] = pair;
        weights[at] = discounts[t] / count;
        here = draw(transitions, pair, drawn[2 * at + 1]);
      }
    }
    return visits(count);
  };

  const replayed = (count: number): VisitedRows => {
    if (expert.kind === "fresh") return walk(expertPolicy, count);
    requireRoom(count, trajectoryCapacity);
    const chosen = words.take(count);
    const indices = kernels.u32(room.indices, count * horizon);
    for (let n = 0, at = 0; n < count; n++) {
      // All of them where there are no more than asked for.
      const which = recorded <= count ? n % recorded : Math.floor((chosen[n] / WORD) * recorded);
      for (let t = 0; t < horizon; t++, at++) {
        const row = which * horizon + t;
        indices[at] = expert.states[row] * actions + expert.actions[row];
        weights[at] = discounts[t] / count;
      }
    }
    return visits(count);
  };

  return {
    mdp,
    features: oneHotFeatures(states, actions),
    batchCapacity,
    rewards: room.rewards,
    steps,
    logPolicyOf: (network, out) => {
      tablePolicy(kernels, network, room, actions, out);
    },
    transitions: (network, count): PairBatch => {
      loadPolicy(network);
      const pairs = kernels.u32(room.pairs, count);
      const next = kernels.u32(room.next, count);
      const drawn = words.take(3 * count);
      if (sampling === "iid") stateDistribution.set(cumulativeSum(stationary(logPolicy)));
      for (let t = 0; t < count; t++) {
        if (sampling === "iid") state = choose(stateDistribution, 0, states, drawn[3 * t + 2]);
        const step = oneStep(state, drawn, 3 * t);
        state = step.next;
        if (sampling === "replay") {
          replay.pairs[replay.at] = step.pair;
          replay.next[replay.at] = step.next;
          replay.at = (replay.at + 1) % options.replayCapacity;
          replay.size = Math.min(replay.size + 1, options.replayCapacity);
          const which = Math.floor((drawn[3 * t + 2] / WORD) * replay.size);
          pairs[t] = replay.pairs[which];
          next[t] = replay.next[which] * actions;
        } else {
          pairs[t] = step.pair;
          next[t] = step.next * actions;
        }
      }
      steps.train += count;
      const nextLogPolicy = kernels.f32(room.nextLogPolicy, count * actions);
      for (let t = 0; t < count; t++) {
        for (let a = 0; a < actions; a++) nextLogPolicy[t * actions + a] = logPolicy[next[t] + a];
      }
      return { kind: "pairs", count, pairs: room.pairs, next: room.next, nextLogPolicy: room.nextLogPolicy };
    },
    agentTrajectories: (network, count) => {
      loadPolicy(network);
      steps.rewardRollout += count * horizon;
      return walk(policy, count);
    },
    expertTrajectories: (count) => {
      steps.expert += count * horizon;
      return replayed(count);
    },
  };
}

function requireRoom(count: number, capacity: number): void {
  if (count >= 1 && count <= capacity) return;
  throw new TandemError(
    "createTabularProblem",
    `expected 1 to ${capacity} trajectories at a time, got ${count}; raise trajectoryCapacity`,
  );
}

/** Random words of one key, a block at a time; every 2^32 counters have a key of their own. */
function createWords(kernels: Kernels, key: Key, capacity: number): { take(count: number): Uint32Array } {
  const room = kernels.allocate(capacity);
  let [epoch, counter] = [0, 0];
  let current = foldIn(key, 0);
  return {
    take: (count) => {
      const blocks = Math.ceil(count / 2);
      if (counter + blocks > WORD) {
        epoch++;
        counter = 0;
        current = foldIn(key, epoch);
      }
      kernels.fillIndices(count, room, WORD - 1, current[0], current[1], counter);
      counter += blocks;
      return kernels.u32(room, count);
    },
  };
}

/** log pi(a|s) = Q(s, a) - log sum_b exp Q(s, b) of a one-hot network, into `out` [S, A]. */
function tablePolicy(
  kernels: Kernels,
  network: SparseTwoLayer,
  room: { table: number; sums: number },
  actions: number,
  out: Float64Array,
): void {
  const pairs = out.length;
  const states = pairs / actions;
  kernels.sparseTable(network.block, room.table);
  const table = kernels.f32(room.table, pairs);
  const sums = kernels.f32(room.sums, states);
  for (let s = 0, i = 0; s < states; s++) {
    let largest = -Infinity;
    for (let a = 0; a < actions; a++) largest = Math.max(largest, table[s * actions + a]);
    for (let a = 0; a < actions; a++, i++) out[i] = table[i] -= largest;
  }
  kernels.expVector(pairs, room.table, room.table);
  for (let s = 0, i = 0; s < states; s++) {
    let sum = 0;
    for (let a = 0; a < actions; a++, i++) sum += table[i];
    sums[s] = sum;
  }
  kernels.logVector(states, room.sums, room.sums);
  for (let s = 0, i = 0; s < states; s++) {
    for (let a = 0; a < actions; a++, i++) out[i] -= sums[s];
  }
}

/** Probabilities of actions, summed up per state and scaled to words, [S, A]. */
function cumulate(
  logPolicy: Float64Array,
  kernels: Kernels,
  table: number,
  out: Float64Array,
  actions: number,
): void {
  kernels.f32(table, logPolicy.length).set(logPolicy);
  kernels.expVector(logPolicy.length, table, table);
  const probabilities = kernels.f32(table, logPolicy.length);
  for (let i = 0, sum = 0; i < logPolicy.length; i++) {
    sum = (i % actions === 0 ? 0 : sum) + probabilities[i];
    out[i] = WORD * sum;
  }
}

function cumulativeSum(distribution: Float64Array): Float64Array {
  let sum = 0;
  return distribution.map((probability) => WORD * (sum += probability));
}

/** The first of `count` outcomes of a row whose cumulated probability is above the word; the last takes what rounding left. */
function choose(cumulative: Float64Array, row: number, count: number, word: number): number {
  const first = row * count;
  let k = 0;
  while (k < count - 1 && word >= cumulative[first + k]) k++;
  return k;
}

/** Alias tables over the outcomes that have a probability at all; rows with fewer are filled up with cells never kept. */
function aliasTables(probabilities: Float64Array, rows: number, columns: number): AliasTables {
  let outcomes = 1;
  const support: number[][] = [];
  for (let row = 0; row < rows; row++) {
    const present: number[] = [];
    for (let c = 0; c < columns; c++) if (probabilities[row * columns + c] > 0) present.push(c);
    support.push(present);
    outcomes = Math.max(outcomes, present.length);
  }
  const tables: AliasTables = {
    outcomes,
    keep: new Float64Array(rows * outcomes),
    alias: new Uint32Array(rows * outcomes),
    value: new Uint32Array(rows * outcomes),
  };
  support.forEach((present, row) => {
    const cells = Array.from({ length: outcomes }, (_, k) => ({
      value: present[Math.min(k, present.length - 1)],
      mass: k < present.length ? probabilities[row * columns + present[k]] * outcomes : 0,
    }));
    fillAliasRow(tables, row * outcomes, cells);
  });
  return tables;
}

function fillAliasRow(
  { keep, alias, value }: AliasTables,
  first: number,
  cells: { value: number; mass: number }[],
): void {
  const small: number[] = [];
  const large: number[] = [];
  cells.forEach((cell, k) => {
    value[first + k] = cell.value;
    alias[first + k] = cell.value;
    keep[first + k] = WORD;
    (cell.mass < 1 ? small : large).push(k);
  });
  while (small.length > 0 && large.length > 0) {
    const [low] = small.splice(-1);
    const high = large[large.length - 1];
    keep[first + low] = cells[low].mass * WORD;
    alias[first + low] = cells[high].value;
    cells[high].mass -= 1 - cells[low].mass;
    if (cells[high].mass < 1) small.push(large.splice(-1)[0]);
  }
}

/** An outcome of `row`: the word's high part chooses the cell, the rest whether it is kept. */
function draw({ outcomes, keep, alias, value }: AliasTables, row: number, word: number): number {
  const scaled = word * outcomes;
  const cell = row * outcomes + Math.floor(scaled / WORD);
  return scaled % WORD < keep[cell] ? value[cell] : alias[cell];
}
