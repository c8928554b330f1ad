"""Noise is a pure function of what it belongs to: batches can be cut and ordered in any way."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.noise.gaussian import NoiseConfig, noisy_input

SIGMAS = (1.0, 1.5, 2.0, 2.5, 3.0)


@settings(max_examples=40, deadline=None)
@given(
    windows=st.lists(st.integers(0, 2**40), min_size=1, max_size=12, unique=True),
    cut=st.integers(0, 12),
    seed=st.integers(0, 2**63 - 1),
    epoch=st.integers(0, 1_000),
    purpose=st.integers(1, 12),
    k=st.sampled_from([0.5, 1.0, 2.0]),
    order=st.randoms(use_true_random=False),
)
def test_any_split_and_order_of_batches_gives_the_same_noise(
    windows, cut, seed, epoch, purpose, k, order
):
    config = NoiseConfig(k, SIGMAS)
    counter = torch.tensor(windows)
    generator = torch.Generator().manual_seed(seed % 2**32)
    keypoints = torch.randint(0, 56, (len(windows), 5, 25, 2), generator=generator)
    annotated = torch.rand((len(windows), 5, 25), generator=generator) < 0.7

    def noisy(rows):
        return noisy_input(
            keypoints[rows], annotated[rows], counter[rows], config, seed, purpose, epoch
        )

    everything = torch.arange(len(windows))
    whole = noisy(everything)
    shuffled = list(range(len(windows)))
    order.shuffle(shuffled)
    for rows in (everything[:cut], everything[cut:], torch.tensor(shuffled)):
        for part, all_rows in zip(noisy(rows), whole, strict=True):
            assert torch.equal(part, all_rows[rows])
    positions, sigma = whole
    assert ((positions >= 0) & (positions < 56)).all(dim=-1).equal(annotated)
    assert (positions[~annotated] == -1).all()
    assert ((sigma >= 0) & (sigma < len(SIGMAS))).all()
