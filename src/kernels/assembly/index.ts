/** The exports of the module: see ../contract.ts for what each one does. */
export { multiplyAddCeiling } from "./ceiling";
export { expVector, logVector, softplusVector, tanhVector } from "./elementary";
export { gemmNN, gemmNT, gemmTN } from "./gemm";
export { arenaStart } from "./memory";
export { adam } from "./optimisers";
export { fillIndices, fillNormal } from "./random";
export { minimumGradient, softTarget, squaredErrorGradient } from "./soft-actor-critic";
export { tanhGaussianBackward, tanhGaussianForward, tanhGaussianMode } from "./tanh-gaussian";
export {
  sparseBegin,
  sparseFinish,
  sparseForward,
  sparseGradient,
  sparseProject,
  sparseRefresh,
  sparseSteps,
  sparseTable,
  sparseTableAscend,
  sparseTableSteps,
} from "./sparse-two-layer";
export { signedRowSums, twoLayerBackward } from "./two-layer";
export {
  axpy,
  columnSums,
  copyRows,
  dot,
  fill,
  gatherRows,
  polyak,
  projectBall,
  scale,
  squaredDistance,
  standardiseRows,
  sum,
} from "./vectors";
