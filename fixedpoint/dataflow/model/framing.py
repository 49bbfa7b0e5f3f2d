"""Framing: the whole frames that a core makes of a stream, wherever its `tlast` stands.

A stream of images or gradients always gives whole frames.  A frame whose `tlast` is early is completed with zeros; what
follows a frame without `tlast` is dropped, up to and with the next beat that has one::

    beats    a0 a1 a2 a3* | b0 b1* | c0 c1 c2 c3 c4* | d0 ..        * tlast; frames of four beats
    frames   a0 a1 a2 a3  | b0 b1 0 0 | c0 c1 c2 c3  | d0 ..
                                 error          error

A set of weights is used only if its `tlast` is in place; one that is not is discarded, up to and with its `tlast`.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Framing(NamedTuple):
    """What became of the beats of one stream."""

    frames: list[list[int]]  # words of each frame, or set, that is whole
    errors: int  # beats whose `tlast` was early or missing
    unfinished: bool  # the last frame, or set, is not complete, or its `tlast` has not come


def whole_frames(words: Iterable[int], lasts: Iterable[int], frame_beats: int) -> Framing:
    """The frames of an image or gradient stream.

    Parameters
    ----------
    words : `tdata` of each beat.
    lasts : indices of the beats with `tlast`.
    frame_beats : beats of one frame.
    """
    frames, frame, errors, dropping, closing = [], [], 0, False, set(lasts)
    for beat, word in enumerate(words):
        last = beat in closing
        if dropping:
            dropping = not last
            continue
        frame.append(word)
        complete = len(frame) == frame_beats
        errors += last != complete
        dropping = complete and not last
        if last or complete:
            frames.append(frame + [0] * (frame_beats - len(frame)))
            frame = []
    return Framing(frames, errors, bool(frame) or dropping)


def whole_sets(words: Iterable[int], lasts: Iterable[int], set_beats: int) -> Framing:
    """The sets of a weight stream; parameters as for `whole_frames`."""
    sets, beats, errors, closing = [], [], 0, set(lasts)
    for beat, word in enumerate(words):
        last = beat in closing
        beats.append(word)
        errors += last if len(beats) < set_beats else not last if len(beats) == set_beats else False
        if last:
            if len(beats) == set_beats:
                sets.append(beats)
            beats = []
    return Framing(sets, errors, bool(beats))
