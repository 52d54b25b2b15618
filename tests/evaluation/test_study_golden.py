"""The study's page, byte for byte. After an intended change, put the new page over the golden one."""

from hashlib import shake_256
from io import BytesIO

from helpers.photos import GOLDEN

from colourise.evaluation import study
from colourise.evaluation.study.page import write_page


def test_the_page_is_the_golden_one() -> None:
    ids = [f"{number * 0x1234567890ABCDE % 2**64:016x}" for number in range(1, 9)]
    pictures = {id_: study.StudyPicture("model", f"{id_}.jpg", number % 2) for number, id_ in enumerate(ids)}
    hands = [sorted(ids)[:3], sorted(ids)[3:6]]
    built = study.Study(study.Protocol(4, 4, 3, 64, 7), ["model"], pictures, hands)
    jpegs = {id_: shake_256(id_.encode()).digest(30 + number) for number, id_ in enumerate(ids)}
    page = BytesIO()
    write_page(built, jpegs, page)
    assert page.getvalue() == (GOLDEN / "study.html").read_bytes()
