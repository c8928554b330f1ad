"""DeciWatch as the official code arranges it: all frames in the encoder, unseen ones masked.

It shares the weights of a fast model, and nothing of its way of computing: torch's own multi-head
attention, key padding masks over the whole window, zeroed frames, and torch's interpolation.
"""

import torch
from torch import Tensor
from torch.nn import functional

from trainer.models.deciwatch import (
    N_CHANNELS,
    N_HEADS,
    Attention,
    DeciWatch,
    FeedForward,
    position_code,
)


def attend(
    layer: Attention, query: Tensor, key: Tensor, value: Tensor, barred: Tensor, unseen: Tensor
) -> Tensor:
    """Torch's attention, time first, without dropout; True in a mask hides a key."""
    projections = (layer.query, layer.key, layer.value)
    mixed, _ = functional.multi_head_attention_forward(
        query,
        key,
        value,
        N_CHANNELS,
        N_HEADS,
        in_proj_weight=None,
        in_proj_bias=torch.cat([p.bias for p in projections]),
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=layer.out.weight,
        out_proj_bias=layer.out.bias,
        training=False,
        key_padding_mask=unseen,
        attn_mask=barred,
        use_separate_proj_weight=True,
        q_proj_weight=layer.query.weight,
        k_proj_weight=layer.key.weight,
        v_proj_weight=layer.value.weight,
    )
    return mixed


def feed_forward(layer: FeedForward, features: Tensor) -> Tensor:
    """Linear, LeakyReLU with slope 0.01, linear."""
    return layer[3](functional.leaky_relu(layer[0](features), 0.01))


def masked_deciwatch(model: DeciWatch, coordinates: Tensor) -> tuple[Tensor, Tensor]:
    """(denoised, recovered) of all T frames, both (B, T, 2K), in evaluation mode."""
    n_batch, n_frames, _ = coordinates.shape
    hidden = torch.ones(n_frames, dtype=torch.bool)
    hidden[list(model.sampled)] = False
    unseen = hidden.repeat(n_batch, 1)
    no_one = torch.zeros(n_batch, n_frames, dtype=torch.bool)
    diagonal = torch.eye(n_frames, dtype=torch.bool)
    nothing = torch.zeros_like(diagonal)
    code = position_code(n_frames, N_CHANNELS)[:, None]

    poses = (coordinates * (~unseen)[..., None]).transpose(0, 1)  # time first from here
    memory = model.denoise_in(poses)
    for layer in model.encoder:
        at = memory + code
        memory = layer.norms[0](memory + attend(layer.attention, at, at, memory, diagonal, unseen))
        memory = layer.norms[1](memory + feed_forward(layer.feed_forward, memory))
    denoised = model.denoise_out(memory) + poses

    between = functional.interpolate(
        denoised[list(model.sampled)].permute(1, 2, 0), n_frames, mode="linear", align_corners=True
    )
    features = model.recover_in(between).permute(2, 0, 1)
    for layer in model.decoder:
        at = features + code
        mixed = attend(layer.attention, at, at, features, nothing, no_one)
        features = layer.norms[0](features + mixed)
        mixed = attend(
            layer.cross_attention, features + code, memory + code, memory, nothing, unseen
        )
        features = layer.norms[1](features + mixed)
        features = layer.norms[2](features + feed_forward(layer.feed_forward, features))
    recovered = model.recover_out(model.decoder_norm(features)) + between.permute(2, 0, 1)
    return denoised.transpose(0, 1), recovered.transpose(0, 1)
