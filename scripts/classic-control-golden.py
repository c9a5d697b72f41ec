"""Writes test/envs/classic-control.golden.json: rollouts of Gymnasium's classic-control tasks in float64.

    pip install gymnasium==1.4.0 numpy
    python scripts/classic-control-golden.py > test/envs/classic-control.golden.json
"""

import json
import platform

import gymnasium
import numpy as np


def trace(env_id, state, actions, **options):
    env = gymnasium.make(env_id, **options).unwrapped
    env.reset(seed=0)
    env.state = np.array(state) if env_id.startswith("Acrobot") else tuple(state)
    rows = {"state": [], "observation": [], "reward": [], "terminated": []}
    for action in actions:
        observation, reward, terminated, _, _ = env.step(int(action))
        rows["state"].append([float(x) for x in env.state])
        rows["observation"].append([float(x) for x in observation])
        rows["reward"].append(float(reward))
        rows["terminated"].append(bool(terminated))
        if terminated:
            break
    return {"env": env_id, "options": options, "start": list(state), "actions": [int(a) for a in actions], **rows}


random = np.random.default_rng(1)
swing = [int(a) for a in np.where(np.sin(np.arange(160) * 0.16) > 0, 2, 0)]
traces = [
    trace("CartPole-v1", [0.01, -0.02, 0.03, 0.04], random.integers(0, 2, 60)),
    trace("CartPole-v1", [-1.0, 0.5, -0.05, -0.4], [0, 1] * 40),
    trace("CartPole-v1", [0.0, 0.0, 0.02, 0.0], [1] * 20, sutton_barto_reward=True),
    trace("Acrobot-v1", [0.05, -0.03, 0.02, -0.01], random.integers(0, 3, 60)),
    trace("Acrobot-v1", [3.0, -3.0, 9.0, 20.0], random.integers(0, 3, 40)),
    trace("MountainCar-v0", [-0.5, 0.0], swing),
    trace("MountainCar-v0", [-1.1, -0.06], [0] * 10 + [2] * 90),
]
source = {
    "what": "rollouts from set states, float64",
    "script": "scripts/classic-control-golden.py",
    "gymnasium": gymnasium.__version__,
    "numpy": np.__version__,
    "python": platform.python_version(),
}
print(json.dumps({"source": source, "traces": traces}))
