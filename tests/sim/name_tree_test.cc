#include "sim/name_tree.hh"

#include <doctest/doctest.h>

#include <cerrno>
#include <functional>
#include <set>
#include <string>

using namespace millrace;
using sim::inode;
using sim::name_tree;
using sim::ref;

namespace {

struct bench {
  name_tree tree;
  uint64_t stamp = 0;

  int create(const char* path) {
    ref<inode> made;
    return tree.create_file(path, ++stamp, made);
  }
  int directory(const char* path) { return tree.make_directory(path, ++stamp); }
  int remove(const char* path) {
    ref<inode> left;
    return tree.remove_file(path, ++stamp, left);
  }
  int remove_directory(const char* path) { return tree.remove_directory(path, ++stamp); }
  int rename(const char* source, const char* target) {
    ref<inode> replaced;
    return tree.rename(source, target, ++stamp, replaced);
  }
  void sync(const char* path) {
    ref<inode> found;
    REQUIRE(tree.find(path, found) == 0);
    tree.sync(found, stamp);
  }
  const inode* at(const char* path) {
    ref<inode> found;
    return tree.find(path, found) == 0 ? found.get() : nullptr;
  }
  /// Names of some well-known paths that exist.
  std::string names() {
    std::string out;
    for (const char* path : {"a", "b", "d", "d/x", "e", "e/x"}) {
      if (at(path) == nullptr) continue;
      if (!out.empty()) out += ' ';
      out += path;
    }
    return out;
  }
};

}  // namespace

TEST_CASE("names: refusals") {
  struct row {
    const char* name;
    std::function<int(bench&)> act;
    int want;
  };
  const row rows[] = {
      {"a file below nothing", [](bench& b) { return b.create("no/x"); }, -ENOENT},
      {"a file below a file", [](bench& b) { return b.create("a/x"); }, -ENOTDIR},
      {"a directory that is there", [](bench& b) { return b.directory("d"); }, -EEXIST},
      {"the root made again", [](bench& b) { return b.directory("/"); }, -EEXIST},
      {"a directory over a file", [](bench& b) { return b.directory("a"); }, -EEXIST},
      {"remove of nothing", [](bench& b) { return b.remove("no"); }, -ENOENT},
      {"remove of a directory", [](bench& b) { return b.remove("d"); }, -EISDIR},
      {"remove_directory of a file", [](bench& b) { return b.remove_directory("a"); }, -ENOTDIR},
      {"remove_directory of a full one", [](bench& b) { return b.remove_directory("d"); }, -ENOTEMPTY},
      {"rename of nothing", [](bench& b) { return b.rename("no", "b"); }, -ENOENT},
      {"rename of a file over a directory", [](bench& b) { return b.rename("a", "d"); }, -EISDIR},
      {"rename of a directory over a file", [](bench& b) { return b.rename("e", "a"); }, -ENOTDIR},
      {"rename of a directory over a full one", [](bench& b) { return b.rename("e", "d"); }, -ENOTEMPTY},
      {"rename of a directory into itself", [](bench& b) { return b.rename("d", "d/y"); }, -EINVAL},
      {"rename to itself", [](bench& b) { return b.rename("a", "./a"); }, 0},
      {"rename of a directory over an empty one", [](bench& b) { return b.rename("d", "e"); }, 0},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    bench b;
    REQUIRE(b.create("a") == 0);
    REQUIRE(b.directory("/d/") == 0);
    REQUIRE(b.directory("e") == 0);
    REQUIRE(b.create("d//x") == 0);
    CHECK(r.act(b) == r.want);
  }
}

TEST_CASE("names: what a power cut leaves, when it drops or keeps all that is volatile") {
  struct row {
    const char* name;
    std::function<void(bench&)> story;
    const char* dropped;
    const char* kept;
  };
  const row rows[] = {
      {"a new file", [](bench& b) { b.create("a"); }, "", "a"},
      {"a new file and its directory synced",
       [](bench& b) {
         b.create("a");
         b.sync("/");
       },
       "a", "a"},
      {"a file in a new directory, only the inner one synced",
       [](bench& b) {
         b.directory("d");
         b.create("d/x");
         b.sync("d");
       },
       "", "d d/x"},
      {"a file in a new directory, only the outer one synced",
       [](bench& b) {
         b.directory("d");
         b.create("d/x");
         b.sync("/");
       },
       "d", "d d/x"},
      {"a rename",
       [](bench& b) {
         b.create("a");
         b.sync("/");
         b.rename("a", "b");
       },
       "a", "b"},
      {"a rename, synced",
       [](bench& b) {
         b.create("a");
         b.sync("/");
         b.rename("a", "b");
         b.sync("/");
       },
       "b", "b"},
      {"a removal",
       [](bench& b) {
         b.create("a");
         b.sync("/");
         b.remove("a");
       },
       "a", ""},
      {"a rename across directories, the target's synced, takes the making of the file along",
       [](bench& b) {
         b.directory("d");
         b.directory("e");
         b.sync("/");
         b.create("d/x");
         b.rename("d/x", "e/x");
         b.sync("e");
       },
       "d e e/x", "d e e/x"},
      {"a change of another directory stays volatile",
       [](bench& b) {
         b.directory("d");
         b.directory("e");
         b.sync("/");
         b.create("d/x");
         b.create("e/x");
         b.sync("e");
       },
       "d e e/x", "d d/x e e/x"},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    base::prng random(1);
    bench first;
    r.story(first);
    first.tree.crash(random, 0);
    CHECK(first.names() == r.dropped);
    bench second;
    r.story(second);
    second.tree.crash(random, 1);
    CHECK(second.names() == r.kept);
  }
}

TEST_CASE("names: a rename over a file leaves the old or the new one, never none and never two names") {
  std::set<bool> replaced;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    base::prng random(seed);
    bench b;
    b.create("a");
    const inode* old = b.at("a");
    b.sync("/");
    b.create("b");
    const inode* fresh = b.at("b");
    b.rename("b", "a");
    b.tree.crash(random, 0.5);
    REQUIRE(b.at("a") != nullptr);
    const bool is_new = b.at("a") == fresh;
    CHECK((is_new || b.at("a") == old));
    CHECK((!is_new || b.at("b") == nullptr));
    replaced.insert(is_new);
  }
  CHECK(replaced.size() == 2);
}

TEST_CASE("names: a file that was renamed again and again has one name after a crash") {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    base::prng random(seed);
    bench b;
    b.create("a");
    b.directory("d");
    b.sync("/");
    b.rename("a", "b");
    b.rename("b", "d/x");
    b.tree.crash(random, 0.5);
    seen.insert(b.names());
  }
  CHECK(seen == std::set<std::string>{"a d", "b d", "d d/x"});
}
