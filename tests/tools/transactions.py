#!/usr/bin/env python3
"""Transactions against a real `penstock node`: kcat's transactional producer, and a producer that
speaks the protocol by hand, so that the node can be killed between a decision and its end."""
import shutil
import signal
import socket
import struct
import unittest

import harness
import kafka_clients


INIT, ADD, PRODUCE, END, ADD_OFFSETS, COMMIT, FETCH_OFFSETS = 22, 24, 0, 26, 25, 28, 9
CONCURRENT, FENCED, UNSTABLE = 51, 90, 88


def string(text):
    raw = text.encode()
    return struct.pack(">h", len(raw)) + raw


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def varint(number):
    number = number << 1 ^ number >> 63
    raw = bytearray()
    while number > 0x7F:
        raw.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(raw + bytes([number]))


def batch_of(values, producer, epoch, sequence):
    """A record batch of a transaction, with keys that are null."""
    records = b""
    for delta, value in enumerate(values):
        raw = value.encode()
        record = b"\0" + varint(0) + varint(delta) + varint(-1) + varint(len(raw)) + raw + varint(0)
        records += varint(len(record)) + record
    checked = struct.pack(">hiqqqhii", 0x10, len(values) - 1, 1000, 1000, producer, epoch, sequence,
                          len(values)) + records
    body = struct.pack(">ib", -1, 2) + struct.pack(">I", crc32c(checked)) + checked
    return struct.pack(">qi", 0, len(body)) + body


class Producer:
    """One connection and one transactional id, in versions without tagged fields."""

    def __init__(self, test, transactional_id):
        self.id, self.socket = transactional_id, socket.create_connection(
            ("127.0.0.1", test.port), timeout=harness.PATIENCE)
        self.test, self.asked = test, 0
        self.producer = self.epoch = self.sequence = 0

    def close(self):
        self.socket.close()

    def ask(self, api, version, body):
        self.asked += 1
        frame = struct.pack(">hhi", api, version, self.asked) + string("test") + body
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)
        size = struct.unpack(">i", self.take(4))[0]
        answer = self.take(size)
        self.test.assertEqual(struct.unpack(">i", answer[:4])[0], self.asked)
        return answer[4:]

    def take(self, size):
        raw = b""
        while len(raw) < size:
            more = self.socket.recv(size - len(raw))
            if not more:
                raise ConnectionError("the node closed the connection")
            raw += more
        return raw

    def who(self):
        return string(self.id) + struct.pack(">qh", self.producer, self.epoch)

    def patiently(self, ask):
        got = []
        self.test.eventually(lambda: got.append(ask()) or got[-1] != CONCURRENT)
        return got[-1]

    def init(self):
        def once():
            answer = self.ask(INIT, 1, string(self.id) + struct.pack(">i", 60000))
            code, producer, epoch = struct.unpack(">hqh", answer[4:16])
            if code == 0:
                self.producer, self.epoch, self.sequence = producer, epoch, 0
            return code
        return self.patiently(once)

    def add(self, topic, partition=0):
        def once():
            answer = self.ask(ADD, 1, self.who() + struct.pack(">i", 1) + string(topic)
                              + struct.pack(">ii", 1, partition))
            return struct.unpack(">h", answer[-2:])[0]
        return self.patiently(once)

    def produce(self, topic, values, partition=0):
        batch = batch_of(values, self.producer, self.epoch, self.sequence)
        answer = self.ask(PRODUCE, 7, string(self.id) + struct.pack(">hii", -1, 30000, 1)
                          + string(topic) + struct.pack(">iii", 1, partition, len(batch)) + batch)
        code = struct.unpack(">h", answer[4 + 2 + len(topic) + 4 + 4:][:2])[0]
        if code == 0:
            self.sequence += len(values)
        return code

    def add_group(self, group):
        def once():
            return struct.unpack(">h", self.ask(ADD_OFFSETS, 1, self.who() + string(group))[4:6])[0]
        return self.patiently(once)

    def commit_offset(self, group, topic, offset):
        answer = self.ask(COMMIT, 1, string(self.id) + string(group)
                          + struct.pack(">qhi", self.producer, self.epoch, 1) + string(topic)
                          + struct.pack(">iiq", 1, 0, offset) + string(""))
        return struct.unpack(">h", answer[-2:])[0]

    def end(self, commit):
        return self.patiently(lambda: struct.unpack(
            ">h", self.ask(END, 1, self.who() + struct.pack(">b", commit))[4:6])[0])

    def committed(self, group, topic):
        answer = self.ask(FETCH_OFFSETS, 1, string(group) + struct.pack(">i", 1) + string(topic)
                          + struct.pack(">ii", 1, 0))
        at = 4 + 2 + len(topic) + 4 + 4
        return struct.unpack(">q", answer[at:at + 8])[0]


