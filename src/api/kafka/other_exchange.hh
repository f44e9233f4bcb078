#pragma once

#include <vector>

#include "api/kafka/exchange.hh"
#include "api/kafka/request_context.hh"
#include "reactor/task.hh"
#include "wire/kafka/arena.hh"

/// A request that its handler answers in a task of its own: everything but Produce and Fetch. It owns a copy of the frame.

namespace millrace::api::kafka {

class other_exchange final : public exchange {
 public:
  other_exchange(connection& c, base::bytes frame, const wire::kafka::request_header& header, size_t body_at);

  /// Runs the handler to its end; the answer is ready then.
  reactor::task<void> run();

  void write(reply_buffer& out) override;
  void let_go() override { delete this; }

 private:
  std::vector<uint8_t> frame_;
  wire::kafka::arena memory_;
  std::vector<uint8_t> answer_;
  wire::kafka::request_header header_;
  size_t body_at_;
};

}  // namespace millrace::api::kafka
