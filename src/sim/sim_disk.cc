#include "sim/sim_disk.hh"

#include <algorithm>
#include <cerrno>

#include "base/assert.hh"

namespace millrace::sim {

sim_disk::sim_disk(base::prng random, disk_faults options) : faults(options), random_(random) {}

// What tests ask and do.

bool sim_disk::exists(std::string_view path) const {
  ref<inode> found;
  return names_.find(path, found) == 0;
}

base::result<std::vector<uint8_t>> sim_disk::contents(std::string_view path) const {
  ref<inode> found;
  if (const int status = names_.find(path, found); status != 0) return base::fail_errno(-status);
  std::vector<uint8_t> out(found->image.size());
  (void)found->image.read(0, out);
  return out;
}

base::result<std::vector<uint8_t>> sim_disk::durable_contents(std::string_view path) const {
  ref<inode> found;
  if (const int status = names_.find(path, found); status != 0) return base::fail_errno(-status);
  return found->image.durable_contents();
}

base::result<std::vector<reactor::directory_entry>> sim_disk::list(std::string_view directory) const {
  ref<inode> found;
  if (const int status = names_.find(directory, found); status != 0) return base::fail_errno(-status);
  if (!found->is_directory) return base::fail_errno(ENOTDIR);
  std::vector<reactor::directory_entry> out;
  for (const auto& [name, child] : found->now) {
    out.push_back({name, child->is_directory, child->is_directory ? 0 : child->image.size()});
  }
  return out;
}

void sim_disk::make_directories(std::string_view path) {
  for (size_t end = 0; end < path.size();) {
    end = std::min(path.find('/', end + 1), path.size());
    const std::string_view part = path.substr(0, end);
    const int status = names_.make_directory(part, ++stamp_);
    ASSERT(status == 0 || status == -EEXIST);
    const size_t slash = part.rfind('/');
    ref<inode> parent;
    const std::string_view above = slash == std::string_view::npos ? std::string_view{} : part.substr(0, slash);
    ASSERT(names_.find(above, parent) == 0);
    names_.sync(parent, stamp_);
  }
}

void sim_disk::put(std::string_view path, base::bytes contents) {
  const size_t slash = path.rfind('/');
  const std::string_view above = slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
  make_directories(above);
  ref<inode> file;
  ASSERT(open(path, reactor::open_write | reactor::open_create, file) == 0);
  ASSERT(truncate(file, 0) == 0);
  const iovec piece{const_cast<uint8_t*>(contents.data()), contents.size()};
  const int64_t written = write(file, 0, {&piece, 1}, contents.size(), false);
  ASSERT(written == static_cast<int64_t>(contents.size()));
  file->image.sync(stamp_);
  close(file);
  ref<inode> parent;
  ASSERT(names_.find(above, parent) == 0);
  names_.sync(parent, stamp_);
}

base::result<void> sim_disk::corrupt(std::string_view path, uint64_t position, uint64_t length, damage how) {
  ref<inode> found;
  if (const int status = names_.find(path, found); status != 0) return base::fail_errno(-status);
  const uint64_t before = found->image.blocks();
  if (!found->image.corrupt(position, length, how, random_)) return base::fail(base::errc::out_of_range);
  used_blocks_ += found->image.blocks() - before;
  return {};
}

base::result<void> sim_disk::misdirect(std::string_view path, uint64_t source, uint64_t target, uint64_t length) {
  ref<inode> found;
  if (const int status = names_.find(path, found); status != 0) return base::fail_errno(-status);
  const uint64_t before = found->image.blocks();
  if (!found->image.misdirect(source, target, length)) return base::fail(base::errc::out_of_range);
  used_blocks_ += found->image.blocks() - before;
  return {};
}

uint64_t sim_disk::blocks_free() const noexcept {
  const uint64_t all = faults.capacity_bytes / block_bytes;
  return all > used_blocks_ ? all - used_blocks_ : 0;
}
uint64_t sim_disk::free_bytes() const noexcept { return blocks_free() * block_bytes; }

size_t sim_disk::volatile_changes() {
  size_t count = names_.volatile_changes();
  names_.for_each_file([&](const ref<inode>& file) { count += file->image.volatile_changes(); });
  return count;
}

// The verbs of the seam.

int64_t sim_disk::open(std::string_view path, uint32_t flags, ref<inode>& opened) {
  const int status = names_.find(path, opened);
  if (status == 0) {
    if ((flags & reactor::open_create) != 0 && (flags & reactor::open_exclusive) != 0) return -EEXIST;
    if (opened->is_directory) return -EISDIR;
  } else {
    if (status != -ENOENT || (flags & reactor::open_create) == 0) return status;
    const int made = names_.create_file(path, ++stamp_, opened);
    if (made != 0) return made;
  }
  ++opened->handles;
  return 0;
}

void sim_disk::close(const ref<inode>& file) {
  ASSERT(file->handles > 0);
  --file->handles;
  let_go(file);
}

/// Space goes back when the last name and the last handle are gone.
void sim_disk::let_go(const ref<inode>& file) {
  if (file->names > 0 || file->handles > 0 || file->is_directory) return;
  used_blocks_ -= file->image.blocks();
}

int64_t sim_disk::write(const ref<inode>& file, uint64_t position, std::span<const iovec> pieces, uint64_t length,
                        bool durable) {
  if (length == 0) return 0;
  if (file->image.holes_in(position, length) > blocks_free()) {
    const uint64_t asked = length;
    const uint64_t head = block_bytes - position % block_bytes;  // bytes to the end of the first block
    for (length = 0; length < asked;) {                          // as many leading blocks as there is space for
      const uint64_t longer = length == 0 ? std::min(head, asked) : std::min(length + block_bytes, asked);
      if (file->image.holes_in(position, longer) > blocks_free()) break;
      length = longer;
    }
    if (length == 0) return -ENOSPC;
  }
  const uint64_t before = file->image.blocks();
  file->image.write(position, pieces, length, durable, ++stamp_);
  used_blocks_ += file->image.blocks() - before;
  return static_cast<int64_t>(length);
}

void sim_disk::write_torn(const ref<inode>& file, uint64_t position, std::span<const iovec> pieces, uint64_t length) {
  const uint64_t before = file->image.blocks();
  file->image.write_torn(position, pieces, length, ++stamp_, random_);
  used_blocks_ += file->image.blocks() - before;
}

int64_t sim_disk::allocate(const ref<inode>& file, uint64_t position, uint64_t length) {
  if (length == 0) return -EINVAL;
  if (file->image.holes_in(position, length) > blocks_free()) return -ENOSPC;
  const uint64_t before = file->image.blocks();
  file->image.allocate(position, length, ++stamp_);
  used_blocks_ += file->image.blocks() - before;
  return 0;
}

int64_t sim_disk::truncate(const ref<inode>& file, uint64_t length) {
  const uint64_t before = file->image.blocks();
  file->image.truncate(length, ++stamp_);
  used_blocks_ -= before - file->image.blocks();
  return 0;
}

int64_t sim_disk::rename(std::string_view source, std::string_view target) {
  ref<inode> replaced;
  const int status = names_.rename(source, target, ++stamp_, replaced);
  if (status == 0 && replaced) let_go(replaced);
  return status;
}

int64_t sim_disk::remove(std::string_view path) {
  ref<inode> left;
  const int status = names_.remove_file(path, ++stamp_, left);
  if (status == 0) let_go(left);
  return status;
}

int64_t sim_disk::make_directory(std::string_view path) { return names_.make_directory(path, ++stamp_); }
int64_t sim_disk::remove_directory(std::string_view path) { return names_.remove_directory(path, ++stamp_); }

int64_t sim_disk::lock(std::string_view path) {
  ref<inode> file;
  const int64_t status = open(path, reactor::open_write | reactor::open_create, file);
  if (status != 0) return status;
  if (file->locked) {
    close(file);
    return -EWOULDBLOCK;
  }
  file->locked = true;  // the handle stays open as long as the process lives
  return 0;
}

void sim_disk::sync_failed(const ref<inode>& file_or_directory, uint64_t stamp) {
  if (file_or_directory->is_directory) {
    names_.sync_failed(file_or_directory, stamp, random_);
  } else {
    file_or_directory->image.sync_failed(stamp, random_);
  }
}

const disk_rule* sim_disk::strike(reactor::op_kind kind, std::string_view path) {
  const disk_rule* struck = nullptr;
  for (counted_rule& r : rules_) {
    if (r.rule.kind != kind || path.find(r.rule.path_part) == std::string_view::npos) continue;
    const uint64_t number = r.seen++;
    if (number < r.rule.skip || number - r.rule.skip >= r.rule.count) continue;
    if (struck == nullptr) struck = &r.rule;
  }
  return struck;
}

void sim_disk::crash(const crash_options& how) {
  double keep = how.kind == crash_kind::process ? 1.0 : how.keep;
  if (keep < 0) {
    // Extremes are where recovery goes wrong, so they are drawn as often as the middle.
    const double spread[] = {0, 0.03, 0.25, 0.5, 0.75, 0.97, 0.995, 1};
    keep = spread[random_.below(std::size(spread))];
  }
  names_.crash(random_, keep);
  used_blocks_ = 0;
  names_.for_each_file([&](const ref<inode>& file) {
    file->image.crash(random_, keep);
    for (const auto& [destroyed, position] : destroyed_) {
      if (destroyed == file) (void)file->image.corrupt(position, block_bytes, damage::garbage, random_);
    }
    used_blocks_ += file->image.blocks();
  });
  destroyed_.clear();
}

}  // namespace millrace::sim
