#pragma once

#include <memory>
#include <vector>

#include "api/kafka/exchange.hh"
#include "api/kafka/frame_buffer.hh"
#include "api/kafka/request_context.hh"
#include "reactor/task.hh"

/// A request that its handler answers in a task of its own: everything but Produce and Fetch. It owns a copy of the frame,
/// or the memory that the frame was gathered in.

namespace millrace::api::kafka {

class other_exchange final : public exchange, parked_slot {
 public:
  /// `owner`: where the frame has memory of its own; it is taken over. May be null.
  other_exchange(connection& c, base::bytes frame, frame_buffer* owner, const wire::kafka::request_header& header,
                 size_t body_at);

  /// Runs the handler to its end; the answer is ready then.
  reactor::task<void> run();

  bool alone() const override { return true; }
  void hurry() override;
  void write(reply_buffer& out) override;
  void let_go() override { delete this; }
  void abandon() noexcept override { delete this; }

 private:
  void waits() override;
  void drop_frame() noexcept;

  std::vector<uint8_t> copy_;
  std::unique_ptr<frame_buffer> owner_;
  base::bytes frame_;
  std::vector<uint8_t> answer_;
  wire::kafka::request_header header_;
  size_t body_at_;
};

}  // namespace millrace::api::kafka
