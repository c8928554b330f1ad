"""Key poses of the nine Penn Action actions, and of the three kinds of breakdance moves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.motion import pose

Poses = tuple[NDArray[np.float64], ...]


@dataclass(frozen=True)
class Action:
    """A way to move.

    Attributes
    ----------
    poses : key poses in order, started again after the last.
    move_s : shortest and longest time from one key pose to the next.
    moving : least share of that time spent moving (1: no pause).
    side_view : seen from the side mostly.
    share : how often it is chosen in a sample.
    """

    poses: Poses
    move_s: tuple[float, float]
    moving: float = 0.7
    side_view: bool = False
    share: float = 1.0


_PLANK = {"tip": 78.0, "nod": -30.0, "knees": 2.0}
_ON_BACK = {"tip": -90.0, "thighs": 48.0, "knees": 95.0}

PENN_ACTIONS: dict[str, Action] = {
    "baseball_pitch": Action(
        (
            pose(arms=40, elbows=100, arms_out=15),
            pose(arms=45, elbows=110, arms_out=10, thighs=(95, 0), knees=(95, 8), turn=-50),
            pose(
                arms=(60, -10),
                arms_out=(50, 95),
                elbows=(30, 90),
                thighs=(60, -25),
                knees=(25, 25),
                turn=-30,
                twist=-30,
            ),
            pose(
                arms=(10, 110),
                arms_out=(20, 30),
                elbows=(60, 15),
                thighs=(70, -35),
                knees=(40, 30),
                lean=40,
                twist=35,
                turn=20,
            ),
            pose(arms=(0, 60), elbows=30, thighs=(45, 20), knees=(25, 60), lean=55, turn=30),
        ),
        (0.25, 0.9),
        share=3,
    ),
    "bench_press": Action(
        (
            pose(**_ON_BACK, arms=90, arms_out=10, elbows=5),
            pose(**_ON_BACK, arms=40, arms_out=55, elbows=100),
        ),
        (1.0, 2.8),
        share=3,
    ),
    "situp": Action(
        (
            pose(tip=-88, thighs=36, knees=80, arms=150, elbows=120, nod=10),
            pose(tip=-45, thighs=79, knees=80, arms=130, elbows=120, lean=10, nod=10),
        ),
        (0.7, 1.8),
        side_view=True,
        share=3,
    ),
    "squat": Action(
        (
            pose(arms=20, elbows=130, arms_out=40),
            pose(lean=20, tip=15, arms=25, elbows=130, arms_out=40, thighs=105, knees=115),
        ),
        (0.7, 1.8),
        share=2,
    ),
    "pushup": Action(
        (
            pose(**_PLANK, arms=82, arms_out=10, elbows=5),
            pose(**_PLANK, arms=20, arms_out=45, elbows=105),
        ),
        (0.4, 1.3),
        side_view=True,
        share=2,
    ),
    "jumping_jacks": Action(
        (
            pose(arms_out=8, elbows=5, thighs_out=3),
            pose(arms_out=165, elbows=15, thighs_out=28, knees=8),
        ),
        (0.4, 0.8),
        moving=0.85,
    ),
    "bowl": Action(
        (
            pose(arms=60, elbows=90, lean=10),
            pose(arms=(30, -50), elbows=(30, 5), thighs=(30, -15), knees=25, lean=30),
            pose(arms=(-10, 80), elbows=10, thighs=(75, -40), knees=(75, 45), lean=45),
        ),
        (0.3, 1.0),
        share=2,
    ),
    "golf_swing": Action(
        (
            pose(lean=35, arms=55, arms_out=-15, elbows=8, knees=20, thighs=20),
            pose(lean=30, twist=-75, arms=115, arms_out=-25, elbows=(10, 90), knees=20, thighs=18),
            pose(lean=30, twist=15, arms=60, arms_out=-18, elbows=8, knees=15, thighs=15),
            pose(lean=5, twist=80, turn=40, arms=120, arms_out=-20, elbows=(90, 20)),
        ),
        (0.25, 1.2),
        share=2,
    ),
    "tennis_serve": Action(
        (
            pose(arms=30, elbows=40, turn=60),
            pose(arms=(165, -20), arms_out=(10, 90), elbows=(5, 100), knees=30, lean=-10, turn=60),
            pose(arms=(60, 170), arms_out=10, elbows=(60, 10), lean=10, turn=20),
            pose(arms=(20, 40), arms_out=(20, -30), elbows=20, thighs=(40, -20), lean=45),
        ),
        (0.25, 0.9),
        share=2,
    ),
}

DANCES = ("toprock", "footwork", "powermove")
#: How far, in degrees, the person is tipped over: on hands and feet, or upside down.
_TIP = {"footwork": (20, 75), "powermove": (70, 200)}


def dance_pose(dance: str, turn: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """A random key pose of a kind of dance, the person turned by ``turn`` degrees."""
    standing = dance == "toprock"
    return pose(
        tip=0 if standing else generator.uniform(*_TIP[dance]),
        turn=turn,
        lean=generator.uniform(-5, 30),
        twist=generator.uniform(-35, 35),
        arms=_two(generator, -30, 110),
        arms_out=_two(generator, 5, 90),
        elbows=_two(generator, 5, 110),
        thighs=_two(generator, -15, 60) if standing else _two(generator, 20, 120),
        thighs_out=_two(generator, 0, 30) if standing else _two(generator, 0, 55),
        knees=_two(generator, 5, 70) if standing else _two(generator, 5, 120),
    )


def _two(generator: np.random.Generator, low: float, high: float) -> tuple[float, float]:
    left, right = generator.uniform(low, high, 2).tolist()
    return left, right
