#!/usr/bin/env python3
"""penstock log dump and verify: what they say about sound, damaged and busy files."""
import glob
import os
import random
import re
import struct

import harness
from harness import FAILED, NOT_FOUND, OK, USAGE, ToolTest


class Logs(ToolTest):
    def setUp(self):
        super().setUp()
        self.tool("topic", "create", "orders", "--partitions", "2", "--set", "segment.bytes=8192")
        for partition in ("0", "1"):
            for start in (0, 100, 200, 300):  # several batches, and so several segments
                self.tool("produce", "orders", "-p", partition,
                          stdin="".join(f"{partition}-{n} {'x' * 50}\n"
                                        for n in range(start, start + 100)))
        self.tool("consume", "orders", "--group", "billing", "-b", "-e")

    def files(self, pattern="*-*/*.log"):
        return sorted(f for f in glob.glob(os.path.join(self.on, pattern)) if os.path.getsize(f))

    def test_sound_files_are_called_sound(self):
        done = self.tool("log", "verify")
        self.assertRegex(done.text, r"^sound: \d+ partitions, \d+ batches\n$")
        one = self.tool("log", "verify", "orders", "--json").json
        self.assertEqual((one[0]["sound"], one[0]["partitions"]), (True, 2))
        self.assertGreater(one[0]["batches"], 1)

    def test_verify_changes_nothing(self):
        def content(file):
            with open(file, "rb") as f:
                return os.path.getmtime(file), f.read()

        def state():
            return {f: content(f) for f in glob.glob(os.path.join(self.on, "*/*"))
                    if os.path.isfile(f)}
        before = state()
        self.tool("log", "verify")
        self.assertEqual(state(), before)

    def test_a_flipped_bit_anywhere_in_a_log_is_found(self):
        chance = random.Random(3)
        files = self.files()
        self.assertGreater(len(files), 4)
        self.assertTrue(any("__cluster_metadata-0" in f for f in files))
        for _ in range(60):
            file = chance.choice(files)
            with open(file, "r+b") as f:
                content = f.read()
                at = chance.randrange(len(content))
                f.seek(at)
                f.write(bytes([content[at] ^ (1 << chance.randrange(8))]))
                f.flush()
                done = self.run_tool("log", "verify")
                f.seek(0)
                f.write(content)
            self.assertEqual(done.status, FAILED, f"{file} at {at}: {done.text}{done.err}")
            self.assertIn(os.path.basename(file), done.text)
            self.assertIn("position", done.text)
        self.tool("log", "verify")

    def test_damage_is_printed_as_json_too(self):
        file = self.files("orders-0/*.log")[0]
        with open(file, "r+b") as f:
            f.seek(70)
            f.write(b"\xff\xff\xff")
        done = self.run_tool("log", "verify", "orders", "--json")
        self.assertEqual(done.status, FAILED)
        self.assertEqual(done.json[0]["file"], file)
        self.assertEqual(done.json[-1]["sound"], False)

    def test_a_file_cut_short_is_found(self):
        chance = random.Random(4)
        for file in self.files("orders-*/*.log"):
            with open(file, "rb") as f:
                content = f.read()
            with open(file, "r+b") as f:
                f.truncate(chance.randrange(1, len(content)))
            done = self.run_tool("log", "verify")
            with open(file, "wb") as f:
                f.write(content)
            # A cut exactly between two batches of the last file is a shorter log, not a damage.
            self.assertIn(done.status, (OK, FAILED))
            if file != self.files(os.path.dirname(file)[len(self.on) + 1:] + "/*.log")[-1]:
                self.assertEqual(done.status, FAILED, file)

    def test_a_missing_partition_is_found(self):
        os.rename(os.path.join(self.on, "orders-1"), os.path.join(self.folder, "orders-1"))
        done = self.run_tool("log", "verify")
        self.assertEqual(done.status, FAILED)
        self.assertIn("orders-1", done.text)

    def test_a_log_that_is_emptied_or_deleted_is_found(self):
        for file in self.files("orders-*/*.log"):
            for take in (lambda f: open(f, "wb").close(), os.remove):
                with open(file, "rb") as f:
                    content = f.read()
                take(file)
                done = self.run_tool("log", "verify")
                with open(file, "wb") as f:
                    f.write(content)
                self.assertEqual(done.status, FAILED, f"{file}: {done.text}{done.err}")
                self.assertIn("orders-", done.text)
        self.tool("log", "verify")

    def test_what_was_acknowledged_is_not_made_anew(self):
        for how in ("emptied", "folder"):
            with self.subTest(how=how):
                topic = "gone-" + how
                self.tool("produce", topic, "-p", "0", stdin="a\nb\n")
                folder = os.path.join(self.on, topic + "-0")
                if how == "folder":
                    os.rename(folder, os.path.join(self.folder, topic))
                else:
                    open(os.path.join(folder, "0" * 20 + ".log"), "wb").close()
                done = self.run_tool("consume", topic, "-b", "-e")
                self.assertNotEqual(done.status, OK)
                self.assertIn(folder, done.err)
                self.assertEqual(self.run_tool("log", "verify").status, FAILED)
                self.tool("topic", "delete", topic)
        self.tool("log", "verify")

    def test_a_damaged_end_of_a_log_that_was_closed_is_no_unfinished_one(self):
        file = self.files("orders-0/*.log")[-1]
        with open(file, "r+b") as f:
            f.seek(-1, os.SEEK_END)
            last = f.read(1)
            f.seek(-1, os.SEEK_END)
            f.write(bytes([last[0] ^ 1]))
        done = self.run_tool("log", "verify", "orders", "--json")
        self.assertEqual(done.status, FAILED)
        self.assertIs(done.json[0]["torn_tail"], False)
        self.assertNotIn("unfinished", self.run_tool("log", "verify", "orders").text)

    def test_garbage_in_an_index_is_told_in_a_few_lines(self):
        indexes = glob.glob(os.path.join(self.on, "orders-0/*.index"))
        with open(indexes[0], "wb") as f:
            f.write(random.Random(5).randbytes(120_000))
        done = self.run_tool("log", "verify", "orders")
        self.assertEqual(done.status, FAILED)
        self.assertEqual(len(done.lines), 7, done.text[:2000])
        self.assertTrue(done.lines[5].endswith(": and 14995 more places"), done.lines[5])
        self.assertIn("damaged: 15000 places", done.lines[6])
        as_json = self.run_tool("log", "verify", "orders", "--json").json
        self.assertEqual(as_json[5], {"file": indexes[0], "more": 14995})

    def test_files_in_use_are_verified_and_dumped(self):
        follower = self.start("consume", "orders", "--follow")
        self.socket_is_there()
        self.tool("log", "verify")
        self.assertIn("baseOffset: 0", self.tool("log", "dump", "orders").text)
        self.tool("produce", "orders", stdin="more\n")
        self.tool("log", "verify")
        self.assertEqual(self.stop(follower).status, OK)

    def test_dump_prints_batches_and_records(self):
        batches = self.tool("log", "dump", "orders", "--partition", "0", "--count", "1").lines
        self.assertEqual(len([b for b in batches if b.startswith("baseOffset: 0 ")]), 1)
        self.assertIn("isvalid: true", batches[1])
        with_records = self.tool("log", "dump", "orders", "-p", "0", "--records").lines
        records = [r for r in with_records if r.startswith("| offset: ")]
        self.assertEqual(len(records), 400)
        self.assertTrue(records[7].endswith("payload: 0-7 " + "x" * 50), records[7])
        dumped = self.tool("log", "dump", "orders", "-p", "1", "-r", "--json").json
        values = [r["value"] for batch in dumped for r in batch["records"]]
        self.assertEqual(values, [f"1-{n} {'x' * 50}" for n in range(400)])

    def test_dump_begins_where_it_is_told(self):
        dumped = self.tool("log", "dump", "orders", "-p", "0", "--from", "399", "--json").json
        self.assertEqual(dumped[-1]["last_offset"], 399)
        self.assertTrue(all(batch["last_offset"] >= 399 for batch in dumped))

    def test_one_file_is_dumped_on_its_own(self):
        file = self.files("orders-0/*.log")[0]
        self.assertIn("Dumping " + file, self.tool("log", "dump", "--file", file).text)

    def test_indexes_are_dumped_with_the_offsets_that_they_lead_to(self):
        self.tool("topic", "create", "one", "--partitions", "1", "--set", "index.interval.bytes=1")
        for n in range(3):
            self.tool("produce", "one", stdin=f"{n}\n")
        log = os.path.join(self.on, "one-0", "0" * 20)
        starts = [(b["last_offset"], b["position"])
                  for b in self.tool("log", "dump", "--file", log + ".log", "--json").json]
        index = self.tool("log", "dump", "--file", log + ".index")
        self.assertEqual(index.lines[0], f"Dumping {log}.index")
        found = [tuple(map(int, re.fullmatch(r"offset: (\d+) position: (\d+)", line).groups()))
                 for line in index.lines[1:]]
        self.assertGreater(len(found), 0)
        self.assertLessEqual(set(found), set(starts))
        times = self.tool("log", "dump", "--file", log + ".timeindex", "--json").json
        self.assertLessEqual({e["offset"] for e in times}, {0, 1, 2})
        self.assertTrue(all(e["timestamp"] > 0 for e in times), times)
        with open(log + ".index", "ab") as file:
            file.write(b"x")
        self.refused(FAILED, "log", "dump", "--file", log + ".index", says=(".index", "entries"))
        self.refused(USAGE, "log", "dump", "--file", self.folder + "/x.index", says="20 digits")

    def test_an_index_of_aborted_transactions_is_dumped(self):
        file = os.path.join(self.folder, "0" * 20 + ".txnindex")
        with open(file, "wb") as to:
            to.write(struct.pack(">hqqqq", 0, 7, 1, 3, 4))
        self.assertEqual(self.tool("log", "dump", "--file", file).lines[1],
                         "version: 0 producerId: 7 firstOffset: 1 lastOffset: 3 "
                         "lastStableOffset: 4")

    def test_dump_says_where_a_file_cannot_be_read(self):
        file = self.files("orders-0/*.log")[0]
        with open(file, "r+b") as f:
            f.seek(16)
            f.write(b"\x09")  # an unknown layout
        self.refused(FAILED, "log", "dump", "--file", file, says=(file, "position 0"))

    def test_what_is_not_there_is_told(self):
        self.refused(NOT_FOUND, "log", "verify", "ordres", says='"orders"')
        self.refused(NOT_FOUND, "log", "verify", "orders", "--partition", "9")
        self.refused(NOT_FOUND, "log", "verify", on=self.folder + "/nowhere", says="nowhere")
        self.refused(NOT_FOUND, "log", "verify", on=self.folder, says="not a data directory")


if __name__ == "__main__":
    harness.main()
