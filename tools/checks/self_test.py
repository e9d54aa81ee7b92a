#!/usr/bin/env python3
"""The checks checked: each rule fires on a file that breaks it and is quiet on one that does not."""
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

import check_docs
import check_layers
import check_tidy

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "tests/support"))
import expect_error  # noqa: E402

HEADER = "#pragma once\n/// What it is.\n"


def reasons(found):
    return " | ".join(reason for _, reason in found)


class Layers(unittest.TestCase):
    def check(self, path, include, part):
        found = reasons(check_layers.problems(path, f"#include {include}\n"))
        self.assertIn(part, found) if part else self.assertEqual(found, "")

    def test_a_layer_sees_what_its_row_names(self):
        self.check("streams/log/log.cpp", '"streams/base/disk.hpp"', "")
        self.check("dsl/stream.hpp", '"streams/plan/plan.hpp"', "")
        self.check("actors/broker/node.cpp", "<caf/actor.hpp>", "")
        self.check("launch/run.cpp", '"actors/broker/node.hpp"', "")

    def test_a_layer_does_not_see_what_lies_above_it(self):
        self.check("streams/base/disk.hpp", '"streams/log/log.hpp"', "must not include")
        self.check("streams/plan/plan.hpp", '"streams/operators/map.hpp"', "must not include")
        self.check("dsl/stream.hpp", '"streams/log/log.hpp"', "must not include")
        self.check("dsl/stream.hpp", '"actors/broker/node.hpp"', "must not include")
        self.check("actors/broker/node.cpp", '"dsl/stream.hpp"', "must not include")

    def test_frameworks_stay_in_their_rooms(self):
        self.check("streams/log/log.cpp", "<caf/actor.hpp>", "must not include")
        self.check("dsl/stream.hpp", "<capnp/message.h>", "must not include")
        self.check("streams/log/log.cpp", "<thread>", "must not include")
        self.check("streams/log/log.cpp", "<boost/filesystem.hpp>", "must not include")
        self.check("streams/base/disk_posix.cpp", "<boost/filesystem.hpp>", "")
        self.check("actors/broker/node.cpp", "<caf/all.hpp>", "name the headers")

    def test_includes_are_spelled_from_the_root(self):
        self.check("streams/log/log.cpp", '"log.hpp"', "not a path from the root")
        self.check("streams/log/log.cpp", '"../base/disk.hpp"', "not a path from the root")


class Tidy(unittest.TestCase):
    def check(self, path, text, part):
        found = reasons(check_tidy.problems(path, text))
        self.assertIn(part, found) if part else self.assertEqual(found, "")

    def test_a_clean_header_passes(self):
        self.check("streams/log/log.hpp", HEADER, "")
        self.check("streams/log/log.hpp", "// What it is.\n\n#pragma once\n", "")

    def test_headers_open_as_the_house_says(self):
        self.check("streams/log/log.hpp", "#include <string>\n", "#pragma once")
        self.check("streams/log/log.hpp", "#pragma once\n#include <string>\n", "paragraph")

    def test_shape_is_checked(self):
        self.check("streams/log/log.cpp", "int i;\n" * 801, "801 lines")
        self.check("streams/log/log.cpp", "\tint i;\n", "tab")
        self.check("streams/log/log.cpp", "int i; \n", "space at its end")
        self.check("streams/log/log.cpp", "// " + check_tidy.MARK + "\n", "does not merge")
        self.check("streams/log/log.cpp", "//" + "x" * 99 + "\n", "101 columns")
        self.check("streams/base/" + "utils.cpp", "", "says nothing")

    def test_the_world_is_reached_only_through_base(self):
        sleep = "std::this_thread::sleep_for(1s);\n"
        now = "auto t = std::chrono::system_clock::now();\n"
        self.check("actors/broker/node.cpp", sleep, "sleeps")
        self.check("actors/broker/node.cpp", now, "reads a clock")
        self.check("streams/log/log.cpp", "std::ifstream in(path);\n", "touches a file")
        self.check("streams/log/log.cpp", "std::random_device chance;\n", "draws chance")
        self.check("streams/base/clock.cpp", now, "")
        self.check("streams/log/log.cpp", "// no system_clock::now() here\n", "")
        self.check("tests/streams/log/log_test.cpp", sleep, "pure part")


class Docs(unittest.TestCase):
    def check(self, files, part):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, text in {"README.md": "# r\n", "CHANGELOG.md": "# c\n", **files}.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8")
            found = " | ".join(check_docs.problems(root))
            self.assertIn(part, found) if part else self.assertEqual(found, "")

    def test_links_resolve(self):
        self.check({"docs/a.md": "[r](../README.md#r) [web](https://example.org)\n"}, "")
        self.check({"docs/a.md": "[b](b.md)\n"}, "b.md, which is not there")
        self.check({"docs/a.md": "[b](../README.md#gone)\n"}, "no such heading")
        self.check({"docs/a.md": "```\n[b](b.md)\n```\n"}, "")

    def test_formats_are_claimed(self):
        self.check({"docs/formats/log.md": "# l\n"}, "no header names this page")
        self.check({"docs/formats/log.md": "# l\n",
                    "streams/log/log.hpp": "// docs/formats/log.md\n"}, "")
        self.check({"streams/log/log.hpp": "// docs/formats/gone.md\n"}, "which is not there")

    def test_code_of_the_guide_is_in_a_program(self):
        main = {"examples/a/main.cpp": "int main() {\n  run();\n}\nint other;\n"}
        mark = "<!-- from: examples/a/main.cpp -->\n"
        self.check({**main, "docs/guide/a.md": mark + "```cpp\nrun();\n// …\nint other;\n```\n"}, "")
        self.check({**main, "docs/guide/a.md": mark + "```cpp\nwalk();\n```\n"}, "this is not in")
        self.check({"docs/guide/a.md": mark + "```cpp\nrun();\n```\n"}, "which is not there")
        self.check({"docs/guide/a.md": "```cpp\nrun();\n```\n"}, "where it is from")

    def test_decisions_are_numbered(self):
        self.check({"docs/decisions/0002-b.md": "# b\n"}, "number 0001 is missing")

    def test_the_pages_that_readers_expect_are_there(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(check_docs.main(folder), 1)


class ExpectError(unittest.TestCase):
    OUTPUT = "a.cpp:1:1: error: no matching function\na.cpp:2:1: note: no serde\na: error: other\n"

    def check(self, text, status, part):
        wrong = expect_error.verdict(text, status, self.OUTPUT)
        self.assertIn(part, wrong or "") if part else self.assertIsNone(wrong)

    def test_the_first_error_must_say_what_the_file_expects(self):
        self.check("// expect-error: no serde\n", 1, "")
        self.check("// expect-error: other\n", 1, "does not say: other")
        self.check("// expect-error: no serde\n", 0, "compiles, but must not")
        self.check("// expect-error: no serde\n// expect-lines: 2\n", 1, "prints 3 lines")
        self.check("// expect-success\n", 1, "was refused")
        self.check("// expect-success\n", 0, "")
        self.check("", 1, "says neither")


if __name__ == "__main__":
    unittest.main()
