#!/usr/bin/env python3
"""Puts the page together and writes it as C++: embed.py OUT.cc page.html style.css SCRIPT.js...

The style and the scripts, in the given order, go where page.html says `{{style}}` and `{{script}}`; their hashes go into its
content security policy, so that a browser runs these and nothing else, whatever the data hold. `{{data}}` is where the page is
cut in two: the report's data go between.
"""

import base64
import hashlib
import sys
from pathlib import Path


def hash_of(text):
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def page_of(page, style, script):
    for text, end in ((style, "</style"), (script, "</script"), (script, "<!--")):
        if end in text.lower():
            sys.exit(f"embed.py: {end} would end the page's part that holds it")
    parts = {"style-hash": hash_of(style), "script-hash": hash_of(script), "style": style, "script": script}
    for name, text in parts.items():
        if page.count("{{" + name + "}}") != 1:
            sys.exit(f"embed.py: the page must have one {{{{{name}}}}}")
        page = page.replace("{{" + name + "}}", text)
    return page


def array_of(name, text):
    data = text.encode()
    lines = [",".join(map(str, data[at:at + 32])) for at in range(0, len(data), 32)]
    return (f"constexpr unsigned char {name}_bytes[] = {{\n" + ",\n".join(lines) + "};\n",
            f"const std::string_view {name}(reinterpret_cast<const char*>({name}_bytes), sizeof {name}_bytes);\n")


def main():
    out, page, style, *scripts = sys.argv[1:]
    script = "\n".join(Path(name).read_text(encoding="utf-8") for name in scripts)
    whole = page_of(Path(page).read_text(encoding="utf-8"), Path(style).read_text(encoding="utf-8"), script)
    before, data, after = whole.partition("{{data}}")
    if not data:
        sys.exit("embed.py: the page must have one {{data}}")
    arrays, views = zip(array_of("page_before_data", before), array_of("page_after_data", after))
    Path(out).write_text('#include "report/page.hh"\n\nnamespace millrace::bench {\nnamespace {\n\n' + "".join(arrays)
                         + "\n}  // namespace\n\n" + "".join(views) + "\n}  // namespace millrace::bench\n",
                         encoding="utf-8")


if __name__ == "__main__":
    main()
