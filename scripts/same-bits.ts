/**
 * The trainings of test/bits/program.ts in several versions of Node, in headless Chromium, with one and two threads, idle and loaded:
 *
 *     node scripts/same-bits.ts
 *
 * prints the table of docs/reliability.md; exit code 1 where a checksum differs from the first row's, or a place fails.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { build } from "tsdown";
import { PROGRAMS } from "../test/bits/program.ts";

type Checksums = Readonly<Record<string, string>>;
interface Place {
  readonly where: string;
  readonly version: string;
  /** Worker threads of the batches of environments, and what else the machine does. */
  readonly workers: number;
  readonly machine: string;
  /** Rejects with the reason where the trainings fail. */
  readonly run: () => Promise<Checksums>;
}
/** Where nothing can be tried, and why. */
interface Missing {
  readonly where: string;
  readonly missing: string;
}

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PROGRAM = new URL("../test/bits/program.ts", import.meta.url).href;
const NAMES = Object.keys(PROGRAMS);
const OTHER_NODES = ["22", "26"];
const CHROMIUM = ["chromium", "chromium-browser", "google-chrome", "chrome"];
const BUSY = 2;
/** Milliseconds for all trainings in a browser. */
const BROWSER_TIMEOUT = 300_000;
/** Posts what came of the trainings. */
const PAGE = `<!doctype html><meta charset="utf-8"><script type="module">
const say = (body) => fetch("/said", { method: "POST", body: JSON.stringify(body) });
try {
  const { checksums } = await import("/program.js");
  await say({ checksums: await checksums(0) });
} catch (error) {
  await say({ failure: String(error) });
}
</script>`;

