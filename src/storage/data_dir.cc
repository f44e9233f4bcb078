#include "storage/data_dir.hh"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/parse.hh"
#include "reactor/file.hh"
#include "storage/layout.hh"
#include "storage/state_file.hh"

namespace millrace::storage {

using base::errc;
using base::fail;
using base::field;
using base::result;
using reactor::task;

namespace {

constexpr std::string_view version_name = "millrace ";
constexpr uint32_t version_number = 1;
constexpr std::string_view probe_name = "direct-probe";
constexpr state_format start_format{0x3154525453524d2eu, 1};

/// What may be there before a version is: the lock, what a first start that was cut short left, and a file system's own.
bool is_harmless(std::string_view name) {
  return name == "lock" || name == "version.new" || name == probe_name || name == "lost+found";
}

result<void> check_version(std::string_view text) {
  if (!text.starts_with(version_name) || !text.ends_with('\n')) return fail(errc::foreign);
  text.remove_prefix(version_name.size());
  text.remove_suffix(1);
  const result<uint32_t> number = base::parse_integer<uint32_t>(text);
  if (!number || *number == 0) return fail(errc::foreign);
  if (*number > version_number) return fail(errc::unsupported, static_cast<int32_t>(*number));
  return {};
}

/// Makes a directory; one that is there is fine.
task<result<void>> have_directory(reactor::core& on, std::string path) {
  const result<void> made = co_await reactor::make_directory(on, std::move(path));
  if (!made && made.error().code != errc::exists) co_return made;
  co_return result<void>();
}

/// foreign where there is something and no version.
result<bool> has_version(reactor::core& on, const std::string& data_dir) {
  TRY(const std::vector<reactor::directory_entry> entries, on.effects().list(data_dir));
  bool all_harmless = true;
  for (const reactor::directory_entry& e : entries) {
    if (e.name == "version") return true;
    all_harmless = all_harmless && is_harmless(e.name);
  }
  if (!all_harmless) return fail(errc::foreign);
  return false;
}

task<result<void>> have_version(reactor::core& on, std::string data_dir, bool is_there) {
  std::string path = layout::version_file(data_dir);
  if (is_there) {
    const result<std::string> text = co_await reactor::read_file(on, std::move(path), 4096);
    if (!text && text.error().code == errc::too_large) co_return fail(errc::foreign);
    if (!text) co_return text.failure();
    co_return check_version(*text);
  }
  std::string contents = std::string(version_name) + std::to_string(version_number) + "\n";
  const result<void> written = co_await reactor::replace_file(on, std::move(path), std::move(contents));
  co_return written;
}

task<result<void>> probe_direct(reactor::core& on, std::string data_dir) {
  const std::string path = data_dir + "/" + std::string(probe_name);
  constexpr uint32_t flags = reactor::open_write | reactor::open_create | reactor::open_direct;
  std::string name = path;
  result<reactor::file> opened = co_await reactor::file::open(on, std::move(name), flags);
  if (!opened && opened.error().detail == EINVAL) co_return fail(errc::unsupported, EINVAL);
  if (!opened) co_return opened.failure();
  const result<void> closed = co_await opened->close();
  name = path;
  const result<void> removed = co_await reactor::remove(on, std::move(name));
  if (!closed) co_return closed;
  co_return removed;
}

task<result<void>> make_inner(reactor::core& on, std::string data_dir) {
  std::string inner = layout::commit_directory(data_dir);
  const result<void> commit = co_await have_directory(on, std::move(inner));
  if (!commit) co_return commit;
  inner = layout::pool_directory(data_dir);
  const result<void> pool = co_await have_directory(on, std::move(inner));
  if (!pool) co_return pool;
  inner = layout::meta_directory(data_dir);
  const result<void> meta = co_await have_directory(on, std::move(inner));
  if (!meta) co_return meta;
  const result<void> synced = co_await reactor::sync_directory(on, std::move(data_dir));
  co_return synced;
}

task<result<void>> make_outer(reactor::core& on, std::string data_dir) {
  std::string path = data_dir;
  const result<void> made = co_await reactor::make_directory(on, std::move(path));
  if (!made && made.error().code == errc::exists) co_return result<void>();
  if (!made) co_return made;
  while (data_dir.size() > 1 && data_dir.back() == '/') data_dir.pop_back();
  const size_t slash = data_dir.rfind('/');
  std::string above = slash == std::string::npos ? "." : data_dir.substr(0, std::max<size_t>(slash, 1));
  const result<void> synced = co_await reactor::sync_directory(on, std::move(above));
  co_return synced;
}

/// An error with the line that an operator reads.
result<void> say(reactor::core& on, const result<void>& outcome, std::string_view what, const std::string& path) {
  if (!outcome) on.log().error("storage", what, field("path", path), field("error", outcome.error()));
  return outcome;
}

const char* version_complaint(const base::error& e) {
  switch (e.code) {
    case errc::foreign:
      return "version file is not one of ours";
    case errc::unsupported:
      return "data directory was written by a newer version";
    default:
      return "version file cannot be read or written";
  }
}

}  // namespace

task<result<void>> claim(reactor::core& on, std::string data_dir) {
  std::string argument = data_dir;
  const result<void> made = co_await make_outer(on, std::move(argument));
  if (!made) co_return say(on, made, "data directory cannot be made", data_dir);

  // Before the lock, so that nothing is put into somebody else's directory; and again below it, for a process that was
  // faster.
  const result<bool> seen = has_version(on, data_dir);
  if (!seen && seen.error().code == errc::foreign) {
    co_return say(on, seen.failure(), "data directory holds files and none says that they are ours", data_dir);
  }
  if (!seen) co_return say(on, seen.failure(), "data directory cannot be read", data_dir);
  const result<void> locked = on.effects().lock(layout::lock_file(data_dir));
  if (!locked) {
    const bool other = locked.error().code == errc::locked;
    co_return say(on, locked, other ? "data directory is in use by another process" : "data directory cannot be locked",
                  data_dir);
  }
  const result<bool> there = has_version(on, data_dir);
  if (!there) co_return say(on, there.failure(), "data directory cannot be read", data_dir);
  argument = data_dir;
  const bool is_there = *there;
  const result<void> version = co_await have_version(on, std::move(argument), is_there);
  if (!version) {
    co_return say(on, version, version_complaint(version.error()), layout::version_file(data_dir));
  }
  argument = data_dir;
  const result<void> direct = co_await probe_direct(on, std::move(argument));
  if (!direct) co_return say(on, direct, "the file system of the data directory refuses O_DIRECT", data_dir);
  argument = data_dir;
  const result<void> inner = co_await make_inner(on, std::move(argument));
  co_return say(on, inner, "directories cannot be made in the data directory", data_dir);
}

task<result<base::leader_epoch>> raise_start_number(reactor::core& on, std::string data_dir, base::leader_epoch at_least) {
  std::string path = layout::start_file(data_dir);
  const result<std::string> read = co_await read_state(on, std::move(path), start_format, 4096);
  if (!read && read.error().code != errc::not_found) co_return read.failure();
  int32_t last = at_least.value();
  if (read) {
    if (read->size() != 4) co_return fail(errc::corrupt, static_cast<int32_t>(read->size()));
    last = std::max(last, base::load_little<int32_t>(base::as_bytes(*read).data()));
  }
  if (last < 0 || last == INT32_MAX) co_return fail(errc::out_of_range, last);
  std::string payload(4, '\0');
  base::store_little<int32_t>(reinterpret_cast<uint8_t*>(payload.data()), last + 1);
  path = layout::start_file(data_dir);
  const result<void> replaced = co_await replace_state(on, std::move(path), start_format, std::move(payload));
  if (!replaced) co_return replaced.failure();
  co_return base::leader_epoch(last + 1);
}

}  // namespace millrace::storage