class ByHand(kafka_clients.Node):
    def producer(self, transactional_id):
        made = Producer(self, transactional_id)
        self.addCleanup(made.close)
        return made

    def seen(self, topic, isolation="read-committed"):
        return sorted(self.tool("consume", topic, "--from-beginning", "--until-end", "--isolation",
                                isolation).lines)

    def kill_node(self):
        self.node.send_signal(signal.SIGKILL)
        self.node.wait(harness.PATIENCE)

    def test_only_what_was_committed_is_consumed(self):
        self.tool("topic", "create", "t", "--partitions", "2")
        self.start_node()
        writer = self.producer("w")
        self.assertEqual(writer.init(), 0)
        for commit, values in ((True, ["a", "b"]), (False, ["lost"]), (True, ["c"])):
            self.assertEqual(writer.add("t"), 0)
            self.assertEqual(writer.produce("t", values), 0)
            self.assertEqual(writer.end(commit), 0)
        self.assertEqual(writer.init(), 0)  # waits for the markers
        self.assertEqual(self.seen("t"), ["a", "b", "c"])
        self.assertEqual(self.seen("t", "read-uncommitted"), ["a", "b", "c", "lost"])
        self.refused(harness.USAGE, "consume", "t", "--isolation", "serializable",
                     says="serializable")
        self.stop_node()
        self.assertEqual(self.seen("t"), ["a", "b", "c"])
        self.tool("log", "verify")

    def test_a_decision_survives_kill_9(self):
        for commit in (True, False):
            with self.subTest(commit=commit):
                topic = f"t{commit}"
                self.tool("topic", "create", topic, "--partitions", "8")
                self.start_node()
                writer = self.producer(topic)
                self.assertEqual(writer.init(), 0)
                for partition in range(8):
                    self.assertEqual(writer.add(topic, partition), 0)
                    writer.sequence = 0
                    self.assertEqual(writer.produce(topic, [f"v{partition}"], partition), 0)
                self.assertEqual(writer.add_group("g" + topic), 0)
                self.assertEqual(writer.commit_offset("g" + topic, topic, 5), 0)
                self.assertEqual(writer.end(commit), 0)
                self.kill_node()  # with the markers written, or not
                self.start_node()
                looking = self.producer(topic)
                self.assertEqual(looking.init(), 0)  # behind the end of the one before
                self.assertEqual(self.seen(topic),
                                 [f"v{n}" for n in range(8)] if commit else [])
                self.assertEqual(looking.committed("g" + topic, topic), 5 if commit else -1)
                self.stop_node()

    def test_what_was_open_at_kill_9_is_aborted_by_the_next_producer(self):
        self.tool("topic", "create", "t", "--partitions", "1")
        self.start_node()
        writer = self.producer("w")
        self.assertEqual(writer.init(), 0)
        self.assertEqual(writer.add("t"), 0)
        self.assertEqual(writer.produce("t", ["open"]), 0)
        self.kill_node()
        self.start_node()
        late = self.producer("w")
        late.producer, late.epoch = writer.producer, writer.epoch
        follower = self.producer("w")
        self.assertEqual(follower.init(), 0)
        self.assertEqual(late.end(True), 47)  # the old versions' word for fenced
        self.assertEqual(self.seen("t"), [])
        self.assertEqual(self.seen("t", "read-uncommitted"), ["open"])
        self.stop_node()

    @unittest.skipUnless(shutil.which("kcat"), "kcat is not installed")
    def test_kcat_produces_in_a_transaction_and_reads_committed(self):
        self.start_node()
        lines = [f"line {n}" for n in range(500)]
        self.kcat("-P", "-t", "t", "-X", "transactional.id=kcat", stdin="\n".join(lines) + "\n")
        self.kcat("-P", "-t", "t", "-X", "transactional.id=kcat", stdin="more\n")
        committed = ("-X", "isolation.level=read_committed")
        self.assertEqual(sorted(self.read("t", *committed)), sorted(lines + ["more"]))
        writer = self.producer("hand")
        self.assertEqual(writer.init(), 0)
        self.assertEqual(writer.add("t"), 0)
        self.assertEqual(writer.produce("t", ["lost"]), 0)
        self.assertEqual(writer.end(False), 0)
        self.assertEqual(writer.init(), 0)
        self.assertEqual(sorted(self.read("t", *committed)), sorted(lines + ["more"]))
        self.assertIn("lost", self.read("t", "-X", "isolation.level=read_uncommitted"))
        self.stop_node()


if __name__ == "__main__":
    harness.main()
