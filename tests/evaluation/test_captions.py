"""Names of models in captions and files."""

import pytest

from colourise.evaluation.captions import caption_names, file_names, short_names


@pytest.mark.parametrize(
    ("models", "short"),
    [
        (["colourise-v4"], ["colourise-v4"]),
        (["runs/mine", "owner/other"], ["mine", "other"]),
        (["a/run", "b/run"], ["a/run", "b/run"]),
        (["x/a/run", "x/b/run", "y"], ["a/run", "b/run", "y"]),
        (["./run", "run"], ["./run", "run"]),
        (["/", "run"], ["/", "run"]),
        ([], []),
    ],
)
def test_short_names_tell_models_apart(models, short):
    assert short_names(models) == dict(zip(models, short, strict=True))


def test_captions_and_files_are_kept_apart():
    names = caption_names(["runs/truth", "runs/mine", "grey"])
    assert list(names.values()) == ["truth (model)", "mine", "grey (model)"]
    assert file_names(["a b", "a-b", "A b", "c"]) == ["a-b", "a-b-2", "A-b-3", "c"]
