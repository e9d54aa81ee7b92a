#!/usr/bin/env python3
"""The tool beside a running job: penstock job status, and its topics seen from outside."""
import fcntl
import json
import os
import re
import subprocess
import time
import unittest

import harness
from harness import FAILED, OK, UNAVAILABLE, USAGE, ToolTest

CONFIG = os.path.join(os.path.dirname(__file__), "..", "..", "config", "server.properties")


def word_count():
    return os.path.join(os.path.dirname(harness.PROGRAM), "word_count")


class Jobs(ToolTest):
    def setUp(self):
        super().setUp()
        if not os.path.exists(word_count()):
            raise unittest.SkipTest("skipped: the example word_count is not built")

    def start_job(self, *words, on=None):
        job = subprocess.Popen([word_count(), "--on", on or self.on, *words], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.running.append(job)
        return job

    def counts(self):
        # The topic has one record per key and commit: the last one counts.
        return dict(line.split("\t") for line in self.consumed("word-counts").lines)

    def job(self, *words, stdout=subprocess.PIPE):
        """A run of it that ends by itself."""
        return subprocess.run([word_count(), "--on", self.on, *words], stdin=subprocess.DEVNULL,
                              stdout=stdout, stderr=subprocess.PIPE, check=False,
                              timeout=harness.PATIENCE)

    def test_json_is_for_what_a_job_prints(self):
        self.assertEqual(json.loads(self.job("--describe", "--json").stdout)["topology"],
                         "word-count")
        for wrong in (("--json",), ("--describe=mermaid", "--json")):
            done = self.job(*wrong)
            self.assertEqual(done.returncode, USAGE)
            self.assertIn(b"--json", done.stderr)

    def test_a_test_file_that_cannot_be_read_says_why(self):
        done = self.job("--test", os.path.join(self.folder, "none.yaml"))
        self.assertEqual(done.returncode, USAGE)
        self.assertIn(b"none.yaml: cannot be read: No such file", done.stderr)

    def test_output_that_cannot_be_written_is_a_failure(self):
        for word in ("--help", "--describe"):
            with open("/dev/full", "wb") as full:
                done = self.job(word, stdout=full)
            self.assertEqual(done.returncode, FAILED)
            self.assertIn(b"cannot write to standard output", done.stderr)

    def test_a_job_without_its_node_says_what_to_look_at(self):
        self.on = "penstock://127.0.0.1:1"
        done = self.job()
        self.assertEqual(done.returncode, UNAVAILABLE)
        self.assertIn(b"is penstock node running there?", done.stderr)

    def test_a_job_waits_for_a_tool_that_has_the_directory_for_a_moment(self):
        self.tool("produce", "log-lines", stdin="apple pear\n")
        with open(os.path.join(self.on, ".lock"), "r+", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            job = self.start_job()
            time.sleep(0.7)
        self.socket_is_there()
        self.assertEqual(self.stop(job).status, OK)

    def test_a_running_job_is_fed_and_watched_from_outside(self):
        self.tool("produce", "log-lines", stdin="apple pear\npear\n")
        job = self.start_job()
        self.socket_is_there()
        self.eventually(lambda: self.run_tool("job", "status", "--interval", "0").status == OK,
                        "the job does not answer")
        self.tool("produce", "log-lines", stdin="apple plum\n" * 500)

        def read_everything():
            status = self.tool("job", "status", "--json", "--interval", "100").json[0]
            self.assertEqual(status["state"], "running")
            return status["lag"] == 0 and status["records_in"] == 502 and status["state_bytes"] > 0
        self.eventually(read_everything, "the job did not read everything")
        shown = self.tool("job", "status", "--interval", "0").text
        self.assertIn("running: ", shown)
        self.assertIn("PARTITION", shown)
        self.eventually(lambda: self.counts() == {"apple": "501", "pear": "2", "plum": "500"},
                        "the counts are not there")
        groups = self.tool("group", "list", "--json").json
        self.assertIn("word-count", [g["group"] for g in groups])
        self.tool("log", "verify")
        done = self.stop(job)
        self.assertEqual(done.status, OK, done.err)
        self.assertEqual(self.counts(), {"apple": "501", "pear": "2", "plum": "500"})
        self.tool("log", "verify")

    def test_two_processes_do_not_run_one_topology(self):
        node = subprocess.Popen(
            [harness.PROGRAM, "node", "--config", CONFIG, "--override", f"log.dirs={self.on}",
             "--override", "listeners=PLAINTEXT://127.0.0.1:0",
             "--override", "advertised.listeners=PLAINTEXT://127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.running.append(node)
        at = "penstock://" + re.search(r"serves clients on (\S+:\d+)", node.stderr.readline())[1]
        self.tool("produce", "log-lines", stdin="apple pear\n", on=at)
        first = self.start_job(on=at)
        self.eventually(lambda: "word-counts" in self.tool("topic", "list", on=at).text,
                        "the first process does not begin")
        for where in (at, self.on):
            second = self.start_job("--until-end", on=where)
            err = second.communicate(timeout=harness.PATIENCE)[1].decode()
            self.assertEqual(second.returncode, UNAVAILABLE, err)
            self.assertIn("runs already" if where == at else "process", err)
        self.assertIsNone(first.poll())
        done = self.stop(first)
        self.assertEqual(done.status, OK, done.err)
        third = self.start_job("--until-end", on=at)
        err = third.communicate(timeout=harness.PATIENCE)[1].decode()
        self.assertEqual(third.returncode, OK, err)

    def test_a_job_to_the_end_leaves_what_it_counted(self):
        self.tool("produce", "log-lines", stdin="to be or not to be\n")
        job = self.start_job("--until-end")
        _, err = job.communicate(timeout=harness.PATIENCE)
        self.assertEqual(job.returncode, OK, err)
        self.assertEqual(self.counts(), {"to": "2", "be": "2", "or": "1", "not": "1"})
        got = self.consumed("word-counts", "--json").json
        self.assertTrue(all(isinstance(record["value"], int) for record in got))


if __name__ == "__main__":
    harness.main()
