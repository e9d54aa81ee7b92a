#!/usr/bin/env python3
"""Compares what the pipeline has counted with what the site itself has, for `./dev demo`.

usage: compare.py SUMMARY COUNTERS PACKAGE_LOG
"""
import collections
import json
import sys


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def actions_of(path):
    """What the package log says was done, by action."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return collections.Counter(line[20:].split(" ")[0].rstrip("\n") for line in file)


def rows(found, counted, actions):
    """What is compared: a name, what the pipeline found, what is right."""
    for path in sorted(counted["paths"]):
        yield f"requests for {path}", found["paths"].get(path), counted["paths"][path]
    for status in sorted(counted["status"]):
        yield f"requests with status {status}", found["status"].get(status), counted["status"][status]
    failed = sum(n for status, n in counted["status"].items() if status >= "500")
    yield "events in topic requests", found["requests"], counted["requests"] - failed
    yield "events in topic failures", found["failures"], failed
    yield "stack traces of several lines", found["traces"], sum(counted["traces"].values())
    for language in sorted(counted["traces"]):
        yield f"  {language}", found["languages"].get(language), counted["traces"][language]
    yield "dead letters", found["garbage"], counted["garbage"]
    yield "package actions", sum(found["packages"].values()), sum(actions.values())
    for action, n in actions.most_common(3):
        yield f"  {action}", found["packages"].get(action), n


def main(summary, counters, package_log):
    found, counted = load(summary), load(counters)
    wrong = 0
    print(f"  {'':34}{'the pipeline':>14}{'the site':>12}")
    for name, have, want in rows(found, counted, actions_of(package_log)):
        mark = "" if have == want else "   DIFFERS"
        wrong += have != want
        print(f"  {name:34}{'-' if have is None else have:>14}{want:>12}{mark}")
    if not found["alerts"]:
        print("  the burst of errors raised no alert")
        wrong += 1
    else:
        print(f"  {'alerts for the burst of errors':34}{found['alerts']:>14}")
    print(f"  {'minutes and paths counted':34}{found['minutes']:>14}")
    print(f"  the access log was rotated {counted['rotations']} times")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: compare.py SUMMARY COUNTERS PACKAGE_LOG")
    sys.exit(main(*sys.argv[1:]))
