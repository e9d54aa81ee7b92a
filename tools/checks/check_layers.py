#!/usr/bin/env python3
"""Fails when a file includes something that its layer may not see.

usage: check_layers.py ROOT          (CTest runs it as `checks: layers`)

The table is the dependency direction of docs/architecture.md, written once and executed: a layer
is the longest folder name in LAYERS that a file lies in, and it may include itself and what its row
names.  Folders that no row names (tools, examples, tests, bench) may include anything.
"""
import pathlib
import re
import sys

BASE, RECORD, LOG, TOPIC, PLAN, STATE, OPERATORS, LOGS, CONNECT, REPLICATION = (
    "streams/" + name for name in
    ("base", "record", "log", "topic", "plan", "state", "operators", "logs", "connect",
     "replication"))

LAYERS = {
    BASE: (),
    RECORD: (BASE,),
    LOG: (BASE, RECORD),
    TOPIC: (BASE, RECORD, "streams/log/settings.hpp"),  # the settings alone, not the log
    PLAN: (BASE, RECORD, "streams/logs/multiline.hpp"),  # what a source is to do, not its parsers
    STATE: (BASE, RECORD, LOG, PLAN),
    OPERATORS: (BASE, RECORD, PLAN, STATE),
    LOGS: (BASE, RECORD),
    CONNECT: (BASE, RECORD, LOGS, "streams/plan/sink_options.hpp"),  # the options, not the plan
    REPLICATION: (BASE, RECORD, LOG),
    "streams": (),
    "dsl": (BASE, RECORD, PLAN, STATE, OPERATORS, LOGS, TOPIC),
    "actors": ("streams",),
    "kafka/protocol": (BASE, RECORD),
    "kafka": ("actors", "streams"),
    "launch": ("streams", "dsl", "actors", "kafka"),
}
OURS = ("streams", "dsl", "actors", "kafka", "launch", "tools", "examples", "tests", "bench")

# Foreign headers: pattern -> the only places that may include them (None of ours elsewhere).
FOREIGN = (
    (r"(caf|capnp|kj)/", ("actors", "kafka", "launch")),
    (r"boost/(asio|beast)", ("actors", "kafka", "launch")),
    (r"(sys/(socket|epoll|un)|netinet/.*|arpa/inet|netdb)\.h$", ("actors", "kafka", "launch")),
    (r"(thread|future|condition_variable|pthread\.h)$", ("actors", "kafka", "launch")),
    (r"boost/filesystem", (BASE,)),
    (r"librdkafka/", ("kafka", "launch")),
)
NEVER = (r"caf/all\.hpp$",)  # 2.3 seconds and 290 MB in every file that sees it

INCLUDE = re.compile(r'\s*#\s*include\s+(["<])([^">]+)[">]')


def inside(path, folder):
    return path == folder or path.startswith(folder + "/")


def layer_of(path):
    """The layer that a path belongs to, or None for folders that may include anything."""
    return max((name for name in LAYERS if inside(path, name)), key=len, default=None)


def complaint(here, target):
    """Why a file of layer `here` must not include `target`, or None when it may."""
    if any(re.match(pattern, target) for pattern in NEVER):
        return f"nobody includes {target}: name the headers that you need"
    if any(inside(target, top) for top in OURS):
        if not any(inside(target, folder) for folder in (here, *LAYERS[here])):
            return f"{here} must not include {target}"
    for pattern, places in FOREIGN:
        if re.match(pattern, target) and not any(inside(here, place) for place in places):
            return f"{here} must not include {target}"
    return None


def problems(path, text):
    """All complaints about one file: a list of (line number, reason)."""
    here = layer_of(path)
    if here is None:
        return []
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        include = INCLUDE.match(line)
        if not include:
            continue
        quote, target = include.groups()
        if quote == '"' and not any(inside(target, top) for top in OURS):
            found.append((number, f'"{target}" is not a path from the root: others take <…>'))
        elif reason := complaint(here, target):
            found.append((number, reason))
    return found


def main(root):
    root = pathlib.Path(root)
    bad = 0
    for top in sorted({name.split("/")[0] for name in LAYERS}):
        for file in sorted((root / top).rglob("*.[ch]pp")):
            path = file.relative_to(root).as_posix()
            for number, reason in problems(path, file.read_text(encoding="utf-8")):
                print(f"{path}:{number}: {reason}")
                bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
