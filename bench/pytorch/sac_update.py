"""One soft actor-critic update in PyTorch, for comparison with bench/sac-update.ts.

The algorithm and the shapes are those of src/rl/sac.ts: twin critics with targets, a tanh-Gaussian policy, learnt
temperature, Adam, batches drawn uniformly from 100 000 transitions with 17 observation and 6 action coordinates, and a
reward that is either recorded or the two-layer network with 1024 units. Two styles:

common  what public PyTorch code does: NumPy replay, torch.distributions, one optimiser step and one target copy per
        parameter tensor. As there, the actor's loss also leaves (unused) gradients in the critics.
tuned   the same networks and losses with what PyTorch offers against overhead: fused Adam, foreach target averaging,
        replay in one tensor, the policy's density written out, critics frozen under the actor's loss. No torch.compile.

    python sac_update.py [--hidden 256,256] [--batch 256] [--reward recorded] [--rounds 20]
        prints the median milliseconds of an update for both styles on 1 and 2 threads, as JSON
    python sac_update.py --serve
        answers requests, one JSON object a line (see client.ts)
"""

import argparse
import json
import math
import statistics
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal

N, D, TRANSITIONS, REWARD_WIDTH = 17, 6, 100_000, 1024
DISCOUNT, LEARNING_RATE, POLYAK = 0.99, 3e-4, 0.005
LOG_STD_LOW, LOG_STD_HIGH = -20, 2
WARM_UP_UPDATES = 20


