"""Returns of a plain policy in Gymnasium on native MuJoCo: the other side of scripts/policy-returns.ts.

    python3 native.py POLICY ENV EPISODES [MARGINS]

POLICY is a folder (docs/policies.md); actions are clipped to the bounds. MARGINS multiplies every geom's contact margin:
0.5 is MuJoCo before 3.5, which took the larger of two margins where it now takes their sum. Made with Python 3, gymnasium
1.3.0, mujoco 3.14.0.
"""

import json
import pathlib
import sys
import warnings

import gymnasium
import numpy as np

ACTIVATIONS = {"linear": lambda x: x, "relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}


def read(folder):
    plain = json.loads((folder / "policy.json").read_text())
    data = (folder / "weights.bin").read_bytes()

    def tensor(name):
        shape, offset = plain["tensors"][name]["shape"], plain["tensors"][name]["offset"]
        return np.frombuffer(data, "<f4", int(np.prod(shape)), offset).reshape(shape)

    layers = [(tensor(layer["weight"]), tensor(layer["bias"]), layer["activation"]) for layer in plain["layers"]]
    norm, size, output = plain["obsNorm"], plain["layers"][0]["in"], plain["output"]

    def act(observation):
        x = np.concatenate([observation, np.zeros(size - len(observation))])
        if norm:
            x = (x - np.array(norm["mean"])) / np.array(norm["scale"])
            limit = norm["clip"] or np.inf
            x = np.clip(x, -limit, limit)
        x = x.astype(np.float32)
        for weight, bias, activation in layers:
            x = ACTIVATIONS[activation](weight @ x + bias)
        if output["kind"] == "argmax":
            return int(np.argmax(x))
        x = np.clip(x, -output.get("preClip", np.inf), output.get("preClip", np.inf))
        return np.tanh(x) if output["squash"] == "tanh" else x

    return act


def main():
    folder, env_id, episodes = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    warnings.filterwarnings("ignore")
    act, env = read(folder), gymnasium.make(env_id)
    if len(sys.argv) > 4:
        env.unwrapped.model.geom_margin[:] *= float(sys.argv[4])
    space = env.action_space
    returns, lengths = [], []
    for seed in range(episodes):
        observation, _ = env.reset(seed=seed)
        total, steps, ended = 0.0, 0, False
        while not ended:
            action = act(observation)
            if isinstance(space, gymnasium.spaces.Box):
                action = np.clip(action, space.low, space.high)
            observation, reward, terminated, truncated, _ = env.step(action)
            total, steps, ended = total + reward, steps + 1, terminated or truncated
        returns.append(total)
        lengths.append(steps)
    short = sum(steps < max(lengths) for steps in lengths)
    print(f"{folder.name} in {env_id}: {np.mean(returns):.1f} ± {np.std(returns, ddof=1):.1f}, {short} of {episodes} fell")


main()
