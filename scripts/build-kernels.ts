/**
 * Compiles the WebAssembly kernels (src/kernels/assembly) in their two builds and writes each as a base64 string into
 * src/kernels/generated, so that Node, bundlers and browsers load them without file access. Does nothing where the
 * generated files carry the hash of the present sources.
 *
 *     node scripts/build-kernels.ts
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { KernelBuild } from "../src/kernels/contract.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const SOURCES = join(ROOT, "src/kernels/assembly");
const GENERATED = join(ROOT, "src/kernels/generated");

/** Constant tables go to 1024 and above (src/kernels/assembly/memory.ts); the arena grows the memory to 4 GB. */
const OPTIONS = `--optimizeLevel 3 --converge --noAssert --runtime stub --enable simd
  --memoryBase 1024 --initialMemory 16 --maximumMemory 65536`.split(/\s+/);

const BUILDS: Record<KernelBuild, string[]> = {
  simd: [],
  "relaxed-simd": ["--enable", "relaxed-simd"],
};

/** Compiles what is out of date. Returns the builds that were compiled. */
export async function buildKernels(): Promise<KernelBuild[]> {
  const hash = sourceHash();
  const stale = (Object.keys(BUILDS) as KernelBuild[]).filter((build) => readHash(build) !== hash);
  mkdirSync(GENERATED, { recursive: true });
  for (const build of stale) {
    const binary = await compile(build);
    // Renamed into place, since several test workers may build at once.
    const partial = `${pathOf(build)}.${process.pid}.partial`;
    writeFileSync(partial, moduleText(build, hash, binary));
    renameSync(partial, pathOf(build));
  }
  return stale;
}

async function compile(build: KernelBuild): Promise<Uint8Array> {
  const { default: asc } = await import("assemblyscript/asc");
  let binary: Uint8Array | undefined;
  const argv = ["index.ts", "--baseDir", SOURCES, "--outFile", "kernels.wasm", ...OPTIONS, ...BUILDS[build]];
  const messages: string[] = [];
  const { error } = await asc.main(argv, {
    stderr: { write: (chunk) => void messages.push(String(chunk)) },
    writeFile: (_name, contents) => {
      if (contents instanceof Uint8Array) binary = contents;
    },
  });
  if (error || !binary) {
    throw new Error(`build-kernels: asc failed on the ${build} build\n${messages.join("")}`, {
      cause: error,
    });
  }
  return binary;
}

function moduleText(build: KernelBuild, hash: string, binary: Uint8Array): string {
  return [
    `// Written by scripts/build-kernels.ts from src/kernels/assembly: ${hash}`,
    `/** The ${build} build of the kernels, ${binary.length} bytes, in base64. */`,
    `export const base64 =\n  "${Buffer.from(binary).toString("base64")}";`,
    "",
  ].join("\n");
}

function sourceHash(): string {
  const hash = createHash("sha256").update(readFileSync(fileURLToPath(import.meta.url)));
  hash.update(readFileSync(join(ROOT, "node_modules/assemblyscript/package.json")));
  for (const file of readdirSync(SOURCES)
    .filter((name) => name.endsWith(".ts"))
    .sort()) {
    hash.update(`${file}\0`).update(readFileSync(join(SOURCES, file)));
  }
  return hash.digest("hex");
}

function readHash(build: KernelBuild): string | undefined {
  const text = readIfPresent(pathOf(build));
  return text === null ? undefined : /^\/\/ .*: ([0-9a-f]{64})$/m.exec(text)?.[1];
}

function pathOf(build: KernelBuild): string {
  return join(GENERATED, `${build}.ts`);
}

function readIfPresent(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const compiled = await buildKernels();
  console.log(compiled.length ? `compiled ${compiled.join(", ")}` : "kernels are up to date");
}
