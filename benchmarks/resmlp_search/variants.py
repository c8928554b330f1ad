"""What was tried for the fifth model: one row a variant, named as in the CSV."""

from dataclasses import dataclass

MEAN = "mean of the window"


@dataclass(frozen=True)
class Variant:
    """A network, its loss, its augmentation and its schedule.

    Attributes
    ----------
    name : as in the CSV and in docs/experiments.md.
    steps : of 512 windows each.
    width, blocks : of the residual network.
    loss : "smooth-l1", "laplace" or "mixture" (``benchmarks.resmlp_search.heads``).
    rotate_deg, shear : bounds of a window's uniform rotation, and of the share of y by which x
        moves; in source pixels, with a new box around the result.
    reverse : share of the windows that run backwards. Half of all are mirrored, in every variant.
    leave_out : in half of the windows each keypoint is left out with this probability.
    learning_rate : the highest of the one-cycle schedule.
    """

    name: str
    steps: int = 2000
    width: int = 1024
    blocks: int = 4
    loss: str = "smooth-l1"
    rotate_deg: float = 0
    shear: float = 0
    reverse: float = 0
    leave_out: float = 0
    learning_rate: float = 1e-3

    @property
    def moves_poses(self) -> bool:
        """Whether boxes have to be cut anew."""
        return bool(self.rotate_deg or self.shear or self.leave_out)


VARIANTS = (
    Variant("mirror only"),
    Variant("rotation and shear", rotate_deg=20, shear=0.15),
    Variant("time reversal", reverse=0.5),
    Variant("laplace likelihood of estimate and scale", loss="laplace"),
    Variant("mixture of 3 gaussians", loss="mixture"),
    Variant(
        "mixture of 3 gaussians with augmentation",
        4000,
        loss="mixture",
        rotate_deg=20,
        shear=0.15,
        reverse=0.5,
    ),
    Variant("rotation shear reversal", 4000, rotate_deg=20, shear=0.15, reverse=0.5),
    Variant(
        "rotation shear reversal leaving out (chosen)",
        4000,
        rotate_deg=20,
        shear=0.15,
        reverse=0.5,
        leave_out=0.1,
    ),
    Variant(
        "narrower with twice the rate",
        4000,
        width=768,
        rotate_deg=20,
        shear=0.15,
        reverse=0.5,
        learning_rate=2e-3,
    ),
    Variant("stronger augmentation", 3000, rotate_deg=35, shear=0.3, reverse=0.5, leave_out=0.2),
)
