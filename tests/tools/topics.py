#!/usr/bin/env python3
"""penstock topic: create, list, describe, alter, delete."""
import os
import time

import harness
from harness import NOT_FOUND, REFUSED, USAGE, ToolTest


class Topics(ToolTest):
    def test_what_penstock_keeps_for_itself_is_left_alone(self):
        self.tool("produce", "orders", stdin="a\n")
        self.tool("consume", "orders", "--group", "billing", "--until-end")
        self.refused(REFUSED, "topic", "delete", "__consumer_offsets", says="__consumer_offsets")
        self.refused(REFUSED, "produce", "__consumer_offsets", stdin="k\n", says="__consumer_offsets")
        self.assertEqual(self.tool("group", "list", "--json").json[0]["group"], "billing")

    def test_a_topic_is_created_listed_and_described(self):
        made = self.tool("topic", "create", "orders", "--partitions", "3",
                         "--set", "retention.ms=7d", "--key-format", "text")
        self.assertEqual(made.text, "created orders\n")
        listed = self.tool("topic", "list").lines
        self.assertEqual(listed[0].split(), ["TOPIC", "PARTITIONS", "RECORDS", "BYTES", "KEY",
                                             "VALUE"])
        self.assertEqual(listed[1].split(), ["orders", "3", "0", "0", "text", "-"])
        self.tool("produce", "orders", "-p", "1", stdin="a\nb\n")
        shown = self.tool("topic", "describe", "orders").text
        for part in ("orders: 3 partitions, 2 records", "retention.ms=604800000",
                     "penstock.key.format=text"):
            self.assertIn(part, shown)
        self.assertNotIn("segment.bytes", shown)
        self.assertIn("segment.bytes=1073741824 (default)",
                      self.tool("topic", "describe", "orders", "--all-settings").text)

    def test_json_says_the_same(self):
        self.assertEqual(self.tool("topic", "create", "orders", "-p", "2", "--json").json,
                         [{"created": "orders"}])
        self.tool("produce", "orders", "-p", "1", stdin="a\nb\n")
        listed = self.tool("topic", "list", "--json").json
        self.assertEqual(len(listed), 1)
        self.assertEqual((listed[0]["topic"], listed[0]["partitions"], listed[0]["records"]),
                         ("orders", 2, 2))
        shown = self.tool("topic", "describe", "orders", "--json").json[0]
        self.assertEqual([(p["partition"], p["start"], p["end"]) for p in shown["partitions"]],
                         [(0, 0, 0), (1, 0, 2)])

    def test_the_flags_stand_before_or_behind_the_word(self):
        self.tool("topic", "create", "orders")
        done = harness.subprocess.run(
            [harness.PROGRAM, "--on", self.on, "--json", "topic", "list"],
            capture_output=True, check=True, timeout=harness.PATIENCE)
        self.assertIn(b'"topic":"orders"', done.stdout)

    def test_several_topics_at_once(self):
        self.tool("topic", "create", "a", "b", "c")
        self.assertEqual([t["topic"] for t in self.tool("topic", "list", "--json").json],
                         ["a", "b", "c"])
        self.tool("topic", "delete", "a", "c")
        self.assertEqual([t["topic"] for t in self.tool("topic", "list", "--json").json], ["b"])

    def test_settings_are_altered_and_put_back(self):
        self.tool("topic", "create", "orders", "--set", "retention.ms=1d")
        self.tool("topic", "alter", "orders", "--set", "max.message.bytes=4096",
                  "--reset", "retention.ms")
        settings = self.tool("topic", "describe", "orders", "--json").json[0]["settings"]
        self.assertEqual(settings, {"max.message.bytes": "4096"})

    def test_partitions_are_added_but_never_taken_away(self):
        self.tool("topic", "create", "orders", "-p", "2")
        self.tool("produce", "orders", "-p", "1", stdin="kept\n")
        self.tool("topic", "alter", "orders", "--partitions", "4")
        self.tool("produce", "orders", "-p", "3", stdin="new\n")
        self.assertEqual(sorted(self.consumed("orders").lines), ["kept", "new"])
        self.refused(USAGE, "topic", "alter", "orders", "--partitions", "1", says=("orders", "4"))

    def test_a_deleted_topic_is_gone_with_its_files(self):
        self.tool("produce", "orders", stdin="x\n")
        self.assertTrue(os.path.isdir(os.path.join(self.on, "orders-0")))
        self.tool("topic", "delete", "orders")
        self.refused(NOT_FOUND, "consume", "orders", "-e")
        self.assertFalse(os.path.isdir(os.path.join(self.on, "orders-0")))
        self.tool("produce", "orders", stdin="y\n")
        self.assertEqual(self.consumed("orders").lines, ["y"])

    def test_internal_topics_are_shown_only_when_asked_for(self):
        self.tool("produce", "orders", stdin="x\n")
        self.tool("consume", "orders", "--group", "g", "-e")
        names = [t["topic"] for t in self.tool("topic", "list", "--json").json]
        self.assertEqual(names, ["orders"])
        names = [t["topic"] for t in self.tool("topic", "list", "--internal", "--json").json]
        self.assertIn("__consumer_offsets", names)


    def test_making_many_partitions_does_not_wait_for_their_files(self):
        asked = time.monotonic()
        self.tool("topic", "create", "many", "--partitions", "3000")
        self.assertLess(time.monotonic() - asked, 30)
        self.tool("log", "verify")  # folders that were never made are no damage
        self.tool("produce", "many", "-p", "2999", stdin="x\n")

    def test_offsets_of_groups_go_with_the_topic(self):
        self.tool("produce", "orders", stdin="a\nb\n")
        self.tool("consume", "orders", "--group", "g", "-b", "-e")
        self.tool("topic", "delete", "orders")
        self.tool("produce", "orders", stdin="x\ny\nz\n")
        self.assertEqual(sorted(self.tool("consume", "orders", "--group", "g", "-b", "-e").lines),
                         ["x", "y", "z"])


