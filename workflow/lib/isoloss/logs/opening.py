"""Opens a log file for reading: decompressed by content, UTF-16 turned into UTF-8, bounded."""

import bz2
import codecs
import lzma
import os
import re
import stat
import tempfile
import zlib
from collections.abc import Callable, Generator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa

from isoloss.logs.records import LogError

HEAD = 1 << 16
# Some logs start with the source of the program.
LONG_HEAD = 1 << 20
_CHUNK = 1 << 20
_XZ_MEMORY = 1 << 27
# No training log shrinks a hundredfold; a file that does, and is large, is a decompression bomb.
_MAX_RATIO, _ALWAYS_ALLOWED = 100, 1 << 25


_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}


def _regular(path: Path) -> BinaryIO:
    """The file, opened; LogError if it is a FIFO, a device or a socket, which could wait for ever.

    Files of /proc say that they are empty, and are taken at their word.
    """
    raw = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    status = os.fstat(raw.fileno())
    if not stat.S_ISREG(status.st_mode):
        raw.close()
        raise LogError("not a regular file; copy its content to one")
    if status.st_size == 0:
        raw.close()
        return BytesIO()
    return raw


def looks_like(head: bytes) -> str:
    """What a file that is no log may be, by its first bytes; none of its words."""
    if kind := next((kind for magic, kind in _OTHERS.items() if head.startswith(magic)), None):
        return kind
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # may end in a character
    except UnicodeDecodeError:
        return "binary data"
    if not all(c.isprintable() or c in "\t\n\r\f\x1b\b" for c in text):
        return "binary data"
    if not text.strip():
        return "an empty file"
    if kind := next((kind for kind, sign in _TEXTS.items() if sign.search(text)), None):
        return kind
    if _is_program(text):
        return "a program's source"
    return f"text, in lines of about {len(text) // (text.count(chr(10)) + 1)} characters"


def _compression(start: bytes) -> str | None:
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


_OTHERS = {
    b"%PDF": "a PDF",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"PK\x03\x04": "a ZIP archive (of PyTorch, or an office document)",
    b"\x7fELF": "a program",
    b"#!": "a script",
    b"\x80": "a pickle",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file",
    b"SQLite format 3": "an SQLite database",
    b"-----BEGIN": "a key or certificate",
}


# What other texts are, by their first words; a program by three lines of its grammar.
_TEXTS = {
    "a Git LFS pointer: the log itself is not here; fetch it by `git lfs pull`": re.compile(
        r"\Aversion https://git-lfs"
    ),
    "a git-annex pointer: the log itself is not here; fetch it by `git annex get`": re.compile(
        r"\A\S{0,200}/annex/objects/"
    ),
    "a web page, as of an error or a log-in, in place of a log": re.compile(
        r"\A\s{0,999}<(?:!doctype html|html|head)\b", re.IGNORECASE
    ),
    "an XML document, as of an error, in place of a log": re.compile(r"\A\s{0,999}<\?xml\b"),
}
_CODE = re.compile(
    r"[ \t]*(?:import \w|from [\w.]+ import |(?:async )?def \w+\(|class \w+\b[^,\n]*[:{]|#include |"
    r"return\b|(?:el)?if [^\n]*:$|for \w[^\n]* in [^\n]*:$)"
)


def _is_program(text: str) -> bool:
    """Whether three lines, and one in twenty, are those of a program's source."""
    lines = text.splitlines()
    return sum(bool(_CODE.match(line)) for line in lines) >= max(3, len(lines) / 20)


