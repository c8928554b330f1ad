"""Random bits as a pure function of what they belong to: a hash instead of a generator's state.

A hash of (seed, purpose, epoch, counter, index) gives every keypoint of every frame 64 bits. All is
integer arithmetic: the same on every device, at every batch size, in every order (DESIGN sections 6
and 12).

Source: the mixing function is the finaliser of SplitMix64 (Steele, Lea and Flood 2014,
"Fast splittable pseudorandom number generators"), with Stafford's constants ("Mix13").
"""

from functools import lru_cache

import torch
from torch import Tensor

_GAMMA = 0x9E3779B97F4A7C15 - 2**64
_MIX_1 = 0xBF58476D1CE4E5B9 - 2**64
_MIX_2 = 0x94D049BB133111EB - 2**64
_LOW_32 = 0xFFFFFFFF


def hashed_bits(
    stream: tuple[int, ...], counter: Tensor, n_frames: int, n_keypoints: int
) -> Tensor:
    """64 bits for every keypoint of every frame.

    Parameters
    ----------
    stream : integers that name what the bits are for.
    counter : what they belong to. int64 (B,), its T frames get independent bits; or int64 (B, T).

    Returns
    -------
    int64 (B, T, K).
    """
    hashed = _absorb(_stream_key(stream, counter.device), counter)
    if counter.ndim == 1:
        hashed = hashed.reshape(-1, 1, 1)
        index = torch.arange(n_frames * n_keypoints, device=counter.device)
        return _absorb(hashed, index.reshape(n_frames, n_keypoints))
    return _absorb(hashed.unsqueeze(-1), torch.arange(n_keypoints, device=counter.device))


def high_half(bits: Tensor) -> Tensor:
    """The upper 32 of 64 bits, as int64 in 0 ... 2^32 - 1: a uniform number."""
    return _shift_right(bits, 32)


def low_half(bits: Tensor) -> Tensor:
    """The lower 32 of 64 bits, as int64 in 0 ... 2^32 - 1: another uniform number."""
    return bits & _LOW_32


@lru_cache(maxsize=64)
def _stream_key(stream: tuple[int, ...], device: torch.device) -> Tensor:
    """The hash of the integers that name a stream, int64 ()."""
    key = torch.zeros((), dtype=torch.int64)
    for number in stream:
        key = _absorb(key, torch.tensor(number, dtype=torch.int64))
    return key.to(device)


def _absorb(hashed: Tensor, number: Tensor) -> Tensor:
    """The hash of a hash and one more number; for either one given, a bijection of the other."""
    z = (hashed ^ number).add_(_GAMMA)
    z.bitwise_xor_(_shift_right(z, 30)).mul_(_MIX_1)
    z.bitwise_xor_(_shift_right(z, 27)).mul_(_MIX_2)
    return z.bitwise_xor_(_shift_right(z, 31))


def _shift_right(z: Tensor, n_bits: int) -> Tensor:
    """Logical right shift of int64: torch's own copies the sign bit."""
    return (z >> n_bits).bitwise_and_((1 << (64 - n_bits)) - 1)
