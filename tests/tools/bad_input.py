#!/usr/bin/env python3
"""What the tool says about directories that cannot be used, and about wrong command lines."""
import fcntl
import json
import os
import random
import shutil
import socket
import subprocess
import unittest

import harness
from harness import (FAILED, NOT_FOUND, OK, REFUSED, UNAVAILABLE, USAGE, Done, ToolTest)


class Directories(ToolTest):
    def test_a_directory_that_is_not_there_is_named_and_not_made(self):
        for words in (("topic", "list"), ("consume", "x"), ("group", "list"), ("log", "verify"),
                      ("topic", "delete", "x"), ("job", "status")):
            with self.subTest(words=words):
                self.refused(NOT_FOUND, *words, says=(self.on, "--on"))
        self.assertFalse(os.path.exists(self.on))

    def test_a_directory_of_somebody_else_is_left_alone(self):
        os.mkdir(self.on)
        with open(os.path.join(self.on, "letter.txt"), "w", encoding="ascii") as out:
            out.write("dear")
        self.refused(NOT_FOUND, "topic", "list", says="not a data directory")
        self.assertEqual(os.listdir(self.on), ["letter.txt"])

    def test_a_file_instead_of_a_directory_is_refused(self):
        with open(self.on, "w", encoding="ascii") as out:
            out.write("x")
        self.assertNotEqual(self.run_tool("produce", "x", stdin="x\n").status, OK)

    def test_a_locked_directory_without_a_socket_is_unavailable(self):
        self.tool("topic", "create", "x")
        with open(os.path.join(self.on, ".lock"), "r+", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.refused(UNAVAILABLE, "topic", "list", says=(self.on, "process"))
        self.tool("topic", "list")

    def test_a_socket_that_a_killed_process_left_is_in_nobodys_way(self):
        self.tool("topic", "create", "x")
        with open(os.path.join(self.on, "node.sock"), "w", encoding="ascii"):
            pass
        self.tool("topic", "list")

    def test_a_very_long_path_works(self):
        self.on = os.path.join(self.folder, *(c * 60 for c in "abcd"))
        os.makedirs(os.path.dirname(self.on))
        self.tool("topic", "create", "x")
        follower = self.start("consume", "x")
        self.socket_is_there()
        self.tool("produce", "x", stdin="through the socket\n")
        self.assertEqual(follower.stdout.readline(), b"through the socket\n")

    def test_a_damaged_log_is_refused_by_name(self):
        self.tool("produce", "x", stdin="".join(f"{n} {'y' * 80}\n" for n in range(50)))
        self.tool("produce", "x", stdin="last\n")
        file = os.path.join(self.on, "x-0", "0" * 20 + ".log")
        with open(file, "r+b") as out:
            out.seek(100)
            out.write(b"####")
        # The mark of a clean end would spare the check.
        for name in os.listdir(os.path.join(self.on, "x-0")):
            if name.startswith("penstock.checkpoint"):
                os.remove(os.path.join(self.on, "x-0", name))
        done = self.run_tool("consume", "x", "-b", "-e")
        self.assertEqual(done.status, FAILED)
        self.assertIn("x-0", done.err)

    def test_garbage_behind_a_log_is_cut_and_nothing_else(self):
        self.tool("produce", "x", "-p", "0", stdin="one\n")
        with open(os.path.join(self.on, "x-0", "0" * 20 + ".log"), "ab") as out:
            out.write(random.Random(7).randbytes(500))
        done = self.consumed("x")
        self.assertEqual(done.lines, ["one"])
        self.assertRegex(done.err, "^penstock: x-0: cut 500 bytes behind offset 1 ")
        self.tool("log", "verify")

    def test_what_another_topic_left_is_kept_and_may_be_deleted(self):
        self.tool("produce", "x", stdin="one\n")
        shutil.rmtree(os.path.join(self.on, "__cluster_metadata-0"))
        os.remove(os.path.join(self.on, "penstock.partitions"))
        done = self.tool("produce", "x", stdin="two\n")
        self.assertIn(os.path.join(self.on, "x-0.1-stray"), done.err)
        self.assertIn("delete that folder when", done.err)
        shutil.rmtree(os.path.join(self.on, "x-0.1-stray"))
        self.assertEqual(self.consumed("x").lines, ["two"])

    def test_damaged_metadata_is_refused(self):
        self.tool("topic", "create", "x", "y", "z")
        folder = os.path.join(self.on, "__cluster_metadata-0")
        file = os.path.join(folder, "0" * 20 + ".log")
        with open(file, "r+b") as out:
            out.seek(75)
            out.write(b"####")
        for name in os.listdir(folder):
            if name.startswith("penstock.checkpoint"):
                os.remove(os.path.join(folder, name))
        done = self.run_tool("topic", "list")
        self.assertNotEqual(done.status, OK)
        self.assertIn("__cluster_metadata", done.err)


@unittest.skipUnless(harness.can_mount(), "skipped: this user may not mount file systems")
class Mounts(ToolTest):
    """Read-only and full disks, in a mount namespace of their own."""

    def inside(self, script, stdin=b""):
        done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", harness.PROGRAM,
                               self.on],
                              input=stdin, capture_output=True, timeout=harness.PATIENCE,
                              check=False)
        return Done(done.returncode, done.stdout, done.stderr.decode())

    def test_a_read_only_directory_is_refused_with_its_path(self):
        self.tool("produce", "x", stdin="one\n")
        done = self.inside('mount --bind "$2" "$2" && mount -o remount,ro,bind "$2" || exit 99\n'
                           'exec "$1" produce x --on "$2"', stdin=b"two\n")
        self.assertEqual(done.status, FAILED, done.err)
        self.assertIn(self.on, done.err)
        self.assertIn("Read-only", done.err)
        verified = self.inside(
            'mount --bind "$2" "$2" && mount -o remount,ro,bind "$2" || exit 99\n'
            'exec "$1" log verify --on "$2"')
        self.assertEqual(verified.status, OK, verified.err)
        self.assertEqual(self.consumed("x").lines, ["one"])

    def test_a_full_disk_is_told_and_nothing_acknowledged_is_lost(self):
        os.mkdir(self.on)
        lines = b"".join(b"%d %s\n" % (n, b"z" * 200) for n in range(40_000))
        # 8 MB of lines on a disk of 4; then the topic must still read, as far as it goes.
        done = self.inside('mount -t tmpfs -o size=4m none "$2" || exit 99\n'
                           '"$1" produce x --on "$2" 2> "$2.err"; echo "status $?" >&2\n'
                           'cat "$2.err" >&2\n'
                           'exec "$1" log verify --on "$2"', stdin=lines)
        self.assertIn("status 1", done.err)
        self.assertRegex(done.err, "No space left|disk is full|free some space")
        self.assertRegex(done.err, "(lines 1 to [0-9]+ are|line 1 is) written|not known whether")
        self.assertEqual(done.status, OK, done.text + done.err)


