"""Ways to damage bytes and files."""

import numpy as np

Rng = np.random.Generator

#: name -> what it does to bytes that are not empty; the result always differs from them.
BYTE_DAMAGE = ("flipped", "cut", "emptied")


def damaged(data: bytes, how: str, rng: Rng) -> bytes:
    """Bytes with one bit flipped, cut somewhere, or none at all."""
    if how == "flipped":
        changed = bytearray(data)
        changed[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        return bytes(changed)
    if how == "cut":
        return data[: int(rng.integers(len(data)))]
    return b""


def pick(rng: Rng, things: list) -> object:  # type: ignore[type-arg]
    """One of some things."""
    return things[int(rng.integers(len(things)))]
