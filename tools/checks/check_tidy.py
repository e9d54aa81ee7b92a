#!/usr/bin/env python3
"""Fails when a file breaks one of the house rules that a machine can see.

usage: check_tidy.py ROOT            (CTest runs it as `checks: tidy`)

Looks at the files that git tracks, or would track.  The rules: no file over 800 lines, no line over
100 columns in C++, no tabs, no trailing space, no fix-me marks, no file or folder with a name that
says nothing; a header has #pragma once and opens with a paragraph; and the engine takes time, randomness
and disk only through the interfaces of streams/base.
"""
import pathlib
import re
import shutil
import subprocess
import sys

LINES_MAX = 800
COLUMNS_MAX = 100
BANNED_NAMES = {"utils", "util", "common", "helpers", "helper", "misc", "manager", "impl"}
TEXT = {".hpp", ".cpp", ".py", ".capnp", ".cmake", ".sh", ".txt", ".json", ".md", ".yaml", ""}
CPP = {".hpp", ".cpp"}
MARK = "FIX" + "ME"
DATA = re.compile(r"tests/(golden|fuzz/corpus)/|(^|/)expected|LICENSE$")

# Only streams/base may touch the world; the rest of the engine asks its interfaces.  launch/ is the
# edge that owns terminal and process, and may.
ENGINE = ("streams/", "actors/", "dsl/")
WORLD = (
    (re.compile(r"\bthis_thread::sleep|\b(u|nano)sleep\s*\("), "sleeps; wait for an event or a timer"),
    (re.compile(r"\b(system|steady|high_resolution)_clock::now"), "reads a clock; take a `clock`"),
    (re.compile(r"\b(gettimeofday|clock_gettime|time)\s*\(\s*(nullptr|NULL|0|CLOCK_)"),
     "reads a clock; take a `clock`"),
    (re.compile(r"\brandom_device\b|\bs?rand\s*\(\s*\)"), "draws chance; take a `random`"),
    (re.compile(r"\b[io]?fstream\b|\bf(open|write|read)\s*\("), "touches a file; take a `disk`"),
)
# Tests of the pure parts may not depend on time or threads either.
PURE_TESTS = ("tests/streams/", "tests/dsl/")
WAITING = re.compile(r"\bthis_thread::sleep|\bstd::j?thread\b")

COMMENT = re.compile(r"//.*$")
STRING = re.compile(r'"(\\.|[^"\\])*"')


def code_only(line):
    """The line without strings and comments, so that prose may say `fopen`."""
    return COMMENT.sub("", STRING.sub('""', line))


def world_complaints(path, number, line):
    code = code_only(line)
    if path.startswith(ENGINE) and not path.startswith("streams/base/"):
        for pattern, reason in WORLD:
            if pattern.search(code) and "tidy: allow" not in line:
                yield number, reason
    if path.startswith(PURE_TESTS) and WAITING.search(code):
        yield number, "waits or starts a thread in a test of a pure part"


def header_complaints(lines):
    opening = []
    for line in lines:
        if line.startswith(("#include", "namespace")):
            break
        opening.append(line)
    if "#pragma once" not in opening:
        yield 1, "a header has #pragma once before anything else happens"
    if not any(line.startswith("//") for line in opening):
        yield 1, "a header opens with a paragraph: what it is, where in the flow, who calls it"


def problems(path, text):
    """All complaints about one file: a list of (line number, reason)."""
    name = pathlib.PurePosixPath(path)
    found = []
    for part in (*name.parent.parts, name.name.split(".")[0]):
        if part in BANNED_NAMES:
            found.append((0, f'"{part}" says nothing; name what it holds'))
    if DATA.search(path) or name.suffix not in TEXT:
        return found
    lines = text.splitlines()
    if len(lines) > LINES_MAX and name.suffix != ".md":
        found.append((LINES_MAX, f"has {len(lines)} lines; {LINES_MAX} are the limit"))
    for number, line in enumerate(lines, 1):
        if "\t" in line:
            found.append((number, "has a tab"))
        if line != line.rstrip():
            found.append((number, "has a space at its end"))
        if MARK in line:
            found.append((number, f"{MARK} does not merge: fix it or say TODO(soon)"))
        if name.suffix in CPP and len(line) > COLUMNS_MAX:
            found.append((number, f"has {len(line)} columns; {COLUMNS_MAX} are the limit"))
        if name.suffix in CPP:
            found.extend(world_complaints(path, number, line))
    if name.suffix == ".hpp":
        found.extend(header_complaints(lines))
    return found


def files(root):
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if shutil.which("git"):
        listed = subprocess.run(listing, cwd=root, capture_output=True, check=False)
        if listed.returncode == 0:
            return [name for name in listed.stdout.decode().split("\0") if name]
    everything = (file.relative_to(root).as_posix() for file in pathlib.Path(root).rglob("*"))
    return [name for name in everything if not name.startswith(("build/", ".git/"))]


def main(root):
    bad = 0
    for path in sorted(files(root)):
        file = pathlib.Path(root, path)
        if not file.is_file() or file.is_symlink():
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a binary file: only tests have them
        for number, reason in problems(path, text):
            print(f"{path}:{number}: {reason}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
