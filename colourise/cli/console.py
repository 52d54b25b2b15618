"""What the command line shows: lines, tables and data.

Every word that is printed goes through `line` or `cell`, which make it harmless: names of files, cards of
models and answers of servers may hold whatever a terminal takes for a command.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from colourise.files.storage import is_remote
from colourise.words import counted, printable

if TYPE_CHECKING:
    from colourise.archives import FilmResult, Outcome, Summary
    from colourise.evaluation.study import Naturalness
    from colourise.files.storage import Location
    from colourise.models.library import ModelListing

out = Console(highlight=False, emoji=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

ADVICE = "--overwrite makes it again, and -o NAME keeps both"  # where an output is there already
NAMED = 3  # photos of many that are named in a line

Part = str | tuple[str, str]
"""Words, or words and their style."""


def line(*parts: Part, between: str = " ") -> Text:
    """Join words to a line.

    Whatever the words are, they stay on it: line breaks and all that is not printable become escapes, and
    nothing is taken for markup.
    """
    styled = [(part, "") if isinstance(part, str) else part for part in parts]
    return Text(between).join(Text(printable(words), style) for words, style in styled)


def say(*parts: Part, to: Console = err, between: str = " ") -> None:
    """Print a line: to standard error, or to another console."""
    to.print(line(*parts, between=between))


def say_json(value: Any, *, indent: int | None = 2) -> None:
    """Print JSON to standard output; what is not printable is escaped inside its strings."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    out.print(Text("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)))


def say_rows(text: str) -> None:
    """Print lines that are data, such as CSV, to standard output."""
    out.print(Text("\n".join(printable(row) for row in text.split("\n"))), end="")


def cell(words: str) -> Text:
    """Return words for a table."""
    return line(words)


def tell(notes: list[str], source: str, target: str | Location | None, *, quiet: bool) -> None:
    """Print what the user must hear about a coloured photo, and where it is."""
    if not quiet:
        for note in notes:
            say(("note", "yellow"), f"{source}: {note}")
        if target is not None:
            say(("coloured", "green"), str(target))


def print_outcome(outcome: Outcome) -> None:
    """Print what became of a photo as one line of JSON, in ASCII: \\udcXX is a byte that is no text."""
    told = {
        "source": str(outcome.job.source),
        "target": str(outcome.job.target),
        "result": outcome.result,
        "reason": outcome.reason,
        "notes": outcome.notes,
        "seconds": round(outcome.seconds, 3),
    }
    out.print(Text(json.dumps(told)))


def print_films_left_alone(films: Sequence[str]) -> None:
    """Say that films in folders are not coloured with the photos, and how to colour them."""
    many = "a film" if len(films) == 1 else f"{len(films)} films"
    advice = "--films colours films in folders too"
    if is_remote(films[0]):
        advice = "copy each to a disk, and name it by itself"
    say(("left alone", "yellow"), f"{many}; {advice}")


def print_unreadable(kinds: Sequence[tuple[str, int]]) -> None:
    """Say which pictures in folders are of formats that cannot be read, and what to do about it."""
    many = ", ".join(f"{count} {suffix}" for suffix, count in kinds)
    say(("left alone", "yellow"), f"{many}; these formats cannot be read: save them as TIFF or PNG first")


def in_words(films: Sequence[FilmResult]) -> list[str]:
    """Say how many films were coloured, skipped and so on."""
    words = {"coloured": "coloured", "skipped": "there already", "failed": "failed", "left": "not done"}
    counts = Counter[str](film.result for film in films)
    return [f"{counts[result]} {told}" for result, told in words.items() if counts[result]]