class BadNames(ToolTest):
    def test_names_that_break_the_rules_are_refused(self):
        for name in ("a/b", "..", "a b", "ä", "x" * 250, "__mine"):
            with self.subTest(name=name):
                self.refused(REFUSED, "topic", "create", name)
        self.refused(REFUSED, "topic", "create", "a/b", says=("a/b",))
        self.refused(REFUSED, "produce", "a/b", stdin="x\n", says="a/b")

    def test_a_topic_that_exists_is_refused(self):
        self.tool("topic", "create", "orders")
        self.refused(REFUSED, "topic", "create", "orders", says="orders")

    def test_a_name_that_is_almost_right_gets_a_hint(self):
        self.tool("topic", "create", "orders", "customers")
        self.refused(NOT_FOUND, "consume", "ordres", "-e",
                     says=('topic "ordres" does not exist', 'did you mean "orders"?'))
        self.refused(NOT_FOUND, "topic", "describe", "customer", says='"customers"')
        self.refused(NOT_FOUND, "topic", "delete", "ordrs", says='"orders"')
        self.refused(NOT_FOUND, "topic", "alter", "ordrs", "--set", "retention.ms=1d",
                     says='"orders"')

    def test_settings_that_are_unknown_or_wrong_are_refused(self):
        self.refused(REFUSED, "topic", "create", "x", "--set", "retention.msec=1",
                     says=("retention.msec", "retention.ms"))
        self.refused(REFUSED, "topic", "create", "x", "--set", "retention.ms=soon", says="soon")
        self.refused(REFUSED, "topic", "create", "x", "--set", "retention.ms")
        self.refused(USAGE, "topic", "create", "x", "--partitions", "0")
        self.tool("topic", "create", "x")
        self.refused(REFUSED, "topic", "alter", "x", "--reset", "nothing", says="nothing")
        self.refused(USAGE, "topic", "alter", "x", says="--set")


if __name__ == "__main__":
    harness.main()
