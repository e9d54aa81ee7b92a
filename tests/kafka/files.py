#!/usr/bin/env python3
"""Log files between Apache Kafka and Penstock, both ways, with Kafka's own programs.

    PENSTOCK_PEERS=FOLDER python3 tests/kafka/files.py PENSTOCK

The folder's `kafka/` starts and runs Apache Kafka.  Skipped (status 77) without it, without Java, or when
Kafka cannot be fetched.
"""
import glob
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

SKIPPED = 77
PENSTOCK = PEER = HOME = ""
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
HERE = os.path.dirname(os.path.abspath(__file__))


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=300, **options)


def penstock(*words, stdin=None):
    done = run(PENSTOCK, *words, input=stdin)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


def kafka_tool(*words):
    return run(os.path.join(PEER, "kafka-tool"), *words)


def free_port():
    """A port of loopback that has a free one above it: Kafka takes both."""
    for _ in range(100):
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            try:
                two.bind(("127.0.0.1", one.getsockname()[1] + 1))
            except OSError:
                continue
            return one.getsockname()[1]
    raise RuntimeError("no two free ports")


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="penstock-kafka-")
        self.on = os.path.join(self.folder, "data")

    def tearDown(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def test_kafka_reads_what_we_wrote(self):
        lines = {codec: [f"{codec} line {n} " + "x" * (n % 700) for n in range(4000)] for codec in CODECS}
        for codec in CODECS:
            penstock("topic", "create", codec, "--partitions", "1", "--set",
                     "compression.type=" + codec.replace("none", "uncompressed"),
                     "--set", "segment.bytes=1MiB", "--on", self.on)
            penstock("produce", codec, "--on", self.on, stdin="".join(line + "\n" for line in lines[codec]))
        segments = 0
        for codec in CODECS:
            files = sorted(glob.glob(f"{self.on}/{codec}-0/*.log"))
            segments += len(files)
            done = kafka_tool("dump-log", "--deep-iteration", "--print-data-log", "--files", ",".join(files))
            # Kafka's tool says the same of its own files that do not begin at offset 0.
            complaints = re.sub(r"Non-consecutive offsets in .*\n( +-1 is followed by \d+\n)", "", done.stderr)
            self.assertEqual((done.returncode, complaints), (0, ""), codec)
            batches = re.findall(r"compresscodec: (\w+).* isvalid: (\w+)", done.stdout)
            self.assertEqual({each.lower() for each, _ in batches}, {codec})
            self.assertEqual({valid for _, valid in batches}, {"true"})
            self.assertEqual(re.findall(r" payload: (.*)", done.stdout), lines[codec])
        self.assertGreater(segments, len(CODECS))
        self.check_side_files()

    def check_side_files(self):
        side = [name for kind in ("index", "timeindex", "snapshot")
                for name in sorted(glob.glob(f"{self.on}/*-0/*.{kind}")) if "/__" not in name]
        for kind in (".index", ".timeindex", ".snapshot"):
            self.assertTrue(any(name.endswith(kind) for name in side), kind)
        done = kafka_tool("dump-log", "--files", ",".join(side))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for complaint in ("Mismatches", "Found timestamp", "out of order", "do not belong", "corrupt"):
            self.assertNotIn(complaint, done.stdout)
        self.assertIn("producerId:", done.stdout)

    def test_we_read_what_kafka_wrote(self):
        port, kafka = free_port(), os.path.join(self.folder, "kafka")
        up = run(os.path.join(PEER, "kafka-up"), str(port), kafka)
        try:
            self.assertEqual(up.returncode, 0, up.stderr)
            wrote = run("java", "-Xmx256M", f"-Dlog4j2.configurationFile={PEER}/log4j2-tools.properties", "-cp",
                        f"{HOME}/libs/*", os.path.join(HERE, "WriteTopics.java"), f"127.0.0.1:{port}", "theirs")
            self.assertEqual(wrote.returncode, 0, wrote.stderr)
        finally:
            run(os.path.join(PEER, "kafka-down"), kafka)
        dump = penstock("log", "dump", "--records", *[word for name in sorted(glob.glob(f"{kafka}/data/theirs-0/*.log"))
                                                     for word in ("--file", name)])
        self.assertNotIn("isvalid: false", dump)
        expected = [line.split("\t") for line in wrote.stdout.splitlines()]
        shown = re.findall(r"^\| offset: (\d+) CreateTime: (\d+) .*?\](?: key: (.*?))?(?: payload: ?(.*))?$", dump, re.M)
        data = [each for each in shown if each[0] in {line[1] for line in expected}]
        self.assertEqual([each[0] for each in data], [line[1] for line in expected])
        self.assertEqual([each[1] for each in data], [line[2] for line in expected])
        self.assertEqual([each[2] for each in data], [line[3].replace("\\N", "") for line in expected])
        self.assertEqual([each[3] for each in data], [line[4].replace("\\N", "") for line in expected])


def main():
    global PENSTOCK, PEER, HOME
    if not os.environ.get("PENSTOCK_PEERS"):
        skip("PENSTOCK_PEERS is not set")
    PENSTOCK, PEER = sys.argv[1], os.path.join(os.environ["PENSTOCK_PEERS"], "kafka")
    for program in ("java", "mvn"):
        if not shutil.which(program):
            skip(f"there is no {program}")
    HOME = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "penstock/kafka-peer")
    os.environ["KAFKA_PEER_HOME"] = HOME
    if not os.path.isdir(os.path.join(HOME, "libs")):
        os.makedirs(HOME, exist_ok=True)
        try:
            fetched = run(os.path.join(PEER, "kafka-fetch"))
            why = fetched.stderr[-500:] if fetched.returncode != 0 else ""
        except subprocess.TimeoutExpired:
            why = "it takes too long"
        if why or not os.path.isdir(os.path.join(HOME, "libs")):
            shutil.rmtree(HOME, ignore_errors=True)
            skip(f"Kafka cannot be fetched: {why}")
    unittest.main(argv=sys.argv[:1], verbosity=2)


main()
