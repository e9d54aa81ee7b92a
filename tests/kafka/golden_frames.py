#!/usr/bin/env python3
"""Compares tests/golden/kafka_frames with what the message classes of Kafka's own client write now.

usage: golden_frames.py [--write]     needs Java and the kafka-clients jar in ~/.m2, else skipped

One file an API; its lines are explained in GoldenFrames.java.
"""
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "kafka" / "protocol"))
import generate  # noqa: E402  pylint: disable=wrong-import-position

SKIPPED = 77
FRAMES = ROOT / "tests" / "golden" / "kafka_frames"


def jar(group, name):
    """The newest one that Maven has brought here."""
    found = sorted(pathlib.Path.home().glob(f".m2/repository/{group}/{name}/*/{name}-*.jar"))
    return found[-1] if found else None


def theirs(jars):
    """Lines by API, as Kafka's classes write them."""
    apis = [api for table in sorted((ROOT / "kafka" / "protocol" / "tables").glob("*.txt"))
            for api in generate.parse(table)]
    asked = [f"{api.key}={api.versions.low}-{api.versions.high}" for api in apis]
    done = subprocess.run(["java", "-Xmx256M", "-cp", ":".join(map(str, jars)),
                           str(ROOT / "tests" / "kafka" / "GoldenFrames.java"), *asked],
                          capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        sys.exit(done.stderr)
    lines = {}
    for line in done.stdout.splitlines():
        name, _, rest = line.partition(" ")
        lines.setdefault(name, []).append(rest)
    assert lines.keys() == {api.name for api in apis}, lines.keys() ^ {api.name for api in apis}
    return {name: "\n".join(of) + "\n" for name, of in lines.items()}


def main(write=False):
    jars = [jar("org/apache/kafka", "kafka-clients"), jar("org/slf4j", "slf4j-api")]
    if None in jars or not shutil.which("java"):
        print("skipped: there is no Java, or no kafka-clients jar in ~/.m2")
        return SKIPPED
    made = theirs(jars)
    if write:
        shutil.rmtree(FRAMES, ignore_errors=True)
        FRAMES.mkdir(parents=True)
        for name, text in made.items():
            (FRAMES / f"{name}.txt").write_text(text, encoding="ascii")
    here = {path.stem: path.read_text(encoding="ascii") for path in FRAMES.glob("*.txt")}
    wrong = sorted(name for name in here.keys() | made.keys() if here.get(name) != made.get(name))
    print(f"{len(made)} APIs compared with {jars[0].name}: {len(wrong)} differ{': ' * bool(wrong)}{', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main("--write" in sys.argv[1:]))
