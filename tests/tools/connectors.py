#!/usr/bin/env python3
"""Sources of jobs seen from outside: streams, files, syslog and HTTP, and how a job with them ends."""
import gzip
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import unittest

import harness
from harness import OK, USAGE, ToolTest


def program():
    return os.path.join(os.path.dirname(harness.PROGRAM), "soak_follow")


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Connectors(ToolTest):
    def setUp(self):
        super().setUp()
        if not os.path.exists(program()):
            raise unittest.SkipTest("skipped: soak_follow is not built")
        self.out = os.path.join(self.folder, "out")

    def follow(self, how, where, *flags, **options):
        options = {"stdin": subprocess.DEVNULL, **options}
        job = subprocess.Popen([program(), how, where, self.out, "--on", self.on, *flags],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.running.append(job)
        return job

    def lines(self):
        if not os.path.exists(self.out):
            return []
        with open(self.out, "rb") as file:
            return file.read().splitlines()

    def ended(self, job, status=OK):
        _, err = job.communicate(timeout=harness.PATIENCE)
        self.assertEqual(job.returncode, status, err.decode())
        return err.decode()

    def interrupted(self, job):
        job.send_signal(signal.SIGINT)
        return self.ended(job)

    def connected(self, port):
        """A connection, as soon as somebody listens."""
        made = []

        def there():
            try:
                made.append(socket.create_connection(("127.0.0.1", port), timeout=30))
            except OSError:
                return False
            return True
        self.eventually(there, "nobody listens")
        return made[0]

    def test_standard_input_is_read_to_its_end(self):
        job = self.follow("lines", "", "--until-end", stdin=subprocess.PIPE)
        job.stdin.write(b"one\ntwo\xff\x00\r\n" + b"x" * 3_000_000 + b"\nlast")
        self.ended(job)
        # A line that is too long comes in pieces; their bytes are all there.
        lines = self.lines()
        self.assertEqual((lines[0], lines[1], lines[-1]), (b"one", b"two\xff\x00", b"last"))
        self.assertEqual(b"".join(lines[2:-1]), b"x" * 3_000_000)

    def test_a_large_file_is_read_to_its_end(self):
        """More than a source lets wait for acknowledgements."""
        path = os.path.join(self.folder, "large")
        with open(path, "wb") as file:
            for n in range(100_000):
                file.write(b"%0199d\n" % n)
        self.ended(self.follow("lines", path, "--until-end"))
        lines = self.lines()
        self.assertEqual((len(lines), lines[0], lines[-1]), (100_000, b"0" * 199, b"%0199d" % 99_999))

    def test_a_pipe_that_stays_open_is_read_as_it_comes(self):
        job = self.follow("lines", "", stdin=subprocess.PIPE)
        job.stdin.write(b"one\n")
        job.stdin.flush()
        self.eventually(lambda: self.lines() == [b"one"])
        job.stdin.write(b"half")
        job.stdin.flush()
        self.interrupted(job)
        self.ended(self.follow("lines", "", "--until-end"))
        self.assertIn(self.lines(), ([b"one"], [b"one", b"half"]))

    def test_files_are_followed_and_shown_in_the_status(self):
        log = os.path.join(self.folder, "app.log")
        job = self.follow("tail", log + "*")
        with open(log, "wb") as file:
            file.write(b"one\ntwo\n")
        self.eventually(lambda: self.lines() == [b"one", b"two"])
        status = self.tool("job", "status", "--json", "--interval", "0").json[0]
        self.assertEqual([(c["name"], c["source"]) for c in status["connectors"]],
                         [("logs", True), ("out", False)])
        self.eventually(lambda: [c["records"] for c in self.tool(
            "job", "status", "--json", "--interval", "150").json[0]["connectors"]] == [2, 2])
        self.assertRegex(self.tool("job", "status", "--interval", "0").text,
                         r"CONNECTOR .* DROPPED +CUT +DOWN SINCE\n *logs +running +2 .* 0 +0 +-")
        os.rename(log, log + ".1")
        with open(log, "wb") as file:
            file.write(b"three\n")
        self.eventually(lambda: self.lines() == [b"one", b"two", b"three"])
        self.interrupted(job)
        with open(log, "ab") as file:
            file.write(b"four")
        self.ended(self.follow("tail", log + "*", "--until-end"))
        self.assertEqual(self.lines(), [b"one", b"two", b"three", b"four"])

    def test_a_file_is_read_once_however_many_names_it_has(self):
        names = [os.path.join(self.folder, name) for name in ("web-1.log", "current.log", "z.log")]
        with open(names[0], "wb") as file:
            file.write(b"one\ntwo\n")
        os.symlink("web-1.log", names[1])
        os.link(names[0], names[2])
        pattern = os.path.join(self.folder, "*.log")
        self.ended(self.follow("tail", pattern, "--until-end"))
        self.assertEqual(self.lines(), [b"one", b"two"])
        job = self.follow("tail", pattern)
        with open(names[0], "ab") as file:
            file.write(b"three\n")
        self.eventually(lambda: len(self.lines()) >= 3)
        second = os.path.join(self.folder, "web-2.log")
        with open(second, "wb") as file:
            file.write(b"four\n")
        os.symlink("web-2.log", second + ".new")
        os.rename(second + ".new", names[1])
        self.eventually(lambda: len(self.lines()) >= 4)
        self.interrupted(job)
        self.ended(self.follow("tail", pattern, "--until-end"))
        self.assertEqual(self.lines(), [b"one", b"two", b"three", b"four"])

    def test_a_name_that_is_no_file_is_refused_and_a_pattern_leaves_it_out(self):
        pipe = os.path.join(self.folder, "a.pipe")
        os.mkfifo(pipe)
        for name in pipe, self.folder, "/dev/stdin":
            err = self.ended(self.follow("tail", name, "--until-end", stdin=subprocess.PIPE), USAGE)
            self.assertIn(f"{name} is no regular file: read a pipe or a device by lines(", err)
        with open(os.path.join(self.folder, "a.log"), "wb") as file:
            file.write(b"one\n")
        os.mkdir(os.path.join(self.folder, "a.folder"))
        err = self.ended(self.follow("tail", os.path.join(self.folder, "a.*"), "--until-end"))
        self.assertIn(f"{pipe} is no regular file: it is left out", err)
        self.assertEqual(self.lines(), [b"one"])

    def test_a_job_that_ends_fails_when_it_has_not_read_all(self):
        with open(os.path.join(self.folder, "a.log"), "wb") as file:
            file.write(b"one\n")
        half = os.path.join(self.folder, "a.log.1.gz")
        with open(half, "wb") as file:
            file.write(gzip.compress(b"two\n" * 1000)[:-12])
        pattern = os.path.join(self.folder, "a*")
        err = self.ended(self.follow("tail", pattern, "--until-end"), harness.FAILED)
        self.assertIn(f"1 of the files that match {pattern} could not be read to the end: {half} "
                      "ends inside its compressed data; mend that and run again", err)
        self.assertIn("follow: ended after", err)
        self.assertIn(b"one", self.lines())
        os.remove(half)
        self.ended(self.follow("tail", pattern, "--until-end"))

    def test_a_damaged_checkpoint_is_refused_with_the_remedy(self):
        log = os.path.join(self.folder, "app.log")
        with open(log, "wb") as file:
            file.write(b"one\n")
        self.ended(self.follow("tail", log, "--until-end"))
        self.tool("produce", "follow-logs-checkpoint", "--key-separator", "=",
                  stdin="file-9=\x01rubbish\n")
        err = self.ended(self.follow("tail", log, "--until-end", "--quiet"), harness.FAILED)
        self.assertIn("--reset", err)
        os.remove(self.out)
        self.ended(self.follow("tail", log, "--until-end", "--reset"))
        self.assertEqual(self.lines(), [b"one"])

    def test_syslog_over_tcp_in_both_framings(self):
        port = free_port()
        job = self.follow("syslog", f"tcp://127.0.0.1:{port}")
        with self.connected(port) as sender:
            sender.sendall(b"<34>May 17 10:05:03 host app: one\n")
            sender.sendall(b"29 <34>1 - host app - - - a\nbc\xff!")
            sender.sendall(b"".join(b"<34>line %d\n" % n for n in range(20_000)))
            sender.sendall(b"<34>the last without an end")
        self.eventually(lambda: len(self.lines()) >= 20_003)
        lines = self.lines()
        self.assertEqual(lines[0], b"<34>May 17 10:05:03 host app: one")
        self.assertEqual(lines[-2:], [b"<34>line 19999", b"<34>the last without an end"])
        self.interrupted(job)

    def test_syslog_over_udp(self):
        port = free_port(socket.SOCK_DGRAM)
        job = self.follow("syslog", f"udp://127.0.0.1:{port}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            def arrived():
                sender.sendto(b"<34>hello\n", ("127.0.0.1", port))
                return self.lines()
            self.eventually(arrived)
            sender.sendto(b"<34>" + b"x" * 60_000, ("127.0.0.1", port))
            sender.sendto(b"", ("127.0.0.1", port))
        self.eventually(lambda: b"<34>" + b"x" * 60_000 in self.lines())
        self.interrupted(job)

    def records(self, step):
        """What a source has put into its topic."""
        return [record["value"] for record in self.consumed(f"follow-{step}-source", "--json").json]

    def test_syslog_messages_that_belong_together_are_one_record(self):
        port = free_port()
        job = self.follow("syslog-events", f"tcp://127.0.0.1:{port}")
        first = "<34>failed\n\tat a\n\tat b"
        with self.connected(port) as sender, self.connected(port) as other:
            # Connections of one host are kept apart.
            sender.sendall(b"<34>failed\n\tat a\n")
            other.sendall(b"<34>other\n")
            sender.sendall(b"\tat b\n")
            self.eventually(lambda: len(self.lines()) == 4, "nothing is given when nothing comes")
            self.assertEqual(set(self.records("messages")), {first, "<34>other"})
            sender.sendall(b"<34>open\n\tand half")
        self.eventually(lambda: len(self.lines()) == 6)
        self.assertIn("<34>open\n\tand half", self.records("messages"))
        # What waits is kept when the job ends.
        with self.connected(port) as sender:
            sender.sendall(b"<34>last\n\tof all\n" * 3)
            self.eventually(lambda: len(self.lines()) >= 10)
            self.interrupted(job)
        self.assertEqual(self.records("messages").count("<34>last\n\tof all"), 3)

    def test_datagrams_that_belong_together_are_one_record(self):
        port = free_port(socket.SOCK_DGRAM)
        job = self.follow("syslog-events", f"udp://127.0.0.1:{port}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            def arrived():
                sender.sendto(b"<34>hello", ("127.0.0.1", port))
                return self.lines()
            self.eventually(arrived)
            for part in b"<34>failed", b"\tat a", b"\tat b":
                sender.sendto(part, ("127.0.0.1", port))
        self.eventually(lambda: self.records("messages")[-1] == "<34>failed\n\tat a\n\tat b")
        self.interrupted(job)

    def test_traces_in_a_posted_body_are_one_record(self):
        port = free_port()
        job = self.follow("http-events", f"127.0.0.1:{port}")
        self.connected(port).close()
        trace = "failed\njava.lang.Error: no\n\tat a.B.c(B.java:1)"
        body = f"up\n{trace}\ndown\n".encode()
        self.assertEqual(self.post(port, body), (200, {"accepted": 3}))
        self.assertEqual(self.records("posts"), ["up", trace, "down"])
        self.assertEqual(self.post(port, b'{"a":1}\n{"b":2}', "application/json"),
                         (200, {"accepted": 2}))
        self.interrupted(job)

    def post(self, port, body, kind="text/plain", method="POST", encoding="identity"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=harness.PATIENCE)
        connection.request(method, "/any", body, {"Content-Type": kind, "Content-Encoding": encoding})
        answer = connection.getresponse()
        try:
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def test_http_answers_when_lines_are_durable(self):
        port = free_port()
        job = self.follow("http", f"127.0.0.1:{port}")
        self.connected(port).close()
        self.assertEqual(self.post(port, b"one\ntwo\n"), (200, {"accepted": 2}))
        self.assertEqual(self.post(port, b"\x1f\x8b", encoding="gzip")[0], 415)
        job.send_signal(signal.SIGKILL)  # what was accepted is there
        job.wait()
        job = self.follow("http", f"127.0.0.1:{port}")
        self.connected(port).close()
        json_type = "application/x-ndjson"
        self.assertEqual(self.post(port, b'{"a":1}\n\n{"b":2}', json_type), (200, {"accepted": 2}))
        status, answer = self.post(port, b'{"a":1}\n{"b":', json_type)
        self.assertEqual(status, 400)
        self.assertIn("line 2: ", answer["error"])
        self.assertEqual(self.post(port, b"x" * 100_001)[0], 413)
        self.assertEqual(self.post(port, b"", method="GET")[0], 405)
        self.assertEqual(self.post(port, b""), (200, {"accepted": 0}))
        with self.connected(port) as hostile:
            hostile.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
            self.assertIn(b"400", hostile.recv(100))
        self.eventually(lambda: len(self.lines()) >= 4)
        self.assertEqual(set(self.lines()), {b"one", b"two", b'{"a":1}', b'{"b":2}'})
        self.interrupted(job)

    def test_a_port_that_is_taken_is_refused_with_the_remedy(self):
        for how, scheme, kind in (("http", "", socket.SOCK_STREAM),
                                  ("syslog", "udp://", socket.SOCK_DGRAM)):
            with socket.socket(socket.AF_INET, kind) as holder:
                holder.bind(("127.0.0.1", 0))
                if kind == socket.SOCK_STREAM:
                    holder.listen()
                port = holder.getsockname()[1]
                job = self.follow(how, f"{scheme}127.0.0.1:{port}")
                said = self.ended(job, USAGE)
            self.assertIn(f"cannot listen on {scheme}127.0.0.1:{port}: Address already in use; "
                          "end the program that listens there, or name another port", said)
            self.assertIn("follow: failed after", said)  # not given up while it was ending

    def test_more_connections_than_may_be_are_answered(self):
        port = free_port()
        job = self.follow("http", f"127.0.0.1:{port}")
        self.eventually(lambda: self.post_if_there(port) == 200)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
        held = []
        try:
            for _ in range(1000):
                held.append(socket.create_connection(("127.0.0.1", port), harness.PATIENCE))
            for _ in range(5):
                self.eventually(lambda: self.post_if_there(port) == 503)
        finally:
            for each in held:
                each.close()
        self.eventually(lambda: self.post_if_there(port) == 200)
        self.interrupted(job)

    def post_if_there(self, port):
        try:
            return self.post(port, b"hello\n")[0]
        except OSError:
            return 0

    def test_a_source_without_end_refuses_until_end(self):
        job = self.follow("http", f"127.0.0.1:{free_port()}", "--until-end")
        self.assertIn('the source "posts" has no end', self.ended(job, USAGE))


if __name__ == "__main__":
    harness.main()
