#!/bin/sh
# Learned rewards of one seed on the tables: distances to the truth, and fresh policies that are trained on them. From a clone, some
# 25 minutes of one core:  sh experiments/small-tasks/rewards.sh runs/small-rewards
set -e
export TANDEM_IQ_LEARN=1
out=$1
tandem="node src/cli/main.ts"
taught="ml-irl ml-irl-nested dac airl f-irl-fkl f-irl-rkl f-irl-js"
only=""
for task in GridWorld ObjectWorld; do for method in $taught iq-learn mce-irl; do for set in 0 1 2; do
  only="$only --only $task/$method/$set-1"
done; done; done
$tandem bench small --out "$out" $only
for task in GridWorld ObjectWorld; do for set in 0 1 2; do
  others=""
  for method in ml-irl-nested dac airl f-irl-fkl f-irl-rkl f-irl-js iq-learn mce-irl; do others="$others $out/$task/$method/$set-1"; done
  $tandem reward "$out/$task/ml-irl/$set-1" --against $others --json | sed "s#$out/##g"
done; done > "$out/rewards.jsonl"
for task in GridWorld ObjectWorld; do for method in $taught; do for set in 0 1 2; do
  $tandem retrain "$out/$task/$method/$set-1" --out "$out/retrained/$task/$method/$set" --json |
    sed "s#^{#{\"of\":\"$task/$method/$set-1\",#"
done; done; done > "$out/retrained.jsonl"
