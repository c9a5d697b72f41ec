/**
 * What third-party policies earn in the environments of this library, beside what their makers and a reference simulator
 * report.
 *
 *     node scripts/policy-returns.ts POLICIES [EPISODES] && npx prettier --write experiments/third-party-policies
 *
 * POLICIES holds a folder a policy (docs/policies.md). Episodes are those that `tandem demos record --seed 0` records.
 * Writes experiments/third-party-policies/results.jsonl and the table in the README beside it.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSeed } from "../src/cli/recording.ts";
import { keyFromSeed } from "../src/core/index.ts";
import { environmentIds, makeEnvironment, type Environment } from "../src/envs/index.ts";
import {
  clippedPolicy,
  policyEpisode,
  readPlainPolicy,
  requireFit,
  type Policy,
} from "../src/policies/index.ts";

/** Returns of episodes. */
interface Statistics {
  readonly mean: number;
  readonly std: number | null;
  readonly episodes: number | null;
}

/** One policy in one environment. */
interface Row {
  readonly policy: string;
  readonly trainedIn: string;
  readonly env: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly actions: "as given" | "clipped";
  readonly seed: number;
  readonly returns: readonly number[];
  readonly lengths: readonly number[];
  /** Share of action entries outside the bounds. */
  readonly outside: number;
  readonly here: Statistics;
  readonly published: Statistics | null;
  /** In a reference simulator, as the policy's file records it. */
  readonly reference: (Statistics & { readonly simulator: string }) | null;
}

/** What a policy's file records of its returns, by simulator. */
type Measured = Readonly<Record<string, Statistics>>;

const FOLDER = "experiments/third-party-policies";
const SEED = 0;
const [policies, given] = process.argv.slice(2);
const episodes = Number(given ?? 10);
if (!policies || !(Number.isInteger(episodes) && episodes > 1)) {
  console.error("usage: node scripts/policy-returns.ts POLICIES [EPISODES, at least 2]");
  process.exit(1);
}

const rows: Row[] = [];
const left: string[] = [];
for (const name of readdirSync(policies).sort()) {
  const policy = await readPlainPolicy(join(policies, name), null);
  const measured = measuredReturns(join(policies, name, "policy.json"));
  const environments = await environmentsFor(policy);
  if (environments.length === 0) left.push(`${name} (${policy.about.environment}): no such environment here`);
  for (const { environment, options } of environments) {
    const misfit = misfitOf(policy, environment);
    if (misfit) left.push(misfit);
    else rows.push(...(await measure(policy, environment, options, measured)));
    environment.close();
  }
}
const lines = rows.map((row) => JSON.stringify(row));
writeFileSync(join(FOLDER, "results.jsonl"), `${lines.join("\n")}\n`);
writeTable([
  tableOf(rows),
  ...(left.length > 0 ? ["Left out:", left.map((line) => `- ${line}`).join("\n")] : []),
]);

/** The environments of the task that the policy was trained in, in their versions here. */
async function environmentsFor({
  about,
}: Policy): Promise<{ environment: Environment; options: Record<string, unknown> }[]> {
  const [stem] = (about.environment ?? "").split("-");
  const continuous = stem === "LunarLanderContinuous";
  const wanted = continuous ? "LunarLander" : stem;
  const ids = environmentIds().filter((id) => id === about.environment || id.startsWith(`${wanted}-`));
  const exact = ids.includes(about.environment ?? "") ? ids.filter((id) => id === about.environment) : ids;
  const made = exact.map(async (id) => {
    const options: Record<string, unknown> = continuous ? { continuous } : {};
    const environment = await makeEnvironment(id, options).catch(() => null);
    if (!environment) return [];
    // Ant's policies do not read the contact forces, which v5 observes by default.
    if (stem !== "Ant" || environment.options?.includeCfrcExtInObservation !== true) {
      return [{ environment, options }];
    }
    environment.close();
    const without = { includeCfrcExtInObservation: false };
    return [{ environment: await makeEnvironment(id, without), options: without }];
  });
  return (await Promise.all(made)).flat();
}

function misfitOf(policy: Policy, environment: Environment): string | null {
  try {
    requireFit(policy, environment);
    return null;
  } catch (error) {
    return (error as Error).message.replace(/^policy: /, "").replace(/;.*$/, "");
  }
}

/** As the policy acts and, where that is out of bounds, clipped too. */
async function measure(
  policy: Policy,
  environment: Environment,
  options: Record<string, unknown>,
  measured: Measured,
): Promise<Row[]> {
  const given = await rowOf(policy, environment, options, "as given", measured);
  const { actionSpace } = environment;
  if (given.outside === 0 || actionSpace.kind !== "box") return [given];
  const clipped = clippedPolicy(policy, actionSpace);
  return [given, await rowOf(clipped, environment, options, "clipped", measured)];
}

