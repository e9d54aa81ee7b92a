"""Runs the real `penstock` in folders of its own.  Every test file ends with `harness.main()`:

    python3 tests/tools/records.py PENSTOCK [TEST…]
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = ""
PATIENCE = 120  # seconds; generous, because machines that test are busy

OK, FAILED, USAGE, REFUSED, NOT_FOUND, UNAVAILABLE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


class Done:
    """How a run ended."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    @property
    def text(self):
        return self.out.decode()

    @property
    def lines(self):
        return self.text.splitlines()

    @property
    def json(self):
        return [json.loads(line) for line in self.lines]


class ToolTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="penstock-tool-")
        self.on = os.path.join(self.folder, "data")
        self.running = []

    def tearDown(self):
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *words, on=None, **options):
        """A run that goes on beside the test."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **options}
        process = subprocess.Popen([PROGRAM, *words, "--on", on or self.on],
                                   stderr=subprocess.PIPE, **options)
        self.running.append(process)
        return process

    def run_tool(self, *words, stdin=b"", on=None):
        """A run to its end, whatever that is."""
        if isinstance(stdin, str):
            stdin = stdin.encode()
        done = subprocess.run([PROGRAM, *words, "--on", on or self.on], input=stdin,
                              capture_output=True, timeout=PATIENCE, check=False)
        return Done(done.returncode, done.stdout, done.stderr.decode())

    def tool(self, *words, **options):
        """A run that must end well."""
        done = self.run_tool(*words, **options)
        self.assertEqual(done.status, OK, f"{words}: {done.err}")
        return done

    def refused(self, status, *words, says=(), **options):
        """A run that must fail like this, with one line on standard error that says these things."""
        done = self.run_tool(*words, **options)
        self.assertEqual(done.status, status, f"{words}: {done.err}{done.out[-500:]}")
        lines = done.err.splitlines()
        self.assertEqual(len(lines), 1, done.err)
        self.assertTrue(lines[0].startswith("penstock: "), done.err)
        for word in (says,) if isinstance(says, str) else says:
            self.assertIn(word, done.err)
        return done

    def one_partition(self, topic, *more):
        """A topic that keeps the order of everything: between partitions there is none."""
        self.tool("topic", "create", topic, "--partitions", "1", *more)

    def consumed(self, topic, *more, **options):
        return self.tool("consume", topic, "--from-beginning", "--until-end", *more, **options)

    def eventually(self, done, what="it did not happen"):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if done():
                return
            time.sleep(0.05)
        self.fail(what)

    def socket_is_there(self):
        self.eventually(lambda: os.path.exists(os.path.join(self.on, "node.sock")),
                        "no process listens on node.sock")

    def stop(self, process, with_signal=signal.SIGINT):
        """Asks a run to end; gives how it did."""
        process.send_signal(with_signal)
        if process.stdin:
            process.wait(timeout=PATIENCE)  # before its input ends
        out, err = process.communicate(timeout=PATIENCE)
        return Done(process.returncode, out or b"", err.decode())


def can_mount():
    """True when this user may mount file systems in a namespace of its own."""
    return subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
                          capture_output=True, check=False).returncode == 0


def main():
    global PROGRAM  # pylint: disable=global-statement
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    import __main__
    if __main__ is not sys.modules[__name__]:
        unittest.main(module=__main__, verbosity=2)
