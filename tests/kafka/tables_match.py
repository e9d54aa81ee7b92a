#!/usr/bin/env python3
"""Compares kafka/protocol/tables, field by field, with the message definitions in Kafka's own jar.

usage: tables_match.py [JAR]      default: the newest kafka-clients jar in ~/.m2; without one: skipped

The definitions lie in the jar as common/message/*.json.
"""
import json
import pathlib
import re
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "kafka" / "protocol"))
import generate  # noqa: E402  pylint: disable=wrong-import-position

SKIPPED = 77
FOR_EVER = 32767


def snake(name):
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def definition(jar, name):
    text = jar.read(f"common/message/{name}.json").decode()
    return json.loads(re.sub(r"(?m)(^|\s)//.*$", "", text))


def span(text):
    if text in (None, "none"):
        return None
    low, _, high = text.partition("-")
    if low.endswith("+"):
        return int(low[:-1]), FOR_EVER
    return int(low), int(high or low)


def cut(versions, within):
    """The part of a range that lies within another; None: nothing."""
    low, high = max(versions[0], within[0]), min(versions[1], within[1])
    return (low, high) if low <= high else None


def plain_type(name):
    if name.startswith("[]"):
        return "[]" + plain_type(name[2:])
    return name if name[0].islower() else "struct"


def plain_default(text, kind):
    text = str(text if text is not None else "")
    if text in ("", "null") or kind in ("string", "bytes"):
        return None
    if text.lower() in ("true", "false"):
        return True if text.lower() == "true" else None
    return int(text, 0) or None


def theirs(fields, within, structs):
    """Kafka's fields that exist in these versions: name -> what is to be compared, children."""
    found = {}
    for field in fields:
        versions = cut(span(field["versions"]) or (1, 0), within)
        if versions is None:
            continue
        nullable = span(field.get("nullableVersions"))
        kind = plain_type(field["type"])
        facts = (kind, versions, cut(nullable, versions) if nullable else None,
                 field.get("tag"), plain_default(field.get("default"), kind))
        inner = field.get("fields") or structs.get(field["type"].removeprefix("[]"), [])
        found[snake(field["name"])] = facts, theirs(inner, versions, structs)
    return found


def ours(fields, within, known):
    found = {}
    for field in fields:
        always = field.versions.span() == field.versions.within.span()
        versions = within if always else cut(field.versions.span(), within)
        kind = field.type if not field.is_struct() else field.type.replace(field.element(), "struct")
        null = field.null and (versions if field.null.span() == field.versions.span()
                               else cut(field.null.span(), versions))
        facts = (kind, versions, null, field.tag,
                 plain_default(field.default, kind))
        if field.children:
            known[field.element()] = field.children
        found[field.name] = facts, ours(known.get(field.element(), []), versions, known)
    return found


def differences(mine, kafkas, path):
    for name in sorted(mine.keys() | kafkas.keys()):
        if name not in mine or name not in kafkas:
            yield f"{path}.{name} is only in {'Kafka' if name in kafkas else 'the table'}"
            continue
        if mine[name][0] != kafkas[name][0]:
            yield f"{path}.{name}: table {mine[name][0]}, Kafka {kafkas[name][0]}"
        yield from differences(mine[name][1], kafkas[name][1], f"{path}.{name}")


def compare(jar, api):
    title = "".join(word.capitalize() for word in api.name.split("_"))
    for kind in ("request", "response"):
        told = definition(jar, title + kind.capitalize())
        valid = span(told["validVersions"])
        where = f"{api.name} {kind}"
        if (api.key, api.versions.span()) != (told["apiKey"], valid):
            yield f"{where}: key or versions differ: Kafka has {told['apiKey']} {valid}"
        flexible = span(told["flexibleVersions"])
        if kind == "request" and api.flexible != (flexible[0] if flexible else FOR_EVER):
            yield f"{where}: flexible from {api.flexible}, Kafka {flexible}"
        structs = {each["name"]: each["fields"] for each in told.get("commonStructs", [])}
        yield from differences(ours(getattr(api, kind), valid, {}),
                               theirs(told["fields"], valid, structs), where)


def main(path=None):
    jars = sorted(pathlib.Path.home().glob(".m2/repository/org/apache/kafka/kafka-clients/*/*.jar"))
    path = path or (jars[-1] if jars else None)
    if path is None:
        print("skipped: there is no kafka-clients jar in ~/.m2")
        return SKIPPED
    bad = compared = 0
    with zipfile.ZipFile(path) as jar:
        for table in sorted((ROOT / "kafka" / "protocol" / "tables").glob("*.txt")):
            for api in generate.parse(table):
                compared += 1
                for line in compare(jar, api):
                    print(line)
                    bad += 1
    print(f"{compared} APIs compared with {pathlib.Path(path).name}: {bad} differences")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
