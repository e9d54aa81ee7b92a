#!/usr/bin/env python3
"""A small web site with real log files, under requests that it sends to itself.

usage: site.py FOLDER SECONDS

Serves pages on a free port of this machine and writes FOLDER/access.log (combined format) and
FOLDER/app.log (with stack traces of several lines). The access log is rotated on the way, by
renaming and with gzip, as logrotate does. For a while in the middle, one page fails: a burst of
errors. FOLDER/counters.json says at the end what the server itself has counted.
"""
import collections
import gzip
import http.client
import http.server
import json
import os
import random
import shutil
import sys
import threading
import time
import traceback

PAGES = {"/": 40, "/docs": 25, "/search": 20, "/cart": 10, "/missing": 5}
CLIENTS = 3
# What another program, in Java, writes into the same log.
JAVA_TRACE = """no answer to buyer@example.org
java.lang.IllegalStateException: password=0123abcd
    at org.example.Pay.charge(Pay.java:7)
Caused by: java.net.SocketTimeoutException
    ... 1 more"""


class Site:
    """Its log files, and what it has counted."""

    def __init__(self, folder):
        self.folder = folder
        self.lock = threading.Lock()
        self.broken = threading.Event()
        self.ending = threading.Event()
        self.access = open(self.path("access.log"), "ab", buffering=0)
        self.app = open(self.path("app.log"), "ab", buffering=0)
        self.per_path = collections.Counter()
        self.per_status = collections.Counter()
        self.traces = collections.Counter()  # by language
        self.garbage = 0
        self.rotations = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def log_request(self, client, line, path, status, size, agent):
        stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
        entry = f'{client} - - [{stamp}] "{line}" {status} {size} "-" "{agent}"\n'
        with self.lock:
            self.access.write(entry.encode())
            self.per_path[path] += 1
            self.per_status[str(status)] += 1

    def log_garbage(self, text):
        """A line that is none: half a request, as a crash leaves it."""
        with self.lock:
            self.access.write(text.encode() + b"\n")
            self.garbage += 1

    def log_event(self, level, text, language=None):
        """`language`: of the stack trace that the text ends with."""
        now = time.time()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now)) + f",{int(now * 1000) % 1000:03}"
        with self.lock:
            self.app.write(f"{stamp} {level} [site] shop - {text}\n".encode())
            if language:
                self.traces[language] += 1

    def rotate(self):
        """As logrotate does it: rename, make a new file; the one before is compressed."""
        with self.lock:
            self.rotations += 1
            old = self.path(f"access.log.{self.rotations}")
            os.rename(self.path("access.log"), old)
            self.access.close()
            self.access = open(self.path("access.log"), "ab", buffering=0)
        if self.rotations > 1:
            before = self.path(f"access.log.{self.rotations - 1}")
            packing = self.path("packing.gz")  # not a name that looks like a log's
            with open(before, "rb") as plain, gzip.open(packing, "wb") as packed:
                shutil.copyfileobj(plain, packed)
            os.rename(packing, before + ".gz")
            os.remove(before)

    def counters(self):
        return {"requests": sum(self.per_path.values()), "paths": dict(self.per_path),
                "status": dict(self.per_status), "garbage": self.garbage, "traces": dict(self.traces),
                "rotations": self.rotations}


def handler(site):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in one piece: in two, the second waits for the client's acknowledgement

        def do_GET(self):
            path = self.path.split("?")[0]
            status, body = 200, b"<h1>" + path.encode() + b"</h1>\n"
            if path == "/missing":
                status, body = 404, b"not here\n"
            elif path == "/cart" and site.broken.is_set():
                status, body = 500, b"sorry\n"
                try:
                    {}["price of " + self.path]
                except KeyError:
                    site.log_event("ERROR", "cart failed for buyer@example.org\n"
                                   + traceback.format_exc().rstrip("\n"), "python")
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            site.log_request(self.client_address[0], self.requestline, path, status, len(body),
                             self.headers.get("User-Agent", "-"))

        def log_message(self, *_):
            pass

    return Handler


def visit(site, port, seed):
    """One visitor after the other, over one connection, until the site ends."""
    choose = random.Random(seed)
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while not site.ending.is_set():
        page = choose.choices(list(PAGES), weights=list(PAGES.values()))[0]
        link.request("GET", f"{page}?visit={choose.randrange(10**9)}&token=0123abcd",
                     headers={"User-Agent": "demo/1.0"})
        link.getresponse().read()
        time.sleep(0.002)
    link.close()


def main(folder, seconds):
    site = Site(folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(site))
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    visitors = [threading.Thread(target=visit, args=(site, server.server_port, seed))
                for seed in range(CLIENTS)]
    for each in visitors:
        each.start()
    steps = 20
    for step in range(steps):
        time.sleep(seconds / steps)
        if step % 4 == 3:
            site.rotate()
        if step == 8:
            site.broken.set()
        if step == 12:
            site.broken.clear()
        site.log_event("INFO", f"{sum(site.per_path.values())} pages so far")
        if step % 5 == 2:
            site.log_event("ERROR", JAVA_TRACE, "java")
            site.log_garbage('127.0.0.1 - - [half a line, GET /docs')
    site.ending.set()
    for each in visitors:
        each.join()
    server.shutdown()
    serving.join()
    server.server_close()
    with open(site.path("counters.json.part"), "w", encoding="ascii") as out:
        json.dump(site.counters(), out)
    os.rename(site.path("counters.json.part"), site.path("counters.json"))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: site.py FOLDER SECONDS")
    main(sys.argv[1], float(sys.argv[2]))
