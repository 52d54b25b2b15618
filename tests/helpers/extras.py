"""Which test files need which extra of colourise."""

IMPORTING = {  # test files of what only an extra brings; single tests have the mark "needs"
    "fast": ("lab/test_compiled.py",),
    "train": (
        "evaluation/test_contact_sheets.py",
        "evaluation/test_histograms.py",
        "evaluation/test_perceptual.py",
        "lab/test_tensors.py",
        "models/test_checkpoints.py",
        "models/test_export.py",
        "models/test_library.py",
        "models/test_loss_networks.py",
        "models/test_networks.py",
        "test_tools.py",
        "training/*",
    ),
}
