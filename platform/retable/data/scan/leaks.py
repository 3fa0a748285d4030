"""Leaks between splits: files of other splits whose content is also in train."""

from collections.abc import Iterable
from dataclasses import replace

from retable.data.scan.catalog import Video


def leaks(videos: Iterable[Video]) -> tuple[Video, ...]:
    """Files of other splits whose content is also in train, each with a note that names the training file."""
    videos = list(videos)
    trained = {
        video.sha256: video.path for video in reversed(videos) if video.split == "train" and video.sha256
    }
    return tuple(
        replace(video, note=f"the same content as {trained[video.sha256]}, which is trained on")
        for video in videos
        if video.split != "train" and video.sha256 in trained
    )
