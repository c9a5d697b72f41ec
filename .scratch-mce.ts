import { garnetMdp, gridWorldMdp, objectWorldMdp, chainMdp, GRID_WORLD, OBJECT_WORLD, CHAIN } from "./src/envs/index.ts";
import { softValueIteration, softPolicyIteration, occupancy, empiricalOccupancy } from "./src/rl/index.ts";
import { mceIrl } from "./src/irl/mce-irl.ts";
const ms = [garnetMdp({states:20,actions:4,branching:3,seed:0}), garnetMdp({states:5,actions:3,branching:2,seed:1}), gridWorldMdp(GRID_WORLD), objectWorldMdp(OBJECT_WORLD), chainMdp(CHAIN)];
for (const discount of [0.9, 0.99]) for (const m of ms) {
  let t=performance.now();
  let sweeps: unknown;
  for (const values of ["plain","centred"] as const) for (const tolerance of [1e-12]) {
    try { t=performance.now(); const sol = softValueIteration(m, m.rewards, {discount, tolerance, values}); console.log(m.name, discount, values, sol.sweeps, (performance.now()-t).toFixed(2)+"ms", "max V", Math.max(...sol.values)); } catch (e) { console.log(m.name, discount, values, String(e)); }
  }
  t=performance.now(); const pi = softPolicyIteration(m, m.rewards, {discount, tolerance: 1e-12, values:"plain"}); console.log("  newton then sweeps", pi.sweeps, (performance.now()-t).toFixed(2));
  const expert = softValueIteration(m, m.rewards, {discount, tolerance: 1e-11, values:"plain"});
  const d = occupancy(m, expert.logPolicy, discount);
  t=performance.now();
  for (const gt of [1e-6,1e-8,1e-9]) try {
    const r = mceIrl(m, d, new Float64Array(d.length), {discount, radius: Infinity, gradientTolerance: gt, valueTolerance: 1e-11, maxIterations: 20000});
    let worst=0; for (let i=0;i<d.length;i++) worst=Math.max(worst, Math.abs(Math.exp(r.logPolicy[i])-Math.exp(expert.logPolicy[i])));
    console.log("   mce", gt, r.iterations, r.gradientNorm, worst, (performance.now()-t).toFixed(0)+"ms");
  } catch (e) { console.log("   mce", gt, String(e), (performance.now()-t).toFixed(0)+"ms"); }
}
