"""Fetch files from the Hugging Face Hub and upload them, through its own client.

The client's cache and settings (HF_ENDPOINT, HF_HOME, HF_TOKEN, HF_HUB_OFFLINE) hold; its errors become one
line each. Importing this module takes a fifth of a second: `checkpoints` does so where it needs the Hub.

The client makes paths of what a server says (ETag, X-Repo-Commit) and believes its lengths. A server may be
hostile, so every response is checked before the client sees it, and nothing outside the cache is touched.
"""

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import huggingface_hub as client
from huggingface_hub import constants, errors
from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # httpx's or httpx2's
from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

from colourise.errors import HubError
from colourise.words import printable

_httpx: Any = import_module(HTTPError.__module__.partition(".")[0])  # the one that the client has
CARD_LIMIT, FILE_LIMIT = 2**20, 2**32  # bytes of a .json file, and of any other, that are taken from a server
_COMMIT = re.compile(r"[0-9a-f]{40}")
_ETAG = re.compile(
    r"(W/)?\"?[A-Za-z0-9_-]+\"?", re.ASCII
)  # of the Hub: hashes; the client makes file names of them


class Snapshot(NamedTuple):
    """A revision of a repository in the client's cache."""

    repository: str
    commit: str
    refs: frozenset[str]
    folder: Path


class Silent(tqdm):
    """A progress bar that is not drawn."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take what `tqdm` takes."""
        super().__init__(*args, **(options | {"disable": True}))  # type: ignore[no-untyped-call]


def download(
    repository: str, file: str, revision: str, *, refresh: bool = False, progress: bool = False
) -> Path:
    """Return the path of a file in the client's cache, which is `.../snapshots/COMMIT/FILE`.

    Args:
        repository: OWNER/REPO.
        file: Path in the repository.
        revision: A branch, a tag or a commit.
        refresh: Ask the Hub even if the file is in the cache, since a branch may have moved.
        progress: Let the client draw its bar if there is a terminal.

    Raises:
        HubError: if the Hub refuses, or cannot be reached.
    """
    with _one_line(f"{repository}@{revision}", file):
        if not refresh:
            with contextlib.suppress(errors.LocalEntryNotFoundError):
                return _inside(
                    client.hf_hub_download(repository, file, revision=revision, local_files_only=True)
                )
        commit(repository, file, revision)  # fails at once, where hf_hub_download would try for 23 s
        bar = tqdm if progress else Silent
        return _inside(client.hf_hub_download(repository, file, revision=revision, tqdm_class=bar))


def commit(repository: str, file: str, revision: str) -> str:
    """Ask the Hub which commit a branch or tag is now, by a file that has to be there.

    Raises:
        HubError: if the Hub refuses, or cannot be reached.
    """
    with _one_line(f"{repository}@{revision}", file):
        url = client.hf_hub_url(repository, file, revision=revision)
        return client.get_hf_file_metadata(url).commit_hash or _distrusted(url, "X-Repo-Commit", "")


def upload(repository: str, files: Mapping[str, Path | bytes], message: str, *, private: bool) -> str:
    """Commit files to a repository, which is made if it is not there, and return its URL.

    Args:
        repository: OWNER/REPO.
        files: Path in the repository to a local file or the contents.
        message: Of the commit.
        private: Whether a new repository is private.

    Raises:
        HubError: if the Hub refuses, or cannot be reached.
    """
    with _one_line(repository):
        if client.get_token() is None:
            raise HubError(f"{repository}: uploading needs a token; run `hf auth login` or set HF_TOKEN")
        api = client.HfApi(library_name="colourise")
        url = api.create_repo(repository, private=private, exist_ok=True)
        additions = [client.CommitOperationAdd(path, contents) for path, contents in files.items()]
        api.create_commit(repository, additions, commit_message=message)
        return str(url)


def cached() -> list[Snapshot]:
    """Return the revisions in the client's cache."""
    try:
        repositories = client.scan_cache_dir(constants.HF_HUB_CACHE).repos
    except errors.CacheNotFound:
        return []
    return [
        Snapshot(repository.repo_id, revision.commit_hash, revision.refs, revision.snapshot_path)
        for repository in repositories
        for revision in repository.revisions
    ]


def discard(file: Path) -> None:
    """Take a bad file out of the client's cache: the snapshot's link and, if it is in the cache, its blob."""
    blob = file.resolve()
    file.unlink()
    if blob.is_relative_to(Path(constants.HF_HUB_CACHE).resolve()):
        blob.unlink(missing_ok=True)


