#!/usr/bin/env python3
"""Fails when the documentation points at nothing, or a format has no code that claims it.

usage: check_docs.py ROOT            (CTest runs it as `checks: docs`)

Every relative link of a Markdown file resolves, its #anchor included; every page of docs/formats and
docs/protocol is named by a header or a schema; every docs/… path that a source file names exists;
decisions are numbered without gaps; README.md and CHANGELOG.md are there.

Code of the guide is cut from programs that run: a C++ block in docs/guide stands under a comment
    <!-- from: examples/word_count/main.cpp -->
and each of its parts, separated by lines that hold only `// …`, is in that file word for word.
"""
import pathlib
import re
import sys

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^#+\s+(.*?)\s*#*$", re.MULTILINE)
DOC_PATH = re.compile(r"\bdocs/[\w./-]+\.md\b")
CPP_BLOCK = re.compile(r"(?:<!-- from: (\S+) -->\n)?^```cpp\n(.*?)^```", re.MULTILINE | re.DOTALL)
CUT = re.compile(r"^\s*// …\s*$", re.MULTILINE)
SKIP = ("build", ".git")


def anchors(text):
    """The anchors that a Markdown renderer gives to the headings of a page."""
    result = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = 1
        unique = name
        while unique in result:
            unique = f"{name}-{count}"
            count += 1
        result.add(unique)
    return result


def walk(root, pattern):
    found = []
    for top in sorted(root.iterdir()) if root.is_dir() else ():
        if top.is_file():
            found += [top] if top.match(pattern) else []
        elif top.name not in SKIP:  # not even looked into: a build may hold another system's /proc
            found += top.rglob(pattern)
    for file in sorted(found):
        if "CMakeFiles" not in file.relative_to(root).parts:
            yield file


def link_problems(root, page):
    text = page.read_text(encoding="utf-8")
    for target in LINK.findall(CODE_SPAN.sub("", FENCE.sub("", text))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        goal = page if not path else (root / path[1:] if path[0] == "/" else page.parent / path)
        if not goal.exists():
            yield f"links to {target}, which is not there"
        elif anchor and goal.suffix == ".md":
            if anchor not in anchors(goal.read_text(encoding="utf-8")):
                yield f"links to {target}, but {goal.name} has no such heading"


def source_problems(root):
    named = set()
    for top in ("streams", "dsl", "actors", "kafka", "launch", "tools", "examples"):
        for pattern in ("*.hpp", "*.cpp", "*.capnp"):
            for file in walk(root / top, pattern):
                for path in DOC_PATH.findall(file.read_text(encoding="utf-8")):
                    if not (root / path).exists():
                        yield f"{file.relative_to(root)}: names {path}, which is not there"
                    elif file.suffix != ".cpp":
                        named.add(path)
    for folder in ("docs/formats", "docs/protocol"):
        for page in sorted((root / folder).glob("*.md")):
            path = page.relative_to(root).as_posix()
            if page.name != "README.md" and path not in named:
                yield f"{path}: no header names this page"


def squeezed(text):
    """The text with any run of spaces and line ends as one space: indentation does not count."""
    return " ".join(text.split())


def excerpt_problems(root):
    for page in walk(root, "*.md"):
        path = page.relative_to(root).as_posix()
        for source, code in CPP_BLOCK.findall(page.read_text(encoding="utf-8")):
            if not source:
                if path.startswith("docs/guide/"):
                    yield f"{path}: a C++ block does not say where it is from: {code[:40]!r}"
                continue
            if not (root / source).exists():
                yield f"{path}: shows code from {source}, which is not there"
                continue
            whole = squeezed((root / source).read_text(encoding="utf-8"))
            for part in CUT.split(code):
                if squeezed(part) not in whole:
                    yield f"{path}: this is not in {source}: {part.strip()[:60]!r}"


def decision_problems(root):
    pages = sorted((root / "docs/decisions").glob("[0-9]*.md"))
    for expected, page in enumerate(pages, 1):
        if not page.name.startswith(f"{expected:04}-"):
            yield f"docs/decisions/{page.name}: number {expected:04} is missing or taken twice"
            return


def problems(root):
    for name in ("README.md", "CHANGELOG.md"):
        if not (root / name).exists():
            yield f"{name}: is missing"
    for page in walk(root, "*.md"):
        for reason in link_problems(root, page):
            yield f"{page.relative_to(root)}: {reason}"
    yield from source_problems(root)
    yield from excerpt_problems(root)
    yield from decision_problems(root)


def main(root):
    found = list(problems(pathlib.Path(root)))
    print("\n".join(found) or "documentation: links, pages and numbers are in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
