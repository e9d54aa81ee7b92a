#!/usr/bin/env python3
"""penstock produce and consume: what goes in comes out."""
import os
import pty
import random
import select
import signal
import subprocess
import time

import harness
from harness import NOT_FOUND, OK, REFUSED, USAGE, ToolTest


class Lines(ToolTest):
    def test_every_line_is_a_record(self):
        lines = [b"first", b"", b"with\ttab", b"carriage return\r", b"\xff\xfe not UTF-8", b"last"]
        self.one_partition("lines")
        self.tool("produce", "lines", stdin=b"\n".join(lines) + b"\n")
        self.assertEqual(self.consumed("lines").out, b"\n".join(lines) + b"\n")

    def test_a_topic_that_is_not_there_is_made(self):
        made = self.tool("produce", "lines", stdin="one\n")
        self.assertIn("created topic lines with 4 partitions", made.err)
        self.assertEqual(self.consumed("lines").lines, ["one"])

    def test_a_last_line_without_line_feed_counts(self):
        self.one_partition("lines")
        self.tool("produce", "lines", stdin="one\ntwo")
        self.assertEqual(self.consumed("lines").lines, ["one", "two"])

    def test_no_lines_are_no_records(self):
        self.tool("produce", "lines", stdin="")
        self.assertEqual(self.consumed("lines").out, b"")

    def test_a_topic_that_exists_is_not_announced(self):
        self.one_partition("lines")
        self.tool("produce", "lines", stdin="one\n")
        self.assertEqual(self.tool("produce", "lines", stdin="two\n").err, "")
        self.assertEqual(self.consumed("lines").lines, ["one", "two"])

    def test_lines_come_from_a_file_as_well(self):
        path = os.path.join(self.folder, "in.txt")
        with open(path, "w", encoding="ascii") as out:
            out.write("a\nb\n")
        self.one_partition("lines")
        self.tool("produce", "lines", "--file", path)
        self.assertEqual(self.consumed("lines").lines, ["a", "b"])
        self.refused(NOT_FOUND, "produce", "lines", "--file", path + ".not", says="in.txt.not")

    def test_many_lines_keep_their_order(self):
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            with self.subTest(codec=codec):
                lines = [f"{codec} line {n} " + "x" * (n % 200) for n in range(20_000)]
                self.one_partition(f"lines-{codec}")
                self.tool("produce", f"lines-{codec}", "--compression", codec,
                          stdin="\n".join(lines) + "\n")
                self.assertEqual(self.consumed(f"lines-{codec}").lines, lines)

    def test_a_line_above_the_limit_is_refused_with_its_number(self):
        self.tool("topic", "create", "small", "--set", "max.message.bytes=2000")
        self.refused(REFUSED, "produce", "small", stdin="fine\n" + "x" * 3000 + "\nnever\n",
                     says=("line 2", "max.message.bytes", "2000", "line 1 is written"))
        self.assertEqual(self.consumed("small").lines, ["fine"])

    def test_a_line_just_below_the_limit_passes(self):
        self.tool("topic", "create", "small", "--set", "max.message.bytes=2000")
        self.tool("produce", "small", stdin="x" * 1800 + "\n")
        self.assertEqual(self.consumed("small").lines, ["x" * 1800])

    def test_an_endless_line_does_not_fill_the_memory(self):
        endless = subprocess.Popen(["head", "-c", "300M", "/dev/zero"], stdout=subprocess.PIPE)
        process = self.start("produce", "lines", stdin=endless.stdout)
        endless.stdout.close()
        _, err = process.communicate(timeout=harness.PATIENCE)
        endless.kill()
        endless.wait()
        self.assertEqual(process.returncode, REFUSED, err)
        self.assertIn(b"line 1", err)
        self.assertIn(b"nothing was written", err)


