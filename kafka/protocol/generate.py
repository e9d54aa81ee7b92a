#!/usr/bin/env python3
"""Makes C++ of the tables in kafka/protocol/tables: structs, and how each is read and written.

usage: generate.py FOLDER TABLE…   writes messages.hpp, apis.cpp, <table>_fields.hpp, <table>.cpp

A table is a list of APIs, facts of Kafka's protocol and nothing else:

    api KEY NAME OLDEST-NEWEST flexible FROM     versions that the table describes
    serve OLDEST-NEWEST | none                   versions that this program answers (default: all)
    announce OLDEST-NEWEST                       what ApiVersions says, where that differs
    request | response                           the fields follow, children indented by two more
      NAME TYPE [VERSIONS] [null[:VERSIONS]] [tag:N] [= DEFAULT]

VERSIONS is `3+`, `3-5` or `3`, and everything where it is missing; for children: everything that
their parent has. TYPE is bool, int8 … int64, uint16, float64, string, bytes, records, uuid, the name
of a struct whose fields follow (or came before, in the same message), or []TYPE.
"""
import pathlib
import re
import sys

PLAIN = {
    "bool": "bool", "int8": "std::int8_t", "int16": "std::int16_t", "int32": "std::int32_t",
    "int64": "std::int64_t", "uint16": "std::uint16_t", "float64": "double",
    "string": "std::string", "bytes": "bytes", "records": "bytes_view", "uuid": "uuid",
}
NUMBERS = {"int8", "int16", "int32", "int64", "uint16", "float64"}
FAMILIES_NAMESPACE = "penstock::kafka"


class Wrong(Exception):
    """A table that says something that cannot be."""


class Versions:
    def __init__(self, text=None, within=None):
        self.low, self.high = within.span() if within else (0, 32767)
        self.within = within
        if text:
            match = re.fullmatch(r"(\d+)(\+|-(\d+))?", text)
            if not match:
                raise Wrong(f"versions {text!r}")
            self.low = int(match[1])
            if match[3]:
                self.high = int(match[3])
            elif not match[2]:
                self.high = self.low
        if within and not within.low <= self.low <= self.high <= within.high:
            raise Wrong(f"versions {text!r} are not within {within.low}-{within.high}")

    def span(self):
        return self.low, self.high

    def condition(self):
        """C++ that is true for these versions where those around them are given; None: always."""
        low, high = self.within.span()
        parts = []
        if self.low > low:
            parts.append(f"v >= {self.low}")
        if self.high < high:
            parts.append(f"v <= {self.high}")
        return " && ".join(parts) or None


class Field:
    def __init__(self, words, within):
        self.name, self.type = words[0], words[1]
        self.null = self.tag = self.default = None
        self.versions = Versions(None, within)
        rest = words[2:]
        while rest:
            word = rest.pop(0)
            if word == "=":
                self.default = rest.pop(0)
            elif word == "null" or word.startswith("null:"):
                self.null = word[5:]
            elif word.startswith("tag:"):
                self.tag = int(word[4:])
            else:
                self.versions = Versions(word, within)
        self.null = None if self.null is None else Versions(self.null, self.versions)
        self.children = []

    def element(self):
        return self.type.removeprefix("[]")

    def is_struct(self):
        return self.element() not in PLAIN

    def cpp(self):
        inner = PLAIN.get(self.element(), self.element())
        if self.type.startswith("[]"):
            inner = f"std::vector<{inner}>"
        return f"std::optional<{inner}>" if self.null else inner

    def initial(self):
        if self.null or self.type.startswith("[]") or self.is_struct():
            return ""
        if self.type == "bool":
            return f" = {self.default or 'false'}"
        if self.type in NUMBERS:
            value = self.default or "0"
            return " = -2147483647 - 1" if value == "-2147483648" else f" = {value}"
        return ""


class Api:
    def __init__(self, words):
        self.key, self.name, flexible = int(words[0]), words[1], words[4]
        self.versions = Versions(words[2])
        self.flexible = 32767 if flexible == "never" else int(flexible)
        self.serve = self.versions.span()
        self.announce = None
        self.request, self.response = [], []


def span(text):
    return None if text == "none" else Versions(text).span()


def parse(path):
    """The APIs of one table."""
    apis, stack = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        try:
            if not line.startswith(" "):
                if words[0] == "api":
                    apis.append(Api(words[1:]))
                elif words[0] in ("serve", "announce"):
                    setattr(apis[-1], words[0], span(words[1]))
                elif words[0] in ("request", "response"):
                    stack = [(0, getattr(apis[-1], words[0]), apis[-1].versions)]
                else:
                    raise Wrong(f"{words[0]!r} is not a word of tables")
                continue
            depth = len(line) - len(line.lstrip())
            while stack[-1][0] >= depth:
                stack.pop()
            field = Field(words, stack[-1][2])
            stack[-1][1].append(field)
            stack.append((depth, field.children, field.versions))
        except (Wrong, IndexError, ValueError) as why:
            sys.exit(f"{path}:{number}: {why}")
    return apis


def members(fields, pad):
    lines = [f"{pad}{field.cpp()} {field.name}{field.initial()};" for field in fields]
    lines.append(f"{pad}template <class Io, class Self>")
    lines.append(f"{pad}static void fields(Io& io, Self& m, int v);")
    return lines


def structs(fields):
    """Definitions of the structs among the fields and below them, the innermost first."""
    lines = []
    for field in fields:
        lines += structs(field.children)
        if field.children:
            name = field.element()
            lines.append(f"  struct {name} {{")
            lines += members(field.children, "    ")
            lines.append(f"    friend bool operator==(const {name}&, const {name}&) = default;")
            lines.append("  };")
    return lines


