"""Interlaced films: the order of their fields, and how pictures are marked and deinterlaced.

A picture of two fields is marked so by most codecs. Of the others, only the container says it, and here their
pictures are marked as it says; players do likewise.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import av
import av.filter

from colourise.films.film import BOTTOM_FIRST, PROGRESSIVE, TOP_FIRST

DECLARED = {2: TOP_FIRST, 3: BOTTOM_FIRST, 4: TOP_FIRST, 5: BOTTOM_FIRST}
MARKING = ("h264", "mpeg1video", "mpeg2video", "mpeg4", "vc1", "wmv3")  # codecs that mark each picture
LOOKED_AT = 24  # pictures from the beginning, among which one may be the first that has two fields


def declared_order(stream: Any) -> int:
    """Return the AVFieldOrder that a container says of a stream whose codec does not mark its pictures."""
    context = stream.codec_context
    return PROGRESSIVE if context.name in MARKING else DECLARED.get(context.field_order, PROGRESSIVE)


def order_of(pictures: Iterable[Any], declared: int) -> int:
    """Return the AVFieldOrder of a film: that of the first marked picture, or else the declared one."""
    for picture in itertools.islice(pictures, LOOKED_AT):
        if picture.interlaced_frame:
            top_first = PictureFilter("select", "eq(interlace_type,TOPFIRST)")(picture)
            return BOTTOM_FIRST if top_first is None else TOP_FIRST
    return declared


def marked(pictures: Iterable[Any], declared: int) -> Iterator[Any]:
    """Yield pictures, those without a mark marked as declared."""
    mark = PictureFilter("setfield", "bff" if declared == BOTTOM_FIRST else "tff")
    for picture in pictures:
        yield picture if declared == PROGRESSIVE or picture.interlaced_frame else mark(picture)


def deinterlaced(pictures: Iterable[Any], stream: Any) -> Iterator[Any]:
    """Deinterlace marked pictures; the number and times of pictures stay the same."""
    graph = av.filter.Graph()
    source, sink = graph.add_buffer(template=stream), graph.add("buffersink")
    graph.link_nodes(source, graph.add("yadif", "mode=send_frame:deint=interlaced"), sink).configure()
    for picture in itertools.chain(pictures, [None]):  # None flushes the filter
        graph.vpush(picture)
        while True:
            try:
                whole: Any = graph.vpull()
                whole.pts = round(
                    whole.pts * whole.time_base / stream.time_base
                )  # yadif halves the time base
                yield whole
            except (av.BlockingIOError, av.EOFError):
                break


class PictureFilter:
    """One of FFmpeg's filters that gives one picture, or none, for each.

    Args:
        name: FFmpeg's name of the filter.
        options: its options, as FFmpeg takes them.
    """

    def __init__(self, name: str, options: str) -> None:
        self.name, self.options = name, options
        self.shape: tuple[Any, ...] = ()  # of the pictures that the graph takes
        self.graph: Any = None

    def __call__(self, picture: Any) -> Any:
        """Return the filtered picture; None: the filter holds it back."""
        shape = picture.width, picture.height, picture.format.name, picture.time_base
        if shape != self.shape:
            self.shape, self.graph = shape, av.filter.Graph()
            source = self.graph.add_buffer(
                width=picture.width,
                height=picture.height,
                format=picture.format.name,
                time_base=picture.time_base,
            )
            self.graph.link_nodes(
                source, self.graph.add(self.name, self.options), self.graph.add("buffersink")
            ).configure()
        self.graph.vpush(picture)
        try:
            return self.graph.vpull()
        except av.BlockingIOError:
            return None
