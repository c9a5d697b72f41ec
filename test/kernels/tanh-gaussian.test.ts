import { expect, it } from "vitest";
import { U, bits, describeBuilds, normals, upload } from "./builds.ts";

const [LOW, HIGH] = [-5, 2];
const SHAPES: [number, number][] = [
  [1, 1],
  [3, 2],
  [4, 3],
  [2, 4],
  [5, 5],
  [7, 6],
  [3, 8],
  [2, 17],
];

/** One dimension in float64: what is returned and saved. */
function forward(mean: number, raw: number, noise: number): { u: number; action: number; logProb: number } {
  const logStd = Math.min(Math.max(raw, LOW), HIGH);
  const u = mean + Math.exp(logStd) * noise;
  const squash = 2 * (Math.LN2 - u - softplus(-2 * u));
  return {
    u,
    action: Math.tanh(u),
    logProb: -(noise ** 2) / 2 - logStd - Math.log(2 * Math.PI) / 2 - squash,
  };
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

describeBuilds("tanh-Gaussian head", (kernels) => {
  /** Heads with some log std beyond both clamps. */
  const problem = (batch: number, d: number) => {
    const head = normals(batch + 10 * d, 2 * batch * d).map((value, index) =>
      Math.floor(index / d) % 2 ? 3 * value - 1 : value,
    );
    const noise = normals(batch + 10 * d + 1, batch * d);
    const ld = d + 3;
    return {
      head,
      noise,
      ld,
      pointers: {
        head: upload(kernels, head),
        noise: upload(kernels, noise),
        pre: kernels.allocate(batch * d + 1),
        out: kernels.allocate(batch * ld),
        logProb: kernels.allocate(batch + 1),
        dHead: kernels.allocate(2 * batch * d + 1),
      },
    };
  };

  it.each(SHAPES)("batch %i, actions %i: action, pre-activation and log density", (batch, d) => {
    const { head, noise, ld, pointers } = problem(batch, d);
    kernels.f32(pointers.out, batch * ld).fill(-77);
    kernels.tanhGaussianForward(
      batch,
      d,
      pointers.head,
      pointers.noise,
      LOW,
      HIGH,
      pointers.pre,
      pointers.out,
      ld,
      pointers.logProb,
    );
    for (let i = 0; i < batch; i++) {
      let logProb = 0;
      let size = 0;
      for (let j = 0; j < d; j++) {
        const expected = forward(head[2 * i * d + j], head[(2 * i + 1) * d + j], noise[i * d + j]);
        const scale = 1 + Math.abs(expected.u);
        expect(Math.abs(kernels.f32(pointers.pre, batch * d)[i * d + j] - expected.u)).toBeLessThanOrEqual(
          5 * U * scale,
        );
        expect(
          Math.abs(kernels.f32(pointers.out, batch * ld)[i * ld + j] - expected.action),
        ).toBeLessThanOrEqual(10 * U * scale);
        logProb += expected.logProb;
        size += 8 + 8 * scale + noise[i * d + j] ** 2;
      }
      expect(Math.abs(kernels.f32(pointers.logProb, batch)[i] - logProb)).toBeLessThanOrEqual(8 * U * size);
      expect([...kernels.f32(pointers.out + 4 * (i * ld + d), 3)]).toEqual([-77, -77, -77]);
    }
    expect(kernels.f32(pointers.logProb, batch + 1)[batch]).toBe(0);
    expect(kernels.f32(pointers.pre, batch * d + 1)[batch * d]).toBe(0);
  });

  it.each(SHAPES)("batch %i, actions %i: gradient against central differences", (batch, d) => {
    const { head, noise, ld, pointers } = problem(batch, d);
    const dAction = normals(99, batch * ld);
    const dActions = upload(kernels, dAction);
    kernels.tanhGaussianForward(
      batch,
      d,
      pointers.head,
      pointers.noise,
      LOW,
      HIGH,
      pointers.pre,
      pointers.out,
      ld,
      pointers.logProb,
    );
    for (const weight of [0, 0.2, -1.5]) {
      kernels.tanhGaussianBackward(
        batch,
        d,
        pointers.head,
        pointers.noise,
        LOW,
        HIGH,
        pointers.pre,
        weight,
        dActions,
        ld,
        pointers.dHead,
      );
      const got = kernels.f32(pointers.dHead, 2 * batch * d + 1);
      for (let i = 0; i < batch; i++) {
        for (let j = 0; j < d; j++) {
          const [mean, raw, e] = [head[2 * i * d + j], head[(2 * i + 1) * d + j], noise[i * d + j]];
          const objective = (m: number, r: number): number => {
            const { action, logProb } = forward(m, r, e);
            return Math.fround(weight) * logProb + dAction[i * ld + j] * action;
          };
          const step = 1e-5;
          const dMean = (objective(mean + step, raw) - objective(mean - step, raw)) / (2 * step);
          const dRaw = (objective(mean, raw + step) - objective(mean, raw - step)) / (2 * step);
          // Truncation step^2 f''' and cancellation eps / step of the difference; float32 roundings scaled by std |noise|.
          const reach = 1 + Math.exp(Math.min(raw, HIGH)) * Math.abs(e);
          const tolerance =
            1e-8 * reach ** 3 +
            40 * U * reach * (1 + Math.abs(mean)) * (Math.abs(weight) + Math.abs(dAction[i * ld + j]));
          expect(Math.abs(got[2 * i * d + j] - dMean)).toBeLessThanOrEqual(tolerance);
          expect(Math.abs(got[(2 * i + 1) * d + j] - dRaw)).toBeLessThanOrEqual(tolerance);
          if (raw < LOW || raw > HIGH) expect(got[(2 * i + 1) * d + j]).toBe(0);
        }
      }
      expect(got[2 * batch * d]).toBe(0);
    }
  });

  it("clamps with gradient at the clamp itself and none beyond", () => {
    const raws = [LOW, HIGH, LOW - 0.001, HIGH + 0.001];
    const head = upload(kernels, [0.1, 0.2, 0.3, 0.4, ...raws]);
    const noise = upload(kernels, [1, 1, 1, 1]);
    const [pre, out, logProb, dHead] = [4, 4, 1, 8].map((count) => kernels.allocate(count)) as [
      number,
      number,
      number,
      number,
    ];
    kernels.tanhGaussianForward(1, 4, head, noise, LOW, HIGH, pre, out, 4, logProb);
    kernels.tanhGaussianBackward(
      1,
      4,
      head,
      noise,
      LOW,
      HIGH,
      pre,
      1,
      upload(kernels, [0, 0, 0, 0]),
      4,
      dHead,
    );
    expect([...kernels.f32(dHead + 16, 4)].map((value) => value !== 0)).toEqual([true, true, false, false]);
  });

  it("stays finite where tanh is 1 to the last bit", () => {
    for (const mean of [-1000, -50, 50, 1000]) {
      const [head, noise] = [upload(kernels, [mean, 0]), upload(kernels, [0.5])];
      const [pre, out, logProb, dHead] = [1, 1, 1, 2].map((count) => kernels.allocate(count)) as [
        number,
        number,
        number,
        number,
      ];
      kernels.tanhGaussianForward(1, 1, head, noise, LOW, HIGH, pre, out, 1, logProb);
      kernels.tanhGaussianBackward(1, 1, head, noise, LOW, HIGH, pre, 1, upload(kernels, [1]), 1, dHead);
      expect(kernels.f32(out, 1)[0]).toBe(Math.sign(mean));
      const expected = forward(mean, 0, 0.5).logProb;
      expect(Math.abs(kernels.f32(logProb, 1)[0] - expected)).toBeLessThanOrEqual(8 * U * Math.abs(expected));
      expect([...kernels.f32(dHead, 2)]).toEqual([2 * Math.sign(mean), Math.sign(mean) - 1]);
    }
  });

  it.each(SHAPES)("batch %i, actions %i: the mode is tanh of the mean", (batch, d) => {
    const { head, ld, pointers } = problem(batch, d);
    kernels.f32(pointers.out, batch * ld).fill(-77);
    kernels.tanhGaussianMode(batch, d, pointers.head, pointers.out, ld);
    const tanh = kernels.allocate(2 * batch * d);
    kernels.tanhVector(2 * batch * d, pointers.head, tanh);
    for (let i = 0; i < batch; i++) {
      expect(bits(kernels.f32(pointers.out + 4 * i * ld, d))).toEqual(bits(kernels.f32(tanh + 8 * i * d, d)));
      expect([...kernels.f32(pointers.out + 4 * (i * ld + d), 3)]).toEqual([-77, -77, -77]);
    }
    expect(Math.abs(kernels.f32(tanh, 1)[0] - Math.tanh(head[0]))).toBeLessThanOrEqual(5 * U);
  });
});
