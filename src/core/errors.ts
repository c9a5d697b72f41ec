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
    super(`${where}: ${problem}`, options);
  }
}

/** The simulator lost the state it was in: a number of it was no longer finite, or beyond all bounds. The environment wants a reset. */
export class SimulationDiverged extends TandemError {}
