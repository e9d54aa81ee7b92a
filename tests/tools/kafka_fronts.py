#!/usr/bin/env python3
"""Kafka's quick start, walked with the scripts of bin/, and what people's own scripts read of them."""
import glob
import os
import re
import shutil
import signal
import subprocess
import unittest

import harness
from harness import PATIENCE, ToolTest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


class Scripts(ToolTest):
    def setUp(self):
        super().setUp()
        self.logs = os.path.join(self.folder, "logs")
        self.environment = {**os.environ, "PENSTOCK": harness.PROGRAM, "LOG_DIR": self.logs}
        self.config = os.path.join(self.folder, "server.properties")
        with open(os.path.join(ROOT, "config", "server.properties"), encoding="utf-8") as file:
            text = file.read()
        for name, value in (("listeners", "PLAINTEXT://127.0.0.1:0"),
                            ("advertised.listeners", "PLAINTEXT://127.0.0.1:0"),
                            ("log.dirs", self.on)):
            text = re.sub(f"(?m)^{name}=.*$", f"{name}={value}", text)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def tearDown(self):
        for pid in self.nodes():
            os.kill(pid, signal.SIGKILL)
        super().tearDown()

    def nodes(self):
        """The processes that kafka-server-start.sh has begun and that have not ended."""
        return [int(re.search(r"node-(\d+)\.pid$", name)[1])
                for name in glob.glob(os.path.join(self.logs, "node-*.pid"))]

    def run_script(self, name, *words, stdin=""):
        return subprocess.run([os.path.join(ROOT, "bin", name), *words], input=stdin, text=True,
                              capture_output=True, timeout=PATIENCE, check=False,
                              env=self.environment)

    def script(self, name, *words, stdin=""):
        """What a script prints that must end well."""
        done = self.run_script(name, *words, stdin=stdin)
        self.assertEqual(done.returncode, 0, f"{name} {words}: {done.stdout}{done.stderr}")
        return done.stdout

    def fails(self, name, *words, says):
        done = self.run_script(name, *words)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(says, done.stdout + done.stderr)

    def start_server(self):
        self.script("kafka-server-start.sh", "-daemon", self.config)
        output = os.path.join(self.logs, "kafkaServer.out")
        found = []

        def serves():
            if os.path.exists(output):
                with open(output, encoding="utf-8") as file:
                    found[:] = re.findall(
                        r"(?m)^\d{4}-\d\d-\d\dT[\d:.]+Z penstock: node .* serves clients on (\S+:\d+)",
                        file.read())
            return found
        self.eventually(serves, "the node does not start")
        self.server = ("--bootstrap-server", found[-1])

    def stop_server(self):
        self.script("kafka-server-stop.sh")
        self.eventually(lambda: not self.nodes(), "the node does not end")
        os.remove(os.path.join(self.logs, "kafkaServer.out"))


