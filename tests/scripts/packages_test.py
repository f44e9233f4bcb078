"""scripts/packages: a package is wanted where its command is missing or too old."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "packages"
NEW = {"kcat": "", "curl": "", "npm": "", "mvn": "", "node": "v20.1.0", "java": 'openjdk version "17.0.15" 2025-04-15',
       "javac": "javac 21"}
OF_MACHINE = {"ca-certificates", "python3-venv"}      # what is wanted by other signs than a command


def wanted(commands, *groups):
    """The packages of the groups where there are these commands, with what they say of their version, and no others."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        for name in ("bash", "dirname", "cat"):
            (path / name).symlink_to(shutil.which(name))
        for name, words in {**commands, "python3": None}.items():
            text = f"exec {sys.executable} \"$@\"" if words is None else f"printf '%s\\n' '{words}' >&2"
            (path / name).write_text(f"#!{shutil.which('bash')}\n{text}\n")
            (path / name).chmod(0o755)
        done = subprocess.run([shutil.which("bash"), PROGRAM, "--list", *groups], env={**os.environ, "PATH": folder},
                              capture_output=True, text=True, check=True)
    return set(done.stdout.split()) - OF_MACHINE


class Packages(unittest.TestCase):
    def test_all_where_there_is_nothing(self):
        self.assertEqual(wanted({}, "run", "compat"), {"kcat", "curl", "nodejs", "npm", "default-jdk-headless", "maven"})

    def test_none_where_all_is_new_enough(self):
        self.assertEqual(wanted(NEW, "run", "compat", "peers"), set())

    def test_one_whose_command_is_too_old_or_says_nothing(self):
        for command, words, package in (("java", 'openjdk version "11.0.2" 2019-01-15', "default-jdk-headless"),
                                        ("java", 'java version "1.8.0_402"', "default-jdk-headless"),
                                        ("javac", "javac 1.8.0_402", "default-jdk-headless"),
                                        ("javac", "no compiler here", "default-jdk-headless"),
                                        ("node", "v12.22.12", "nodejs")):
            with self.subTest(words):
                self.assertEqual(wanted({**NEW, command: words}, "compat"), {package})

    def test_options_that_java_repeats_are_no_version(self):
        words = 'Picked up JAVA_TOOL_OPTIONS: -Xmx8m -Dx=1.2\nopenjdk version "17.0.15" 2025-04-15'
        self.assertEqual(wanted({**NEW, "java": words}, "compat"), set())

    def test_other_groups_are_lists(self):
        self.assertIn("ninja-build", wanted(NEW, "build"))


if __name__ == "__main__":
    unittest.main()
