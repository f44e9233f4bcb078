#include "broker/catalog/stored_topic.hh"

#include "broker/catalog/names.hh"

namespace millrace::broker {
namespace {

constexpr std::string_view topic_prefix = "topic/";

template <class Int>
void put(std::string& out, Int value) {
  uint8_t raw[sizeof(Int)];
  base::store_little<Int>(raw, value);
  out.append(reinterpret_cast<const char*>(raw), sizeof raw);
}

/// Takes numbers and texts off the front; what is missing makes it fail for good.
class cursor {
 public:
  explicit cursor(base::bytes in) : in_(in) {}
  bool ok() const { return ok_; }
  size_t remaining() const { return in_.size(); }

  template <class Int>
  Int number() {
    const base::bytes raw = take(sizeof(Int));
    return ok_ ? base::load_little<Int>(raw.data()) : Int{};
  }
  std::string_view text(size_t size) { return base::as_text(take(size)); }
  base::bytes take(size_t size) {
    if (in_.size() < size) ok_ = false;
    if (!ok_) return {};
    const base::bytes taken = in_.first(size);
    in_ = in_.subspan(size);
    return taken;
  }

 private:
  base::bytes in_;
  bool ok_ = true;
};

}  // namespace

std::string topic_key(std::string_view name) { return std::string(topic_prefix).append(name); }

std::string_view topic_of_key(std::string_view key) {
  return key.starts_with(topic_prefix) ? key.substr(topic_prefix.size()) : std::string_view();
}

std::string encode_topic(const stored_topic& topic) {
  std::string out(16, '\0');
  topic.id.store(reinterpret_cast<uint8_t*>(out.data()));
  put<uint32_t>(out, static_cast<uint32_t>(topic.directories.size()));
  for (size_t i = 0; i < topic.directories.size(); ++i) {
    const std::string& directory = topic.directories[i];
    const bool usual = directory == partition_directory(topic.name, static_cast<int32_t>(i));
    ASSERT(directory.size() <= UINT8_MAX || usual);
    put<uint8_t>(out, usual ? uint8_t{0} : static_cast<uint8_t>(directory.size()));
    if (!usual) out += directory;
  }
  put<uint16_t>(out, static_cast<uint16_t>(topic.overrides.size()));
  for (const auto& [key, value] : topic.overrides) {
    put<uint16_t>(out, static_cast<uint16_t>(key.size()));
    put<uint32_t>(out, static_cast<uint32_t>(value.size()));
    out.append(key).append(value);
  }
  return out;
}

base::result<stored_topic> decode_topic(std::string_view name, base::bytes value) {
  cursor in(value);
  stored_topic topic;
  topic.name = name;
  const base::bytes id = in.take(16);
  const auto partitions = in.number<uint32_t>();
  // Each takes a byte at least, so a count that lies allocates nothing.
  if (!in.ok() || partitions == 0 || partitions > in.remaining())
    return base::fail(base::errc::corrupt);
  topic.id = base::uuid::load(id.data());
  for (uint32_t i = 0; i < partitions && in.ok(); ++i) {
    const size_t size = in.number<uint8_t>();
    std::string directory(in.text(size));
    if (size == 0) directory = partition_directory(name, static_cast<int32_t>(i));
    topic.directories.push_back(std::move(directory));
  }
  const auto settings = in.number<uint16_t>();
  for (uint16_t i = 0; i < settings && in.ok(); ++i) {
    const size_t key_size = in.number<uint16_t>();
    const size_t value_size = in.number<uint32_t>();
    const std::string_view key = in.text(key_size);
    const std::string_view text = in.text(value_size);
    topic.overrides.emplace(key, text);
  }
  if (!in.ok() || in.remaining() != 0) return base::fail(base::errc::corrupt);
  return topic;
}

}  // namespace millrace::broker
