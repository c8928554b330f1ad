"""The pretrained smoother: weights that ship, and numpy code that runs them."""

from pose_smoother.pretrained.smooth import PretrainedInfo, smooth_pretrained

__all__ = ["PretrainedInfo", "smooth_pretrained"]