def messages_header(tables):
    out = ["// Every message of the tables, as structs.  Made by kafka/protocol/generate.py.",
           "#pragma once", "", "#include <cstdint>", "#include <optional>", "#include <string>",
           "#include <vector>", "", '#include "kafka/protocol/codec.hpp"', "",
           f"namespace {FAMILIES_NAMESPACE} {{", ""]
    for apis in tables.values():
        for api in apis:
            for kind in ("response", "request"):
                name = f"{api.name}_{kind}"
                out.append(f"struct {name} {{")
                out.append(f"  static constexpr std::int16_t api_key = {api.key};")
                out.append(f"  static constexpr int oldest = {api.versions.low};")
                out.append(f"  static constexpr int newest = {api.versions.high};")
                out.append(f"  static constexpr int flexible_from = {api.flexible};")
                out.append(f'  static constexpr const char* name = "{api.name} {kind}";')
                if kind == "request":
                    out.append(f"  using response = {api.name}_response;")
                out += structs(getattr(api, kind))
                out += members(getattr(api, kind), "  ")
                out.append(f"  friend bool operator==(const {name}&, const {name}&) = default;")
                out += ["};", ""]
    names = [f"{api.name}_{kind}" for apis in tables.values() for api in apis
             for kind in ("request", "response")]
    out += ["/// Calls `visit.template operator()<Message>()` for every message.",
            "template <class Visit>", "void for_each_message(Visit&& visit) {"]
    out += [f"  visit.template operator()<{name}>();" for name in names]
    out += ["}", "", f"}}  // namespace {FAMILIES_NAMESPACE}", ""]
    return "\n".join(out)


def call(field):
    args = f"m.{field.name}"
    nullable = ""
    if field.null:
        nullable = f", {field.null.condition() or 'true'}"
    if field.type.startswith("[]"):
        return f"io.array({args}, v{nullable});"
    if field.is_struct():
        return f"io.structure({args}, v{nullable});"
    if field.type in ("bytes", "records"):
        return f"io.data({args}{nullable});"
    if field.type == "string":
        return f"io.text({args}{nullable});"
    return f"io.number({args});"


def bodies(fields, message, name, out):
    for field in fields:
        if field.children:
            bodies(field.children, message, field.element(), out)
    scope = f"{message}::{name}" if name else message
    out.append(f"template <class Io, class Self>\nvoid {scope}::fields(Io& io, Self& m, int v) {{")
    out.append("  (void)m;\n  (void)v;")
    for field in fields:
        if field.tag is not None:
            continue
        condition = field.versions.condition()
        out.append(f"  if ({condition}) {call(field)}" if condition else f"  {call(field)}")
    tagged = sorted((field for field in fields if field.tag is not None), key=lambda f: f.tag)
    if not tagged:
        out.append("  io.no_tags();")
    else:
        out.append("  auto tags = io.begin_tags();")
        for field in tagged:
            condition = field.versions.condition() or "true"
            body = call(field).replace("io.", "sub.", 1)
            out.append(f"  if ({condition})\n    io.tag(tags, {field.tag}, "
                       f"m.{field.name} == std::remove_const_t<Self>{{}}.{field.name}, "
                       f"[&](auto& sub) {{ {body} }});")
        out.append("  io.end_tags(tags);")
    out.append("}\n")


def fields_header(apis):
    out = ["// How the messages of one table are read and written.  Made by generate.py.",
           "#pragma once", "", '#include "kafka/protocol/messages.hpp"', "",
           f"namespace {FAMILIES_NAMESPACE} {{", ""]
    for api in apis:
        for kind in ("request", "response"):
            bodies(getattr(api, kind), f"{api.name}_{kind}", None, out)
    out += [f"}}  // namespace {FAMILIES_NAMESPACE}", ""]
    return "\n".join(out)


def codec_source(name, apis):
    out = ["// Made by kafka/protocol/generate.py.", '#include "kafka/protocol/codec_io.hpp"',
           f'#include "kafka/protocol/{name}_fields.hpp"', "", f"namespace {FAMILIES_NAMESPACE} {{"]
    for api in apis:
        for kind in ("request", "response"):
            message = f"{api.name}_{kind}"
            out.append(f"template result<{message}> decode<{message}>(bytes_view, int);")
            out.append(f"template void encode<{message}>(const {message}&, int, bytes&, "
                       "borrowed_parts*);")
    out += [f"}}  // namespace {FAMILIES_NAMESPACE}", ""]
    return "\n".join(out)


def apis_source(tables):
    rows = sorted((api for apis in tables.values() for api in apis), key=lambda api: api.key)
    out = ["// Made by kafka/protocol/generate.py.", '#include "kafka/protocol/apis.hpp"', "",
           f"namespace {FAMILIES_NAMESPACE} {{", "namespace {", "constexpr api_info rows[] = {"]
    for api in rows:
        serve = api.serve or (0, -1)
        announce = api.announce or serve
        out.append(f'    {{{api.key}, "{api.name}", {api.versions.low}, {api.versions.high}, '
                   f"{serve[0]}, {serve[1]}, {announce[0]}, {announce[1]}, {api.flexible}}},")
    out += ["};", "}  // namespace",
            "std::span<const api_info> all_apis() {\n  return rows;\n}",
            f"}}  // namespace {FAMILIES_NAMESPACE}", ""]
    return "\n".join(out)


def main(folder, *paths):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tables = {pathlib.Path(path).stem: parse(pathlib.Path(path)) for path in paths}
    files = {"messages.hpp": messages_header(tables), "apis.cpp": apis_source(tables)}
    for name, apis in tables.items():
        files[f"{name}_fields.hpp"] = fields_header(apis)
        files[f"{name}.cpp"] = codec_source(name, apis)
    for name, text in files.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
