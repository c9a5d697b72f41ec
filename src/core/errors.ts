/** No message is longer, characters: what a file holds may be of any length. */
const MOST = 1000;

/**
 * An error a user can act on: what was expected, what came, what to do. The command line prints its message as one
 * line and exits with code 1; any other error is a bug and keeps its stack.
 */
export class TandemError extends Error {
  override readonly name = "TandemError";

  /**
   * @param where the function or command that refuses, e.g. `rollout`
   * @param problem one line: expected, got, remedy
   */
  constructor(where: string, problem: string, options?: ErrorOptions) {
    super(oneLine(`${where}: ${problem}`), options);
  }
}

/** Parts of files stand in messages: no line ends, no control or direction characters; the middle of what is too long left out. */
function oneLine(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (each) => (/\s/.test(each) ? " " : "?"));
  return plain.length <= MOST ? plain : `${plain.slice(0, 700)} ... ${plain.slice(-250)}`;
}

/** A value from a JSON file in few words: what is long or deep is named, not written out. */
export function shownValue(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "[]" : `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  const text = JSON.stringify(value) ?? "undefined";
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

/** The policy gave a number that is not finite: it has diverged, and nothing can be done with it. */
export class PolicyDiverged extends TandemError {}

/** The simulator lost the state it was in: a number of it was no longer finite, or beyond all bounds. The environment wants a reset. */
export class SimulationDiverged extends TandemError {}