def _inside(file: str) -> Path:
    """Return the path of a file that was downloaded, unless it leads out of the client's cache.

    Raises:
        HubError: it does.
    """
    path, cache = Path(file), Path(constants.HF_HUB_CACHE)
    if not path.resolve().is_relative_to(cache.resolve()):
        raise HubError("leads out of the cache; delete it", path=file)
    return path


def _check_response(response: Any) -> None:
    """Refuse a response whose headers would lead the client out of its cache, or whose body has no end.

    Raises:
        HubError: naming the header.
    """
    headers, url = response.headers, str(response.request.url)
    for name, form in (
        ("X-Repo-Commit", _COMMIT),
        ("ETag", _ETAG),
        ("X-Linked-ETag", _ETAG),
        ("Content-Length", re.compile(r"\d{1,15}", re.ASCII)),
        ("X-Linked-Size", re.compile(r"\d{1,15}", re.ASCII)),
    ):
        if name in headers and not form.fullmatch(headers[name]):
            _distrusted(url, name, headers[name])
    limit = CARD_LIMIT if response.request.url.path.endswith(".json") else FILE_LIMIT
    for name in ("Content-Length", "X-Linked-Size"):
        if int(headers.get(name, 0)) > limit:
            _distrusted(url, name, headers[name])
    response.stream = _Limited(response.stream, limit, url.partition("?")[0])


def _distrusted(url: str, header: str, value: str) -> NoReturn:
    raise HubError(
        f"the server answers with {header} {printable(value)[:60]!r}, which the Hugging Face Hub never does; "
        "do not trust it",
        path=url.partition("?")[0],
    )


class _Limited(_httpx.SyncByteStream):  # type: ignore[misc]
    """The body of a response, up to a limit."""

    def __init__(self, stream: Any, limit: int, url: str) -> None:
        self.stream, self.left, self.url = stream, limit, url

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.stream:
            self.left -= len(chunk)
            if self.left < 0:
                raise HubError(
                    "sends more than such a file has; do not trust the server",
                    path=self.url.partition("?")[0],
                )
            yield chunk

    def close(self) -> None:
        self.stream.close()


@contextlib.contextmanager
def _one_line(what: str, file: str = "") -> Iterator[None]:
    """Hush the client's log, and turn its errors into one line each."""
    log = logging.getLogger("huggingface_hub")
    level = log.level
    log.setLevel(logging.ERROR)
    hooks = client.get_session().event_hooks
    if _check_response not in hooks["response"]:
        client.get_session().event_hooks = hooks | {"response": [*hooks["response"], _check_response]}
    try:
        yield
    except errors.GatedRepoError as err:  # a RepositoryNotFoundError: has to come first
        raise HubError(f"{what}: gated; ask for access on its page, then run `hf auth login`") from err
    except errors.RepositoryNotFoundError as err:
        hint = "check the spelling, or run `hf auth login` if it is private"
        raise HubError(f"{what}: no such repository on the Hub, nor such a path here; {hint}") from err
    except errors.RevisionNotFoundError as err:
        raise HubError(f"{what}: the repository has no such revision; leave it out or name another") from err
    except errors.RemoteEntryNotFoundError as err:
        raise HubError(
            f"{what}: has no {file}, so it is not a whole model of colourise; try another"
        ) from err
    except errors.HFValidationError as err:
        raise HubError(f"{what}: not a name on the Hub; they are OWNER/REPO[@REVISION]") from err
    except errors.OfflineModeIsEnabled as err:
        raise HubError(
            f"{what}: not on this machine, and HF_HUB_OFFLINE is set; unset it to download"
        ) from err
    except errors.HfHubHTTPError as err:
        status = err.response.status_code
        hint = "log in with `hf auth login`" if status in (401, 403) else "try again later"
        raise HubError(f"{what}: the Hub answered {status} {err.response.reason_phrase}; {hint}") from err
    except (HTTPError, OSError, RuntimeError) as err:  # OSError: a full disk too; RuntimeError: Xet, uploads
        cause = err.__cause__ if isinstance(err, RuntimeError) and err.__cause__ else err
        reason = str(cause).partition("\n")[0] or type(cause).__name__
        hint = "check the connection and try again; `colourise weights` lists what needs none"
        raise HubError(f"{what}: the transfer failed ({reason}); {hint}") from err
    finally:
        log.setLevel(level)
