#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "checkers/findings.hh"

/// The answers on one connection come in the order of its requests, one for each that wants one.

namespace millrace::swarm {

class order_on_connection {
 public:
  void sent(int32_t correlation_id) { expected_.push_back(correlation_id); }
  void answered(findings& out, int32_t correlation_id) {
    if (expected_.empty() || expected_.front() != correlation_id) {
      out.report(broken::safety, "order_on_connection",
                 "answer " + std::to_string(correlation_id) + " where " +
                     (expected_.empty() ? std::string("none") : std::to_string(expected_.front())) + " was due");
      return;
    }
    expected_.pop_front();
  }
  void lost() { expected_.clear(); }

 private:
  std::deque<int32_t> expected_;
};

}  // namespace millrace::swarm
