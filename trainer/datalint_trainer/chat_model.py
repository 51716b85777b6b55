"""A causal language model of a million weights: small enough to be fine-tuned ten times on one CPU core.

A decoder as in Vaswani et al. 2017, with rotary positions (Su et al. 2021), RMS norms before each layer (Zhang and
Sennrich 2019), squared ReLU (So et al. 2021) and tied embeddings. Each layer also sees the token before, which gives a
model of few layers what copying from the prompt needs (Olsson et al. 2022, "In-context Learning and Induction Heads").
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad, relu, scaled_dot_product_attention

ROTARY_BASE = 1_000.0


@dataclass(frozen=True)
class Shape:
    """Sizes of a model: tokens that it knows, tokens that it sees at once, width, layers, heads."""

    vocabulary: int
    window: int = 256
    width: int = 128
    layers: int = 3
    heads: int = 4


class Layer(nn.Module):  # type: ignore[misc,unused-ignore]
    """Attention and a feed-forward part, each added to what came in."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.attention_norm = nn.RMSNorm(width)
        self.before = nn.Parameter(torch.zeros(width))
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.feed_norm = nn.RMSNorm(width)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, wanted: Tensor | None = None) -> Tensor:
        """One layer over (rows, length, width); with `wanted`, bool (rows, length), only of those: (tokens, width)."""
        rows, length, width = x.shape
        y = self.attention_norm(x)
        y = y + self.before * pad(y, (0, 0, 1, -1))
        q, k, v = self.qkv(y).view(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = scaled_dot_product_attention(_turned(q, cosine, sine), _turned(k, cosine, sine), v, is_causal=True)
        seen = seen.transpose(1, 2).reshape(rows, length, width)
        if wanted is not None:
            x, seen = x[wanted], seen[wanted]
        x = x + self.out(seen)
        return x + self.down(relu(self.up(self.feed_norm(x))).square())


class ChatModel(nn.Module):  # type: ignore[misc,unused-ignore]
    """The whole model. Fresh weights are drawn from torch's global generator."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width)
        half = torch.arange(0, shape.width // shape.heads, 2) * shape.heads / shape.width
        angles = torch.arange(shape.window)[:, None] / ROTARY_BASE**half
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)
        nn.init.normal_(self.embedding.weight, std=0.02)
        for layer in self.layers:
            nn.init.zeros_(layer.out.weight)
            nn.init.zeros_(layer.down.weight)

    def losses(self, ids: Tensor, trained: Tensor) -> Tensor:
        """Loss of each next token in nats, (rows, length - 1), zero where it is not trained.

        - ids: int64 (rows, length), at most `window` long, padded on the right with any token.
        - trained: bool (rows, length).
        """
        predicted = trained[:, 1:]
        x = self.embedding(ids[:, :-1])
        cosine, sine = self.cosine[: x.shape[1]], self.sine[: x.shape[1]]
        *first, last = self.layers
        for layer in first:
            x = layer(x, cosine, sine)
        # From here on only trained tokens count, and the logits are a third of the work.
        logits = self.norm(last(x, cosine, sine, predicted)) @ self.embedding.weight.T
        found = cross_entropy(logits, ids[:, 1:][predicted], reduction="none")
        return torch.zeros(predicted.shape, device=ids.device).masked_scatter(predicted, found)


def _turned(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cosine - b * sine, a * sine + b * cosine], dim=-1)
