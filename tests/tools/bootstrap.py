#!/usr/bin/env python3
"""Every word over the port that Kafka's clients use, and jobs of other processes on a node."""
import os
import random
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import harness
from harness import (NOT_FOUND, OK, PATIENCE, REFUSED, UNAVAILABLE, USAGE, Done, ToolTest)

CONFIG = os.path.join(os.path.dirname(__file__), "..", "..", "config", "server.properties")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Remote(ToolTest):
    def start_node(self, port=0):
        """A node that listens on this port, or on a free one."""
        at = f"PLAINTEXT://127.0.0.1:{port}"
        node = subprocess.Popen(
            [harness.PROGRAM, "node", "--config", CONFIG, "--override", f"log.dirs={self.on}",
             "--override", f"listeners={at}", "--override", f"advertised.listeners={at}"],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.running.append(node)
        line = node.stderr.readline()
        found = re.search(r"serves clients on (\S+):(\d+)", line)
        self.assertTrue(found, line)
        self.port = int(found[2])
        self.at = f"127.0.0.1:{self.port}"
        return node

    def stop_node(self, node):
        node.send_signal(signal.SIGTERM)
        self.assertEqual(node.wait(PATIENCE), OK)

    def remote(self, *words, stdin=b"", status=OK, at=None):
        if isinstance(stdin, str):
            stdin = stdin.encode()
        done = subprocess.run([harness.PROGRAM, *words, "--bootstrap", at or self.at], input=stdin,
                              capture_output=True, timeout=PATIENCE, check=False)
        done = Done(done.returncode, done.stdout, done.stderr.decode())
        self.assertEqual(done.status, status, f"{words}: {done.err}{done.text}")
        return done

    def remote_refused(self, status, *words, says=(), at=None):
        done = self.remote(*words, status=status, at=at)
        for word in (says,) if isinstance(says, str) else says:
            self.assertIn(word, done.err)

    def start_remote(self, *words, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **options}
        process = subprocess.Popen([harness.PROGRAM, *words, "--bootstrap", self.at],
                                   stderr=subprocess.PIPE, **options)
        self.running.append(process)
        return process


class Words(Remote):
    def test_every_word_works_over_the_port(self):
        node = self.start_node()
        self.remote("topic", "create", "t", "--partitions", "2")
        self.assertIn("2 partitions", self.remote("topic", "describe", "t").text)
        self.remote("topic", "alter", "t", "--set", "retention.ms=1d")
        self.remote("produce", "t", "--key-separator", ":", stdin="a:1\nb:2\nc:3\n")
        read = self.remote("consume", "t", "--group", "g", "--count", "3", "-b", "--format",
                           "%k=%v\\n")
        self.assertEqual(sorted(read.lines), ["a=1", "b=2", "c=3"])
        self.assertIn("g", self.remote("group", "list").text)
        self.assertEqual(sum(p["lag"] for p in self.remote("--json", "group", "describe",
                                                           "g").json[0]["partitions"]), 0)
        self.remote("group", "reset", "g", "--to-beginning")
        self.remote("group", "delete", "g")
        # --on says the same.
        self.assertEqual(self.tool("topic", "list", on=f"penstock://{self.at}").lines[1].split()[0],
                         "t")
        self.remote_refused(NOT_FOUND, "job", "status", says="no job runs")
        for word in ("dump", "verify"):
            self.remote_refused(USAGE, "log", word, says="files")
        self.remote_refused(NOT_FOUND, "consume", "u", says='"u"')
        self.remote("topic", "delete", "t")
        self.stop_node(node)

    def test_wrong_addresses(self):
        self.remote_refused(USAGE, "topic", "list", at="localhost", says=("localhost", "HOST:PORT"))
        self.remote_refused(USAGE, "topic", "list", "--on", "x", at="localhost:1")
        self.remote_refused(UNAVAILABLE, "topic", "list", at=f"127.0.0.1:{free_port()}",
                            says=("refused", "is penstock node running there?"))
        # The first that answers serves.
        self.start_node()
        self.remote("topic", "list", at=f"127.0.0.1:{free_port()},{self.at}")

    def answered_by(self, answer):
        """What the tool says when somebody else listens there and answers like this."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            def serve():
                peer = server.accept()[0]
                with peer:
                    peer.recv(32)
                    peer.sendall(answer)
            thread = threading.Thread(target=serve)
            thread.start()
            done = subprocess.run([harness.PROGRAM, "topic", "list", "--bootstrap",
                                   f"127.0.0.1:{server.getsockname()[1]}"],
                                  capture_output=True, timeout=PATIENCE, check=False, text=True)
            thread.join()
        return done

    def test_somebody_else_listens_there(self):
        done = self.answered_by(b"")  # as Apache Kafka does
        self.assertEqual(done.returncode, UNAVAILABLE, done.stderr)
        self.assertIn("no Penstock node listens there", done.stderr)
        done = self.answered_by(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        self.assertNotEqual(done.returncode, OK)
        self.assertIn("does not speak Penstock's link protocol", done.stderr)
        newer = b"PENSTOCK" + struct.pack("<HHIIIQ", 7, 9, 1 << 26, 1, 1 << 26, 0)
        done = self.answered_by(newer)
        self.assertEqual(done.returncode, REFUSED, done.stderr)
        self.assertIn("versions 7 to 9", done.stderr)


class Strangers(Remote):
    def test_bytes_that_are_no_link_harm_nobody(self):
        node = self.start_node()
        hello = b"PENSTOCK" + struct.pack("<HHIIIQ", 1, 1, 1 << 26, 64, 1 << 26, 0)
        chance = random.Random(7)
        for content in (b"PENSTOCK", b"PENSTOCL" + b"x" * 100, b"PENSTOCK" + b"\xff" * 24,
                        hello + b"\xff" * 64, hello + bytes(16),
                        hello + struct.pack("<IHBBQ", 8, 9, 1, 0, 1) + b"\xff" * 8,
                        hello + struct.pack("<IHBBQ", 1 << 26, 1, 1, 0, 1),
                        hello + struct.pack("<IHBBQ", 0, 1000, 1, 0, 1),
                        *(hello + chance.randbytes(200) for _ in range(20))):
            with self.subTest(content=content[:48]):
                with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as peer:
                    peer.sendall(content)
        # A greeting that comes in pieces is one all the same.
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as peer:
            peer.settimeout(PATIENCE)
            for n in range(len(hello)):
                peer.sendall(hello[n:n + 1])
            answer = b""
            while len(answer) < 32:
                more = peer.recv(32 - len(answer))
                self.assertTrue(more)
                answer += more
            self.assertEqual(answer[:8], b"PENSTOCK")
            # The node's number as Kafka's clients see it, plus one.
            self.assertEqual(struct.unpack("<I", answer[24:28]), (2,))
        self.remote("topic", "list")
        self.stop_node(node)

    def test_too_many_links_are_told_so_and_others_are_served(self):
        self.start_node()
        hello = b"PENSTOCK" + struct.pack("<HHIIIQ", 1, 1, 1 << 26, 64, 1 << 26, 0)
        peers = []
        try:
            for _ in range(64):
                peer = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
                peer.settimeout(PATIENCE)
                peers.append(peer)
                peer.sendall(hello)
                self.assertEqual(peer.recv(8), b"PENSTOCK")
            self.remote_refused(UNAVAILABLE, "topic", "list", says="64 links")
            self.tool("topic", "list")  # the socket file has a limit of its own
            # Kafka's clients too: ApiVersions in version 0.
            with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
                client.settimeout(PATIENCE)
                client.sendall(struct.pack(">ihhih", 10, 18, 0, 7, -1))
                self.assertTrue(client.recv(4))
        finally:
            for peer in peers:
                peer.close()


class NodesThatGoAway(Remote):
    def test_a_reader_goes_on_when_the_node_is_back(self):
        node = self.start_node()
        self.remote("topic", "create", "t")
        alone = self.start_remote("consume", "t", "-b", "--count", "3")
        member = self.start_remote("consume", "t", "-b", "--count", "3", "--group", "g")
        self.remote("produce", "t", stdin="one\n")
        self.assertEqual(alone.stdout.readline(), b"one\n")
        self.assertEqual(member.stdout.readline(), b"one\n")
        node.kill()
        node.wait(PATIENCE)
        self.start_node(self.port)
        self.remote("produce", "t", stdin="two\nthree\n")
        self.assertEqual(alone.communicate(timeout=PATIENCE)[0], b"two\nthree\n")
        # What a member had not committed comes again; nothing is missing.
        rest = member.communicate(timeout=PATIENCE)[0].split()
        self.assertIn(rest, ([b"two", b"three"], [b"one", b"two"]))
        self.assertEqual((alone.returncode, member.returncode), (OK, OK))

    def test_a_writer_goes_on_and_repeats_nothing(self):
        node = self.start_node()
        self.remote("topic", "create", "t", "--partitions", "1")
        count = 40_000
        writer = self.start_remote("produce", "t", stdin=subprocess.PIPE)

        def feed():
            for n in range(count):
                writer.stdin.write(b"%d\n" % n)
            writer.stdin.close()
        feeder = threading.Thread(target=feed)
        feeder.start()
        for _ in range(2):
            time.sleep(0.2)  # somewhere on the way; every moment is right
            node.kill()
            node.wait(PATIENCE)
            node = self.start_node(self.port)
        feeder.join(PATIENCE)
        self.assertEqual(writer.wait(PATIENCE), OK, writer.stderr.read())
        writer.stdin = None
        read = self.remote("consume", "t", "-b", "-e")
        self.assertEqual(read.lines, [str(n) for n in range(count)])

    def test_when_it_stays_away_the_words_end(self):
        node = self.start_node()
        self.remote("topic", "create", "t")
        reader = self.start_remote("consume", "t", "-b", "--patience", "1")
        writer = self.start_remote("produce", "t", "--patience", "1", stdin=subprocess.PIPE)
        writer.stdin.write(b"one\n")
        writer.stdin.flush()
        self.assertEqual(reader.stdout.readline(), b"one\n")
        node.kill()
        node.wait(PATIENCE)
        writer.stdin.write(b"two\n")
        writer.stdin.close()
        writer.stdin = None
        for process in (reader, writer):
            err = process.communicate(timeout=PATIENCE)[1].decode()
            self.assertEqual(process.returncode, UNAVAILABLE, err)
            self.assertIn(self.at, err)


if __name__ == "__main__":
    harness.main()
