"""Writes test/eval/rliable.golden.json: aggregate scores, profiles and bootstrap intervals of rliable.

    pip install rliable==1.2.0 arch==7.2.0 "pandas<3" numpy scipy
    python scripts/rliable-golden.py test/eval

Scores are written `scores[task][run]`, the transpose of rliable's. Intervals of another bootstrap cannot be equal. An
empirical p-quantile of B resamples lies, but for rounding, where the true distribution function is p with a standard
deviation of sqrt(p (1 - p) / B); so beside the intervals at LEVEL stand rliable's from the same resamples at a level
wider and one narrower by Z such deviations of both bootstraps. A correct bound lies between theirs.
"""

import json
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from rliable import library, metrics

LEVEL = 0.95
RESAMPLES = 10_000
# Those of the bootstrap that is to be compared.
COMPARED_RESAMPLES = 4000
# Some 300 bounds are compared: all lie within 4.5 deviations with a probability of 0.998.
Z = 4.5
TAIL = (1 - LEVEL) / 2
SLACK = Z * np.sqrt(TAIL * (1 - TAIL) * (1 / RESAMPLES + 1 / COMPARED_RESAMPLES)) + 1 / COMPARED_RESAMPLES
LEVELS = {"wide": LEVEL + 2 * SLACK, "at": LEVEL, "narrow": LEVEL - 2 * SLACK}
SEED = 2108
THRESHOLDS = [-1, -0.25, 0, 0.25, 0.5, 0.75, 1, 2]


def aggregates(scores):
    return np.array(
        [
            metrics.aggregate_iqm(scores),
            metrics.aggregate_mean(scores),
            metrics.aggregate_median(scores),
            metrics.aggregate_optimality_gap(scores),
            metrics.aggregate_optimality_gap(scores, gamma=0.5),
            *library.score_distributions(scores, THRESHOLDS),
            *library.average_score_distributions(scores, THRESHOLDS),
        ]
    )


def improvement(first, second):
    return np.array([metrics.probability_of_improvement(first, second)])


def estimated(statistics, bootstrap, *scores):
    # rliable draws from numpy's global generator, whatever random_state it is given.
    np.random.seed(SEED)
    intervals = {}
    for name, size in LEVELS.items():
        kept = bool(intervals)
        low, high = bootstrap.conf_int(statistics, RESAMPLES, method="percentile", size=size, reuse=kept)
        intervals[name] = {"low": low.tolist(), "high": high.tolist()}
    return {"estimates": statistics(*scores).tolist(), "intervals": intervals}


def sample(name, scores):
    golden = estimated(aggregates, library.StratifiedBootstrap(scores), scores)
    print(f"{name}: {scores.shape}")
    return {"name": name, "scores": scores.T.tolist(), **golden}


def pair(name, first, second):
    bootstrap = library.StratifiedIndependentBootstrap(first, second)
    golden = estimated(improvement, bootstrap, first, second)
    print(f"{name}: {first.shape}, {second.shape}")
    return {"name": name, "first": first.T.tolist(), "second": second.T.tolist(), **golden}


random = np.random.default_rng(SEED)
normal = random.normal(0.3, 0.8, (5, 3)).round(4)
better = random.normal(0.6, 0.5, (9, 3)).round(4)
ties = random.integers(-2, 6, (8, 4)) / 4
other_ties = random.integers(-1, 7, (6, 4)) / 4
skewed = (random.exponential(0.7, (7, 6)) ** 2 - 0.4).round(4)
single = random.normal(0.5, 0.3, (3, 1)).round(4)
# A run that is good on one task is good on all, which a resample of each task by itself must not keep.
common = (random.normal(0, 0.5, (10, 1)) + np.linspace(-1, 2, 5) + random.normal(0, 0.1, (10, 5))).round(4)
follows = (common + random.normal(0.1, 0.2, common.shape)).round(4)

golden = {
    "source": {
        "what": "rliable's point estimates and 95 % percentile intervals of its stratified bootstrap",
        "script": "python scripts/rliable-golden.py test/eval",
        "rliable": version("rliable"),
        "arch": version("arch"),
        "numpy": np.__version__,
        "scipy": version("scipy"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "seed": SEED,
        "resamples": RESAMPLES,
        "comparedResamples": COMPARED_RESAMPLES,
        "levels": LEVELS,
    },
    "statistics": "interquartile mean, mean, median, optimality gap, that at 0.5, profile, profile of average scores",
    "thresholds": THRESHOLDS,
    "samples": [
        sample("normal", normal),
        sample("ties", ties),
        sample("skewed", skewed),
        sample("one task", single),
        sample("runs alike on all tasks", common),
    ],
    "pairs": [
        pair("different numbers of runs", normal, better),
        pair("ties", ties, other_ties),
        pair("runs alike on all tasks", common, follows),
        pair("the same scores", single, single),
    ],
}
path = Path(sys.argv[1]) / "rliable.golden.json"
path.write_text(json.dumps(golden) + "\n")
prettier = Path(__file__).resolve().parent.parent / "node_modules" / ".bin" / "prettier"
subprocess.run([prettier, "--log-level", "warn", "--write", path], check=True)
print(f"wrote {path}")