class Keys(ToolTest):
    def test_a_separator_makes_keys(self):
        self.one_partition("orders")
        self.tool("produce", "orders", "--key-separator", ":", stdin="a:1\nb:2:3\n:empty\n")
        got = self.consumed("orders", "--format", r"%k\t%v\n")
        self.assertEqual(got.lines, ["a\t1", "b\t2:3", "\tempty"])

    def test_a_separator_may_be_escaped(self):
        self.tool("produce", "orders", "-k", r"\t", stdin="a\t1\n")
        self.assertEqual(self.consumed("orders", "--format", "%k=%v;").text, "a=1;")

    def test_a_line_without_the_separator_is_refused_with_its_number(self):
        self.one_partition("orders")
        self.refused(REFUSED, "produce", "orders", "-k", ":", stdin="a:1\nb:2\nc\ne:4\n",
                     says=("line 3", "separator", "lines 1 to 2 are written"))
        self.assertEqual(self.consumed("orders").lines, ["1", "2"])

    def test_a_key_stays_in_its_partition(self):
        self.tool("topic", "create", "orders", "--partitions", "4")
        self.tool("produce", "orders", "-k", ":",
                  stdin="".join(f"key-{n % 10}:{n}\n" for n in range(1000)))
        seen = {}
        for line in self.consumed("orders", "--format", r"%k %p %v\n").lines:
            key, partition, value = line.split()
            seen.setdefault(key, []).append((partition, int(value)))
        self.assertEqual(len(seen), 10)
        for values in seen.values():
            self.assertEqual(len({partition for partition, _ in values}), 1)
            self.assertEqual([v for _, v in values], sorted(v for _, v in values))

    def test_nulls_have_a_text_when_one_is_given(self):
        self.one_partition("orders")
        self.tool("produce", "orders", "-k", ":", "--null-as", "NULL",
                  stdin="a:NULL\nNULL:b\nNULL:NULL\n")
        self.assertEqual(self.consumed("orders", "--format", r"%k/%v\n", "--null-as", "-").lines,
                         ["a/-", "-/b", "-/-"])
        got = self.consumed("orders", "--json").json
        self.assertEqual([(r["key"], r["value"]) for r in got],
                         [("a", None), (None, "b"), (None, None)])


class Where(ToolTest):
    def setUp(self):
        super().setUp()
        self.tool("topic", "create", "numbers", "--partitions", "2")
        for partition in (0, 1):
            self.tool("produce", "numbers", "--partition", str(partition),
                      "--timestamp", f"2026-03-0{partition + 1}T12:00:00Z",
                      stdin="".join(f"{partition}-{n}\n" for n in range(5)))

    def read(self, *words):
        done = self.tool("consume", "numbers", "--until-end", *words)
        return sorted(done.lines)

    def test_from_the_beginning(self):
        everything = [f"{p}-{n}" for p in (0, 1) for n in range(5)]
        self.assertEqual(self.read("--from-beginning"), everything)
        self.assertEqual(self.read(), everything)

    def test_from_an_offset(self):
        self.assertEqual(self.read("--offset", "3"), ["0-3", "0-4", "1-3", "1-4"])
        self.assertEqual(self.read("--offset", "1:4"), ["1-4"])
        self.assertEqual(self.read("--offset", "0:4", "--offset", "1:3"), ["0-4", "1-3", "1-4"])
        self.assertEqual(self.read("--offset", "5"), [])

    def test_from_a_time(self):
        self.assertEqual(self.read("--time", "2026-03-02"), [f"1-{n}" for n in range(5)])
        self.assertEqual(self.read("--time", "2026-03-02T13:00:00+01:00"),
                         [f"1-{n}" for n in range(5)])
        self.assertEqual(self.read("--time", "1772366400000"),
                         [f"{p}-{n}" for p in (0, 1) for n in range(5)])
        self.assertEqual(self.read("--time", "2030-01-01"), [])

    def test_one_partition(self):
        self.assertEqual(self.read("--partition", "1"), [f"1-{n}" for n in range(5)])

    def test_so_many(self):
        done = self.tool("consume", "numbers", "-b", "--count", "3")
        self.assertEqual(len(done.lines), 3)
        self.assertEqual(self.tool("consume", "numbers", "-b", "--count", "0").lines, [])

    def test_an_offset_out_of_range_is_refused_with_the_range(self):
        self.refused(REFUSED, "consume", "numbers", "--offset", "6", "--until-end",
                     says=("numbers", "0 to 5", "6"))

    def test_a_partition_that_is_not_there_is_refused(self):
        self.refused(NOT_FOUND, "consume", "numbers", "--partition", "2", "-e", says="0 to 1")
        self.refused(NOT_FOUND, "produce", "numbers", "--partition", "2", says="0 to 1")

    def test_every_part_of_a_record_can_be_printed(self):
        got = self.read("--partition", "1", "--count", "1",
                        "--format", r"%T %p %o %t %v %k %h %% \\ \x41\n")
        self.assertEqual(got, ["numbers 1 0 1772452800000 1-0   % \\ A"])

    def test_json_has_every_part_of_a_record(self):
        got = self.tool("consume", "numbers", "-e", "-p", "0", "-n", "1", "--json").json
        self.assertEqual(got, [{"topic": "numbers", "partition": 0, "offset": 0,
                                "timestamp": 1772366400000, "key": None, "value": "0-0"}])

    def test_wrong_usage_is_told(self):
        for words in (("--format", "%q"), ("--format", r"\q"), ("--time", "yesterday"),
                      ("--offset", "x"), ("--offset", "1", "--from-beginning"),
                      ("--group", "g", "--offset", "1"), ("--until-end", "--follow"),
                      ("--count", "many"), ("--no-such-flag",)):
            with self.subTest(words=words):
                self.refused(USAGE, "consume", "numbers", *words)


