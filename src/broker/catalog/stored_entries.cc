#include "broker/catalog/stored_entries.hh"

#include "broker/catalog/names.hh"

namespace millrace::broker {
namespace {

constexpr std::string_view stream_prefix = "streams/";
constexpr std::string_view topic_prefix = "topics/";
constexpr uint8_t version = 1;
/// No entry has it, so that there is always a next one.
constexpr uint32_t number_limit = UINT32_MAX;

template <class Int>
void put(std::string& out, Int value) {
  uint8_t raw[sizeof(Int)];
  base::store_little<Int>(raw, value);
  out.append(reinterpret_cast<const char*>(raw), sizeof raw);
}

void put_id(std::string& out, const base::uuid& id) {
  uint8_t raw[16];
  id.store(raw);
  out.append(reinterpret_cast<const char*>(raw), sizeof raw);
}

void put_text(std::string& out, std::string_view text) {
  ASSERT(text.size() <= UINT16_MAX);
  put<uint16_t>(out, static_cast<uint16_t>(text.size()));
  out.append(text);
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
  base::uuid id() {
    const base::bytes raw = take(16);
    return ok_ ? base::uuid::load(raw.data()) : base::uuid();
  }
  std::string_view text(size_t size) { return base::as_text(take(size)); }
  std::string_view text() {
    const size_t size = number<uint16_t>();
    return text(size);
  }
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

std::string key_of(std::string_view prefix, const base::uuid& id) {
  return std::string(prefix).append(base::as_view(id.to_text()));
}

}  // namespace

std::string stream_key(const base::uuid& id) { return key_of(stream_prefix, id); }
std::string topic_key(const base::uuid& id) { return key_of(topic_prefix, id); }

parsed_key parse_key(std::string_view key) {
  if (key == producer_ids_key) return {key_kind::producer_ids, {}};
  const bool stream = key.starts_with(stream_prefix);
  if (!stream && !key.starts_with(topic_prefix)) return {};
  const auto id = base::uuid::parse(key.substr(key.find('/') + 1));
  if (!id) return {};
  return {stream ? key_kind::stream : key_kind::topic, *id};
}

std::string encode_stream(const stored_stream& stream) {
  std::string out;
  put<uint8_t>(out, version);
  put<uint8_t>(out, static_cast<uint8_t>(stream.origin));
  put<uint32_t>(out, stream.number);
  put<int64_t>(out, stream.created);
  put_text(out, stream.name);
  return out;
}

base::result<stored_stream> decode_stream(const base::uuid& id, base::bytes value) {
  cursor in(value);
  const auto written_as = in.number<uint8_t>();
  if (in.ok() && written_as != version) return base::fail(base::errc::foreign, written_as);
  stored_stream stream;
  stream.id = id;
  const auto origin = in.number<uint8_t>();
  stream.origin = static_cast<stream_origin>(origin);
  stream.number = in.number<uint32_t>();
  stream.created = in.number<int64_t>();
  stream.name = in.text();
  if (!in.ok() || in.remaining() != 0 || origin > 1 || stream.number == number_limit ||
      plain_name_problem(stream.name) != nullptr)
    return base::fail(base::errc::corrupt);
  return stream;
}

std::string encode_topic(const stored_topic& topic) {
  std::string out;
  put<uint8_t>(out, version);
  put_id(out, topic.stream);
  put<uint32_t>(out, topic.number);
  put<int64_t>(out, topic.created);
  put_text(out, topic.name);
  put_text(out, topic.stem);
  put<uint32_t>(out, static_cast<uint32_t>(topic.directories.size()));
  for (size_t i = 0; i < topic.directories.size(); ++i) {
    const std::string& directory = topic.directories[i];
    const bool usual = directory == partition_directory(topic.stem, static_cast<int32_t>(i));
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

base::result<stored_topic> decode_topic(const base::uuid& id, base::bytes value) {
  cursor in(value);
  const auto written_as = in.number<uint8_t>();
  if (in.ok() && written_as != version) return base::fail(base::errc::foreign, written_as);
  stored_topic topic;
  topic.id = id;
  topic.stream = in.id();
  topic.number = in.number<uint32_t>();
  topic.created = in.number<int64_t>();
  topic.name = in.text();
  topic.stem = in.text();
  const auto partitions = in.number<uint32_t>();
  // Each takes a byte at least, so a count that lies allocates nothing.
  if (!in.ok() || partitions > in.remaining() || topic.number == number_limit || plain_name_problem(topic.name) != nullptr)
    return base::fail(base::errc::corrupt);
  for (uint32_t i = 0; i < partitions && in.ok(); ++i) {
    const size_t size = in.number<uint8_t>();
    std::string directory(in.text(size));
    if (size == 0) directory = partition_directory(topic.stem, static_cast<int32_t>(i));
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

std::string encode_producer_ids(int64_t next) {
  std::string out;
  put<uint8_t>(out, version);
  put<int64_t>(out, next);
  return out;
}

base::result<int64_t> decode_producer_ids(base::bytes value) {
  cursor in(value);
  const auto written_as = in.number<uint8_t>();
  if (in.ok() && written_as != version) return base::fail(base::errc::foreign, written_as);
  const auto next = in.number<int64_t>();
  if (!in.ok() || in.remaining() != 0 || next < 0) return base::fail(base::errc::corrupt);
  return next;
}

}  // namespace millrace::broker
