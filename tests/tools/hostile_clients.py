#!/usr/bin/env python3
"""Clients that mean harm, or are broken, against `penstock node`: each hears the right code or is closed
with a line of log, the node's memory stays within bounds, and everybody else is served."""
import mmap
import os
import random
import re
import resource
import signal
import socket
import struct
import subprocess
import time
import zlib

import harness
from harness import OK, PATIENCE, ToolTest, can_mount

CONFIG = os.path.join(os.path.dirname(__file__), "..", "..", "config", "server.properties")
PRODUCE, FETCH, METADATA, API_VERSIONS, CREATE_TOPICS, DELETE_TOPICS = 0, 1, 3, 18, 19, 20
INIT_PRODUCER_ID = 22
CORRUPT_MESSAGE, UNKNOWN_TOPIC, MESSAGE_TOO_LARGE, STORAGE_ERROR = 2, 3, 10, 56
OUT_OF_ORDER_SEQUENCE, INVALID_PRODUCER_EPOCH, INVALID_RECORD = 45, 47, 87
INVALID_TIMESTAMP, TOPIC_DELETION_DISABLED = 32, 73
MIB = 1 << 20


def castagnoli(byte):
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 & -(byte & 1))
    return byte


CRC_TABLE = [castagnoli(byte) for byte in range(256)]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def varint(value):
    value = (value << 1) ^ (value >> 63)
    made = b""
    while value > 0x7F:
        made += bytes([value & 0x7F | 0x80])
        value >>= 7
    return made + bytes([value])


def record(value, number=0):
    body = b"\0" + varint(0) + varint(number) + varint(-1) + varint(len(value)) + value + varint(0)
    return varint(len(body)) + body


def batch(records, count=1, codec=0, producer=(-1, -1, -1), crc=None, time=1_700_000_000_000):
    """A batch of format 2; `records` as they lie in it, compressed already."""
    rest = struct.pack(">hiqqqhii", codec, count - 1, time, time, *producer, count) + records
    crc = crc32c(rest) if crc is None else crc
    return struct.pack(">qiibI", 0, 9 + len(rest), 0, 2, crc) + rest


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


