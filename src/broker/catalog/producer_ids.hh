#pragma once

#include <cstdint>

#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"
#include "reactor/wait.hh"

/// Producer ids for one core: a block at a time from the catalog, which has it durably taken before its first use. No id is
/// given twice; those of a block that a stop cuts short are given to nobody.

namespace millrace::broker {

class controller;

/// Ids of one block. Kafka's number.
inline constexpr int64_t producer_ids_block = 1000;

class producer_ids {
 public:
  producer_ids(reactor::core& on, broker::controller& from) : core_(on), from_(from), taken_(on) {}

  /// A fresh one. Errors: closed, no_space, io.
  reactor::task<base::result<int64_t>> next();

 private:
  reactor::core& core_;
  broker::controller& from_;
  int64_t next_ = 0;
  int64_t limit_ = 0;  ///< of the block
  bool taking_ = false;
  reactor::wait_list taken_;
};

}  // namespace millrace::broker
