#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.hh"
#include "base/time.hh"
#include "client/connection.hh"
#include "wire/kafka/writer.hh"

/// The body of a Produce request for one topic, versions 3 to 12, written onto a connection around batches that stay
/// where they are. The generated codec writes a request as a whole, and would copy them.

namespace millrace::client {

struct produce_frame {
  int16_t version;
  int16_t acks;
  base::duration timeout;
  std::string_view topic;

  size_t head_size(size_t partitions) const {
    wire::kafka::byte_counter out;
    write_head(out, partitions);
    return out.written();
  }
  size_t partition_size(size_t batch) const {
    wire::kafka::byte_counter out;
    write_partition(out, 0, batch);
    return out.written() + batch + (flexible() ? 1 : 0);
  }
  size_t tail_size() const { return flexible() ? 2 : 0; }

  void head(connection& to, size_t partitions) const {
    uint8_t room[512];
    wire::kafka::writer out(room);
    write_head(out, partitions);
    to.copy({room, out.written()});
  }
  void partition(connection& to, int32_t index, base::bytes batch) const {
    uint8_t room[16];
    wire::kafka::writer out(room);
    write_partition(out, index, batch.size());
    to.copy({room, out.written()});
    to.refer(batch);
    if (flexible()) to.copy({no_tags, 1});
  }
  void tail(connection& to) const { to.copy({no_tags, tail_size()}); }

 private:
  static constexpr uint8_t no_tags[2] = {0, 0};
  bool flexible() const { return version >= 9; }

  template <class Sink>
  void write_head(Sink& out, size_t partitions) const {
    if (flexible()) {
      out.varint(0);  // no transactional id
    } else {
      out.number(int16_t{-1});
    }
    out.number(acks);
    out.number(static_cast<int32_t>(timeout.ms()));
    if (flexible()) {
      out.varint(2);  // one topic
      out.varint(static_cast<uint32_t>(topic.size()) + 1);
      out.raw(base::as_bytes(topic));
      out.varint(static_cast<uint32_t>(partitions) + 1);
    } else {
      out.number(int32_t{1});
      out.number(static_cast<int16_t>(topic.size()));
      out.raw(base::as_bytes(topic));
      out.number(static_cast<int32_t>(partitions));
    }
  }
  template <class Sink>
  void write_partition(Sink& out, int32_t index, size_t batch) const {
    out.number(index);
    if (flexible()) {
      out.varint(static_cast<uint32_t>(batch) + 1);
    } else {
      out.number(static_cast<int32_t>(batch));
    }
  }
};

}  // namespace millrace::client