async function rowOf(
  policy: Policy,
  environment: Environment,
  options: Record<string, unknown>,
  actions: Row["actions"],
  measured: Measured,
): Promise<Row> {
  const { about } = policy;
  const key = keyFromSeed(SEED);
  const returns: number[] = [];
  const lengths: number[] = [];
  let [outside, entries] = [0, 0];
  for (let episode = 0; episode < episodes; episode++) {
    const trajectories = await policyEpisode(environment, policy, startSeed(key, episode));
    returns.push(trajectories.rewards?.reduce((sum, reward) => sum + reward, 0) ?? 0);
    lengths.push(trajectories.terminated.length);
    outside += countOutside(trajectories.actions, environment);
    entries += trajectories.actions.length;
  }
  const row: Row = {
    policy: about.name,
    trainedIn: about.environment ?? "",
    env: environment.id,
    options,
    actions,
    seed: SEED,
    returns,
    lengths,
    outside: outside / entries,
    here: statisticsOf(returns),
    published: about.published && { mean: about.published.mean, std: about.published.std, episodes: null },
    reference: referenceFor(environment.id, actions, measured),
  };
  console.error(`${row.policy} in ${row.env}, actions ${actions}: ${spread(row.here)}`);
  return row;
}

function countOutside(actions: Float32Array, { actionSpace: space }: Environment): number {
  if (space.kind !== "box") return 0;
  const { low, high, size } = space;
  return actions.filter(
    (action, at) => action < Math.fround(low[at % size]) || action > Math.fround(high[at % size]),
  ).length;
}

/** What the policy's file says of its returns in reference simulators. */
function measuredReturns(path: string): Measured {
  const { measuredHere = {} } = JSON.parse(readFileSync(path, "utf8")) as { measuredHere?: Measured };
  return measuredHere;
}

/**
 * The reference that is nearest to the environment: of v5; of v4 with the contact margins of the MuJoCo of its day (v4L),
 * as here; else Gymnasium 1.3.0 on native MuJoCo 3.14.0, whose margins are summed.
 */
function referenceFor(id: string, actions: Row["actions"], measured: Measured): Row["reference"] {
  const version = id.endsWith("-v5") ? "v5" : "v4L";
  const kind = actions === "clipped" ? "clip" : "raw";
  const native = Object.keys(measured).find((name) => name.startsWith("native "));
  const simulator = [`wasm ${version}-${kind}`, native ?? ""].find((name) => Object.hasOwn(measured, name));
  return simulator === undefined ? null : { simulator, ...measured[simulator] };
}

function statisticsOf(returns: readonly number[]): Statistics {
  const mean = returns.reduce((sum, value) => sum + value, 0) / returns.length;
  const squares = returns.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: Math.sqrt(squares / (returns.length - 1)), episodes: returns.length };
}

/** How far the two means are apart, in standard errors of their difference (Welch). */
function standardErrors(one: Statistics, other: Statistics | null): string {
  if (!other?.std || !other.episodes || !one.std || !one.episodes) return "-";
  const error = Math.sqrt(one.std ** 2 / one.episodes + other.std ** 2 / other.episodes);
  return ((one.mean - other.mean) / error).toFixed(1);
}

function spread(statistics: Statistics | null): string {
  if (!statistics) return "-";
  const { mean, std } = statistics;
  return std === null ? mean.toFixed(1) : `${mean.toFixed(1)} ± ${std.toFixed(1)}`;
}

function tableOf(all: readonly Row[]): string {
  const head = [
    "policy",
    "trained in",
    "environment",
    "actions",
    "here",
    "lowest",
    "reference",
    "of",
    "standard errors apart",
    "published",
  ];
  const body = all.map((row) => [
    row.policy,
    row.trainedIn,
    [row.env, ...Object.entries(row.options).map(([name, value]) => `${name}=${String(value)}`)].join(" "),
    row.outside > 0 ? `as given, ${(100 * row.outside).toFixed(0)}% outside` : row.actions,
    spread(row.here),
    Math.min(...row.returns).toFixed(1),
    spread(row.reference),
    row.reference?.simulator ?? "-",
    standardErrors(row.here, row.reference),
    spread(row.published),
  ]);
  return [head, head.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Puts the paragraphs between the README's marks. */
function writeTable(paragraphs: readonly string[]): void {
  const path = join(FOLDER, "README.md");
  const [begin, end] = ["<!-- table -->", "<!-- /table -->"];
  const text = readFileSync(path, "utf8");
  const [before, rest] = text.split(begin);
  const after = rest.split(end)[1];
  writeFileSync(path, `${before}${begin}\n\n${paragraphs.join("\n\n")}\n\n${end}${after}`);
}
