"""How the files under ``files/`` were made, by the libraries whose formats they are.

Not run by the tests: it wants ``pip install sleap-io pynwb ndx-pose tables movement`` (sleap-io
0.9.5, pynwb 4.2.0, ndx-pose 0.4.0, PyTables 3.11.1, pandas 3.1.1, movement 0.15.0 and netCDF4 1.7.2
were used). ``--only NAME`` makes one file. ``expected.json`` holds
what was given to these libraries, or what sleap-io reads back, so that the readers are held against
another way of reading.
"""

import datetime
import json
import sys
from pathlib import Path

import ndx_pose
import numpy as np
import pandas as pd
import sleap_io
from pynwb import NWBHDF5IO, NWBFile

FILES = Path(__file__).parent / "files"
RNG = np.random.default_rng(6)
NAMES = ("nose", "left_shoulder", "tail")


def positions(*shape: int) -> np.ndarray:
    return np.round(RNG.uniform(0, 300, (*shape, 2)), 3)


def sleap() -> dict[str, list]:
    """Two videos; a missing point, a correction by hand, somebody without a track."""
    skeleton = sleap_io.Skeleton(nodes=list(NAMES), edges=[("nose", "tail")], name="body")
    videos = [sleap_io.Video(filename=name) for name in ("dance.mp4", "jump.mp4")]
    tracks = [sleap_io.Track("ann"), sleap_io.Track("007")]
    frames = []
    for video in videos:
        for frame in range(10, 16):
            people = []
            for track in tracks:
                data = np.column_stack([positions(3), RNG.uniform(0.5, 1, 3)])
                data[1, :2] = np.nan if frame == 12 else data[1, :2]
                people.append(
                    sleap_io.PredictedInstance.from_numpy(
                        data, skeleton=skeleton, track=track, score=0.9
                    )
                )
            if frame == 13 and video is videos[0]:
                people.append(
                    sleap_io.Instance.from_numpy(
                        positions(3), skeleton=skeleton, track=tracks[0], from_predicted=people[0]
                    )
                )
            if frame > 13 and video is videos[1]:
                alone = np.column_stack([positions(3) / 100 + 1000, np.ones(3)])
                people.append(
                    sleap_io.PredictedInstance.from_numpy(alone, skeleton=skeleton, score=0.5)
                )
            frames.append(sleap_io.LabeledFrame(video=video, frame_idx=frame, instances=people))
    sleap_io.save_slp(sleap_io.Labels(frames, provenance={"who": "me"}), str(FILES / "sleap.slp"))
    again = sleap_io.load_slp(str(FILES / "sleap.slp"), open_videos=False)
    found: dict[str, list] = {}
    for frame in again:
        by_hand = {i.track.name for i in frame.user_instances}
        for person in frame.instances:
            name = person.track.name if person.track else "link-1"
            if name in by_hand and person in frame.predicted_instances:
                continue
            key = f"{frame.video.filename}:{name}"
            found.setdefault(key, []).append([frame.frame_idx, person.numpy().tolist()])
    return found


