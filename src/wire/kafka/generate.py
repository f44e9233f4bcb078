#!/usr/bin/env python3
"""Generates the Kafka codecs from messages.txt; run by messages/meson.build.

  generate.py messages.txt OUT codecs GROUP FILE...   GROUP.cc; FILE.hh and FILE_walk.hh of each
  generate.py messages.txt OUT apis                   api_rows.inc
  generate.py messages.txt OUT list FILE...           all_messages.inc, for tests

A FILE is the name of an API in snake_case (metadata: MetadataRequest and MetadataResponse), or
name:Message,Message for anything else.
"""

import pathlib
import sys

import emit
import schema


def resolve(spec, by_name):
    """FILE as (name, messages)."""
    name, _, listed = spec.partition(":")
    if listed:
        wanted = listed.split(",")
    else:
        wanted = [n for n, m in by_name.items() if m.key is not None and schema.snake(n) in
                  (name + "_request", name + "_response")]
    missing = [n for n in wanted if n not in by_name]
    if missing or not wanted:
        raise SystemExit(f"generate.py: {spec}: no such message {missing}")
    return name, [by_name[n] for n in wanted]


def main(table, out, what, *rest):
    messages = schema.read(table)
    by_name = {m.name: m for m in messages}
    out = pathlib.Path(out)
    if what == "apis":
        (out / "api_rows.inc").write_text(emit.api_rows(messages))
    elif what == "list":
        files = [resolve(f, by_name) for f in rest]
        (out / "all_messages.inc").write_text(emit.message_list(files))
    else:
        group, *specs = rest
        files = [resolve(f, by_name) for f in specs]
        for name, contents in files:
            (out / f"{name}.hh").write_text(emit.header(contents))
            (out / f"{name}_walk.hh").write_text(emit.walks(name, contents))
        (out / f"{group}.cc").write_text(emit.source(files))


main(*sys.argv[1:])
