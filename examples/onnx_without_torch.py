"""Smooth keypoints with an exported model: onnxruntime, numpy and scipy; no torch, no trainer.

Command: python examples/onnx_without_torch.py model.onnx
"""

import json
import sys

import numpy as np
import onnxruntime
from scipy.ndimage import gaussian_filter

BODY_PX = {"nose": (27, 3), "left_shoulder": (37, 12), "right_shoulder": (18, 12)}
BODY_PX |= {"left_elbow": (45, 20), "right_elbow": (10, 20), "left_wrist": (52, 27)}
BODY_PX |= {"right_wrist": (3, 27), "left_hip": (33, 28), "right_hip": (22, 28)}
BODY_PX |= {"left_knee": (34, 40), "right_knee": (21, 40), "left_ankle": (35, 52)}

session = onnxruntime.InferenceSession(sys.argv[1])
about = session.get_modelmeta().custom_metadata_map
names, n_frames = json.loads(about["keypoints"]), int(about["n_frames"])
size, half = int(about["heatmap_px"]), float(about["half_px"])
at = [names.index(name) for name in BODY_PX]
truth = np.array(list(BODY_PX.values()))  # (x, y); here in all frames alike
noisy = truth + np.random.default_rng(0).normal(0, 3, (n_frames, *truth.shape))  # (T, k, 2)
noisy = noisy.round().clip(0, size - 1)

if about["consumes"] == "coordinates":  # (1, T, 2K), 0 where there is no keypoint
    window = np.zeros((1, n_frames, len(names), 2), np.float32)
    window[0, :, at] = (noisy / half - 1).swapaxes(0, 1)
    [out] = session.run(None, {"noisy": window.reshape(1, n_frames, -1)})
    smoothed = (out.reshape(n_frames, -1, 2)[:, at] + 1) * half
else:  # (1, T, K, 56, 56), a smeared impulse for each keypoint
    window = np.zeros((1, n_frames, len(names), size, size), np.float32)
    x, y = np.moveaxis(noisy.astype(int), -1, 0)
    window[0, np.arange(n_frames)[:, None], at, y, x] = 255
    [out] = session.run(None, {"noisy": gaussian_filter(window, 1.0, axes=(3, 4))})
    y, x = np.divmod(out[0, :, at].reshape(len(at), n_frames, -1).argmax(-1).T, size)
    smoothed = np.stack([x, y], axis=-1)

for name, pose in (("noisy", noisy), ("smoothed", smoothed)):
    print(f"{name}: off by {np.linalg.norm(pose - truth, axis=-1).mean():.2f} px on average")
