"""Time Gymnasium's environments in the midst of another benchmark: bench/simulation.ts starts this and asks.

    python bench/gymnasium/steps.py --serve

Each line of input is a JSON object {"id", "steps", "clock": "wall" | "cpu"}; the answer is {"seconds"}: of a reset, then
`steps` random steps drawn beforehand, with a reset after each end. Environments are made by `gymnasium.make` as they
come, on one thread, and kept.
"""

import argparse
import json
import sys
import time

import gymnasium
import mujoco
import numpy as np

CLOCKS = {"wall": time.perf_counter, "cpu": time.thread_time}


def measure(env, steps, clock):
    actions = np.array([env.action_space.sample() for _ in range(steps)])
    now = CLOCKS[clock]
    start = now()
    env.reset()
    for action in actions:
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()
    return now() - start


def made(environments, name):
    """The environment of that name, seeded, kept from the first time on."""
    if name not in environments:
        env = gymnasium.make(name)
        env.reset(seed=0)
        env.action_space.seed(0)
        environments[name] = env
    return environments[name]


def serve():
    environments = {}
    print(json.dumps({"gymnasium": gymnasium.__version__, "mujoco": mujoco.__version__}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        seconds = measure(made(environments, request["id"]), request["steps"], request["clock"])
        print(json.dumps({"seconds": seconds}), flush=True)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--serve", action="store_true", required=True, help="answer requests on standard input")
parser.parse_args()
serve()