def mlp(sizes):
    layers = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class TwoLayerReward(nn.Module):
    """m^(-1/2) sum_j b_j relu(W_j . x), x the standardised pair beside 1, scaled to unit norm."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(N + D))
        self.register_buffer("inverse_std", torch.ones(N + D))
        self.register_buffer("signs", torch.randint(0, 2, (REWARD_WIDTH,)) * 2.0 - 1.0)
        self.weight = nn.Parameter(torch.randn(REWARD_WIDTH, N + D + 1) / math.sqrt(N + D + 1))

    def forward(self, pair):
        x = F.normalize(F.pad((pair - self.mean) * self.inverse_std, (0, 1), value=1.0), dim=1)
        return F.relu(F.linear(x, self.weight)) @ self.signs / math.sqrt(REWARD_WIDTH)


class CommonReplay:
    def __init__(self, rng):
        self.observations = rng.standard_normal((TRANSITIONS, N), dtype=np.float32)
        self.actions = rng.uniform(-1, 1, (TRANSITIONS, D)).astype(np.float32)
        self.next_observations = rng.standard_normal((TRANSITIONS, N), dtype=np.float32)
        self.rewards = rng.standard_normal((TRANSITIONS, 1), dtype=np.float32)
        self.terminated = (rng.random((TRANSITIONS, 1)) < 0.01).astype(np.float32)

    def draw(self, batch):
        rows = np.random.randint(0, TRANSITIONS, size=batch)
        columns = (self.observations, self.actions, self.next_observations, self.rewards, self.terminated)
        return tuple(torch.as_tensor(column[rows]) for column in columns)


class TunedReplay:
    def __init__(self, common):
        columns = (common.observations, common.actions, common.next_observations, common.rewards, common.terminated)
        self.rows = torch.as_tensor(np.concatenate(columns, axis=1))

    def draw(self, batch):
        rows = self.rows.index_select(0, torch.randint(TRANSITIONS, (batch,)))
        return rows.split((N, D, N, 1, 1), dim=1)


class CommonSac:
    def __init__(self, replay, hidden, batch, reward):
        self.replay, self.batch = replay, batch
        self.reward = TwoLayerReward() if reward == "learned" else None
        self.actor = mlp([N, *hidden, 2 * D])
        self.critics = nn.ModuleList(mlp([N + D, *hidden, 1]) for _ in range(2))
        self.targets = nn.ModuleList(mlp([N + D, *hidden, 1]) for _ in range(2))
        self.targets.load_state_dict(self.critics.state_dict())
        self.targets.requires_grad_(False)
        self.log_temperature = torch.zeros(1, requires_grad=True)
        self.target_entropy = -float(D)
        self.actor_optimiser = self.adam(self.actor.parameters())
        self.critic_optimiser = self.adam(self.critics.parameters())
        self.temperature_optimiser = self.adam([self.log_temperature])

    def adam(self, parameters):
        return torch.optim.Adam(parameters, lr=LEARNING_RATE)

    def sample(self, observation):
        mean, log_std = self.actor(observation).chunk(2, dim=1)
        normal = Normal(mean, log_std.clamp(LOG_STD_LOW, LOG_STD_HIGH).exp())
        u = normal.rsample()
        log_prob = normal.log_prob(u) - 2 * (math.log(2) - u - F.softplus(-2 * u))
        return torch.tanh(u), log_prob.sum(dim=1, keepdim=True)

    def update(self):
        observation, action, next_observation, recorded, terminated = self.replay.draw(self.batch)
        temperature = self.log_temperature.exp().detach()
        pair = torch.cat([observation, action], dim=1)
        with torch.no_grad():
            reward = recorded if self.reward is None else self.reward(pair).unsqueeze(1)
            next_action, next_log_prob = self.sample(next_observation)
            next_pair = torch.cat([next_observation, next_action], dim=1)
            next_q = torch.min(*[target(next_pair) for target in self.targets])
            y = reward + DISCOUNT * (1 - terminated) * (next_q - temperature * next_log_prob)

        critic_loss = sum(F.mse_loss(critic(pair), y) for critic in self.critics)
        self.critic_optimiser.zero_grad()
        critic_loss.backward()
        self.critic_optimiser.step()

        log_prob = self.update_actor(observation, temperature)

        temperature_loss = -(self.log_temperature * (log_prob.detach() + self.target_entropy)).mean()
        self.temperature_optimiser.zero_grad()
        temperature_loss.backward()
        self.temperature_optimiser.step()
        self.average_targets()

    def update_actor(self, observation, temperature):
        action, log_prob = self.sample(observation)
        pair = torch.cat([observation, action], dim=1)
        q = torch.min(*[critic(pair) for critic in self.critics])
        actor_loss = (temperature * log_prob - q).mean()
        self.actor_optimiser.zero_grad()
        actor_loss.backward()
        self.actor_optimiser.step()
        return log_prob

    def average_targets(self):
        with torch.no_grad():
            for target, online in zip(self.targets.parameters(), self.critics.parameters()):
                target.mul_(1 - POLYAK).add_(online, alpha=POLYAK)


class TunedSac(CommonSac):
    def adam(self, parameters):
        return torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True)

    def sample(self, observation):
        mean, log_std = self.actor(observation).chunk(2, dim=1)
        log_std = log_std.clamp(LOG_STD_LOW, LOG_STD_HIGH)
        noise = torch.randn_like(mean)
        u = torch.addcmul(mean, log_std.exp(), noise)
        terms = noise.square().mul_(-0.5) - log_std - 2 * (math.log(2) - u - F.softplus(-2 * u))
        return torch.tanh(u), terms.sum(dim=1, keepdim=True) - 0.5 * D * math.log(2 * math.pi)

    def update_actor(self, observation, temperature):
        self.critics.requires_grad_(False)
        log_prob = super().update_actor(observation, temperature)
        self.critics.requires_grad_(True)
        return log_prob

    def average_targets(self):
        with torch.no_grad():
            torch._foreach_lerp_(list(self.targets.parameters()), list(self.critics.parameters()), POLYAK)


class Bench:
    """Learners, made and warmed up when first asked for, and their times."""

    def __init__(self):
        torch.manual_seed(1)
        np.random.seed(1)
        common = CommonReplay(np.random.default_rng(1))
        self.kinds = {"common": (CommonSac, common), "tuned": (TunedSac, TunedReplay(common))}
        self.learners = {}

    def learner(self, style, hidden, batch, reward):
        key = (style, tuple(hidden), batch, reward)
        if key not in self.learners:
            kind, replay = self.kinds[style]
            self.learners[key] = kind(replay, hidden, batch, reward)
            for _ in range(WARM_UP_UPDATES):
                self.learners[key].update()
        return self.learners[key]

    def measure(self, style, threads, hidden, batch, reward, updates, clock="wall"):
        """Seconds of one update, the mean of `updates`."""
        now = {"wall": time.perf_counter, "cpu": time.thread_time}[clock]
        torch.set_num_threads(threads)
        learner = self.learner(style, hidden, batch, reward)
        start = now()
        for _ in range(updates):
            learner.update()
        return (now() - start) / updates


def serve():
    bench = Bench()
    print(json.dumps({"version": torch.__version__}), flush=True)
    for line in sys.stdin:
        print(json.dumps({"seconds": bench.measure(**json.loads(line))}), flush=True)


def main():
    parser = argparse.ArgumentParser(description="Times one soft actor-critic update in PyTorch.")
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--hidden", default="256,256")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--reward", choices=["recorded", "learned"], default="recorded")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    if options.serve:
        return serve()

    bench = Bench()
    hidden = [int(width) for width in options.hidden.split(",")]
    settings = [(style, threads) for threads in (1, 2) for style in ("common", "tuned")]
    times = {setting: [] for setting in settings}
    for _ in range(options.rounds):
        for style, threads in settings:
            times[style, threads].append(bench.measure(style, threads, hidden, options.batch, options.reward, 3))
    rows = [
        {"style": style, "threads": threads, "milliseconds": 1000 * statistics.median(seconds)}
        for (style, threads), seconds in times.items()
    ]
    print(json.dumps({"version": torch.__version__, "hidden": hidden, "batch": options.batch, "updates": rows}))


if __name__ == "__main__":
    main()
