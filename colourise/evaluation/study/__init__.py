"""The naturalness study (Tarres et al., Table 2): do people take a picture's colours for real?

`build` makes a web page with all pictures inside, and a key that stays with the researcher. Participants open
the page, judge each picture "real" or "generated", and save a small file; `score` evaluates these files.

What to notice:
- All sources, the truth and every model, show the same photos, so that no model gets easier ones. They are
  coloured as in `eval` and go through one JPEG encoder.
- The pictures are dealt out to as many sets as there are sources. A set holds each photo at most once, in a
  version that the seed chooses, and as many pictures of each source as any other set, give or take two.
- Each set is dealt out to hands, and a participant sees one hand: no photo in two versions, and each source
  in its share of the set, rounded up or down.
- The page knows pictures only by hashes, in the order of the hashes, padded to one length: apart from the
  pictures themselves and which of them make a hand, nothing in it depends on their sources.
- Draws and checksums are SHA-256 over short texts, computed alike in Python and in the page's JavaScript.
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
