"""The public names: lazy, complete, and there without torch, pandas or matplotlib."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import pose_smoother as ps
from pose_smoother.extras import EXTRA_OF, extra_hint

HEAVY = ("torch", "pandas", "matplotlib", "scipy", "zarr", "h5py", "click", "numpy")


def run(code: str, *blocked: str) -> str:
    """What a program prints in which some packages cannot be imported."""
    block = f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\n"
    done = subprocess.run(
        [sys.executable, "-c", block + code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_loads_nothing_heavy() -> None:
    code = f"import pose_smoother, sys; print([n for n in {HEAVY!r} if n in sys.modules])"
    assert run(code) == "[]"


def test_every_public_name_exists_and_is_listed() -> None:
    for name in ps.__all__:
        assert getattr(ps, name) is not None
    assert set(ps.__all__) <= set(dir(ps))
    assert ps.__version__ == version("pose-smoother")
    assert (Path(ps.__file__).parent / "py.typed").exists()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ps.nothing  # type: ignore[attr-defined]


def test_filters_and_files_work_without_what_training_needs(tmp_path: Path) -> None:
    code = f"""
import numpy as np, pose_smoother as ps
rows = ["frame,nose_x,nose_y"] + [f"{{i}},{{i % 3}},{{i % 5}}" for i in range(30)]
open({str(tmp_path / "a.csv")!r}, "w").write("\\n".join(rows))
poses = ps.read_poses({str(tmp_path / "a.csv")!r})
ps.write_poses(ps.smooth(poses, "kalman"), {str(tmp_path / "b.csv")!r})
print(ps.smooth(np.zeros((9, 2, 2)), "gaussian").shape)
"""
    found = run(code, "torch", "pandas", "matplotlib", "tqdm", "click")
    assert found == "(9, 2, 2)"
    assert (tmp_path / "b.csv").exists()


@pytest.mark.parametrize("call", ["load_run('runs')", "load_results('.')"])
def test_a_run_without_torch_names_the_extra(call: str) -> None:
    code = f"""
import pose_smoother as ps
try:
    ps.{call}
except ps.PoseSmootherError as error:
    print(error)
"""
    assert "pip install 'pose-smoother[train]'" in run(code, "torch", "pandas")


def test_extras_are_those_of_the_package() -> None:
    from importlib.metadata import metadata

    known = set(metadata("pose-smoother").get_all("Provides-Extra") or [])
    assert set(EXTRA_OF.values()) <= known | {"train"}
    assert extra_hint(ModuleNotFoundError(name="onnx.helper")) == (
        "onnx is not installed: pip install 'pose-smoother[export]'"
    )
    assert extra_hint(ModuleNotFoundError(name="elsewhere")) is None