const folder = mkdtempSync(join(tmpdir(), "tandem-same-bits-"));
try {
  const places = [
    ...inNode("this Node", process.execPath),
    loaded(process.execPath),
    ...OTHER_NODES.flatMap(otherNode),
    await chromium(),
  ];
  process.exitCode = (await compare(places)) ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Prints a row a place; whether all that could be tried gave the same. */
async function compare(places: readonly (Place | Missing)[]): Promise<boolean> {
  process.stdout.write(line(["where", "version", "threads", "machine", ...NAMES, "same"]));
  process.stdout.write(line(Array.from({ length: NAMES.length + 5 }, () => "---")));
  let first: Checksums | null = null;
  let allSame = true;
  for (const place of places) {
    if ("missing" in place) {
      process.stdout.write(line([place.where, "", "", "", ...NAMES.map(() => ""), place.missing]));
      continue;
    }
    const { where, version, workers, machine } = place;
    const found = await place.run().catch((error: Error) => error);
    const failure = found instanceof Error ? `failed: ${found.message}` : null;
    const sums: Checksums = found instanceof Error ? {} : found;
    first ??= failure ? null : sums;
    const differing = NAMES.filter((name) => sums[name] === undefined || sums[name] !== first?.[name]);
    if (differing.length > 0) allSame = false;
    const verdict = failure ?? (differing.length === 0 ? "yes" : `no: ${differing.join("; ")}`);
    const cells = NAMES.map((name) => sums[name] ?? "");
    process.stdout.write(line([where, version, String(workers), machine, ...cells, verdict]));
  }
  return allSame;
}

function line(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll(/\s*\n\s*/g, " ").replaceAll("|", "\\|")).join(" | ")} |\n`;
}

function inNode(where: string, path: string): Place[] {
  const version = spawnSync(path, ["--version"], { encoding: "utf8" }).stdout.trim();
  return [1, 2].map((workers) => ({
    where,
    version,
    workers,
    machine: "as it is",
    run: () => checksumsOf(path, workers),
  }));
}

/** With other processes that do nothing but compute. */
function loaded(path: string): Place {
  const run = async (): Promise<Checksums> => {
    const busy = Array.from({ length: BUSY }, () =>
      spawn(path, ["--eval", "for (;;);"], { stdio: "ignore" }),
    );
    try {
      return await checksumsOf(path, 2);
    } finally {
      for (const each of busy) each.kill("SIGKILL");
    }
  };
  return {
    where: "this Node",
    version: process.version,
    workers: 2,
    machine: `${BUSY} busy processes`,
    run,
  };
}

/** The newest Node of that version on the npm registry. */
function otherNode(major: string): (Place | Missing)[] {
  const prefix = join(folder, `node-${major}`);
  const wanted = ["install", "--prefix", prefix, "--no-save", "--no-audit", "--no-fund", `node@${major}`];
  spawnSync("npm", wanted, { cwd: folder, stdio: "ignore" });
  const path = join(
    prefix,
    "node_modules",
    "node",
    "bin",
    process.platform === "win32" ? "node.exe" : "node",
  );
  return existsSync(path)
    ? inNode("Node", path)
    : [{ where: `Node ${major}`, missing: "not tried: no registry" }];
}

async function checksumsOf(path: string, workers: number): Promise<Checksums> {
  const code = `const { checksums } = await import(${JSON.stringify(PROGRAM)}); console.log(JSON.stringify(await checksums(${workers})));`;
  const child = spawn(path, ["--input-type=module", "--eval", code], { stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (out === "") throw new Error(err.trim().split("\n").at(-1));
  return JSON.parse(out) as Checksums;
}

async function chromium(): Promise<Place | Missing> {
  const command = CHROMIUM.find((name) => spawnSync(name, ["--version"]).status === 0);
  if (!command) return { where: "Chromium", missing: "not tried: no chromium" };
  const words = spawnSync(command, ["--version"], { encoding: "utf8" }).stdout;
  const site = join(folder, "site");
  await build({
    cwd: ROOT,
    config: false,
    entry: { program: "test/bits/program.ts" },
    outDir: site,
    platform: "browser",
    fixedExtension: false,
    noExternal: [/./],
    dts: false,
    logLevel: "error",
  });
  return {
    where: "Chromium, headless",
    version: /[\d.]+/.exec(words)?.[0] ?? words.trim(),
    workers: 0,
    machine: "as it is",
    run: () => checksumsInBrowser(command, site),
  };
}

/** What the page says. */
async function checksumsInBrowser(command: string, site: string): Promise<Checksums> {
  let browser: ChildProcess | null = null;
  let server: Server | null = null;
  let timer: NodeJS.Timeout | undefined;
  try {
    const said = await new Promise<string>((resolve, reject) => {
      server = createServer((request, response) => {
        if (request.method === "POST") text(request).then(resolve, reject);
        serve(site, request.url ?? "/", response);
      });
      server.listen(0, "127.0.0.1", () => {
        const { port } = (server as Server).address() as AddressInfo;
        const profile = `--user-data-dir=${join(folder, "profile")}`;
        const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", profile];
        browser = spawn(command, [...flags, `http://127.0.0.1:${port}/`], { stdio: "ignore" });
        browser.on("exit", (code) => reject(new Error(`${command} ended with code ${code}`)));
      });
      timer = setTimeout(() => reject(new Error("no answer from the page")), BROWSER_TIMEOUT);
    });
    const { checksums, failure } = JSON.parse(said) as { checksums?: Checksums; failure?: string };
    if (!checksums) throw new Error(failure);
    return checksums;
  } finally {
    clearTimeout(timer);
    await ended(browser);
    (server as Server | null)?.closeAllConnections();
    (server as Server | null)?.close();
  }
}

/** The page, the bundle, or MuJoCo's WebAssembly, which its loader fetches from beside itself. */
function serve(site: string, url: string, response: ServerResponse): void {
  const name = url.split("/").at(-1) ?? "";
  if (url === "/") {
    response.setHeader("content-type", "text/html").end(PAGE);
    return;
  }
  const path =
    name === "mujoco.wasm"
      ? fileURLToPath(import.meta.resolve("@mujoco/mujoco/mujoco.wasm"))
      : join(site, name);
  if (!existsSync(path)) {
    response.writeHead(url === "/said" ? 204 : 404).end();
    return;
  }
  response.setHeader("content-type", name.endsWith(".wasm") ? "application/wasm" : "text/javascript");
  createReadStream(path).pipe(response);
}

function ended(child: ChildProcess | null): Promise<void> {
  if (!child || child.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.removeAllListeners("exit");
    child.on("exit", () => resolve());
    child.kill();
  });
}
