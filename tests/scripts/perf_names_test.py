"""What becomes of the names of functions before they stand in a picture."""

import unittest

import perf_tools_path  # noqa: F401 - finds what follows
import names

# A name as perf or a demangler gives it, short, and short with its template arguments kept where that differs.
SHORT = [
    ("tcp_sendmsg", "tcp_sendmsg", None),
    ("[unknown]", "[unknown]", None),
    ("clock_gettime@@GLIBC_2.17", "clock_gettime", None),
    ("try_to_wake_up.part.0", "try_to_wake_up", None),
    ("rebalance.isra.0.cold", "rebalance", None),
    ("millrace::reactor::core::turn", "reactor::core::turn", None),
    ("millrace::reactor::core::turn()", "reactor::core::turn", None),
    ("millrace::storage::segment::open_for_write() [clone .resume]", "storage::segment::open_for_write", None),
    ("millrace::storage::segment::open_for_write() (.resume)", "storage::segment::open_for_write", None),
    ("millrace::storage::log::roll.resume", "storage::log::roll", None),
    ("millrace::reactor::file::truncate(unsigned long) [clone .destroy]", "reactor::file::truncate (destroy)", None),
    ("millrace::storage::(anonymous namespace)::checker::crc_of(unsigned long, unsigned long) [clone .resume]",
     "storage::checker::crc_of", None),
    ("millrace::broker::key_of[abi:cxx11](int)", "broker::key_of", None),
    ("void millrace::wire::kafka::walk<millrace::wire::kafka::decoding>(int, char const*) const", "wire::kafka::walk<>",
     "wire::kafka::walk<wire::kafka::decoding>"),
    ("std::vector<int, std::allocator<int> >::push_back(int&&)", "std::vector<>::push_back",
     "std::vector<int, std::allocator<int> >::push_back"),
    ("unsigned long millrace::base::sum<(millrace::base::kind)3>(std::span<char, 4ul>)", "base::sum<>",
     "base::sum<(base::kind)3>"),
    ("std::_Function_handler<bool (CLI::App*), CLI::App::f()::{lambda(CLI::App*)#1}>::_M_invoke(int)",
     "std::_Function_handler<>::_M_invoke", None),
    ("millrace::api::door::open()::{lambda(int)#1}::operator()(int) const", "api::door::open::{lambda#1}::operator()", None),
    ("millrace::base::operator<(millrace::base::a, millrace::base::b)", "base::operator<", None),
    ("millrace::base::operator<=> <int>(int)", "base::operator<=> <>", None),
    ("std::ostream& std::operator<< <char>(std::ostream&, char)", "std::operator<< <>", None),
    ("millrace::base::ring::operator->() const", "base::ring::operator->", None),
    ("operator new(unsigned long)", "operator new", None),
    ("operator delete[](void*, unsigned long)", "operator delete[]", None),
    ("millrace::base::tagged<long, t>::operator long() const", "base::tagged<>::operator long", None),
    ("my_operator<int>::run()", "my_operator<>::run", None),
    ("decltype(auto) millrace::base::f<&millrace::base::g::operator()>(int)", "base::f<>", None),
    ("unbalanced<int", "unbalanced<int", None),
    ("unbalanced(int", "unbalanced(int", None),
    ("", "", None),
    (">>>((", ">>>((", None),
]

KINDS = [
    ("tcp_sendmsg", "[kernel.kallsyms]", "kernel"),
    ("bpf_prog_6deef7357e7b4530", "bpf_prog_6deef7357e7b4530", "kernel"),
    ("__vdso_clock_gettime", "[vdso]", "libc"),
    ("memcpy", "/usr/lib/x86_64-linux-gnu/libc.so.6", "libc"),
    ("[unknown]", "/usr/lib/x86_64-linux-gnu/liburing.so.2.3", "liburing"),
    ("mi_malloc", "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0", "allocator"),
    ("mi_malloc", "/opt/millraced", "allocator"),
    ("operator new(unsigned long)", "/opt/millraced", "allocator"),
    ("XXH3_64bits", "/usr/lib/x86_64-linux-gnu/libxxhash.so.0.8.1", "library"),
    ("millrace::wire::kafka::walk<int>", "/opt/millraced", "wire"),
    ("void millrace::wire::kafka::walk<int>(int)", "/opt/millraced (deleted)", "wire"),
    ("millrace::api::kafka::connection::feed", "/opt/millraced", "api"),
    ("millrace::elsewhere::f", "/opt/millraced", "program"),
    ("std::vector<millrace::base::a>::push_back", "/opt/millraced", "library"),
    ("main", "/opt/millraced", "program"),
    ("[unknown]", "[unknown]", "unknown"),
]


class Names(unittest.TestCase):
    def test_are_shortened_to_what_tells_functions_apart(self):
        for symbol, want, with_templates in SHORT:
            with self.subTest(symbol):
                self.assertEqual(names.short(symbol), want)
                if with_templates:
                    self.assertEqual(names.short(symbol, templates=True), with_templates)

    def test_tell_the_part_of_the_system(self):
        for symbol, dso, want in KINDS:
            with self.subTest(symbol):
                self.assertEqual(names.kind_of(symbol, dso), want)

    def test_of_any_letters_end_in_some_name(self):
        alphabet = ["<", ">", "(", ")", "::", "operator", " ", "{", "}", "-", "a", "[clone .resume]", ".cold", "const", "&"]
        state = 1
        for _ in range(3000):
            words = []
            for _ in range(state % 9):
                state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
                words.append(alphabet[(state >> 33) % len(alphabet)])
            state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
            symbol = "".join(words)
            for templates in (False, True):
                self.assertIsInstance(names.short(symbol, templates), str)
                self.assertIn(names.kind_of(symbol, "/opt/millraced"), {*names.ROOMS, "program", "library", "allocator", "unknown"})


if __name__ == "__main__":
    unittest.main()
