import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { TandemError, type Key } from "../core/index.ts";
import type { Environment } from "../envs/environment.ts";
import { loadOnnxPolicy } from "./onnx-policy.ts";
import { parsePlainPolicy } from "./plain-policy.ts";
import type { Policy } from "./policy.ts";

/** The file of a plain policy that describes it; its weights lie beside it. */
export const PLAIN_POLICY_FILE = "policy.json";

/**
 * The policy in a folder of policy.json and weights.bin (docs/policies.md).
 *
 * @param path the folder or its policy.json
 * @param draws actions are drawn with this key; null: the policy's most likely actions
 */
export async function readPlainPolicy(path: string, draws: Key | null): Promise<Policy> {
  const folder = basename(path) === PLAIN_POLICY_FILE ? dirname(path) : path;
  const source = join(folder, PLAIN_POLICY_FILE);
  const text = new TextDecoder().decode(bytesOf(source));
  return parsePlainPolicy(parsed(text, source), bytesOf(join(folder, "weights.bin")), { source, draws });
}

/** The policy in an .onnx file, for `environment`: see {@link loadOnnxPolicy}. */
export async function readOnnxPolicy(
  path: string,
  environment: Environment,
  draws: Key | null,
): Promise<Policy> {
  return loadOnnxPolicy(bytesOf(path), environment, { source: path, draws });
}

function bytesOf(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new TandemError("readPolicy", `${path} cannot be read (${code}); check the path`, { cause });
  }
}

function parsed(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TandemError("readPolicy", `${source} is not JSON (${(cause as Error).message})`, { cause });
  }
}
