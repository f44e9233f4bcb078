#pragma once

#include <memory>

#include "api/http/node_view.hh"
#include "base/intrusive_list.hh"
#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/listener.hh"
#include "reactor/memory.hh"
#include "reactor/scope.hh"

/// The HTTP door of the process: one listener and few connections, all on one core. It opens before there is anything to
/// serve and closes last, so that it can say so.

namespace millrace::api::http {

class connection;

struct door_options {
  size_t connections_max = 64;
  base::duration idle_max = base::seconds(60);     ///< between two requests
  base::duration request_max = base::seconds(10);  ///< from the first byte of a request to its last
  base::duration send_max = base::seconds(10);     ///< for one piece of an answer to be taken
  size_t partitions_max = 1000;                    ///< metrics.partitions.max
};

struct door_counters {
  uint64_t accepted = 0;
  uint64_t turned_away = 0;  ///< closed at once: there were as many as may be
  uint64_t requests = 0;     ///< whole heads
  uint64_t refused = 0;      ///< of these, and of heads that never were whole, those that were not understood or too large
  uint64_t timed_out = 0;    ///< connections that were idle, sent no whole request or took no answer for too long
};

class door final : public reactor::connection_handler {
 public:
  door(reactor::core& on, node_view view, door_options options);
  ~door() override;
  door(const door&) = delete;
  door& operator=(const door&) = delete;

  /// Errors: as listener::open.
  base::result<void> open(const reactor::listen_address& where);
  uint16_t port() const noexcept { return listener_.port(); }
  /// Accepts no more; requests that are being answered end within `limit`, or with their connections.
  reactor::task<void> close(base::duration limit = base::milliseconds(500));
  /// Forgets all: the world's crash.
  void abandon() noexcept;

  reactor::core& on() noexcept { return core_; }
  /// What is shown; its maker keeps it up to date.
  node_view& view() noexcept { return view_; }
  const door_options& options() const noexcept { return options_; }
  door_counters& counters() noexcept { return counters_; }
  size_t connections() const noexcept { return connection_count_; }
  /// Memory of requests that arrive and of answers that are made.
  reactor::budget& memory() noexcept { return memory_; }

  void on_accept(int handle) override;

 private:
  friend class connection;
  reactor::task<void> serve(connection* c);
  bool make_room();

  reactor::core& core_;
  node_view view_;
  const door_options options_;
  reactor::listener listener_;
  base::intrusive_list<connection, struct connection_tag> connections_;
  size_t connection_count_ = 0;
  bool closing_ = false;
  door_counters counters_;
  reactor::budget memory_;
  std::unique_ptr<reactor::scope> scope_;
};

}  // namespace millrace::api::http
