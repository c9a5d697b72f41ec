import { garnetMdp, gridWorldMdp, objectWorldMdp, chainMdp, GRID_WORLD, OBJECT_WORLD, CHAIN } from "./src/envs/index.ts";
import { softPolicyIteration, softValueIteration } from "./src/rl/index.ts";
const ms = [ gridWorldMdp(GRID_WORLD), objectWorldMdp(OBJECT_WORLD), chainMdp(CHAIN), chainMdp({...CHAIN, states: 40, slip:0.01})];
for (let seed=0;seed<30;seed++) ms.push(garnetMdp({states:20,actions:4,branching:3,seed}));
for (const discount of [0.9,0.99,0.999]) for (const scale of [0.1,1,10,100]) { let worst=0; let bad=0; for (const m of ms) { const r=m.rewards.map(x=>scale*x); const tol = discount>.99?1e-8:1e-10;
 try { const s=softPolicyIteration(m,r,{discount,tolerance:tol,values:"plain"}); const v = softValueIteration(m,r,{discount,tolerance:tol,values:"plain"}); worst=Math.max(worst,s.sweeps); let e=0; v.values.forEach((x,i)=>e=Math.max(e,Math.abs(x-s.values[i]))); if (e>2*tol) {bad++; console.log(e)} } catch(e) {bad++; console.log(String(e))} } console.log(discount,scale,"most sweeps left",worst,"bad",bad); }
