/** Preloaded into a process (`--import`) and its threads, this makes happen what TANDEM_FAULT names: see `faults.ts`. */
import { syncBuiltinESMExports } from "node:module";
import threads, { isMainThread } from "node:worker_threads";
import { Simulation } from "../../src/envs/mujoco/simulation.ts";

const [fault, value] = (process.env.TANDEM_FAULT ?? "").split(":");

// From outside: in the middle of whatever it does, once it has said that it begins.
if (fault === "thread" && isMainThread) {
  threads.Worker = class extends threads.Worker {
    constructor(...given: ConstructorParameters<typeof threads.Worker>) {
      super(...given);
      this.once("message", () => setTimeout(() => void this.terminate(), Number(value)).unref());
    }
  };
  syncBuiltinESMExports();
}

if (fault === "simulation") {
  const prototype = Simulation.prototype as { advance: (this: Simulation, count: number) => boolean };
  const { advance } = prototype;
  let calls = 0;
  prototype.advance = function (count) {
    if (++calls % Number(value) === 0) this.qpos[1] = NaN;
    return advance.call(this, count);
  };
}

if (fault === "clock") {
  const HOUR = 3_600_000;
  for (const clock of [performance, Date]) {
    const now = clock.now.bind(clock);
    clock.now = () => now() + (Math.random() - 0.5) * HOUR;
  }
}
