#!/usr/bin/env python3
"""Sinks of a real job against real files and a real HTTP server that is stopped and started.

As `sinks.py serve PORT FILE KIND [CERTIFICATE KEY]` it is that server: every message it takes is a
line of FILE.
"""
import collections
import glob
import gzip
import http.server
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import unittest

import harness
from harness import OK, UNAVAILABLE, USAGE, ToolTest


TOKEN = "s3cret-of-the-sink"


class Taker(http.server.BaseHTTPRequestHandler):
    """Takes bodies of NDJSON, Elasticsearch's bulk requests, or Loki's, and sometimes fails."""
    protocol_version = "HTTP/1.1"
    taken, kind = None, "ndjson"
    one_at_a_time = threading.Lock()
    requests = 0
    seen = set()

    def do_POST(self):
        with self.one_at_a_time:
            Taker.requests += 1
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told = (self.headers["Authorization"], self.headers["X-Scope-OrgID"])
            if self.kind == "secret" and told != (f"Bearer {TOKEN}", "soak"):
                return self.reply(401, b"who are you?")
            if self.kind == "flaky" and Taker.requests % 3 == 1:
                return self.reply(503, b"busy", {"Retry-After": "0"})
            if self.kind == "flaky" and Taker.requests % 5 == 0:
                self.close_connection = True  # no answer at all
                return None
            return self.take_bulk(body) if self.kind == "elastic" else self.take(body)

    def take(self, body):
        if self.kind == "loki":
            values = json.loads(body)["streams"][0]["values"]
            self.note([line for _, line in values])
            return self.reply(204, b"")
        self.note([json.loads(line)["message"] for line in body.splitlines()])
        return self.reply(200, b"")

    def take_bulk(self, body):
        lines = body.splitlines()
        items = []
        for action, document in zip(lines[::2], lines[1::2]):
            assert json.loads(action)["create"]["_index"] == "lines"
            message = json.loads(document)["message"]
            if "poison" in message:
                items.append({"create": {"status": 400, "error": {"type": "mapper",
                                                                  "reason": "poison"}}})
            elif message.endswith("7") and message not in Taker.seen:
                Taker.seen.add(message)
                items.append({"create": {"status": 429, "error": {"type": "rejected",
                                                                  "reason": "queue full"}}})
            else:
                self.note([message])
                items.append({"create": {"status": 201}})
        bad = any(item["create"]["status"] != 201 for item in items)
        self.reply(200, json.dumps({"errors": bad, "items": items}).encode())

    def note(self, messages):
        self.taken.write("".join(message + "\n" for message in messages))
        self.taken.flush()

    def reply(self, status, body, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if self.kind == "curt":
            self.send_header("Connection", "close")
            body = b"as far as it goes"
        elif status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass


class Server(http.server.ThreadingHTTPServer):
    """In TLS where it has a certificate; each connection greets in a thread of its own."""
    tls = None

    def finish_request(self, request, client_address):
        if self.tls is not None:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:  # the other side does not believe us
                return
        super().finish_request(request, client_address)


class Authority:
    """Makes certificates, with the program openssl."""
    def __init__(self, folder, name):
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder)
        self.key, self.certificate = self.path("ca.key"), self.path("ca.pem")
        for file, text in {
                "index.txt": "", "serial": "01\n",
                "ca.conf": "\n".join([
                    "[ca]", "default_ca = here", "[here]", f"database = {self.path('index.txt')}",
                    f"serial = {self.path('serial')}", f"new_certs_dir = {self.folder}",
                    "default_md = sha256", "policy = any", "unique_subject = no",
                    "copy_extensions = copy", "[any]", "commonName = supplied",
                    "[req]", "distinguished_name = any_name", "[any_name]", ""])}.items():
            with open(self.path(file), "w", encoding="utf-8") as out:
                out.write(text)
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-keyout", self.key, "-out", self.certificate, "-days", "30",
                     "-config", self.path("ca.conf"), "-subj", f"/CN={name}",
                     "-addext", "basicConstraints=critical,CA:TRUE")

    def path(self, name):
        return os.path.join(self.folder, name)

    @staticmethod
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, stdin=subprocess.DEVNULL,
                       capture_output=True)

    def certify(self, name, subject, start=None, end=None):
        """A certificate and its key; without times for the next days."""
        certificate, key, request = (self.path(name + kind)
                                     for kind in (".pem", ".key", ".csr"))
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", key, "-out", request, "-config", self.path("ca.conf"),
                     "-subj", f"/CN={name}", "-addext", f"subjectAltName={subject}")
        times = ["-startdate", start, "-enddate", end] if start else ["-days", "10"]
        self.openssl("ca", "-batch", "-notext", "-config", self.path("ca.conf"),
                     "-cert", self.certificate, "-keyfile", self.key, "-in", request,
                     "-out", certificate, *times)
        return certificate, key


