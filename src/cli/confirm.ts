import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** Ask for a yes; anything else, and the end of the input, is a no. */
export function confirm(question: string, input: Readable, output: Writable): Promise<boolean> {
  const lines = createInterface({ input, output });
  return new Promise((resolve) => {
    lines.once("close", () => resolve(false));
    lines.question(`${question} [y/N] `, (answer) => {
      resolve(/^\s*y(es)?\s*$/i.test(answer));
      lines.close();
    });
  });
}
