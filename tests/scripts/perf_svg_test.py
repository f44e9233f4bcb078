"""Flame graphs: what is drawn where, and that it is a picture whatever the names."""

import re
import unittest
import xml.etree.ElementTree as xml

import perf_tools_path  # noqa: F401 - finds what follows
import flame_svg
import flame_tree
import view_diff
from fold import Frame

SVG = "{http://www.w3.org/2000/svg}"
CORE = Frame("core-0", "thread")
A, B, C = Frame("a", "api"), Frame("b", "base"), Frame("c", "kernel")
STACKS = {(CORE, A): 1, (CORE, A, B): 2, (CORE, C): 5}


def frames(svg):
    """{name: (begin, count, depth)} of the bars."""
    found = {}
    for group in xml.fromstring(svg).iter(SVG + "g"):
        found[group.get("data-name")] = tuple(int(group.get(key)) for key in ("data-b", "data-n", "data-d"))
    return found


class Drawing(unittest.TestCase):
    def test_makes_a_bar_as_wide_as_what_it_called_and_lays_callees_on_it(self):
        svg = flame_svg.draw(STACKS, "t", "f")
        self.assertEqual(frames(svg), {"all": (0, 8, 0), "core-0": (0, 8, 1), "a": (0, 3, 2), "c": (3, 5, 2), "b": (0, 2, 3)})
        self.assertIn("a [api]: 3 samples, 37.50 %", svg)

    def test_shows_in_the_legend_what_each_kind_took_alone(self):
        svg = flame_svg.draw(STACKS, "t", "f")
        self.assertEqual(re.findall(r">(\w+) ([\d.]+) %</text>", svg), [("kernel", "62.5"), ("base", "25.0"), ("api", "12.5")])

    def test_of_nothing_is_a_picture_that_says_so(self):
        for stacks in ({}, {(CORE,): 0}):
            svg = flame_svg.draw(stacks, "t", "f")
            self.assertIn("nothing was recorded", svg)
            self.assertEqual(frames(svg), {})
        self.assertIn("nothing was recorded", flame_svg.draw({}, "t", "f", others={}))

    def test_cannot_be_broken_by_names(self):
        hostile = ['</title><script>alert(1)</script>', '"><rect onload="x"', "]]>", "&amp;&#0;", "\x00\x07\x1b", "\ud800", "'quoted'",
                   "-->", "\u202e", "<" * 500, ""]
        stacks = {(CORE, Frame(name, "api"), Frame("&<>\"'", "base")): index + 1 for index, name in enumerate(hostile)}
        for others in (None, stacks):
            svg = flame_svg.draw(stacks, hostile[0], hostile[4] + hostile[5], others=others)
            svg.encode("utf-8")
            root = xml.fromstring(svg)
            self.assertEqual(len(list(root.iter(SVG + "script"))), 1)
            named = [group.get("data-name") for group in root.iter(SVG + "g")]
            self.assertIn(hostile[0], named)
            self.assertIn("<" * 500, named)
            allowed = {"class", "data-b", "data-n", "data-d", "data-name", "x", "y", "width", "height", "rx", "style", "id", "fill"}
            for element in root.iter():
                if element is not root:
                    self.assertLessEqual(set(element.attrib), allowed)

    def test_needs_nothing_from_elsewhere(self):
        svg = flame_svg.draw(STACKS, "t", "f")
        self.assertEqual([word for word in ("href", "src=", "import ", "url(") if word in svg], [])
        self.assertEqual(set(re.findall(r"https?://[^\"']+", svg)), {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"})

    def test_leaves_out_bars_too_thin_to_see_and_keeps_the_places_of_others(self):
        svg = flame_svg.draw({(A,): 1, (B,): 100000}, "t", "f")
        self.assertEqual(frames(svg), {"all": (0, 100001, 0), "b": (1, 100000, 1)})

    def test_is_quick_with_deep_and_many_stacks(self):
        stacks = {tuple(Frame(f"f{level}", "api") for level in range(2000)): 1}
        stacks.update({(CORE, Frame(f"g{number}", "api")): 1 for number in range(2000)})
        self.assertEqual(len(frames(flame_svg.draw(stacks, "t", "f"))), 4002)

    def test_colours_every_kind(self):
        for kind in ("thread", "unknown", "kernel", "libc", "liburing", "library", "allocator", "program", *view_diff.fold.names.ROOMS):
            self.assertIn(f".k-{kind} {{", flame_svg.draw(STACKS, "t", "f"))

    def test_fits_names_by_dropping_what_is_outside(self):
        name = "api::kafka::connection::read_all"
        rows = [(300, name), (200, "kafka::connection::read_all"), (150, "connection::read_all"), (70, "read_all"), (50, "read_…"), (10, "")]
        for width, want in rows:
            self.assertEqual(flame_svg.fitted(name, width), want, width)
        self.assertEqual(flame_svg.fitted("vector<a::b>::c", 40), "vect…")


class Differences(unittest.TestCase):
    def test_are_red_where_the_share_grew_and_blue_where_it_shrank(self):
        root = flame_tree.grow({(A,): 30, (B,): 70}, {(A,): 1, (B,): 1})
        colours = {frame: flame_svg.change_colour(node, root, 0.2) for frame, node in root.children.items()}
        self.assertEqual(colours, {A: "#5050f5", B: "#f55050"})
        same = flame_tree.grow({(A,): 30}, {(A,): 7})
        self.assertEqual(flame_svg.change_colour(same.children[A], same, 0), "#f5f5f5")

    def test_show_what_is_new_and_not_what_is_gone(self):
        svg = flame_svg.draw({(A,): 4}, "t", "f", others={(B,): 4})
        self.assertEqual(set(frames(svg)), {"all", "a"})
        self.assertIn("a [api]: 4 samples, 100.00 %; the other: 0, 0.00 %", svg)

    def test_are_listed_with_what_is_gone_the_largest_first(self):
        rows = view_diff.changes({(A,): 50, (B,): 50}, {(A,): 60, (C,): 40})
        self.assertEqual(rows, [(B, 0.5, 0, 0.5, 0), (C, 0, 0.4, 0, 0.4), (A, 0.5, 0.6, 0.5, 0.6)])
        rows = view_diff.changes({(A,): 10, (B,): 60, (C,): 30}, {(A,): 20, (B,): 10, (C,): 70})
        self.assertEqual([row[0] for row in rows], [B, C, A])
        self.assertEqual(view_diff.changes({}, {}), [])


if __name__ == "__main__":
    unittest.main()