class Formats(ToolTest):
    def test_a_topic_remembers_how_its_values_are_written(self):
        self.one_partition("counts", "--key-format", "text", "--value-format", "binary:u64")
        self.tool("produce", "counts", "-k", "=", stdin="apples=3\npears=18446744073709551615\n")
        self.assertEqual(self.consumed("counts").lines,
                         ["apples\t3", "pears\t18446744073709551615"])
        self.assertEqual([r["value"] for r in self.consumed("counts", "--json").json],
                         [3, 18446744073709551615])

    def test_a_line_that_does_not_fit_the_format_is_refused_with_its_number(self):
        self.one_partition("counts", "--value-format", "binary:u64")
        self.refused(REFUSED, "produce", "counts", stdin="1\n2\nthree\n",
                     says=("line 3", "three", "binary:u64", "lines 1 to 2 are written"))
        self.assertEqual(self.consumed("counts").lines, ["1", "2"])

    def test_structs_are_shown_and_taken_as_json(self):
        self.tool("topic", "create", "orders",
                  "--value-format", "binary:struct{item:string,count:u32,tags:list<string>}")
        self.tool("produce", "orders",
                  stdin='{"item":"pear","count":2,"tags":["ripe","green"]}\n')
        self.assertEqual(self.consumed("orders").lines,
                         ['{"item":"pear","count":2,"tags":["ripe","green"]}'])
        self.assertEqual(self.consumed("orders", "--json").json[0]["value"]["count"], 2)

    def test_json_topics_take_only_json(self):
        self.tool("topic", "create", "events", "--value-format", "json")
        self.tool("produce", "events", stdin='{"a": 1}\n')
        self.refused(REFUSED, "produce", "events", stdin="{a: 1}\n", says=("line 1", "JSON"))
        self.assertEqual(self.consumed("events", "--json").json[0]["value"], {"a": 1})

    def test_bytes_that_are_not_text_survive_json(self):
        self.tool("produce", "raw", stdin=b"\xff\x00\x01\n")
        self.assertEqual(self.consumed("raw", "--json").json[0]["value"], {"base64": "/wAB"})

    def test_an_unknown_format_is_refused(self):
        self.refused(USAGE, "topic", "create", "x", "--value-format", "binary:u63", says="u63")