class _Gzip:
    """zlib's decompressor with the manners of those of bz2 and lzma."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(zlib.MAX_WBITS | 16)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


_DECODERS: dict[str, Callable[[], Any]] = {
    "gzip": _Gzip,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY),
}


def _content(path: Path, kind: str | None) -> Iterator[bytes]:
    """The content of a file in chunks, decompressed, empty ones among them.

    EOFError where a compressed file ends too early, after all that can be read of it.
    """
    with _regular(path) as raw:
        if kind in _DECODERS:
            yield from _decoded(raw, _DECODERS[kind])
        elif kind == "zstd":
            with pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd") as source:
                while chunk := source.read(_CHUNK):
                    yield chunk
        else:
            while chunk := raw.read(_CHUNK):
                yield chunk


def _decoded(raw: BinaryIO, decoder: Callable[[], Any]) -> Iterator[bytes]:
    """The streams of a file, one after the other; NULs after one of them are padding."""
    rest = b""
    while rest := rest or raw.read(_CHUNK):
        stream = decoder()
        while not stream.eof:
            if stream.needs_input and not rest and not (rest := raw.read(_CHUNK)):
                raise EOFError
            yield stream.decompress(rest, _CHUNK)
            rest = b""
        rest = stream.unused_data.lstrip(b"\0")


def _utf16(head: bytes) -> str | None:
    """The UTF-16 flavour of a text, told by its byte order mark or by where its zero bytes are."""
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    even, odd = head[0:512:2], head[1:512:2]
    if len(odd) >= 32:
        if odd.count(0) > 0.9 * len(odd) and even.count(0) == 0:
            return "utf-16-le"
        if even.count(0) > 0.9 * len(even) and odd.count(0) == 0:
            return "utf-16-be"
    return None


def _bounded(
    chunks: Iterator[bytes], limit: float, notes: list[str]
) -> Generator[bytes, None, None]:
    """The chunks; a stream that ends too early (a crash) gives what it has and a note."""
    total = 0
    try:
        for chunk in chunks:
            total += len(chunk)
            if total > limit:
                raise LogError(
                    f"decompresses to more than {limit:,.0f} bytes, over {_MAX_RATIO} times its "
                    "size: a decompression bomb; decompress it by hand if it is a log"
                )
            yield chunk
    except (EOFError, OSError, zlib.error, lzma.LZMAError, pa.ArrowException) as error:
        if not isinstance(error, EOFError) and "truncated" not in str(error).lower():
            raise LogError(
                f"the compressed data are damaged after byte {total:,} of their content ({error}); "
                "decompress by hand what can be saved"
            ) from error
        notes.append(f"the compressed data end too early, after byte {total:,} of their content")


def opened(path: Path, notes: list[str] | None = None) -> BinaryIO:
    """The content of a file, seekable: gzip, bzip2, xz and zstd undone, UTF-16 as UTF-8.

    Compression is told by the first bytes, not by the name. What is decompressed goes to an
    unnamed temporary file, so that memory stays bounded; above 32 MiB and a hundred times the
    compressed size reading stops with a LogError. `notes` takes what a reader should know.
    """
    raw = _regular(path)
    first = raw.read(HEAD)
    kind = _compression(first)
    if kind is None and _utf16(first) is None:
        raw.seek(0)
        return raw
    raw.close()
    limit = max(_MAX_RATIO * path.stat().st_size, _ALWAYS_ALLOWED) if kind else float("inf")
    early: list[str] = []
    chunks = _bounded(_content(path, kind), limit, early)
    first = next(chunks, b"")
    encoding = _utf16(first[:HEAD])
    plain = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        for chunk in _recoded(first, chunks, encoding):
            plain.write(chunk)
        if early:
            _untorn(plain, early)
    except BaseException:
        plain.close()
        raise
    if notes is not None:
        notes += early
    plain.seek(0)
    return cast(BinaryIO, plain)


def _untorn(plain: Any, notes: list[str]) -> None:
    """Leave out the line of a text that breaks off, as its last number may have lost digits."""
    size = plain.tell()
    plain.seek(max(0, size - HEAD))
    tail = plain.read()
    kept = tail.rfind(b"\n") + 1
    if 0 < kept < len(tail) and b"\0" not in tail:
        plain.truncate(size - len(tail) + kept)
        notes.append("the line in which they end is left out")


def _recoded(first: bytes, rest: Iterator[bytes], encoding: str | None) -> Iterator[bytes]:
    decode = codecs.getincrementaldecoder(encoding)("replace").decode if encoding else None
    yield decode(first).encode() if decode else first
    for chunk in rest:
        yield decode(chunk).encode() if decode else chunk


def head(path: Path, size: int = HEAD) -> bytes:
    """The first bytes of the content, decompressed, as UTF-8 if it is text in UTF-16."""
    with _regular(path) as raw:
        start = raw.read(size)
    if kind := _compression(start):
        start = b""
        chunks = _bounded(_content(path, kind), float("inf"), [])
        for chunk in chunks:
            start += chunk
            if len(start) >= size:
                break
        chunks.close()
        start = start[:size]
    encoding = _utf16(start)
    if encoding:
        start = start.decode(encoding, "replace").encode()
    return start.removeprefix(codecs.BOM_UTF8)