def print_in_colour(photos: Sequence[str]) -> None:
    """Say which photos are left alone because they have colour already, and how to colour them."""
    rest = len(photos) - NAMED
    names = ", ".join(photos[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
    many = counted(len(photos), "photo")
    advice = "--colour-photos recolour colours " + ("it" if len(photos) == 1 else "them")
    has = "has" if len(photos) == 1 else "have"
    say(("left alone", "yellow"), f"{many} that {has} colour already: {names}; {advice}")


def print_summary(count: Summary, backend: str) -> None:
    """Say in a line how many photos were coloured, skipped and so on."""
    told: list[Part] = [f"{count.coloured} coloured"]
    told += [f"{count.skipped} there already"] * bool(count.skipped)
    told += [(f"{len(count.in_colour)} in colour", "yellow")] * bool(count.in_colour)
    told += [(f"{count.failed} failed", "red")] * bool(count.failed)
    told += [(f"{count.left} not done", "yellow")] * bool(count.left)
    told += [f"{count.later} left for later"] * bool(count.later)
    told += [("films: " + ", ".join(in_words(count.films)))] * bool(count.films)
    told += [(f"{sum(count.left_alone.values())} left alone", "yellow")] * bool(count.left_alone)
    err.print(line(*told, between=", ") + line("", (f"({backend})", "dim")))


MEASURES: tuple[dict[str, tuple[str, str, str]], ...] = (  # heading, format, what is better; in three tables
    {  # the paper's Table 1
        "js_a": ("JS a", ".4f", "lower"),
        "js_b": ("JS b", ".4f", "lower"),
        "kl": ("KL", ".3f", "lower"),
        "psnr_ab": ("psnr_ab", ".2f", "higher"),
    },
    {
        "psnr_rgb": ("psnr_rgb", ".2f", "higher"),
        "ssim": ("SSIM", ".4f", "higher"),
        "delta_e": ("delta E", ".2f", "lower"),
        "far_worse": ("-3 dB", ".1%", "lower"),
        "gain_p5": ("worst 5 %", ".2f", "higher"),
        "lpips": ("LPIPS", ".4f", "lower"),
        "fid": ("FID", ".2f", "lower"),
        "frechet": ("Frechet", ".1f", "lower"),
    },
    {
        "colourfulness": ("CF", ".1f", ""),
        "colourfulness_share": ("of truth", ".3f", "near 1"),
        "colourfulness_delta": ("delta-CF", ".1f", "lower"),
        "colourfulness_abs": ("CF abs", ".1f", ""),
        "colourfulness_abs_delta": ("delta-CF abs", ".1f", "lower"),
    },
)


RUN_SCORES = ("js_a", "js_b", "psnr_ab", "psnr_rgb", "ssim", "delta_e", "colourfulness_share")


def print_scores(rows: dict[str, dict[str, float]], size: int) -> None:
    """Print a table for each kind of measure, with a row a model, narrow enough for 80 columns."""
    from rich.table import Table

    from colourise.evaluation.captions import short_names

    names = short_names(list(rows))
    first = next(iter(rows.values()))
    say(f"{first['photos']:.0f} photos at {size} px; under each measure, which is better", to=out)
    for measures in MEASURES:
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("model", overflow="fold", min_width=16, max_width=24)
        shown = {key: measure for key, measure in measures.items() if key in first}
        for key, (heading, _, better) in shown.items():
            told = better or f"truth {first[f'{key}_truth']:.1f}"
            table.add_column(f"{heading}\n[dim]{told}[/]", justify="right", no_wrap=True)
        for name, scores in rows.items():
            table.add_row(
                cell(names[name]), *(f"{scores[key]:{spec}}" for key, (_, spec, _) in shown.items())
            )
        out.print()
        out.print(table)


def print_run_scores(step: int, scores: dict[str, float], *, headed: bool) -> None:
    """Print the scores of a run's model as a row of a table; `headed`: below the heads of its columns."""
    measures = {name: row for table in MEASURES for name, row in table.items() if name in RUN_SCORES}
    if headed:
        say(f"{'batch':>8}", *(f"{heading:>8}" for heading, _, _ in measures.values()))
        say(" " * 8, *((f"{better:>8}", "dim") for _, _, better in measures.values()))
    say(f"{step:>8}", *(f"{scores[name]:>8{spec}}" for name, (_, spec, _) in measures.items()))


def print_film_scores(rows: dict[str, dict[str, float]]) -> None:
    """Print one row a version of a film."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("film", overflow="fold", min_width=24)
    measures = {
        "warp_error": ("warp error", ".3f", "lower"),
        "cdc": ("CDC", ".5f", "lower"),
        "cdc_ab": ("of ab", ".5f", "lower"),
        "colourfulness": ("CF", ".1f", ""),
        "psnr_ab": ("psnr_ab", ".2f", "higher"),
    }
    for heading, _, better in measures.values():
        table.add_column(f"{heading}\n[dim]{better}[/]", justify="right", no_wrap=True)
    for name, row in rows.items():
        table.add_row(cell(name), *(f"{row[key]:{spec}}" for key, (_, spec, _) in measures.items()))
    first = next(iter(rows.values()))
    scenes = counted(round(first["scenes"]), "scene")
    say(f"{first['frames']:.0f} frames, {scenes}; under each measure, which is better", to=out)
    out.print(table)


def print_naturalness(results: dict[str, Naturalness], participants: int) -> None:
    """Print one row a source of pictures."""
    from rich.table import Table

    shown = sum(row.shown for row in results.values())
    people = counted(participants, "participant")
    table = Table(box=None, header_style="bold", pad_edge=False, title=f"{people}, {shown} judgements")
    table.add_column("source", overflow="fold")
    for heading in ("shown", "judged real", "naturalness", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    for source, row in results.items():
        low, high = row.interval
        figures = (f"{row.share:.2f}", f"{low:.2f} to {high:.2f}") if row.shown else ("", "")
        table.add_row(cell(source), str(row.shown), str(row.real), *figures)
    out.print(table)


def print_models(rows: Iterable[ModelListing]) -> None:
    """Print one row a model: where it is, how large, and its card's scores."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("model", "where", "MB", "input size", "licence", "psnr_rgb", "JS a", "JS b"):
        table.add_column(heading, justify="left" if heading in ("model", "where", "licence") else "right")
    for row in rows:
        card = row.card
        shown = [card.scores.get(key) if card else None for key in ("psnr_rgb", "js_a", "js_b")]
        table.add_row(
            cell(row.name),
            cell(row.where),
            f"{row.size / 1e6:.1f}" if row.size else "",
            str(card.input_size) if card else "",
            cell(card.licence) if card else "",
            *(f"{score:.3f}" if isinstance(score, float) else "" for score in shown),
        )
    out.print(table)
