#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/assert.hh"

/// result<T>: a value, or the eight bytes that say why there is none. Operating errors travel this way and
/// must be looked at; text is made only where an error is logged or answered.

namespace millrace::base {

/// What went wrong, chosen by what the caller can do about it.
enum class errc : uint16_t {
  // The machine.
  io = 1,       ///< the device or the kernel refused; detail = errno
  no_space,     ///< the file system is full
  no_memory,    ///< the budget of this core has nothing left to lend
  busy,         ///< a bounded queue, log or table (of open files, too) is full: wait and try again
  closed,       ///< the object is closing or closed
  canceled,     ///< somebody asked for the end of this operation
  timed_out,    ///< a deadline passed
  not_found,    ///< no such file, key or object
  exists,       ///< there is one already
  locked,       ///< another process holds it
  unsupported,  ///< this build, kernel or version does not offer it
  // Bytes from outside.
  truncated,  ///< the bytes end before the thing does
  malformed,  ///< the bytes do not follow their format
  too_large,  ///< over a configured or fixed limit
  corrupt,    ///< a checksum does not match
  foreign,    ///< a well-formed file of somebody else, or of another version
  // Requests that make no sense here.
  invalid_argument,
  invalid_config,
  invalid_topic,
  invalid_partitions,
  invalid_replication_factor,
  invalid_replica_assignment,
  invalid_record,
  invalid_timestamp,
  invalid_required_acks,
  unsupported_compression,
  unsupported_for_message_format,
  out_of_range,  ///< an offset that the log does not have
  unknown_topic_or_partition,
  unknown_topic_id,
  inconsistent_topic_id,
  topic_exists,
  not_leader,
  fenced_leader_epoch,
  unknown_leader_epoch,
  storage,  ///< a partition that cannot be written or read now
  policy_violation,
  record_list_too_large,
  offset_metadata_too_large,  ///< what a consumer says beside a committed offset
  invalid_stream,
  unknown_stream,
  stream_exists,
  out_of_order_sequence,   ///< a producer's batch that does not follow its last one
  invalid_producer_epoch,  ///< of a producer that another one of its id has replaced
  refused,                 ///< by a broker that we asked; detail = the code of its protocol
};

/// One failure. Trivially copyable, 8 bytes.
struct error {
  errc code;
  uint16_t place = 0;  ///< free for the room that made it: which check failed
  int32_t detail = 0;  ///< errno, a size, an index: said beside `code` where it is made

  friend bool operator==(const error&, const error&) = default;
};
static_assert(sizeof(error) == 8 && std::is_trivially_copyable_v<error>);

/// The word for a code, as it stands above ("no_space").
const char* name_of(errc code) noexcept;

/// Marks an error so that it converts to any result<T>.
struct failure {
  error what;
};

inline failure fail(errc code, int32_t detail = 0, uint16_t place = 0) { return failure{error{code, place, detail}}; }
/// An errno (positive) as an error: ENOSPC and EDQUOT are no_space, ENOENT not_found, EEXIST exists,
/// ECANCELED canceled, the rest io.
failure fail_errno(int positive_errno) noexcept;

template <class T>
class [[nodiscard]] result {
 public:
  result(T value) : state_(std::in_place_index<0>, std::move(value)) {}    // NOLINT: a value is a result
  result(base::failure why) : state_(std::in_place_index<1>, why.what) {}  // NOLINT: so is a failure

  explicit operator bool() const noexcept { return state_.index() == 0; }
  bool ok() const noexcept { return state_.index() == 0; }

  T& value() & {
    ASSERT(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    ASSERT(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    ASSERT(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const base::error& error() const {
    ASSERT(!ok());
    return *std::get_if<1>(&state_);
  }
  base::failure failure() const { return base::failure{error()}; }

 private:
  std::variant<T, base::error> state_;
};

template <>
class [[nodiscard]] result<void> {
 public:
  result() = default;
  result(base::failure why) : failed_(true), error_(why.what) {}  // NOLINT: a failure is a result

  explicit operator bool() const noexcept { return !failed_; }
  bool ok() const noexcept { return !failed_; }
  void value() const { ASSERT(!failed_); }
  const base::error& error() const {
    ASSERT(failed_);
    return error_;
  }
  base::failure failure() const { return base::failure{error()}; }

 private:
  bool failed_ = false;
  base::error error_{};
};

}  // namespace millrace::base

#define MILLRACE_CONCAT_(a, b) a##b
#define MILLRACE_CONCAT(a, b) MILLRACE_CONCAT_(a, b)
#define MILLRACE_TRY_(temporary, name, expression, RETURN) \
  auto temporary = (expression);                           \
  if (!temporary) RETURN temporary.failure();              \
  name = std::move(*temporary)
#define MILLRACE_CHECK_(temporary, expression, RETURN) \
  auto temporary = (expression);                       \
  if (!temporary) RETURN temporary.failure()

/// TRY(auto x, f()): x is f's value, or the enclosing function returns f's failure. Statements, not an
/// expression: never the unbraced body of an `if`. CO_TRY is the same inside a coroutine; the CHECK forms are
/// for result<void>.
#define TRY(name, expression) MILLRACE_TRY_(MILLRACE_CONCAT(try_result_, __LINE__), name, expression, return)
#define CO_TRY(name, expression) MILLRACE_TRY_(MILLRACE_CONCAT(try_result_, __LINE__), name, expression, co_return)
#define TRY_CHECK(expression) MILLRACE_CHECK_(MILLRACE_CONCAT(try_result_, __LINE__), expression, return)
#define CO_TRY_CHECK(expression) MILLRACE_CHECK_(MILLRACE_CONCAT(try_result_, __LINE__), expression, co_return)