class QuickStart(Scripts):
    def test_the_walk(self):
        cluster = self.script("kafka-storage.sh", "random-uuid").strip()
        self.assertRegex(cluster, r"^[A-Za-z0-9_][A-Za-z0-9_-]{21}$")
        self.script("kafka-storage.sh", "format", "--standalone", "-t", cluster, "-c", self.config)
        self.fails("kafka-storage.sh", "format", "--standalone", "-t", cluster, "-c", self.config,
                   says="already formatted")
        self.start_server()

        topic = ("--topic", "quickstart-events")
        made = self.script("kafka-topics.sh", "--create", *topic, *self.server)
        self.assertEqual(made, "Created topic quickstart-events.\n")
        self.assertRegex(
            self.script("kafka-topics.sh", "--describe", *topic, *self.server),
            r"^Topic: quickstart-events\tTopicId: [\w-]{22}\tPartitionCount: 1"
            r"\tReplicationFactor: 1\tConfigs: \n"
            r"\tTopic: quickstart-events\tPartition: 0\tLeader: 1\tReplicas: 1\tIsr: 1\t")

        events = "This is my first event\nThis is my second event\n"
        self.script("kafka-console-producer.sh", *topic, *self.server, stdin=events)
        done = self.run_script("kafka-console-consumer.sh", *topic, "--from-beginning",
                               "--max-messages", "2", *self.server)
        self.assertEqual(done.stdout, events)
        self.assertIn("Processed a total of 2 messages", done.stderr)

        # What was written is there after a restart.
        self.stop_server()
        self.fails("kafka-server-stop.sh", says="No kafka server to stop")
        self.start_server()
        self.assertEqual(self.script("kafka-console-consumer.sh", *topic, "--from-beginning",
                                     "--max-messages", "2", *self.server), events)
        self.assertEqual(self.script("kafka-console-consumer.sh", "--topic", "quiet",
                                     "--timeout-ms", "100", *self.server), "")
        self.stop_server()

    def test_topics(self):
        self.start_server()
        self.script("kafka-topics.sh", "--create", "--topic", "a.b", "--partitions", "3",
                    "--replication-factor", "1", "--config", "retention.ms=1000", *self.server)
        self.script("kafka-topics.sh", "--create", "--topic", "other", *self.server)
        self.fails("kafka-topics.sh", "--create", "--topic", "other", *self.server,
                   says="Error while executing topic command : Topic 'other' already exists.")
        self.script("kafka-topics.sh", "--create", "--if-not-exists", "--topic", "other",
                    *self.server)
        self.assertEqual(self.script("kafka-topics.sh", "--list", *self.server), "a.b\nother\n")
        self.script("kafka-topics.sh", "--alter", "--topic", "other", "--partitions=2",
                    *self.server)
        lines = self.script("kafka-topics.sh", "--describe", *self.server).splitlines()
        self.assertEqual([re.split(r"\t(?:TopicId: \S+)?", line)[0:5:2] for line in lines[:2]],
                         [["Topic: a.b", "PartitionCount: 3", "Configs: retention.ms=1000"],
                          ["", "Partition: 0", "Replicas: 1"]])
        self.assertEqual(len(lines), 7)
        self.script("kafka-topics.sh", "--delete", "--topic", "a.b|x", *self.server)
        self.assertEqual(self.script("kafka-topics.sh", "--list", *self.server), "other\n")
        self.fails("kafka-topics.sh", "--describe", "--topic", "nope", *self.server,
                   says="Topic 'nope' does not exist as expected")
        self.fails("kafka-topics.sh", "--list", says="--bootstrap-server")
        self.fails("kafka-topics.sh", "--list", "--frobnicate", says="--frobnicate")
        self.fails("kafka-topics.sh", "--create", "--replica-assignment", "0:1", *self.server,
                   says="--replica-assignment is not supported")

    def test_records_with_keys(self):
        self.start_server()
        topic = ("--topic", "t")
        self.script("kafka-console-producer.sh", *topic, "--property", "parse.key=true",
                    "--property", "key.separator=:", *self.server, stdin="k1:v1\nk2:v2\n")
        printed = self.script(
            "kafka-console-consumer.sh", *topic, "--from-beginning", "--max-messages", "2",
            "--property", "print.key=true", "--property", "print.offset=true", "--property",
            "print.partition=true", "--property", "print.headers=true", "--property",
            "key.separator=%", *self.server)
        self.assertEqual(printed, "Partition:0%Offset:0%NO_HEADERS%k1%v1\n"
                                  "Partition:0%Offset:1%NO_HEADERS%k2%v2\n")
        self.assertEqual(self.script("kafka-get-offsets.sh", *topic, *self.server), "t:0:2\n")
        self.assertEqual(self.script("kafka-get-offsets.sh", *topic, "--time", "earliest",
                                     *self.server), "t:0:0\n")
        self.stop_server()
        log = os.path.join(self.on, "t-0", "0" * 20 + ".log")
        dumped = self.script("kafka-dump-log.sh", "--files", log, "--print-data-log")
        self.assertIn(f"Dumping {log}\nLog starting offset: 0\nbaseOffset: 0 ", dumped)
        self.assertIn("payload: v2", dumped)
        index = log.replace(".log", ".timeindex")
        self.assertRegex(self.script("kafka-dump-log.sh", "--files", index),
                         rf"^Dumping {index}\ntimestamp: \d+ offset: 1\n$")
        self.fails("kafka-dump-log.sh", "--files", "x.txt", says=".timeindex")

    def test_groups(self):
        self.start_server()
        self.script("kafka-console-producer.sh", "--topic", "t", *self.server,
                    stdin="one\ntwo\nthree\n")
        read = ("kafka-console-consumer.sh", "--topic", "t", "--group", "g", *self.server)
        self.assertEqual(self.script(*read, "--from-beginning", "--max-messages", "2"),
                         "one\ntwo\n")
        groups = "kafka-consumer-groups.sh"
        self.assertEqual(self.script(groups, "--list", *self.server), "g\n")
        done = self.run_script(groups, "--describe", "--group", "g", *self.server)
        self.assertIn("Consumer group 'g' has no active members.", done.stderr)
        self.assertEqual([line.split() for line in done.stdout.splitlines() if line],
                         [["GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG",
                           "CONSUMER-ID", "HOST", "CLIENT-ID"],
                          ["g", "t", "0", "2", "3", "1", "-", "-", "-"]])
        self.script(groups, "--reset-offsets", "--group", "g", "--topic", "t", "--to-earliest",
                    *self.server)
        self.assertEqual(self.script(*read, "--max-messages", "1"), "three\n")
        reset = self.script(groups, "--reset-offsets", "--group", "g", "--topic", "t:0",
                            "--shift-by", "-2", "--execute", *self.server)
        self.assertEqual(reset.split()[4:], ["g", "t", "0", "1"])
        self.assertEqual(self.script(*read, "--max-messages", "2"), "two\nthree\n")
        self.assertIn("('g') was successful",
                      self.script(groups, "--delete", "--group", "g", *self.server))
        self.fails(groups, "--describe", "--group", "g", *self.server,
                   says="Consumer group 'g' does not exist.")

    def test_settings_of_topics(self):
        self.start_server()
        made = self.run_script("kafka-topics.sh", "--create", "--topic", "t", "--config",
                               "min.insync.replicas=1", *self.server)
        self.assertEqual((made.returncode, made.stdout), (0, "Created topic t.\n"), made.stderr)
        self.assertIn("warning: --config min.insync.replicas=1 has no effect here", made.stderr)
        of_topic = ("kafka-configs.sh", "--entity-type", "topics", "--entity-name", "t",
                    *self.server)
        self.assertEqual(self.script(*of_topic, "--alter", "--add-config",
                                     "retention.ms=1000,cleanup.policy=[compact,delete]"),
                         "Completed updating config for topic t.\n")
        shown = self.script(*of_topic, "--describe")
        self.assertIn("Dynamic configs for topic t are:\n", shown)
        self.assertIn("  retention.ms=1000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:", shown)
        # The node has defaults of its own, which only it knows: better none than a wrong one.
        everything = self.script(*of_topic, "--describe", "--all")
        self.assertIn("  penstock.flush=(default of the node) sensitive=false synonyms={}\n",
                      everything)
        self.assertNotIn("DEFAULT_CONFIG", everything)
        described = self.tool("topic", "describe", "t", "--all-settings", "--json").json[0]
        self.assertEqual((described["settings"]["retention.ms"],
                          described["settings"]["penstock.flush"]), ("1000", None))
        self.assertIn("  penstock.flush (default of the node)\n",
                      self.tool("topic", "describe", "t", "--all-settings").text)
        self.assertEqual(self.script(*of_topic, "--alter", "--add-config", "flush.messages=1"),
                         "Completed updating config for topic t.\n")
        self.script(*of_topic, "--alter", "--delete-config", "retention.ms")
        self.assertNotIn("retention.ms", self.script(*of_topic, "--describe"))
        self.fails("kafka-configs.sh", "--entity-type", "users", "--describe", *self.server,
                   says="--entity-type users is not supported")


