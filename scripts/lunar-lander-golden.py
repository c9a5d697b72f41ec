"""Writes test/envs/lunar-lander.golden.json: rollouts of Gymnasium's LunarLander-v3 with every random draw written out.

    pip install gymnasium==1.3.0 box2d==2.3.10 pygame numpy
    python scripts/lunar-lander-golden.py test/envs

The draws are handed to the task in place of its generator's, rounded so that the file stays short. A rollout ends where
the task says terminated, or after the actions given.
"""

import json
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import gymnasium
import numpy as np
from gymnasium.envs.box2d.lunar_lander import heuristic

ARGUMENTS = {
    "gravity": "gravity",
    "enableWind": "enable_wind",
    "windPower": "wind_power",
    "turbulencePower": "turbulence_power",
}


class WrittenDraws:
    """A generator whose draws have three decimals and are kept. `push` is what the first force is to be."""

    def __init__(self, seed, push, wind):
        self.generator = np.random.default_rng(seed)
        self.push = list(push)
        self.wind = list(wind)
        self.terrain = []
        self.dispersion = []

    def uniform(self, low, high, size=None):
        if size is not None:
            self.terrain = [round(float(x), 3) for x in self.generator.uniform(low, high, size)]
            return np.array(self.terrain)
        if high == 1000.0:
            return self.push.pop(0)
        self.dispersion.append(round(float(self.generator.uniform(low, high)), 3))
        return self.dispersion[-1]

    def integers(self, low, high):
        return self.wind.pop(0)


def trace(what, seed, push, policy, steps, wind=(), **options):
    arguments = {ARGUMENTS[name]: value for name, value in options.items()}
    task = gymnasium.make("LunarLander-v3", disable_env_checker=True, **arguments).unwrapped
    draws = WrittenDraws(seed, push, wind)
    task._np_random = draws
    observation, _ = task.reset()
    rows = {"observation": [], "reward": [], "terminated": []}
    start = [float(str(x)) for x in observation]
    actions = []
    for t in range(steps):
        actions.append(int(policy(task, observation, t)))
        observation, reward, terminated, _, _ = task.step(actions[-1])
        rows["observation"].append([float(str(x)) for x in observation])
        rows["reward"].append(round(float(reward), 9))
        rows["terminated"].append(bool(terminated))
        if terminated:
            break
    # The wind's starts lie between push and dispersion; without wind none are drawn.
    drawn = {"terrain": draws.terrain, "push": list(push), **({"wind": list(wind)} if wind else {})}
    return {
        "what": what,
        "options": options,
        "drawn": {**drawn, "dispersion": draws.dispersion},
        "actions": actions,
        "start": start,
        **rows,
    }


def land(task, observation, t):
    return heuristic(task, observation)


def script(*actions):
    return lambda task, observation, t: actions[t % len(actions)]


traces = [
    trace("lands and comes to rest", 1, (-120.5, 310.25), land, 600),
    trace("falls sideways onto uneven ground", 2, (620.0, -450.5), script(0), 200),
    trace("spins by the left engine", 3, (50.0, -700.0), script(1, 1, 1, 2), 120),
    trace("flies out at the side", 6, (-990.0, 900.0), script(2, 2, 0), 150),
    trace("weak gravity, all engines", 4, (-300.0, -900.0), script(3, 2, 0, 1, 3), 120, gravity=-3.5),
    trace(
        "bounces in wind and lands",
        20,
        (-200.0, 100.0),
        land,
        300,
        wind=(-1234, 4321),
        enableWind=True,
        windPower=9.0,
        turbulencePower=0.8,
    ),
]

source = {
    "what": "rollouts of LunarLander-v3 with every random draw written out, each to its end or the end of its actions",
    "script": "python scripts/lunar-lander-golden.py test/envs",
    "gymnasium": gymnasium.__version__,
    "box2d": version("box2d"),
    "numpy": np.__version__,
    "python": platform.python_version(),
    "machine": platform.machine(),
}
path = Path(sys.argv[1]) / "lunar-lander.golden.json"
path.write_text(json.dumps({"source": source, "traces": traces}) + "\n")
prettier = Path(__file__).resolve().parent.parent / "node_modules" / ".bin" / "prettier"
subprocess.run([prettier, "--log-level", "warn", "--write", path], check=True)
print(f"wrote {path}: {[len(one['reward']) for one in traces]} steps")
