"""The naturalness study (Tarres et al., Table 2): do people take a picture's colours for real ones?

`build` makes one web page with every picture inside and a key that stays with the researcher. A participant
opens the page, says "real" or "generated" of each picture, and saves a small file; `score` counts the files.

What to notice:
- All sources, the truth and every model, show the same photos, so that no model gets easier ones. They go
  through the path of `eval` and through one JPEG encoder.
- The pool is cut into as many sets as there are sources. A set holds each photo at most once, in a version
  that was drawn by seed, and a participant sees pictures of one set: never the same photo in two versions.
- The page knows pictures by hashes alone, in the order of those hashes, padded to one length: it holds
  nothing that depends on what a picture is, but the picture itself.
- Draws and checksums are SHA-256 over short texts, the same in Python here and in the page's JavaScript.
"""

from colourise.evaluation.study.answers import Answers, Naturalness, read_answers, score
from colourise.evaluation.study.building import build
from colourise.evaluation.study.protocol import KEY, PAGE, Protocol, Study, StudyPicture

__all__ = [
    "KEY",
    "PAGE",
    "Answers",
    "Naturalness",
    "Protocol",
    "Study",
    "StudyPicture",
    "build",
    "read_answers",
    "score",
]
