#!/usr/bin/env python3
"""Passes when a C++ file is refused by the compiler, with the words that the file expects.

usage: expect_error.py FILE COMPILER [FLAGS…]

The file names its expectations in comments, each a regular expression, in order of importance:
    // expect-error: this value type has no serde
    // expect-lines: 20
`expect-error` must match the compiler's first error line (or one of the notes right under it, up to
the next error); `expect-lines`, if given, is the most lines that the compiler may print.  With
    // expect-success
the file must compile: the twin that proves that only the mistake is refused.
"""
import re
import subprocess
import sys


def first_error(output):
    """The compiler's lines from the first error to the one before the second."""
    lines = output.splitlines()
    starts = [i for i, line in enumerate(lines) if re.search(r"\berror:", line)]
    if not starts:
        return ""
    end = starts[1] if len(starts) > 1 else len(lines)
    return "\n".join(lines[starts[0]:end])


def verdict(text, status, output):
    """None when the compiler did what the file expects, or else what it did instead."""
    if "// expect-success" in text:
        return None if status == 0 else "must compile, but was refused"
    expected = re.findall(r"^// expect-error: (.*)$", text, re.MULTILINE)
    if not expected:
        return "says neither expect-error nor expect-success"
    if status == 0:
        return "compiles, but must not"
    error = first_error(output)
    for pattern in expected:
        if not re.search(pattern, error):
            return f"the first error does not say: {pattern}"
    limit = re.search(r"^// expect-lines: (\d+)$", text, re.MULTILINE)
    printed = len(output.splitlines())
    if limit and printed > int(limit.group(1)):
        return f"the compiler prints {printed} lines, at most {limit.group(1)} are expected"
    return None


def main(file, command):
    with open(file, encoding="utf-8") as source:
        text = source.read()
    done = subprocess.run([*command, "-fsyntax-only", "-fdiagnostics-color=never", file],
                          capture_output=True, text=True, check=False)
    wrong = verdict(text, done.returncode, done.stderr)
    print(done.stderr[:8000])
    print(wrong or "as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
