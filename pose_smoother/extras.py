"""Optional packages: which extra of the installation has a package that is not installed."""

from importlib.util import find_spec

#: The extra that installs a package, by the name that is imported.
EXTRA_OF = {
    **dict.fromkeys(("torch", "pandas", "matplotlib"), "train"),
    "jinja2": "report",
    **dict.fromkeys(("onnx", "onnxruntime", "onnxscript"), "export"),
    **dict.fromkeys(("fsspec", "s3fs", "platformdirs"), "remote"),
    **dict.fromkeys(("dask", "distributed", "bokeh", "submitit"), "cluster"),
    "imageio_ffmpeg": "video",
    **{name: name for name in ("tensorboard", "mlflow", "wandb")},
    "mkdocs": "docs",
}


def extra_hint(error: ModuleNotFoundError) -> str | None:
    """What to install for a module that was not found; None where no extra has it.

    >>> extra_hint(ModuleNotFoundError(name="torch"))
    "torch is not installed: pip install 'pose-smoother[train]'"
    """
    package = (error.name or "").partition(".")[0]
    extra = EXTRA_OF.get(package)
    return extra and f"{package} is not installed: pip install 'pose-smoother[{extra}]'"


def missing_extra(package: str) -> str | None:
    """What to install for a package of an extra; None where it is installed."""
    return extra_hint(ModuleNotFoundError(name=package)) if find_spec(package) is None else None