class CommandLines(ToolTest):
    def bare(self, *words):
        done = subprocess.run([harness.PROGRAM, *words], capture_output=True, check=False,
                              timeout=harness.PATIENCE, cwd=self.folder)
        return Done(done.returncode, done.stdout, done.stderr.decode())

    def test_help_has_examples_and_the_exit_statuses(self):
        done = self.bare("--help")
        self.assertEqual(done.status, OK)
        for part in ("topic", "produce", "consume", "group", "log", "job", "Examples:",
                     "Exit status:"):
            self.assertIn(part, done.text)
        for words in (("topic", "create"), ("produce",), ("consume",), ("group", "reset"),
                      ("log", "verify")):
            with self.subTest(words=words):
                text = self.bare(*words, "--help").text
                self.assertEqual(text.count("Example"), 1)
                self.assertIn("--on DIR", text)
        self.assertNotIn("Example", self.bare("topic", "list", "--help").text)

    def test_the_version_is_printed(self):
        done = self.bare("--version")
        self.assertEqual(done.status, OK)
        self.assertRegex(done.text, r"^penstock \d+\.\d+\.\d+\n$")

    def test_wrong_usage_has_one_line_and_its_own_status(self):
        for words in ((), ("topic",), ("no-such-word",), ("produce",), ("consume", "x", "--what"),
                      ("topic", "create"), ("log", "dump", "--count", "x")):
            with self.subTest(words=words):
                done = self.bare(*words)
                self.assertEqual(done.status, USAGE)
                self.assertEqual(len(done.err.splitlines()), 1, done.err)
                self.assertTrue(done.err.startswith("penstock: "), done.err)
        self.assertIn('penstock has no word "tpoic": did you mean "topic"?',
                      self.bare("tpoic", "list").err)
        self.assertIn('topic has no word "make": there are', self.bare("topic", "make", "x").err)

    def test_the_default_directory_is_in_the_current_one(self):
        self.assertEqual(self.bare("topic", "create", "x").status, OK)
        self.assertTrue(os.path.isdir(os.path.join(self.folder, "penstock-data")))

    def test_errors_are_json_when_asked_for(self):
        done = self.run_tool("topic", "list", "--json")
        self.assertEqual(done.status, NOT_FOUND)
        self.assertEqual(json.loads(done.err)["error"]["code"], "not_found")

    def test_wrong_usage_is_json_too(self):
        done = self.run_tool("topic", "list", "--json", "--frobnicate")
        self.assertEqual(done.status, USAGE)
        self.assertIn("--frobnicate", json.loads(done.err)["error"]["message"])

    def test_numbers_that_are_none_are_told_what_numbers_are(self):
        for words in (("consume", "x", "--count", "-1"), ("consume", "x", "--partition", "one"),
                      ("log", "dump", "--count", "-1"), ("log", "dump", "--from", "x"),
                      ("dead-letters", "show", "x", "--count", "99999999999999999999"),
                      ("group", "reset", "g", "--to-offset", "x"),
                      ("produce", "x", "--partition", "99999999999999999999")):
            with self.subTest(words=words):
                done = self.refused(USAGE, *words, says=words[-2:])
                self.assertLess(len(done.err), 200)

    def test_a_word_that_is_missing_is_asked_for(self):
        self.assertIn("penstock needs a word: there are topic, ", self.bare().err)
        self.assertIn("topic needs a word: there are create, ", self.bare("topic").err)
        self.assertIn("--bootstrap needs a value", self.bare("--bootstrap").err)
        self.assertIn("--file needs a value", self.bare("produce", "x", "--file").err)
        self.assertIn("--on may be given once",
                      self.bare("topic", "list", "--on", "a", "--on", "b").err)

    def test_a_property_of_a_node_that_cannot_be_is_a_mistake_where_it_was_written(self):
        config = os.path.join(self.folder, "s.properties")
        with open(config, "w", encoding="ascii") as out:
            out.write(f"log.dirs={self.on}\n\nlisteners=PLAINTEXT://:99999\n")
        done = self.bare("node", "--config", config)
        self.assertEqual(done.status, REFUSED)
        for part in ("s.properties line 3: listeners", "from 0 to 65535"):
            self.assertIn(part, done.err)
        done = self.bare("node", "--config", config, "--override", "listeners=PLAINTEXT://:65536")
        self.assertEqual(done.status, USAGE)
        self.assertIn("--override: listeners", done.err)
        self.assertEqual(self.bare("node", "--config", config, "--override", "x").status, USAGE)

    def test_what_was_meant_is_guessed_from_what_was_written(self):
        self.tool("topic", "create", "t", "orders")
        self.refused(NOT_FOUND, "topic", "describe", "ordres", says='did you mean "orders"?')
        done = self.refused(NOT_FOUND, "topic", "describe", "q")
        self.assertNotIn("did you mean", done.err)

    def test_a_topic_of_one_partition_says_so(self):
        self.one_partition("x")
        for words in (("consume", "x", "-p", "7"), ("produce", "x", "-p", "7"),
                      ("dead-letters", "list", "x", "-o", "7:1")):
            self.refused(NOT_FOUND, *words, says="has one partition, 0, not 7")
        self.refused(NOT_FOUND, "log", "verify", "x", "-p", "7", says="no partition 7")

    def test_a_node_without_a_name_is_not_the_directory_here(self):
        self.assertEqual(self.bare("topic", "create", "x").status, OK)
        self.assertEqual(self.bare("topic", "delete", "x", "--bootstrap", "").status, USAGE)

    def test_a_directory_without_a_name_is_a_mistake(self):
        for words in (("produce", "x"), ("topic", "create", "x")):
            done = self.bare(*words, "--on", "")
            self.assertEqual(done.status, USAGE)
            self.assertIn("no name: give it one, as --on DIR", done.err)

    def test_a_format_and_json_exclude_each_other(self):
        self.tool("topic", "create", "x")
        done = self.run_tool("consume", "x", "-b", "-e", "--json", "--format", "%v")
        self.assertEqual(done.status, USAGE)
        self.assertIn("--json and --format", done.err)

    def test_a_port_that_is_taken_is_named_with_a_way_out(self):
        config = os.path.join(self.folder, "s.properties")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            with open(config, "w", encoding="ascii") as out:
                out.write(f"log.dirs={self.on}\nlisteners=PLAINTEXT://{address}\n")
            done = self.bare("node", "--config", config)
        self.assertEqual(done.status, FAILED)
        self.assertIn(f"cannot listen on {address}: Address already in use; end the program", done.err)

    def test_other_addresses_say_what_is_possible(self):
        done = self.run_tool("topic", "list", on="kafka://localhost:9092")
        self.assertEqual(done.status, USAGE)
        done = self.run_tool("topic", "list", on="penstock://127.0.0.1:1")
        self.assertEqual(done.status, UNAVAILABLE)
        self.assertIn("127.0.0.1:1", done.err)

    def test_a_full_output_is_an_error(self):
        self.tool("produce", "x", stdin="one\n")
        with open("/dev/full", "wb") as full:
            done = subprocess.run([harness.PROGRAM, "consume", "x", "-b", "-e", "--on", self.on],
                                  stdout=full, stderr=subprocess.PIPE, check=False,
                                  timeout=harness.PATIENCE)
        self.assertEqual(done.returncode, FAILED)
        self.assertIn(b"standard output", done.stderr)
        for word in ("--help", "--version"):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([harness.PROGRAM, word], stdout=full, stderr=subprocess.PIPE,
                                      check=False, timeout=harness.PATIENCE)
            self.assertEqual(done.returncode, FAILED)
            self.assertIn(b"standard output", done.stderr)

    def test_job_status_without_a_job_says_so(self):
        self.tool("topic", "create", "x")
        self.refused(NOT_FOUND, "job", "status", says="no process works on")
        follower = self.start("consume", "x")
        self.socket_is_there()
        self.refused(NOT_FOUND, "job", "status", says="no job")
        self.stop(follower)


if __name__ == "__main__":
    harness.main()
