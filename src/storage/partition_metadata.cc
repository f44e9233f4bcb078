#include "storage/partition_metadata.hh"

#include "reactor/file.hh"
#include "storage/layout.hh"

namespace millrace::storage {
namespace {

constexpr std::string_view version_key = "version: ";
constexpr std::string_view topic_id_key = "topic_id: ";
constexpr size_t file_bytes_max = 4096;

/// Takes one line off the front of `text`, without its end.
std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

std::string encode_partition_metadata(const base::uuid& topic) {
  const base::uuid::text id = topic.to_text();
  std::string text("version: 0\ntopic_id: ");
  text.append(base::as_view(id));
  text.push_back('\n');
  return text;
}

base::result<base::uuid> decode_partition_metadata(std::string_view text) {
  const std::string_view version = take_line(text);
  const std::string_view id = take_line(text);
  if (!version.starts_with(version_key) || !id.starts_with(topic_id_key)) return base::fail(base::errc::malformed);
  if (version.substr(version_key.size()) != "0") return base::fail(base::errc::foreign);
  return base::uuid::parse(id.substr(topic_id_key.size()));
}

reactor::task<base::result<void>> write_partition_metadata(reactor::core& on, std::string directory, base::uuid topic) {
  std::string path = layout::partition_metadata_file(directory);
  std::string contents = encode_partition_metadata(topic);
  const base::result<void> written = co_await reactor::replace_file(on, std::move(path), std::move(contents));
  co_return written;
}

reactor::task<base::result<base::uuid>> read_partition_metadata(reactor::core& on, std::string directory) {
  std::string path = layout::partition_metadata_file(directory);
  std::string name = path;
  const base::result<std::string> text = co_await reactor::read_file(on, std::move(path), file_bytes_max);
  if (!text && text.error().code == base::errc::not_found) co_return text.failure();
  base::result<base::uuid> topic = base::fail(base::errc::malformed);
  if (!text) topic = text.failure();
  if (text) topic = decode_partition_metadata(*text);
  if (!topic) {
    on.log().error("storage", "partition metadata cannot be used", base::field("path", name),
                   base::field("error", topic.error()));
  }
  co_return topic;
}

}  // namespace millrace::storage