class Beside(ToolTest):
    """Several processes on one directory."""

    def test_a_follower_sees_what_another_process_writes(self):
        self.one_partition("news")
        follower = self.start("consume", "news", "--follow")
        self.socket_is_there()
        time.sleep(0.5)
        self.tool("produce", "news", stdin="one\ntwo\n")
        self.assertEqual(follower.stdout.readline(), b"one\n")
        self.assertEqual(follower.stdout.readline(), b"two\n")
        self.tool("produce", "news", stdin="three\n")
        self.assertEqual(follower.stdout.readline(), b"three\n")
        self.assertEqual(self.consumed("news").lines, ["one", "two", "three"])
        self.assertIn("news", self.tool("topic", "list").text)
        self.assertEqual(self.stop(follower).status, OK)
        self.assertFalse(os.path.exists(os.path.join(self.on, "node.sock")))
        self.assertEqual(self.consumed("news").lines, ["one", "two", "three"])

    def test_large_amounts_go_through_the_socket(self):
        self.one_partition("news")
        out = os.path.join(self.folder, "out")
        with open(out, "wb") as to:
            follower = self.start("consume", "news", "--follow", stdout=to)
        self.socket_is_there()
        time.sleep(0.5)
        lines = [f"line {n} " + "y" * (n % 100) for n in range(100_000)]
        self.tool("produce", "news", stdin="\n".join(lines) + "\n")
        self.assertEqual(self.consumed("news").lines, lines)
        expected = "\n".join(lines) + "\n"
        self.eventually(lambda: os.path.getsize(out) >= len(expected), "the follower fell behind")
        self.assertEqual(self.stop(follower).status, OK)
        with open(out, encoding="ascii") as got:
            self.assertEqual(got.read(), expected)

    def test_on_a_terminal_it_is_said_what_is_waited_for(self):
        self.tool("produce", "x", stdin="one\n")
        ours, terminal = pty.openpty()
        self.addCleanup(os.close, ours)
        follower = subprocess.Popen([harness.PROGRAM, "consume", "x", "--on", self.on],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                    stderr=terminal)
        self.running.append(follower)
        os.close(terminal)
        self.assertTrue(select.select([ours], [], [], harness.PATIENCE)[0], "nothing was said")
        self.assertIn(b"--from-beginning", os.read(ours, 1000))
        follower.send_signal(signal.SIGINT)
        self.assertEqual(follower.wait(timeout=harness.PATIENCE), OK)

    def test_a_stop_signal_ends_a_follower_cleanly(self):
        self.tool("produce", "news", stdin="one\n")
        for number in (signal.SIGINT, signal.SIGTERM):
            follower = self.start("consume", "news", "--from-beginning")
            self.assertEqual(follower.stdout.readline(), b"one\n")
            self.assertEqual(self.stop(follower, number).status, OK)

    def test_a_killed_process_leaves_a_directory_that_works(self):
        self.one_partition("news")
        self.tool("produce", "news", stdin="one\n")
        follower = self.start("consume", "news", "--from-beginning")
        self.assertEqual(follower.stdout.readline(), b"one\n")
        self.tool("produce", "news", stdin="two\n")
        self.stop(follower, signal.SIGKILL)
        self.assertEqual(self.consumed("news").lines, ["one", "two"])

    def test_a_reader_that_has_had_enough_is_no_error(self):
        self.one_partition("lines")
        self.tool("produce", "lines", stdin="".join(f"{n}\n" for n in range(300_000)))
        process = self.start("consume", "lines", "-b", "-e")
        self.assertEqual(process.stdout.readline(), b"0\n")
        process.stdout.close()
        self.assertEqual(process.wait(timeout=harness.PATIENCE), OK)
        self.assertEqual(process.stderr.read(), b"")

    def test_an_interrupted_producer_keeps_what_it_read(self):
        self.one_partition("lines")
        producer = self.start("produce", "lines", stdin=subprocess.PIPE)
        producer.stdin.write(b"one\ntwo\n")
        producer.stdin.flush()
        self.socket_is_there()
        self.eventually(lambda: self.run_tool("consume", "lines", "-b", "-e").lines == ["one", "two"],
                        "the lines are not there")
        done = self.stop(producer)
        self.assertEqual(done.status, harness.INTERRUPTED)
        self.assertIn("lines 1 to 2 are written", done.err)
        self.assertEqual(self.consumed("lines").lines, ["one", "two"])

    def test_random_bytes_come_back(self):
        chance = random.Random(5)
        data = bytes(chance.randrange(256) for _ in range(200_000))
        self.one_partition("bytes")
        self.tool("produce", "bytes", stdin=data)
        got = self.consumed("bytes").out
        self.assertEqual(got, data if data.endswith(b"\n") else data + b"\n")


if __name__ == "__main__":
    harness.main()
