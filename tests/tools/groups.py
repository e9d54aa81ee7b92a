#!/usr/bin/env python3
"""Consumer groups: consume --group, and penstock group list, describe, reset, delete."""
import time

import harness
from harness import NOT_FOUND, OK, REFUSED, USAGE, ToolTest


class Groups(ToolTest):
    def setUp(self):
        super().setUp()
        self.tool("topic", "create", "orders", "--partitions", "2")
        for partition in ("0", "1"):
            self.tool("produce", "orders", "-p", partition, "-t", "2026-03-01T00:00Z" if partition == "1" else "2026-03-02",
                      stdin="".join(f"{partition}-{n}\n" for n in range(5)))

    def read(self, *words, group="billing"):
        return self.tool("consume", "orders", "--group", group, *words).lines

    def offsets(self, group="billing"):
        shown = self.tool("group", "describe", group, "--json").json[0]
        return {p["partition"]: (p["offset"], p["lag"]) for p in shown["partitions"]}

    def test_a_group_reads_each_record_once(self):
        everything = sorted(f"{p}-{n}" for p in (0, 1) for n in range(5))
        self.assertEqual(sorted(self.read("--until-end")), everything)
        self.assertEqual(self.read("--until-end"), [])
        self.tool("produce", "orders", "-p", "0", stdin="new\n")
        self.assertEqual(self.read("--until-end"), ["new"])

    def test_two_groups_read_each_record_both(self):
        self.assertEqual(len(self.read("-e")), 10)
        self.assertEqual(len(self.read("-e", group="shipping")), 10)
        self.assertEqual([g["group"] for g in self.tool("group", "list", "--json").json],
                         ["billing", "shipping"])

    def test_a_count_commits_exactly_what_was_printed(self):
        first = self.read("--from-beginning", "--count", "3")
        second = self.read("--count", "4")
        third = self.read("--until-end")
        self.assertEqual((len(first), len(second), len(third)), (3, 4, 3))
        self.assertEqual(len(set(first + second + third)), 10)

    def test_a_count_passes_over_nothing_that_was_fetched_ahead(self):
        self.one_partition("wide")
        records = [str(n) * 600_000 for n in range(6)]
        for record in records:  # a fetch brings one or two of them
            self.tool("produce", "wide", stdin=record + "\n")
        seen = []
        for _ in range(3):
            seen += self.tool("consume", "wide", "--group", "few", "--from-beginning", "--count", "1").lines
        seen += self.tool("consume", "wide", "--group", "few", "--until-end").lines
        self.assertEqual([line[0] for line in seen], list("012345"))

    def test_describe_shows_offsets_and_lag(self):
        self.read("--from-beginning", "--until-end")
        self.assertEqual(self.offsets(), {0: (5, 0), 1: (5, 0)})
        self.tool("produce", "orders", "-p", "1", stdin="a\nb\n")
        self.assertEqual(self.offsets(), {0: (5, 0), 1: (5, 2)})
        text = self.tool("group", "describe", "billing").text
        self.assertIn("billing: Empty, 0 members", text)
        self.assertIn("LAG", text)

    def test_members_are_shown_while_they_are_there(self):
        member = self.start("consume", "orders", "--group", "billing", "--from-beginning")
        self.socket_is_there()

        def joined():
            done = self.run_tool("group", "describe", "billing", "--json")
            return done.status == OK and done.json[0]["state"] == "Stable"
        self.eventually(joined, "the member did not join")
        shown = self.tool("group", "describe", "billing", "--json").json[0]
        self.assertEqual(shown["members"], 1)
        self.assertTrue(all(p["client"] for p in shown["partitions"]))
        self.refused(REFUSED, "group", "reset", "billing", "--to-end", says=("billing", "1 member"))
        self.refused(REFUSED, "group", "delete", "billing", says="billing")
        self.assertEqual(self.stop(member).status, OK)
        self.tool("group", "reset", "billing", "--topic", "orders", "--to-end")

    def test_two_members_share_the_partitions(self):
        first = self.start("consume", "orders", "--group", "billing", "--from-beginning")
        self.socket_is_there()
        second = self.start("consume", "orders", "--group", "billing", "--from-beginning")

        def both():
            done = self.run_tool("group", "describe", "billing", "--json")
            if done.status != OK:
                return False
            shown = done.json[0]
            return shown["members"] == 2 and shown["state"] == "Stable"
        self.eventually(both, "two members did not share")
        self.tool("produce", "orders", stdin="x\n")
        time.sleep(1.5)  # a commit interval
        got = self.stop(second).lines + self.stop(first).lines
        self.assertEqual(sorted(set(got)),
                         sorted({"x"} | {f"{p}-{n}" for p in (0, 1) for n in range(5)}))

    def test_a_reset_moves_where_the_group_goes_on(self):
        self.read("-b", "-e")
        moved = self.tool("group", "reset", "billing", "--to-beginning", "--json").json
        self.assertEqual([(m["partition"], m["before"], m["after"]) for m in moved],
                         [(0, 5, 0), (1, 5, 0)])
        self.assertEqual(len(self.read("-e")), 10)
        self.tool("group", "reset", "billing", "--topic", "orders:1", "--to-offset", "3")
        self.assertEqual(self.read("-e"), ["1-3", "1-4"])
        self.tool("group", "reset", "billing", "--to-time", "2026-03-02")
        self.assertEqual(self.read("-e"), [f"0-{n}" for n in range(5)])
        self.tool("group", "reset", "billing", "--to-beginning")
        self.tool("group", "reset", "billing", "--to-end")
        self.assertEqual(self.read("-e"), [])

    def test_a_dry_run_moves_nothing(self):
        self.read("-b", "-e")
        self.tool("group", "reset", "billing", "--to-beginning", "--dry-run")
        self.assertEqual(self.read("-e"), [])

    def test_a_group_may_get_its_offsets_before_it_starts(self):
        self.tool("group", "reset", "fresh", "--topic", "orders", "--to-offset", "4")
        self.assertEqual(sorted(self.read("-e", group="fresh")), ["0-4", "1-4"])

    def test_a_deleted_group_begins_anew(self):
        self.read("-b", "-e")
        self.assertEqual(self.tool("group", "delete", "billing").text, "deleted billing\n")
        self.refused(NOT_FOUND, "group", "describe", "billing")
        self.assertEqual(len(self.read("-b", "-e")), 10)

    def test_wrong_words_are_refused(self):
        self.read("-b", "-e")
        self.refused(NOT_FOUND, "group", "describe", "biling", says='did you mean "billing"?')
        self.refused(NOT_FOUND, "group", "delete", "nobody", says="nobody")
        self.refused(NOT_FOUND, "group", "reset", "fresh", "--to-end", says="--topic")
        self.refused(NOT_FOUND, "group", "reset", "billing", "--topic", "ordres", "--to-end",
                     says='"orders"')
        self.refused(NOT_FOUND, "group", "reset", "billing", "--topic", "orders:7", "--to-end")
        self.refused(REFUSED, "group", "reset", "billing", "--to-offset", "6", says="0 to 5")
        self.refused(USAGE, "group", "reset", "billing")
        self.refused(USAGE, "group", "reset", "billing", "--to-end", "--to-beginning")


if __name__ == "__main__":
    harness.main()