class Client:
    """One connection, speaking old versions of the protocol by hand."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.settimeout(PATIENCE)
        self.number = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, key, version, body):
        self.number += 1
        head = struct.pack(">hhih", key, version, self.number, -1)
        self.socket.sendall(struct.pack(">i", len(head) + len(body)) + head + body)

    def take(self, size):
        got = b""
        while len(got) < size:
            more = self.socket.recv(size - len(got))
            if not more:
                raise ConnectionError("closed")
            got += more
        return got

    def receive(self):
        size, _ = struct.unpack(">ii", self.take(8))
        return self.take(size - 4)

    def call(self, key, version, body):
        self.send(key, version, body)
        return self.receive()

    def is_closed(self):
        """Whether the node closes; what comes before is passed over."""
        try:
            while self.socket.recv(1 << 16):
                pass
        except ConnectionError:
            pass
        except TimeoutError:
            return False
        return True

    def send_produce(self, topic, records, acks=-1):
        self.send(PRODUCE, 3, struct.pack(">hhii", -1, acks, 30000, 1) + text(topic)
                  + struct.pack(">iii", 1, 0, len(records)) + records)

    def receive_produce(self):
        body = self.receive()
        size, = struct.unpack_from(">h", body, 4)
        code, offset = struct.unpack_from(">hq", body, 6 + size + 8)
        return code, offset

    def produce(self, topic, records, acks=-1):
        """Error code and base offset."""
        self.send_produce(topic, records, acks)
        return self.receive_produce()

    def fetch_body(self, topic, offset, wait_ms=0, size=MIB):
        return (struct.pack(">iiiibi", -1, wait_ms, 1, size, 0, 1) + text(topic)
                + struct.pack(">iiqi", 1, 0, offset, size))

    def fetch(self, topic, offset):
        """Error code and high watermark."""
        body = self.call(FETCH, 4, self.fetch_body(topic, offset))
        size, = struct.unpack_from(">h", body, 8)
        return struct.unpack_from(">hq", body, 10 + size + 8)

    def create(self, topic, *configs):
        settings = struct.pack(">i", len(configs)) + b"".join(text(n) + text(v) for n, v in configs)
        body = self.call(CREATE_TOPICS, 2, struct.pack(">i", 1) + text(topic)
                         + struct.pack(">ihi", 1, 1, 0) + settings + struct.pack(">ib", 30000, 0))
        return struct.unpack_from(">h", body, 8 + 2 + len(topic))[0]

    def delete(self, topic):
        body = self.call(DELETE_TOPICS, 1, struct.pack(">i", 1) + text(topic) + struct.pack(">i", 30000))
        return struct.unpack_from(">h", body, 8 + 2 + len(topic))[0]

    def producer_id(self):
        body = self.call(INIT_PRODUCER_ID, 0, struct.pack(">hi", -1, 0))
        return struct.unpack_from(">qh", body, 6)


class Hostile(ToolTest):
    log = None

    def start_node(self, *overrides, descriptors=None, before=()):
        words = [*before, harness.PROGRAM, "node", "--config", CONFIG, "--override", f"log.dirs={self.on}",
                 "--override", "listeners=PLAINTEXT://127.0.0.1:0",
                 "--override", "advertised.listeners=PLAINTEXT://127.0.0.1:0"]
        for each in overrides:
            words += ["--override", each]

        def limit():
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        self.log = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8")
        self.node = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self.log,
                                     stderr=self.log, preexec_fn=limit)
        self.running.append(self.node)
        self.eventually(lambda: "serves clients on" in self.said(), "the node did not start")
        self.port = int(re.search(r"serves clients on \S+:(\d+)", self.said())[1])

    def tearDown(self):
        super().tearDown()
        if self.log:
            self.log.close()

    def said(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def client(self):
        return Client(self.port)

    def served(self):
        """Somebody else is: makes a topic, writes and reads."""
        with self.client() as other:
            topic = f"other-{random.randrange(1 << 60)}"
            self.assertEqual(other.create(topic), 0)
            self.assertEqual(other.produce(topic, batch(record(b"fine"))), (0, 0))
            self.assertEqual(other.fetch(topic, 0), (0, 1))

    def memory(self, what="VmHWM"):
        """The most that the node ever had, or (VmRSS) what it has now, in MiB."""
        with open(f"/proc/{self.node.pid}/status", encoding="ascii") as status:
            return int(re.search(rf"{what}:\s+(\d+) kB", status.read())[1]) // 1024

    def check_memory(self, most, before=0, what="VmHWM"):
        """Not with AddressSanitizer, which keeps for a while what is given back."""
        with open(harness.PROGRAM, "rb") as program, \
                mmap.mmap(program.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content.find(b"__asan_init") < 0:
                self.assertLess(self.memory(what) - before, most)

    def ends_well(self):
        self.node.send_signal(signal.SIGTERM)
        self.assertEqual(self.node.wait(PATIENCE), OK)

    def lines(self):
        return len(self.said().splitlines())


class Frames(Hostile):
    def test_bytes_that_are_no_request_close_with_one_line_each(self):
        self.start_node()
        head = struct.pack(">hhih", METADATA, 1, 1, -1)
        chance = random.Random(7)
        cases = [struct.pack(">i", -1), struct.pack(">i", 0), struct.pack(">i", -2**31),
                 struct.pack(">i", 2**31 - 1),                                  # 2 GB
                 b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                 b"SSH-2.0-OpenSSH_9.2p1\r\n",
                 struct.pack(">ihhih", 10, 999, 0, 1, -1),                      # no such API
                 struct.pack(">ihhih", 10, METADATA, 99, 1, -1),                # no such version
                 struct.pack(">ihhih", 10, METADATA, -1, 1, -1),
                 struct.pack(">i", 14) + head + struct.pack(">i", 2**31 - 1),   # a count of 2^31
                 struct.pack(">ihhihi", 14, CREATE_TOPICS, 2, 1, -1, -2),
                 struct.pack(">ihhih", 12, API_VERSIONS, 3, 1, -1) + b"\x01\x00",  # ends within tags
                 struct.pack(">ihhih", 16, METADATA, 9, 1, -1) + b"\x01\x05\xff\xff\xff\x7f",  # a long tag
                 struct.pack(">i", 40) + bytes([0x80 | chance.randrange(128)]) + chance.randbytes(39)]
        for content in cases:
            with self.subTest(content=content):
                before = self.lines()
                with self.client() as client:
                    client.socket.sendall(content)
                    self.assertTrue(client.is_closed())
                self.eventually(lambda: self.lines() > before, "nothing was said")
                self.assertEqual(self.lines(), before + 1, self.said())
        self.served()
        self.ends_well()

    def test_random_bytes_and_broken_requests_do_no_harm(self):
        self.start_node()
        chance = random.Random(11)
        for _ in range(300):
            with self.client() as client:
                kind = chance.randrange(3)
                body = chance.randbytes(chance.randrange(1, 400))
                try:
                    if kind == 0:
                        client.socket.sendall(body)
                    else:
                        client.send(chance.randrange(76), chance.randrange(14), body)
                    if kind == 2:
                        client.socket.shutdown(socket.SHUT_WR)
                except ConnectionError:
                    pass  # closed while we were still talking
        self.served()
        self.check_memory(400)
        self.ends_well()

    def test_unknown_tagged_fields_are_skipped_and_a_new_api_versions_is_answered(self):
        self.start_node()
        with self.client() as client:
            # Flexible header with one tagged field that nobody knows, and one more behind the body.
            tags = b"\x01\x7b\x03abc"
            body = tags + b"\x02x\x02y" + tags
            self.assertEqual(client.call(API_VERSIONS, 3, body)[:2], b"\0\0")
            answer = client.call(API_VERSIONS, 99, b"\0who knows")
            code, count, = struct.unpack_from(">hi", answer)
            self.assertEqual(code, 35)
            self.assertGreater(count, 20)
        self.ends_well()


class Records(Hostile):
    def test_records_that_lie_are_refused_with_their_code(self):
        self.start_node()
        good = batch(record(b"fine"))
        with self.client() as client:
            self.assertEqual(client.create("t"), 0)
            cases = [(good[:-1] + b"X", CORRUPT_MESSAGE), (batch(record(b"x"), crc=1), CORRUPT_MESSAGE),
                     (good[:30], CORRUPT_MESSAGE), (good[:16] + b"\1" + good[17:], INVALID_RECORD),
                     (good[:16] + b"\0" + good[17:], INVALID_RECORD), (b"", INVALID_RECORD),
                     (good + good, INVALID_RECORD), (batch(record(b"x"), count=2**31 - 1), None),
                     (batch(record(b"x"), count=0), None),
                     (batch(record(bytes(50)), count=2), INVALID_RECORD),
                     (batch(b"\xff" * 50), INVALID_RECORD),
                     (batch(record(b"x"), time=2**62), INVALID_TIMESTAMP),
                     (batch(record(b"x"), codec=7), None), (batch(record(b"x"), codec=0x20), INVALID_RECORD)]
            for content, wanted in cases:
                with self.subTest(content=content):
                    code, _ = client.produce("t", content)
                    self.assertNotEqual(code, 0)
                    if wanted is not None:
                        self.assertEqual(code, wanted)
            self.assertEqual(client.produce("none", good)[0], UNKNOWN_TOPIC)
            self.assertEqual(client.produce("t", batch(record(b"x" * (2 * MIB))))[0], MESSAGE_TOO_LARGE)
            self.assertEqual(client.produce("t", good), (0, 0))
            self.assertEqual(client.create("far", ("message.timestamp.after.max.ms", str(2**63 - 1))), 0)
            self.assertEqual(client.produce("far", batch(record(b"x"), time=2**62)), (0, 0))
            self.assertEqual(client.create("old", ("message.timestamp.before.max.ms", "1000")), 0)
            self.assertEqual(client.produce("old", batch(record(b"x"), time=1000))[0], INVALID_TIMESTAMP)
            self.assertEqual(client.create("c", ("cleanup.policy", "compact")), 0)
            self.assertEqual(client.produce("c", good)[0], INVALID_RECORD)  # it has no key
        self.served()
        self.ends_well()

    def test_topics_that_may_not_be_deleted_stay(self):
        self.start_node("delete.topic.enable=false")
        with self.client() as client:
            self.assertEqual(client.create("t"), 0)
            self.assertEqual(client.delete("t"), TOPIC_DELETION_DISABLED)
            self.assertEqual(client.produce("t", batch(record(b"x"))), (0, 0))
        self.ends_well()

    def test_a_decompression_bomb_is_refused_and_costs_no_memory(self):
        self.start_node("num.partitions=1")
        before = self.memory()
        # A gigabyte of zeroes that gzip makes a megabyte of; one record, says its batch.
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        packed = bytearray()
        for _ in range(768):
            packed += packer.compress(bytes(MIB))
        packed += packer.flush()
        self.assertLess(len(packed), MIB)
        with self.client() as client:
            self.assertEqual(client.create("t", ("compression.type", "zstd")), 0)
            self.assertNotEqual(client.produce("t", batch(bytes(packed), codec=1))[0], 0)
            self.assertEqual(client.create("u"), 0)
            self.assertNotEqual(client.produce("u", batch(bytes(packed), codec=1))[0], 0)
        self.check_memory(300, before)
        # What was unpacked is not kept by the threads that have unpacked something.
        self.check_memory(50, before, "VmRSS")
        self.served()
        self.ends_well()

    def test_gaps_in_a_producers_sequence_and_old_epochs_are_refused(self):
        self.start_node()
        with self.client() as client:
            self.assertEqual(client.create("t"), 0)
            who, epoch = client.producer_id()

            def send(sequence, epoch=epoch):
                return client.produce("t", batch(record(b"x"), producer=(who, epoch, sequence)))
            self.assertEqual(send(0), (0, 0))
            self.assertEqual(send(1), (0, 1))
            self.assertEqual(send(1), (0, 1))  # again: answered with its offset
            self.assertEqual(send(5)[0], OUT_OF_ORDER_SEQUENCE)
            self.assertEqual(send(2), (0, 2))
            self.assertEqual(send(0, epoch + 1), (0, 3))
            self.assertEqual(send(3)[0], INVALID_PRODUCER_EPOCH)  # the one before is a zombie now
        self.served()
        self.ends_well()

    def test_topics_deleted_and_made_again_under_a_producer(self):
        self.start_node()
        with self.client() as producer, self.client() as admin:
            for _ in range(20):
                self.assertEqual(admin.create("t"), 0)
                self.eventually(lambda: producer.produce("t", batch(record(b"x"))) == (0, 0),
                                "the new topic does not begin at 0")
                self.assertEqual(producer.fetch("t", 0), (0, 1))
                self.assertEqual(admin.delete("t"), 0)
                self.assertEqual(producer.produce("t", batch(record(b"x")))[0], UNKNOWN_TOPIC)
                self.assertEqual(producer.fetch("t", 0)[0], UNKNOWN_TOPIC)
        self.ends_well()


class Connections(Hostile):
    def test_those_that_stay_silent_or_unfinished_go_and_leave_no_memory(self):
        self.start_node("connections.max.idle.ms=10000")
        kinds = (b"", b"\0", struct.pack(">i", 50 * MIB), struct.pack(">i", 50 * MIB) + b"x" * 1000)
        clients = [self.client() for _ in range(200)]
        for n, client in enumerate(clients):
            client.socket.sendall(kinds[n % len(kinds)])
        # Half open: the node does not hear that these are gone.
        self.served()
        for client in clients:
            self.assertTrue(client.is_closed())
            client.socket.close()
        self.check_memory(300)
        self.served()
        self.ends_well()

    def test_one_address_cannot_take_all_places(self):
        self.start_node("max.connections.per.ip=3", "max.connections.per.ip.overrides=127.0.0.2:1")

        def served(source):
            with socket.create_connection(("127.0.0.1", self.port), PATIENCE, (source, 0)) as client:
                client.settimeout(PATIENCE)
                try:
                    client.sendall(struct.pack(">ihhih", 10, API_VERSIONS, 0, 7, -1))
                    return client.recv(1) != b""
                except ConnectionError:
                    return False

        there = [self.client() for _ in range(3)]
        for client in there:
            client.call(API_VERSIONS, 0, b"")
        self.assertFalse(served("127.0.0.1"))
        self.assertTrue(served("127.0.0.2"))
        self.assertIn("127.0.0.1 has 3 connections, and max.connections.per.ip is 3 for it", self.said())
        there.pop().socket.close()
        self.eventually(lambda: served("127.0.0.1"), "the place of one that left stays taken")
        for client in there:
            client.socket.close()
        self.ends_well()

    def test_one_byte_after_the_other_is_slow_but_right(self):
        self.start_node()
        with self.client() as slow:
            frame = struct.pack(">ihhih", 10, API_VERSIONS, 0, 7, -1)
            for each in frame:
                slow.socket.sendall(bytes([each]))
            self.assertEqual(slow.take(10)[4:], struct.pack(">ih", 7, 0))
        self.served()
        self.ends_well()

    def test_unfinished_requests_of_many_are_bounded_together(self):
        self.start_node(f"queued.max.request.bytes={32 * MIB}")
        clients = [self.client() for _ in range(40)]
        closed = 0
        for client in clients:
            try:
                client.socket.sendall(struct.pack(">i", 90 * MIB) + bytes(4 * MIB))
            except ConnectionError:
                closed += 1
        self.eventually(lambda: "does not come to its end" in self.said(), "nobody had to go")
        self.served()
        self.check_memory(300)
        for client in clients:
            client.socket.close()
        self.served()
        self.ends_well()

    def test_consumers_that_never_read_are_bounded_together(self):
        self.start_node(f"queued.max.request.bytes={16 * MIB}")
        with self.client() as writer:
            self.assertEqual(writer.create("t"), 0)
            content = batch(record(random.Random(3).randbytes(500_000)))
            for n in range(16):
                self.assertEqual(writer.produce("t", content)[1], n)
        before = self.memory()
        deaf = [self.client() for _ in range(60)]
        for client in deaf:
            for _ in range(10):
                client.send(FETCH, 4, client.fetch_body("t", 0, size=50 * MIB))
        self.served()
        self.served()
        self.check_memory(400, before)
        for client in deaf:
            client.socket.close()
        self.served()
        self.ends_well()

    def test_others_are_served_while_many_do_not_read_one_large_answer(self):
        self.start_node(f"queued.max.request.bytes={64 * MIB}")
        with self.client() as writer:
            self.assertEqual(writer.create("t"), 0)
            content = batch(record(random.Random(3).randbytes(500_000)))
            for n in range(40):
                self.assertEqual(writer.produce("t", content)[1], n)
        before = self.memory()
        deaf = [self.client() for _ in range(100)]
        for client in deaf:
            client.send(FETCH, 4, client.fetch_body("t", 0, size=50 * MIB))
        for _ in range(3):
            self.served()
        # Nobody had to go for that; what all of them asked for is two gigabytes.
        self.assertNotIn("closed to make room", self.said())
        self.check_memory(250, before)
        for client in deaf:
            client.socket.close()
        self.served()
        self.ends_well()

    def test_without_descriptors_new_clients_are_refused_and_old_ones_served(self):
        self.start_node(descriptors=256)
        with self.client() as old:
            self.assertEqual(old.create("t"), 0)
            crowd = []
            for _ in range(400):
                client = self.client()
                client.socket.setblocking(False)
                crowd.append(client)
            self.eventually(lambda: "further ones are closed" in self.said(), "nobody was refused")
            for n in range(50):
                self.assertEqual(old.produce("t", batch(record(b"still here"))), (0, n))
            self.assertEqual(old.create("another"), 0)  # files still open
            self.assertEqual(old.produce("another", batch(record(b"x"))), (0, 0))
            for client in crowd:
                client.socket.close()

        def back():
            try:
                self.served()
                return True
            except ConnectionError:
                return False
        self.eventually(back, "there is no room although everybody has gone")
        self.assertEqual(self.said().count("further ones are closed"), 1)
        self.ends_well()


class Disk(Hostile):
    def test_a_full_disk_is_an_error_and_passes(self):
        if not can_mount():
            self.skipTest("no right to mount")
        os.mkdir(self.on)
        mount = ("unshare", "--mount", "sh", "-c",
                 f'mount -t tmpfs -o size=24m none "{self.on}" && exec "$@"', "node")
        self.start_node("log.segment.bytes=1048576", before=mount)
        content = batch(record(random.Random(5).randbytes(600_000)))
        with self.client() as client:
            self.assertEqual(client.create("t"), 0)
            codes = [client.produce("t", content)[0] for _ in range(60)]
            self.assertEqual(codes[0], 0)
            self.assertIn(STORAGE_ERROR, codes)
            self.assertLessEqual(set(codes), {0, STORAGE_ERROR})
            # What was acknowledged is there.
            self.assertEqual(client.fetch("t", 0), (0, codes.count(0)))
        self.assertIsNone(self.node.poll())
        self.assertEqual(self.said().count("free some space"), 1, self.said())


if __name__ == "__main__":
    harness.main()
