#include "sim/name_tree.hh"

#include <algorithm>
#include <cerrno>

#include "base/assert.hh"

namespace millrace::sim {

namespace {

/// Cuts the next part off `path`; empty at the end.
std::string_view next_part(std::string_view& path) {
  while (true) {
    const size_t begin = path.find_first_not_of('/');
    if (begin == std::string_view::npos) {
      path = {};
      return {};
    }
    path.remove_prefix(begin);
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    path.remove_prefix(end);
    if (part != ".") return part;
  }
}

bool is_or_holds(const ref<inode>& directory, const ref<inode>& wanted) {
  if (directory == wanted) return true;
  for (const auto& [name, child] : directory->now) {
    if (child->is_directory && is_or_holds(child, wanted)) return true;
  }
  return false;
}

}  // namespace

name_tree::name_tree() : root_(new inode) {
  root_->is_directory = true;
  root_->names = 1;
}

int name_tree::find(std::string_view path, ref<inode>& found) const {
  ref<inode> at = root_;
  for (std::string_view part = next_part(path); !part.empty(); part = next_part(path)) {
    if (!at->is_directory) return -ENOTDIR;
    const auto entry = at->now.find(part);
    if (entry == at->now.end()) return -ENOENT;
    at = ref<inode>(entry->second);
  }
  found = at;
  return 0;
}

int name_tree::find_parent(std::string_view path, place& found) const {
  ref<inode> at = root_;
  std::string_view part = next_part(path);
  if (part.empty()) return -EBUSY;  // the root itself
  for (std::string_view after = next_part(path); !after.empty(); after = next_part(path)) {
    const auto entry = at->now.find(part);
    if (entry == at->now.end()) return -ENOENT;
    if (!entry->second->is_directory) return -ENOTDIR;
    at = ref<inode>(entry->second);
    part = after;
  }
  found = {at, std::string(part)};
  return 0;
}

int name_tree::create_file(std::string_view path, uint64_t stamp, ref<inode>& made) {
  place where;
  const int status = find_parent(path, where);
  if (status != 0) return status;
  ASSERT(!where.directory->now.contains(where.name));
  made = ref<inode>(new inode);
  apply({stamp, {{where.directory, where.name, made}}});
  return 0;
}

int name_tree::make_directory(std::string_view path, uint64_t stamp) {
  place where;
  const int status = find_parent(path, where);
  if (status != 0) return status == -EBUSY ? -EEXIST : status;
  if (where.directory->now.contains(where.name)) return -EEXIST;
  ref<inode> made(new inode);
  made->is_directory = true;
  apply({stamp, {{where.directory, where.name, made}}});
  return 0;
}

int name_tree::remove_file(std::string_view path, uint64_t stamp, ref<inode>& left) {
  place where;
  const int status = find_parent(path, where);
  if (status != 0) return status == -EBUSY ? -EISDIR : status;
  const auto entry = where.directory->now.find(where.name);
  if (entry == where.directory->now.end()) return -ENOENT;
  if (entry->second->is_directory) return -EISDIR;
  left = ref<inode>(entry->second);
  apply({stamp, {{where.directory, where.name, {}}}});
  return 0;
}

int name_tree::remove_directory(std::string_view path, uint64_t stamp) {
  place where;
  const int status = find_parent(path, where);
  if (status != 0) return status;
  const auto entry = where.directory->now.find(where.name);
  if (entry == where.directory->now.end()) return -ENOENT;
  if (!entry->second->is_directory) return -ENOTDIR;
  if (!entry->second->now.empty()) return -ENOTEMPTY;
  apply({stamp, {{where.directory, where.name, {}}}});
  return 0;
}

int name_tree::rename(std::string_view source, std::string_view target, uint64_t stamp, ref<inode>& replaced) {
  place from;
  place to;
  if (const int status = find_parent(source, from); status != 0) return status;
  const auto entry = from.directory->now.find(from.name);
  if (entry == from.directory->now.end()) return -ENOENT;
  if (const int status = find_parent(target, to); status != 0) return status;
  const ref<inode> moved = entry->second;
  const auto old = to.directory->now.find(to.name);
  if (old != to.directory->now.end()) {
    if (old->second == moved) return 0;
    if (moved->is_directory && !old->second->is_directory) return -ENOTDIR;
    if (!moved->is_directory && old->second->is_directory) return -EISDIR;
    if (old->second->is_directory && !old->second->now.empty()) return -ENOTEMPTY;
  }
  if (moved->is_directory && is_or_holds(moved, to.directory)) return -EINVAL;
  if (old != to.directory->now.end()) replaced = old->second;
  apply({stamp, {{from.directory, from.name, {}}, {to.directory, to.name, moved}}});
  return 0;
}

void name_tree::set(inode::entries& entries, const edit& e) {
  if (e.target) {
    entries[e.name] = e.target;
  } else {
    entries.erase(e.name);
  }
}

void name_tree::apply(change c) {
  for (const edit& e : c.edits) {
    const auto old = e.directory->now.find(e.name);
    if (old != e.directory->now.end()) --old->second->names;
    if (e.target) ++e.target->names;
    set(e.directory->now, e);
  }
  pending_.push_back(std::move(c));
}

/// Whether two changes touch the same name: the later one then rests on the earlier.
bool name_tree::meet(const change& a, const change& b) {
  return std::any_of(a.edits.begin(), a.edits.end(), [&](const edit& x) {
    return std::any_of(b.edits.begin(), b.edits.end(),
                       [&](const edit& y) { return x.directory == y.directory && x.name == y.name; });
  });
}

void name_tree::take_along(std::vector<bool>& chosen) const {
  for (size_t i = chosen.size(); i-- > 0;) {
    if (!chosen[i]) continue;
    for (size_t k = 0; k < i; ++k) {
      if (!chosen[k] && meet(pending_[i], pending_[k])) chosen[k] = true;
    }
  }
}

/// Makes the chosen changes durable, in order, and forgets them.
void name_tree::make_durable(const std::vector<bool>& chosen) {
  std::vector<change> rest;
  for (size_t i = 0; i < pending_.size(); ++i) {
    if (i >= chosen.size() || !chosen[i]) {
      rest.push_back(std::move(pending_[i]));
      continue;
    }
    for (const edit& e : pending_[i].edits) set(e.directory->durable, e);
  }
  pending_ = std::move(rest);
}

void name_tree::sync(const ref<inode>& directory, uint64_t stamp) {
  std::vector<bool> chosen(pending_.size());
  for (size_t i = 0; i < pending_.size() && pending_[i].stamp <= stamp; ++i) {
    for (const edit& e : pending_[i].edits) {
      if (e.directory == directory) chosen[i] = true;
    }
  }
  take_along(chosen);
  make_durable(chosen);
}

void name_tree::sync_failed(const ref<inode>& directory, uint64_t stamp, base::prng& random) {
  std::vector<bool> chosen(pending_.size());
  for (size_t i = 0; i < pending_.size() && pending_[i].stamp <= stamp; ++i) {
    for (const edit& e : pending_[i].edits) {
      if (e.directory == directory && random.chance(0.5)) chosen[i] = true;
    }
  }
  take_along(chosen);
  make_durable(chosen);  // the rest stays volatile: a name is still in its journal, and a later
                         // sync may take it
}

void name_tree::crash(base::prng& random, double keep) {
  std::vector<bool> chosen(pending_.size());
  for (size_t i = pending_.size(); i-- > 0;) chosen[i] = random.chance(keep);
  take_along(chosen);
  make_durable(chosen);
  pending_.clear();
  restore(root_);
  root_->names = 1;
}

/// The durable names of this directory and those below are the names now.
void name_tree::restore(const ref<inode>& directory) {
  directory->now = directory->durable;
  directory->names = 0;
  for (auto& [name, child] : directory->now) {
    child->locked = false;
    child->handles = 0;
    if (child->is_directory) restore(child);
    child->names = 1;
  }
}

}  // namespace millrace::sim