class WrongInput(Scripts):
    """Messages speak of Kafka's flags, and say what to do."""

    def refuses(self, name, *words, says, unsaid=()):
        done = self.run_script(name, *words)
        self.assertEqual((done.returncode, done.stdout), (1, ""), f"{name} {words}: {done.stderr}")
        for each in (says,) if isinstance(says, str) else says:
            self.assertIn(each, done.stderr)
        for each in unsaid:
            self.assertNotIn(each, done.stderr)

    def test_flags(self):
        topics, nowhere = "kafka-topics.sh", ("--bootstrap-server", "127.0.0.1:1")
        self.refuses(topics, says="kafka-topics.sh --help has the flags")
        self.refuses(topics, "--lst", says=("--lst is not known", "did you mean --list?"))
        self.refuses(topics, "--frobnicate", says="kafka-topics.sh --help")
        self.refuses(topics, "--list", "--topic", "a", "b", *nowhere, says='"b" belongs to no flag')
        self.refuses(topics, "--list", "--bootstrap-server", "localhost",
                     says="--bootstrap-server localhost: write HOST:PORT", unsaid=("--bootstrap ",))
        self.refuses("kafka-configs.sh", "--describe", *nowhere, says="--entity-type topics is missing")
        groups = "kafka-consumer-groups.sh"
        reset = (groups, "--reset-offsets", "--group", "g", "--topic", "t", *nowhere)
        self.refuses(*reset, "--to-datetime", "soon", says="--to-datetime soon: not a time",
                     unsaid=("--to-time",))
        self.refuses(groups, "--list", "--state", "Stable,Well", *nowhere,
                     says=("--state Well", "PreparingRebalance"))
        self.refuses(groups, "--list", "--type", "new", *nowhere, says=("--type new", "Classic"))
        offsets = ("kafka-get-offsets.sh", *nowhere)
        self.refuses(*offsets, "--partitions", "one", says="--partitions one")
        self.refuses(*offsets, "--time", "soon", says=("--time soon", "earliest"))
        self.refuses("kafka-storage.sh", says="one of format and random-uuid is missing")
        self.refuses("kafka-storage.sh", "format", "-c", self.config, says="--cluster-id is missing")

    def test_flags_of_the_consoles(self):
        nowhere = ("--bootstrap-server", "127.0.0.1:1", "--topic", "t")
        produce = ("kafka-console-producer.sh", *nowhere)
        self.refuses(*produce, "--property", "parse.key=yes", says="parse.key=yes: give it true")
        self.refuses(*produce, "--property", "parse.key=true", "--property", "key.separator=\\q",
                     says="key.separator", unsaid=("--key-separator",))
        consume = ("kafka-console-consumer.sh", *nowhere)
        self.refuses(*consume, "--property", "print.key=True", says="print.key=True: give it true")
        self.refuses(*consume, "--partition", "0", "--offset", "first",
                     says="--offset first: give it earliest, latest or a number",
                     unsaid=("PARTITION:",))
        self.refuses(*consume, "--partition", "0", "--offset", "1", "--from-beginning",
                     says="--from-beginning and --offset exclude", unsaid=("--time",))
        self.refuses(*consume, "--partition", "0", "--group", "g", says="--group and --partition")
        self.refuses(*consume, "--isolation-level", "none", says="read_committed or read_uncommitted")

    def test_files(self):
        dump = "kafka-dump-log.sh"
        missing = os.path.join(self.folder, "0.log")
        self.refuses(dump, "--files", missing, says=missing, unsaid=("Dumping",))
        self.refuses(dump, "--files", "x.index", says="x.index: the name", unsaid=("--file ",))
        self.refuses(dump, "--files", ",", says="--files FILE")
        self.refuses("kafka-server-start.sh", "-daemon", missing, says=missing)
        self.assertEqual(self.nodes(), [])

    def test_all_of_them_have_help(self):
        for each in glob.glob(os.path.join(ROOT, "bin", "kafka-*.sh")):
            with self.subTest(each):
                self.assertIn("kafka-", self.script(os.path.basename(each), "--help"))

    def test_a_full_disk_behind_the_output_is_said(self):
        for word in ("--help", "--version"):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([os.path.join(ROOT, "bin", "kafka-topics.sh"), word],
                                      stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE,
                                      check=False, env=self.environment)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"cannot write to standard output", done.stderr)

    def test_as_many_partitions_as_there_are_is_no_change(self):
        self.start_server()
        self.script("kafka-topics.sh", "--create", "--topic", "t", *self.server)
        self.fails("kafka-topics.sh", "--alter", "--topic", "t", "--partitions", "1", *self.server,
                   says="Topic already has 1 partition(s).")


