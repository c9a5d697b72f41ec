/** Talks to `td_step.py`: a step of neural soft Q-learning in NumPy and in PyTorch, on one thread. */
import { startScript } from "./client.ts";

/** Who computes. */
export type PythonLibrary = "numpy" | "torch";

/** What to measure: a learner is made when it is first asked for. */
interface TdStepRequest {
  readonly library: PythonLibrary;
  /** See td_step.py. */
  readonly style: "dense" | "columns";
  readonly kind: "one-hot" | "concatenation" | "product";
  readonly width: number;
  readonly features: number;
  readonly entries: number;
  readonly actions: number;
  readonly averaged: boolean;
  readonly stepSize: number;
  readonly radius: number;
  /** Mean of the rewards. */
  readonly reward: number;
  readonly steps: number;
  /** The shortest of so many measurements is taken. */
  readonly slices: number;
}

/** A running Python. */
export interface TdStepPython {
  readonly versions: { readonly numpy: string; readonly torch: string };
  /** Seconds of one step, the mean of `steps` within a slice. */
  measure(request: TdStepRequest): Promise<number>;
  /** Learners made from now on replace those of before. */
  forget(): Promise<void>;
  close(): Promise<void>;
}

/** Starts `python`, which must be able to import torch and numpy. */
export async function startTdStep(python: string): Promise<TdStepPython> {
  const { greeting, ask, close } = await startScript(python, "td_step.py");
  return {
    versions: { numpy: String(greeting.numpy), torch: String(greeting.torch) },
    measure: async (request) => Number((await ask(request)).seconds),
    forget: async () => void (await ask({ forget: true })),
    close,
  };
}
