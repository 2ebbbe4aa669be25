"""Muon for the weight matrices and AdamW for everything else, on one warm-up/decay schedule. Used by both trainings.

Muon steps along the orthogonalised momentum of a matrix (Newton-Schulz iteration, Jordan et al. 2024). For models
this small it needs several times fewer steps than AdamW alone.
"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MOMENTUM = 0.95
WEIGHT_DECAY = 0.05
WARM_UP_STEPS = 60
DECAY_SHARE = 0.45
FLOOR = 0.01


def schedule(step: int, steps: int, decay_share: float = DECAY_SHARE) -> float:
    """Factor for every learning rate at `step` of `steps`: linear warm-up, plateau, and a linear decay over the
    last `decay_share` of the steps (0 for none)."""
    rise = (step + 1) / WARM_UP_STEPS
    fall = (steps - step) / (decay_share * steps) if decay_share else 1.0
    return max(min(1.0, rise, fall), FLOOR)


def orthogonalise(batch: Tensor) -> Tensor:
    """Pushes the singular values of each matrix in `batch` (n, rows, columns) towards one."""
    first, second, third = COEFFICIENTS
    tall = batch.shape[1] > batch.shape[2]
    matrix = batch.transpose(1, 2) if tall else batch
    matrix = matrix / (matrix.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        gram = matrix @ matrix.transpose(1, 2)
        matrix = first * matrix + (second * gram + third * gram @ gram) @ matrix
    return matrix.transpose(1, 2) if tall else matrix


class Optimiser:
    """One `step` of both parts. Embeddings, biases, norms and convolutions go to AdamW, matrices to Muon."""

    def __init__(self, modules: Iterable[nn.Module], matrix_rate: float, other_rate: float) -> None:
        named = {
            parameter: name
            for module in modules
            for name, parameter in module.named_parameters()
            if parameter.requires_grad
        }
        matrices = [
            parameter
            for parameter, name in named.items()
            if parameter.ndim == 2 and "embed" not in name and "head" not in name and "proj_out" not in name
        ]
        chosen = {id(parameter) for parameter in matrices}
        self._others = [parameter for parameter in named if id(parameter) not in chosen]
        self._groups: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
        for parameter in matrices:
            self._groups[tuple(parameter.shape)].append(parameter)
        self._momenta = {shape: torch.zeros(len(group), *shape) for shape, group in self._groups.items()}
        self._adam = torch.optim.AdamW(self._others, lr=1.0, betas=(0.9, 0.98), weight_decay=0.0)
        self._matrix_rate, self._other_rate = matrix_rate, other_rate

    def step(self, factor: float) -> None:
        """Applies the gradients at `factor` times the base rates, then clears them."""
        nn.utils.clip_grad_norm_(self._others, 1.0)
        for group in self._adam.param_groups:
            group["lr"] = self._other_rate * factor
        self._adam.step()
        self._adam.zero_grad()
        with torch.no_grad():
            for shape, group_parameters in self._groups.items():
                self._step_matrices(group_parameters, self._momenta[shape], self._matrix_rate * factor)

    @staticmethod
    def _step_matrices(parameters: list[nn.Parameter], momentum: Tensor, rate: float) -> None:
        gradient = torch.stack([_gradient(parameter) for parameter in parameters])
        momentum.mul_(MOMENTUM).add_(gradient)
        direction = orthogonalise(gradient.add(momentum, alpha=MOMENTUM))
        rows, columns = direction.shape[1:]
        scale = rate * max(1.0, rows / columns) ** 0.5
        for parameter, update in zip(parameters, direction, strict=True):
            parameter.mul_(1 - rate * WEIGHT_DECAY).add_(update, alpha=-scale)
            parameter.grad = None


def _gradient(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
