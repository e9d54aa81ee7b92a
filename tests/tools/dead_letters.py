#!/usr/bin/env python3
"""penstock dead-letters: what a job put aside is listed, shown and replayed."""
import os
import subprocess
import unittest

import harness
from harness import NOT_FOUND, OK, REFUSED, USAGE, ToolTest

GOOD = '203.0.113.7 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5120 "-" "curl"'


class DeadLetters(ToolTest):
    def setUp(self):
        super().setUp()
        self.program = os.path.join(os.path.dirname(harness.PROGRAM), "error_rate")
        if not os.path.exists(self.program):
            raise unittest.SkipTest("skipped: the example error_rate is not built")
        self.one_partition("access-log")

    def run_job(self, lines):
        """Lines through the job, which puts aside those that it cannot read."""
        self.tool("produce", "access-log", stdin=b"\n".join(lines) + b"\n")
        done = subprocess.run([self.program, "--on", self.on, "--until-end"],
                              stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=harness.PATIENCE, check=False)
        self.assertEqual(done.returncode, OK, done.stderr)

    def letters(self, *words):
        return self.tool("dead-letters", "list", "bad-lines", "--json", *words).json

    def offsets(self):
        """Where the letters are, by the value each holds."""
        return {str(record["value"]): f"{record['partition']}:{record['offset']}"
                for record in self.consumed("bad-lines", "--json").json}

    def test_a_list_counts_by_step_and_reason(self):
        self.run_job([b"bad one", GOOD.encode(), b"bad two", b"bad three", b"bad four"])
        listed = self.letters()
        self.assertEqual(sum(row["count"] for row in listed), 4)
        self.assertEqual({row["step"] for row in listed}, {"parse"})
        self.assertEqual({row["from"] for row in listed}, {"access-log"})
        self.assertEqual({row["replayed"] for row in listed}, {0})
        text = self.tool("dead-letters", "list", "bad-lines").text
        self.assertIn("COUNT", text)
        # A record that fails again keeps its time: these are no times of the letters.
        self.assertIn("OLDEST", text)
        self.assertLessEqual(listed[0]["oldest"], listed[0]["newest"])
        self.assertIn("parse", text)
        self.assertEqual(self.letters("--step", "no such step"), [])

    def test_a_letter_is_shown_with_its_headers_and_its_bytes(self):
        odd = b"\xff\x00 not text \\ \t"
        self.run_job([b"plain", odd])
        where = self.offsets()
        shown = self.tool("dead-letters", "show", "bad-lines", where["plain"]).text
        for part in ("penstock.step: parse", "penstock.topic: access-log", "penstock.offset: 0",
                     "penstock.reason: ", "value (5 bytes): plain", "key: none"):
            self.assertIn(part, shown)
        self.assertEqual(self.tool("dead-letters", "show", "bad-lines", where["plain"],
                                   "--raw").out, b"plain")
        everything = self.tool("dead-letters", "show", "bad-lines", "--raw").out
        self.assertIn(everything, (b"plain" + odd, odd + b"plain"))
        records = self.tool("dead-letters", "show", "bad-lines", "--json").json
        headers = [{h["name"]: h["value"] for h in r["headers"]} for r in records]
        self.assertEqual({h["penstock.offset"] for h in headers}, {"0", "1"})
        self.assertIn(r"\xff\x00 not text \\ \x09", self.tool("dead-letters", "show",
                                                             "bad-lines").text)
        self.assertEqual(len(self.tool("dead-letters", "show", "bad-lines", "--json", "-n", "1",
                                       "--step", "parse").json), 1)
        self.refused(NOT_FOUND, "dead-letters", "show", "bad-lines", "0:99", says="no such letter")

    def test_a_replay_writes_what_came_where_it_came_from_once(self):
        odd = b"\xff\x00 not text"
        self.run_job([b"one", odd, GOOD.encode()])
        would = self.tool("dead-letters", "replay", "bad-lines", "--dry-run", "--json").json[0]
        self.assertEqual(would["would_replay"], 2)
        self.assertEqual(would["to"], {"access-log": 2})
        before = self.consumed("access-log").out
        self.assertEqual(self.tool("dead-letters", "replay", "bad-lines", "--json").json[0]
                         ["replayed"], 2)
        after = self.consumed("access-log").out
        self.assertTrue(after.startswith(before))
        self.assertEqual(sorted(after[len(before):].split(b"\n")), sorted([b"", b"one", odd]))
        # Nothing of what the tool notes stays with the record.
        for record in self.consumed("access-log", "--json").json:
            self.assertNotIn("headers", record)
        again = self.tool("dead-letters", "replay", "bad-lines")
        self.assertIn("replayed 0 letters", again.text)
        self.assertIn("2 letters replayed before", again.err)
        self.assertEqual(self.consumed("access-log").out, after)
        self.assertEqual(sum(row["replayed"] for row in self.letters()), 2)
        forced = self.tool("dead-letters", "replay", "bad-lines", "--again", "--json").json[0]
        self.assertEqual(forced["replayed"], 2)
        self.assertEqual(len(self.consumed("access-log").out.split(b"\n")), 8)

    def test_what_fails_again_is_a_letter_of_its_own(self):
        self.run_job([b"one"])
        self.tool("dead-letters", "replay", "bad-lines")
        self.run_job([b"two"])
        self.assertEqual(sum(row["count"] for row in self.letters()), 3)
        self.assertEqual(self.tool("dead-letters", "replay", "bad-lines", "--json").json[0]
                         ["replayed"], 2)

    def test_some_may_be_replayed_before_others(self):
        self.run_job([b"one", b"two", b"three"])
        where = self.offsets()
        self.one_partition("elsewhere")
        for value in ("two", "one"):
            done = self.tool("dead-letters", "replay", "bad-lines", "--to", "elsewhere",
                             "--offset", where[value], "--json").json[0]
            self.assertEqual(done["to"], {"elsewhere": 1})
        self.assertEqual(self.consumed("elsewhere").lines, ["two", "one"])
        rest = self.tool("dead-letters", "replay", "bad-lines", "--to", "elsewhere", "--step",
                         "parse", "--json").json[0]
        self.assertEqual((rest["replayed"], rest["replayed_before"]), (1, 2))
        self.assertEqual(self.consumed("elsewhere").lines, ["two", "one", "three"])
        self.assertEqual(self.tool("dead-letters", "replay", "bad-lines", "--reason", "no such",
                                   "--json").json[0]["replayed"], 0)

    def test_a_topic_made_anew_has_nothing_replayed(self):
        self.run_job([b"one"])
        self.tool("dead-letters", "replay", "bad-lines")
        self.tool("topic", "delete", "bad-lines", "access-log")
        self.run_job([b"two"])
        self.assertEqual(self.tool("dead-letters", "replay", "bad-lines", "--json").json[0]
                         ["replayed"], 1)

    def test_a_replay_that_was_cut_short_is_told(self):
        self.run_job([b"one", b"two"])
        where = self.offsets()
        self.tool("dead-letters", "replay", "bad-lines", "--offset", where["one"])
        notes = self.consumed("bad-lines-replayed", "--format", r"%k %v\n").lines
        self.assertEqual(len(notes), 2)
        self.assertIn('"begun"', notes[0])
        self.assertIn('"done"', notes[1])
        # The first half of a replay, as a crash leaves it.
        key, note = notes[0].split(" ", 1)
        partition, offset = where["one"].split(":")
        other_partition, other_offset = where["two"].split(":")
        note = note.replace(f"[{partition},{offset},{offset}]",
                            f"[{other_partition},{other_offset},{other_offset}]")
        self.tool("produce", "bad-lines-replayed", "-k", "=", stdin=f"{key}={note}\n")
        done = self.tool("dead-letters", "replay", "bad-lines")
        self.assertIn("replayed 1 letter ", done.text)
        self.assertIn("cut short: 1 letter", done.err)

    def test_wrong_usage_is_told(self):
        self.run_job([b"one"])
        nothing = self.tool("dead-letters", "list", "bad-lines", "--step", "nowhere")
        self.assertEqual(nothing.text, "")
        self.assertIn('"bad-lines" has no such dead letters', nothing.err)
        self.assertIn("of the 1 there is", nothing.err)
        self.refused(NOT_FOUND, "dead-letters", "list", "bad-line", says='"bad-lines"')
        self.refused(NOT_FOUND, "dead-letters", "replay", "bad-lines", "--to", "access-lgo",
                     says='"access-log"')
        self.refused(USAGE, "dead-letters", "show", "bad-lines", "x:1", says="PARTITION:N")
        self.refused(NOT_FOUND, "dead-letters", "show", "bad-lines", "77:1", says="77")
        self.refused(REFUSED, "dead-letters", "replay", "bad-lines", "--to",
                     "__consumer_offsets", says="__consumer_offsets")
        self.refused(USAGE, "dead-letters", "replay", "bad-lines", "--to", "bad-lines", says="--to")
        self.one_partition("plain")
        for word in ("list", "show", "replay"):
            self.assertIn('topic "plain" has no dead letters (--describe',
                          self.tool("dead-letters", word, "plain").err)
        self.tool("produce", "plain", stdin="a\nb\nc\n")
        for word in ("list", "show", "replay"):
            self.assertIn('"plain" is none of dead letters: no header penstock.reason in its 3 records',
                          self.tool("dead-letters", word, "plain").err)
        self.tool("topic", "delete", "access-log")
        self.refused(NOT_FOUND, "dead-letters", "replay", "bad-lines", says="--to")


if __name__ == "__main__":
    harness.main()