def serve(port, path, kind, certificate=None, key=None):
    server = Server(("127.0.0.1", int(port)), Taker)
    if certificate is not None:
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.tls.load_cert_chain(certificate, key)
    Taker.kind = kind
    Taker.taken = open(path, "a", encoding="utf-8")  # pylint: disable=consider-using-with

    def end(*_):
        # Not between taking and answering: that would make the sender send again.
        def leave():
            with Taker.one_at_a_time:
                os._exit(0)
        threading.Thread(target=leave).start()
    signal.signal(signal.SIGTERM, end)
    print(server.server_address[1], flush=True)
    server.serve_forever()


class Sinks(ToolTest):
    def setUp(self):
        super().setUp()
        self.program = os.path.join(os.path.dirname(harness.PROGRAM), "soak_sinks")
        if not os.path.exists(self.program):
            raise unittest.SkipTest("skipped: soak_sinks is not built")
        self.one_partition("sink-lines")
        self.port = 0
        self.server = None
        self.taken = os.path.join(self.folder, "taken")
        self.out = os.path.join(self.folder, "logs", "out.log")
        self.count = 0

    def start_server(self, kind="ndjson", certificate=()):
        """On the port of the first one: others may have it for a moment."""
        def started():
            self.server = subprocess.Popen(
                [sys.executable, "-B", os.path.abspath(__file__), "serve", str(self.port),
                 self.taken, kind, *certificate],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.running.append(self.server)
            said = self.server.stdout.readline()
            self.port = int(said) if said else self.port
            return bool(said)
        self.eventually(started, "the server does not start")

    def stop_server(self):
        self.server.terminate()
        self.server.wait(timeout=harness.PATIENCE)

    def take_port(self):
        """A port on which nothing listens, for now."""
        self.start_server()
        self.stop_server()

    def job(self, *words, environment=None):
        job = subprocess.Popen([self.program, *words, "--on", self.on], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=dict(os.environ, **(environment or {})))
        self.running.append(job)
        return job

    def http_job(self, *flags, body="ndjson", at_end=2000):
        return self.job("http", f"http://127.0.0.1:{self.port}/_bulk", body, str(at_end), *flags)

    def run_job(self, *words, environment=None):
        job = self.job(*words, environment=environment)
        out, err = job.communicate(timeout=harness.PATIENCE)
        return harness.Done(job.returncode, out, err.decode())

    def produce(self, count):
        first, self.count = self.count, self.count + count
        self.tool("produce", "sink-lines",
                  stdin="".join(f"line {n}\n" for n in range(first, self.count)))

    def expected(self):
        return [f"line {n}" for n in range(self.count)]

    def received(self):
        if not os.path.exists(self.taken):
            return []
        with open(self.taken, encoding="utf-8") as lines:
            return lines.read().splitlines()

    def all_received(self):
        self.eventually(lambda: len(self.received()) >= self.count, "the server did not get all")
        self.assertEqual(collections.Counter(self.received()),
                         collections.Counter(self.expected()))
        self.assertEqual(self.received(), self.expected())

    def down_why(self):
        """What the running job says of its sink: why it is down, or nothing."""
        done = self.run_tool("job", "status", "--interval", "0", "--json")
        sinks = done.json[0]["connectors"] if done.status == OK else []
        return sinks[0].get("down_why", "") if sinks else ""

    def test_a_server_that_is_gone_for_a_while_misses_nothing(self):
        self.take_port()
        self.produce(3000)
        job = self.http_job()
        self.socket_is_there()  # a tool that is first would have the directory for itself
        self.eventually(lambda: "cannot connect" in self.down_why(), "it does not say it is down")
        self.start_server()
        self.all_received()
        for _ in range(3):
            self.produce(700)
            self.stop_server()
            self.produce(700)
            self.start_server()
        self.all_received()
        self.assertEqual(self.stop(job).status, OK)
        self.all_received()

    def test_a_server_that_often_fails_gets_everything_once(self):
        self.produce(2000)
        self.start_server("flaky")
        done = self.run_job("http", f"http://127.0.0.1:{self.port}/in", "ndjson", "60000",
                            "--until-end")
        self.assertEqual(done.status, OK, done.err)
        self.all_received()

    def test_loki_gets_lines(self):
        self.produce(250)
        self.start_server("loki")
        done = self.run_job("http", f"http://127.0.0.1:{self.port}/loki/api/v1/push", "loki",
                            "60000", "--until-end")
        self.assertEqual(done.status, OK, done.err)
        self.all_received()

    def test_of_a_bulk_request_only_failed_items_are_sent_again(self):
        lines = [f"line {n}" for n in range(300)] + ["poison 1", "line 300", "poison 2"]
        self.tool("produce", "sink-lines", stdin="".join(line + "\n" for line in lines))
        self.start_server("elastic")
        done = self.run_job("http", f"http://127.0.0.1:{self.port}/_bulk", "elastic", "60000",
                            "--until-end")
        self.assertEqual(done.status, OK, done.err)
        self.assertEqual(collections.Counter(self.received()),
                         collections.Counter(line for line in lines if "poison" not in line))
        listed = self.tool("dead-letters", "list", "sink-letters", "--json").json
        self.assertEqual([(row["count"], row["step"], row["from"]) for row in listed],
                         [(2, "out", "sinks-out-sink")])
        self.assertIn("poison", listed[0]["reason"])
        values = self.tool("dead-letters", "show", "sink-letters", "--json").json
        self.assertEqual(sorted(v["value"] for v in values), ["poison 1", "poison 2"])

    def test_a_job_that_ends_says_what_a_server_that_is_down_did_not_get(self):
        self.take_port()
        self.produce(120)
        job = self.http_job("--until-end", at_end=500)
        _, err = job.communicate(timeout=harness.PATIENCE)
        self.assertEqual(job.returncode, UNAVAILABLE, err)
        self.assertIn('120 records wait in topic "sinks-out-sink"', err.decode())
        self.start_server()
        self.assertEqual(self.run_job("http", f"http://127.0.0.1:{self.port}/", "ndjson", "60000",
                                      "--until-end").status, OK)
        self.all_received()

    def test_what_cannot_be_an_address_is_refused_at_once(self):
        done = self.run_job("http", "ftp://example.org/", "ndjson", "500")
        self.assertNotEqual(done.status, OK)
        self.assertIn("write http://HOST", done.err)

    def authority(self, name="authority"):
        if shutil.which("openssl") is None:
            raise unittest.SkipTest("skipped: there is no program openssl")
        return Authority(self.folder, name)

    def https(self, host, authority, at_end=60000):
        return ("https", f"https://{host}:{self.port}/in", "ndjson", str(at_end),
                authority.certificate)

    def test_a_server_behind_tls_and_a_token_gets_everything(self):
        authority = self.authority()
        self.start_server("secret", authority.certify("one", "DNS:localhost,IP:127.0.0.1"))
        for host in "localhost", "127.0.0.1":
            self.produce(1500)
            done = self.run_job(*self.https(host, authority), "--until-end",
                                environment={"SINK_TOKEN": TOKEN})
            self.assertEqual(done.status, OK, done.err)
            self.all_received()
            self.assertNotIn(TOKEN, done.err + done.text)
        self.produce(10)
        words = self.https("localhost", authority)[:-1] + ("",)  # the system's authorities
        done = self.run_job(*words, "--until-end", environment={
            "SINK_TOKEN": TOKEN, "SSL_CERT_FILE": authority.certificate})
        self.assertEqual(done.status, OK, done.err)
        self.all_received()
        described = self.run_job(*self.https("localhost", authority), "--describe")
        self.assertNotIn("Bearer", described.text)

    def test_a_server_that_is_not_believed_gets_nothing_until_it_is(self):
        authority, stranger = self.authority(), self.authority("stranger")
        here = "IP:127.0.0.1"
        self.start_server("secret", stranger.certify("stranger", here))
        self.produce(200)
        job = self.job(*self.https("127.0.0.1", authority), environment={"SINK_TOKEN": TOKEN})
        self.socket_is_there()
        wrong = [
            ("nobody who is trusted here vouches", None),
            ("is not for \"127.0.0.1\"", authority.certify("other", "DNS:other.example")),
            ("does not hold today (certificate has expired)",
             authority.certify("old", here, "20200101000000Z", "20200201000000Z")),
            ("does not hold today (certificate is not yet valid)",
             authority.certify("young", here, "20900101000000Z", "20900201000000Z")),
            ("does not speak TLS there", ()),
        ]
        for words, certificate in wrong:
            if certificate is not None:
                self.stop_server()
                self.start_server("secret", certificate)
            self.eventually(lambda w=words: w in self.down_why(), words)
            self.assertEqual(self.received(), [])
        self.stop_server()
        self.start_server("secret", authority.certify("right", here))
        self.all_received()
        self.stop_server()
        self.produce(100)
        self.start_server("secret", authority.certify("renewed", here))
        self.all_received()
        self.assertEqual(self.stop(job).status, OK)

    def test_an_answer_that_ends_with_its_connection_is_heard(self):
        authority = self.authority()
        self.start_server("curt", authority.certify("one", "IP:127.0.0.1"))
        self.produce(250)
        done = self.run_job(*self.https("127.0.0.1", authority), "--until-end",
                            environment={"SINK_TOKEN": TOKEN})
        self.assertEqual(done.status, OK, done.err)
        self.all_received()

    def test_what_https_needs_and_is_not_there_is_said_at_once(self):
        authority = self.authority()
        self.port = 1
        unset = self.run_job(*self.https("localhost", authority))
        self.assertNotEqual(unset.status, OK)
        self.assertIn("SINK_TOKEN is not set", unset.err)
        os.remove(authority.certificate)
        gone = self.run_job(*self.https("localhost", authority),
                            environment={"SINK_TOKEN": TOKEN})
        self.assertNotEqual(gone.status, OK)
        self.assertIn("no certificates can be read from", gone.err)

    def sizes(self):
        found = {}
        for path in glob.glob(self.out + "*"):
            try:
                found[path] = os.path.getsize(path)
            except FileNotFoundError:  # just renamed
                pass
        return found

    def written(self):
        """All files put aside and the file itself, in order."""
        text = b""
        for path in sorted(glob.glob(self.out + ".*")):
            with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
                text += file.read()
        if os.path.exists(self.out):
            with open(self.out, "rb") as file:
                text += file.read()
        return text.decode().splitlines()

    def test_a_file_has_every_record_of_its_topic_once_whatever_kills_the_job(self):
        for _ in range(6):
            self.produce(300)
            before = self.sizes()
            job = self.job("file", self.out, "2000", "gzip")
            self.eventually(lambda b=before: self.sizes() != b, "nothing is written")
            self.stop(job, signal.SIGKILL)
        done = self.run_job("file", self.out, "2000", "gzip", "--until-end")
        self.assertEqual(done.status, OK, done.err)
        # Tasks that are killed write again what they had not committed; the file adds nothing.
        self.assertEqual(self.written(), self.consumed("sinks-out-sink").lines)
        self.assertEqual(set(self.written()), set(self.expected()))
        self.assertEqual([p for p in glob.glob(self.out + ".*") if not p.endswith(".gz")], [])

    def test_no_file_is_larger_than_it_may_be(self):
        self.produce(20_000)
        done = self.run_job("file", self.out, "20000", "none", "--until-end")
        self.assertEqual(done.status, OK, done.err)
        self.assertEqual(sorted(self.written()), sorted(self.expected()))
        self.assertGreater(len(self.sizes()), 9)
        self.assertLessEqual(max(self.sizes().values()), 20_000)

    def test_what_cannot_be_a_file_is_refused_at_once(self):
        self.produce(3)
        folder, file, pipe = (os.path.join(self.folder, n) for n in ("folder", "file", "pipe"))
        os.mkdir(folder)
        os.mkfifo(pipe)
        with open(file, "w", encoding="ascii"):
            pass
        for path in folder, os.path.join(file, "out.log"), os.path.join(file, "x", "out.log"), pipe:
            for flags in (), ("--until-end",):
                done = self.run_job("file", path, "0", "none", *flags)
                self.assertEqual(done.status, USAGE, done.err)
                self.assertIn('to_file "out": ', done.err)
                self.assertIn(os.path.dirname(path), done.err)
                self.assertIn("name another file", done.err)
        done = self.run_job("file", self.out, "0", "none", "--until-end")
        self.assertEqual(done.status, OK, done.err)
        self.assertEqual(set(self.written()), set(self.expected()))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(*sys.argv[2:])
    else:
        harness.main()