def nwb() -> dict[str, list]:
    """Ann by timestamps with a gap, Bob by a rate."""
    file = NWBFile("sample", "sample", datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
    behavior = file.create_processing_module("behavior", "poses")
    skeleton = ndx_pose.Skeleton(
        name="body", nodes=list(NAMES), edges=np.array([[0, 1]], dtype="uint8")
    )
    behavior.add(ndx_pose.Skeletons(skeletons=[skeleton]))
    gap = np.array([0, 1, 2, 3, 5, 6])
    found = {}
    for who, frame in (("ann", gap), ("bob", np.arange(6))):
        values = positions(3, 6)
        values[1, 2] = np.nan
        time = (
            {"timestamps": gap / 30 + 10} if who == "ann" else {"rate": 30.0, "starting_time": 10.0}
        )
        series = [
            ndx_pose.PoseEstimationSeries(
                name=name,
                data=data,
                unit="pixels",
                reference_frame="top left",
                confidence=RNG.uniform(0, 1, 6),
                **time,
            )
            for name, data in zip(NAMES, values, strict=True)
        ]
        behavior.add(
            ndx_pose.PoseEstimation(
                name=who,
                pose_estimation_series=series,
                original_videos=["dance.mp4"],
                scorer="me",
                skeleton=skeleton,
            )
        )
        people = values.transpose(1, 0, 2).tolist()
        found[f"dance.mp4:{who}"] = [[int(f), p] for f, p in zip(frame, people, strict=True)]
    with NWBHDF5IO(str(FILES / "poses.nwb"), "w") as out:
        out.write(file, cache_spec=False)
    return found


def dlc() -> dict[str, dict[str, list]]:
    """One animal's video as pandas' table, two animals' labelled images in its fixed layout."""
    one = pd.MultiIndex.from_product(
        [["net"], NAMES, ["x", "y", "likelihood"]], names=["scorer", "bodyparts", "coords"]
    )
    values = np.concatenate([positions(6, 3), RNG.uniform(0, 1, (6, 3, 1))], axis=2)
    values[2, 1] = np.nan
    video = pd.DataFrame(values.reshape(6, 9), columns=one)
    two = pd.MultiIndex.from_product(
        [["me"], ["a", "b"], NAMES, ["x", "y"]],
        names=["scorer", "individuals", "bodyparts", "coords"],
    )
    frames = (3, 4, 5, 9)
    images = [("labeled-data", "dance", f"img{i:03d}.png") for i in frames]
    pair = positions(4, 2, 3)
    pair[1, 1] = np.nan
    labelled = pd.DataFrame(
        pair.reshape(4, 12), columns=two, index=pd.MultiIndex.from_tuples(images)
    )
    settings = {"key": "df_with_missing", "mode": "w"}
    video.to_hdf(FILES / "dlc_table.h5", format="table", index=False, **settings)
    labelled.to_hdf(FILES / "dlc_fixed.h5", **settings)
    video.to_csv(FILES / "dlc.csv")
    labelled.to_csv(FILES / "dlc_images.csv")
    single = {"1": [[i, p[:, :2].tolist()] for i, p in enumerate(values)]}
    both = {
        f"dance:{who}": [[f, pair[i, j].tolist()] for i, f in enumerate(frames)]
        for j, who in enumerate("ab")
    }
    return {
        "dlc_table.h5": single,
        "dlc.csv": single,
        "dlc_fixed.h5": both,
        "dlc_images.csv": both,
    }


def sleap_analysis() -> dict[str, dict[str, list]]:
    """Two tracks, one of them absent in a frame, in SLEAP's order of axes and in sleap-io's."""
    skeleton = sleap_io.Skeleton(nodes=list(NAMES), edges=[("nose", "tail")], name="body")
    video = sleap_io.Video(filename="dance.mp4")
    tracks = [sleap_io.Track("ann"), sleap_io.Track("bob")]
    values = positions(6, 2, 3)
    values[2, 1, 1] = np.nan
    frames = []
    for frame, everyone in enumerate(values):
        people = [
            sleap_io.PredictedInstance.from_numpy(
                np.column_stack([everyone[i], np.linspace(0.5, 0.75, 3)]),
                skeleton=skeleton,
                track=track,
                score=0.9,
            )
            for i, track in enumerate(tracks)
            if (frame, i) != (4, 0)
        ]
        frames.append(sleap_io.LabeledFrame(video=video, frame_idx=frame, instances=people))
    values[4, 0] = np.nan
    labels = sleap_io.Labels(frames)
    found = {
        track.name: [[f, values[f, i].tolist()] for f in range(6)] for i, track in enumerate(tracks)
    }
    for preset in ("matlab", "standard"):
        path = FILES / f"sleap_{preset}.h5"
        sleap_io.save_analysis_h5(labels, str(path), preset=preset, labels_path="labels.slp")
    return {"sleap_matlab.h5": found, "sleap_standard.h5": found}


def movement() -> dict[str, dict[str, list]]:
    """Two mice at 25 frames a second; one in three dimensions at 50."""
    from movement.io import load_poses

    values = positions(6, 2, 3)
    values[2, 1, 1] = np.nan
    data = load_poses.from_numpy(
        values.transpose(0, 3, 2, 1),
        RNG.uniform(0, 1, (6, 3, 2)),
        individual_names=["ann", "bob"],
        keypoint_names=list(NAMES),
        fps=25,
        source_software="SLEAP",
    )
    data.to_netcdf(FILES / "movement.nc", engine="netcdf4")
    names = ("ann", "bob")
    two = {name: [[f, values[f, i].tolist()] for f in range(6)] for i, name in enumerate(names)}
    space = np.round(RNG.uniform(0, 3, (6, 1, 3, 3)), 3)
    data = load_poses.from_numpy(
        space.transpose(0, 3, 2, 1),
        individual_names=["ann"],
        keypoint_names=list(NAMES),
        fps=50,
        source_software="Anipose",
    )
    data.to_netcdf(FILES / "movement_space.nc", engine="h5netcdf")
    one = {"ann": [[f, space[f, 0].tolist()] for f in range(6)]}
    return {"movement.nc": two, "movement_space.nc": one}


MAKERS = {
    "sleap.slp": lambda: {"sleap.slp": sleap()},
    "poses.nwb": lambda: {"poses.nwb": nwb()},
    "dlc": dlc,
    "sleap-analysis": sleap_analysis,
    "movement": movement,
}


if __name__ == "__main__":
    FILES.mkdir(exist_ok=True)
    only = sys.argv[2:] if sys.argv[1:2] == ["--only"] else list(MAKERS)
    file = FILES / "expected.json"
    expected = json.loads(file.read_text()) if file.exists() else {}
    for name in only:
        expected |= MAKERS[name]()
    file.write_text(json.dumps(expected) + "\n")
