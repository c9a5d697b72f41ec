"""Writes test/envs/classic-control.golden.json: rollouts of Gymnasium's classic-control tasks in float64.

    pip install gymnasium==1.4.0 numpy
    python scripts/classic-control-golden.py test/envs

A rollout starts in a set state, under the time limit that `gymnasium.make` puts around the task, and ends where that
says terminated or truncated.
"""

import json
import platform
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np

# How each of our options is said to Gymnasium: an argument of make, or an attribute of the task.
ARGUMENTS = {
    "suttonBartoReward": "sutton_barto_reward",
    "goalVelocity": "goal_velocity",
    "maxEpisodeSteps": "max_episode_steps",
}
ATTRIBUTES = {
    "semiImplicit": lambda value: ("kinematics_integrator", "semi-implicit euler" if value else "euler"),
    "bookDynamics": lambda value: ("book_or_nips", "book" if value else "nips"),
}


def trace(env_id, state, actions, **options):
    arguments = {ARGUMENTS[name]: value for name, value in options.items() if name in ARGUMENTS}
    env = gymnasium.make(env_id, disable_env_checker=True, **arguments)
    env.reset(seed=0)
    task = env.unwrapped
    for name, value in options.items():
        if name in ATTRIBUTES:
            setattr(task, *ATTRIBUTES[name](value))
    task.state = np.array(state, dtype=np.float64)
    rows = {"state": [], "observation": [], "reward": [], "terminated": [], "truncated": []}
    for action in actions:
        observation, reward, terminated, truncated, _ = env.step(int(action))
        rows["state"].append([float(x) for x in task.state])
        rows["observation"].append([float(x) for x in observation])
        rows["reward"].append(float(reward))
        rows["terminated"].append(bool(terminated))
        rows["truncated"].append(bool(truncated))
        if terminated or truncated:
            break
    taken = [int(a) for a in actions[: len(rows["reward"])]]
    return {"env": env_id, "options": options, "start": list(state), "actions": taken, **rows}


random = np.random.default_rng(1)
swing = [int(a) for a in np.where(np.sin(np.arange(160) * 0.16) > 0, 2, 0)]
traces = [
    trace("CartPole-v1", [0.01, -0.02, 0.03, 0.04], random.integers(0, 2, 60)),
    trace("CartPole-v1", [-1.0, 0.5, -0.05, -0.4], [0, 1] * 40),
    trace("CartPole-v1", [2.2, 1.5, 0.0, 0.1], [1, 0] * 10),
    trace("CartPole-v1", [0.0, 0.0, 0.02, 0.0], [1] * 20, suttonBartoReward=True),
    trace("CartPole-v1", [0.0, 0.0, -0.02, 0.1], [1, 0, 0] * 20, semiImplicit=True),
    trace("CartPole-v0", [0.0, 0.0, 0.0, 0.0], [0, 1, 1, 0] * 50),
    trace("CartPole-v1", [0.0, 0.0, 0.0, 0.0], [0, 1, 1, 0], maxEpisodeSteps=3),
    trace("Acrobot-v1", [0.05, -0.03, 0.02, -0.01], random.integers(0, 3, 60)),
    trace("Acrobot-v1", [3.0, -3.0, 9.0, 20.0], random.integers(0, 3, 40)),
    # Both velocities at their bounds for most of the time.
    trace("Acrobot-v1", [0.48, 0.51, -0.84, -22.19], np.random.default_rng(48).integers(0, 3, 40)),
    trace("Acrobot-v1", [0.4, 0.3, -3.0, 4.0], random.integers(0, 3, 30), bookDynamics=False),
    trace("Acrobot-v1", [0.0, 0.0, 0.0, 0.0], [1] * 4, maxEpisodeSteps=4),
    trace("MountainCar-v0", [-0.5, 0.0], swing),
    trace("MountainCar-v0", [-1.1, -0.06], [0] * 10 + [2] * 90),
    # Down at the largest speed, either way.
    trace("MountainCar-v0", [0.3, -0.069], [0] * 20),
    trace("MountainCar-v0", [-1.1, 0.069], [2] * 30, goalVelocity=0.08),
    trace("MountainCar-v0", [0.42, 0.05], [2] * 10, goalVelocity=0.06),
    trace("MountainCar-v0", [-0.5, 0.0], [1] * 200),
]
source = {
    "what": "rollouts from set states, float64, each to its end or the end of its actions",
    "script": "python scripts/classic-control-golden.py test/envs",
    "gymnasium": gymnasium.__version__,
    "numpy": np.__version__,
    "python": platform.python_version(),
    "machine": platform.machine(),
}
path = Path(sys.argv[1]) / "classic-control.golden.json"
path.write_text(json.dumps({"source": source, "traces": traces}) + "\n")
prettier = Path(__file__).resolve().parent.parent / "node_modules" / ".bin" / "prettier"
subprocess.run([prettier, "--log-level", "warn", "--write", path], check=True)
print(f"wrote {path}: {[len(one['reward']) for one in traces]} steps")
