#!/usr/bin/env python3
"""`penstock node` as Kafka's clients see it: kcat produces, consumes and shares groups."""
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
import unittest

import harness
from harness import NOT_FOUND, OK, PATIENCE, REFUSED, ToolTest

CONFIG = os.path.join(os.path.dirname(__file__), "..", "..", "config", "server.properties")


class Node(ToolTest):
    def start_node(self, *overrides):
        """A node on a free port, with the settings of the tree's own file."""
        words = ["node", "--config", CONFIG, "--override", f"log.dirs={self.on}",
                 "--override", "listeners=PLAINTEXT://127.0.0.1:0",
                 "--override", "advertised.listeners=PLAINTEXT://127.0.0.1:0"]
        for each in overrides:
            words += ["--override", each]
        began = time.monotonic()
        self.node = subprocess.Popen([harness.PROGRAM, *words], stdin=subprocess.DEVNULL,
                                     stderr=subprocess.PIPE, text=True)
        self.running.append(self.node)
        line = self.node.stderr.readline()
        found = re.search(r"serves clients on (\S+):(\d+)", line)
        self.assertTrue(found, line)
        self.port = int(found[2])
        return time.monotonic() - began

    def stop_node(self):
        self.node.send_signal(signal.SIGTERM)
        self.assertEqual(self.node.wait(PATIENCE), OK)

    def kcat(self, *words, stdin=""):
        done = subprocess.run(["kcat", "-b", f"127.0.0.1:{self.port}", "-m", "30", *words],
                              input=stdin, capture_output=True, text=True, timeout=PATIENCE,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def read(self, topic, *more):
        return self.kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q", *more).splitlines()


@unittest.skipUnless(shutil.which("kcat"), "kcat is not installed")
class Kcat(Node):
    def test_what_is_produced_is_consumed_after_a_restart_too(self):
        self.start_node()
        lines = [f"line {n}" for n in range(1000)]
        self.kcat("-P", "-t", "lines", stdin="\n".join(lines) + "\n")
        self.assertEqual(self.read("lines"), lines)
        self.assertIn('topic "lines" with 1 partitions', self.kcat("-L"))
        self.stop_node()
        self.start_node()
        self.assertEqual(self.read("lines"), lines)
        self.stop_node()

    def test_every_compression_arrives(self):
        self.start_node()
        lines = [f"line {n}" for n in range(500)]
        for codec in ("gzip", "snappy", "lz4", "zstd"):
            with self.subTest(codec=codec):
                self.kcat("-P", "-t", codec, "-z", codec, stdin="\n".join(lines) + "\n")
                self.assertEqual(self.read(codec), lines)

    def test_a_group_goes_on_where_it_was(self):
        self.start_node("num.partitions=3")
        self.kcat("-P", "-t", "t", "-K:", stdin="".join(f"{n}:{n}\n" for n in range(100)))
        group = ("-G", "g", "-X", "auto.offset.reset=earliest", "-e", "-q", "t")
        self.assertEqual(sorted(map(int, self.kcat(*group).split())), list(range(100)))
        self.kcat("-P", "-t", "t", stdin="more\n")
        self.assertEqual(self.kcat(*group).split(), ["more"])

    def test_the_members_of_a_group_are_shown_with_their_hosts(self):
        self.start_node()
        self.kcat("-P", "-t", "t", stdin="one\n")
        member = subprocess.Popen(
            ["kcat", "-b", f"127.0.0.1:{self.port}", "-G", "g", "-X", "client.id=me",
             "-X", "auto.offset.reset=earliest", "-q", "-u", "t"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.running.append(member)
        self.assertEqual(member.stdout.readline(), "one\n")
        describe = (harness.PROGRAM, "kafka-consumer-groups", "--bootstrap-server",
                    f"127.0.0.1:{self.port}", "--describe", "--group", "g")
        for more, at in ((("--members",), 2), ((), 7)):
            shown = subprocess.run([*describe, *more], capture_output=True, text=True,
                                   timeout=PATIENCE, check=True).stdout.split("\n")
            rows = [line.split() for line in shown if line]
            self.assertEqual(rows[0][at:at + 2], ["HOST", "CLIENT-ID"])
            self.assertEqual(rows[1][at:at + 2], ["/127.0.0.1", "me"])

    def test_an_idempotent_producer_and_keys_and_headers(self):
        self.start_node()
        self.kcat("-P", "-t", "t", "-K:", "-H", "a=1", "-X", "enable.idempotence=true",
                  stdin="k:v\n")
        self.assertEqual(self.read("t", "-f", "%k|%s|%h|%o\n"), ["k|v|a=1|0"])

    def test_the_tool_reads_what_clients_wrote(self):
        self.start_node()
        self.kcat("-P", "-t", "t", stdin="one\ntwo\n")
        self.assertEqual(self.consumed("t").lines, ["one", "two"])


class Strangers(Node):
    def send(self, content):
        """What comes back until the node closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
            client.sendall(content)
            client.settimeout(PATIENCE)
            try:
                return client.recv(100)
            except ConnectionError:
                return b""

    def test_a_stranger_is_closed_and_others_are_served(self):
        self.start_node()
        for content in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
                        struct.pack(">i", -1), struct.pack(">i", 0), struct.pack(">i", 2**31 - 1),
                        struct.pack(">ihhih", 10, 999, 0, 1, -1),
                        struct.pack(">ihhihi", 14, 3, 1, 1, -1, 2**31 - 1)):
            with self.subTest(content=content):
                self.assertEqual(self.send(content), b"")
        # ApiVersions in version 0.
        self.assertEqual(self.send(struct.pack(">ihhih", 10, 18, 0, 7, -1))[4:10],
                         struct.pack(">ih", 7, 0))
        self.stop_node()


class Configuration(Node):
    def config(self, text):
        path = os.path.join(self.folder, "node.properties")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def test_a_value_that_cannot_be_is_refused_with_its_line(self):
        for text, says in (("a=b\nnum.partitions=x\n", "line 2: num.partitions"),
                           ("listeners=SSL://:1\n", "PLAINTEXT"),
                           ("process.roles=broker\n", "broker,controller"),
                           ("log.cleanup.policy=burn\n", "line 1"),
                           ("log.dirs=/a,/b\n", "one folder")):
            with self.subTest(text=text):
                self.refused(REFUSED, "node", "--config", self.config(text), says=says)
        self.refused(NOT_FOUND, "node", "--config", "/no/such/file", says="/no/such/file")

    def test_an_unknown_name_is_warned_of(self):
        path = self.config(f"nmu.partitions=3\nlog.dirs={self.on}\nnum.io.threads=8\n"
                           "listeners=PLAINTEXT://127.0.0.1:0\n")
        node = subprocess.Popen([harness.PROGRAM, "node", "--config", path], text=True,
                                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.running.append(node)
        self.assertIn("line 1: nmu.partitions", node.stderr.readline())
        self.assertIn("serves clients", node.stderr.readline())
        node.send_signal(signal.SIGTERM)
        self.assertEqual(node.wait(PATIENCE), OK)

    def test_a_directory_belongs_to_its_node(self):
        self.start_node()
        self.stop_node()
        self.refused(REFUSED, "node", "--config", CONFIG, "--override", f"log.dirs={self.on}",
                     "--override", "node.id=2", "--override", "listeners=PLAINTEXT://127.0.0.1:0",
                     says=("belongs to node 1", "node.id"))


if __name__ == "__main__":
    harness.main()
