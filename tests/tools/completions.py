#!/usr/bin/env python3
"""Completions and the man page, as the shells and man see them."""
import os
import re
import shutil
import subprocess
import unittest

import harness
from harness import USAGE, ToolTest

WORDS = ("topic", "produce", "consume", "group", "log", "job", "node")


class Completions(ToolTest):
    def script(self, shell):
        path = os.path.join(self.folder, "completions." + shell)
        with open(path, "wb") as out:
            out.write(self.tool("completions", shell).out)
        return path

    def bash(self, *words):
        """What bash would offer for the last of the words."""
        script = (f"source {self.script('bash')}; COMP_WORDS=(penstock \"$@\"); "
                  "COMP_CWORD=$#; _penstock; printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "-uc", script, "bash", *words], stdout=subprocess.PIPE,
                              check=True, timeout=harness.PATIENCE, cwd=self.folder)
        return done.stdout.decode().split()

    def test_bash_offers_the_words_and_their_options(self):
        self.assertLessEqual(set(WORDS), set(self.bash("")))
        self.assertEqual(self.bash("to"), ["topic"])
        self.assertEqual(sorted(self.bash("topic", "de")), ["delete", "describe"])
        self.assertIn("--partitions", self.bash("topic", "create", "--pa"))
        self.assertIn("--to-beginning", self.bash("group", "reset", "g", "--to"))
        self.assertIn("--json", self.bash("consume", "x", "--"))
        self.assertNotIn("completions", self.bash(""))

    def test_bash_skips_values_and_offers_files(self):
        self.assertEqual(self.bash("--on", "topic", "to"), ["topic"])
        os.mkdir(os.path.join(self.folder, "somewhere"))
        self.assertEqual(self.bash("--on", "some"), ["somewhere"])
        self.assertEqual(self.bash("produce", "x", "--partition", ""), [])

    def test_every_word_of_the_help_is_offered(self):
        text = self.tool("--help").text
        words = re.findall(r"^  (\w+) +[A-Z]", text[text.index("Subcommands:"):], re.MULTILINE)
        self.assertLessEqual(set(WORDS), set(words))
        self.assertLessEqual(set(words), set(self.bash("")))

    def test_zsh_and_fish_take_their_scripts(self):
        for shell in ("zsh", "fish"):
            with self.subTest(shell=shell):
                path = self.script(shell)
                with open(path, encoding="utf-8") as text:
                    whole = text.read()
                for word in WORDS:
                    self.assertIn(word, whole)
                if shutil.which(shell):
                    subprocess.run([shell, "-n", path], check=True, timeout=harness.PATIENCE)

    def test_fish_offers_the_words(self):
        if not shutil.which("fish"):
            self.skipTest("fish is not installed")
        ask = f"source {self.script('fish')}; complete -C 'penstock topic c'"
        done = subprocess.run(["fish", "-c", ask], stdout=subprocess.PIPE, check=True,
                              timeout=harness.PATIENCE, env={**os.environ, "HOME": self.folder})
        self.assertIn("create", done.stdout.decode())

    def test_another_shell_is_refused(self):
        self.refused(USAGE, "completions", "tcsh", says="shell")


class ManPage(ToolTest):
    def test_it_renders_without_a_warning(self):
        page = os.path.join(self.folder, "penstock.1")
        with open(page, "wb") as out:
            out.write(self.tool("man").out)
        with open(page, encoding="ascii") as text:  # groff warns of the rest when man calls it
            text.read()
        if not shutil.which("groff"):
            self.skipTest("groff is not installed")
        done = subprocess.run(["groff", "-man", "-ww", "-b", "-Kutf8", "-Tutf8", page],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True,
                              timeout=harness.PATIENCE)
        self.assertEqual(done.stderr.decode(), "")
        text = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout.decode())
        for word in WORDS:
            self.assertIn("penstock " + word, text)
        for part in ("SYNOPSIS", "EXIT STATUS", "EXAMPLES", "--from-beginning", r"'%k\t%v\n'"):
            self.assertIn(part, text)


if __name__ == "__main__":
    harness.main()