class Installed(Scripts):
    def test_the_scripts_find_the_program_beside_them(self):
        there = os.path.join(self.folder, "bin")
        os.mkdir(there)
        for each in glob.glob(os.path.join(ROOT, "bin", "*.sh")):
            shutil.copy(each, there)
        os.symlink(harness.PROGRAM, os.path.join(there, "penstock"))
        os.symlink(os.path.join(there, "kafka-topics.sh"), os.path.join(self.folder, "linked.sh"))
        done = subprocess.run([os.path.join(self.folder, "linked.sh"), "--version"],
                              capture_output=True, timeout=PATIENCE, check=False,
                              env={"PATH": os.environ["PATH"]})
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_program_that_is_not_there_is_said(self):
        alone = os.path.join(self.folder, "alone")
        shutil.copytree(os.path.join(ROOT, "bin"), alone)
        for named, says in (({}, "there is no penstock"), ({"PENSTOCK": alone}, alone)):
            done = subprocess.run([os.path.join(alone, "kafka-topics.sh"), "--list"], text=True,
                                  capture_output=True, timeout=PATIENCE, check=False,
                                  env={"PATH": "/usr/bin:/bin", **named})
            self.assertEqual(done.returncode, 1)
            self.assertIn("kafka-topics.sh: ", done.stderr)
            self.assertIn(says, done.stderr)


if __name__ == "__main__":
    harness.main()
